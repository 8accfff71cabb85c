"""Advice on every first cause: the conditions that block or stop the pen, and the faults beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..names import Condition, Fault
from .text import Advice

_OFF = "The needle is off."
_BLOCKED = "The needle stays off until this is settled."
_RETIRE = "Take the pen out of use and hand it to an engineer with this record."
_LIFT = "Lift the pen from the skin and look at the treated spot."

CAUSES: Mapping[int, Advice] = MappingProxyType(
    {
        Condition.ESTOP_OPEN: Advice(
            "Stop button pressed",
            "The pen's stop button is pressed or its contact is open.",
            f"{_OFF} Coil power is removed in hardware.",
            "When it is safe to go on, release the button, clear the stop by name and arm again.",
        ),
        Condition.ESTOP_MISSING: Advice(
            "Stop button not connected",
            "The pen does not find its stop button.",
            "The needle stays off: without the button nobody could stop it in hardware.",
            "Plug the button's connector in until it locks, then clear the stop.",
        ),
        Condition.CARTRIDGE_ABSENT: Advice(
            "No cartridge",
            "There is no cartridge in the pen, or its chip does not answer.",
            _BLOCKED,
            "Insert a new sterile cartridge until it clicks.",
        ),
        Condition.CARTRIDGE_UNLATCHED: Advice(
            "Cartridge not latched",
            "The cartridge latch is open.",
            "The needle stays off and is not moved, so that nobody is pricked while changing it.",
            "Push the cartridge in until the latch closes; do not touch the tip.",
        ),
        Condition.CARTRIDGE_USED: Advice(
            "Cartridge already used",
            "The cartridge carries the mark of an earlier session, or was taken out after its use.",
            "Using it could carry blood from one patient to another, so the pen refuses it for good.",
            "Discard it as sharps waste and insert a new sterile cartridge.",
        ),
        Condition.CARTRIDGE_EXPIRED: Advice(
            "Cartridge expired",
            "The cartridge is past its expiry date.",
            "Its sterility is no longer assured, so the pen refuses it.",
            "Discard it as sharps waste and insert one that is in date.",
        ),
        Condition.CARTRIDGE_UNREADABLE: Advice(
            "Cartridge not readable",
            "The cartridge's chip answers but its data do not verify.",
            "Whether it is genuine, in date and unused is not known, so the pen refuses it.",
            "Take it out, dry the contacts, insert it once more; if it stays unreadable, discard it.",
        ),
        Condition.CARTRIDGE_NOT_BURNED: Advice(
            "Cartridge not marked as used",
            "The used mark for this session is not on the cartridge yet.",
            "The needle stays off: a cartridge is marked before its first stroke, so that it cannot be used twice.",
            "Confirm the cartridge for this session, then arm.",
        ),
        Condition.NOT_HOMED: Advice(
            "Depth axis not homed",
            "The pen does not know where its depth axis stands.",
            "The needle stays off: the protrusion could be deeper than shown.",
            "Home the axis with the tip in the air, then set the depth again.",
        ),
        Condition.STEP_MISMATCH: Advice(
            "Depth not confirmed",
            "The steps counted on the depth axis are not the steps that were asked for.",
            f"{_OFF} The protrusion may differ from the setting.",
            f"{_LIFT} Home the axis and set the depth again; if it returns, {_RETIRE[0].lower()}{_RETIRE[1:]}",
        ),
        Condition.AXIS_MOVING: Advice(
            "Depth axis is moving",
            "The depth axis has not arrived yet.",
            _BLOCKED,
            "Wait until the measured depth stands still.",
        ),
        Condition.TRIGGER_STUCK: Advice(
            "Trigger held or stuck",
            "The trigger was held while arming and was not seen released.",
            "The needle stays off: it could start without intent.",
            "Release the trigger, clear the stop and arm again; if it persists, have the trigger repaired.",
        ),
        Condition.HOST_LEASE: Advice(
            "Computer silent",
            "The pen heard no heartbeat from the computer in time.",
            f"{_OFF} The computer, its cable or its console stopped answering.",
            f"{_LIFT} Check cable and computer, then clear the stop and arm again.",
        ),
        Condition.FIRMWARE_LEASE: Advice(
            "Pen's own check late",
            "A pass of the pen's control loop was late or incomplete.",
            f"{_OFF} The pen no longer trusted its own control.",
            f"{_LIFT} Clear the stop and arm again; if it returns, hand the pen to an engineer with this record.",
        ),
        Condition.RATE_DROOP: Advice(
            "Stroke rate dropped",
            "The needle moved slower than 80 % of the set rate.",
            f"{_OFF} A slow needle drags in moving skin and can tear it.",
            f"{_LIFT} Check for hair or tissue in the tip, press less, then clear the stop and arm again.",
        ),
        Condition.STROKE_MISMATCH: Advice(
            "Stroke counts disagree",
            "Strokes commanded, strokes driven and strokes measured do not agree; most often hair or a worn cartridge "
            "holds the needle back, so that it misses strokes.",
            f"{_OFF} The needle may have dragged in skin, and the stroke count of the last run is uncertain by the "
            "difference.",
            f"{_LIFT} Take hair out of the tip, change the cartridge if it is bent or worn; if it returns, hand the pen "
            "to an engineer with this record.",
        ),
        Condition.COIL_HOT: Advice(
            "Coil too hot",
            "The coil reached its temperature limit.",
            f"{_OFF} The tip could burn and the drive could fail.",
            "Lay the pen down and let it cool; it can be cleared once it is below the limit.",
        ),
        Condition.COIL_SENSOR: Advice(
            "Coil temperature unknown",
            "The coil's temperature sensor is open or shorted.",
            "The needle stays off: overheating would not be noticed.",
            _RETIRE,
        ),
        Condition.OVER_CURRENT: Advice(
            "Coil current too high",
            "The coil drew more current than it may.",
            f"{_OFF} The needle may be jammed, wrapped in hair, or the coil damaged.",
            f"{_LIFT} Replace the cartridge, clear the stop; if it returns, hand the pen to an engineer.",
        ),
        Condition.SUPPLY_LOW: Advice(
            "Supply voltage low",
            "The supply is below the voltage at which a stroke completes.",
            _BLOCKED,
            "Use another USB port or supply, without a hub, then clear the stop.",
        ),
        Condition.CHARGER: Advice(
            "Charger connected",
            "A charger is connected to the pen.",
            "The needle stays off: the pen is never used on a patient while it charges.",
            "Unplug the charger.",
        ),
        Condition.FLUID: Advice(
            "Fluid in the pen",
            "The fluid sensor is wet, or was wet since an engineer last inspected the pen.",
            "Fluid can carry infection between patients and short the drive: the pen is in quarantine.",
            "Stop the treatment with this pen, isolate it, and have an engineer clean, inspect and release it.",
        ),
        Condition.SETTINGS_INVALID: Advice(
            "Settings damaged",
            "Neither copy of the pen's settings verifies.",
            "The needle stays off: calibration and limits are not known.",
            "Have an engineer calibrate the pen and write its settings.",
        ),
        Condition.SELF_TEST: Advice(
            "Self-test missing or failed",
            "The pen's self-test has not run since it started, or it failed.",
            _BLOCKED,
            "Run the self-test with the tip in the air; if it fails, hand the pen to an engineer.",
        ),
        Condition.CLOCK: Advice(
            "Pen's clock not understood",
            "The pen's clock or a counter moved in a way it cannot.",
            f"{_OFF} Times and leases could be wrong.",
            "Restart the pen; if it returns, hand it to an engineer with this record.",
        ),
        Condition.SESSION_TIME: Advice(
            "Session time used up",
            "The longest time armed in one session has passed.",
            f"{_OFF} Longer treatment would exceed the session's limit.",
            "Close the session. Begin another one only after a clinical decision.",
        ),
        Condition.STROKING_TIME: Advice(
            "Trigger held too long",
            "The needle stroked for the longest time allowed without a release.",
            _OFF,
            f"{_LIFT} Release the trigger, clear the stop and arm again.",
        ),
        Condition.SETPOINTS: Advice(
            "Depth or rate not set",
            "Depth or rate has not been set and confirmed in this session.",
            _BLOCKED,
            "Set depth and rate and wait until the pen confirms both.",
        ),
        Condition.GATE_STUCK: Advice(
            "Coil driver conducts",
            "The coil driver conducts although it is told to be off.",
            "The needle could move on its own. The pen has made everything off that it can.",
            f"Lift the pen, press its stop button, unplug it. {_RETIRE}",
        ),
        Fault.STOP_COMMAND: Advice(
            "Stopped by command",
            "STOP was given from the computer.",
            f"{_OFF} The pen is stopped until somebody clears it by name.",
            "When it is safe to go on, clear the stop, home and arm again.",
        ),
        Fault.FIRMWARE_EXCEPTION: Advice(
            "Pen's program failed",
            "The pen's program met an error, switched everything off and restarted.",
            f"{_OFF} Totals up to the failure are kept.",
            f"{_LIFT} Do not go on with this pen today; hand it to an engineer with this record.",
        ),
        Fault.RESET_WHILE_ARMED: Advice(
            "Pen restarted while armed",
            "The pen's watchdog restarted it while it was armed.",
            f"{_OFF} The totals survived the restart.",
            f"{_LIFT} Clear the stop and begin a new session; if it returns, hand the pen to an engineer.",
        ),
        Fault.POWER_LOSS_WHILE_ARMED: Advice(
            "Power lost while armed",
            "The pen lost its power while it was armed.",
            f"{_OFF} Strokes of the moments before the loss may be missing from the totals.",
            f"{_LIFT} Check cable and supply. Count the interrupted zone as treated, then clear the stop.",
        ),
        Fault.AXIS_STALL: Advice(
            "Depth axis stalled",
            "The depth axis did not move as it was told.",
            f"{_OFF} The protrusion is not known.",
            f"{_LIFT} Remove the cartridge with care, home the axis; if it stalls again, have it repaired.",
        ),
        Fault.HOMING_FAILED: Advice(
            "Homing failed",
            "The depth axis did not find its home position, or found it in two places.",
            "The needle stays off: the protrusion is not known.",
            "Home again with the tip in the air; if it fails again, hand the pen to an engineer.",
        ),
        Fault.NEEDLE_TRIPPED: Advice(
            "Needle switched itself off",
            "The needle's own logic switched off while strokes were due.",
            f"{_OFF} The hardware gate opened: the stop contact or the lease was interrupted.",
            f"{_LIFT} Check the stop button's connector, then clear the stop and arm again.",
        ),
    }
)

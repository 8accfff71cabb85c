"""What messages and fields mean, in the words of the specification's reference."""

from __future__ import annotations

MESSAGES = {
    "HELLO": (
        "First frame of a host on a link. The pen MUST answer whatever version or schema the host was built from. "
        "The layout of HELLO, of IDENTITY and of the header never changes."
    ),
    "GET_STATUS": "Asks for STATUS now. Also how a host settles an Unknown outcome: `last_seq` and the totals say what happened.",
    "HEARTBEAT": (
        "Renews the host's lease of an armed pen. It is never answered: STATUS shows the lease that is left. "
        "The header's session MUST be the open one and `count` MUST be above every count before, else it renews nothing."
    ),
    "STOP": "Latches STOPPED with first cause STOP_COMMAND. Needs no session, no sequence and no HELLO.",
    "PULL_EVENTS": (
        "Asks for events from `next_id` on and says that the host holds every event below it. "
        "The pen keeps events until a pull has passed them."
    ),
    "SET_TELEMETRY": "Sets how often TELEMETRY is sent; 0 ends it.",
    "SETTINGS_READ": "Asks for the settings the pen holds.",
    "CARTRIDGE_READ": (
        "Asks for the identity of the attached cartridge. A long request when the pen has to read the cartridge's "
        "memory; answered from memory of the last reading while armed."
    ),
    "OPEN_SESSION": (
        "Opens a session under a nonce the host draws at random. Refused with SESSION_OPEN while another one is open and "
        "with NONCE_USED when the nonce is one of the last four; the same nonce as the open session's is answered DONE again."
    ),
    "CLOSE_SESSION": "Ends the session; disarms, and aborts a long request under way. A cartridge marked used stays used.",
    "HOME": "Retracts the needle to its switch, twice, and compares. A long request; DONE.value is the difference in um.",
    "SET_DEPTH": (
        "Moves the needle's protrusion setting. A long request; DONE.value is the depth measured by the step counter. "
        "While strokes run only a shallower depth is taken."
    ),
    "SET_RATE": "Sets the stroke rate; DONE.value is the rate as the timer's step allows it.",
    "TIGHTEN_LIMITS": "Lowers the session's own limits. A value above the one in force is refused with WOULD_LOOSEN.",
    "ARM": (
        "Allows strokes as soon as the trigger, seen released first, is held. Names depth and rate again: they MUST be "
        "what the pen holds, else PLAN_MISMATCH. A long request: the record is marked armed before anything can move."
    ),
    "DISARM": "Ends ARMING, ARMED or STROKING without a fault, and aborts a long request under way.",
    "CLEAR_FAULT": (
        "The only way out of STOPPED. MUST name the first cause and the event that recorded it, so that a late copy "
        "never clears a later stop; refused with CAUSE_PRESENT while the cause lasts."
    ),
    "CARTRIDGE_USE": (
        "Marks the attached cartridge used, reads the mark back and binds it to this session. A long request. "
        "`serial` MUST be the attached cartridge's."
    ),
    "SELF_TEST": "Runs the self-test of gate, sensors and memory without a stroke. A long request.",
    "SETTINGS_WRITE": (
        "Replaces the settings. `version` MUST be the version held plus one, else VERSION_CONFLICT; the content held "
        "under its own version is answered DONE again. A long request; only in IDLE with no session open."
    ),
    "SERVICE": "An engineer's action. `boot_id` MUST be the one in STATUS, so that a copy from before a reset does nothing.",
    "IDENTITY": "Answer to HELLO: what this device is and from which tables it was built.",
    "STATUS": (
        "The pen's whole state. Sent unasked with sequence 0 every STATUS_PERIOD_MS and at every change of state; as the "
        "answer to GET_STATUS and STOP it carries their sequence."
    ),
    "DONE": "The request was executed.",
    "ACCEPTED": "The request is valid and has begun; DONE or REFUSED with the same sequence follows within `budget_ms`.",
    "REFUSED": "The request was not executed, or was aborted before it was complete.",
    "EVENTS": "Up to four events, oldest first.",
    "TELEMETRY": "The quick part of STATUS for plots. Sent with sequence 0.",
    "SETTINGS": "The settings in force.",
    "CARTRIDGE": "Identity of the attached cartridge.",
}

_TOTALS = "cumulative over the pen's life, modulo 2^30"

FIELDS = {
    "HELLO.schema_hash": "schema hash of the host",
    "host_nonce": "drawn by the host; IDENTITY repeats it, so an old answer is not taken for this one",
    "HEARTBEAT.count": "rises with every heartbeat of the session",
    "origin": "who asked, for the record: 0 unknown, 1 screen, 2 key, 3 program, 4 host's own supervision",
    "next_id": "lowest event id the host does not hold",
    "rate_hz": "0 ends telemetry",
    "nonce": "names the session; random, never 0",
    "operator": "number of the named person who answers for the action",
    "unlock_reason": "see 14.5; not 0 when the cap is above DEPTH_CAP_UM",
    "OPEN_SESSION.depth_cap_um": "deepest setting of this session",
    "TIGHTEN_LIMITS.depth_cap_um": "new cap, not above the one in force",
    "depth_um": "needle protrusion setting, a multiple of DEPTH_STEP_UM",
    "rate_mhz": "stroke rate",
    "rate_max_mhz": "fastest rate",
    "session_armed_max_s": "longest time armed in a session",
    "stroking_max_ms": "longest stroking without releasing the trigger",
    "plan_hash": "names the plan the host shows; recorded with ARMED",
    "cause": "first cause to be cleared",
    "CLEAR_FAULT.event_id": "STATUS.cause_event of that cause",
    "serial": "identity",
    "action": "see 14.6",
    "boot_id": "drawn at every boot",
    "version": "rises by one with every write",
    "depth_cap_um": "deepest setting without unlock",
    "on_us": "coil on-time of a stroke",
    "home_offset_um": "protrusion at the home switch",
    "backlash_um": "play the axis takes out by approaching from inside",
    "coil_trip_cc": "coil temperature that stops",
    "product": "`DERMAPEN`: a port's USB id only nominates it, this names the pen",
    "IDENTITY.schema_hash": "schema hash of the pen",
    "fw_major": "firmware version",
    "fw_minor": "firmware version",
    "fw_patch": "firmware version",
    "reset_cause": "1 power came up, 3 watchdog or commanded reset",
    "runtime": "interpreter and its version, padded with zeros",
    "uptime_ms": "milliseconds since boot, modulo 2^30",
    "session_nonce": "open session, 0 for none",
    "last_seq": "last decided sequence of the session",
    "state": "see 14.1",
    "first_cause": "condition or fault that latched STOPPED, 0 for none",
    "cause_event": "event that recorded it",
    "conditions": "bit n is condition n, see 14.2",
    "flags": "see 14.3",
    "depth_requested_um": "setting asked for",
    "depth_measured_um": "protrusion from the step counter",
    "STATUS.depth_cap_um": "cap in force",
    "rate_requested_mhz": "rate asked for, 0 for none",
    "rate_measured_mhz": "rate from the hall sensor",
    "measured_age_ms": "age of the measured rate; 65535 also means older or none",
    "strokes_total": "actuations, " + _TOTALS,
    "contact_total": "actuations with the tip on skin, " + _TOTALS,
    "truncated_total": "actuations cut short by a stop or release, " + _TOTALS,
    "next_event": "id the next event will get",
    "oldest_event": "lowest id the pen still holds",
    "coil_cc": "coil temperature",
    "coil_ma": "coil current",
    "supply_mv": "supply voltage",
    "lease_left_ms": "what is left of the host's lease, 0 when it is not running",
    "armed_left_s": "what is left of the session's armed time",
    "request": "message number of the request",
    "value": "result, see the request; 0 where it has none",
    "DONE.event_id": "event that recorded it, 0 for none",
    "budget_ms": "the outcome follows within",
    "reason": "see 14.7",
    "detail": "see 14.7",
    "first_id": "id of the first record",
    "EVENTS.count": "records that count; the rest is zeros",
    "records": "see 9.1",
    "valid": "1 when they were read whole; 0 when defaults are in force and the drive is blocked",
    "condition": "0 usable, else the cartridge's condition",
    "lot": "lot, padded with zeros",
    "expiry_days": "last day of use",
    "needles": "needles of the cartridge",
    "used": "0 new, 1 used, 2 not known",
    "event.id": "rises by one; survives resets, skips ahead after a power loss",
    "event.time_ms": "uptime when it happened",
    "event.code": "see 14.8",
    "event.arg": "see 14.8",
    "event.value": "see 14.8",
    "event.strokes_total": "actuations at that time, " + _TOTALS,
    "event.contact_total": "of these with contact, " + _TOTALS,
}

"""The operator's hands at a simulated pen, and what lies on the bench: cartridges, charger, saline."""

from __future__ import annotations

from typing import Any

from pen_sim.board import SimBoard
from pen_sim.eeprom import Cartridge
from pen_sim.faults import FAULTS, FaultContext


class Bench:
    """Hands. Everything happens at the simulated now."""

    def __init__(self, context: FaultContext) -> None:
        self._context = context
        self._board: SimBoard = context.board
        self._new_number = 0
        self.active_faults: dict[str, dict[str, Any]] = {}
        """Faults injected and not cleared, with their arguments."""

    # --- trigger and stop button --------------------------------------------------------------------------------------

    def press_trigger(self) -> None:
        """A hand holds the trigger."""
        self._board.sync()
        self._board.plant.trigger = True

    def release_trigger(self) -> None:
        """The hand lets go."""
        self._board.sync()
        self._board.plant.trigger = False

    def open_estop(self) -> None:
        """Press the stop button: its contact opens and takes the coil's supply with it."""
        self._board.set_estop(False)

    def close_estop(self) -> None:
        """Pull the stop button out again."""
        self._board.set_estop(True)

    def remove_estop(self) -> None:
        """Unplug the stop button: contact and presence loop open."""
        self._board.plant.estop_present = False
        self._board.set_estop(False)

    def plug_estop(self) -> None:
        """Plug the stop button in, not pressed."""
        self._board.plant.estop_present = True
        self._board.set_estop(True)

    # --- cartridge ------------------------------------------------------------------------------------------------------

    @property
    def cartridge(self) -> Cartridge | None:
        """The cartridge in the pen."""
        return self._board.wire.cartridge

    def latch(self) -> None:
        """Close the cartridge latch."""
        self._board.sync()
        self._board.plant.latch = True

    def unlatch(self) -> None:
        """Open the cartridge latch."""
        self._board.sync()
        self._board.plant.latch = False

    def insert_cartridge(self, cartridge: Cartridge | None = None) -> Cartridge:
        """Put a cartridge in (a new one unless given) and latch it; return it."""
        inserted = cartridge if cartridge is not None else Cartridge()
        self._board.sync()
        self._board.wire.cartridge = inserted
        self._board.plant.latch = True
        return inserted

    def insert_new_cartridge(self) -> Cartridge:
        """Put a cartridge in that never was in this pen, and latch it; return it."""
        last = self._board.wire.cartridge
        self._new_number = max(self._new_number, last.number if last else 0) + 1
        return self.insert_cartridge(Cartridge(number=self._new_number))

    def take_cartridge(self) -> Cartridge | None:
        """Unlatch and take the cartridge out; return it."""
        self._board.sync()
        taken = self._board.wire.cartridge
        self._board.wire.cartridge = None
        self._board.plant.latch = False
        return taken

    # --- skin, charger, fluid ---------------------------------------------------------------------------------------------

    def touch_skin(self) -> None:
        """The tip touches skin."""
        self._board.sync()
        self._board.plant.needle.in_skin = True

    def lift(self) -> None:
        """The tip leaves the skin."""
        self._board.sync()
        self._board.plant.needle.in_skin = False

    def connect_charger(self) -> None:
        """Plug the charger in."""
        self._board.sync()
        self._board.plant.charger = True

    def disconnect_charger(self) -> None:
        """Unplug the charger."""
        self._board.sync()
        self._board.plant.charger = False

    def wet(self) -> None:
        """Fluid reaches the sensor inside the pen."""
        self._board.plant.fluid_wet = True

    def dry(self) -> None:
        """The sensor has been dried; the pen stays in quarantine until an engineer clears it."""
        self._board.plant.fluid_wet = False

    # --- cable ------------------------------------------------------------------------------------------------------------

    def unplug_usb(self) -> None:
        """Pull the USB cable's data lines."""
        self._board.stream.unplug()

    def plug_usb(self) -> None:
        """Put the cable back."""
        self._board.stream.plug()

    # --- faults -------------------------------------------------------------------------------------------------------------

    def inject(self, name: str, **arguments: Any) -> None:
        """Begin a fault of `faults.FAULTS` now.

        Raises:
            KeyError: no fault has this name; the message lists those there are.
        """
        fault = FAULTS.get(name)
        if fault is None:
            raise KeyError(f"no fault is called {name!r}: use one of {', '.join(sorted(FAULTS))}")
        self._board.sync()
        fault.begin(self._context, **arguments)
        self.active_faults[name] = arguments

    def clear(self, name: str) -> None:
        """End a fault. Raises KeyError for an unknown name."""
        if name not in FAULTS:
            raise KeyError(f"no fault is called {name!r}: use one of {', '.join(sorted(FAULTS))}")
        self._board.sync()
        FAULTS[name].end(self._context)
        self.active_faults.pop(name, None)

    def clear_all(self) -> None:
        """End every fault that was injected."""
        for name in list(self.active_faults):
            self.clear(name)

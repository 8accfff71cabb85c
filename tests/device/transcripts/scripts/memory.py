"""Slots, settings, counters, events and ledger through writes, cuts, resets and power losses."""

from bench import Bench, Random

from pen_firmware.hal import ResetCause, Slot
from pen_firmware.ledger import Ledger
from pen_firmware.settings import DEFAULTS, Settings, out_of_range

random = Random(11)


def damage(board, slot):
    held = board.slots.get(slot, b"")
    if not held:
        return
    kind = random.below(3)
    at = random.below(len(held))
    if kind == 0:
        board.slots[slot] = held[:at]
    elif kind == 1:
        board.slots[slot] = held[:at] + bytes([held[at] ^ 1 << random.below(8)]) + held[at + 1 :]
    else:
        del board.slots[slot]


board = Bench(2)
for _ in range(60):
    settings = Settings(board)
    settings.load()
    print(settings.valid, settings.quarantined, settings.stored, settings.values(), settings.intact())
    new = list(DEFAULTS)
    new[0] = settings.version + 1
    new[1] = 50 * (1 + random.below(30))
    new[3] = 500 + random.below(1547)
    new[4] = random.below(1001) - 500
    board.refuse_writes = random.below(6) == 0
    print(settings.write(tuple(new)), settings.values(), settings.same(tuple(new)), out_of_range(new))
    if random.below(5) == 0:
        settings.quarantine()
        print(settings.store())
    if random.below(5) == 0:
        print(settings.clear_quarantine())
    board.refuse_writes = False
    if random.below(4) == 0:
        damage(board, random.pick((Slot.SETTINGS_A, Slot.SETTINGS_B)))
for slot in sorted(board.slots):
    print(slot, board.slots[slot])

board = Bench(3)
edges = 0
truncated = 0
for _ in range(60):
    ledger = Ledger(board)
    cause = random.pick((ResetCause.POWER, ResetCause.WATCHDOG))
    if cause == ResetCause.POWER:
        board.kept = [random.below(1 << 30) for _ in range(4)]
    print("boot", cause, ledger.recover(cause), ledger.boots, ledger.unsure(), ledger.numbering_sound())
    ledger.counters.start(edges, truncated)
    for step in range(random.below(80)):
        edges = (edges + random.below(5)) & (1 << 30) - 1
        truncated += random.below(2)
        ledger.counters.update(edges, truncated, random.below(2))
        ledger.mirror()
        if random.below(3) == 0:
            print(ledger.log(1 + random.below(20), random.below(256), random.below(1 << 30), step))
        if random.below(20) == 0:
            ledger.acknowledge(random.below(ledger.events.next_id + 3))
        if random.below(25) == 0:
            print("save", ledger.save(random.below(2)), ledger.stale(), ledger.intact())
        if random.below(60) == 0:
            ledger.counters.note_exception()
    counters = ledger.counters
    events = ledger.events
    frame = bytearray(100)
    print(events.copy_oldest(frame, 3), bytes(frame), events.consistent(), events.oldest_id(), events.free())
    print(
        counters.strokes_total,
        counters.contact_total,
        counters.truncated_total,
        events.next_id,
        events.hole_id,
    )
    if random.below(6) == 0:
        damage(board, random.pick((Slot.RECORD_A, Slot.RECORD_B)))

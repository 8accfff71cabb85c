"""Heap and record: cared for when nothing can move, never between two strokes."""

from __future__ import annotations

from pen_firmware.pen import Pen
from pen_firmware.upkeep import BLOCKS_TO_COLLECT, BLOCKS_TO_SHED, BLOCKS_UNDER_STROKES, REQUEST_BLOCKS
from pen_protocol import limits
from pen_protocol.states import State
from pen_sim.board import SimBoard
from pen_sim.rig import SimPen
from tests.firmware.hands import Hands


class Heap:
    """What of `gc` the firmware uses, with the state at each collection."""

    def __init__(self) -> None:
        self.automatic = True
        self.collected_in: list[int] = []
        self.pen: Pen | None = None

    def enable(self) -> None:
        self.automatic = True

    def disable(self) -> None:
        self.automatic = False

    def collect(self) -> None:
        assert self.pen is not None
        self.collected_in.append(self.pen.supervisor.state)

    def mem_free(self) -> int:
        return 12_345


def hands_with(heap: Heap) -> Hands:
    def build(board: SimBoard) -> Pen:
        heap.pen = Pen(board, heap)
        return heap.pen

    return Hands(SimPen(firmware=build))


def frames(hands: Hands) -> int:
    count: int = hands.firmware.decoder.frames + hands.firmware.replies.frames
    return count


def test_memory_is_collected_once_more_before_the_collector_goes_off() -> None:
    """What boot and preparation left nearly fills the chip's heap; a full one with the collector off is an exception."""
    heap = Heap()
    hands = hands_with(heap).until_ready()
    before = len(heap.collected_in)
    disable = heap.disable
    collected_at_disable: list[int] = []

    def note_and_disable() -> None:
        collected_at_disable.append(len(heap.collected_in))
        disable()

    heap.disable = note_and_disable  # type: ignore[method-assign]
    hands.arm()
    assert collected_at_disable == [before + 1]


def test_collecting_by_itself_is_off_exactly_while_armed() -> None:
    heap = Heap()
    hands = hands_with(heap).until_ready()
    assert heap.automatic
    hands.arm()
    assert not heap.automatic
    hands.run(100)
    hands.bench.press_trigger()
    hands.run(100)
    assert not heap.automatic
    hands.do("STOP", 0)
    assert heap.automatic


def test_memory_is_collected_after_so_many_frames_while_no_stroke_runs() -> None:
    heap = Heap()
    hands = hands_with(heap).until_armed()
    hands.do("SET_TELEMETRY", 100)
    heap.collected_in.clear()
    before = frames(hands)
    hands.run(10_000)
    passed = frames(hands) - before
    assert set(heap.collected_in) == {State.ARMED}
    assert abs(len(heap.collected_in) - passed // BLOCKS_TO_COLLECT) <= 1
    assert hands.firmware.upkeep.heap_free == 12_345
    assert hands.state == State.ARMED, "a collection is no late pass"


def test_strokes_cost_telemetry_before_they_cost_a_collection() -> None:
    """The longest run there is, with everything switched on and events pulled, needs no collection."""
    heap = Heap()
    hands = hands_with(heap).until_armed()
    hands.do("SET_TELEMETRY", 100)
    hands.bench.press_trigger()
    hands.run(50)
    assert hands.state == State.STROKING
    heap.collected_in.clear()
    before = frames(hands)
    names: set[str] = set()
    for _ in range(limits.STROKING_MAX_MS // 1_000 - 1):
        hands.frames.clear()
        hands.send("PULL_EVENTS", 0)
        hands.run(1_000)
        names = {frame.name for frame in hands.frames}
    assert hands.state == State.STROKING
    assert frames(hands) - before > BLOCKS_TO_SHED
    assert heap.collected_in == []
    assert "STATUS" in names
    assert "TELEMETRY" not in names
    hands.bench.release_trigger()
    hands.run(100)
    assert heap.collected_in == [State.ARMED]
    hands.frames.clear()
    hands.run(100)
    assert "TELEMETRY" in {frame.name for frame in hands.frames}


def test_a_host_that_floods_the_pen_under_strokes_gets_a_collection_not_a_crash() -> None:
    heap = Heap()
    hands = hands_with(heap).until_stroking()
    heap.collected_in.clear()
    for _ in range(BLOCKS_UNDER_STROKES // REQUEST_BLOCKS + 1):
        hands.send("GET_STATUS")
        hands.run(5)
    assert heap.collected_in == [State.STROKING]
    assert hands.state == State.STROKING
    assert hands.sim.resets == 0


def test_the_record_is_not_written_while_armed() -> None:
    hands = Hands().until_armed()
    generation = hands.firmware.ledger._slots.generation
    hands.bench.press_trigger()
    hands.run(3_000)
    hands.bench.release_trigger()
    hands.run(5_000)
    assert hands.firmware.ledger._slots.generation == generation
    hands.do("DISARM")
    hands.run(4_000)
    assert hands.firmware.ledger._slots.generation == generation + 1


def test_a_pen_at_rest_does_not_wear_its_flash() -> None:
    hands = Hands().until_idle()
    hands.run(5_000)
    generation = hands.firmware.ledger._slots.generation
    hands.run(60_000)
    assert hands.firmware.ledger._slots.generation == generation

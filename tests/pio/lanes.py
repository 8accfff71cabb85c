"""Very many state machines in one program, each with words and a pin of its own, stepped as groups that stand alike.

One lane is one machine. Lanes that stand at the same instruction in the same cycle are one group, and an instruction is
carried out for the whole group at once; groups part at jumps and meet again. So every word of a kind, or every moment a
contact can open, is run in seconds, instruction by instruction. `test_lanes` compares it with two other emulators.

Known: JMP, IN, OUT, PUSH, PULL, MOV, SET of registers and IRQ, one side-set pin, delays. Anything else is refused.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Group = slice | NDArray[np.int64]
"""Numbers of the lanes of a group, as a slice where they are neighbours."""

NEVER = 1 << 40
"""A cycle no run reaches."""
MIXED = -1
"""A group some of whose pads are high."""
_JMP, _WAIT, _IN, _OUT, _FIFO, _MOV, _IRQ, _SET = range(8)
_X, _Y, _NULL, _ISR, _OSR = 1, 2, 3, 6, 7
_SIDE, _DELAY = 0x1000, 0x0F00


@dataclass
class Contacts:
    """When the asked pin of each lane goes low and when high again; high at all other times."""

    opens: NDArray[np.int64]
    closes: NDArray[np.int64]

    def high(self, group: Group, cycle: int) -> NDArray[np.bool_]:
        """Level for each lane of a group."""
        return (cycle < self.opens[group]) | (cycle >= self.closes[group])


@dataclass
class Result:
    """What the lanes did: cycles by lane, -1 where nothing happened."""

    rises: NDArray[np.int64]
    falls: NDArray[np.int64]
    starved: NDArray[np.int64]
    """Cycle of the pull that found no word and none to come."""
    answers: list[tuple[int, NDArray[np.int64], NDArray[np.uint32]]] = field(default_factory=list)
    """Cycle, lanes and words of each push."""

    @property
    def widths(self) -> NDArray[np.int64]:
        """Width of each complete pulse, 0 where there was none."""
        return np.where(self.falls >= 0, self.falls - self.rises, 0)

    def answers_of(self, lane: int) -> list[int]:
        """Words one lane pushed, in order."""
        return [int(words[lanes == lane][0]) for _, lanes, words in self.answers if (lanes == lane).any()]


class Lanes:
    """State of every lane. `words[lane]` wait in the lane's queue, word k from cycle `arrivals[lane, k]` on."""

    def __init__(
        self,
        program: list[Any],
        words: NDArray[np.uint32],
        *,
        contacts: Contacts | None = None,
        arrivals: NDArray[np.int64] | None = None,
        answers_room: int = 1 << 30,
        pulses: int = 2,
    ) -> None:
        """Make lanes that stand at the program's start in cycle 0.

        Args:
            program: What the assembler returned.
            words: One row for each lane.
            contacts: The asked pin; None: high throughout.
            arrivals: None: every word is there from the start.
            answers_room: Pushes before a blocking push stalls for ever: nobody reads.
            pulses: Pulses noted for each lane.
        """
        count = len(words)
        self._program = [int(word) for word in program[0]]
        self._wrap_top, self._wrap_bottom = program[4] >> 12 & 0x1F, program[4] >> 7 & 0x1F
        self._threshold = program[5] >> 25 or 32
        self._out_right, self._in_right = bool(program[5] >> 19 & 1), bool(program[5] >> 18 & 1)
        self._words = words
        self._arrivals = arrivals
        self._contacts = contacts
        self._room = answers_room
        self.registers = {name: np.zeros(count, np.uint32) for name in (_X, _Y, _ISR, _OSR)}
        self.osr_count = np.full(count, 32, np.int64)
        self.taken = np.zeros(count, np.int64)
        """Words taken from the queue."""
        self.pushed = np.zeros(count, np.int64)
        self.level = np.zeros(count, np.uint8)
        self.pulses = np.zeros(count, np.int64)
        """Rising edges of the pad."""
        self.flagged = np.full(count, -1, np.int64)
        """Cycle in which the flag was raised."""
        self.result = Result(
            *(np.full(shape, -1, np.int64) for shape in ((count, pulses), (count, pulses), count))
        )
        self._due: list[tuple[int, int, int, Group, int]] = []
        self._order = 0
        self._at(0, 0, slice(0, count), 0)

    def run(self, cycles: int) -> Result:
        """Run up to this cycle. A lane that stalls for ever leaves."""
        while self._due and self._due[0][0] < cycles:
            self._instruction(*self._next())
        return self.result

    def groups(self) -> list[tuple[int, int, Group]]:
        """Cycle, place and lanes of each group that is still running."""
        return [
            (cycle, place, group) for cycle, place, _, group, _ in sorted(self._due, key=lambda due: due[:3])
        ]

    # --- groups -------------------------------------------------------------------------------------------------------

    def _at(self, cycle: int, place: int, group: Group, level: int) -> None:
        """A group whose pads are at this level goes on here."""
        if _size(group):
            self._order += 1
            heapq.heappush(self._due, (cycle, place, self._order, group, level))

    def _next(self) -> tuple[int, int, Group, int]:
        """The earliest group; all that stand alike become one, at a level of `MIXED` where theirs differ."""
        cycle, place, _, group, level = heapq.heappop(self._due)
        alike = [group]
        while self._due and self._due[0][:2] == (cycle, place):
            _, _, _, other, others = heapq.heappop(self._due)
            alike.append(other)
            level = level if level == others else MIXED
        return cycle, place, group if len(alike) == 1 else _union(alike), level

    # --- one instruction ------------------------------------------------------------------------------------------------

    def _instruction(self, cycle: int, place: int, group: Group, level: int) -> None:
        assert place < len(self._program), "it runs into what lies behind the program"
        word = self._program[place]
        high = int(word & _SIDE != 0)
        if level != high:
            self._drive(cycle, group, high)
        after = cycle + 1 + ((word & _DELAY) >> 8)
        following = self._wrap_bottom if place == self._wrap_top else place + 1
        kind = word >> 13
        if word & 0xE0E0 == _JMP:
            self._at(after, word & 0x1F, group, high)
            return
        if kind == _JMP:
            met = self._met(word >> 5 & 7, cycle, group)
            jumping = _part(group, met)
            self._at(after, word & 0x1F, jumping, high)
            if jumping is not group:
                self._at(after, following, _part(group, ~met), high)
            return
        if kind == _FIFO:
            group = self._queue(word, cycle, place, group, high)
        elif kind == _IN:
            self._in(word >> 5 & 7, word & 0x1F or 32, group)
        elif kind == _OUT:
            self._out(word >> 5 & 7, word & 0x1F or 32, group)
        elif kind == _MOV:
            self._mov(word, group)
        elif kind == _SET:
            self._register(word >> 5 & 7)[group] = word & 0x1F
        elif kind == _IRQ and word & 0xE0 == 0:
            self.flagged[group] = np.where(self.flagged[group] < 0, cycle, self.flagged[group])
        else:
            raise NotImplementedError(f"instruction {word:04x}")
        self._at(after, following, group, high)

    def _drive(self, cycle: int, group: Group, high: int) -> None:
        lanes = _numbers(_part(group, self.level[group] != high))
        self.level[lanes] = high
        if high:
            self.pulses[lanes] += 1
        noted = self.pulses[lanes] <= self.result.rises.shape[1]
        lanes = lanes[noted]
        (self.result.rises if high else self.result.falls)[lanes, self.pulses[lanes] - 1] = cycle

    def _met(self, condition: int, cycle: int, group: Group) -> NDArray[np.bool_]:
        x, y = self.registers[_X], self.registers[_Y]
        if condition in (2, 4):
            counter = x if condition == 2 else y
            before = counter[group]
            met: NDArray[np.bool_] = before != 0
            counter[group] = before - np.uint32(1)
            return met
        if condition == 6:
            return self._pin(cycle, group)
        if condition == 7:
            return self.osr_count[group] < self._threshold
        return {1: x[group] == 0, 3: y[group] == 0, 5: x[group] != y[group]}[condition]

    def _pin(self, cycle: int, group: Group) -> NDArray[np.bool_]:
        if self._contacts is None:
            return np.ones(_size(group), np.bool_)
        return self._contacts.high(group, cycle)

    def _register(self, number: int) -> NDArray[np.uint32]:
        if number not in self.registers:
            raise NotImplementedError(f"register {number}")
        return self.registers[number]

    def _source(self, number: int, group: Group) -> NDArray[np.uint32]:
        if number == _NULL:
            return np.zeros(_size(group), np.uint32)
        return self._register(number)[group]

    def _in(self, source: int, bits: int, group: Group) -> None:
        isr = self.registers[_ISR]
        value = (self._source(source, group) & np.uint32(_mask(bits))).astype(np.uint64)
        held = isr[group].astype(np.uint64)
        if self._in_right:
            isr[group] = (held >> np.uint64(bits) | value << np.uint64(32 - bits)) & np.uint64(_mask(32))
        else:
            isr[group] = (held << np.uint64(bits) | value) & np.uint64(_mask(32))

    def _out(self, target: int, bits: int, group: Group) -> None:
        osr = self.registers[_OSR]
        held = osr[group].astype(np.uint64)
        if self._out_right:
            value = held & np.uint64(_mask(bits))
            osr[group] = held >> np.uint64(bits)
        else:
            value = held >> np.uint64(32 - bits)
            osr[group] = held << np.uint64(bits) & np.uint64(_mask(32))
        self.osr_count[group] = np.minimum(self.osr_count[group] + bits, 32)
        if target != _NULL:
            self._register(target)[group] = value

    def _mov(self, word: int, group: Group) -> None:
        value = self._source(word & 7, group).copy()
        operation = word >> 3 & 3
        if operation > 1:
            raise NotImplementedError("bits in reverse order")
        target = word >> 5 & 7
        self._register(target)[group] = ~value if operation else value
        if target == _OSR:
            self.osr_count[group] = 0

    # --- queues ---------------------------------------------------------------------------------------------------------

    def _queue(self, word: int, cycle: int, place: int, group: Group, level: int) -> Group:
        """Lanes whose push or pull is done; the others stall."""
        if word & 0x5F:
            raise NotImplementedError("push or pull with a threshold")
        block = bool(word & 0x20)
        if word & 0x80:
            return self._pull(block, cycle, place, group, level)
        return self._push(block, cycle, group)

    def _pull(self, block: bool, cycle: int, place: int, group: Group, level: int) -> Group:
        due = self._next_word_due(group)
        there = due <= cycle
        takers = _part(group, there)
        if takers is not group:
            missing = _part(group, ~there)
            if block:
                self._stall(cycle, place, missing, due[~there], level)
            else:
                self.registers[_OSR][missing] = self.registers[_X][missing]
                self.osr_count[missing] = 0
        if _size(takers):
            self.registers[_OSR][takers] = self._words[_numbers(takers), self.taken[takers]]
            self.osr_count[takers] = 0
            self.taken[takers] += 1
        return takers if block else group

    def _stall(self, cycle: int, place: int, group: Group, due: NDArray[np.int64], level: int) -> None:
        """The same instruction again in the cycle in which the lane's next word is there."""
        lanes = _numbers(group)
        for when in due[:1] if (due == due[0]).all() else np.unique(due):
            waiting = lanes[due == when]
            if when < NEVER:
                self._at(int(when), place, _tidy(waiting), level)
            else:
                self.result.starved[waiting] = cycle

    def _next_word_due(self, group: Group) -> NDArray[np.int64]:
        taken = self.taken[group]
        left = taken < self._words.shape[1]
        if self._arrivals is None:
            return np.where(left, 0, NEVER)
        due = np.full(len(taken), NEVER, np.int64)
        due[left] = self._arrivals[_numbers(group)[left], taken[left]]
        return due

    def _push(self, block: bool, cycle: int, group: Group) -> Group:
        lanes = _numbers(group)
        room = self.pushed[lanes] < self._room
        pushers = lanes[room]
        self.result.answers.append((cycle, pushers, self.registers[_ISR][pushers]))
        self.pushed[pushers] += 1
        done = lanes if not block else pushers
        self.registers[_ISR][done] = 0
        return _tidy(done)


def _mask(bits: int) -> int:
    return (1 << bits) - 1


def _size(group: Group) -> int:
    return group.stop - group.start if isinstance(group, slice) else len(group)


def _numbers(group: Group) -> NDArray[np.int64]:
    return np.arange(group.start, group.stop) if isinstance(group, slice) else group


def _tidy(lanes: NDArray[np.int64]) -> Group:
    """Sorted numbers as a slice where they are neighbours."""
    if len(lanes) and lanes[-1] - lanes[0] + 1 == len(lanes):
        return slice(int(lanes[0]), int(lanes[-1]) + 1)
    return lanes


def _part(group: Group, chosen: NDArray[np.bool_]) -> Group:
    """The chosen lanes of a group; cheap when it is all or none of them."""
    count = int(np.count_nonzero(chosen))
    if count == len(chosen):
        return group
    if count == 0:
        return slice(0, 0)
    if isinstance(group, slice):
        first = int(chosen.argmax())
        # as many as chosen, from the first chosen one to the first that is not: neighbours
        if first + count == len(chosen) or int(chosen[first:].argmin()) == count:
            return slice(group.start + first, group.start + first + count)
    return _tidy(_numbers(group)[chosen])


def _union(groups: list[Group]) -> Group:
    return _tidy(np.sort(np.concatenate([_numbers(group) for group in groups])))

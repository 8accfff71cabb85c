# ruff: noqa: E402 - the interrupt character goes first
"""Runs on the chip in place of main.py: puts every method of the board to work, prints what came out."""

import gc
import json
import time

import micropython

micropython.kbd_intr(-1)

from pen_firmware import pio_programs as programs
from pen_firmware.board_rp2040 import Board

LEASE = programs.LEASE_TICKS_MAX
HAND_READY_MS = 80
"""Until the hand that was told to watch for the next stroke is watching."""


def say(name, value):
    print(name, json.dumps(value))


def feed_for(board, duration_ms):
    start = board.now_ms()
    while board.elapsed_ms(board.now_ms(), start) < duration_ms:
        board.lease_feed(LEASE)


def steady(board, buffer):
    """Everything a pass may call while armed."""
    board.needle_ack()
    board.needle_edges()
    board.needle_room()
    board.needle_tripped()
    board.needle_put(5)
    board.needle_restart()
    board.inputs()
    board.analog(0)
    board.hall_period_us()
    board.step_room()
    board.step_idle()
    board.step_edges()
    board.step_tripped()
    board.step_put(1000)
    board.step_restart()
    board.step_direction(True)
    board.lease_feed(1000)
    board.lease_feed(0)
    board.elapsed_ms(board.now_ms(), 3)
    board.elapsed_us(board.now_us(), 3)
    board.word_write(1, 77)
    board.word_read(1)
    board.stream_read(buffer)
    board.stream_write(buffer, 0)
    board.watchdog_feed()
    board.wait_us(50)
    board.make_safe()


board = Board()
say("started", board.start_machines())
say("programs", {n: [list(p[0]), p[-5], p[-4]] for n, p in board._programs.items()})
say("inputs", board.inputs())
say("analog", [board.analog(channel) for channel in range(4)])
say("runtime", board.runtime().decode().rstrip("\0"))
say("random", [board.random_word() for _ in range(3)])

board.lease_feed(LEASE)
board.wait_us(200)
board.needle_restart()
for number in range(3):
    board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US + 4 * number, number))
acks = []
start = board.now_us()
while board.elapsed_us(board.now_us(), start) < 30_000:
    board.lease_feed(LEASE)
    ack = board.needle_ack()
    if ack >= 0:
        acks.append(ack)
say("acks", acks)
say("edges", board.needle_edges())
say("halls", [board.hall_period_us() for _ in range(3)])

buffer = bytearray(16)
steady(board, buffer)
before = 0  # the name exists already when the heap is measured: a new one may grow the table of names
gc.collect()
before = gc.mem_alloc()
steady(board, buffer)
say("allocated", gc.mem_alloc() - before)

board.start_machines()
board.step_direction(True)
for _ in range(4):
    board.step_put(1000)
board.wait_us(6000)
say("steps", [board.step_edges(), board.step_idle(), board.step_tripped()])
board.step_direction(False)
for _ in range(200):
    while not board.step_room() and not board.step_tripped():
        pass
    if board.step_tripped():
        break
    board.step_put(500)
say("home", [board.step_tripped(), board.step_idle()])
board.step_restart()
say("restarted", [board.step_tripped(), board.step_idle()])

say("wire", board.wire_reset())
board.wire_write(0x33)
say("rom", [board.wire_read() for _ in range(8)])

record = bytearray(range(64))
say("written", board.slot_write(2, record, 60))
board.slot_write(2, record, 61)
empty = bytearray(64)
say("read", [board.slot_read(2, empty), empty[:61] == record[:61], board.slot_read(0, empty)])

board.lease_feed(LEASE)
board.wait_us(200)
board.needle_restart()
say("until_now", board.needle_edges())
say("stop", 1)
feed_for(board, HAND_READY_MS)
for number in range(2):
    board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, number))
feed_for(board, 40)
say("stopped", [board.needle_tripped(), board.needle_edges()])
say("close", 1)
feed_for(board, 40)
say("closed", [board.needle_tripped(), board.needle_edges()])
board.start_machines()
board.lease_feed(LEASE)
board.wait_us(200)
board.needle_restart()
board.needle_put(programs.needle_word(503, programs.NEEDLE_PERIOD_BASE_US, 7))
board.wait_us(9000)
say("again", [board.needle_tripped(), board.needle_edges()])
say("hang", 1)
for number in range(4):
    board.needle_put(programs.needle_word(503, programs.NEEDLE_PERIOD_BASE_US, number))
time.sleep_us(1)
board.wait_us(120_000)
say("hung", [board.needle_tripped(), board.needle_edges()])
print("end")

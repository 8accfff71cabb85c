"""The transition table, row by row and along random walks."""

from bench import Random

from pen_firmware import supervisor
from pen_firmware.supervisor import Signal, Supervisor

print(supervisor.LATCHING)
print(supervisor.ORDERLY)
signals = sorted([getattr(Signal, name) for name in dir(Signal) if name[0] != "_"])
for state in range(7):
    for signal in [0] + signals:  # noqa: RUF005 - MicroPython
        for condition in range(30):
            pen = Supervisor()
            pen.state = state
            mask = 1 << condition if condition else 0
            print(
                state,
                signal,
                condition,
                pen.step(mask, signal, 36),
                pen.state,
                pen.first_cause,
                pen.may_clear(mask),
            )

random = Random(3)
pen = Supervisor()
for step in range(3000):
    mask = 0
    for _ in range(random.below(3)):
        mask |= 1 << random.below(30) if random.below(4) == 0 else 0
    actions = pen.step(mask & ~1, random.pick(signals), 36)
    if pen.first_cause and not pen.cause_event:
        pen.cause_event = step + 1
    print(actions, pen.state, pen.first_cause, pen.cause_event, pen.armed(), pen.names_cause(36, step + 1))

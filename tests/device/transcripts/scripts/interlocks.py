"""Every single reading, alone and in random company, to conditions."""

from bench import Random

from pen_firmware.interlocks import Readings, collect, lowest
from pen_protocol.states import ALL_CONDITIONS

VALUES = (False, True, 0, 1, -1, 30, 5_999, 6_000, 6_001, 1_500, 1_501, 4_499, 4_500, 10_000, 60_000)

fresh = Readings()
names = sorted([name for name in dir(fresh) if name[0] != "_"])
print(len(names), collect(fresh))
for name in names:
    for value in VALUES:
        readings = Readings()
        setattr(readings, name, value)
        if name == "cartridge" and not 0 <= value <= 8:
            continue
        print(name, value, collect(readings))

random = Random(7)
readings = Readings()
for _ in range(2000):
    name = random.pick(names)
    setattr(readings, name, random.below(9) if name == "cartridge" else random.pick(VALUES))
    mask = collect(readings)
    assert mask & ~ALL_CONDITIONS == 0
    print(mask, lowest(mask))

"""Tables at every code, and debouncing of a restless board."""

from bench import Bench, Random

from pen_firmware import sensors

for code in range(4096):
    print(sensors.coil_temperature_cc(code), sensors.supply_mv(code), sensors.coil_ma(code))

random = Random(31)
board = Bench(4, faults=50)
eyes = sensors.Sensors(board)
for _ in range(2000):
    if random.below(10) == 0:
        board.trigger = not board.trigger
    if random.below(15) == 0:
        board.contact = not board.contact
    if random.below(40) == 0:
        board.open_estop = not board.open_estop
    if random.below(30) == 0:
        board.analogs[random.below(4)] = random.below(4096)
    eyes.tick(board.now_ms())
    print(
        eyes.inputs, eyes.ready, eyes.coil_cc, eyes.coil_fault, eyes.coil_ma, eyes.supply_mv, eyes.fluid_wet
    )

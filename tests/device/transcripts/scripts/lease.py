"""Host lease and firmware lease along the wrap of the clock."""

from bench import Bench, Random

from pen_firmware.lease import FirmwareLease, HostLease

board = Bench(1)
random = Random(5)
host = HostLease(board)
firmware = FirmwareLease(board)
count = 0
for _ in range(3000):
    action = random.below(40)
    if action == 0:
        host.new_session()
        count = 0
    elif action == 1:
        host.start(board.now_ms())
    elif action == 2:
        host.end()
    elif action == 3:
        firmware.forget()
    elif action < 12:
        count += random.below(3)
        print("renew", count, host.renew(count, board.now_ms()))
    board.advance(random.pick((900, 5_000, 5_100, 39_999, 40_000, 260_000)))
    print(
        firmware.begin_pass(board.now_us()),
        firmware.late(),
        host.left_ms(board.now_ms()),
        host.expired(board.now_ms()),
    )
    firmware.feed()
    print(board.lease_us)

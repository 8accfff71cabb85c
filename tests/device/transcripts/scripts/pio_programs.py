"""Words and what they last, over the whole range and one step beyond it."""

from pen_firmware import pio_programs as pio

for rate_mhz in range(25_000, 149_001, 977):
    period_us = pio.needle_period_us(rate_mhz)
    print(rate_mhz, period_us, pio.rate_mhz(period_us))
    for on_us in (503, 1001, 2000, 2047):
        word = pio.needle_word(on_us, period_us, rate_mhz & 127)
        print(
            word,
            pio.word_on_us(word),
            pio.word_period_us(word),
            pio.word_ack(word),
            pio.ack_seq(pio.word_ack(word)),
        )
for duration_ms in (1, 5, 40, 100):
    print(pio.lease_ticks(duration_ms))
for period_us in (59, 60, 400, 65535):
    print(pio.step_word(period_us), pio.step_word_period_us(pio.step_word(period_us)))

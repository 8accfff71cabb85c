"""Settings: a power cut at any byte leaves old or new, and damaged ones give way to safe defaults."""

from __future__ import annotations

import pytest

from pen_firmware.settings import DEFAULTS, Settings
from pen_protocol.messages import BY_NUMBER, SETTINGS_WRITE
from tests.firmware.power_cuts import Flash, PowerCutError


def loaded(flash: Flash) -> Settings:
    settings = Settings(flash)
    settings.load()
    return settings


def settings_values(version: int) -> tuple[int, ...]:
    return (version, 1_000, 120_000, 1_800, -20, 60, 5_500, 900, 30_000)


def test_a_new_pen_has_safe_defaults_and_keeps_them() -> None:
    flash = Flash()
    settings = loaded(flash)
    assert settings.valid
    assert settings.values() == DEFAULTS
    assert flash.writes == 1
    assert loaded(flash).values() == DEFAULTS
    assert flash.writes == 1


def test_defaults_are_within_the_tables_ranges() -> None:
    fields = BY_NUMBER[SETTINGS_WRITE].fields
    assert len(fields) == len(DEFAULTS)
    for field, value in zip(fields, DEFAULTS, strict=True):
        assert field.low <= value <= field.high, field.name


def test_settings_read_as_they_were_written() -> None:
    flash = Flash()
    settings = loaded(flash)
    assert settings.write(settings_values(1))
    again = loaded(flash)
    assert again.valid
    assert again.values() == settings_values(1)
    assert again.depth_cap_um == 1_000
    assert again.stroking_max_ms == 30_000


def test_a_power_cut_at_any_byte_of_a_settings_write_leaves_old_or_new() -> None:
    for cut in range(80):
        flash = Flash()
        settings = loaded(flash)
        assert settings.write(settings_values(1))
        flash.cut_after = cut
        with pytest.raises(PowerCutError):
            settings.write(settings_values(2))
        flash.cut_after = None
        again = loaded(flash)
        assert again.valid, cut
        assert again.values() in (settings_values(1), settings_values(2)), cut


def test_a_power_cut_at_any_byte_of_the_very_first_write_leaves_the_defaults() -> None:
    for cut in range(80):
        flash = Flash()
        flash.cut_after = cut
        with pytest.raises(PowerCutError):
            loaded(flash)
        flash.cut_after = None
        settings = loaded(flash)
        assert settings.valid, cut
        assert settings.values() == DEFAULTS


def test_both_slots_damaged_is_invalid_and_the_defaults_hold() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.write(settings_values(1))
    flash.slots = {slot: record[:-1] + b"\x00\x00" for slot, record in flash.slots.items()}
    damaged = loaded(flash)
    assert not damaged.valid
    assert damaged.values() == DEFAULTS


@pytest.mark.parametrize("index", range(1, len(DEFAULTS)))
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_whole_record_with_a_value_out_of_range_is_not_used(index: int, end: str) -> None:
    """A record of a firmware with other limits, with a right check sum: invalid, never clamped into something else."""
    flash = Flash()
    settings = loaded(flash)
    field = BY_NUMBER[SETTINGS_WRITE].fields[index]
    values = list(settings_values(1))
    values[index] = field.high + 1 if end == "high" else field.low - 1
    if values[index] < 0 and field.code.isupper():
        return
    assert settings.write(tuple(values))
    again = loaded(flash)
    assert not again.valid
    assert again.values() == DEFAULTS


def test_a_refused_write_leaves_the_old_settings_in_force() -> None:
    flash = Flash()
    settings = loaded(flash)
    flash.refuses = True
    assert not settings.write(settings_values(1))
    assert settings.values() == DEFAULTS


def test_quarantine_outlives_power_and_a_change_of_settings() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.quarantine()
    assert not settings.stored
    assert settings.store()
    assert loaded(flash).quarantined
    assert settings.write(settings_values(1))
    assert loaded(flash).quarantined
    assert settings.clear_quarantine()
    assert not loaded(flash).quarantined


def test_a_quarantine_the_flash_will_not_clear_stays() -> None:
    flash = Flash()
    settings = loaded(flash)
    settings.quarantine()
    settings.store()
    flash.refuses = True
    assert not settings.clear_quarantine()
    assert settings.quarantined


def test_clearing_the_quarantine_does_not_make_lost_settings_look_whole() -> None:
    flash = Flash()
    loaded(flash).write(settings_values(1))
    flash.slots = dict.fromkeys(flash.slots, b"rubbish")
    damaged = loaded(flash)
    damaged.quarantine()
    assert damaged.clear_quarantine()
    assert not loaded(flash).valid

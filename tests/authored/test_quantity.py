"""Numbers with units as people write them."""

from __future__ import annotations

import pytest

from foretell.authored.quantity import (
    QuantityError,
    conversion,
    convert,
    convert_rate,
    duration,
    parse_unit,
    spell_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("10min", 600), ("2 h", 7200), ("14 d", 1209600), ("500 ms", 0.5), ("1.5 w", 907200)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, "'5' is not a duration: write a number and a unit"),
        (None, "nothing is not a duration"),
        ("soon", "'soon' is not a duration"),
        ("5 days", "use ms, s, min, h, d or w; did you mean 'd'?"),
        ("5 xyz", "'xyz' is no unit of time here: use ms, s, min, h, d or w"),
        ("0 s", "longer than nothing"),
        ("-1 h", "longer than nothing"),
        ("11 w 3 d", "is no unit of time"),
        ("9e99 d", "at most ten years"),
    ],
)
def test_what_is_no_duration(value: object, said: str) -> None:
    with pytest.raises(QuantityError) as error:
        duration(value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "unit", "number"),
    [
        ("400 ms", "s", 0.4),
        ("300 K", "degC", 26.85),
        ("5 %", "percent", 5.0),
        (7, "", 7.0),
        ("60 ℃", "degC", 60.0),
        ("1 m/s^2", "mm/s^2", 1000.0),
        ("2 degC/h", "K/h", 2.0),
        ("3 kWh", "Wh", 3000.0),
        ("1 nm", "km", 1e-12),
    ],
)
def test_conversion_to_the_signals_unit(value: object, unit: str, number: float) -> None:
    assert convert(value, unit) == pytest.approx(number, rel=1e-9)


def test_a_difference_has_no_offset() -> None:
    assert convert("5 degC", "K", difference=True) == 5.0
    assert convert("5 degC", "K") == pytest.approx(278.15)
    assert conversion("degF", "degC") == pytest.approx((5 / 9, -160 / 9))


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (60.0, "degC", "'60' needs a unit: this signal is measured in degC"),
        ("60 degCC", "degC", "not a known unit; did you mean 'degC'?"),
        ("5 s", "degC", "cannot be compared with a signal measured in degC"),
        ("5 s", "", "measured in plain numbers"),
        ("x", "s", "is not a quantity"),
        (True, "s", "is not a quantity"),
        (None, "s", "nothing is not a quantity"),
        ("1e999 s", "s", "too large"),
        (10**400, "", "too large"),
        ("3 __import__('os')", "s", "is not a unit"),
        ("3 m**99999", "m", "is not a unit"),
    ],
)
def test_what_does_not_convert(value: object, unit: str, said: str) -> None:
    with pytest.raises(QuantityError) as error:
        convert(value, unit)
    assert said in str(error.value)


def test_a_logarithm_is_not_converted_as_if_it_were_straight() -> None:
    assert conversion("dB", "dB") == (1.0, 0.0)
    with pytest.raises(QuantityError):
        conversion("dB", "")


def test_units_and_spelling() -> None:
    assert parse_unit("").dimensionless
    assert spell_duration(3 * 86400) == "3 d"
    assert spell_duration(5400, "zh") == "1.5 小时"


@pytest.mark.parametrize("text", ["5 delta_degC", "5 Δ°C", "5 delta_degF"])
def test_a_difference_is_told_by_where_it_stands_and_not_by_its_unit(text: str) -> None:
    for difference in (True, False):
        with pytest.raises(QuantityError):
            convert(text, "degC", difference=difference)
    with pytest.raises(QuantityError):
        convert_rate(f"{text}/h", "degC")

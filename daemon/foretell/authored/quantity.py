"""Quantities with units as people write them: "0.4 s", "14 d", "2 degC/h", "5 %".

Units are those of pint's registry. The text is matched first, so that pint's expression parser never
sees anything but a plain unit.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable
from typing import Any

from foretell.authored.problems import did_you_mean

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_QUANTITY = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>\S.*)?\Z")
_UNIT = re.compile(r"[A-Za-zµμ°℃Ω%][A-Za-zµμ°℃Ω%0-9_]*(?:(?:/|\*|\^|\*\*)[A-Za-z0-9µμ°Ω_]+){0,3}\Z")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONG_HAND = {
    "sec": "s", "second": "s", "seconds": "s", "m": "min", "minute": "min", "minutes": "min", "hour": "h",
    "hours": "h", "day": "d", "days": "d", "week": "w", "weeks": "w",
}  # fmt: skip
_COMMON = (
    "s", "ms", "min", "h", "d", "m", "mm", "cm", "m/s", "m/s^2", "mm/s", "A", "mA", "V", "W", "kW", "kWh",
    "Hz", "degC", "K", "percent", "%", "bar", "Pa", "kPa", "lux", "count", "mg",
)  # fmt: skip
_DURATION_FORM = "write a number and a unit, such as '10 min', '2 h', '14 d'"


class QuantityError(ValueError):
    """The text is no quantity, or its unit does not fit; the message is for the person who wrote it."""


@functools.cache
def _registry() -> Any:
    import pint  # takes a quarter of a second, which a command that reads no limits should not pay

    registry: Any = pint.UnitRegistry(cache_folder=None, autoconvert_offset_to_baseunit=True)
    registry.default_preprocessors = []
    return registry


@functools.cache
def parse_unit(text: str) -> Any:
    """The pint unit for `text`; an empty text is dimensionless. Raises QuantityError."""
    name = text.strip().replace("℃", "degC").replace("°C", "degC").replace("%", "percent").replace("^", "**")
    if not name:
        return _registry().dimensionless
    if "delta_" in name:  # pint's word for a distance on a scale, which we tell by where the limit stands
        raise QuantityError(f"'{text}' is not a unit here; write '{text.replace('delta_', '')}'")
    if len(name) > 32 or not _UNIT.match(text.strip()) or re.search(r"\*\*\d{2,}", name):
        raise QuantityError(f"'{text}' is not a unit")
    try:
        return _registry().parse_units(name)
    except Exception as error:
        raise QuantityError(_hinted(f"'{text}' is not a known unit", text, _COMMON)) from error


def _hinted(message: str, word: str, known: Iterable[str]) -> str:
    hint = did_you_mean(word, known)
    return f"{message}; {hint}" if hint else message


def duration(value: object) -> float:
    """Seconds of a duration such as "90 s", "2 h" or "14 d". Raises QuantityError."""
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match is None or not match["unit"]:
        raise QuantityError(f"{_shown(value)} is not a duration: {_DURATION_FORM}")
    unit = match["unit"].strip()
    factor = _DURATION_UNITS.get(unit)
    if factor is None:
        message = f"'{unit}' is no unit of time here: use ms, s, min, h, d or w"
        raise QuantityError(_hinted(message, _LONG_HAND.get(unit, unit), _DURATION_UNITS))
    seconds = float(match["number"]) * factor
    if not (0 < seconds <= 3660 * 86400):
        raise QuantityError(f"'{value}': a duration must be longer than nothing and at most ten years")
    return seconds


def convert(value: object, unit: str, *, difference: bool = False) -> float:
    """The number of `value` in `unit`.

    A bare number is accepted only for a dimensionless unit. `difference` treats the value as a
    distance on the scale (a rise of 5 degC is 5 K, not 278 K). Raises QuantityError.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise QuantityError(f"{_shown(value)} is not a quantity: write a number and a unit, such as '0.4 s'")
    number, text = split(value)
    have, want = parse_unit(text), parse_unit(unit)
    if not text and not want.dimensionless:
        raise QuantityError(f"{_shown(value)} needs a unit: this signal is measured in {unit}")
    if have.dimensionality != want.dimensionality:
        measured = unit or "plain numbers"
        raise QuantityError(f"'{value}' cannot be compared with a signal measured in {measured}")
    scale, offset = conversion(text, unit)
    result = number * scale + (0.0 if difference else offset)
    if not math.isfinite(result):
        raise QuantityError(f"'{value}' is too large")
    return result


def split(value: object) -> tuple[float, str]:
    """The number and the unit of a quantity as it is written. Raises QuantityError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise QuantityError(f"{_shown(value)} is not a quantity: write a number and a unit, such as '0.4 s'")
    if not isinstance(value, str):
        return (float(value) if abs(value) < 1e300 else math.inf), ""
    match = _QUANTITY.match(value)
    if match is None:
        raise QuantityError(f"'{value}' is not a quantity: write a number and a unit, such as '0.4 s'")
    return float(match["number"]), (match["unit"] or "").strip()


@functools.cache
def conversion(have: str, want: str) -> tuple[float, float]:
    """Scale and offset that take a number in `have` to one in `want`. Raises QuantityError."""
    registry, source, target = _registry(), parse_unit(have), parse_unit(want)
    if source.dimensionality != target.dimensionality:
        raise QuantityError(f"{have or 'a plain number'} cannot be converted to {want or 'a plain number'}")
    zero = float(registry.Quantity(0.0, source).to(target).magnitude)
    one = float(registry.Quantity(1.0, source).to(target).magnitude)
    two = float(registry.Quantity(2.0, source).to(target).magnitude)
    if not math.isclose(two - one, one - zero, rel_tol=1e-9):
        raise QuantityError(f"{have} cannot be converted to {want}: one is a logarithm of the other")
    # With an offset the difference carries noise in its last digits; without one it is exact as it is.
    return (one, 0.0) if zero == 0.0 else (round(one - zero, 12), round(zero, 12))


def _shown(value: object) -> str:
    if isinstance(value, float):
        value = f"{value:g}"
    return "nothing" if value is None else f"'{value!s:.60}'"


def spell_duration(seconds: float, language: str = "en") -> str:
    """A duration in words of one unit: "3 d" / "3 天"."""
    zh = {"d": "天", "h": "小时", "min": "分钟", "s": "秒"}
    for unit in ("d", "h", "min", "s"):
        size = _DURATION_UNITS[unit]
        if abs(seconds) >= size or unit == "s":
            number = f"{seconds / size:.1f}".removesuffix(".0")
            return f"{number} {zh[unit] if language == 'zh' else unit}"
    raise AssertionError("unreachable")


def convert_rate(value: object, unit: str) -> float:
    """The number of a rate such as "2 degC/h" or "20/h" in `unit` per second. Raises QuantityError."""
    text = value if isinstance(value, str) else _shown(value)
    amount, slash, per = text.rpartition("/")
    per = per.strip()
    if not slash or per not in _DURATION_UNITS:
        example = f"2 {unit}/h" if unit else "20/h"
        raise QuantityError(f"{_shown(value)} is not a rate: write an amount per time, such as '{example}'")
    return convert(amount, unit, difference=True) / _DURATION_UNITS[per]

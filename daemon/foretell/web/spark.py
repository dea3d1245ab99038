"""A clause's latest values as a small line, with the limit that they are held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from foretell.tickets.wording import number, quantity

WIDTH, HEIGHT, EDGE = 140.0, 36.0, 3.0
LIMITED = ("above", "below", "outside", "forecast")
"""Verbs whose limit is of the same quantity as the values that are kept with them."""

USUAL = {"drift": "reference", "peers": "median", "expected": "expected"}
"""Verbs that hold a value against what is usual, and where that stands."""


class Spark(NamedTuple):
    """Points and heights inside a box of WIDTH by HEIGHT; `values` and `limit` are what it says in words."""

    points: str
    last: tuple[float, float]
    limit_at: float | None
    usual_at: float | None
    values: str
    limit: str


def spark(clause: Mapping[str, Any], language: str) -> Spark | None:
    """The line of a clause; None where fewer than two numbers are kept, as of words."""
    recent = _recent(clause.get("recent"))
    if len(recent) < 2:
        return None
    verb, unit = str(clause.get("verb")), clause.get("unit")
    limit = number(clause.get("limit")) if verb in LIMITED else None
    usual = _usual(clause, verb)
    values = [value for _, value in recent]
    low, high = _span([*values, *(each for each in (limit, usual) if each is not None)])
    begin, end = recent[0][0], recent[-1][0]
    if not math.isfinite(high - low) or not math.isfinite(end - begin):
        return None

    def up(value: float) -> float:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low), 1)

    def along(at: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * ((at - begin) / (end - begin) if end > begin else 1.0), 1)

    return Spark(
        points=" ".join(f"{along(at)},{up(value)}" for at, value in recent),
        last=(along(end), up(values[-1])),
        limit_at=None if limit is None else up(limit),
        usual_at=None if usual is None else up(usual),
        values=", ".join(quantity(value, unit, language) for value in values),
        limit="" if limit is None else quantity(limit, unit, language),
    )


def _recent(pairs: Any) -> list[tuple[float, float]]:
    """The numbers among the latest readings, in order of time."""
    found = []
    for pair in pairs if isinstance(pairs, list | tuple) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2:
            at, value = number(pair[0]), number(pair[1])
            if at is not None and value is not None:
                found.append((at, value))
    return sorted(found)


def _usual(clause: Mapping[str, Any], verb: str) -> float | None:
    value = clause.get(USUAL.get(verb, ""))
    return number(value[0] if isinstance(value, list | tuple) and value else value)


def _span(values: list[float]) -> tuple[float, float]:
    """From the lowest to the highest; a line that never moves lies in the middle."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1.0, high + 1.0)

"""How much of a life a counter has used up, and how long the rest will last."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Verdict
from foretell.engine.standing import ROUNDING, steps

DAY = 86400.0
DAYS_MAX = 14
"""Whole days whose use is remembered: two weeks, so that every day of the week is among them twice."""


class Used(NamedTuple):
    """The share `at` (0 to 1) of the life `of`, in the counter's unit, is used up since the last renewal.

    Steps of the counter add up; a fall is a restart from zero. With `origin` "zero" what the counter shows
    when it is first seen was used by this part; with "first" it begins then. After a renewal use begins
    anew at the counter's last value. Each part wears apart; the verdict is about the one that is worn most.
    Missing data: a counter stands, so a gap makes nothing unknown, and the step over a gap is the use in
    it, spread evenly over its days. Unknown only before the first reading. What the broker kept is a state
    of the counter, but a fall in it is an old message and not a restart.

    The rest of the life is told at the least, the mean and the greatest use of the last 14 whole days, and
    not at all before one day was observed. Lives counted in cycles are how lift makers and ISO 4309 (rope
    bends, by trips) say when a part is due.
    """

    signal: str
    unit: str
    of: float
    at: float
    origin: str = "zero"

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return False

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        return f"Used {self.signal} from {self.origin}"

    def memory(self) -> UsedMemory:
        return UsedMemory(self)


class Wear:
    """What one part has used, in all and by whole day since it was first seen."""

    __slots__ = ("at", "day_from", "day_used", "days", "told", "used", "value")

    def __init__(self, at: float, value: float, used: float) -> None:
        self.at, self.value, self.used = at, value, used
        self.told = False
        self.day_from, self.day_used = at, 0.0
        self.days = array("d")

    def step(self, at: float, value: float) -> None:
        step = steps(self.value, value)
        self._spread(at, step)
        self.used += step
        self.at, self.value = at, value

    def _spread(self, at: float, step: float) -> None:
        """Give each day its part of a step, as if the counter had gone evenly since its last reading."""
        ends = int((at - self.day_from) // DAY)
        gap = at - self.at
        if ends <= 0 or gap <= 0.0:
            self.day_used += step
            return
        rate = step / gap
        self.days.append(self.day_used + rate * (self.day_from + DAY - self.at))
        self.days.extend([rate * DAY] * min(ends - 1, DAYS_MAX))
        del self.days[:-DAYS_MAX]
        self.day_from += ends * DAY
        self.day_used = rate * max(at - self.day_from, 0.0)

    def dump(self) -> list[Any]:
        return [self.at, self.value, self.used, self.told, self.day_from, self.day_used, list(self.days)]

    @classmethod
    def load(cls, data: list[Any]) -> Wear:
        wear = cls(data[0], data[1], data[2])
        wear.told, wear.day_from, wear.day_used, wear.days = data[3], data[4], data[5], array("d", data[6])
        return wear


class UsedMemory:
    """The wear of each part, and the newest readings."""

    __slots__ = ("condition", "recent", "renewed", "wears")

    def __init__(self, condition: Used) -> None:
        self.condition = condition
        self.wears: dict[str, Wear] = {}
        self.renewed = False
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        if not isinstance(value, float):
            return False
        wear = self.wears.get(reading.part)
        if wear is None:
            if len(self.wears) >= PARTS_MAX:
                return False
            whole = self.condition.origin == "zero" and not self.renewed
            self.wears[reading.part] = Wear(at, value, max(value, 0.0) if whole else 0.0)
        else:
            falls = value < wear.value and reading.retained
            if at < wear.at or falls or (at == wear.at and value <= wear.value):
                return False  # at one instant a lower counter is late, not a restart
            wear.step(at, value)
        self.recent.append((at, value))
        return True

    def _is_due(self, wear: Wear) -> bool:
        condition = self.condition
        return wear.used >= condition.of * condition.at * (1.0 - ROUNDING)

    def _most(self) -> str:
        """The part that is worn most; one whose wear was told and cleared comes last."""
        wears = self.wears
        return max(wears, key=lambda part: (not wears[part].told, wears[part].used), default="")

    def verdict(self, at: float) -> Verdict:
        wear = self.wears.get(self._most())
        return None if wear is None else not wear.told and self._is_due(wear)

    def until(self, at: float) -> float:
        return NEVER

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        wear = self.wears.get(self._most())
        return 0.0 if wear is None else wear.used / (self.condition.of * self.condition.at)

    def evidence(self, at: float) -> dict[str, Any]:
        condition, part = self.condition, self._most()
        wear = self.wears.get(part)
        days = wear.days if wear else array("d")
        return {
            "verb": "used", "signal": condition.signal, "unit": condition.unit,
            "value": wear and wear.used, "limit": condition.of * condition.at, "of": condition.of,
            "share": wear and wear.used / condition.of, "part": part, "counter": wear and wear.value,
            "per_day": sum(days) / len(days) if days else None, "days": len(days),
            "time_left": self._time_left(wear) if wear else None,
            "at": wear and wear.at, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def _time_left(self, wear: Wear) -> list[float | None] | None:
        """Seconds from the last reading until the life is used up: earliest, likely and latest.

        None for all if no whole day was observed or nothing was used; for the latest alone if there was
        a day without use.
        """
        days = wear.days
        if not days or max(days) <= 0.0:
            return None
        left = max(self.condition.of - wear.used, 0.0) * DAY
        least = min(days)
        latest = left / least if least > 0.0 else None
        return [left / max(days), left * len(days) / sum(days), latest if left else 0.0]

    def disarm(self) -> None:
        """Cleared by its `clear`, nothing more is said of the same life: only a renewal begins another."""
        for wear in self.wears.values():
            wear.told = wear.told or self._is_due(wear)

    def renew(self) -> None:
        """The part is new: nothing is used. How fast it is used is still known."""
        self.renewed = True
        for wear in self.wears.values():
            wear.used, wear.told = 0.0, False

    def dump(self) -> Any:
        wears = [[part, wear.dump()] for part, wear in self.wears.items()]
        return [wears, self.renewed, list(self.recent)]

    def load(self, data: Any) -> None:
        self.wears = {part: Wear.load(wear) for part, wear in data[0]}
        self.renewed = data[1]
        self.recent = deque(((at, value) for at, value in data[2]), RECENT)

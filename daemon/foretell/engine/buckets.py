"""Readings thinned by time: the last one of every slot, and how much of a window they cover."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

from foretell.engine.facts import NEVER

PATIENCE = 1 / 20
"""Share of a window that may pass between two readings without being taken for a gap."""


class Slots:
    """The last reading of every slot of `width` seconds, back to `span` seconds before the newest.

    The window is (newest - span, newest]. It is a set: neither the order of arrival nor a repetition
    changes what it holds (of two values at one instant the larger stays), so a late reading lies where it
    belongs as long as it is in the window. `before` is the last reading that left at the old end. Holds at
    most span / width + 1 readings, in columns.
    """

    __slots__ = ("ats", "before", "span", "untils", "values", "width")

    def __init__(self, width: float, span: float) -> None:
        self.width, self.span = width, span
        self.ats = array("d")
        self.values = array("d")
        self.untils = array("d")
        self.before: tuple[float, float, float] | None = None

    def add(self, at: float, value: float, until: float) -> bool:
        """Put in a reading that is current until `until`; False if that changes nothing."""
        ats = self.ats
        if ats and at <= ats[-1] - self.span:
            return False
        slot = at // self.width
        index = bisect_right(ats, at)
        if index < len(ats) and ats[index] // self.width == slot:
            return False
        if index and ats[index - 1] // self.width == slot:
            index -= 1
            if (at, value, until) <= self.reading(index):
                return False
            ats[index], self.values[index], self.untils[index] = at, value, until
        else:
            ats.insert(index, at)
            self.values.insert(index, value)
            self.untils.insert(index, until)
        self._drop(bisect_right(ats, ats[-1] - self.span))
        return True

    def reading(self, index: int) -> tuple[float, float, float]:
        return self.ats[index], self.values[index], self.untils[index]

    def _drop(self, count: int) -> None:
        if count:
            self.before = self.reading(count - 1)
            del self.ats[:count], self.values[:count], self.untils[:count]

    @property
    def newest(self) -> float:
        return self.ats[-1] if self.ats else -NEVER

    def joins(self) -> bool:
        """What was known before the window was still current as it began, or nearly so."""
        if self.before is None:
            return False
        start = self.ats[-1] - self.span
        return self.before[2] >= start or self.ats[0] - self.before[0] <= PATIENCE * self.span

    def covered(self) -> float:
        """Share of the window in which a value was current; short waits between readings are no gaps."""
        ats, patience = self.ats, PATIENCE * self.span
        if not ats:
            return 0.0
        begin = ats[0]
        if self.before is not None:
            start, (at, _, until) = ats[-1] - self.span, self.before
            begin = (
                start if begin - at <= patience else max(start, begin - max(0.0, min(until, begin) - start))
            )
        gaps = 0.0
        for at, until, after in zip(ats, self.untils, ats[1:], strict=False):
            if after - at > patience and until < after:
                gaps += after - max(at, until)
        return min((ats[-1] - begin - gaps) / self.span, 1.0)

    def dump(self) -> list[Any]:
        return [list(self.ats), list(self.values), list(self.untils), self.before]

    def load(self, data: list[Any]) -> None:
        """Take over readings, also those of a window of another length."""
        for at, value, until in zip(*data[:3], strict=True):
            self.add(at, value, until)
        if data[3] is None or self.before is not None:
            return
        at, value, until = data[3]
        if not self.add(at, value, until):
            self.before = (at, value, until)

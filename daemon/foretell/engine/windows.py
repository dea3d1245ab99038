"""What a condition remembers of the past: event windows, a reference and its cumulative sum. Pure sums."""

from __future__ import annotations

import statistics
from array import array
from bisect import bisect_left, bisect_right
from sys import intern
from typing import Any, NamedTuple

REFERENCE_MAX = 256
"""Values kept to learn a reference; a longer period is thinned evenly, so memory stays bounded."""


class EventWindow:
    """Weighted events in order of position; position is event time, or a count of operations.

    Keeps at most `keep` events, the newest: enough to tell whether `keep` of them fall into a span.
    Columns rather than tuples: an event costs 32 bytes, and there is one window for every watch.
    """

    __slots__ = ("ats", "keep", "keys", "positions", "total", "weights")

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.positions = array("d")
        self.ats = array("d")
        self.weights = array("d")
        self.keys: list[str] = []
        self.total = 0.0

    def has(self, at: float, key: str) -> bool:
        """This very event is already here (a retransmission)."""
        return any(self.ats[index] == at and self.keys[index] == key for index in range(len(self.ats)))

    def add(self, position: float, at: float, key: str, weight: float) -> None:
        """Record an event, where it belongs by position."""
        index = len(self.positions)
        if index and position < self.positions[-1]:
            index = bisect_right(self.positions, position)
        self.positions.insert(index, position)
        self.ats.insert(index, at)
        self.weights.insert(index, weight)
        self.keys.insert(index, intern(key))  # few distinct ones, in thousands of windows
        self._cut(len(self.positions) - self.keep)

    def drop_before(self, position: float) -> None:
        """Forget events that lie before `position`; one exactly there stays."""
        if self.positions and self.positions[0] < position:
            self._cut(bisect_left(self.positions, position))

    def _cut(self, count: int) -> None:
        if count > 0:
            del self.positions[:count], self.ats[:count], self.weights[:count], self.keys[:count]
        # Summed anew rather than kept running: the same events give the same total, to the last bit.
        self.total = sum(self.weights, 0.0)

    def falls_below(self, limit: float) -> float | None:
        """The position of the event whose leaving takes the total below `limit`; None if it is below."""
        if self.total < limit:
            return None
        newer = 0.0
        for position, weight in zip(reversed(self.positions), reversed(self.weights), strict=True):
            newer += weight
            if newer >= limit:
                return position
        return None

    def dump(self) -> list[Any]:
        return [list(self.positions), list(self.ats), list(self.weights), list(self.keys)]

    def load(self, data: list[Any]) -> None:
        self.positions, self.ats, self.weights = (array("d", column) for column in data[:3])
        self.keys = [intern(key) for key in data[3]]
        self._cut(len(self.positions) - self.keep)


class Reference(NamedTuple):
    """What is normal for this device: robust centre and scale of `size` values."""

    centre: float
    scale: float
    size: int


class Sample:
    """A bounded, evenly thinned sample of a stream of values.

    When it is full every second value is dropped and from then on every second one is taken, and so on:
    the kept values always span the whole period.
    """

    __slots__ = ("most", "seen", "step", "values")

    def __init__(self, most: int) -> None:
        self.most = most
        self.values = array("d")
        self.step = 1
        self.seen = 0

    def add(self, value: float) -> None:
        if self.seen % self.step == 0:
            self.values.append(value)
            if len(self.values) >= self.most:
                self.values = self.values[::2]
                self.step *= 2
        self.seen += 1

    def median(self) -> float:
        return statistics.median(self.values)

    def reference(self) -> Reference:
        """Median and 1.4826 x median absolute deviation; a signal that never moves still has some scale."""
        centre = self.median()
        deviation = 1.4826 * statistics.median(abs(value - centre) for value in self.values)
        return Reference(centre, max(deviation, abs(centre) * 1e-4, 1e-9), self.seen)

    def dump(self) -> list[Any]:
        return [list(self.values), self.step, self.seen]

    @classmethod
    def load(cls, most: int, data: list[Any]) -> Sample:
        sample = cls(most)
        sample.values, sample.step, sample.seen = array("d", data[0]), int(data[1]), int(data[2])
        return sample


def cusum_step(total: float, excess: float, allowance: float, ceiling: float) -> float:
    """One step of the one-sided cumulative sum, in units of the reference's scale.

    Page, "Continuous inspection schemes", Biometrika 41 (1954). The sum is capped so that a long
    excursion is left again in bounded time.
    """
    return min(max(0.0, total + excess - allowance), ceiling)

"""What a condition remembers of the past: event windows, a reference and its cumulative sum. Pure sums."""

from __future__ import annotations

import statistics
from array import array
from bisect import insort
from typing import Any, NamedTuple

REFERENCE_MAX = 256
"""Values kept to learn a reference; a longer period is thinned evenly, so memory stays bounded."""


class EventWindow:
    """Weighted events in order of position; position is event time, or a count of operations.

    Keeps at most `keep` events, the newest: enough to tell whether `keep` of them fall into a span.
    """

    __slots__ = ("events", "keep")

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.events: list[tuple[float, str, float]] = []

    def add(self, position: float, part: str, weight: float) -> bool:
        """Record an event; False when the very same one is already here (a retransmission)."""
        event = (position, part, weight)
        events = self.events
        if not events or position > events[-1][0]:
            events.append(event)
        elif event in events:
            return False
        else:
            insort(events, event)
        if len(events) > self.keep:
            del events[0]
        return True

    def drop_before(self, position: float) -> None:
        """Forget events that lie before `position`; one exactly there stays."""
        events = self.events
        while events and events[0][0] < position:
            del events[0]

    def total(self) -> float:
        return sum(event[2] for event in self.events)

    def falls_below(self, limit: float) -> float | None:
        """The position of the event whose leaving takes the total below `limit`; None if it is below."""
        rest = self.total()
        if rest < limit:
            return None
        for position, _, weight in self.events:
            rest -= weight
            if rest < limit:
                return position
        return None


class Reference(NamedTuple):
    """What is normal for this device: robust centre and scale of `count` values."""

    centre: float
    scale: float
    count: int


class ReferenceSample:
    """A bounded, evenly thinned sample from which a reference is learned.

    When it is full every second value is dropped and from then on every second one is taken, and so on:
    the kept values always span the whole period.
    """

    __slots__ = ("seen", "step", "values")

    def __init__(self) -> None:
        self.values = array("d")
        self.step = 1
        self.seen = 0

    def add(self, value: float) -> None:
        if self.seen % self.step == 0:
            self.values.append(value)
            if len(self.values) >= REFERENCE_MAX:
                self.values = self.values[::2]
                self.step *= 2
        self.seen += 1

    def reference(self, floor: float) -> Reference:
        """Median and 1.4826 x median absolute deviation; the scale is never below `floor`."""
        centre = statistics.median(self.values)
        deviation = 1.4826 * statistics.median(abs(value - centre) for value in self.values)
        return Reference(centre, max(deviation, floor, abs(centre) * 1e-4, 1e-9), self.seen)

    def dump(self) -> list[Any]:
        return [list(self.values), self.step, self.seen]

    def load(self, data: list[Any]) -> None:
        self.values, self.step, self.seen = array("d", data[0]), int(data[1]), int(data[2])


def cusum_step(total: float, excess: float, allowance: float, ceiling: float) -> float:
    """One step of the one-sided cumulative sum, in units of the reference's scale.

    Page, "Continuous inspection schemes", Biometrika 41 (1954). The sum is capped so that a long
    excursion is left again in bounded time.
    """
    return min(max(0.0, total + excess - allowance), ceiling)

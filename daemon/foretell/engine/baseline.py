"""What each hour of the week usually brings, how much it varies, and what chance alone brings."""

from __future__ import annotations

import math
import statistics
from array import array
from typing import Any

from foretell.engine.peering import ABSURD

SLOTS = 168
"""Hours of a week, Monday 00 first, on the local clock."""

WEEKS = 5
"""Hours kept of each slot: the newest weeks, so that new habits are learned and a week off is outvoted."""

WEEKS_MIN = 3
"""Hours of a slot without which its two neighbours are asked as well, and nothing is said without them."""

CLIP = 3.0
"""An error of more sigmas teaches as one of so many (Huber's psi)."""

SURE = 24
"""Errors from which on they are clipped."""

LENT = 6.0
"""As how many errors of its own the errors of all the other hours count for an hour's spread."""

ABS_TO_SIGMA = math.sqrt(math.pi / 2)
"""Of a normal distribution: sigma over mean absolute deviation."""


class Baseline:
    """For each slot the hours of the last weeks and how wrong one was about them; some 5 KiB in all."""

    __slots__ = ("counts", "errors", "hours", "overall", "sizes", "spreads")

    def __init__(self, counts: bool) -> None:
        self.counts = counts
        self.hours = array("f", bytes(4 * SLOTS * WEEKS))
        self.sizes = array("B", bytes(SLOTS))
        self.spreads = array("f", bytes(4 * SLOTS))
        self.overall = 0.0
        self.errors = 0

    def of(self, slot: int) -> list[float]:
        """The hours that speak for this slot."""
        if self.sizes[slot] >= WEEKS_MIN:
            return self._own(slot)
        return [hour for near in _near(slot) for hour in self._own(near)]

    def _own(self, slot: int) -> list[float]:
        return list(self.hours[slot * WEEKS : slot * WEEKS + min(self.sizes[slot], WEEKS)])

    def expects(self, slot: int) -> float:
        """What this slot usually brings: of a gauge its value, of counts their number in one hour."""
        hours = self.of(slot)
        return self._centre(hours) if hours else 0.0

    def _centre(self, hours: list[float]) -> float:
        centre = statistics.median(hours)
        if not self.counts:
            return centre
        reach = 3 * math.sqrt(centre) + 3
        clipped = (min(max(hour, centre - reach), centre + reach) for hour in hours)
        return (math.fsum(clipped) + 0.5) / len(hours)

    def sigma(self, slot: int, centre: float) -> float:
        """The scale of the errors made about this slot and its neighbours."""
        near = _near(slot)
        weights = [min(max(self.sizes[each] - 1, 0), WEEKS) for each in near]
        total = LENT * self.overall + sum(
            weight * self.spreads[each] for weight, each in zip(weights, near, strict=True)
        )
        return max(ABS_TO_SIGMA * total / (LENT + sum(weights)), abs(centre) * 1e-4, 1e-9)

    def learn(self, slot: int, value: float) -> None:
        """One more hour; its error is that of what the slot itself had told before it."""
        size = self.sizes[slot]
        value = min(max(value, -ABSURD), ABSURD)
        if size:
            centre = self._centre(self._own(slot))
            error = abs(value - centre)
            if self.errors >= SURE:
                error = min(error, CLIP * self.sigma(slot, centre))
            self.errors = min(self.errors + 1, 2 * SLOTS)
            self.overall += (error - self.overall) / self.errors
            self.spreads[slot] += (error - self.spreads[slot]) / min(size, WEEKS)
        self.hours[slot * WEEKS + size % WEEKS] = value
        # A whole number of rounds goes by unseen: the next hour to go is still the oldest.
        self.sizes[slot] = size + 1 if size < 3 * WEEKS - 1 else 2 * WEEKS

    def dump(self) -> Any:
        return [
            [column.tobytes() for column in (self.hours, self.sizes, self.spreads)], self.overall, self.errors
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        columns = zip("fBf", data[0], strict=True)
        self.hours, self.sizes, self.spreads = (array(kind, column) for kind, column in columns)
        self.overall, self.errors = data[1:]


def _near(slot: int) -> tuple[int, int, int]:
    return (slot - 1) % SLOTS, slot, (slot + 1) % SLOTS


def poisson_tail(number: float, mean: float, up: bool) -> float:
    """The chance of at least (`up`) or at most so many events where `mean` are expected.

    Summed from `number` outwards, where the terms only fall; from a mean of 1e4 on the normal
    distribution's, which is then as good.
    """
    number = math.ceil(number) if up else math.floor(number)
    if (number <= mean) if up else (number >= mean):
        return 1.0  # on the usual side: nothing to ask
    if mean > 1e4:
        return 0.5 * math.erfc(abs(number - mean) / math.sqrt(2 * mean))
    if number < 0 or mean <= 0.0:
        return 0.0
    total = term = 1.0
    count = float(number)
    while term > total * 1e-16:
        count += 1.0 if up else 0.0
        term *= mean / count if up else count / mean
        count -= 0.0 if up else 1.0
        total += term
    return total * math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))

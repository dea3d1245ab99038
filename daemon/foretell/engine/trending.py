"""Where a value is heading: how fast it changes, and when it will reach a limit."""

from __future__ import annotations

import statistics
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Sequence
from math import ceil, isfinite, sqrt
from typing import Any, NamedTuple

from foretell.engine.buckets import Slots
from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Verdict

RATE_SLOTS = 48
"""Slots that the window of a rate is thinned into: 1176 pairs are the most that are compared."""

BUCKETS = 60
"""Buckets that the history of a forecast is kept in."""

BUCKET_SLOTS = 16
"""Readings kept of one bucket, of which the median is taken."""

FIT_MIN = 6
"""Buckets without which no line is fitted: the interval of its slope would say nothing."""

BIG = 1e100
"""Values beyond which slopes may overflow."""

MEASURE_MAX = 1e9
"""A limit of zero is exceeded without bounds; what is told of it is not."""

Z_80 = 1.2815515655446004
"""The normal deviate that leaves a tenth on either side: the interval of the slope is an 80 % one."""


# -- lines ------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """A line through a series: its level at the newest point, its slope per second and how sure both are."""

    level: float
    slope: float
    low: float
    high: float
    quality: float


def pair_slopes(ats: Sequence[float], values: Sequence[float]) -> list[float]:
    """The slope between every two points, in order of size; `ats` must grow strictly."""
    slopes: list[float] = []
    for last in range(1, len(ats)):
        at, value = ats[last], values[last]
        slopes += [(value - v) / (at - t) for t, v in zip(ats[:last], values[:last], strict=True)]
    slopes.sort()
    return slopes


def median_side(ats: Sequence[float], values: Sequence[float], limit: float) -> int:
    """Whether the median of all slopes between two points lies above `limit` (1) or below (-1), 0 if close.

    A slope is above the limit where the later point lies higher once the limit's own line is taken off, so
    counting inversions (Knight, JASA 61, 1966) tells it in n log n, without one of the n squared slopes.
    Close is where that hangs on rounding, or the two middle slopes lie on either side.
    """
    newest = ats[-1]
    scale = max(map(abs, values)) + abs(limit) * (newest - ats[0])
    if not scale < BIG:
        return 0
    slack = scale * 1e-12
    above = below = 0
    order: list[float] = []
    for at, value in zip(ats, values, strict=True):
        bare = value - limit * (at - newest)
        above += bisect_left(order, bare - slack)
        below += len(order) - bisect_right(order, bare + slack)
        insort(order, bare)
    majority = len(ats) * (len(ats) - 1) // 4 + 1
    return (above >= majority) - (below >= majority)


def theil_sen(ats: Sequence[float], values: Sequence[float]) -> Line | None:
    """The median of all slopes between two points, with its interval; None below two points or on overflow.

    Theil, "A rank-invariant method of linear regression", Proc. KNAW 53 (1950); the two-sided 80 % interval
    is that of Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968), (2.6),
    with his correction for equal values. The level is the median of what the slope leaves over. The quality
    is 1 - MAD(residuals) / MAD(values): 1 for a clean line, 0 where the line explains nothing or nothing
    varies. A bit less than a third of the points may be wild.
    """
    size = len(ats)
    if size < 2:
        return None
    slopes = pair_slopes(ats, values)
    slope = statistics.median(slopes)
    ties = sum(k * (k - 1) * (2 * k + 5) for k in Counter(values).values())
    reach = Z_80 * sqrt((size * (size - 1) * (2 * size + 5) - ties) / 18)
    low = slopes[max(round((len(slopes) - reach) / 2) - 1, 0)]
    high = slopes[min(round((len(slopes) + reach) / 2), len(slopes) - 1)]
    bare = [value - slope * (at - ats[-1]) for at, value in zip(ats, values, strict=True)]
    level = statistics.median(bare)
    spread = _mad(values)
    quality = max(0.0, 1.0 - _mad(bare) / spread) if spread else 0.0
    line = Line(level, slope, low, high, quality)
    return line if all(map(isfinite, line)) else None


def _mad(values: Sequence[float]) -> float:
    centre = statistics.median(values)
    return statistics.median(abs(value - centre) for value in values)


TimeLeft = tuple[float | None, float | None, float | None]


def time_left(line: Line, limit: float, up: bool) -> TimeLeft | None:
    """Seconds from the newest point to the limit: earliest, likely, latest.

    They follow from the steep bound of the slope, the slope, and its weak bound. Zero where the line is at
    the limit or beyond. None where the weak bound does not lead to the limit: then it may well be flat,
    and there is no time to tell. A single None is a time too long for a number.
    """
    gap = limit - line.level if up else line.level - limit
    if gap <= 0.0:
        return 0.0, 0.0, 0.0
    steep, likely, weak = _towards(line, up)
    if weak <= 0.0:
        return None
    return _seconds(gap / steep), _seconds(gap / likely), _seconds(gap / weak)


def _towards(line: Line, up: bool) -> tuple[float, float, float]:
    """The steep bound, the slope and the weak bound, positive towards the limit."""
    return (line.high, line.slope, line.low) if up else (-line.low, -line.slope, -line.high)


def _seconds(value: float) -> float | None:
    return value if isfinite(value) else None


# -- rate -------------------------------------------------------------------------------------------


class Rate(NamedTuple):
    """How fast a value changes, in `unit` per second, against `above` and `below`.

    The window is (newest - over, newest], where `newest` is the last reading's event time. Of every 48th
    part of it the last reading counts; a late one counts where it belongs. A gauge's rate is the median of
    the slopes between every two of them (Theil 1950, Sen 1968): gaps do not bend it, nor do wild values, up
    to a bit less than a third. A counter's rate is its increase over the time covered: since the window
    began, if what it stood at then was still current, else since its first reading within; a fall is a
    restart from zero, so it is never negative. Several parts of a counter add up; a late value of a
    counter adds nothing, as the later one holds its steps.

    Unknown until `at_least` readings (at most 48 are counted) and a share `coverage` of the window were
    seen: the time in which a value was current (it `holds`), or in which no two readings lay further
    apart than a twentieth of the window. Unknown again once the last value no longer holds. A value that
    still holds after a whole window without a word has not moved: its rate is zero.
    """

    signal: str
    unit: str
    above: float | None
    below: float | None
    over: float
    at_least: int = 6
    counter: bool = False
    coverage: float = 0.5

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        # A counter goes on while nobody looks; kept from it, its steps would all come at once.
        return not self.counter

    @property
    def restless(self) -> bool:
        return self.test(0.0)  # which it comes to when nothing is said for a window

    def shape(self) -> str:
        return f"Rate {self.signal} of a {'counter' if self.counter else 'gauge'}"

    def memory(self) -> RateMemory:
        return RateMemory(self)

    def test(self, rate: float) -> bool:
        return (self.above is not None and rate > self.above) or (
            self.below is not None and rate < self.below
        )

    def limit(self, rate: float | None) -> float | None:
        """The limit that the rate is beyond, or the one that it would meet first."""
        if self.above is None or self.below is None:
            return self.below if self.above is None else self.above
        return self.below if rate is not None and rate < (self.above + self.below) / 2 else self.above


class RateMemory:
    """The readings of the window, a counter's as the sum of its steps."""

    __slots__ = ("at", "condition", "estimate", "holds_until", "known", "last", "outlook", "recent", "slots",
                 "total")  # fmt: skip

    def __init__(self, condition: Rate) -> None:
        self.condition = condition
        self.renew()

    def renew(self) -> None:
        over = self.condition.over
        self.slots = Slots(over / RATE_SLOTS, over)
        self.last: dict[str, tuple[float, float]] = {}
        self.total = 0.0
        self.at = self.holds_until = -NEVER
        self.known = False
        self.outlook: Verdict = None
        self.estimate: float | None = None  # the rate, once somebody asked for it
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        if not isinstance(value, float) or not _passes(at, self.slots.width):
            return False
        newest, until = self.at, at + reading.holds
        if not self.condition.counter:
            news = self.slots.add(at, value, until)
        elif news := self._step(reading.part, at, value):
            # Dated no earlier than what another part has said: the sum only grows.
            until = max(until, self.holds_until) if at < newest else until
            news = self.slots.add(max(at, newest), self.total, until)
        if not news:
            return False
        self.at, _, self.holds_until = self.slots.reading(-1)
        if at >= newest:
            self.recent.append((at, value))
        self._look()
        return True

    def _step(self, part: str, at: float, value: float) -> bool:
        """Add a counter's steps; False for a late or repeated value, or at one instant a lower one."""
        before = self.last.get(part)
        if before is None and len(self.last) >= PARTS_MAX:
            return False
        if before is not None:
            if (at, value) <= before:
                return False
            self.total += value - before[1] if value >= before[1] else max(value, 0.0)
        self.last[part] = (at, value)
        return True

    def _look(self) -> None:
        """Judge the window that ends at the newest reading, if enough of it was seen."""
        condition, slots = self.condition, self.slots
        enough = len(slots.ats) >= max(2, min(condition.at_least, RATE_SLOTS))
        self.known = enough and slots.covered() >= condition.coverage
        self.estimate = None
        self.outlook = self._judge() if self.known else None

    def _judge(self) -> Verdict:
        """Of a gauge mostly without reckoning its rate, which takes a thousand slopes."""
        condition, slots = self.condition, self.slots
        if not condition.counter:
            above, below = (
                None if limit is None else median_side(slots.ats, slots.values, limit)
                for limit in (condition.above, condition.below)
            )
            if above != 0 and below != 0:
                return above == 1 or below == -1
        rate = self.rate
        return None if rate is None else condition.test(rate)

    @property
    def rate(self) -> float | None:
        """The rate over the window that ends at the newest reading; None if too little was seen."""
        if self.known and self.estimate is None:
            self.estimate = self._estimate()
        return self.estimate

    def _estimate(self) -> float | None:
        condition, slots = self.condition, self.slots
        if not condition.counter:
            rate = statistics.median(pair_slopes(slots.ats, slots.values))
        elif slots.joins() and slots.before is not None:
            rate = (self.total - slots.before[1]) / condition.over
        else:
            rate = (self.total - slots.values[0]) / (slots.ats[-1] - slots.ats[0])
        return rate if isfinite(rate) else None

    def rate_at(self, at: float) -> float | None:
        """The rate that stands at `at`, per second; None if unknown."""
        if at > self.holds_until:
            return None
        return 0.0 if at > self.at + self.condition.over else self.rate

    def verdict(self, at: float) -> Verdict:
        if at > self.holds_until:
            return None
        return self.condition.test(0.0) if at > self.at + self.condition.over else self.outlook

    def until(self, at: float) -> float:
        return _stands_until(at, self.at + self.condition.over, self.holds_until)

    def gone(self, at: float) -> bool:
        return self.at != -NEVER and at > self.holds_until

    def measure(self) -> float:
        limit = self.condition.limit(self.rate)
        if self.rate is None or limit is None:
            return 0.0
        return min(abs(self.rate) / max(abs(limit), 1e-12), MEASURE_MAX)

    def evidence(self, at: float) -> dict[str, Any]:
        """`value` and `limit` are in `unit` per `per` seconds, which is always one."""
        condition, rate = self.condition, self.rate_at(at)
        return {
            "verb": "rate", "signal": condition.signal, "unit": condition.unit, "per": 1.0, "value": rate,
            "limit": condition.limit(rate), "over": condition.over, "counter": condition.counter,
            "readings": len(self.slots.ats), "covered": self.slots.covered(), "at": self.at,
            "warming_up": not self.known, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """A rate is judged anew with every reading; there is nothing to disarm."""

    def dump(self) -> Any:
        last = [[part, at, value] for part, (at, value) in self.last.items()]
        return [self.slots.dump(), last, self.total, self.at, self.holds_until, list(self.recent)]

    def load(self, data: Any) -> None:
        self.slots.load(data[0])
        self.last = {part: (at, value) for part, at, value in data[1]}
        self.total, self.at, self.holds_until = data[2:5]
        self.recent.extend((at, value) for at, value in data[5])
        self._look()


def _passes(at: float, step: float) -> bool:
    """An instant at which a step of time is one; not for infinity, nor where doubles lie further apart."""
    return at - step < at


def _stands_until(at: float, quiet: float, holds_until: float) -> float:
    """When a verdict changes by itself: after `quiet` the value has not moved, then it no longer holds."""
    if at > holds_until:
        return NEVER
    return min(quiet, holds_until) if at <= quiet else holds_until


# -- forecast ---------------------------------------------------------------------------------------


class Forecast(NamedTuple):
    """The value will reach `limit`, going `up` or down, within `within` seconds if it goes on as it does.

    The past `history` seconds are kept as medians of 60 buckets; whenever a bucket closes, a line is put
    through them (`theil_sen`; Theil 1950, Sen 1968), and only then. True when three things hold: the weak
    bound of the slope's 80 % interval leads to the limit, the line explains at least `fit` of the values'
    spread, and the *earliest* time (from the steep bound) lies within `within`. The earliest is the
    pessimistic one: who plans a visit must come before the value may be there, not when half of the cases
    are past it. By itself that would fire on mere noise, whose steep bound is always near; so the weak bound
    must lead there too: that it moves has to be certain, only how fast may be open.

    Unknown while fewer than `at_least` seconds lie between the first bucket and the open one, while fewer
    than six buckets are filled, or a smaller share than `coverage` of those in between; and once the last
    value no longer holds.
    A bucket without a word is filled by a value that held through it. A value that still holds after
    `history` seconds without a word has not moved, which is False. A late reading counts as long as its
    bucket is open; of every 16th of a bucket the last reading is kept.
    """

    signal: str
    unit: str
    limit: float
    up: bool
    within: float
    history: float
    at_least: float
    fit: float = 0.5
    coverage: float = 0.5

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return True

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        return f"Forecast {self.signal} from {self.history!r}"

    def memory(self) -> ForecastMemory:
        return ForecastMemory(self)


class ForecastMemory:
    """Medians of the closed buckets, the readings of the open one, and the line through the medians."""

    __slots__ = ("armed", "at", "ats", "bucket", "condition", "foreseen", "holds_until", "line", "medians",
                 "open", "outlook", "value", "width")  # fmt: skip

    def __init__(self, condition: Forecast) -> None:
        self.condition = condition
        self.width = condition.history / BUCKETS
        self.renew()

    def renew(self) -> None:
        self.ats = array("d")
        self.medians = array("d")
        self.open = -NEVER
        self.bucket = Slots(self.width / BUCKET_SLOTS, NEVER)
        self.at = self.holds_until = -NEVER
        self.value = 0.0
        self.line: Line | None = None
        self.outlook: Verdict = None
        self.foreseen = False
        self.armed = True

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        if not isinstance(value, float) or not _passes(at, self.bucket.width):
            return False
        number = at // self.width
        if number < self.open:
            return False
        if number > self.open:
            self._close(number)
        until = at + reading.holds
        if not self.bucket.add(at, value, until):
            return False
        self.at, self.value, self.holds_until = self.bucket.reading(-1)
        return True

    def _close(self, number: float) -> None:
        """The bucket `number` begins: the one before is done, and those between if a value held in them."""
        before, self.open = self.open, number
        if not self.bucket.ats:
            return
        self.ats.append(statistics.median(self.bucket.ats))
        self.medians.append(statistics.median(self.bucket.values))
        self.bucket = Slots(self.width / BUCKET_SLOTS, NEVER)
        first = max(before + 1, number - BUCKETS)
        for index in range(int(number - first)):
            if (first + index + 1) * self.width <= self.holds_until:
                self.ats.append((first + index + 0.5) * self.width)
                self.medians.append(self.value)
        left = bisect_left(self.ats, number - BUCKETS, key=lambda at: at // self.width)
        del self.ats[:left], self.medians[:left]
        self._refit()
        if self.outlook is not None:
            self.foreseen = self.outlook
            self.armed = self.armed or not self.outlook

    def _refit(self) -> None:
        self.line = theil_sen(self.ats, self.medians) if len(self.ats) >= FIT_MIN else None
        self.outlook = self._judge()

    def _span(self) -> float:
        """Buckets from the first one to the open one."""
        return self.open - self.ats[0] // self.width if self.ats else 0.0

    def _judge(self) -> Verdict:
        """What the line says, the arming apart."""
        condition, line, span = self.condition, self.line, self._span()
        if line is None or len(self.ats) < condition.coverage * span:
            return None
        if span < min(BUCKETS, ceil(condition.at_least / self.width - 1e-9)):
            return None
        if _towards(line, condition.up)[2] <= 0.0 or line.quality < condition.fit:
            return False
        left = time_left(line, condition.limit, condition.up)
        return left is not None and left[0] is not None and left[0] <= condition.within

    def time_left(self) -> TimeLeft | None:
        """Seconds from the newest bucket; None if unknown, or if the line is flat or fits badly."""
        if self.line is None or self.outlook is None or self.line.quality < self.condition.fit:
            return None
        return time_left(self.line, self.condition.limit, self.condition.up)

    def verdict(self, at: float) -> Verdict:
        if at > self.holds_until:
            return None
        if at > self.at + self.condition.history:
            return False
        return False if self.outlook and not self.armed else self.outlook

    def until(self, at: float) -> float:
        return _stands_until(at, self.at + self.condition.history, self.holds_until)

    def gone(self, at: float) -> bool:
        return self.at != -NEVER and at > self.holds_until

    def measure(self) -> float:
        """How many times the earliest time left goes into `within`; at most a hundred."""
        left, within = self.time_left(), self.condition.within
        if left is None or left[0] is None or not within:
            return 0.0
        return within / max(left[0], within / 100)

    def evidence(self, at: float) -> dict[str, Any]:
        """Slopes are in `unit` per `per` seconds, which is always one; times count from `fitted_at`."""
        condition, line, left = self.condition, self.line, self.time_left()
        return {
            "verb": "forecast", "signal": condition.signal, "unit": condition.unit, "per": 1.0,
            "up": condition.up, "value": line and line.level, "limit": condition.limit,
            "slope": line and line.slope, "slope_low": line and line.low, "slope_high": line and line.high,
            "fit": line and line.quality, "time_left": left and list(left), "within": condition.within,
            "history": self._span() * self.width, "fitted_at": self.ats[-1] if self.ats else None,
            "at": self.at, "warming_up": self.outlook is None, "verdict": self.verdict(at),
            "recent": [list(pair) for pair in zip(self.ats[-RECENT:], self.medians[-RECENT:], strict=True)],
        }  # fmt: skip

    def disarm(self) -> None:
        """What was foreseen may not open it again: first a new line must say that the limit is not near.

        A gap between, in which nothing was known, does not count as that.
        """
        if self.foreseen or self.outlook:
            self.armed = False

    def dump(self) -> Any:
        return [
            list(self.ats), list(self.medians), self.open, self.bucket.dump(), self.at, self.value,
            self.holds_until, self.foreseen, self.armed,
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.ats, self.medians, self.open = array("d", data[0]), array("d", data[1]), data[2]
        self.bucket.load(data[3])
        self.at, self.value, self.holds_until, self.foreseen, self.armed = data[4:]
        self._refit()

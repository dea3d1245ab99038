"""A device (or one of its parts) that differs from its siblings in what they all measure."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Verdict
from foretell.engine.windows import Sample

VALUES_MAX = 64
"""Values kept of one bucket, thinned evenly, of which the median is taken."""

SETTLE = 1 / 8
"""Part of a bucket that is waited after its end, so that siblings have closed theirs too."""

LOOK = 1 / 48
"""Part of a bucket after which it is asked again whether they have."""

FRESH = 2
"""Buckets that a value may be old and still be held against a sibling's, or stand as a verdict."""

COMMON = 1 / 3
"""If more than this part of a group deviates at once, the cause is none of theirs."""

ABSURD = 1e30
"""What is larger was not measured; squares and sums of what is smaller stay finite."""

Key = tuple[str, str]


class Streams:
    """The newest word of each part (of events: each part and word), so that nothing is taken twice.

    Late is what is not newer than the last word of its own stream. Of more than PARTS_MAX streams the
    stalest is forgotten, and with it everything as old: a repetition is always known as one.
    """

    __slots__ = ("floor", "last", "type")

    def __init__(self, type: str) -> None:
        self.type = type
        self.floor = -NEVER
        self.last: dict[str, tuple[float, float | None]] = {}

    def take(self, reading: Reading, since: float = -NEVER, within: float = NEVER) -> float | None:
        """How often it happened (of a gauge: 0); None for what is late, repeated, or none of ours.

        What is older than `since` is late. A counter that was not seen for longer than `within`, or than it
        holds where `within` is finite, grew nobody knows when: 0.
        """
        value, at = reading.value, reading.at
        event = self.type == "event"
        if reading.retained or at < since:
            return None
        if not event and (not isinstance(value, float) or abs(value) > ABSURD):
            return None
        key = f"{reading.part}={value}" if event else reading.part
        before, known = self.last.get(key, (self.floor, None))
        if at <= before:
            return None
        self.last[key] = (at, None if event or isinstance(value, str) else value)
        if len(self.last) > PARTS_MAX:
            stalest = min(self.last, key=lambda each: (self.last[each][0], each))
            self.floor = self.last.pop(stalest)[0]
        if event or isinstance(value, str):
            return 1.0
        if self.type != "counter" or known is None:
            return 0.0
        seen = within == NEVER or at - before <= min(reading.holds, within)
        return increase(known, value) if seen else 0.0

    def forget(self) -> None:
        """Nothing is known any more but that all up to now is late."""
        self.floor = max([self.floor, *(at for at, _ in self.last.values())])
        self.last = {}

    def dump(self) -> Any:
        return [self.floor, [[key, at, value] for key, (at, value) in self.last.items()]]

    def load(self, data: Any) -> None:
        self.floor = data[0]
        self.last = {key: (at, value) for key, at, value in data[1]}


class Peers(NamedTuple):
    """A member of a group deviates from the median of its siblings: `up`, `down` or `apart` (either).

    A member's value is the median of its readings in a bucket of `bucket` seconds (aligned to the epoch,
    so that members agree) or, for a `counter`, its increase in the bucket: a fall is a restart from zero,
    a step over a bucket's edge is split by time, what was spanned in part is scaled to the whole bucket.
    The deviation is that from the median of the siblings, itself left out. `form` says what `limit`
    counts: `sigma` 1.4826 x MAD of the siblings (at least 1e-4 of their median), `unit` the signal's unit,
    `share` parts of the median. `beyond` (unit) must be passed too.

    A sibling is held against it by its value of the same bucket, or the newest before it that is at most
    FRESH buckets older. It is judged once per bucket: at its own first reading SETTLE of a bucket or more
    after the bucket's end at which half of the group have closed theirs, or else when its next one closes
    (a shift of all must not be judged by those whom it has not reached yet). The verdict stands until the
    next one, and no longer than FRESH buckets after its own last. If more than a third of the group, and
    at least two, deviate by the same test on the same side, that is a common cause: false.
    Warm-up: one bucket. Minimum sample: `at_least` members, itself included; unknown below. Missing data:
    a bucket of which less than the share `coverage` was seen has no value. What the broker kept says
    nothing of when it was measured and is not taken.
    Median and MAD: Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974).
    """

    signal: str
    unit: str
    side: str
    limit: float
    form: str
    among: str
    at_least: int = 4
    bucket: float = 86400.0
    beyond: float = 0.0
    counter: bool = False
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
        what = "increase" if self.counter else "median"
        return f"Peers {self.signal} {self.side} {what} of {self.bucket:g} s among {self.among}"

    def memory(self) -> PeersMemory:
        return PeersMemory(self)

    def deviates(self, deviation: float, side: str, median: float, sigma: float) -> bool:
        """This deviation is beyond the limit on that side (up or down)."""
        out = deviation if side == "up" else -deviation
        return out > threshold(self.form, self.limit, median, sigma) and out > self.beyond


class Standing(NamedTuple):
    """How a member stood against its siblings when last judged; `sigma` is 0 where there were too few."""

    value: float
    size: int
    median: float
    sigma: float
    deviation: float
    common_cause: bool = False


class Group:
    """Members that are held against each other. What they published lies in their own memories."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: dict[Key, PeersMemory] = {}

    def values(self, index: int, own: PeersMemory) -> list[float]:
        """What each member has to say of this bucket: first `own`, then its siblings in no order."""
        found = [memory.value_of(index) for memory in self.members.values() if memory is not own]
        mine = own.value_of(index)
        return [value for value in (mine, *found) if value is not None]

    def ready(self, index: int) -> bool:
        """At least half of those who have a say on this bucket have closed it."""
        say = [memory for memory in self.members.values() if memory.value_of(index) is not None]
        return 2 * sum(memory.ring[-1][0] >= index for memory in say) >= len(say)


class PeersMemory:
    """The open bucket, the newest closed ones for the siblings to see, and the last verdict."""

    __slots__ = (
        "at", "condition", "group", "grown", "holds_until", "index", "judged", "key", "look", "ring",
        "said", "sample", "seen", "spanned", "standing", "streams",
    )  # fmt: skip

    def __init__(self, condition: Peers) -> None:
        self.condition = condition
        self.group: Group | None = None
        self.key: Key = ("", "")
        self.streams = Streams("counter" if condition.counter else "gauge")
        self._begin()

    def _begin(self) -> None:
        self.at = self.holds_until = -NEVER
        self.index: int | None = None
        self._empty()
        self.ring: deque[tuple[int, float]] = deque(maxlen=RECENT)
        self.look = -NEVER
        self.judged: int | None = None
        self.said: Verdict = None
        self.standing: Standing | None = None

    def _empty(self) -> None:
        """A new bucket: nothing in it yet."""
        self.sample = Sample(VALUES_MAX)
        self.grown = self.spanned = self.seen = 0.0

    def join(self, group: Group, key: Key) -> None:
        """Be a member, by (device, part); one of the same key is replaced."""
        self.leave()
        self.group, self.key = group, key
        group.members[key] = self

    def leave(self) -> None:
        """Be no member any more; alone, nothing can be known."""
        if self.group is not None and self.group.members.get(self.key) is self:
            del self.group.members[self.key]
        self.group = None

    def value_of(self, index: int) -> float | None:
        """Its value of this bucket, or the newest before it that is fresh enough."""
        for of, value in reversed(self.ring):
            if of <= index:
                return value if of >= index - FRESH else None
        return None

    # -- learning -----------------------------------------------------------------------------------

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        index = int(at // self.condition.bucket)
        if self.index is not None and index < self.index:
            return False  # its bucket is closed
        step = self.streams.take(reading)
        if step is None or not isinstance(value, float):
            return False
        if index != self.index:
            step = self._turn(index, at, step)
        if at > self.at:
            start = max(self.at, index * self.condition.bucket)
            self.spanned += max(0.0, at - start)
            self.seen += max(0.0, min(at, self.holds_until) - start)
            self.at = at
        self.grown += step
        self.sample.add(value)
        self.holds_until = max(self.holds_until, at + max(0.0, reading.holds))
        self._judge(self.at)
        return True

    def _turn(self, index: int, at: float, step: float) -> float:
        """Close the open bucket and open this one; what of the step falls into it."""
        bucket = self.condition.bucket
        if self.index is None:
            self.at = at
        else:
            self._judge(at, last=True)
            end, span = (self.index + 1) * bucket, at - self.at
            left = max(0.0, end - self.at)
            self.grown += step * left / span
            self.spanned += left
            self.seen += max(0.0, min(end, self.holds_until) - self.at)
            self._publish(self.index)
            step *= max(0.0, at - index * bucket) / span
        self.index = index
        self._empty()
        return step

    def _publish(self, index: int) -> None:
        condition = self.condition
        if self.seen < condition.coverage * condition.bucket or (condition.counter and self.spanned <= 0.0):
            return
        if condition.counter:
            self.ring.append((index, self.grown * condition.bucket / self.spanned))
        else:
            self.ring.append((index, self.sample.median()))
        self.look = (index + 1 + SETTLE) * condition.bucket
        if self.judged is not None and index - self.judged > FRESH:
            self.said = None  # it was away; what was said before is not true again for its being back

    # -- judging ------------------------------------------------------------------------------------

    def _judge(self, at: float, last: bool = False) -> None:
        """Judge the newest closed bucket, once, when siblings have closed theirs or at the `last` chance."""
        if not self.ring or self.ring[-1][0] == self.judged or (at < self.look and not last):
            return
        index = self.ring[-1][0]
        if not last and self.group is not None and not self.group.ready(index):
            self.look = at + LOOK * self.condition.bucket
            return
        self.judged, self.said, self.standing = index, None, None
        if self.group is not None:
            self._compare(self.group.values(index, self))

    def _compare(self, values: list[float]) -> None:
        condition, size = self.condition, len(values)
        value = values[0]
        if size < max(2, condition.at_least):
            self.standing = Standing(value, size, value, 0.0, 0.0)
            return
        ((median, sigma),) = against_the_rest(values, [value])
        deviation = value - median
        side = condition.side
        if side == "apart":
            side = "up" if deviation > 0.0 else "down"
        self.said = condition.deviates(deviation, side, median, sigma)
        common = self.said and self._common(values, side)
        if common:
            self.said = False
        self.standing = Standing(value, size, median, sigma, deviation, common)

    def _common(self, values: list[float], side: str) -> bool:
        """Too many deviate at once, by the same test."""
        rests = against_the_rest(values, values)
        deviates = self.condition.deviates
        out = sum(
            deviates(value - median, side, median, sigma)
            for value, (median, sigma) in zip(values, rests, strict=True)
        )
        return out >= 2 and out > COMMON * len(values)

    def _stands_until(self) -> float:
        return (self.ring[-1][0] + 1 + FRESH) * self.condition.bucket if self.ring else -NEVER

    def verdict(self, at: float) -> Verdict:
        return None if self.group is None or at > self._stands_until() else self.said

    def until(self, at: float) -> float:
        end = self._stands_until()
        return end if at <= end else NEVER

    def gone(self, at: float) -> bool:
        return self.said is not None and at > self._stands_until()

    def measure(self) -> float:
        standing, condition = self.standing, self.condition
        if standing is None:
            return 0.0
        limit = threshold(condition.form, condition.limit, standing.median, standing.sigma)
        return abs(standing.deviation) / max(limit, 1e-9)

    def evidence(self, at: float) -> dict[str, Any]:
        condition, standing = self.condition, self.standing
        bucket = condition.bucket
        known = None if standing is None or not standing.sigma else standing
        return {
            "verb": "peers", "signal": condition.signal, "unit": condition.unit, "side": condition.side,
            "value": standing and standing.value, "limit": condition.limit, "form": condition.form,
            "beyond": condition.beyond, "among": condition.among, "bucket": bucket,
            "size": 0 if standing is None else standing.size, "at_least": condition.at_least,
            "median": known and known.median, "sigma": known and known.sigma,
            "deviation": known and known.deviation, "common_cause": bool(known and known.common_cause),
            "at": None if self.judged is None else (self.judged + 1) * bucket, "verdict": self.verdict(at),
            "recent": [((index + 1) * bucket, value) for index, value in self.ring],
        }  # fmt: skip

    def disarm(self) -> None:
        """What was judged may not open it again; the next bucket may."""
        if self.said:
            self.said = False

    def renew(self) -> None:
        """Start over as a member that never published; what was heard before stays late."""
        self.streams.forget()
        self._begin()

    def dump(self) -> Any:
        return [
            self.streams.dump(), self.at, self.holds_until,
            self.index, self.sample.dump(), self.grown, self.spanned, self.seen,
            [[index, value] for index, value in self.ring], self.look, self.judged,
            self.said, self.standing and list(self.standing),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.streams.load(data[0])
        self.at, self.holds_until, self.index = data[1:4]
        self.sample = Sample.load(VALUES_MAX, data[4])
        self.grown, self.spanned, self.seen = data[5:8]
        self.ring = deque(((index, value) for index, value in data[8]), maxlen=RECENT)
        self.look, self.judged, self.said = data[9:12]
        self.standing = Standing(*data[12]) if data[12] else None


def increase(before: float, now: float) -> float:
    """What a counter grew by since its last value; a fall is a restart from zero, never negative."""
    return now - before if now >= before else max(now, 0.0)


def threshold(form: str, limit: float, centre: float, sigma: float) -> float:
    """A limit in sigmas, in shares of the centre or in the signal's unit, as a distance in that unit."""
    if form == "sigma":
        return limit * sigma
    return limit * abs(centre) if form == "share" else limit


def against_the_rest(values: Sequence[float], which: Sequence[float]) -> list[tuple[float, float]]:
    """For each of `which` (out of `values`) the median and 1.4826 x MAD of all the others.

    Leaving one out moves the median to at most three places, so all of them cost n log n, not n squared.
    """
    order = sorted(values)
    distances: dict[float, list[float]] = {}
    found = []
    for value in which:
        centre = _median_without(order, value)
        if centre not in distances:
            distances[centre] = sorted(abs(each - centre) for each in order)
        deviation = 1.4826 * _median_without(distances[centre], abs(value - centre))
        found.append((centre, max(deviation, abs(centre) * 1e-4, 1e-9)))
    return found


def _median_without(order: list[float], value: float) -> float:
    """The median of sorted values, one of these equal ones left out."""
    out = bisect_left(order, value)
    rest = len(order) - 1
    low, high = (rest - 1) // 2, rest // 2
    return (order[low + (low >= out)] + order[high + (high >= out)]) / 2

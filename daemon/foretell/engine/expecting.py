"""A signal held against what is usual for this very device at this hour of the week."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from foretell.engine.baseline import SLOTS, SURE, WEEKS_MIN, Baseline, poisson_tail
from foretell.engine.facts import NEVER, RECENT, Reading, Verdict
from foretell.engine.peering import Streams, threshold
from foretell.engine.windows import Sample

HOUR = 3600.0
VALUES_MAX = 64
"""Values kept of one hour, thinned evenly, of which the median is taken."""

STANDS = 2 * HOUR
"""How long what the last hour said is still said."""

UNSEEN = 2 * 86400.0
"""A signal not heard for longer was away; what is not heard for less did not happen."""

WEIGHT_MAX = 8.0
"""Hours (so: weeks) of experience that a slot's event rate may rest on; older ones fade."""

PRIOR_EVENTS, PRIOR_HOURS = 0.01, 1.0
"""The Gamma prior of an event rate: hardly anything happens, and this hour of belief is soon outweighed."""

HORIZON = 14 * 86400.0
"""What is not unlikely after such a silence never becomes so."""


class Zone(Protocol):
    """The local clock, as `site.calendars.Zone` has it."""

    def hour_of_week(self, at: float) -> int: ...

    def next_hour(self, at: float) -> float: ...


class Expected(NamedTuple):
    """An hour of a signal lies `up` or `down` from what this hour of the week usually brings.

    A gauge's hour is the median of its readings; an event's or a counter's is how often it happened: a
    counter's steps count when they are read (a fall is a restart from zero), and an hour in which nothing
    came is an hour of zero. `form` says what `limit` counts: `sigma`, `unit` (of a count: events) or
    `share` parts of what is expected.

    Expected is the median (of counts the mean, its values clipped at 3 sqrt(median) + 3 around the median,
    plus half an event for all of them, Jeffreys' prior) of the last WEEKS hours of the same slot, and of its
    two neighbours as well where it has fewer than WEEKS_MIN. Sigma is 1.2533 times the mean absolute error
    of what was expected before, over the slot and its neighbours, recent weeks first, with the errors of
    all hours lent to it; errors are clipped. A count must also be unlikely by chance alone: its Poisson
    tail below that of a normal distribution at `limit` sigmas.

    Judged when the hour is over, or by too many events before that; stands for STANDS after its end. Hours
    that deviate teach nothing.
    Warm-up: unknown until `learn` seconds were seen. Minimum sample: WEEKS_MIN hours, and of a gauge SURE
    errors, which there are not before the second week. Missing data: an hour of which less than the share
    `coverage` was seen is passed over; a reading is seen while it holds, an event until the next one if that
    comes within UNSEEN. What the broker kept is not taken.
    Seasonal baselines as in Zabbix's baselinedev; Huber, "Robust estimation of a location parameter",
    Ann. Math. Statist. 35 (1964).
    """

    signal: str
    unit: str
    type: str
    side: str
    limit: float
    form: str
    learn: float
    zone: Zone
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
        return f"Expected {self.signal} of {self.type}"

    def memory(self) -> ExpectedMemory:
        return ExpectedMemory(self)


class Judged(NamedTuple):
    """How the last hour stood: what it was, what was expected of as much of it as was seen."""

    end: float
    slot: int
    value: float
    expected: float
    sigma: float
    hours: int


class ExpectedMemory:
    """The baseline, the open hour, and what was said of the last one."""

    __slots__ = (
        "at", "baseline", "condition", "end", "events", "holds_until", "judged", "observed", "recent", "said",
        "sample", "seen", "start", "streams",
    )  # fmt: skip

    def __init__(self, condition: Expected) -> None:
        self.condition = condition
        self.streams = Streams(condition.type)
        self._begin()

    def _begin(self) -> None:
        self.baseline = Baseline(self.condition.type != "gauge")
        self.at = self.start = self.end = self.holds_until = -NEVER
        self._empty()
        self.observed = 0.0
        self.judged: Judged | None = None
        self.said: Verdict = None
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def _empty(self) -> None:
        self.sample = Sample(VALUES_MAX)
        self.events = self.seen = 0.0

    # -- learning -----------------------------------------------------------------------------------

    def take(self, reading: Reading) -> bool:
        at = reading.at
        events = self.streams.take(reading, self.start, UNSEEN)
        if events is None:
            return False
        if at > self.at:
            self._advance(at)
        gauge = self.condition.type == "gauge"
        if gauge and isinstance(reading.value, float):
            self.sample.add(reading.value)
        if events > 0.0:
            self._count(events)
        holds = NEVER if self.condition.type == "event" else max(0.0, reading.holds)
        self.holds_until = max(self.holds_until, at + holds)
        return True

    def _count(self, events: float) -> None:
        """More events; what is too many for the whole hour need not wait for its end."""
        self.events += events
        if self.condition.side == "up" and self.observed >= self.condition.learn and self.end != NEVER:
            judged, said = self._judge(self.events, (self.end - self.start) / HOUR)
            if said:
                self.judged, self.said = judged, said

    def _advance(self, at: float) -> None:
        """Let time pass up to `at`: hours end, and what was seen of them is counted."""
        if self.at == -NEVER:
            self.at = at
        gauge = self.condition.type == "gauge"
        known = min(at, self.holds_until)
        if at - self.at > UNSEEN or (known < at and not gauge):
            known = self.at  # a counter tells how much it grew over a gap, and not when
        known = max(known, self.at)
        self.observed += known - self.at
        while at >= self.end:
            if self.end != -NEVER:
                self.seen += max(0.0, min(known, self.end) - max(self.at, self.start))
                self._close()
            # Of counts an hour without a word is an hour of zero; of a gauge it is none.
            self._open(self.end if not gauge and known > self.end > -NEVER else at)
        self.seen += max(0.0, known - max(self.at, self.start))
        self.at = at

    def _open(self, at: float) -> None:
        """Begin the local hour in which `at` lies; one that the clocks repeat is longer."""
        zone, before = self.condition.zone, self.end
        self.end = zone.next_hour(at)
        follows = before == at or (before != -NEVER and zone.next_hour(before) == self.end)
        self.start = before if follows else min(self.end - HOUR, at)
        self._empty()

    def _close(self) -> None:
        """The open hour is over: hold it against what was expected, then learn from it."""
        condition, length = self.condition, self.end - self.start
        if self.seen <= 0.0 or self.seen < condition.coverage * length:
            return
        counts = condition.type != "gauge"
        if not counts and not self.sample.seen:
            return
        value = self.events if counts else self.sample.median()
        share = self.seen / HOUR if counts else 1.0
        self.judged, self.said = self._judge(value, share)
        self.recent.append((self.end, value))
        if self.said is not True:
            self.baseline.learn(self.judged.slot, value / share)

    def _judge(self, value: float, share: float) -> tuple[Judged, Verdict]:
        """The open hour with this value, of which this share was seen, against what was expected."""
        condition, baseline = self.condition, self.baseline
        slot = condition.zone.hour_of_week(self.start)
        centre = baseline.expects(slot)
        expected, sigma = centre * share, baseline.sigma(slot, centre) * share
        counts = condition.type != "gauge"
        if counts:
            sigma = max(sigma, math.sqrt(expected))
        judged = Judged(self.end, slot, value, expected, sigma, len(baseline.of(slot)))
        if self.observed < condition.learn or judged.hours < WEEKS_MIN:
            return judged, None
        if not counts and baseline.errors < SURE:
            return (
                judged,
                None,
            )  # without errors there is no spread: everything would be far off, and teach nothing
        up = condition.side == "up"
        out = value - expected if up else expected - value
        said = out > threshold(condition.form, condition.limit, expected, sigma)
        if said and counts and condition.form == "sigma":
            chance = 0.5 * math.erfc(condition.limit / math.sqrt(2))
            said = poisson_tail(value, expected, up) < chance
        return judged, said

    # -- what it says -------------------------------------------------------------------------------

    def _stands_until(self) -> float:
        return -NEVER if self.judged is None else self.judged.end + STANDS

    def verdict(self, at: float) -> Verdict:
        return None if at > self._stands_until() else self.said

    def until(self, at: float) -> float:
        end = self._stands_until()
        return end if at <= end else NEVER

    def gone(self, at: float) -> bool:
        return self.said is not None and at > self._stands_until()

    def measure(self) -> float:
        condition, judged = self.condition, self.judged
        if judged is None or self.said is None:
            return 0.0
        limit = threshold(condition.form, condition.limit, judged.expected, judged.sigma)
        return abs(judged.value - judged.expected) / max(limit, 1e-9)

    def evidence(self, at: float) -> dict[str, Any]:
        condition, judged = self.condition, self.judged
        known = judged if judged is not None and judged.hours else None
        return {
            "verb": "expected", "signal": condition.signal, "unit": condition.unit, "side": condition.side,
            "value": judged and judged.value, "limit": condition.limit, "form": condition.form,
            "expected": known and known.expected, "sigma": known and known.sigma,
            "deviation": known and known.value - known.expected, "hour": judged and judged.slot,
            "hours": 0 if judged is None else judged.hours, "observed": self.observed,
            "learn": condition.learn, "warming_up": self.observed < condition.learn,
            "at": judged and judged.end, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """What was said of the last hour may not open it again; more events or the next hour may."""
        if self.said:
            self.said = False

    def renew(self) -> None:
        """Start over with an empty baseline; what was heard before stays late."""
        self.streams.forget()
        self._begin()

    def dump(self) -> Any:
        return [
            self.streams.dump(), self.baseline.dump(), self.at, self.start, self.end, self.holds_until,
            self.sample.dump(), self.events, self.seen, self.observed, self.judged and list(self.judged),
            self.said, list(self.recent),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.streams.load(data[0])
        self.baseline.load(data[1])
        self.at, self.start, self.end, self.holds_until = data[2:6]
        self.sample = Sample.load(VALUES_MAX, data[6])
        self.events, self.seen, self.observed = data[7:10]
        self.judged = Judged(*data[10]) if data[10] else None
        self.said = data[11]
        self.recent = deque(((at, value) for at, value in data[12]), maxlen=RECENT)


class ExpectedSilence(NamedTuple):
    """Nothing happened for longer than is usual at such hours: a void that has a chance below `chance`.

    With the learned rate r of events at each hour of the week, the chance to hear nothing from the last
    event to `at` is exp(-integral of r): the void probability of a Poisson process. True once it is below
    `chance` and the silence longer than `at_least` seconds. Events are readings of an `event` signal or
    steps of a `counter`; a counter that stands still is alive, and just as silent.

    The rate of a slot is (events + 0.01) / (hours + 1), a Gamma prior, over about the last WEIGHT_MAX hours
    of it. Seen is what lies between readings not more than UNSEEN apart; of a silence that became unlikely
    only what lay before that teaches. Steps read at once spread over the time since the reading before,
    the last of them at its end.
    Warm-up: unknown until `learn` seconds were seen. A silence that is not unlikely after HORIZON never
    becomes so. Missing data: that the device cannot be heard is for others to say; for this it is silence.
    Kingman, "Poisson Processes" (1993), ch. 2.
    """

    signal: str
    type: str
    chance: float
    at_least: float
    learn: float
    zone: Zone

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return False

    @property
    def restless(self) -> bool:
        return True

    def shape(self) -> str:
        return f"ExpectedSilence {self.signal} of {self.type}"

    def memory(self) -> ExpectedSilenceMemory:
        return ExpectedSilenceMemory(self)


class ExpectedSilenceMemory:
    """Events and hours seen by slot, the last event, and when the silence since then becomes unlikely."""

    __slots__ = (
        "armed", "at", "condition", "end", "events", "hours", "last_event", "observed", "open_events",
        "open_seconds", "recent", "slot", "streams", "turned", "turning",
    )  # fmt: skip

    def __init__(self, condition: ExpectedSilence) -> None:
        self.condition = condition
        self.streams = Streams(condition.type)
        self._begin()

    def _begin(self) -> None:
        self.events = array("d", bytes(8 * SLOTS))
        self.hours = array("d", bytes(8 * SLOTS))
        self.at = self.last_event = self.end = -NEVER
        self.slot = 0
        self.open_events = self.open_seconds = self.observed = 0.0
        self.armed = True
        self.turned = NEVER
        self.turning: float | None = None  # the same as long as neither rates nor the last event change
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    # -- learning -----------------------------------------------------------------------------------

    def take(self, reading: Reading) -> bool:
        at = reading.at
        events = self.streams.take(reading, self.at - UNSEEN, UNSEEN)
        if events is None:
            return False
        if self.at == -NEVER:
            self._enter(at)
            self.at = self.last_event = at
        seen = at - self.at <= UNSEEN
        if at > self.at:
            if self.observed >= self.condition.learn and self._turns() < at:
                self.turned = self._turns()
            if seen:
                self._see(min(at, self.turned), max(0.0, events - 1.0))
            self._enter(at)
            self.at = at
        if events > 0.0:
            self.open_events += min(events, 1.0) if seen else 0.0
            self.recent.append((at, events))
            if at > self.last_event:
                self.last_event, self.turned, self.turning, self.armed = at, NEVER, None, True
        return True

    def _see(self, until: float, events: float) -> None:
        """Count the time from the last reading `until` then as seen, with events spread over it."""
        span = until - self.at
        if span <= 0.0:
            return
        self.observed += span
        for start, end in _hours(self.condition.zone, self.at, until):
            self._enter(start)
            self.open_seconds += end - start
            self.open_events += events * (end - start) / span

    def _enter(self, at: float) -> None:
        """Be in the hour in which `at` lies; the one before goes into its slot."""
        if at < self.end:
            return
        if self.open_seconds > 0.0 or self.open_events > 0.0:
            slot = self.slot
            self.hours[slot] += self.open_seconds / HOUR
            self.events[slot] += self.open_events
            if self.hours[slot] > WEIGHT_MAX:
                self.events[slot] *= WEIGHT_MAX / self.hours[slot]
                self.hours[slot] = WEIGHT_MAX
            self.turning = None  # with other rates the way since the last event is another
        self.slot, self.end = self.condition.zone.hour_of_week(at), self.condition.zone.next_hour(at)
        self.open_seconds = self.open_events = 0.0

    # -- what it says -------------------------------------------------------------------------------

    def rate(self, at: float) -> float:
        """Events per second that are usual at `at`."""
        slot = self.condition.zone.hour_of_week(at)
        return (self.events[slot] + PRIOR_EVENTS) / (self.hours[slot] + PRIOR_HOURS) / HOUR

    def _turns(self) -> float:
        """When the silence becomes, or became, unlikely; NEVER if it does not before HORIZON."""
        if self.turned != NEVER:
            return self.turned
        if self.turning is None:
            self.turning = self._reckon()
        return self.turning

    def _reckon(self) -> float:
        condition = self.condition
        enough = -math.log(condition.chance) if condition.chance > 0.0 else NEVER
        expected = 0.0
        for start, end in _hours(condition.zone, self.last_event, self.last_event + HORIZON):
            rate = self.rate(start)
            if expected + rate * (end - start) > enough:
                return max(start + (enough - expected) / rate, self.last_event + condition.at_least)
            expected += rate * (end - start)
        return NEVER

    def verdict(self, at: float) -> Verdict:
        if self.observed < self.condition.learn or self.at == -NEVER:
            return None
        return self.armed and at > self._turns()

    def until(self, at: float) -> float:
        if self.observed < self.condition.learn or self.at == -NEVER or not self.armed:
            return NEVER
        turns = self._turns()
        return turns if at <= turns else NEVER

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        """A silence only lasts; that it is longer is no news."""
        return 0.0

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        known = self.at != -NEVER
        silence = max(0.0, at - self.last_event) if known else None
        expected = math.fsum(
            self.rate(start) * (end - start)
            for start, end in _hours(condition.zone, self.last_event, min(at, self.last_event + HORIZON))
        )
        return {
            "verb": "expected", "signal": condition.signal, "unit": "", "side": "silence",
            "value": math.exp(-expected) if known else None, "limit": condition.chance,
            "silence": silence, "at_least": condition.at_least, "expected": expected,
            "observed": self.observed, "learn": condition.learn,
            "warming_up": self.observed < condition.learn, "at": self.last_event if known else None,
            "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """This silence may not open it again; the next one may."""
        self.armed = False

    def renew(self) -> None:
        """Start over without a rate; what was heard before stays late."""
        self.streams.forget()
        self._begin()

    def dump(self) -> Any:
        return [
            self.streams.dump(), self.events.tobytes(), self.hours.tobytes(), self.at, self.last_event,
            self.slot, self.end, self.open_events, self.open_seconds, self.observed, self.armed, self.turned,
            list(self.recent),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.streams.load(data[0])
        self.events, self.hours = array("d", data[1]), array("d", data[2])
        self.at, self.last_event, self.slot, self.end, self.open_events, self.open_seconds = data[3:9]
        self.observed, self.armed, self.turned = data[9:12]
        self.turning = None
        self.recent = deque(((at, events) for at, events in data[12]), maxlen=RECENT)


def _hours(zone: Zone, start: float, stop: float) -> Iterator[tuple[float, float]]:
    """The pieces of [start, stop) that lie in one local hour each."""
    while start < stop:
        end = min(zone.next_hour(start), stop)
        yield start, end
        start = end

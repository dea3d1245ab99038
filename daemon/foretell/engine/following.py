"""One thing that must be followed by another within a time: what was asked for and did not come."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from foretell.engine.counting import WINDOW_MIN
from foretell.engine.facts import NEVER, RECENT, Reading, Value, Verdict
from foretell.engine.standing import Newest, steps

LASTING = ("state", "counter")


class Asked(NamedTuple):
    """What is asked of a value: one of the words `states`, or beyond `above`/`below`; else anything."""

    type: str
    states: tuple[str, ...]
    above: float | None
    below: float | None

    @property
    def anything(self) -> bool:
        return not self.states and self.above is None and self.below is None

    @property
    def happens(self) -> bool:
        """It is at an instant and does not stand: an event, or the step of a counter."""
        return self.type == "event" or (self.type == "counter" and self.anything)

    def takes(self, value: Any) -> bool:
        """The value is of the right type."""
        if self.type == "event":
            return isinstance(value, float | str)
        return isinstance(value, str if self.type == "state" else float)

    def test(self, value: Value) -> bool:
        if self.anything:
            return True
        if isinstance(value, str):
            return value in self.states
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )

    def begins(self, before: Value | None, value: Value) -> bool:
        """It became so with this value: a state entered, a limit crossed, a step, an event."""
        if self.type == "event":
            return self.test(value)
        if self.type == "state":
            return before is not None and value != before and self.test(value)
        if self.happens:
            return steps(before, value) > 0.0
        return self.test(value) and (before is None or not self.test(before))

    def shape(self) -> str:
        sides = f"{'above' * (self.above is not None)}{'below' * (self.below is not None)}"
        return f"{self.type} {'/'.join(self.states) or sides}"


class Then(NamedTuple):
    """A must be followed by B within `within` seconds; true when at least `at_least` times it was not.

    A is an event, a state entered, a gauge that goes beyond its limit (or is when first heard), a step of
    a counter. B is the same, or a state or a value that stands as wanted already when A happens and still
    holds. Each A opens an expectation at its event time, each part apart; a further A while one is open
    adds none. A part follows itself, and a B of the whole device (no part) follows every part.

    B at any instant of the closed span from A to A + `within` meets it. If none does, that is a miss,
    which happens just after A + `within`. Lateness: a B that arrives late but was in time by its own clock
    takes the miss back, as long as no live reading of A or B was of an instant after the span; then the
    miss is for good. An A that itself arrives after such a reading is not judged: its B may be forgotten.

    Misses count for `over` seconds (closed at the old end). With `over` 0 they count until an A of the
    same part is met again. Unknown before the first A. What the broker kept sets states and is never A.
    Missing data: what was not heard did not come; a rule asks for `online` beside it where that is unfair.

    The bounded response of metric temporal logic, and the response pattern of Dwyer, Avrunin and Corbett,
    "Patterns in property specifications for finite-state verification", ICSE 1999.
    """

    signal: str
    type: str
    states: tuple[str, ...]
    above: float | None
    below: float | None
    follow_signal: str
    follow_type: str
    follow_states: tuple[str, ...]
    follow_above: float | None
    follow_below: float | None
    within: float
    at_least: int = 1
    over: float = 0.0

    @property
    def signals(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.signal, self.follow_signal)))

    @property
    def samples(self) -> bool:
        return self.type not in LASTING or self.follow_type not in LASTING

    @property
    def restless(self) -> bool:
        return True

    def shape(self) -> str:
        cause, follow = self.asked()
        return f"Then {self.signal} {cause.shape()} by {self.follow_signal} {follow.shape()}"

    def asked(self) -> tuple[Asked, Asked]:
        return (
            Asked(self.type, self.states, self.above, self.below),
            Asked(self.follow_type, self.follow_states, self.follow_above, self.follow_below),
        )

    def memory(self) -> ThenMemory:
        return ThenMemory(self)


class Span(NamedTuple):
    """When B was last as wanted; `to` is the end of its holding, or just before it was otherwise."""

    since: float
    to: float

    def meets(self, start: float, end: float) -> bool:
        return self.since <= end and self.to >= start


class ThenMemory:
    """Open expectations and when B last was, by part; and the newest misses."""

    __slots__ = ("asked_at", "causes", "condition", "follow", "follow_recent", "follows", "misses", "now",
                 "open", "recent", "spans", "streaks", "told", "wanted")  # fmt: skip

    def __init__(self, condition: Then) -> None:
        self.condition = condition
        self.wanted, self.follow = condition.asked()
        self.causes, self.follows = Newest(), Newest()
        self.spans: dict[str, Span] = {}
        self.open: dict[str, float] = {}
        self.told: set[str] = set()
        self.misses = array("d")
        self.streaks: dict[str, int] = {}
        self.now = self.asked_at = -NEVER
        self.recent: deque[tuple[float, Value]] = deque(maxlen=RECENT)
        self.follow_recent: deque[tuple[float, Value]] = deque(maxlen=RECENT)

    # -- what it hears ------------------------------------------------------------------------------

    def take(self, reading: Reading) -> bool:
        condition, before = self.condition, self.causes.value(reading.part)
        follows = reading.signal == condition.follow_signal and self.follow.takes(reading.value)
        causes = reading.signal == condition.signal and self.wanted.takes(reading.value)
        last = self.follows.value(reading.part)
        follows = follows and self.follows.take(reading, counts=condition.follow_type == "counter")
        causes = causes and self.causes.take(reading, counts=condition.type == "counter")
        if not follows and not causes:
            return False
        if not reading.retained and reading.at > self.now:
            self.now = reading.at
            self._settle()
        if follows:  # first: of one signal, a new state ends the one before
            self._hear_follow(reading, last)
        if causes and not reading.retained and self.wanted.begins(before, reading.value):
            self._hear_cause(reading)
        return True

    def _settle(self) -> None:
        """What was not met in its time is missed for good, now that a later instant was heard."""
        if not self.open:
            return
        within = self.condition.within
        late = sorted((at + within, part) for part, at in self.open.items() if at + within < self.now)
        for end, part in late:
            del self.open[part]
            if part in self.told:
                self.told.remove(part)
                continue
            self.misses.append(end)
            self.streaks[part] = self.streaks.get(part, 0) + 1
        del self.misses[: -self._keep()]

    def _keep(self) -> int:
        return max(WINDOW_MIN, math.ceil(self.condition.at_least))

    def _hear_cause(self, reading: Reading) -> None:
        at, part = reading.at, reading.part
        end = at + self.condition.within
        if end < self.now or part in self.open:
            return
        self.asked_at = max(self.asked_at, at)
        self.recent.append((at, reading.value))
        spans = self.spans.values() if part == "" else self._of(self.spans, part)
        if any(span.meets(at, end) for span in spans):
            self._meet(part)
        else:
            self.open[part] = at

    def _hear_follow(self, reading: Reading, before: Value | None) -> None:
        at, part, follow = reading.at, reading.part, self.follow
        if follow.happens:
            wanted = not reading.retained and follow.begins(before, reading.value)
            to = at
        else:
            wanted, to = follow.test(reading.value), at + reading.holds
        span = self.spans.get(part)
        if not wanted:
            if span is not None and not follow.happens and span.to >= at:
                self.spans[part] = Span(span.since, math.nextafter(at, -NEVER))
            return
        joined = span is not None and not follow.happens and span.to >= at
        self.spans[part] = span = Span(span.since if span and joined else at, to)
        self.follow_recent.append((at, reading.value))
        for asked in list(self.open) if part == "" else [each for each in ("", part) if each in self.open]:
            start = self.open[asked]
            if span.meets(start, start + self.condition.within):
                del self.open[asked]
                self._meet(asked)

    @staticmethod
    def _of(spans: dict[str, Span], part: str) -> Iterable[Span]:
        return (spans[each] for each in ("", part) if each in spans)

    def _meet(self, part: str) -> None:
        self.streaks.pop(part, None)
        self.told.discard(part)

    # -- what it says -------------------------------------------------------------------------------

    def _passed(self, at: float) -> list[float]:
        """Ends of open expectations that nobody met, as far as is known at `at`."""
        within = self.condition.within
        ends = [asked + within for part, asked in self.open.items() if part not in self.told]
        return [end for end in ends if end < at]

    def _missed(self, at: float) -> int:
        """How many misses count at `at`."""
        over, passed = self.condition.over, self._passed(at) if self.open else []
        if not over:
            return sum(self.streaks.values()) + len(passed)
        gone = bisect_left(self.misses, at, key=lambda miss: miss + over)
        return len(self.misses) - gone + sum(end + over >= at for end in passed)

    def verdict(self, at: float) -> Verdict:
        if self.asked_at == -NEVER:
            return None
        return self._missed(at) >= self.condition.at_least

    def until(self, at: float) -> float:
        over = self.condition.over
        ends = [asked + self.condition.within for part, asked in self.open.items() if part not in self.told]
        due = min((end for end in ends if end >= at), default=NEVER)
        if not over:
            return due
        leaving = min((end + over for end in ends if end < at <= end + over), default=NEVER)
        oldest = bisect_left(self.misses, at, key=lambda miss: miss + over)
        if oldest < len(self.misses):
            leaving = min(leaving, self.misses[oldest] + over)
        return min(due, leaving)

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        """Misses for good over those allowed; one that only time has passed is worth no more than that."""
        return max(1.0, self._missed(self.now) / self.condition.at_least)

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        misses = sorted([*self.misses, *self._passed(at)])[-RECENT:]
        waiting = [[part, asked, asked + condition.within] for part, asked in self.open.items()]
        return {
            "verb": "then", "signal": condition.signal, "unit": "", "value": self._missed(at),
            "limit": condition.at_least, "within": condition.within, "over": condition.over,
            "states": condition.states, "above": condition.above, "below": condition.below,
            "follow": condition.follow_signal, "follow_states": condition.follow_states,
            "follow_above": condition.follow_above, "follow_below": condition.follow_below,
            "misses": misses, "waiting": waiting[:RECENT],
            "missed_parts": [part for part, count in self.streaks.items() if count][:RECENT],
            "at": None if self.asked_at == -NEVER else self.asked_at, "verdict": self.verdict(at),
            "recent": list(self.recent), "follow_recent": list(self.follow_recent),
        }  # fmt: skip

    # -- acts and restarts --------------------------------------------------------------------------

    def disarm(self) -> None:
        """What was asked for until now is not held against it any more, answered or not."""
        self.misses, self.streaks, self.told = array("d"), {}, set(self.open)

    def renew(self) -> None:
        """Nothing was asked; in which state everything stands is still known."""
        self.open, self.told, self.misses, self.streaks = {}, set(), array("d"), {}
        self.asked_at = -NEVER
        self.recent.clear()
        self.follow_recent.clear()

    def dump(self) -> Any:
        return [
            self.causes.dump(), self.follows.dump(), [[part, *span] for part, span in self.spans.items()],
            self.now, self.asked_at, dict(self.open), sorted(self.told), list(self.misses),
            dict(self.streaks), list(self.recent), list(self.follow_recent),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.causes.load(data[0])
        self.follows.load(data[1])
        self.spans = {part: Span(since, to) for part, since, to in data[2]}
        self.now, self.asked_at, self.open = data[3], data[4], dict(data[5])
        self.told, self.misses, self.streaks = set(data[6]), array("d", data[7]), dict(data[8])
        self.recent = deque(((at, value) for at, value in data[9]), RECENT)
        self.follow_recent = deque(((at, value) for at, value in data[10]), RECENT)

"""The leaves of a rule: what is asked of one signal, and what is remembered to answer it.

Each condition is a frozen definition with `memory()`, and each memory answers `verdict(at)`: true, false
or unknown at an instant of event time. `until(at)` says when the verdict would change by itself.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any, NamedTuple, Protocol

from foretell.engine.facts import TICK, Reading, Value, Verdict
from foretell.engine.windows import EventWindow, Reference, ReferenceSample, cusum_step

NEVER = float("inf")
RECENT = 8
"""Readings kept with each condition, so that a change can show what it was judged on."""


class Memory(Protocol):
    """What a condition remembers for one watch."""

    def take(self, reading: Reading) -> bool:
        """Learn one reading; False when it was late or a repetition and changed nothing."""
        ...

    def verdict(self, at: float) -> Verdict: ...

    def until(self, at: float) -> float:
        """The event time up to which the verdict stands if nothing more is heard."""
        ...

    def measure(self) -> float:
        """How bad it is, in steps of the limit; used to tell news from more of the same."""
        ...

    def evidence(self, at: float) -> dict[str, Any]: ...

    def disarm(self) -> None:
        """The watch was cleared: only something new may make this true again."""
        ...

    def dump(self) -> Any: ...

    def load(self, data: Any) -> None: ...


class Level(NamedTuple):
    """A value against limits: `above`, `below`, `outside` (low, high) or one of the words `states`.

    Missing data: unknown once the last value no longer holds. No warm-up; one reading suffices.
    """

    signal: str
    unit: str = ""
    above: float | None = None
    below: float | None = None
    outside: bool = False
    states: tuple[str, ...] = ()

    def memory(self) -> LevelMemory:
        return LevelMemory(self)

    def test(self, value: Value) -> bool:
        if isinstance(value, str):
            return value in self.states
        if self.outside:
            return value < (self.below or 0.0) or value > (self.above or 0.0)
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)


class LevelMemory:
    """The last value of the signal."""

    __slots__ = ("at", "condition", "holds_until", "recent", "value")

    def __init__(self, condition: Level) -> None:
        self.condition = condition
        self.value: Value | None = None
        self.at = -NEVER
        self.holds_until = NEVER
        self.recent: deque[tuple[float, Value]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        at = reading.at
        if at < self.at:
            return False
        self.at = at
        self.value = reading.value
        self.holds_until = at + reading.holds
        self.recent.append((at, reading.value))
        return True

    def verdict(self, at: float) -> Verdict:
        value = self.value
        if value is None or at > self.holds_until:
            return None
        return self.condition.test(value)

    def until(self, at: float) -> float:
        return self.holds_until if at <= self.holds_until else NEVER

    def measure(self) -> float:
        limit = self.limit()
        if isinstance(self.value, str) or self.value is None or not isinstance(limit, float):
            return 0.0
        return abs(self.value - limit) / max(abs(limit), 1e-9)

    def limit(self) -> Value | tuple[str, ...]:
        condition, value = self.condition, self.value
        if condition.states:
            return condition.states
        if condition.above is None or (condition.below is not None and isinstance(value, float) and value < condition.below):
            return condition.below if condition.below is not None else 0.0
        return condition.above

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        verb = "is" if condition.states else "outside" if condition.outside else "above" if condition.above is not None else "below"
        return {
            "verb": verb, "signal": condition.signal, "unit": condition.unit, "value": self.value,
            "limit": self.limit(), "at": self.at, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """A level is judged anew with every value; there is nothing to disarm."""

    def dump(self) -> Any:
        return [self.value, self.at, self.holds_until, list(self.recent)]

    def load(self, data: Any) -> None:
        self.value, self.at, self.holds_until = data[0], data[1], data[2]
        self.recent.extend((at, value) for at, value in data[3])


class Count(NamedTuple):
    """At least `limit` events within `over` seconds, or within the last `operations` of another signal.

    What is an event: a reading of an event signal (with one of `states`, if given), a state entered, each
    step of a counter, a gauge beyond `above`/`below`. The window is closed at its old end: an event
    exactly `over` ago still counts. Duplicates (same instant, part and value) count once; a late event
    counts where it belongs. Missing data: what was not heard is not counted. Per operations, unknown
    until that many operations were seen, unless the limit is already reached.
    """

    signal: str
    type: str
    limit: float
    over: float = 0.0
    operations: float = 0.0
    operation_signal: str = ""
    operation_type: str = ""
    states: tuple[str, ...] = ()
    above: float | None = None
    below: float | None = None

    def memory(self) -> CountMemory:
        return CountMemory(self)


class CountMemory:
    """The newest events, the last value by part, and how many operations went by."""

    __slots__ = ("armed", "condition", "done", "first_done", "last", "last_event", "window")

    def __init__(self, condition: Count) -> None:
        self.condition = condition
        self.window = EventWindow(keep=max(64, int(condition.limit)))
        self.last: dict[str, tuple[float, Value]] = {}
        self.last_event = -NEVER
        self.armed = True
        self.done = 0.0
        self.first_done = False

    def take(self, reading: Reading) -> bool:
        if reading.signal == self.condition.operation_signal:
            self._operate(reading)
            if reading.signal != self.condition.signal:
                return True
        weight = self._weight(reading)
        if weight <= 0.0 or reading.retained:
            return weight == 0.0
        per_operations = bool(self.condition.operations)
        position = self.done if per_operations else reading.at
        if not per_operations and position < self.last_event - self.condition.over:
            return False
        if not self.window.add(position, reading.part if not per_operations else f"{reading.part}@{reading.at}", weight):
            return False
        self.last_event = max(self.last_event, reading.at)
        self.armed = True
        return True

    def _weight(self, reading: Reading) -> float:
        """How many events this reading is: -1 for one that comes too late to be judged."""
        condition, value = self.condition, reading.value
        if condition.type == "event":
            return 1.0 if not condition.states or value in condition.states else 0.0
        before = self.last.get(reading.part)
        if before is not None and reading.at < before[0]:
            return -1.0
        self.last[reading.part] = (reading.at, value)
        if condition.type == "counter" and isinstance(value, float):
            return _steps(None if before is None else before[1], value)
        if condition.type == "state":
            entered = before is not None and before[1] != value
            return 1.0 if entered and (not condition.states or value in condition.states) else 0.0
        beyond = isinstance(value, float) and (
            (condition.above is not None and value > condition.above)
            or (condition.below is not None and value < condition.below)
        )
        return 1.0 if beyond and (before is None or before != (reading.at, value)) else 0.0

    def _operate(self, reading: Reading) -> None:
        key = f"operations {reading.part}"
        before = self.last.get(key)
        if before is not None and reading.at < before[0]:
            return
        self.last[key] = (reading.at, reading.value)
        if self.condition.operation_type == "counter" and isinstance(reading.value, float):
            self.done += _steps(None if before is None else before[1], reading.value)
        elif not reading.retained and (before is None or before != (reading.at, reading.value)):
            self.done += 1.0

    def verdict(self, at: float) -> Verdict:
        condition = self.condition
        if condition.operations:
            self.window.drop_before(self.done - condition.operations)
            if self.armed and self.window.total() >= condition.limit:
                return True
            return False if self.done >= condition.operations else None
        if len(self.window.events) == 0:
            return False
        self.window.drop_before(at - condition.over)
        return self.armed and self.window.total() >= condition.limit

    def until(self, at: float) -> float:
        if self.condition.operations or not self.armed:
            return NEVER
        leaving = self.window.falls_below(self.condition.limit)
        return NEVER if leaving is None else leaving + self.condition.over

    def measure(self) -> float:
        return self.window.total() / self.condition.limit

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        return {
            "verb": "count", "signal": condition.signal, "unit": "", "value": self.window.total(),
            "limit": condition.limit, "over": condition.over, "operations": condition.operations,
            "of": condition.operation_signal, "states": condition.states, "at": self.last_event,
            "verdict": self.verdict(at),
            "recent": [(position, weight) for position, _, weight in self.window.events[-RECENT:]],
        }  # fmt: skip

    def disarm(self) -> None:
        self.armed = False

    def dump(self) -> Any:
        last = [[part, at, value] for part, (at, value) in self.last.items()]
        return [self.window.events, last, self.last_event, self.armed, self.done]

    def load(self, data: Any) -> None:
        self.window.events = [(position, part, weight) for position, part, weight in data[0]][-self.window.keep :]
        self.last = {part: (at, value) for part, at, value in data[1]}
        self.last_event, self.armed, self.done = data[2], data[3], data[4]


def _steps(before: Value | None, now: float) -> float:
    """Steps of a counter since its last value; a fall is a restart from zero, never a negative count."""
    if not isinstance(before, float):
        return 0.0
    return now - before if now >= before else now


class Drift(NamedTuple):
    """A lasting shift away from the device's own reference (one-sided CUSUM, `up` or down).

    Warm-up: unknown until `against` seconds were observed and `at_least` values seen; their median and
    1.4826 x MAD are the reference, which then stays until a repair. A gap adds no more observed time than
    a hundredth of `against`, so a long stand-still is not taken for experience. `shift` is
    what should be found, in the signal's unit or, if `in_sigmas`, in scales of the reference; the
    allowance is half of it and the decision limit `decision` scales. With `bucket` seconds the sum is fed
    the median of each bucket, not each value. Missing data adds nothing and clears nothing.
    Page 1954; Montgomery, "Statistical Quality Control", ch. 9.
    """

    signal: str
    unit: str
    shift: float
    up: bool
    in_sigmas: bool
    against: float
    at_least: int = 30
    decision: float = 5.0
    bucket: float = 0.0

    def memory(self) -> DriftMemory:
        return DriftMemory(self)


class DriftMemory:
    """First the sample of the reference, then the cumulative sum."""

    __slots__ = ("alarm", "at", "bucket", "bucket_from", "condition", "holds_until", "last", "observed",
                 "recent", "reference", "sample", "total")  # fmt: skip

    def __init__(self, condition: Drift) -> None:
        self.condition = condition
        self.sample: ReferenceSample | None = ReferenceSample()
        self.reference: Reference | None = None
        self.total = 0.0
        self.alarm = False
        self.at = -NEVER
        self.observed = 0.0
        self.last: tuple[str, float] | None = None
        self.holds_until = NEVER
        self.bucket: list[float] = []
        self.bucket_from = -NEVER
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        value = reading.value
        if not isinstance(value, float) or reading.at < self.at:
            return False
        if reading.at == self.at and self.last == (reading.part, value):
            return False
        if self.at == -NEVER:
            self.at = self.bucket_from = reading.at
        if self.sample is not None:
            self.observed += min(reading.at - self.at, self.condition.against / 100)
        self.at, self.last = reading.at, (reading.part, value)
        self.holds_until = reading.at + reading.holds
        if not self.condition.bucket:
            self._feed(reading.at, value)
            return True
        if reading.at - self.bucket_from >= self.condition.bucket and self.bucket:
            self._feed(self.bucket_from, statistics.median(self.bucket))
            self.bucket = []
            self.bucket_from = reading.at
        if len(self.bucket) < 1000:
            self.bucket.append(value)
        return True

    def _feed(self, at: float, value: float) -> None:
        self.recent.append((at, value))
        if self.sample is not None:
            self.sample.add(value)
            if self.observed >= self.condition.against and self.sample.seen >= self.condition.at_least:
                self.reference = self.sample.reference(0.0)
                self.sample = None
            return
        reference = self.reference
        assert reference is not None
        condition = self.condition
        shift = condition.shift if condition.in_sigmas else condition.shift / reference.scale
        excess = (value - reference.centre) / reference.scale
        self.total = cusum_step(self.total, excess if condition.up else -excess, shift / 2, 2 * condition.decision)
        if self.total > condition.decision:
            self.alarm = True
        elif self.total == 0.0:
            self.alarm = False

    def verdict(self, at: float) -> Verdict:
        if self.reference is None or at > self.holds_until:
            return None
        return self.alarm

    def until(self, at: float) -> float:
        return self.holds_until if at <= self.holds_until else NEVER

    def measure(self) -> float:
        if self.reference is None or not self.recent:
            return 0.0
        return abs(self.recent[-1][1] - self.reference.centre) / self.reference.scale

    def evidence(self, at: float) -> dict[str, Any]:
        condition, reference = self.condition, self.reference
        return {
            "verb": "drift", "signal": condition.signal, "unit": condition.unit, "up": condition.up,
            "value": self.recent[-1][1] if self.recent else None, "limit": condition.decision, "sum": self.total,
            "shift": condition.shift, "in_sigmas": condition.in_sigmas,
            "reference": None if reference is None else list(reference), "at": self.at,
            "warming_up": reference is None, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        self.alarm = False
        self.total = 0.0

    def dump(self) -> Any:
        return [
            None if self.sample is None else self.sample.dump(), self.reference and list(self.reference), self.total,
            self.alarm, self.at, self.observed, self.last, self.holds_until, self.bucket, self.bucket_from,
            list(self.recent),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        if data[0] is None:
            self.sample = None
        elif self.sample is not None:
            self.sample.load(data[0])
        self.reference = Reference(*data[1]) if data[1] else None
        self.total, self.alarm, self.at, self.observed = data[2], data[3], data[4], data[5]
        self.last = (data[6][0], data[6][1]) if data[6] else None
        self.holds_until, self.bucket, self.bucket_from = data[7], list(data[8]), data[9]
        self.recent.extend((at, value) for at, value in data[10])


class Silent(NamedTuple):
    """Nothing heard for `limit` seconds: from the device at all, or of one `signal`.

    Runs on arrival, and only while we were connected ourselves: our own outage is not the device's.
    A device that is listed and never spoke is silent from the start.
    """

    signal: str
    limit: float

    def memory(self) -> SilentMemory:
        return SilentMemory(self)


class SilentMemory:
    """When it was last heard, on the engine's connected clock; set by the watch, not by event time."""

    __slots__ = ("condition", "heard", "silent")

    def __init__(self, condition: Silent) -> None:
        self.condition = condition
        self.heard = 0.0
        self.silent = False

    def take(self, reading: Reading) -> bool:
        return True

    def verdict(self, at: float) -> Verdict:
        return self.silent

    def until(self, at: float) -> float:
        return NEVER

    def measure(self) -> float:
        return 0.0

    def evidence(self, at: float) -> dict[str, Any]:
        return {
            "verb": "silent", "signal": self.condition.signal, "unit": "s", "value": None,
            "limit": self.condition.limit, "at": at, "verdict": self.silent, "recent": [],
        }  # fmt: skip

    def disarm(self) -> None:
        """Silence ends with the next word; there is nothing to disarm."""

    def dump(self) -> Any:
        return [self.heard, self.silent]

    def load(self, data: Any) -> None:
        self.heard, self.silent = data


Condition = Level | Count | Drift | Silent


class Node(NamedTuple):
    """One place of the tree `all`/`any`/`not`; a `leaf` points at a condition by its index."""

    verb: str
    leaf: int = -1
    below: tuple[Node, ...] = ()


def judge(node: Node, verdicts: list[Verdict]) -> Verdict:
    """The tree over the verdicts of its leaves, in Kleene's three-valued logic."""
    if node.verb == "leaf":
        return verdicts[node.leaf]
    if node.verb == "not":
        verdict = judge(node.below[0], verdicts)
        return None if verdict is None else not verdict
    decides = node.verb == "any"
    unknown = False
    for each in node.below:
        verdict = judge(each, verdicts)
        if verdict is decides:
            return decides
        unknown = unknown or verdict is None
    return None if unknown else not decides


def just_after(instant: float) -> float:
    """An instant at which a deadline that lay at `instant` has passed."""
    return instant + TICK

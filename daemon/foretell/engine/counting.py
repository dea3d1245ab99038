"""How often something happened: over a time, or per so many operations."""

from __future__ import annotations

from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Value, Verdict
from foretell.engine.windows import EventWindow

WINDOW_MIN = 48
"""Events kept even where the limit is lower, so that a ticket can tell how far beyond it things went."""


class Count(NamedTuple):
    """At least `limit` events within `over` seconds, or within the last `operations` of another signal.

    What is an event: a reading of an event signal (with one of `states`, if given), a state entered, each
    step of a counter, a gauge beyond `above`/`below`. The window is closed at its old end: an event
    exactly `over` ago still counts. Duplicates (same instant, part and value) count once; a late event
    counts where it belongs. Missing data: what was not heard is not counted. Per operations, unknown
    until that many operations were seen, unless the limit is already reached. With `absence` the rule
    asks that it does *not* happen: unknown until the signal was heard for a whole window.
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
    absence: bool = False

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal, self.operation_signal) if self.operation_signal else (self.signal,)

    @property
    def samples(self) -> bool:
        # Asked for its absence, an event is a good word, whenever it comes.
        return self.type in ("gauge", "event") and not self.absence

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        return f"Count {self.signal} per {self.operation_signal}"

    def memory(self) -> CountMemory:
        return CountMemory(self)


class CountMemory:
    """The newest events, the last value by part, and how many operations went by."""

    __slots__ = ("armed", "condition", "done", "first", "last", "last_event", "operated", "window")

    def __init__(self, condition: Count) -> None:
        self.condition = condition
        self.window = EventWindow(keep=max(WINDOW_MIN, int(condition.limit)))
        self.last: dict[str, tuple[float, Value]] = {}
        self.operated: dict[str, tuple[float, Value]] = {}
        self.first = NEVER
        self.last_event = -NEVER
        self.armed = True
        self.done = 0.0

    def take(self, reading: Reading) -> bool:
        condition = self.condition
        if reading.signal == condition.operation_signal:
            news = self._operate(reading)
            if reading.signal != condition.signal:
                return news
        weight = self._weight(reading)
        if weight < 0.0:
            return False
        self.first = min(self.first, reading.at)
        return weight == 0.0 or (not reading.retained and self._record(reading, weight))

    def _record(self, reading: Reading, weight: float) -> bool:
        """Count an event; False for one that is too late or was counted before."""
        condition, at = self.condition, reading.at
        if condition.over and at < self.last_event - condition.over:
            return False
        key = reading.part
        if condition.type in ("event", "state"):
            key = f"{reading.part}={reading.value}"
            if at <= self.last_event and self.window.has(at, key):
                return False
        self.window.add(at if condition.over else self.done, at, key, weight)
        self.last_event = max(self.last_event, at)
        self.armed = True
        return True

    def _weight(self, reading: Reading) -> float:
        """How many events this reading is: -1 for one that cannot be judged (late, or of the wrong type)."""
        condition, value = self.condition, reading.value
        if condition.type == "event":
            return 1.0 if not condition.states or value in condition.states else 0.0
        if isinstance(value, str) is not (condition.type == "state"):
            return -1.0
        before = self.last.get(reading.part)
        if before is None and len(self.last) >= PARTS_MAX:
            return -1.0
        if before is not None and reading.at <= before[0] and _is_stale(condition.type, reading, before):
            return -1.0
        self.last[reading.part] = (reading.at, value)
        if condition.type == "counter" and isinstance(value, float):
            return _steps(None if before is None else before[1], value)
        if condition.type == "state":
            entered = before is not None and before[1] != value
            return 1.0 if entered and (not condition.states or value in condition.states) else 0.0
        if before == (reading.at, value):
            return 0.0
        return 1.0 if self._beyond(value) else 0.0

    def _beyond(self, value: Value) -> bool:
        above, below = self.condition.above, self.condition.below
        if isinstance(value, str):
            return False
        return (above is not None and value > above) or (below is not None and value < below)

    def _operate(self, reading: Reading) -> bool:
        """Count operations; an event counts as one, a counter by its steps, anything else by its readings."""
        before = self.operated.get(reading.part)
        counter = self.condition.operation_type == "counter"
        if before is None and len(self.operated) >= PARTS_MAX:
            return False
        if counter and isinstance(reading.value, str):
            return False
        if before is not None and reading.at <= before[0]:
            kind = self.condition.operation_type
            if before == (reading.at, reading.value) or _is_stale(kind, reading, before):
                return False
        self.operated[reading.part] = (reading.at, reading.value)
        if not counter:
            self.done += 0.0 if reading.retained else 1.0
        elif isinstance(reading.value, float):
            self.done += _steps(None if before is None else before[1], reading.value)
        return True

    def verdict(self, at: float) -> Verdict:
        condition, window = self.condition, self.window
        if condition.operations:
            window.drop_before(self.done - condition.operations)
            if self.armed and window.total >= condition.limit:
                return True
            return False if self.done >= condition.operations else None
        if window.positions:
            window.drop_before(at - condition.over)
            if self.armed and window.total >= condition.limit:
                return True
        return None if condition.absence and not at > self.first + condition.over else False

    def until(self, at: float) -> float:
        condition = self.condition
        if condition.operations:
            return NEVER
        covered = self.first + condition.over if condition.absence else -NEVER
        if not self.armed:
            return covered if covered >= at else NEVER
        leaving = self.window.falls_below(condition.limit)
        if leaving is not None:
            return max(at, leaving + condition.over)
        return covered if covered >= at else NEVER

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        return self.window.total / self.condition.limit

    def evidence(self, at: float) -> dict[str, Any]:
        condition, window = self.condition, self.window
        verdict = self.verdict(at)
        return {
            "verb": "count", "signal": condition.signal, "unit": "", "value": window.total,
            "limit": condition.limit, "over": condition.over, "operations": condition.operations,
            "of": condition.operation_signal, "states": condition.states, "at": self.last_event,
            "verdict": verdict,
            "recent": list(zip(window.ats[-RECENT:], window.weights[-RECENT:], strict=True)),
        }  # fmt: skip

    def disarm(self) -> None:
        """What was counted may not open it again; asked for its absence, there is nothing to forget."""
        self.armed = self.condition.absence

    def renew(self) -> None:
        self.load(CountMemory(self.condition).dump())

    def dump(self) -> Any:
        return [
            self.window.dump(), _dump_values(self.last), _dump_values(self.operated), self.first,
            self.last_event, self.armed, self.done,
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        self.window.load(data[0])
        self.last, self.operated = _load_values(data[1]), _load_values(data[2])
        self.first, self.last_event, self.armed, self.done = data[3:]


def _steps(before: Value | None, now: float) -> float:
    """Steps of a counter since its last value; a fall is a restart from zero, never a negative count."""
    if not isinstance(before, float):
        return 0.0
    return now - before if now >= before else max(now, 0.0)


def _is_stale(kind: str, reading: Reading, before: tuple[float, Value]) -> bool:
    """Older than what is known; or of the same instant, where a lower counter is not a restart."""
    at, value = before
    if reading.at < at:
        return True
    lower = isinstance(value, float) and isinstance(reading.value, float) and reading.value < value
    return kind == "counter" and lower


def _dump_values(values: dict[str, tuple[float, Value]]) -> list[list[Any]]:
    return [[part, at, value] for part, (at, value) in values.items()]


def _load_values(data: Any) -> dict[str, tuple[float, Value]]:
    return {part: (at, value) for part, at, value in data}

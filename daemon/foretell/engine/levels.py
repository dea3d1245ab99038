"""A value against limits, and nothing heard at all: the two conditions that need no past."""

from __future__ import annotations

from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, RECENT, Reading, Value, Verdict


class Level(NamedTuple):
    """A value against limits: `above`, `below`, `outside` (low, high) or one of the words `states`.

    Missing data: unknown once the last value no longer holds. No warm-up; one reading suffices.
    With `momentary` the signal happens rather than stands, so a word kept by the broker says nothing.
    """

    signal: str
    unit: str = ""
    above: float | None = None
    below: float | None = None
    outside: bool = False
    states: tuple[str, ...] = ()
    momentary: bool = False

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return False

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        return f"Level {self.signal}"

    def memory(self) -> LevelMemory:
        return LevelMemory(self)

    def test(self, value: Value) -> bool:
        if isinstance(value, str):
            return value in self.states
        if self.above is not None and value > self.above:
            return True
        return self.below is not None and value < self.below


class LevelMemory:
    """The last value of the signal."""

    __slots__ = ("at", "condition", "holds_until", "recent", "value", "wants")

    def __init__(self, condition: Level) -> None:
        self.condition = condition
        self.wants: type[Value] = str if condition.states else float
        self.value: Value | None = None
        self.at = -NEVER
        self.holds_until = NEVER
        self.recent: list[tuple[float, Value]] = []

    def take(self, reading: Reading) -> bool:
        at, value = reading.at, reading.value
        if at < self.at or value.__class__ is not self.wants:
            return False
        if reading.retained and self.condition.momentary:
            return False
        if at == self.at and value == self.value:
            return False  # a retransmission
        self.at = at
        self.value = value
        self.holds_until = at + reading.holds
        recent = self.recent
        if len(recent) == RECENT:  # a list of eight is a quarter of the smallest deque
            del recent[0]
        recent.append((at, value))
        return True

    def verdict(self, at: float) -> Verdict:
        value = self.value
        if value is None or at > self.holds_until:
            return None
        return self.condition.test(value)

    def until(self, at: float) -> float:
        return self.holds_until if at <= self.holds_until else NEVER

    def gone(self, at: float) -> bool:
        return self.value is not None and at > self.holds_until

    def measure(self) -> float:
        limit, value = self.limit(), self.value
        if not isinstance(value, float) or not isinstance(limit, float):
            return 0.0
        return abs(value - limit) / max(abs(limit), 1e-9)

    def limit(self) -> Value | tuple[str, ...] | None:
        """The limit that the value is beyond, or the one that it would meet first."""
        condition, value = self.condition, self.value
        if condition.states:
            return condition.states
        if condition.above is None or condition.below is None:
            return condition.below if condition.above is None else condition.above
        middle = (condition.above + condition.below) / 2
        return condition.below if isinstance(value, float) and value < middle else condition.above

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        verb = "outside" if condition.outside else "below" if condition.above is None else "above"
        return {
            "verb": "is" if condition.states else verb, "signal": condition.signal, "unit": condition.unit,
            "value": self.value, "limit": self.limit(), "at": self.at, "verdict": self.verdict(at),
            "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """A level is judged anew with every value; there is nothing to disarm."""

    def renew(self) -> None:
        self.load(LevelMemory(self.condition).dump())

    def dump(self) -> Any:
        return [self.value, self.at, self.holds_until, list(self.recent)]

    def load(self, data: Any) -> None:
        self.value, self.at, self.holds_until = data[0], data[1], data[2]
        self.recent = [(at, value) for at, value in data[3]]


class Silent(NamedTuple):
    """Nothing heard for `limit` seconds: from the device at all, or of one `signal`.

    Runs on arrival, and only while we were connected ourselves: our own outage is not the device's.
    A device that is listed and never spoke is silent from the start.
    """

    signal: str
    limit: float

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,) if self.signal else ()

    @property
    def samples(self) -> bool:
        return False

    @property
    def restless(self) -> bool:
        return False  # its time is the connected clock's, which the watch keeps

    def shape(self) -> str:
        return f"Silent {self.signal}"

    def memory(self) -> SilentMemory:
        return SilentMemory(self)


class SilentMemory:
    """When it was last heard, on the engine's connected clock; set by the watch, not by event time."""

    __slots__ = ("condition", "heard", "silent")

    def __init__(self, condition: Silent) -> None:
        self.condition = condition
        self.heard = 0.0
        self.silent = False

    def hear(self, clock: float) -> bool:
        """It spoke; True when a silence ends with that."""
        ended, self.silent = self.silent, False
        self.heard = clock
        return ended

    def fall_silent(self, clock: float) -> bool:
        """Mark it silent if it has been for long enough; True when it newly is."""
        if self.silent or clock <= self.heard + self.condition.limit:
            return False
        self.silent = True
        return True

    def take(self, reading: Reading) -> bool:
        return True

    def verdict(self, at: float) -> Verdict:
        return self.silent

    def until(self, at: float) -> float:
        return NEVER

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        return 0.0

    def evidence(self, at: float) -> dict[str, Any]:
        return {
            "verb": "silent", "signal": self.condition.signal, "unit": "s", "value": None,
            "limit": self.condition.limit, "at": at, "verdict": self.silent, "recent": [],
        }  # fmt: skip

    def disarm(self) -> None:
        """Silence ends with the next word; there is nothing to disarm."""

    def renew(self) -> None:
        """When it was last heard does not hang on a repair."""

    def dump(self) -> Any:
        return [self.heard, self.silent]

    def load(self, data: Any) -> None:
        self.heard, self.silent = data

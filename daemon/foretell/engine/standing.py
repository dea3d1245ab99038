"""A value that no longer moves, and one that cannot stay: stuck and flapping."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from typing import Any, NamedTuple

from foretell.engine.counting import WINDOW_MIN
from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Value, Verdict
from foretell.engine.windows import EventWindow

SAME_INSTANT_MAX = 8
"""Different values of one part that one instant may have; a device with a coarse clock says several."""

ROUNDING = 1e-9
"""Share of a value that is rounding and not movement: 20.1 less 20.0 is a little more than 0.1."""


class Newest:
    """The newest reading of each part, of at most PARTS_MAX; what is late or was heard before is refused.

    Of one instant each value is taken once, in the order they come. A counter that is lower at the same
    instant, or lower in what the broker kept, is old and not a restart.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, tuple[Value, ...]]] = {}

    def value(self, part: str) -> Value | None:
        known = self.parts.get(part)
        return None if known is None else known[1][-1]

    def take(self, reading: Reading, counts: bool = False) -> bool:
        """Learn it; False if it is late, a repetition or of one part too many."""
        part, at, value = reading.part, reading.at, reading.value
        known = self.parts.get(part)
        if known is None:
            if len(self.parts) >= PARTS_MAX:
                return False
            self.parts[part] = (at, (value,))
            return True
        if at < known[0] or (counts and _is_lower(reading, known)):
            return False
        if at > known[0]:
            self.parts[part] = (at, (value,))
            return True
        if value in known[1] or len(known[1]) >= SAME_INSTANT_MAX:
            return False
        self.parts[part] = (at, (*known[1], value))
        return True

    def dump(self) -> Any:
        return [[part, at, list(values)] for part, (at, values) in self.parts.items()]

    def load(self, data: Any) -> None:
        self.parts = {part: (at, tuple(values)) for part, at, values in data}


def _is_lower(reading: Reading, known: tuple[float, tuple[Value, ...]]) -> bool:
    before, now = known[1][-1], reading.value
    old = reading.retained or reading.at == known[0]
    return old and isinstance(before, float) and isinstance(now, float) and now < before


def steps(before: Value | None, now: Value) -> float:
    """Steps of a counter since its last value; a fall is a restart from zero, never a negative count."""
    if not isinstance(before, float) or not isinstance(now, float):
        return 0.0
    return now - before if now >= before else max(now, 0.0)


class Stuck(NamedTuple):
    """Readings keep coming, and yet the value stays in a band no wider than `within` (in the unit).

    True once the readings of one run span `over` seconds and are `at_least` many; it ends with the first
    value outside the band, with which a new run begins. Each part runs apart, and the whole is stuck if
    any part is. A run ends in a gap too: where a value no longer held, nobody saw it stand still. What the
    broker kept is not a reading that keeps coming. Unknown before the first reading, and once no part has
    a value that holds; a stuck part that falls silent stays stuck while others speak. Late readings are
    refused. False while a run is still short.

    The field calls it flatline; UDMI has it as the point model's `unchanged_limit_sec` (faucetsdn/udmi),
    and fault detection in the way of ASHRAE Guideline 36 asks it before it trusts a sensor.
    """

    signal: str
    unit: str
    over: float
    within: float = 0.0
    at_least: int = 10

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
        return f"Stuck {self.signal}"

    def memory(self) -> StuckMemory:
        return StuckMemory(self)

    def holds(self, low: float, high: float) -> bool:
        """The band from `low` to `high` is narrow enough."""
        return high - low <= self.within + ROUNDING * max(abs(low), abs(high))


class Run(NamedTuple):
    """Readings of one part that stayed in the band; `told` if its watch was cleared while it was stuck."""

    first: float
    last: float
    low: float
    high: float
    readings: int
    holds_until: float
    told: bool

    def is_stuck(self, condition: Stuck) -> bool:
        long = self.last - self.first >= condition.over and self.readings >= condition.at_least
        return long and condition.holds(self.low, self.high)


class StuckMemory:
    """One run for each part."""

    __slots__ = ("condition", "newest", "recent", "runs")

    def __init__(self, condition: Stuck) -> None:
        self.condition = condition
        self.newest = Newest()
        self.runs: dict[str, Run] = {}
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        value, at, part = reading.value, reading.at, reading.part
        if not isinstance(value, float) or reading.retained or not self.newest.take(reading):
            return False
        self.recent.append((at, value))
        run, until = self.runs.get(part), at + reading.holds
        if run is not None and at <= run.holds_until:
            low, high = min(run.low, value), max(run.high, value)
            if self.condition.holds(low, high):
                self.runs[part] = Run(run.first, at, low, high, run.readings + 1, until, run.told)
                return True
        self.runs[part] = Run(at, at, value, value, 1, until, False)
        return True

    def _holds_until(self) -> float:
        return max((run.holds_until for run in self.runs.values()), default=-NEVER)

    def _stuck(self) -> list[str]:
        condition = self.condition
        return [part for part, run in self.runs.items() if not run.told and run.is_stuck(condition)]

    def verdict(self, at: float) -> Verdict:
        return None if at > self._holds_until() else bool(self._stuck())

    def until(self, at: float) -> float:
        holds_until = self._holds_until()
        return holds_until if at <= holds_until else NEVER

    def gone(self, at: float) -> bool:
        return bool(self.runs) and at > self._holds_until()

    def measure(self) -> float:
        """How many parts are stuck: that it lasts is no news, that another one joins it is."""
        return float(len(self._stuck()))

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        part = max(self.runs, key=self._worst, default="")
        run = self.runs.get(part)
        return {
            "verb": "stuck", "signal": condition.signal, "unit": condition.unit,
            "value": self.newest.value(part), "limit": condition.within, "over": condition.over,
            "at_least": condition.at_least, "part": part, "stuck_parts": self._stuck()[:RECENT],
            "since": run and run.first, "lasted": run and run.last - run.first,
            "low": run and run.low, "high": run and run.high, "readings": run and run.readings,
            "at": run and run.last, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def _worst(self, part: str) -> tuple[bool, float]:
        run = self.runs[part]
        return not run.told and run.is_stuck(self.condition), run.last - run.first

    def disarm(self) -> None:
        """What is stuck now may not open it again; another run may."""
        for part in self._stuck():
            self.runs[part] = self.runs[part]._replace(told=True)

    def renew(self) -> None:
        self.runs.clear()
        self.recent.clear()

    def dump(self) -> Any:
        runs = [[part, *run] for part, run in self.runs.items()]
        return [self.newest.dump(), runs, list(self.recent)]

    def load(self, data: Any) -> None:
        self.newest.load(data[0])
        self.runs = {part: Run(*run) for part, *run in data[1]}
        self.recent = deque(((at, value) for at, value in data[2]), RECENT)


class Flapping(NamedTuple):
    """At least `at_least` changes within the last `over` seconds; over again at no more than half of it.

    A change is a state other than before, a gauge that goes to the other side of its limit (either way),
    a step of a counter, or a reading of an event signal. Parts change apart and are counted together. The
    window is closed at its old end, and its hysteresis runs on the changes alone: once true, it is true
    until the change has left whose leaving brings the rest to half. What the broker kept sets the state
    and is no change. A late event counts where it belongs if it still lies in the newest window; late
    states and values are refused. Never unknown: what was not heard is not counted.

    A relation of flap detection in Nagios and Icinga, which weighs the newest 21 checks and has two limits.
    """

    signal: str
    type: str
    at_least: float
    over: float
    above: float | None = None
    below: float | None = None

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return self.type in ("gauge", "event")

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        return f"Flapping {self.signal} {self.type}"

    def memory(self) -> FlappingMemory:
        return FlappingMemory(self)

    def side(self, value: Value | None) -> int:
        """Where a gauge's value lies: 1 above, -1 below, 0 between."""
        if not isinstance(value, float):
            return 0
        if self.above is not None and value > self.above:
            return 1
        return -1 if self.below is not None and value < self.below else 0


class FlappingMemory:
    """The newest changes, and the instant to which they keep it true."""

    __slots__ = ("condition", "last_event", "newest", "recent", "true_until", "window")

    def __init__(self, condition: Flapping) -> None:
        self.condition = condition
        self.newest = Newest()
        self.window = EventWindow(keep=max(WINDOW_MIN, math.ceil(condition.at_least)))
        self.last_event = self.true_until = -NEVER
        self.recent: deque[tuple[float, Value]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        condition, at, value = self.condition, reading.at, reading.value
        if condition.type == "event":
            return isinstance(value, float | str) and self._happen(reading, f"{reading.part}={value}", 1.0)
        if isinstance(value, str) is not (condition.type == "state") or not isinstance(value, float | str):
            return False
        before = self.newest.value(reading.part)
        if not self.newest.take(reading, counts=condition.type == "counter"):
            return False
        weight = 0.0 if before is None or reading.retained else self._weight(before, value)
        if weight and at >= self.last_event - condition.over:
            self._record(reading, reading.part, weight)
        return True

    def _weight(self, before: Value, value: Value) -> float:
        condition = self.condition
        if condition.type == "counter":
            return steps(before, value)
        if condition.type == "state":
            return float(value != before)
        return float(condition.side(value) != condition.side(before))

    def _happen(self, reading: Reading, key: str, weight: float) -> bool:
        """An event; False for one that is too late, was counted before, or that the broker kept."""
        at = reading.at
        if reading.retained or at < self.last_event - self.condition.over:
            return False
        if at <= self.last_event and self.window.has(at, key):
            return False
        self._record(reading, key, weight)
        return True

    def _record(self, reading: Reading, key: str, weight: float) -> None:
        at = reading.at
        self.last_event = now = max(self.last_event, at)
        stands = now <= self.true_until  # it is let go before this change, not by it
        self.window.add(at, at, key, weight)
        self.recent.append((at, reading.value))
        self.true_until = -NEVER
        if stands or self._total(now) >= self.condition.at_least:
            self._hold()

    def _hold(self) -> None:
        """It is true until no more than half of the changes remain."""
        leaving = self.window.falls_below(math.nextafter(self.condition.at_least / 2, NEVER))
        self.true_until = -NEVER if leaving is None else leaving + self.condition.over

    def _total(self, at: float) -> float:
        window, over = self.window, self.condition.over
        start = bisect_left(window.positions, at, key=lambda position: position + over)
        return sum(window.weights[start:], 0.0)

    def verdict(self, at: float) -> Verdict:
        return at <= self.true_until

    def until(self, at: float) -> float:
        return self.true_until if at <= self.true_until else NEVER

    def gone(self, at: float) -> bool:
        return False

    def measure(self) -> float:
        return self._total(self.last_event) / self.condition.at_least

    def evidence(self, at: float) -> dict[str, Any]:
        condition = self.condition
        return {
            "verb": "flapping", "signal": condition.signal, "unit": "", "value": self._total(at),
            "limit": condition.at_least, "release": condition.at_least / 2, "over": condition.over,
            "above": condition.above, "below": condition.below,
            "at": None if self.last_event == -NEVER else self.last_event,
            "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        """It is let go; the next change counts again together with those that are still in the window."""
        self.true_until = -NEVER

    def renew(self) -> None:
        """No changes; in which state each part stands is still known."""
        self.window = EventWindow(keep=self.window.keep)
        self.last_event = self.true_until = -NEVER
        self.recent.clear()

    def dump(self) -> Any:
        held = self.true_until != -NEVER
        return [self.newest.dump(), self.window.dump(), self.last_event, held, list(self.recent)]

    def load(self, data: Any) -> None:
        self.newest.load(data[0])
        self.window.load(data[1])
        self.last_event, self.true_until = data[2], -NEVER
        if data[3]:
            self._hold()  # anew, because a limit or the time may have been edited
        self.recent = deque(((at, value) for at, value in data[4]), RECENT)

"""What a rule remembers for one device (and part), and how it moves: idle, pending, open.

A watch runs on the event time of its device. A deadline lies in event time too; it passes when the device
speaks of a later instant, or when as much time went by on the connected clock as lies between.
"""

from __future__ import annotations

from typing import Any

from foretell.engine.conditions import NEVER, CountMemory, LevelMemory, Memory, SilentMemory, judge, just_after
from foretell.engine.facts import CLEARED, LOST_SIGHT, NEWS, OPENED, Reading, Verdict
from foretell.engine.rule import Rule

IDLE, PENDING, OPEN = "idle", "pending", "open"

RETAINED_SETTLE = 60.0
"""Seconds that a state kept by the broker must stand before it may open a watch whose rule has no `for`."""

NEWS_EVERY = 86400.0
NEWS_GROWTH = 1.25


class Said:
    """One thing a watch has to say, before the engine numbers it."""

    __slots__ = ("at", "evidence", "kind", "noticed", "reason", "watch")

    def __init__(self, watch: Watch, kind: str, at: float, reason: str, judged_at: float) -> None:
        self.watch, self.kind, self.at = watch, kind, at
        self.noticed: float | None = None
        self.reason: dict[str, Any] = {"why": reason, "since": watch.since, "held": at - watch.since}
        self.evidence = tuple(memory.evidence(judged_at) for memory in watch.memories)


class Watch:
    """The memory of one rule for one device, and for one part of it if the rule goes `by` part."""

    __slots__ = (
        "armed", "armed_order", "blind", "by_signal", "clear_memory", "clear_since", "device", "due", "dwell",
        "lag", "listens", "memories", "offline", "part", "paused_at", "rule", "since", "sole", "state", "told", "told_at",
    )  # fmt: skip

    def __init__(self, rule: Rule, device: str, part: str, clock: float) -> None:
        self.rule, self.device, self.part = rule, device, part
        self.memories: tuple[Memory, ...] = tuple(condition.memory() for condition in rule.conditions)
        self.clear_memory = LevelMemory(rule.clear.level) if rule.clear and rule.clear.level else None
        self.sole = self.memories[0] if rule.tree.verb == "leaf" else None
        self.listens = any(isinstance(m, SilentMemory) and m.condition.signal for m in self.memories)
        self.by_signal = self._wire()
        self.offline = False
        self._reset(clock)
        self.armed = self.due = NEVER
        self.armed_order = 0
        self.lag = 0.0

    def _wire(self) -> dict[str, tuple[Memory, ...]]:
        wired: dict[str, tuple[Memory, ...]] = {}
        for signal in self.rule.signals:
            takers = [m for m in self.memories if signal in (m.condition.signal, _operation_signal(m))]  # type: ignore[attr-defined]
            if self.clear_memory and self.clear_memory.condition.signal == signal:
                takers.append(self.clear_memory)
            wired[signal] = tuple(takers)
        return wired

    def _reset(self, clock: float) -> None:
        self.state = IDLE
        self.since = self.told_at = 0.0
        self.paused_at: float | None = None
        self.clear_since: float | None = None
        self.dwell = self.rule.dwell
        self.told = 0.0
        self.blind = False
        for memory in self.memories:
            if isinstance(memory, SilentMemory):
                memory.heard = clock

    # -- what happens to it -------------------------------------------------------------------------

    def take(self, reading: Reading, clock: float, said: list[Said]) -> None:
        """One reading of a signal that the rule asks about."""
        at = reading.at
        while self.due < at:
            self.pass_deadline(self.due, said)
        if self.listens and not reading.retained:
            self.hear(clock, reading.signal)
        news = False
        for memory in self.by_signal[reading.signal]:
            if memory.take(reading):
                news = True
        if not news:
            return
        self.lag = clock - at
        verdict = self.verdict(at)
        if verdict is not True and self.state is IDLE:
            return
        self._settle(verdict, at, at, said, reading.retained)

    def pass_deadline(self, due: float, said: list[Said]) -> None:
        """The deadline at event time `due` has passed."""
        after = just_after(due)
        self._settle(self.verdict(after), after, due, said)

    def hear(self, clock: float, signal: str = "") -> bool:
        """The device spoke (of `signal`); True when a silence ends with it."""
        ended = False
        for memory in self.memories:
            if isinstance(memory, SilentMemory) and memory.condition.signal == signal:
                ended = ended or memory.silent
                memory.heard, memory.silent = clock, False
        return ended

    def fall_silent(self, clock: float) -> bool:
        """Mark what has been silent for long enough; True when something newly is."""
        fell = False
        for memory in self.memories:
            if isinstance(memory, SilentMemory) and not memory.silent and clock > memory.heard + memory.condition.limit:
                memory.silent = fell = True
        return fell

    def look(self, at: float, clock: float, said: list[Said]) -> None:
        """Judge anew at `at` without a new value: sight went, silence began or ended."""
        self.lag = clock - at
        self._settle(self.verdict(at), at, at, said)

    def repair(self, clock: float, at: float, said: list[Said]) -> None:
        """A person repaired the device: start over, with a new baseline if the rule says so."""
        if self.state is OPEN:
            said.append(Said(self, CLEARED, at, "repaired", at))
        self._reset(clock)
        if self.rule.restart_on_repair:
            self.memories = tuple(condition.memory() for condition in self.rule.conditions)
            self.sole = self.memories[0] if self.rule.tree.verb == "leaf" else None
            self.by_signal = self._wire()
        self.due = NEVER
        self.hear(clock)

    def withdraw(self, at: float, said: list[Said]) -> None:
        """The rule is gone; what it had open must not stay open for ever."""
        if self.state is OPEN:
            said.append(Said(self, CLEARED, at, "rule_withdrawn", at))
            self.state = IDLE

    # -- how it judges and moves --------------------------------------------------------------------

    def verdict(self, at: float) -> Verdict:
        """True, false or unknown at `at`; what needs sight of the device is unknown while it is offline."""
        if self.sole is not None and not self.offline:
            return self.sole.verdict(at)
        verdicts = [
            None if self.offline and not _sees_offline(memory) else memory.verdict(at) for memory in self.memories
        ]
        return judge(self.rule.tree, verdicts)

    def _settle(self, verdict: Verdict, at: float, stamp: float, said: list[Said], retained: bool = False) -> None:
        if verdict is None and self.rule.on_missing == "open" and self.state is not OPEN:
            verdict = True
        if self.state is OPEN:
            self._while_open(verdict, at, stamp, said)
        elif verdict is True:
            self._while_true(at, stamp, said, retained)
        elif verdict is False or self.rule.on_missing == "reset":
            self.state = IDLE
        elif self.state is PENDING and self.paused_at is None:
            self.paused_at = stamp
        self.due = self._next_due(at)

    def _while_true(self, at: float, stamp: float, said: list[Said], retained: bool) -> None:
        if self.state is IDLE:
            self.state, self.since, self.paused_at = PENDING, stamp, None
            self.dwell = max(self.rule.dwell, RETAINED_SETTLE if retained else 0.0)
        elif self.paused_at is not None:  # time that nobody saw does not count towards `for`
            self.since += stamp - self.paused_at
            self.paused_at = None
        if not retained:
            self.dwell = self.rule.dwell if at == stamp else self.dwell
        if at - self.since >= self.dwell and not retained:
            self.state, self.clear_since, self.blind = OPEN, None, False
            self.told, self.told_at = self._measure(), stamp
            said.append(Said(self, OPENED, stamp, "condition", at))

    def _while_open(self, verdict: Verdict, at: float, stamp: float, said: list[Said]) -> None:
        if self._cleared(verdict, at, stamp):
            said.append(Said(self, CLEARED, stamp, "condition", at))
            self.state, self.clear_since = IDLE, None
            for memory in self.memories:
                memory.disarm()
            return
        if verdict is None:
            if not self.blind:
                self.blind = True
                said.append(Said(self, LOST_SIGHT, stamp, "offline" if self.offline else "no_data", at))
            return
        measure = self._measure()
        if self.blind:
            self.blind = False
            said.append(Said(self, NEWS, stamp, "seen_again", at))
        elif verdict and measure > self.told * NEWS_GROWTH and stamp - self.told_at >= NEWS_EVERY:
            said.append(Said(self, NEWS, stamp, "worse", at))
        else:
            return
        self.told, self.told_at = measure, stamp

    def _cleared(self, verdict: Verdict, at: float, stamp: float) -> bool:
        clear = self.rule.clear
        if clear is None:
            return verdict is False
        if clear.quiet:
            return at > self._last_event() + clear.quiet
        assert self.clear_memory is not None
        if self.offline or self.clear_memory.verdict(at) is not True:
            self.clear_since = None
            return False
        if self.clear_since is None:
            self.clear_since = stamp
        return at - self.clear_since >= clear.dwell

    def _last_event(self) -> float:
        return max((m.last_event for m in self.memories if isinstance(m, CountMemory)), default=-NEVER)

    def _measure(self) -> float:
        return max(memory.measure() for memory in self.memories)

    # -- when to look again -------------------------------------------------------------------------

    def _next_due(self, at: float) -> float:
        """The next instant of event time at which something changes by itself."""
        if self.state is IDLE or self.offline:
            return NEVER
        due = min(memory.until(at) for memory in self.memories)
        clear = self.rule.clear
        if self.state is PENDING:
            due = due if self.paused_at is not None else min(due, self.since + self.dwell)
        elif clear is not None and clear.quiet:
            due = min(due, self._last_event() + clear.quiet)
        elif clear is not None and self.clear_since is not None:
            due = min(due, self.clear_since + clear.dwell)
        return due if due >= at else NEVER

    def wake_at(self) -> float:
        """The same on the connected clock, silence included."""
        wake = self.due + self.lag
        for memory in self.memories:
            if isinstance(memory, SilentMemory) and not memory.silent:
                wake = min(wake, memory.heard + memory.condition.limit)
        return wake

    # -- memory over restarts and reloads -----------------------------------------------------------

    def dump(self) -> list[Any]:
        clear = None if self.clear_memory is None else self.clear_memory.dump()
        return [
            [memory.dump() for memory in self.memories], clear, self.state, self.since, self.paused_at,
            self.clear_since, self.dwell, self.told, self.told_at, self.blind, self.offline, self.due, self.lag,
            self.armed, self.armed_order,
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        for memory, dumped in zip(self.memories, data[0], strict=True):
            memory.load(dumped)
        if self.clear_memory is not None and data[1] is not None:
            self.clear_memory.load(data[1])
        self.state = {word: word for word in (IDLE, PENDING, OPEN)}[data[2]]
        (self.since, self.paused_at, self.clear_since, self.dwell, self.told, self.told_at, self.blind,
         self.offline, self.due, self.lag, self.armed, self.armed_order) = data[3:]  # fmt: skip


def _operation_signal(memory: Memory) -> str:
    return memory.condition.operation_signal if isinstance(memory, CountMemory) else ""


def _sees_offline(memory: Memory) -> bool:
    """Conditions about the link itself stay known while the device is offline."""
    if isinstance(memory, SilentMemory):
        return True
    return isinstance(memory, LevelMemory) and memory.condition.signal == "online"

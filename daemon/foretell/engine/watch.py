"""What a rule remembers for one device (and part), and how it moves: idle, pending, open.

A watch runs on the event time of its device. A deadline lies in event time too; it passes when the device
speaks of a later instant, or when as much time went by on the connected clock as lies between.
"""

from __future__ import annotations

from typing import Any

from foretell.engine.conditions import Memory, judge, just_after
from foretell.engine.counting import CountMemory
from foretell.engine.facts import (
    CLEARED,
    LOST_SIGHT,
    NEVER,
    NEWS,
    ONLINE,
    OPENED,
    TICK,
    Change,
    Reading,
    Verdict,
)
from foretell.engine.levels import LevelMemory, SilentMemory
from foretell.engine.peering import PeersMemory
from foretell.engine.rule import Rule

IDLE, PENDING, OPEN = "idle", "pending", "open"
ASLEEP, INHIBITED = "asleep", "inhibited"

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

    def change(self, device_kind: str, noticed: float) -> Change:
        """The same as the engine says it, but for its number."""
        rule = self.watch.rule
        return Change(
            0, self.kind, rule.id, rule.revision, self.watch.device, device_kind, self.watch.part,
            rule.failure_mode, self.reason["since"], self.at, noticed, self.reason, self.evidence, rule.mode,
        )  # fmt: skip


class Watch:
    """The memory of one rule for one device, and for one part of it if the rule goes `by` part."""

    __slots__ = (
        "armed", "armed_order", "blind", "by_signal", "clear_memory", "clear_since", "device", "due", "dwell",
        "guards", "heedful", "lag", "lost_at", "memories", "now", "offline", "part", "paused_at", "quiet_of",
        "released", "restless", "rule", "serial", "sighted", "silences", "since", "sole", "state", "told",
        "told_at", "unseen", "withheld",
    )  # fmt: skip

    def __init__(self, rule: Rule, device: str, part: str, heard: float, serial: int = 0) -> None:
        self.rule, self.device, self.part, self.serial = rule, device, part, serial
        self.restless = rule.restless
        self.offline = False
        self.armed = self.due = NEVER
        self.armed_order = 0
        self.lag = 0.0
        self.now = self.lost_at = -NEVER
        self.withheld = False
        self._begin()
        self._reset(heard)

    def _begin(self) -> None:
        """Fresh memories, and which of them each signal goes to."""
        rule = self.rule
        self.memories: tuple[Memory, ...] = tuple(condition.memory() for condition in rule.conditions)
        self.clear_memory = LevelMemory(rule.clear.level) if rule.clear and rule.clear.level else None
        self.sole = self.memories[0] if rule.tree.verb == "leaf" else None
        self.guards: tuple[Memory, ...] = tuple(each.condition.memory() for each in rule.unless)
        self.released = [-NEVER] * len(self.guards)
        self.heedful = bool(self.guards) or rule.hours is not None
        asked = (*self.memories, *self.guards)
        self.silences = tuple(memory for memory in asked if isinstance(memory, SilentMemory))
        self.sighted = tuple(not _sees_offline(memory) for memory in self.memories)
        self.by_signal: dict[str, tuple[Memory, ...]] = {}
        for signal in rule.signals:
            takers = [memory for memory in asked if signal in memory.condition.signals]
            if self.clear_memory and self.clear_memory.condition.signal == signal:
                takers.append(self.clear_memory)
            self.by_signal[signal] = tuple(takers)

    def _reset(self, heard: float) -> None:
        self.state = IDLE
        self.since = self.told_at = 0.0
        self.paused_at: float | None = None
        self.clear_since: float | None = None
        self.dwell = self.rule.dwell
        self.told = self.unseen = 0.0
        self.quiet_of = -NEVER
        self.blind = False
        for memory in self.silences:
            memory.hear(heard)

    # -- what happens to it -------------------------------------------------------------------------

    def take(self, reading: Reading, clock: float, said: list[Said]) -> bool:
        """One reading of a signal that the rule asks about; False if it was late or a repetition."""
        at = reading.at
        # What the broker kept tells of no time gone by: only live words carry a watch over its deadlines.
        if self.due < at and not reading.retained:
            self.catch_up(at, said)
        if self.silences and not reading.retained:
            self.hear(clock, reading.signal)
        takers = self.by_signal[reading.signal]
        if self.heedful and self._deaf(at):
            # What it says now tells of another world: of a closed house, of people at work on it.
            takers = tuple(m for m in takers if not m.condition.samples or m in self.guards)
        news = False
        for memory in takers:
            if memory.take(reading):
                news = True
        if not news:
            return False
        at = self._tell_time(at, clock)
        verdict = self.verdict(at)
        if verdict is not True and self.state is IDLE and not self.restless:
            return True
        retained = reading.retained
        if not retained and self.state is PENDING and self.dwell > self.rule.dwell:
            # It stands on what the broker kept; only a live word that is itself true ends the wait.
            retained = not any(memory.verdict(at) is True for memory in takers)
        self._settle(verdict, at, at, said, retained)
        return True

    def tell(self, reading: Reading, clock: float, said: list[Said]) -> None:
        """What the engine itself says of the device: maintenance, its gateway, another rule."""
        if not reading.retained:
            self.catch_up(reading.at, said)
        for memory in self.by_signal.get(reading.signal, ()):
            memory.take(_newest(memory, reading))
        self.look(max(reading.at, self.now), clock, said, reading.retained)

    def knows(self, reading: Reading) -> bool:
        """Whatever asks for such a state was told that it is so."""
        asked = [memory for memory in self.by_signal[reading.signal] if isinstance(memory, LevelMemory)]
        return all(memory.value == reading.value for memory in asked)

    def catch_up(self, at: float, said: list[Said]) -> None:
        """Let every deadline pass that lies before `at`."""
        while self.due < at:
            self.pass_deadline(self.due, said)

    def pass_deadline(self, due: float, said: list[Said]) -> None:
        """The deadline at event time `due` has passed."""
        self.now = max(self.now, due)
        after = just_after(due)
        self._settle(self.verdict(after), after, due, said)

    def hear(self, clock: float, signal: str = "") -> bool:
        """The device spoke (of `signal`); True when a silence ends with it."""
        ended = False
        for memory in self.silences:
            if memory.condition.signal == signal and memory.hear(clock):
                ended = True
        return ended

    def fall_silent(self, clock: float) -> bool:
        """Mark what has been silent for long enough; True when something newly is."""
        fell = False
        for memory in self.silences:
            fell = memory.fall_silent(clock) or fell
        return fell

    def look(self, at: float, clock: float, said: list[Said], retained: bool = False) -> None:
        """Judge anew at `at` without a new value: sight went or came back, silence began or ended."""
        at = self._tell_time(at, clock)
        self._settle(self.verdict(at), at, at, said, retained)

    def lose_sight(self, at: float, clock: float, said: list[Said]) -> None:
        """The device went offline: what cannot be seen is unknown, not cleared."""
        self.offline = True
        self.lost_at = max(at, self.now)
        if self.state is not IDLE or self.restless:
            self.look(at, clock, said)

    def regain_sight(self, at: float, clock: float, said: list[Said]) -> None:
        """The device is back. What it said before it went stands again, as a state and not as an edge."""
        clear = self.rule.clear
        if clear is not None and clear.quiet:
            self._quiet_until(clear.quiet)
            self.unseen += max(0.0, at - max(self.lost_at, self.quiet_of))
        self.look(at, clock, said, retained=True)

    def repair(self, clock: float, at: float, said: list[Said]) -> None:
        """A person repaired the device: start over, with a new baseline if the rule says so."""
        if self.state is OPEN:
            said.append(Said(self, CLEARED, at, "repaired", at))
        if self.rule.restart_on_repair:
            for memory in (*self.memories, *((self.clear_memory,) if self.clear_memory else ())):
                memory.renew()
        self._reset(clock)
        # What it never heard of has no event time to look ahead from.
        self.due = NEVER if self.now == -NEVER else self._next_due(max(self.now, clock - self.lag))

    def withdraw(self, at: float, said: list[Said]) -> None:
        """The rule is gone; what it had open must not stay open for ever."""
        if self.state is OPEN:
            said.append(Said(self, CLEARED, at, "rule_withdrawn", at))
            self.state = IDLE

    def say_again(self, at: float, said: list[Said]) -> None:
        """It was open and its ticket withheld, until someone saw to the rule."""
        if self.state is OPEN:
            said.append(Said(self, OPENED, at, "condition", max(at, self.now)))

    # -- how it judges and moves --------------------------------------------------------------------

    def _tell_time(self, at: float, clock: float) -> float:
        """Where the watch stands in event time: it never goes back, so that its changes do not either."""
        if at < self.now:
            return self.now
        self.now = at
        self.lag = clock - at
        return at

    def verdict(self, at: float) -> Verdict:
        """True, false or unknown at `at`; what needs sight of the device is unknown while it is offline."""
        if self.sole is not None and not self.offline:
            return self.sole.verdict(at)
        blind = self.sighted if self.offline else ()
        verdicts = [
            None if blind and blind[index] else memory.verdict(at)
            for index, memory in enumerate(self.memories)
        ]
        return judge(self.rule.tree, verdicts)

    def _settle(
        self, verdict: Verdict, at: float, stamp: float, said: list[Said], retained: bool = False
    ) -> None:
        if held := self.held_back(at, stamp):
            self._hold_back(held, stamp)
        elif self.state is OPEN:
            self._while_open(verdict, at, stamp, said)
        elif verdict is True:
            self._while_true(at, stamp, said, retained, "")
        elif verdict is None and self.rule.on_missing == "open" and self._gap(at):
            self._while_true(at, stamp, said, retained, "offline" if self.offline else "no_data")
        elif verdict is False or self.rule.on_missing == "reset":
            self.state = IDLE
        elif self.state is PENDING and self.paused_at is None:
            self.paused_at = stamp
        self.due = self._next_due(at, bool(held))

    def _deaf(self, at: float) -> bool:
        """What is said of this instant is not learned; hours are known of any, all else only of now."""
        hours = self.rule.hours
        return self.held_back(max(at, self.now), at) == INHIBITED or not (hours is None or hours.open(at))

    def held_back(self, at: float, stamp: float) -> str:
        """Why it may not be judged now: outside its hours, or something it knows of explains it."""
        inhibited = False
        for index, guard in enumerate(self.guards):
            if guard.verdict(at) is True:
                self.released[index] = NEVER
            elif self.released[index] == NEVER:
                self.released[index] = stamp
            after = self.rule.unless[index].after
            settling = after > 0.0 and at <= self.released[index] + after
            inhibited = inhibited or self.released[index] == NEVER or settling
        if inhibited:
            return INHIBITED
        hours = self.rule.hours
        return "" if hours is None or hours.open(at) else ASLEEP

    def _hold_back(self, held: str, stamp: float) -> None:
        """What is open stays as it is; what was about to open waits (asleep) or starts over (inhibited)."""
        self.clear_since = None
        if self.state is not PENDING:
            return
        if held == INHIBITED:
            self.state = IDLE
        elif self.paused_at is None:
            self.paused_at = stamp

    def _gap(self, at: float) -> bool:
        """Something that was known is not any more. A condition that still warms up is no gap."""
        return self.offline or any(memory.gone(at) for memory in self.memories)

    def _while_true(self, at: float, stamp: float, said: list[Said], retained: bool, gap: str) -> None:
        if self.state is IDLE:
            self.state, self.since, self.paused_at = PENDING, stamp, None
            self.dwell = max(self.rule.dwell, RETAINED_SETTLE) if retained else self.rule.dwell
        elif self.paused_at is not None:  # time that nobody saw does not count towards `for`
            self.since += stamp - self.paused_at
            self.paused_at = None
        if not retained and at == stamp:
            self.dwell = self.rule.dwell
        if at - self.since >= self.dwell and not retained:
            self.state, self.clear_since, self.blind = OPEN, None, bool(gap)
            self.told, self.told_at = self._measure(), stamp
            said.append(Said(self, OPENED, stamp, gap or "condition", at))

    def _while_open(self, verdict: Verdict, at: float, stamp: float, said: list[Said]) -> None:
        if self._cleared(verdict, at, stamp):
            self._clear(at, stamp, said)
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

    def _clear(self, at: float, stamp: float, said: list[Said]) -> None:
        said.append(Said(self, CLEARED, stamp, "condition", at))
        self.state, self.clear_since = IDLE, None
        if self.rule.clear is None:
            return  # it is false; nothing is left that could open it by itself
        for memory in self.memories:
            memory.disarm()

    def _cleared(self, verdict: Verdict, at: float, stamp: float) -> bool:
        clear = self.rule.clear
        if clear is None:
            return verdict is False
        if clear.quiet:
            return not self.offline and at > self._quiet_until(clear.quiet)
        assert self.clear_memory is not None
        unseen = self.offline and not _sees_offline(self.clear_memory)
        if unseen or self.clear_memory.verdict(at) is not True:
            self.clear_since = None
            return False
        if self.clear_since is None:
            self.clear_since = stamp
        return at - self.clear_since >= clear.dwell

    def _quiet_until(self, quiet: float) -> float:
        """When it will have been quiet for long enough; what passed unseen since the last event is added."""
        last = max((m.last_event for m in self.memories if isinstance(m, CountMemory)), default=-NEVER)
        last = max(last, self.since)
        if last > self.quiet_of:
            self.quiet_of, self.unseen = last, 0.0
        return self.quiet_of + quiet + self.unseen

    def _measure(self) -> float:
        return max(memory.measure() for memory in self.memories)

    # -- when to look again -------------------------------------------------------------------------

    def _next_due(self, at: float, held: bool = False) -> float:
        """The next instant of event time, not before `at`, at which something changes by itself."""
        if self.state is IDLE and not self.restless:
            return NEVER
        due = NEVER
        for memory, sighted in zip(self.memories, self.sighted, strict=True):
            if not (sighted and self.offline):
                due = min(due, memory.until(at))
        clear = self.rule.clear
        if self.state is PENDING:
            if self.paused_at is None:
                due = min(due, self.since + self.dwell)
        elif self.state is OPEN and clear is not None:
            if clear.quiet:
                due = due if self.offline or held else min(due, self._quiet_until(clear.quiet))
            elif self.clear_since is not None:
                due = min(due, self.clear_since + clear.dwell)
        return max(min(due, self._next_change_of_hold(at)), at)

    def _next_change_of_hold(self, at: float) -> float:
        """When its hours begin or end, or what inhibits it may be over."""
        due = NEVER if self.rule.hours is None else self.rule.hours.next_edge(at)
        for guard, released, each in zip(self.guards, self.released, self.rule.unless, strict=True):
            due = min(due, guard.until(at))
            if released != NEVER and each.after and released + each.after >= at:
                due = min(due, released + each.after)
        return due

    def wake_at(self) -> float:
        """The same on the connected clock, silence included."""
        wake = self.due + self.lag
        for memory in self.silences:
            if not memory.silent:
                wake = min(wake, memory.heard + memory.condition.limit)
        return wake

    def explain(self, at: float) -> dict[str, Any]:
        """Where it stands at `at`, as plain values; judged on a copy, so that looking changes nothing."""
        copy = Watch(self.rule, self.device, self.part, 0.0)
        copy.load(self.dump())
        for mine, its in zip(self.memories, copy.memories, strict=True):
            if isinstance(mine, PeersMemory) and isinstance(its, PeersMemory):
                its.group = mine.group  # looked at, not joined: a member is there once
        held_back = copy.held_back(at, at)
        verdict = copy.verdict(at)
        return {
            "rule": self.rule.id, "revision": self.rule.revision, "device": self.device, "part": self.part,
            "at": at, "state": self.state, "since": None if self.state is IDLE else self.since,
            "dwell": self.dwell, "verdict": verdict, "offline": self.offline, "held_back": held_back,
            "paused_at": self.paused_at, "withheld": self.withheld,
            "next_look": None if self.due == NEVER else self.due,
            "limits": dict(self.rule.limits), "tree": self.rule.tree,
            "clauses": [memory.evidence(at) | {"gone": memory.gone(at)} for memory in copy.memories],
            "unless": [guard.evidence(at) | {"verdict": guard.verdict(at)} for guard in copy.guards],
        }  # fmt: skip

    # -- memory over restarts and reloads -----------------------------------------------------------

    def dump(self) -> list[Any]:
        clear = None if self.clear_memory is None else self.clear_memory.dump()
        return [
            [memory.dump() for memory in self.memories], clear, self.state, self.since, self.paused_at,
            self.clear_since, self.dwell, self.told, self.told_at, self.blind, self.offline, self.due,
            self.lag, self.now, self.lost_at, self.quiet_of, self.unseen, self.armed,
            self.armed_order, self.serial, [guard.dump() for guard in self.guards], list(self.released),
            self.withheld,
        ]  # fmt: skip

    def load(self, data: list[Any]) -> None:
        for memory, dumped in zip(self.memories, data[0], strict=True):
            memory.load(dumped)
        if self.clear_memory is not None and data[1] is not None:
            self.clear_memory.load(data[1])
        self.state = {word: word for word in (IDLE, PENDING, OPEN)}[data[2]]
        (self.since, self.paused_at, self.clear_since, self.dwell, self.told, self.told_at, self.blind,
         self.offline, self.due, self.lag, self.now, self.lost_at, self.quiet_of, self.unseen, self.armed,
         self.armed_order, self.serial) = data[3:20]  # fmt: skip
        for guard, dumped in zip(self.guards, data[20], strict=True):
            guard.load(dumped)
        self.released, self.withheld = list(data[21]), data[22]

    def inherit(self, before: Watch, clock: float) -> bool:
        """Take over what the watch of the edited rule remembered; False if that rule asked for other things.

        A limit or a time may have changed, so its deadlines are set anew. What was judged is not judged
        again: an edit neither opens nor clears.
        """
        self.now, self.lag, self.lost_at = before.now, before.lag, before.lost_at
        self.quiet_of, self.unseen = before.quiet_of, before.unseen
        old = {memory.condition.shape(): memory for memory in (*before.memories, *before.guards)}
        for memory in (*self.memories, *self.guards):
            known = old.get(memory.condition.shape())
            if known is not None:
                memory.load(known.dump())
        released = {
            memory.condition.shape(): at for memory, at in zip(before.guards, before.released, strict=True)
        }
        self.released = [released.get(guard.condition.shape(), -NEVER) for guard in self.guards]
        if before.rule.shape() != self.rule.shape():
            return False
        for memory, known in zip(self.memories, before.memories, strict=True):
            memory.load(known.dump())
        self._inherit_state(before, clock)
        return True

    def _inherit_state(self, before: Watch, clock: float) -> None:
        self.state, self.since, self.paused_at = before.state, before.since, before.paused_at
        self.told, self.told_at, self.blind = before.told, before.told_at, before.blind
        self.withheld = before.withheld
        settling = before.dwell > before.rule.dwell
        self.dwell = max(self.rule.dwell, RETAINED_SETTLE) if settling else self.rule.dwell
        mine, theirs = self.clear_memory, before.clear_memory
        if mine is not None and theirs is not None and mine.condition.signal == theirs.condition.signal:
            mine.load(theirs.dump())
            self.clear_since = before.clear_since
        if before.due != NEVER or self.state is not IDLE:
            self.due = self._next_due(max(self.now, clock - self.lag))


def _newest(memory: Memory, reading: Reading) -> Reading:
    """What the engine says is newer than what it said before, whichever device's clock the times are of."""
    if not isinstance(memory, LevelMemory) or reading.at > memory.at:
        return reading
    ends = reading.at + reading.holds
    if memory.value == reading.value and memory.holds_until == ends:
        return reading
    at = memory.at + TICK
    return reading._replace(at=at, holds=ends - at)


def _sees_offline(memory: Memory) -> bool:
    """Conditions about the link itself stay known while the device is offline."""
    return isinstance(memory, SilentMemory) or memory.condition.signal == ONLINE

"""The engine: readings and the passing of time in, changes out; one owner, no surprises.

Its clock is the *connected* clock: arrival time less every span during which we were not connected.
Deadlines wait while we hear nothing, so our own outage is never taken for a device's silence, and a
backlog is heard out before a deadline that lies inside it can pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from foretell.engine.budget import Budget
from foretell.engine.facts import (
    CHILDREN_OFFLINE,
    CLEARED,
    NEVER,
    OFFLINE,
    ONLINE,
    OPENED,
    PARTS_MAX,
    TICK,
    Change,
    Reading,
)
from foretell.engine.levels import LevelMemory
from foretell.engine.peering import Group, PeersMemory
from foretell.engine.rule import LIVE, MAINTENANCE, RULE, VIA, Rule, Rulebook
from foretell.engine.watch import OPEN, Said, Watch
from foretell.site.estate import EMPTY, Estate, Facts

DEVICES_MAX = 5_000
SNAPSHOT_VERSION = 2

TIME_MAX = 4e9
"""Event times beyond this (the year 2096) are refused: there a float cannot tell two ticks apart."""


class Device:
    """One device as the engine knows it: its watches, and when it was last heard."""

    __slots__ = ("facts", "heard", "heard_at", "id", "kind", "maintained", "offline", "routes", "rules",
                 "sight_at", "silences", "states", "watches")  # fmt: skip

    def __init__(self, facts: Facts, rules: tuple[Rule, ...], clock: float) -> None:
        self.facts, self.rules = facts, rules
        self.id, self.kind = facts.device, facts.kind
        self.heard = clock
        self.heard_at: float | None = None
        self.offline = False
        self.sight_at = -NEVER
        self.maintained: tuple[float, float] = (-NEVER, -NEVER)  # from, until
        self.watches: dict[tuple[str, str], Watch] = {}
        self.routes: dict[tuple[str, str], tuple[Watch, ...]] = {}
        self.states: dict[
            str, Reading
        ] = {}  # of the device as a whole, for the watch of a part that comes later
        self.silences: list[Watch] = []


class Adoption(NamedTuple):
    """What a new rulebook did to the watches of one rule: kept as they were, started over, new, ended."""

    kept: int = 0
    reset: int = 0
    fresh: int = 0
    ended: int = 0


class Engine:
    """Doors: `receive`, `advance`, `next_deadline`, `snapshot`/`restore`; `link`, `repair`, … for acts."""

    def __init__(self, rulebook: Rulebook, estate: Estate = EMPTY) -> None:
        self.rulebook, self.estate = rulebook, estate
        self.devices: dict[str, Device] = {}
        self.counters: dict[str, int] = {}
        self.number = 0
        self.adoption: dict[str, Adoption] = {}
        self.budget = Budget()
        self._offset = 0.0
        self._stopped_at: float | None = 0.0  # the clock while we are not connected
        self._heap: list[tuple[float, int, int, Watch]] = []
        self._order = self._serial = 0
        self._groups: dict[tuple[str, int, str], Group] = {}
        self._children: dict[str, list[str]] = {}
        self._inhibits = rulebook.inhibits()

    # -- doors --------------------------------------------------------------------------------------

    def receive(self, readings: Sequence[Reading], now: float) -> list[Change]:
        """Take readings that arrived at `now` (Unix seconds, not earlier than the last call's)."""
        clock = self._clock(now)
        said: list[Said] = []
        self._pass_time(clock, said)
        for each in readings:
            reading = each if _is_sound(each) else self._mend(each)
            if reading is None:
                continue
            device = self.devices.get(reading.device) or self._meet(reading.device, reading.kind, clock)
            if device is not None:
                before = len(said)
                self._hear(device, reading, clock, now, said)
                self._spread(clock, said, before)
        return self._number(said, now)

    def advance(self, now: float) -> list[Change]:
        """Let deadlines pass that lie before `now`. How often this is called changes nothing."""
        said: list[Said] = []
        self._pass_time(self._clock(now), said)
        return self._number(said, now)

    def next_deadline(self) -> float | None:
        """The arrival time at which `advance` has something to do; None when there is nothing to wait for."""
        if not self._heap or self._stopped_at is not None:
            return None
        return self._heap[0][0] + self._offset + TICK

    def link(self, up: bool, now: float) -> list[Change]:
        """We are (not) connected from `now` on; while we are not, the clock stands still."""
        changes = self.advance(now)
        if up and self._stopped_at is not None:
            self._offset = now - self._stopped_at
            self._stopped_at = None
        elif not up and self._stopped_at is None:
            self._stopped_at = now - self._offset
        return changes

    def step_clock(self, seconds: float) -> None:
        """The wall clock was set forward (back, if negative): arrival times jump, the clock does not."""
        self._offset += seconds

    def repair(self, device: str, part: str, failure_mode: str, now: float) -> list[Change]:
        """A person repaired this failure mode of the device (of all its parts, if `part` is empty)."""
        changes = self.advance(now)
        clock = self._clock(now)
        said: list[Said] = []
        known = self.devices.get(device)
        for watch in known.watches.values() if known else ():
            if watch.rule.failure_mode == failure_mode and part in ("", watch.part):
                watch.repair(clock, now, said)
                self._arm(watch, clock)
        self._spread(clock, said, 0)
        return changes + self._number(said, now)

    def maintain(self, device: str, until: float, now: float) -> list[Change]:
        """People work on the device from `now` until then (Unix seconds); an instant that is past ends it."""
        changes = self.advance(now)
        clock = self._clock(now)
        said: list[Said] = []
        known = self.devices.get(device)
        if known is not None:
            known.maintained = (now, until)
            self._tell(known, _maintenance(known), clock, said)
            self._spread(clock, said, 0)
        return changes + self._number(said, now)

    def expect(self, devices: Iterable[Facts], now: float) -> None:
        """Know these before they speak, so that one that never does is silent."""
        for facts in devices:
            if facts.device not in self.devices:
                self._meet(facts.device, facts.kind, self._clock(now))

    def adopt(self, rulebook: Rulebook, now: float, estate: Estate | None = None) -> list[Change]:
        """Take a new rulebook; by rule id, watches keep what they remember where it still asks the same.

        `adoption` says afterwards, by rule, what was kept and what was not.
        """
        changes = self.advance(now)
        clock = self._clock(now)
        said: list[Said] = []
        self.rulebook, self.estate = rulebook, self.estate if estate is None else estate
        self.adoption = {}
        self._inhibits = rulebook.inhibits()
        self._heap.clear()
        self._groups.clear()
        self._children.clear()
        for device in self.devices.values():
            self._rebuild(device, clock, now, said)
        self.expect(self.estate.devices.values(), now)
        for device in self.devices.values():
            self._tell_anew(device, clock, now, said)
        self._spread(clock, said, 0)
        return changes + self._number(said, now)

    # -- devices and watches ------------------------------------------------------------------------

    def _meet(self, name: str, kind: str, clock: float) -> Device | None:
        if len(self.devices) >= DEVICES_MAX:
            self._count("device_limit")
            return None
        facts = self.estate.facts(name, kind)
        device = self.devices[name] = Device(facts, self.rulebook.of(facts), clock)
        if facts.via:
            self._children.setdefault(facts.via, []).append(name)
        for rule in device.rules:
            if not rule.by:
                self._watch(device, rule, "", clock)
        return device

    def _watch(self, device: Device, rule: Rule, part: str, clock: float) -> Watch:
        self._serial += 1
        watch = Watch(rule, device.id, part, device.heard, self._serial)
        watch.offline = device.offline
        self._seat(device, watch)
        device.routes.clear()
        known = [reading for name, reading in device.states.items() if name in watch.by_signal]
        for reading in self._standing_facts(device, rule) + known:
            for memory in watch.by_signal[reading.signal]:
                # A state that stands; whatever counts has not seen it happen. For a whole device it only
                # holds back: what opens a rule that is new must be said after the rule came.
                if isinstance(memory, LevelMemory) and (part or memory in watch.guards):
                    memory.take(reading)
        self._arm(watch, clock)
        return watch

    def _seat(self, device: Device, watch: Watch) -> None:
        """Put the watch among those of its device, and each of its peer conditions among the peers."""
        rule = watch.rule
        device.watches[rule.id, watch.part] = watch
        if rule.hears_everything:
            device.silences.append(watch)
        for index, memory in enumerate((*watch.memories, *watch.guards)):
            if isinstance(memory, PeersMemory) and (key := _peers_of(device.facts, memory)):
                group = self._groups.setdefault((rule.id, index, key), Group())
                memory.join(group, (device.id, watch.part))

    def _standing_facts(self, device: Device, rule: Rule) -> list[Reading]:
        """What the engine has to say of the device to a watch that was not there when it was said."""
        asked = [name for name in rule.signals if name.startswith("$")]
        found = []
        for name in sorted(asked):
            if name == MAINTENANCE:
                found.append(_maintenance(device))
            elif name == VIA:
                gateway = self.devices.get(device.facts.via)
                found.append(_of_gateway(device, gateway, gateway.sight_at if gateway else -NEVER))
            elif name.startswith(RULE):
                found.append(_of_rule(device, name[len(RULE) :], -NEVER))
        return found

    def _route(self, device: Device, reading: Reading, clock: float) -> tuple[Watch, ...]:
        """The watches that ask about this signal (and part) of the device, made when first needed."""
        key = (reading.signal, reading.part)
        for rule in device.rules:
            wanted = rule.by and reading.part and reading.signal in rule.signals
            if wanted and (rule.id, reading.part) not in device.watches:
                if len(device.watches) >= PARTS_MAX * max(1, len(device.rules)):
                    self._count("part_limit")
                    continue
                self._watch(device, rule, reading.part, clock)
        route = tuple(
            watch
            for watch in device.watches.values()
            if reading.signal in watch.by_signal and (not watch.part or reading.part in ("", watch.part))
        )
        if len(device.routes) < 10 * PARTS_MAX:
            device.routes[key] = route
        return route

    def _rebuild(self, device: Device, clock: float, now: float, said: list[Said]) -> None:
        listed = self.estate.devices.get(device.id)
        if listed is not None and listed.kind != device.kind:  # a person says what it is
            device.kind = listed.kind
            device.states.clear()
        device.facts = self.estate.facts(device.id, device.kind)
        device.rules = self.rulebook.of(device.facts)
        if device.facts.via:
            self._children.setdefault(device.facts.via, []).append(device.id)
        rules = {rule.id: rule for rule in device.rules}
        old, device.watches, device.silences = device.watches, {}, []
        device.routes.clear()
        for (rule_id, part), before in old.items():
            rule = rules.get(rule_id)
            if rule is None or bool(rule.by) != bool(part):
                before.withdraw(now, said)
                self._adopted(rule_id, ended=1)
                continue
            watch = self._watch(device, rule, part, clock)
            if watch.inherit(before, clock):
                self._adopted(rule_id, kept=1)
                moved = before.rule.mode != watch.rule.mode
                if moved:  # what it opened in shadow is no ticket for anyone, nor the other way round
                    before.withdraw(now, said)
                if moved or (watch.withheld and watch.rule.revision != before.rule.revision):
                    watch.say_again(now, said)
            else:
                before.withdraw(now, said)
                self._adopted(rule_id, reset=1)
            self._arm(watch, clock)
        for rule in device.rules:
            if not rule.by and (rule.id, "") not in device.watches:
                self._watch(device, rule, "", clock)
                self._adopted(rule.id, fresh=1)

    def _adopted(self, rule_id: str, kept: int = 0, reset: int = 0, fresh: int = 0, ended: int = 0) -> None:
        known = self.adoption.get(rule_id, Adoption())
        self.adoption[rule_id] = Adoption(
            known.kept + kept, known.reset + reset, known.fresh + fresh, known.ended + ended
        )

    # -- hearing ------------------------------------------------------------------------------------

    def _hear(self, device: Device, reading: Reading, clock: float, now: float, said: list[Said]) -> None:
        back = False
        if reading.signal == ONLINE:
            back = self._sight(device, reading, clock, said)
        if not reading.retained and not (reading.signal == ONLINE and reading.value == OFFLINE):
            back = back or device.offline
            device.offline = False
            device.heard_at = now
            if clock > device.heard:
                device.heard = clock
                for watch in device.silences:
                    if watch.hear(clock):
                        watch.catch_up(now, said)
                        watch.look(now, clock, said)
                        self._arm(watch, clock)
        if back:
            for watch in device.watches.values():
                if not reading.retained:  # what fell due while it was away was true then
                    watch.catch_up(reading.at, said)
                watch.offline = False
            self._tell_kin(device, reading, clock, said)
        self._give(device, reading, clock, said)
        if not reading.part and reading.value.__class__ is str:
            known = device.states.get(reading.signal)
            if known is None or known.at <= reading.at:
                device.states[reading.signal] = reading
        if back:  # only now, so that a watch is judged on what the device says, not on what it said before
            for watch in device.watches.values():
                watch.regain_sight(reading.at, clock, said)
                self._arm(watch, clock)

    def _give(self, device: Device, reading: Reading, clock: float, said: list[Said]) -> None:
        route = device.routes.get((reading.signal, reading.part))
        if route is None:
            route = self._route(device, reading, clock)
        refused = False
        for watch in route:
            if not watch.take(reading, clock, said):
                refused = True
            if watch.due != NEVER:
                self._arm(watch, clock)
        if refused:
            self._count("late_or_repeated")

    def _sight(self, device: Device, reading: Reading, clock: float, said: list[Said]) -> bool:
        """What the link says of the device; True when it is back."""
        offline = reading.value == OFFLINE
        if reading.at < device.sight_at or not (offline or reading.value == ONLINE):
            return False
        device.sight_at = reading.at
        if device.offline == offline:
            return False
        device.offline = offline
        if offline:
            for watch in device.watches.values():
                if not reading.retained:
                    watch.catch_up(reading.at, said)
                watch.lose_sight(reading.at, clock, said)
                self._arm(watch, clock)
            self._tell_kin(device, reading, clock, said)
        return not offline

    # -- what the engine itself says of a device ------------------------------------------------------

    def _tell(self, device: Device, reading: Reading, clock: float, said: list[Said]) -> None:
        for watch in device.watches.values():
            if reading.signal in watch.by_signal:
                watch.tell(reading, clock, said)
                self._arm(watch, clock)

    def _tell_kin(self, device: Device, by: Reading, clock: float, said: list[Said]) -> None:
        """The device went or came back: tell the one that it hangs on, and those that hang on it."""
        for name in self._children.get(device.id, ()):
            child = self.devices[name]
            self._tell(child, _of_gateway(child, device, by.at, by.retained), clock, said)
        parent = self.devices.get(device.facts.via) if device.facts.via else None
        if parent is not None:
            self._tell(parent, self._of_children(parent, by.at, by.retained), clock, said)

    def _of_children(self, parent: Device, at: float, retained: bool = False) -> Reading:
        kin = [self.devices[name] for name in self._children.get(parent.id, ())]
        share = 100.0 * sum(each.offline for each in kin) / max(1, len(kin))
        return _reading(parent, CHILDREN_OFFLINE, share, at, retained=retained)

    def _tell_anew(self, device: Device, clock: float, now: float, said: list[Said]) -> None:
        """After a reload: whom it hangs on, who hangs on it, and which rules there are may have changed."""
        for watch in device.watches.values():
            facts = [each for each in self._standing_facts(device, watch.rule) if each.signal != MAINTENANCE]
            if CHILDREN_OFFLINE in watch.by_signal:
                facts.append(self._of_children(device, now))
            for each in facts:
                if not watch.knows(each):
                    watch.tell(each._replace(at=now), clock, said)
            self._arm(watch, clock)

    def _spread(self, clock: float, said: list[Said], start: int) -> None:
        """Tell the other watches of a device that one opened or cleared which they have to know of."""
        if not self._inhibits:
            return
        index = start
        while index < len(said):
            each, index = said[index], index + 1
            rule = each.watch.rule.id
            if rule in self._inhibits and each.kind in (OPENED, CLEARED):
                device = self.devices[each.watch.device]
                self._tell(device, _of_rule(device, rule, each.at), clock, said)

    # -- time ---------------------------------------------------------------------------------------

    def _clock(self, now: float) -> float:
        return now - self._offset if self._stopped_at is None else self._stopped_at

    def _arm(self, watch: Watch, clock: float) -> None:
        """Put the watch's next deadline on the heap; one that is overdue is due now, not in the past."""
        wake = max(watch.wake_at(), clock)
        if wake < watch.armed:
            self._order += 1
            watch.armed, watch.armed_order = wake, self._order
            # Ties go by the age of the watch, so that their order does not hang on when we were woken.
            heapq.heappush(self._heap, (wake, watch.serial, self._order, watch))

    def _pass_time(self, clock: float, said: list[Said]) -> None:
        heap = self._heap
        while heap and heap[0][0] < clock:
            due, _, order, watch = heapq.heappop(heap)
            if order != watch.armed_order:
                continue  # an earlier deadline was set after this one
            watch.armed = NEVER
            if watch.wake_at() <= due:
                before = len(said)
                self._wake(watch, due, said)
                self._spread(due, said, before)
                for each in said[before:]:
                    each.noticed = due + self._offset
            self._arm(watch, due)

    def _wake(self, watch: Watch, due: float, said: list[Said]) -> None:
        if watch.due + watch.lag <= due:
            watch.pass_deadline(watch.due, said)
        elif watch.fall_silent(due + TICK):
            watch.look(due + self._offset, due, said)

    # -- saying -------------------------------------------------------------------------------------

    def _number(self, said: list[Said], now: float) -> list[Change]:
        if not said:
            return []
        changes: list[Change] = []
        for each in said:
            device = self.devices[each.watch.device]
            noticed = now if each.noticed is None else each.noticed
            change = self.budget.allow(each.change(device.kind, noticed), each.watch, self.rulebook.zone)
            if change is not None:
                self.number += 1
                changes.append(change._replace(number=self.number))
        return changes

    def _mend(self, reading: Reading) -> Reading | None:
        """A reading not as decoding makes it: numbers become floats, the rest is counted and dropped."""
        value, at = reading.value, reading.at
        try:
            value = str(value) if isinstance(value, str) else float(value)
            mended = reading._replace(value=value, at=float(at), holds=float(reading.holds))
        except (TypeError, ValueError, OverflowError):
            self._count("odd_value")
            return None
        if _is_sound(mended):
            return mended
        self._count("odd_value" if -TIME_MAX < mended.at < TIME_MAX else "odd_time")
        return None

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    def last_heard(self) -> dict[str, tuple[str, float]]:
        """Device: its kind and the arrival time at which it last spoke; only those that ever did."""
        return {d.id: (d.kind, d.heard_at) for d in list(self.devices.values()) if d.heard_at is not None}

    def standing(self) -> dict[str, int]:
        """How many watches there are, and how many are open."""
        watches = [watch for device in list(self.devices.values()) for watch in list(device.watches.values())]
        return {"watches": len(watches), "open": sum(watch.state is OPEN for watch in watches)}

    def explain(self, rule: str, device: str, now: float) -> list[dict[str, Any]]:
        """Where each watch of the rule stands for the device: state, clauses, what holds it back; by part.

        Times are event time, Unix seconds. Looking changes nothing. Empty if the rule watches no such device.
        """
        known = self.devices.get(device)
        clock = self._clock(now)
        watches = [] if known is None else [w for (name, _), w in known.watches.items() if name == rule]
        return [watch.explain(max(watch.now, clock - watch.lag)) for watch in watches]

    # -- memory over restarts -----------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything the engine remembers, as plain values."""
        return {
            "version": SNAPSHOT_VERSION, "number": self.number, "offset": self._offset,
            "stopped_at": self._stopped_at, "order": self._order, "serial": self._serial,
            "counters": dict(self.counters), "budget": self.budget.dump(),
            "devices": [
                [d.id, d.kind, d.heard, d.heard_at, d.offline, d.sight_at, d.maintained,
                 [[r.signal, r.value, r.at, r.holds, r.retained] for r in d.states.values()],
                 _dump_watches(d)]
                for d in self.devices.values()
            ],
        }  # fmt: skip

    @classmethod
    def restore(cls, rulebook: Rulebook, data: dict[str, Any], estate: Estate = EMPTY) -> Engine:
        """The engine as it was; the rulebook must be the one it had. Raises ValueError if it is not."""
        engine = cls(rulebook, estate)
        if data.get("version") != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot of version {data.get('version')}, not {SNAPSHOT_VERSION}")
        engine.number, engine._offset, engine._order = data["number"], data["offset"], data["order"]
        engine._stopped_at, engine._serial = data["stopped_at"], data["serial"]
        engine.counters = dict(data["counters"])
        engine.budget.load(data["budget"])
        for name, kind, heard, heard_at, offline, sight_at, maintained, states, watches in data["devices"]:
            facts = estate.facts(name, kind)
            device = engine.devices[name] = Device(facts, rulebook.of(facts), heard)
            device.heard_at, device.offline, device.sight_at = heard_at, offline, sight_at
            device.maintained = (maintained[0], maintained[1])
            device.states = {each[0]: _reading(device, *each) for each in states}
            if facts.via:
                engine._children.setdefault(facts.via, []).append(name)
            rules = {rule.id: rule for rule in device.rules}
            for rule_id, part, dumped in watches:
                rule = rules.get(rule_id)
                if rule is None:
                    raise ValueError(f"snapshot knows the rule {rule_id}, the rulebook does not")
                watch = Watch(rule, name, part, heard)
                watch.load(dumped)
                engine._seat(device, watch)
                if watch.armed != NEVER:
                    heapq.heappush(engine._heap, (watch.armed, watch.serial, watch.armed_order, watch))
        return engine


def _reading(
    device: Device, signal: str, value: float | str, at: float, holds: float = NEVER, retained: bool = False
) -> Reading:
    return Reading(device.id, device.kind, signal, "", value, at, holds, retained)


def _maintenance(device: Device) -> Reading:
    begun, until = device.maintained
    if until > begun:
        return _reading(device, MAINTENANCE, "on", begun, until - begun)
    return _reading(device, MAINTENANCE, "off", begun)


def _of_gateway(device: Device, gateway: Device | None, at: float, retained: bool = False) -> Reading:
    gone = gateway is not None and gateway.offline
    return _reading(device, VIA, OFFLINE if gone else ONLINE, at, retained=retained)


def _of_rule(device: Device, rule: str, at: float) -> Reading:
    """How the rule stands on the device: for as long as any of its parts does."""
    mine = (watch for (name, _), watch in device.watches.items() if name == rule)
    stands = any(watch.state is OPEN and watch.rule.mode == LIVE for watch in mine)
    return _reading(device, RULE + rule, "open" if stands else "closed", at)


def _peers_of(facts: Facts, memory: PeersMemory) -> str:
    """The group that a device belongs to by what is known of it; empty where that is nothing."""
    among = memory.condition.among
    if among == "parts":
        return facts.device
    if among == "model":
        return facts.model and f"{facts.kind} {facts.model}"
    if among == "place":
        return facts.place[-1] if facts.place else ""
    if among == "building":
        return facts.place[0] if facts.place else ""
    return facts.kind


def _dump_watches(device: Device) -> list[list[Any]]:
    return [[*key, watch.dump()] for key, watch in device.watches.items()]


def _is_sound(reading: Reading) -> bool:
    """A text or a finite number, at a time that can be reckoned with."""
    value, at = reading.value, reading.at
    if value.__class__ is float:
        if value - value != 0.0:
            return False
    elif value.__class__ is not str:
        return False
    return at.__class__ is float and -TIME_MAX < at < TIME_MAX and reading.holds.__class__ is float

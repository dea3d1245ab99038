"""The engine: readings and the passing of time in, changes out; one owner, no surprises.

Its clock is the *connected* clock: arrival time less every span during which we were not connected.
Deadlines wait while we hear nothing, so our own outage is never taken for a device's silence, and a
backlog is heard out before a deadline that lies inside it can pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from foretell.engine.conditions import NEVER
from foretell.engine.facts import OFFLINE, ONLINE, PARTS_MAX, TICK, Change, Reading
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.watch import OPEN, Said, Watch

DEVICES_MAX = 5_000
SNAPSHOT_VERSION = 1

TIME_MAX = 4e9
"""Event times beyond this (the year 2096) are refused: there a float cannot tell two ticks apart."""


class Device:
    """One device as the engine knows it: its watches, and when it was last heard."""

    __slots__ = ("heard", "heard_at", "id", "kind", "offline", "routes", "sight_at", "silences", "watches")

    def __init__(self, device: str, kind: str, clock: float) -> None:
        self.id, self.kind = device, kind
        self.heard = clock
        self.heard_at: float | None = None
        self.offline = False
        self.sight_at = -NEVER
        self.watches: dict[tuple[str, str], Watch] = {}
        self.routes: dict[tuple[str, str], tuple[Watch, ...]] = {}
        self.silences: list[Watch] = []


class Engine:
    """Doors: `receive`, `advance`, `next_deadline`, `snapshot`/`restore`; `link`, `repair`, … for acts."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.devices: dict[str, Device] = {}
        self.counters: dict[str, int] = {}
        self.number = 0
        self._offset = 0.0
        self._stopped_at: float | None = 0.0  # the clock while we are not connected
        self._heap: list[tuple[float, int, int, Watch]] = []
        self._order = self._serial = 0

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
                self._hear(device, reading, clock, now, said)
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
        clock = self._clock(now)
        said: list[Said] = []
        self._pass_time(clock, said)
        known = self.devices.get(device)
        for watch in known.watches.values() if known else ():
            if watch.rule.failure_mode == failure_mode and part in ("", watch.part):
                watch.repair(clock, now, said)
                self._arm(watch, clock)
        return self._number(said, now)

    def expect(self, devices: Iterable[tuple[str, str]], now: float) -> None:
        """Know these (device, kind) before they speak, so that one that never does is silent."""
        for device, kind in devices:
            if device not in self.devices:
                self._meet(device, kind, self._clock(now))

    def adopt(self, rulebook: Rulebook, now: float) -> list[Change]:
        """Take a new rulebook; by rule id, watches keep what they remember where it still asks the same."""
        clock = self._clock(now)
        said: list[Said] = []
        self._pass_time(clock, said)
        self.rulebook = rulebook
        self._heap.clear()
        for device in self.devices.values():
            self._rebuild(device, clock, now, said)
        return self._number(said, now)

    # -- devices and watches ------------------------------------------------------------------------

    def _meet(self, name: str, kind: str, clock: float) -> Device | None:
        if len(self.devices) >= DEVICES_MAX:
            self._count("device_limit")
            return None
        device = self.devices[name] = Device(name, kind, clock)
        for rule in self.rulebook.for_kind(kind):
            if not rule.by:
                self._watch(device, rule, "", clock)
        return device

    def _watch(self, device: Device, rule: Rule, part: str, clock: float) -> Watch:
        self._serial += 1
        watch = Watch(rule, device.id, part, device.heard, self._serial)
        watch.offline = device.offline
        device.watches[rule.id, part] = watch
        if rule.hears_everything:
            device.silences.append(watch)
        device.routes.clear()
        self._arm(watch, clock)
        return watch

    def _route(self, device: Device, reading: Reading, clock: float) -> tuple[Watch, ...]:
        """The watches that ask about this signal (and part) of the device, made when first needed."""
        key = (reading.signal, reading.part)
        for rule in self.rulebook.for_kind(device.kind):
            wanted = rule.by and reading.part and reading.signal in rule.signals
            if wanted and (rule.id, reading.part) not in device.watches:
                if len(device.watches) >= PARTS_MAX * max(1, len(self.rulebook.for_kind(device.kind))):
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
        old, device.watches, device.silences = device.watches, {}, []
        device.routes.clear()
        for (rule_id, part), before in old.items():
            rule = self.rulebook.rules.get(rule_id)
            if rule is None or rule.kind != device.kind or bool(rule.by) != bool(part):
                before.withdraw(now, said)
                continue
            watch = self._watch(device, rule, part, clock)
            if not watch.inherit(before, clock):
                before.withdraw(now, said)
            self._arm(watch, clock)
        for rule in self.rulebook.for_kind(device.kind):
            if not rule.by and (rule.id, "") not in device.watches:
                self._watch(device, rule, "", clock)

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
        self._give(device, reading, clock, said)
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
        return not offline

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
        changes = []
        for each in said:
            self.number += 1
            watch = each.watch
            device = self.devices[watch.device]
            changes.append(
                Change(
                    self.number,
                    each.kind,
                    watch.rule.id,
                    watch.rule.revision,
                    device.id,
                    device.kind,
                    watch.part,
                    watch.rule.failure_mode,
                    each.reason["since"],
                    each.at,
                    now if each.noticed is None else each.noticed,
                    each.reason,
                    each.evidence,
                )
            )
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

    # -- memory over restarts -----------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything the engine remembers, as plain values."""
        return {
            "version": SNAPSHOT_VERSION, "number": self.number, "offset": self._offset,
            "stopped_at": self._stopped_at, "order": self._order, "serial": self._serial,
            "counters": dict(self.counters),
            "devices": [
                [d.id, d.kind, d.heard, d.heard_at, d.offline, d.sight_at, _dump_watches(d)]
                for d in self.devices.values()
            ],
        }  # fmt: skip

    @classmethod
    def restore(cls, rulebook: Rulebook, data: dict[str, Any]) -> Engine:
        """The engine as it was; the rulebook must be the one it had. Raises ValueError if it is not."""
        engine = cls(rulebook)
        if data.get("version") != SNAPSHOT_VERSION:
            raise ValueError(f"snapshot of version {data.get('version')}, not {SNAPSHOT_VERSION}")
        engine.number, engine._offset, engine._order = data["number"], data["offset"], data["order"]
        engine._stopped_at, engine._serial = data["stopped_at"], data["serial"]
        engine.counters = dict(data["counters"])
        for name, kind, heard, heard_at, offline, sight_at, watches in data["devices"]:
            device = engine.devices[name] = Device(name, kind, heard)
            device.heard_at, device.offline, device.sight_at = heard_at, offline, sight_at
            for rule_id, part, dumped in watches:
                rule = rulebook.rules.get(rule_id)
                if rule is None:
                    raise ValueError(f"snapshot knows the rule {rule_id}, the rulebook does not")
                watch = device.watches[rule_id, part] = Watch(rule, name, part, heard)
                watch.load(dumped)
                if rule.hears_everything:
                    device.silences.append(watch)
                if watch.armed != NEVER:
                    heapq.heappush(engine._heap, (watch.armed, watch.serial, watch.armed_order, watch))
        return engine


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

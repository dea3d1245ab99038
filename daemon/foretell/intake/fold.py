"""Journal entries into the engine, one by one: the same fold live, after a restart and on history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from foretell.engine.engine import Engine
from foretell.engine.facts import Change, Reading
from foretell.engine.rule import Rulebook
from foretell.intake.decode import Decoded, Reject, decode
from foretell.intake.journal import (
    CLOCK_STEP,
    LINK,
    MAINTENANCE,
    OWN,
    PLAN,
    REPAIR,
    RETAINED,
    STARTED,
    TICK_OF_CLOCK,
    Entry,
)
from foretell.intake.profiles import Profiles, Route
from foretell.site.estate import EMPTY, Estate
from foretell.site.kinds import CLOCK_SKEW, REASONS, REJECTED, Kind
from foretell.site.listing import Listing


class Plan(NamedTuple):
    """What the river is built from: how to read devices, what to hold against them, who is expected."""

    id: str
    profiles: Profiles
    rulebook: Rulebook
    kinds: dict[str, Kind]
    estate: Estate = EMPTY
    listing: Listing | None = None


class Repair(msgspec.Struct):
    """A person repaired this failure mode of the device. `act` numbers acts, so that none counts twice."""

    act: int
    device: str
    part: str
    failure_mode: str

    def pack(self) -> bytes:
        return msgspec.json.encode(self)


class Maintenance(msgspec.Struct):
    """People work on the device until then (Unix seconds); an instant that is past ends it."""

    act: int
    device: str
    until: float

    def pack(self) -> bytes:
        return msgspec.json.encode(self)


class Outcome(NamedTuple):
    """What came of some entries."""

    changes: list[Change]
    rejects: list[tuple[Entry, Reject]]


class Fold:
    """An engine with the plan it runs on, fed with journal entries. Knows no file and no clock."""

    def __init__(self, plan: Plan, find_plan: Callable[[str], Plan], engine: Engine | None = None) -> None:
        self.plan, self.find_plan = plan, find_plan
        self.engine = engine or Engine(plan.rulebook, plan.estate)
        self.position = 0
        self.arrived = 0.0
        self.acts_through = 0
        self.counters: dict[str, int] = {"messages": 0, "readings": 0}
        self.rejected: dict[str, int] = {}

    def take(self, entries: Iterable[Entry]) -> Outcome:
        """Fold entries in; they must come in order, each once."""
        changes: list[Change] = []
        rejects: list[tuple[Entry, Reject]] = []
        for entry in entries:
            try:
                if entry.topic.startswith(OWN):
                    changes += self._own(entry)
                else:
                    self._message(entry, changes, rejects)
            except Exception as error:  # a defect of ours must cost one entry, not the site
                self._reject(entry, Reject("internal", f"{type(error).__name__}: {error}"), rejects)
            self.position, self.arrived = entry.position, entry.arrived
        return Outcome(changes, rejects)

    def _message(self, entry: Entry, changes: list[Change], rejects: list[tuple[Entry, Reject]]) -> None:
        self.counters["messages"] += 1
        # What fell due for others is said before this message is tried, so that it cannot be lost with it.
        changes += self.engine.advance(entry.arrived)
        routes = self.plan.profiles.routes(entry.topic)
        if not routes:
            self._reject(entry, Reject("unknown_topic", "no profile speaks on this topic"), rejects)
        retained = bool(entry.flags & RETAINED)
        for route in routes:
            known = self.engine.devices.get(route.device)
            if known is not None and known.kind != route.profile.kind:
                taken = f"'{route.device}' is known as {known.kind}; name it apart with 'device' in"
                self._reject(entry, Reject("name_taken", f"{taken} {route.profile.id}"), rejects)
                continue
            decoded = decode(route, entry.payload, entry.arrived, retained)
            for reject in decoded.rejects:
                self._reject(entry, reject, rejects)
            self.counters["readings"] += len(decoded.readings)
            readings = decoded.readings + _about_itself(route, decoded, entry.arrived, retained)
            changes += self.engine.receive(readings, entry.arrived)

    def _reject(self, entry: Entry, reject: Reject, rejects: list[tuple[Entry, Reject]]) -> None:
        self.rejected[reject.reason] = self.rejected.get(reject.reason, 0) + 1
        rejects.append((entry, reject))

    def _own(self, entry: Entry) -> list[Change]:
        engine, now = self.engine, entry.arrived
        if entry.topic == TICK_OF_CLOCK:
            return engine.advance(now)
        if entry.topic == LINK:
            return engine.link(entry.payload == b"up", now)
        if entry.topic == STARTED:
            # Changes are numbered on from what was applied, also where the journal is younger.
            engine.number = max(engine.number, int(entry.payload or b"0"))
            # Nobody listened between the last entry and this one: the clock stood still from there on.
            return engine.link(False, self.arrived or now)
        if entry.topic == CLOCK_STEP:
            engine.step_clock(float(entry.payload))
            return []
        if entry.topic == REPAIR:
            return self._repair(msgspec.json.decode(entry.payload, type=Repair), now)
        if entry.topic == MAINTENANCE:
            return self._maintain(msgspec.json.decode(entry.payload, type=Maintenance), now)
        if entry.topic == PLAN:
            return self._adopt(entry.payload.decode(), now)
        return []

    def _repair(self, act: Repair, now: float) -> list[Change]:
        if act.act <= self.acts_through:
            return []
        self.acts_through = act.act
        return self.engine.repair(act.device, act.part, act.failure_mode, now)

    def _maintain(self, act: Maintenance, now: float) -> list[Change]:
        if act.act <= self.acts_through:
            return []
        self.acts_through = act.act
        return self.engine.maintain(act.device, act.until, now)

    def _adopt(self, plan_id: str, now: float) -> list[Change]:
        if plan_id != self.plan.id:
            try:
                self.plan = self.find_plan(plan_id)
            except Exception:
                # Forgotten, or of a time whose words we no longer read: go on with what we have.
                self.counters["plans_missing"] = self.counters.get("plans_missing", 0) + 1
        changes = self.engine.adopt(self.plan.rulebook, now, self.plan.estate)
        self.engine.expect(self.plan.estate.devices.values(), now)
        return changes

    # -- the cache of all this ----------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """All that is remembered, with the journal position it stands for."""
        return msgspec.msgpack.encode(
            [self.plan.id, self.position, self.arrived, self.acts_through, self.counters, self.rejected,
             self.engine.snapshot()]
        )  # fmt: skip

    @classmethod
    def restore(cls, body: bytes, find_plan: Callable[[str], Plan]) -> Fold:
        """The fold as it was. Raises ValueError if the snapshot is of another version or broken."""
        try:
            plan_id, position, arrived, acts, counters, rejected, engine = msgspec.msgpack.decode(body)
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            raise ValueError(f"the snapshot cannot be read: {error}") from error
        plan = find_plan(plan_id)
        fold = cls(plan, find_plan, Engine.restore(plan.rulebook, engine, plan.estate))
        fold.position, fold.arrived, fold.acts_through = position, arrived, acts
        fold.counters, fold.rejected = counters, rejected
        return fold


def _about_itself(route: Route, decoded: Decoded, arrived: float, retained: bool) -> list[Reading]:
    """How the device was heard, as signals that it has like any other: rules may ask for them."""
    device, kind = route.device, route.profile.kind
    found = [
        Reading(device, kind, REJECTED, "", reject.reason, arrived)
        for reject in decoded.rejects
        if reject.reason in REASONS
    ]
    if decoded.ahead is not None and not retained:
        at, holds = arrived + decoded.ahead, route.profile.holds
        found.append(Reading(device, kind, CLOCK_SKEW, "", decoded.ahead, at, holds))
    return found

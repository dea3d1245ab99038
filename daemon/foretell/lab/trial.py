"""One test of one rule: its words become a case, and the case is run through the real engine in virtual time.

Times in a test count from its `start`. Readings come in the order of their arrival; the engine is woken at
arrivals, at acts and at its own deadlines, and the clock stops with the last of them. What people do is
said in `acts`:

    repair at 5 d               a person repairs what the rule found (of one device: repair b at 5 d)
    maintenance 1 d to 2 d      people work on the device (on one device: maintenance b 1 d to 2 d)
    offline 2 h to 3 h          the link says that the device is gone, and then that it is back
    outage 2 h to 3 h           we are not connected; what was sent meanwhile arrives afterwards
    restart at 3 h              foretell is started anew from what it wrote down

What must come of it is said in `expect`: `opens` and `clears` (the first time each) are `never`, `at 3 d`,
`before 20 d`, `after 2 d` or `between 1 d and 3 d`, by the time of the events; `tickets` is how often it
opened, over all devices and parts; `holds` whether it stands open at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from foretell.authored.document import Path
from foretell.authored.problems import did_you_mean
from foretell.authored.quantity import QuantityError, duration
from foretell.engine.engine import Engine
from foretell.engine.facts import MISBEHAVES, OFFLINE, ONLINE, TICK, Change, Reading
from foretell.engine.rule import ANY_KIND, LIVE, RULE, Rule, Rulebook, Where
from foretell.engine.rulebook import TestModel
from foretell.lab.replay import spans
from foretell.lab.series import DEVICE, READINGS_MAX, Sent, Series, read_series
from foretell.site.calendars import Zone
from foretell.site.estate import Estate, Facts
from foretell.site.kinds import ANY, Kind

START = "2026-03-02 00:00"
"""A Monday, in local time."""

JUST = 1.0
"""Seconds by which `at` may be missed, either way."""

ACTS = {
    "repair": "repair [DEVICE] at TIME",
    "restart": "restart at TIME",
    "maintenance": "maintenance [DEVICE] TIME to TIME",
    "offline": "offline [DEVICE] TIME to TIME",
    "outage": "outage TIME to TIME",
}
MOMENTS = ("never", "at", "before", "after", "between")
FACTS = ("place", "model", "via", "kind")
FOR_ALL = ("restart", "outage")
AT_ONCE = ("restart", "repair")

STRANGER = "device"
"""The kind of a device under a rule that is for any kind."""


class Fault(NamedTuple):
    """What is wrong with a test, and where below its entry."""

    path: Path
    message: str
    hint: str = ""


class Act(NamedTuple):
    """What people or the world do, in seconds from the start; an empty `device` is every one."""

    verb: str
    at: float
    until: float
    device: str = ""


class Moment(NamedTuple):
    """When something must happen: within `low` and `high`, or never (`low` is None)."""

    words: str
    low: float | None = None
    high: float | None = None

    def fits(self, at: float | None) -> bool:
        if self.low is None or at is None:
            return self.low is None and at is None
        return self.low - JUST <= at <= (at if self.high is None else self.high + JUST)


class Expected(NamedTuple):
    """What must come of a case; what is None is not looked at."""

    opens: Moment | None = None
    clears: Moment | None = None
    tickets: int | None = None
    holds: bool | None = None


class Case(NamedTuple):
    """A test, read."""

    name: str
    start: float
    series: tuple[Series, ...]
    acts: tuple[Act, ...]
    estate: Estate
    expected: Expected


class Failure(NamedTuple):
    """One thing that did not come as expected."""

    what: str
    expected: str
    got: str
    hint: str = ""
    """What to write, where the test itself is wrong."""


class Outcome(NamedTuple):
    """What came of a case. Openings are (device, part, opened, cleared or None), seconds from the start."""

    changes: list[Change]
    openings: list[tuple[str, str, float, float | None]]
    length: float
    failures: list[Failure]


# -- reading ----------------------------------------------------------------------------------------


def read_case(
    model: TestModel, rule: Rule, kinds: Mapping[str, Kind], zone: Zone
) -> tuple[Case | None, list[Fault]]:
    """A test of a rule from its words, or everything that is wrong with them."""
    faults: list[Fault] = []
    facts = _read_facts(model, rule, kinds, faults)
    series = _read_series(model, fitting(rule.where).device, facts, kinds, faults)
    acts = [_read_act(words, index, facts, faults) for index, words in enumerate(model.acts)]
    expect = model.expect
    expected = Expected(
        _read_moment("opens", expect.opens, faults), _read_moment("clears", expect.clears, faults),
        expect.tickets, expect.holds,
    )  # fmt: skip
    if expected == Expected():
        faults.append(
            Fault(("expect",), "nothing is expected", "such as 'opens: before 20 d' or 'opens: never'")
        )
    start = _read_start(model.start or START, zone, faults)
    if not any(each.kind == _own_kind(rule) and rule.where.takes(each) for each in facts.values()):
        hint = f"its 'where' would take '{fitting(rule.where).device}'"
        faults.append(Fault(("series",), "the rule watches none of these devices", hint))
    if faults:
        return None, faults
    done = tuple(act for act in acts if act is not None)
    return Case(model.name, start, tuple(series), done, Estate({}, facts), expected), []


def _own_kind(rule: Rule) -> str:
    return STRANGER if rule.kind == ANY_KIND else rule.kind


def fitting(where: Where, device: str = "", kind: str = "") -> Facts:
    """A device that a rule watches; with a name that is given, as far as that name allows it."""
    place, model, name = (_fit(patterns) for patterns in where)
    return Facts(device or name or DEVICE, kind, (place,) if place else (), model)


def _fit(patterns: Sequence[str]) -> str:
    """A name that fits one of the patterns, as a person would choose one."""
    for pattern in patterns:
        name = re.sub(r"\[!?([^]])[^]]*\]", r"\1", pattern).replace("*", DEVICE).replace("?", DEVICE)
        if fnmatchcase(name, pattern):
            return name
    return ""


def _read_facts(
    model: TestModel, rule: Rule, kinds: Mapping[str, Kind], faults: list[Fault]
) -> dict[str, Facts]:
    """The devices of a test: those that it describes, and those that only speak."""
    facts: dict[str, Facts] = {}
    for name, given in model.devices.items():
        for key in given:
            if key not in FACTS:
                hint = did_you_mean(key, FACTS) or f"known: {', '.join(FACTS)}"
                faults.append(Fault(("devices", name, key), f"unknown key '{key}'", hint))
        kind = given.get("kind", _own_kind(rule))
        if kind not in kinds and kind != STRANGER:
            hint = did_you_mean(kind, kinds) or f"known: {', '.join(sorted(kinds))}"
            faults.append(Fault(("devices", name, "kind"), f"unknown kind '{kind}'", hint))
        usual = fitting(rule.where, name, kind)
        place = tuple(step for step in given.get("place", "").split("/") if step)
        facts[name] = Facts(
            name, kind, place or usual.place, given.get("model", usual.model), given.get("via", "")
        )
    usual = fitting(rule.where, "", _own_kind(rule))
    for name in model.series:
        spoken = name.split()[0] if len(name.split()) == 2 else usual.device
        facts.setdefault(spoken, usual._replace(device=spoken))
    return facts or {usual.device: usual}


def _read_series(
    model: TestModel,
    default: str,
    facts: Mapping[str, Facts],
    kinds: Mapping[str, Kind],
    faults: list[Fault],
) -> list[Series]:
    series: list[Series] = []
    room = READINGS_MAX
    for name, text in model.series.items():
        speaker = name.split()[0] if len(name.split()) == 2 else default
        kind = kinds.get(facts[speaker].kind, ANY)
        line, mistakes = read_series(name, text, kind, model.name, room)
        for mistake in mistakes:
            where = f"column {mistake.column}: " if mistake.column else ""
            faults.append(Fault(("series", name), where + mistake.message, mistake.hint))
        if line is not None:
            series.append(line._replace(device=speaker))
            room -= len(line.sent)
    return series


def _read_start(text: str, zone: Zone, faults: list[Fault]) -> float:
    """Unix seconds of a local time."""
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            local = datetime.strptime(text, form).replace(tzinfo=ZoneInfo(zone.name))
        except ValueError:
            continue
        if 2000 <= local.year < 2070:
            return local.timestamp()
    faults.append(Fault(("start",), f"'{text:.40}' is no local time", f"write it like '{START}'"))
    return 0.0


def _read_act(text: str, index: int, facts: Mapping[str, Facts], faults: list[Fault]) -> Act | None:
    verb, *words = text.split() or [""]
    form = ACTS.get(verb)
    if form is None:
        hint = did_you_mean(verb, ACTS) or f"one of {', '.join(ACTS)}"
        faults.append(Fault(("acts", index), f"nobody can '{verb:.40}'", hint))
        return None
    device = ""
    if words and words[0] not in ("at", "from") and not words[0][0].isdigit() and verb not in FOR_ALL:
        device, words = words[0], words[1:]
        if device not in facts:
            hint = did_you_mean(device, facts) or f"known: {', '.join(facts)}"
            faults.append(Fault(("acts", index), f"this test has no device '{device:.40}'", hint))
    if words and words[0] in ("at", "from"):
        words = words[1:]
    start, to, end = " ".join(words).partition(" to ")
    try:
        if bool(to) is (verb in AT_ONCE):
            raise QuantityError(f"'{text:.60}' is not of the form '{form}'")
        at = _seconds(start)
        until = _seconds(end) if to else at
    except QuantityError as error:
        faults.append(Fault(("acts", index), str(error), f"write '{form}'"))
        return None
    if to and until <= at:
        faults.append(Fault(("acts", index), f"'{text:.60}' ends before it begins"))
    return Act(verb, at, until, device)


def _read_moment(key: str, text: str | None, faults: list[Fault]) -> Moment | None:
    if text is None:
        return None
    word, *words = text.split() or [""]
    start, to, end = " ".join(words).partition(" and ")
    try:
        if word not in MOMENTS or (word == "never") is bool(words) or (word == "between") is not bool(to):
            raise QuantityError(f"'{text:.60}' is no moment")
        if word == "never":
            return Moment(text)
        low = _seconds(start)
        high = _seconds(end) if to else low
    except QuantityError as error:
        near = did_you_mean(word, MOMENTS) if word not in MOMENTS else ""
        form = "write 'never', 'at 3 d', 'before 3 d', 'after 3 d' or 'between 1 d and 3 d'"
        faults.append(Fault(("expect", key), str(error), near or form))
        return None
    return Moment(text, 0.0 if word == "before" else low, None if word == "after" else high)


def _seconds(text: str) -> float:
    """A time from the start, which may be the start itself."""
    return 0.0 if re.fullmatch(r"0+(\.0*)?\s*(ms|s|min|h|d|w)?", text) else duration(text)


# -- running ----------------------------------------------------------------------------------------


def run(case: Case, rule: Rule, others: Mapping[str, Rule] = {}) -> Outcome:
    """Run a case through an engine that has the rule, and those of `others` that may hold it back."""
    stage = _Stage(case, rule, others)
    for at, _, what in _agenda(case):
        stage.go_to(case.start + at)
        stage.play(what)
    length = _length(case)
    stage.go_to(case.start + length + TICK)
    stage.changes += stage.engine.advance(stage.now)
    changes = [
        change for change in stage.changes if change.failure_mode != MISBEHAVES and change.rule == rule.id
    ]
    openings = [
        (device, part, opened - case.start, None if cleared is None else cleared - case.start)
        for device, part, _, opened, cleared in spans(changes)
    ]
    return Outcome(changes, openings, length, _failures(case.expected, openings))


def _length(case: Case) -> float:
    """The end of the longest line, or what comes later: an arrival, an act."""
    ends = [line.length for line in case.series] + [act.until for act in case.acts]
    return max([*ends, *(line.sent[-1].arrives for line in case.series if line.sent)], default=0.0)


class Happening(NamedTuple):
    """Something at an instant: an act's verb with what it needs."""

    verb: str
    device: str = ""
    until: float = 0.0


def _agenda(case: Case) -> list[tuple[float, int, Sent | Happening]]:
    """Everything in order. At one instant acts come before readings; those of an outage, after it."""
    agenda: list[tuple[float, int, Sent | Happening]] = []
    outages = [(act.at, act.until) for act in case.acts if act.verb == "outage"]
    for act in case.acts:
        agenda.append((act.at, 0, Happening(act.verb, act.device, act.until)))
        if act.verb in ("outage", "offline"):
            agenda.append((act.until, 0, Happening(f"{act.verb} ends", act.device)))
    for line in case.series:
        agenda += [(at, 0, Happening("restart")) for at in line.restarts]
        for sent in line.sent:
            arrives = sent.arrives
            for start, end in outages:
                arrives = end if start <= arrives < end else arrives
            agenda.append((arrives, 1, sent._replace(device=line.device)))
    agenda.sort(key=lambda each: (each[0], each[1]))
    return agenda


class _Stage:
    """An engine, and the time that goes by for it."""

    def __init__(self, case: Case, rule: Rule, others: Mapping[str, Rule]) -> None:
        self.case, self.rule = case, rule
        asked = [name.removeprefix(RULE) for name in rule.signals if name.startswith(RULE)]
        rules = [rule, *(others[name] for name in asked if name in others and name != rule.id)]
        self.engine = Engine(Rulebook([each._replace(mode=LIVE) for each in rules]), case.estate)
        self.now = case.start
        self.changes = self.engine.link(True, self.now)
        self.engine.expect(case.estate.devices.values(), self.now)

    def go_to(self, now: float) -> None:
        """Time goes on, and every deadline on the way is kept at its own instant."""
        before = None
        while (due := self.engine.next_deadline()) is not None and due < now and due != before:
            self.changes += self.engine.advance(max(due, self.now))
            before = due
        self.now = now

    def play(self, what: Sent | Happening) -> None:
        if isinstance(what, Sent):
            self._say(what)
        elif what.verb == "restart":
            data = msgspec.msgpack.decode(msgspec.msgpack.encode(self.engine.snapshot()))
            self.engine = Engine.restore(self.engine.rulebook, data, self.case.estate)
        elif what.verb in ("outage", "outage ends"):
            self.changes += self.engine.link(what.verb != "outage", self.now)
        else:
            for device in [what.device] if what.device else list(self.case.estate.devices):
                self._act(what, device)

    def _act(self, what: Happening, device: str) -> None:
        if what.verb == "repair":
            self.changes += self.engine.repair(device, "", self.rule.failure_mode, self.now)
        elif what.verb == "maintenance":
            self.changes += self.engine.maintain(device, self.case.start + what.until, self.now)
        else:
            word, at = OFFLINE if what.verb == "offline" else ONLINE, self.now - self.case.start
            self._say(Sent(device, ONLINE, "", word, at, at))

    def _say(self, sent: Sent) -> None:
        kind = self.case.estate.devices[sent.device].kind if sent.device in self.case.estate.devices else ""
        reading = Reading(
            sent.device,
            kind,
            sent.signal,
            sent.part,
            sent.value,
            self.case.start + sent.at,
            sent.holds,
            sent.retained,
        )
        self.changes += self.engine.receive([reading], self.now)


# -- judging ----------------------------------------------------------------------------------------


def _failures(expected: Expected, openings: list[tuple[str, str, float, float | None]]) -> list[Failure]:
    failures = []
    opens = min((opened for _, _, opened, _ in openings), default=None)
    clears = min((cleared for *_, cleared in openings if cleared is not None), default=None)
    for what, moment, at, done in (
        ("opens", expected.opens, opens, "opened"), ("clears", expected.clears, clears, "cleared"),
    ):  # fmt: skip
        if moment is not None and not moment.fits(at):
            got = f"it never {done}" if at is None else f"it {done} after {spell(at)}"
            failures.append(Failure(what, moment.words, got))
    if expected.tickets is not None and expected.tickets != len(openings):
        failures.append(Failure("tickets", str(expected.tickets), _opened(len(openings))))
    holds = any(cleared is None for *_, cleared in openings)
    if expected.holds is not None and expected.holds != holds:
        said = "it stands open at the end" if holds else "nothing is open at the end"
        failures.append(Failure("holds", "yes" if expected.holds else "no", said))
    return failures


def _opened(count: int) -> str:
    return "it opened once" if count == 1 else f"it opened {count} times"


def spell(seconds: float) -> str:
    """A time from the start to the second: "5 d 2 h", "10 min 5 s"."""
    whole = round(seconds)
    words = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            words.append(f"{count} {unit}")
    return " ".join(words) or "0 s"

"""Runs the signals of a picture through the real engine, and looks again and again where each rule stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from foretell.engine.engine import Engine
from foretell.engine.facts import CLEARED, OFFLINE, ONLINE, OPENED, TICK, Change, Reading
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.rulebook import TestModel, read_rule
from foretell.lab.series import Sent
from foretell.lab.trial import Act, Case, read_case
from foretell.site.kinds import read_kind
from foretell.site.listing import no_site

LOOKS = 1120
"""How often it is looked, over the width of a picture: two looks for a pixel."""

KIND = """
title: {en: Example, zh: 示例}
signals:
  temperature: {type: gauge, unit: degC, range: [-40, 120]}
  voltage: {type: gauge, unit: V, range: [0, 500]}
  close_time: {type: gauge, unit: s, range: [0, 60]}
  level: {type: gauge, unit: cm, range: [0, 500]}
  power: {type: gauge, unit: kW, range: [0, 100]}
  mode: {type: state, values: [normal, inspection, stopped]}
  door: {type: state, values: [open, closed]}
  command: {type: event, values: [unlock]}
  reversal: {type: event}
  trips: {type: counter}
  cycles: {type: counter}
  openings: {type: counter}
"""

REST = """
title: {en: "{device}: example", zh: "{device} 示例"}
kind: example
ticket: {failure_mode: example, route: engineer, within: 1 d, do: {en: Look, zh: 查看}}
"""

Spans = list[tuple[float, float, bool | None]]


class Look(NamedTuple):
    """Where a rule stood at an instant: its verdict and the evidence of each clause."""

    at: float
    verdict: bool | None
    clauses: list[dict[str, Any]]


class Traced(NamedTuple):
    """What came of it, in seconds from the start: looks by rule, openings and clearings by rule."""

    sent: dict[str, list[Sent]]
    looks: dict[str, list[Look]]
    turns: dict[str, list[tuple[float, bool]]]
    start: float

    def spans(self, rule: str = "main") -> Spans:
        """The stretches of one verdict."""
        found: Spans = []
        looks = self.looks[rule]
        step = looks[1].at - looks[0].at
        for look in looks:
            if found and found[-1][2] is look.verdict:
                found[-1] = (found[-1][0], look.at + step, look.verdict)
            else:
                found.append((look.at, look.at + step, look.verdict))
        return found

    def curve(self, line: str) -> list[tuple[float, float | None]]:
        """The values of a line; interrupted where none of them held."""
        found: list[tuple[float, float | None]] = []
        until = float("inf")
        for each in self.sent[line]:
            assert isinstance(each.value, float)
            if each.at > until:
                found.append((until, None))
            found.append((each.at, each.value))
            until = each.at + each.holds
        return found

    def words(self, line: str, end: float) -> list[tuple[float, float, str]]:
        """The words of a state, each from when to when."""
        sent = [each for each in self.sent[line] if each.signal != ONLINE]
        ends = [each.at for each in sent[1:]] + [end]
        found: list[tuple[float, float, str]] = []
        for each, until in zip(sent, ends, strict=True):
            if found and found[-1][2] == each.value:
                found[-1] = (found[-1][0], until, str(each.value))
            else:
                found.append((each.at, until, str(each.value)))
        return found

    def measured(self, key: Callable[[dict[str, Any]], float | None]) -> list[tuple[float, float | None]]:
        """What the first clause reckoned, look by look."""
        return [(look.at, key(look.clauses[0]) if look.clauses else None) for look in self.looks["main"]]

    def evidence(self, at: float) -> dict[str, Any]:
        """The evidence of the first clause at about this instant."""
        return min(self.looks["main"], key=lambda look: abs(look.at - at)).clauses[0]

    def opened(self) -> float:
        return next(at for at, opens in self.turns["main"] if opens)


def trace(
    rules: dict[str, str],
    series: dict[str, str],
    acts: Sequence[str],
    window: tuple[float, float],
    start: str = "2026-03-02 00:00",
) -> Traced:
    """Play a test's series and acts for some rules at once; look at the rules of device `a` in the window."""
    kind, problems = read_kind("example", KIND, "kind.yaml")
    assert kind is not None, problems
    made: dict[str, Rule] = {}
    for name, text in rules.items():
        rule, problems = read_rule(f"example/{name}", text + REST, f"{name}.yaml", {"example": kind})
        assert rule is not None, [str(problem) for problem in problems]
        made[name] = rule
    model = TestModel.model_validate(
        {"name": "picture", "start": start, "series": series, "acts": list(acts), "expect": {"tickets": 0}}
    )
    case, faults = read_case(model, next(iter(made.values())), {"example": kind}, no_site().zone)
    assert case is not None, faults
    return _play(case, made, window)


def _agenda(case: Case, window: tuple[float, float]) -> Iterator[tuple[float, int, Sent | Act | str]]:
    outages = [act for act in case.acts if act.verb == "outage"]
    for act in case.acts:
        yield act.at, 0, act
        if act.verb in ("outage", "offline"):
            yield act.until, 0, act._replace(verb=f"{act.verb} ends")
    for line in case.series:
        for sent in line.sent:
            late = [act.until for act in outages if act.at <= sent.arrives < act.until]
            yield late[0] if late else sent.arrives, 1, sent._replace(device=line.device)
    low, high = window
    for look in range(LOOKS + 1):
        yield low + (high - low) * look / LOOKS, 2, "look"


def _play(case: Case, rules: dict[str, Rule], window: tuple[float, float]) -> Traced:
    engine = Engine(Rulebook(rules.values()), case.estate)
    changes: list[Change] = list(engine.link(True, case.start))
    engine.expect(case.estate.devices.values(), case.start)
    looks: dict[str, list[Look]] = {name: [] for name in rules}
    for at, _, what in sorted(_agenda(case, window), key=lambda each: each[:2]):
        now = case.start + at
        if at > window[1] + TICK:
            break
        while (due := engine.next_deadline()) is not None and due < now:
            changes += engine.advance(due)
        if isinstance(what, Sent):
            changes += engine.receive([_reading(what, case.start)], now)
        elif isinstance(what, Act):
            changes += _act(engine, what, case, now)
        else:
            for name in rules:
                looks[name].append(_look(engine, f"example/{name}", at, now))
    turns: dict[str, list[tuple[float, bool]]] = {name: [] for name in rules}
    for change in changes:
        if change.device == "a" and change.kind in (OPENED, CLEARED):
            turns[change.rule.removeprefix("example/")].append(
                (change.at - case.start, change.kind == OPENED)
            )
    sent = {_name(line.device, line.signal.name): [*line.sent] for line in case.series}
    return Traced(sent, looks, turns, case.start)


def _look(engine: Engine, rule: str, at: float, now: float) -> Look:
    """Where the watch of device `a` stands; looking changes nothing."""
    device = engine.devices.get("a")
    watch = device.watches.get((rule, "")) if device is not None else None
    if watch is None:
        return Look(at, None, [])
    return Look(at, watch.verdict(now), [memory.evidence(now) for memory in watch.memories])


def _name(device: str, signal: str) -> str:
    return signal if device == "a" else f"{device} {signal}"


def _reading(sent: Sent, start: float) -> Reading:
    return Reading(
        sent.device, "example", sent.signal, sent.part, sent.value, start + sent.at, sent.holds, sent.retained
    )


def _act(engine: Engine, act: Act, case: Case, now: float) -> list[Change]:
    if act.verb in ("outage", "outage ends"):
        return engine.link(act.verb != "outage", now)
    if act.verb == "repair":
        return engine.repair("a", "", "example", now)
    word = OFFLINE if act.verb == "offline" else ONLINE
    return engine.receive([Reading("a", "example", ONLINE, "", word, now)], now)

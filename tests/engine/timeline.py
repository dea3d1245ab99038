"""A site told as a story: `site.at("08:00").reads(temp=61.0).expects(opened("hot", at="08:00"))`."""

from __future__ import annotations

from typing import Any

import msgspec

from foretell.engine.engine import Engine
from foretell.engine.facts import Change, Reading
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.rulebook import read_rule
from foretell.site.kinds import Kind, read_kind

DAY0 = 1_760_000_000.0 // 86400 * 86400
FOREVER = float("inf")

KIND = """
title: {en: Lift, zh: 电梯}
signals:
  temp: {type: gauge, unit: degC, range: [-50, 200]}
  close: {type: gauge, unit: s, part: floor}
  trips: {type: counter}
  mode: {type: state, values: [normal, inspection, stopped]}
  fault: {type: event, values: [break, fix]}
  lamp: {type: state, values: ["on", "off"], part: channel}
"""


def kind() -> Kind:
    found, problems = read_kind("elevator", KIND, "kind.yaml")
    assert found is not None, problems
    return found


def rule_text(when: str, rest: str = "") -> str:
    return f"""
title: {{en: "{{device}}", zh: "{{device}}"}}
kind: elevator
when: {when}
{rest}
ticket: {{failure_mode: some-fault, route: maintainer, within: 3 d, do: {{en: Look, zh: 看}}}}
"""


def rule(when: str, rest: str = "", name: str = "rule") -> Rule:
    """One rule in the words of a rule file; `rest` are further lines of it."""
    found, problems = read_rule(
        f"elevator/{name}", rule_text(when, rest), f"{name}.yaml", {"elevator": kind()}
    )
    assert found is not None, [str(problem) for problem in problems]
    return found


def seconds(time: str | float) -> float:
    """Unix seconds of "08:00", "08:00:30" or, days later, "3 08:00"."""
    if not isinstance(time, str):
        return time
    day, _, clock = time.rpartition(" ")
    hours, minutes, *rest = clock.split(":")
    return (
        DAY0 + int(day or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + (float(rest[0]) if rest else 0)
    )


def said(kind: str, at: str | float, why: str = "", rule: str = "rule", part: str = "") -> tuple[Any, ...]:
    return (kind, f"elevator/{rule}", "a", part, seconds(at), why)


def opened(at: str | float, why: str = "condition", **more: Any) -> tuple[Any, ...]:
    return said("opened", at, why, **more)


def cleared(at: str | float, why: str = "condition", **more: Any) -> tuple[Any, ...]:
    return said("cleared", at, why, **more)


def lost_sight(at: str | float, why: str = "offline", **more: Any) -> tuple[Any, ...]:
    return said("lost_sight", at, why, **more)


def news(at: str | float, why: str, **more: Any) -> tuple[Any, ...]:
    return said("news", at, why, **more)


def plain(change: Change) -> tuple[Any, ...]:
    return (change.kind, change.rule, change.device, change.part, round(change.at, 3), change.reason["why"])


class Site:
    """One engine with one talkative lift `a`; every step is checked for what it must say."""

    def __init__(self, *rules: Rule, start: str = "00:00", linked: bool = True) -> None:
        self.engine = Engine(Rulebook(rules))
        self.now = seconds(start)
        self.unheard: list[Change] = []
        if linked:
            self.engine.link(True, self.now)

    def at(self, time: str | float) -> Site:
        """Time goes on to `time`, and everything due before it passes."""
        self.now = seconds(time)
        self.unheard += self.engine.advance(self.now)
        return self

    def reads(
        self, *, sent: str | float | None = None, holds: float = FOREVER, retained: bool = False,
        part: str = "", device: str = "a", **values: Any,
    ) -> Site:  # fmt: skip
        """The lift says these values, now or (`sent`) as written at an earlier time."""
        at = self.now if sent is None else seconds(sent)
        readings = [
            Reading(
                device,
                "elevator",
                signal,
                part,
                float(value) if isinstance(value, int) else value,
                at,
                holds,
                retained,
            )
            for signal, value in values.items()
        ]
        self.unheard += self.engine.receive(readings, self.now)
        return self

    def link(self, up: bool) -> Site:
        self.unheard += self.engine.link(up, self.now)
        return self

    def restarts(self) -> Site:
        """The process ends and starts again from what was written to disk."""
        data = msgspec.msgpack.decode(msgspec.msgpack.encode(self.engine.snapshot()))
        self.engine = Engine.restore(self.engine.rulebook, data)
        return self

    def adopts(self, *rules: Rule) -> Site:
        self.unheard += self.engine.adopt(Rulebook(rules), self.now)
        return self

    def repaired(self, part: str = "") -> Site:
        self.unheard += self.engine.repair("a", part, "some-fault", self.now)
        return self

    def expects(self, *wanted: tuple[Any, ...]) -> Site:
        """Exactly these changes were said since the last check."""
        heard, self.unheard = [plain(change) for change in self.unheard], []
        assert heard == list(wanted)
        return self

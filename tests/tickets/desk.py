"""A small estate for the ticket desk: rules, names, and changes as the engine would say them."""

from __future__ import annotations

from typing import Any

from foretell.authored.validate import Text
from foretell.engine.facts import CLEARED, OPENED, Change
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.rulebook import read_rule
from foretell.site.kinds import Kind, read_kind
from foretell.tickets.policy import Desk

DAY = 86400.0
NOW = 1_760_000_000.0

KIND = """
title: {en: Lift, zh: 电梯}
signals:
  close: {type: gauge, unit: s, range: [0.5, 30], part: floor, title: {en: Door close time, zh: 关门时间}}
  room: {type: gauge, unit: degC, title: {en: Room temperature, zh: 机房温度}}
  level: {type: gauge, unit: percent, title: {en: Level, zh: 液位}}
  mode: {type: state, values: [normal, stopped], title: {en: Mode, zh: 模式}}
  breaks: {type: event, values: [break, fix], title: {en: Service record, zh: 停运记录}}
  trips: {type: counter, title: {en: Trips, zh: 运行次数}}
"""


def kind() -> Kind:
    found, problems = read_kind("lift", KIND, "kind.yaml")
    assert found is not None, problems
    return found


def rule(name: str, mode: str, when: str = "{signal: close, above: 5 s}", within: str = "2 d") -> Rule:
    text = f"""
title: {{en: "{{device}} {{part}} {{place}}: {name}", zh: "{{place}} {{device}}:{name}"}}
kind: lift
when: {when}
ticket:
  {{failure_mode: {mode}, route: maintainer, within: {within}, do: {{en: Clean the sill, zh: 清洁地坎}}}}
"""
    found, problems = read_rule(f"lift/{name}", text, f"{name}.yaml", {"lift": kind()})
    assert found is not None, problems
    return found


RULES = (
    rule("slow", "door"),
    rule("slower", "door"),
    rule("hot", "cooling", "{signal: room, above: 40 degC}"),
)
DESK = Desk(
    Rulebook(RULES),
    {"lift": kind()},
    {"a-1": Text(en="Lift 1", zh="一号梯")},
    {"a-1": Text(en="Block A", zh="A座")},
)
CLAUSE: dict[str, Any] = {
    "verb": "above",
    "signal": "close",
    "unit": "s",
    "value": 5.6,
    "limit": 5.0,
    "verdict": True,
    "since": float("-inf"),
    "recent": [[NOW, 5.6], (NOW, float("nan"))],
}


class Teller:
    """Numbers changes from 1 without a gap, as the engine does."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __call__(
        self,
        kind: str = OPENED,
        rule: str = "lift/slow",
        device: str = "a-1",
        part: str = "",
        at: float = NOW,
        why: str = "condition",
        evidence: tuple[dict[str, Any], ...] = (CLAUSE,),
        held: float = 0.0,
    ) -> Change:
        self.number += 1
        known = DESK.rulebook.rules.get(rule)
        mode = known.failure_mode if known else "door"
        revision = known.revision if known else "gone"
        reason = {"why": why, "since": at - held, "held": held}
        return Change(
            self.number,
            kind,
            rule,
            revision,
            device,
            "lift",
            part,
            mode,
            at - held,
            at,
            at + 1,
            reason,
            evidence,
        )

    def opened(self, **more: Any) -> Change:
        return self(OPENED, **more)

    def cleared(self, **more: Any) -> Change:
        return self(CLEARED, **more)

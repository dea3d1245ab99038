"""What a change means for tickets, decided without a database."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from foretell.authored.quantity import spell_duration
from foretell.authored.validate import Text
from foretell.engine.facts import Change
from foretell.engine.rule import Rulebook
from foretell.engine.rulebook import RuleModel
from foretell.site.kinds import Kind

REOPEN_WITHIN = 7 * 86400.0
"""A finding within this time of a ticket's close is the same trouble again."""

DEFAULT_WITHIN = 3 * 86400.0
LANGUAGES = ("en", "zh")
_WORD = re.compile(r"\{(device|part|place)\}")


class Desk(NamedTuple):
    """What the ticket desk looks things up in: rules, kinds, and the names of devices and places."""

    rulebook: Rulebook
    kinds: Mapping[str, Kind]
    titles: Mapping[str, Text]
    places: Mapping[str, Text]


def texts(change: Change, desk: Desk) -> dict[str, dict[str, str]]:
    """Title, reason and what to do, in both languages."""
    rule = desk.rulebook.rules.get(change.rule)
    model: RuleModel | None = rule.authored if rule else None
    result = {}
    for language in LANGUAGES:
        device = _text(desk.titles.get(change.device), language) or change.device
        place = _text(desk.places.get(change.device), language)
        title = _text(model.title, language) if model else change.rule
        words = {"device": device, "part": change.part, "place": place}
        title = _WORD.sub(lambda word, words=words: words[word[1]], title).strip()  # type: ignore[misc]
        do = _text(model.ticket.do, language) if model else ""
        result[language] = {
            "title": title,
            "do": do,
            "device": device,
            "place": place,
            "reason": reason(change, desk, language),
        }
    return result


def route(change: Change, desk: Desk) -> str:
    rule = desk.rulebook.rules.get(change.rule)
    return rule.authored.ticket.route if rule else ""


def due(change: Change, desk: Desk) -> float:
    """When the work is due: within what the rule allows, counted from when we could first know."""
    rule = desk.rulebook.rules.get(change.rule)
    return change.noticed + (rule.authored.ticket.within if rule else DEFAULT_WITHIN)


def reason(change: Change, desk: Desk, language: str) -> str:
    """Why, in one sentence: each clause that held, with its value and limit."""
    if change.reason["why"] in _WHY:
        return _WHY[change.reason["why"]][language]
    kind = desk.kinds.get(change.device_kind)
    held = [clause for clause in change.evidence if clause["verdict"]] or list(change.evidence)
    clauses = [_clause(clause, kind, language) for clause in held]
    sentence = ("；" if language == "zh" else "; ").join(clauses)
    if change.kind == "opened" and change.reason["held"] >= 60:
        lasting = spell_duration(change.reason["held"], language)
        sentence += f"，已持续 {lasting}" if language == "zh" else f", for {lasting}"
    return sentence


_WHY = {
    "repaired": {"en": "repaired; watching starts anew", "zh": "已修复，重新开始观察"},
    "rule_withdrawn": {"en": "the rule was withdrawn", "zh": "规则已撤销"},
    "offline": {"en": "the device is offline: its state is unknown", "zh": "设备离线，状态未知"},
    "no_data": {"en": "no current data: its state is unknown", "zh": "没有最新数据，状态未知"},
    "seen_again": {"en": "heard again, and it still holds", "zh": "恢复数据，情况依旧"},
}


def _text(text: Text | None, language: str) -> str:
    if text is None:
        return ""
    return str(text.zh if language == "zh" else text.en)


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "–"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def _clause(clause: Mapping[str, Any], kind: Kind | None, language: str) -> str:
    zh = language == "zh"
    known = kind.signals.get(clause["signal"]) if kind else None
    signal = _text(known.title, language) if known and known.title else clause["signal"]
    unit = (
        f" {clause['unit']}"
        if clause["unit"] and clause["unit"] != "percent"
        else "%"
        if clause["unit"]
        else ""
    )
    value = "–" if clause["value"] is None else f"{_number(clause['value'])}{unit}"
    verb = clause["verb"]
    if verb in ("above", "below", "outside"):
        limit = f"{_number(clause['limit'])}{unit}"
        words = {"above": ("above", "高于"), "below": ("below", "低于"), "outside": ("beyond", "超出")}[verb]
        return (
            f"{signal} {value}，{words[1]}限值 {limit}"
            if zh
            else f"{signal} {value}, {words[0]} the limit of {limit}"
        )
    if verb == "is":
        return f"{signal}为“{value}”" if zh else f"{signal} is {value}"
    if verb == "silent":
        lasting = spell_duration(clause["limit"], language)
        who = signal if clause["signal"] else ("设备" if zh else "the device")
        return f"{who}超过 {lasting}没有消息" if zh else f"nothing heard of {who} for more than {lasting}"
    if verb == "count":
        return _count(clause, signal, zh)
    return _drift(clause, signal, unit, value, zh)


def _count(clause: Mapping[str, Any], signal: str, zh: bool) -> str:
    what = "/".join(clause["states"])
    what = f"{signal}（{what}）" if zh and what else f"{signal} {what}".strip()
    if clause["operations"]:
        span = f"{_number(clause['operations'])} {clause['of']}"
        span = f"每 {span}" if zh else f"in the last {span}"
    else:
        lasting = spell_duration(clause["over"], "zh" if zh else "en")
        span = f"{lasting}内" if zh else f"within {lasting}"
    times = _number(clause["value"])
    limit = _number(clause["limit"])
    return (
        f"{what} {span} {times} 次，达到 {limit} 次"
        if zh
        else f"{what}: {times} times {span}, the limit is {limit}"
    )


def _drift(clause: Mapping[str, Any], signal: str, unit: str, value: str, zh: bool) -> str:
    if clause["reference"] is None:
        return f"{signal} 基准学习中" if zh else f"{signal}: still learning what is normal"
    normal = f"{_number(clause['reference'][0])}{unit}"
    way = ("升高" if clause["up"] else "降低") if zh else ("up" if clause["up"] else "down")
    return (
        f"{signal}持续{way}：现为 {value}，自身基准 {normal}"
        if zh
        else f"{signal} has drifted {way}: now {value}, its own normal is {normal}"
    )

"""What a change means for tickets, decided without a database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from foretell.authored.quantity import spell_duration
from foretell.authored.validate import Text
from foretell.engine.facts import MISBEHAVES, Change
from foretell.engine.rule import Rulebook
from foretell.engine.rulebook import RuleModel
from foretell.site.kinds import Kind
from foretell.site.listing import Listing, no_site
from foretell.site.moments import UNKNOWN_ROUTE
from foretell.tickets.priority import Finding, Judgement, judge
from foretell.tickets.wording import number, sentence, spell_number, text_of

REOPEN_WITHIN = 7 * 86400.0
"""A finding within this time of a ticket's close is the same trouble again."""

DEFAULT_WITHIN = 3 * 86400.0
MISBEHAVING_WITHIN = 86400.0
LANGUAGES = ("en", "zh")
_WORD = re.compile(r"\{(device|part|place)\}")


class Desk(NamedTuple):
    """What the ticket desk looks things up in: rules, kinds, and the names of devices and places."""

    rulebook: Rulebook
    kinds: Mapping[str, Kind]
    titles: Mapping[str, Text]
    places: Mapping[str, Text]
    listing: Listing | None = None


def texts(change: Change, desk: Desk) -> dict[str, dict[str, str]]:
    """Title, reason and what to do, in both languages."""
    rule = desk.rulebook.rules.get(change.rule)
    model: RuleModel | None = rule.authored if rule else None
    result = {}
    for language in LANGUAGES:
        if change.failure_mode == MISBEHAVES:
            result[language] = _about_the_rule(change, language)
            continue
        device = text_of(desk.titles.get(change.device), language) or change.device
        place = text_of(desk.places.get(change.device), language)
        title = text_of(model.title, language) if model else change.rule
        words = {"device": device, "part": change.part, "place": place}
        title = _WORD.sub(lambda word, words=words: words[word[1]], title).strip()  # type: ignore[misc]
        do = text_of(model.ticket.do, language) if model else ""
        result[language] = {
            "title": title,
            "do": do,
            "device": device,
            "place": place,
            "reason": reason(change, desk, language),
        }
    return result


def _about_the_rule(change: Change, language: str) -> dict[str, str]:
    """The texts of a ticket that is about a rule: it opens more than its budget, so the rule is the fault."""
    title, do = _MISBEHAVING[language]
    return {
        "title": title.format(rule=change.rule),
        "do": do,
        "device": change.rule,
        "place": "",
        "reason": _overspent(change.reason, language),
    }


_MISBEHAVING = {
    "en": (
        "The rule {rule} opens too many tickets",
        "See why: a limit that does not fit, a sensor that is wrong, or a fault that many devices share. "
        "What it finds beyond its daily budget opens no tickets until the rule is edited: look at these "
        "devices by hand.",
    ),
    "zh": (
        "规则 {rule} 触发过于频繁",
        "请查明原因：限值不合适、传感器有误，还是多台设备的共同故障。规则修改之前，超出每日上限的发现不再开单，"
        "请人工查看这些设备。",
    ),
}


def _overspent(reason: Mapping[str, Any], language: str) -> str:
    """How often it opened, how often it may, and for which devices nothing was opened."""
    opened, budget = number(reason.get("opened")), number(reason.get("budget"))
    named = [str(each) for each in reason.get("withheld") or ()]
    beyond = max(int((opened or 0) - (budget or 0)), len(named))
    zh = language == "zh"
    told = (
        f"今日触发 {spell_number(opened)} 次，每日上限 {spell_number(budget)} 次，{beyond} 次未开单"
        if zh
        else f"it opened {spell_number(opened)} times today, the limit is {spell_number(budget)} a day; "
        f"{beyond} of these opened no ticket"
    )
    if not named:
        return told
    devices = ("、" if zh else ", ").join(named)
    if beyond > len(named):
        devices += "等" if zh else " and others"
    return f"{told}：{devices}" if zh else f"{told}: {devices}"


def route(change: Change, desk: Desk) -> str:
    """Who the work is for; a rule that misbehaves is the engineer's."""
    if change.failure_mode == MISBEHAVES:
        return "engineer"
    rule = desk.rulebook.rules.get(change.rule)
    return rule.authored.ticket.route if rule else ""


def judged(change: Change, desk: Desk) -> Judgement:
    """By when the work is due and what it is worth, counted from when we could first know."""
    listing = desk.listing or no_site()
    who = listing.presence.routes.get(route(change, desk), UNKNOWN_ROUTE)
    rule = desk.rulebook.rules.get(change.rule)
    if change.failure_mode == MISBEHAVES or rule is None:
        within = MISBEHAVING_WITHIN if change.failure_mode == MISBEHAVES else DEFAULT_WITHIN
        return judge(Finding(change.noticed, within, False, (), who))
    model: RuleModel = rule.authored
    facts = listing.estate.facts(change.device, change.device_kind)
    served = listing.served(change.device)
    finding = Finding(
        noticed=change.noticed,
        within=model.ticket.within,
        safety=model.ticket.safety,
        moments=listing.presence.of(facts, model.moment),
        route=who,
        households=served.households,
        alike=served.alike,
        earliest=_earliest(change, model),
    )
    return judge(finding)


def _earliest(change: Change, model: RuleModel) -> float | None:
    """Seconds until owners would notice: the soonest that a clause forecasts, else what the rule says."""
    forecast: list[float] = [
        clause.get("fitted_at", clause["at"]) + clause["time_left"][0] - change.noticed
        for clause in change.evidence
        if clause.get("verdict") and clause.get("time_left") and clause["time_left"][0] is not None
    ]
    if forecast:
        return max(0.0, min(forecast))
    told = model.ticket.noticed_in
    return 0.0 if isinstance(told, str) else told


def reason(change: Change, desk: Desk, language: str) -> str:
    """Why, in one sentence: each clause that held, with its value and limit."""
    if change.failure_mode == MISBEHAVES:
        return _overspent(change.reason, language)
    if change.reason["why"] in WHY:
        return WHY[change.reason["why"]][language]
    kind = desk.kinds.get(change.device_kind)
    held = [clause for clause in change.evidence if clause.get("verdict")] or list(change.evidence)
    clauses = [sentence(clause, kind, language) for clause in held]
    told = ("；" if language == "zh" else "; ").join(clauses)
    if change.kind == "opened" and change.reason["held"] >= 60:
        lasting = spell_duration(change.reason["held"], language)
        told += f"，已持续 {lasting}" if language == "zh" else f", for {lasting}"
    return told


WHY = {
    "repaired": {"en": "repaired; watching starts anew", "zh": "已修复，重新开始观察"},
    "rule_withdrawn": {"en": "the rule was withdrawn", "zh": "规则已撤销"},
    "offline": {"en": "the device is offline: its state is unknown", "zh": "设备离线，状态未知"},
    "no_data": {"en": "no current data: its state is unknown", "zh": "没有最新数据，状态未知"},
    "seen_again": {"en": "heard again, and it still holds", "zh": "恢复数据，情况依旧"},
}

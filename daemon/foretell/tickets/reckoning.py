"""The sums behind due and score, in words that an owners' committee can follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from foretell.authored.quantity import spell_duration
from foretell.tickets.wording import spell_number

Stamp = Callable[[float], str]


def lines(judgement: Mapping[str, Any], language: str, stamp: Stamp) -> list[str]:
    """Why it is due then, and what the score is made of; nothing for a ticket of a time without judgement.

    `stamp` spells an instant (Unix seconds) in the reader's time.
    """
    if not judgement:
        return []
    zh = language == "zh"
    return [_due(judgement, zh, stamp), _score(judgement, zh)]


def _due(said: Mapping[str, Any], zh: bool, stamp: Stamp) -> str:
    limit, arrive = stamp(said["limit"]), stamp(said["arrive"])
    route = said["route_title"]["zh" if zh else "en"]
    if said["lane"] == "safety":
        return (
            "涉及人身安全：立即处理，不与其他工作排队"
            if zh
            else "People are in danger: at once, before all other work"
        )
    if said["moment"] is None:
        if zh:
            return f"业主暂不会直接察觉：按规则最迟 {limit}"
        return f"Owners do not meet it at a moment of their own: by {limit}, as the rule allows"
    moment, at = said["moment_title"]["zh" if zh else "en"], stamp(said["moment_at"])
    if said["moment_at"] > said["limit"]:
        if zh:
            return f"规则要求最迟 {limit}；业主要到“{moment}”（{at}）才会遇到"
        return f"By {limit}, as the rule allows; owners would meet it at “{moment}”, {at}"
    if zh:
        return f"赶在业主“{moment}”（{at}）之前；{route}最早 {arrive} 到场；规则最迟 {limit}"
    return (
        f"Before owners meet it at “{moment}”, {at}; {route} can be there by {arrive}; "
        f"the rule allows until {limit}"
    )


def _score(said: Mapping[str, Any], zh: bool) -> str:
    language = "zh" if zh else "en"
    households = said["households"]
    who = (f"{households} 户" if zh else f"{households} households") if households else (
        "户数未登记，按 1 计" if zh else "households not listed, counted as 1"
    )  # fmt: skip
    weights = [f"{each[2 if language == 'en' else 3]} {spell_number(each[1])}" for each in said["moments"]]
    joint = "、" if zh else " + "
    moments = joint.join(weights) or ("无" if zh else "none")
    shared = ""
    if said["alike"] > 1:
        shared = f" ÷ {said['alike']} 台同类设备" if zh else f" ÷ {said['alike']} devices that serve the same"
    grave = spell_duration(said["within"], language)
    pressing = spell_duration(max(said["left"], 1.0), language)
    score = spell_number(said["score"])
    if zh:
        return (
            f"得分 {score} = 影响 {spell_number(said['exposure'])}（{who} × 一天内的时刻：{moments}{shared}）"
            f" × 严重度 {said['severity']}（规则限 {grave}） × 紧迫度 {said['urgency']}（距到期 {pressing}）"
        )
    return (
        f"Score {score} = exposure {spell_number(said['exposure'])} ({who} × moments within a day: "
        f"{moments}{shared}) × severity {said['severity']} (the rule allows {grave}) "
        f"× urgency {said['urgency']} (due in {pressing})"
    )

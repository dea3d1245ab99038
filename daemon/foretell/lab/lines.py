"""What `rules` and `explain` print for people: lines, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from foretell.authored.quantity import spell_duration
from foretell.lab.explaining import wall
from foretell.lab.rerunning import DIFFERS, OPEN, OUTCOMES
from foretell.lab.showing import MOMENTS
from foretell.tickets.standing import NEVER_HEARD, WARMING_UP
from foretell.web.words import say

_STATES = {"idle": ("quiet", "正常"), "pending": ("about to open", "待确认"), "open": ("open", "已触发")}
_LAYERS = {"rule": ("the rule file", "规则文件"), "site": ("the site", "站点"), "place": ("place", "位置"),
           "device": ("device", "设备")}  # fmt: skip
_STEPS = {"reading": ("reading", "读数"), "condition": ("condition", "条件"), "change": ("change", "变化"),
          "ticket": ("ticket", "工单"), "person": ("person", "人员")}  # fmt: skip
_MISSING = {"hold": ("what is known is held", "保持原结论"), "reset": ("it starts over", "重新开始"),
            "open": ("it opens", "视为异常")}  # fmt: skip


class Speaker:
    """One language, and the site's clock."""

    def __init__(self, language: str, zone: str = "UTC") -> None:
        self.language, self.zh, self.zone = language, language == "zh", zone

    def say(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def wall(self, at: float) -> str:
        return wall(at, self.zone)


# -- rules list, rules show ---------------------------------------------------------------------------


def list_lines(rows: Sequence[Mapping[str, Any]], language: str) -> list[str]:
    """The rules, grouped by moment."""
    zh = language == "zh"
    lines: list[str] = []
    widest = max((len(row["rule"]) for row in rows), default=0)
    for moment, group in groupby(rows, key=lambda row: row["moment"]):
        lines += ["", MOMENTS[moment][zh]] if lines else [MOMENTS[moment][zh]]
        for row in group:
            within = spell_duration(row["within"], language)
            lines.append(f"  {row['mode']:<6} {row['rule']:<{widest}}  {row['title'][language]}")
            what = f"{row['failure'][language]} → {row['for'][language]}"
            lines.append(f"         {what}，{within}内" if zh else f"         {what}, within {within}")
    if not rows:
        lines.append("没有这样的规则" if zh else "no such rules")
    return lines


def shown_lines(shown: Mapping[str, Any], language: str) -> list[str]:
    """One rule in plain words."""
    speaker = Speaker(language)
    tell, lang = speaker.say, language
    lines = [f"{shown['rule']}  ({shown['mode']}, {shown['file']})", f"  {shown['title'][lang]}"]
    entries = [
        (tell("opens when", "触发条件"), shown["when"][lang]),
        (tell("clears", "恢复条件"), shown["clear"][lang]),
        (tell("not while", "不触发的情形"), tell("; ", "；").join(shown["unless"][lang])),
        (tell("judged in", "判断时段"), ", ".join(shown["during"])),
        (tell("not in", "排除时段"), ", ".join(shown["except"])),
        (tell("for", "适用"), _where(shown, speaker)),
        (tell("without data", "无数据时"), _MISSING[shown["on_missing"]][speaker.zh]),
        (tell("met", "业主感知"), MOMENTS[shown["moment"]][speaker.zh]),
        (tell("ticket", "工单"), _ticket(shown, speaker)),
        (tell("to do", "处理建议"), shown["do"][lang]),
        (tell("budget", "每日上限"), tell(f"{shown['budget']} tickets a day", f"{shown['budget']} 张")),
        (tell("source", "依据"), shown["source"]),
        (tell("proven", "验证"), shown["proven"]),
    ]
    lines += [
        f"  {name}: {text}" if not speaker.zh else f"  {name}：{text}" for name, text in entries if text
    ]
    for limit in shown["limits"]:
        lines += _limit(limit, speaker)
    if device := shown["device"]:
        watched = tell("watches", "监测") if device["watched"] else tell("does not watch", "不监测")
        lines.append(f"  {watched} {device['device']}: {device['why'][lang]}")
    return lines


_FACTS = {"id": "编号", "model": "型号", "place": "位置"}


def _where(shown: Mapping[str, Any], speaker: Speaker) -> str:
    names = _FACTS if speaker.zh else {}
    asked = [f"{names.get(key, key)} {'/'.join(patterns)}" for key, patterns in shown["where"].items()]
    part = [speaker.say(f"by {shown['by']}", f"按 {shown['by']} 分别盯守")] if shown["by"] else []
    title = shown["kind_title"][speaker.language]
    return speaker.say(", ", "，").join([speaker.say(shown["kind"], title), *asked, *part])


def _ticket(shown: Mapping[str, Any], speaker: Speaker) -> str:
    within = spell_duration(shown["within"], speaker.language)
    what, whom = shown["failure"][speaker.language], shown["for"][speaker.language]
    return speaker.say(f"{what}, for {whom}, within {within}", f"{what}，派给{whom}，{within}内处理")


def _limit(limit: Mapping[str, Any], speaker: Speaker) -> Iterator[str]:
    low, high = limit["between"]
    yield speaker.say(
        f"  limit ${limit['name']} = {limit['value']} (may be {low} to {high})",
        f"  限值 ${limit['name']} = {limit['value']}（可设 {low} 至 {high}）",
    )
    for step in limit["set_by"]:
        layer = _LAYERS[step["layer"]][speaker.zh]
        whose = f" {step['name']}" if step["layer"] in ("place", "device") else ""
        yield f"    {step['value']:<12} {layer}{whose}  {step['where']}"


# -- rules explain --------------------------------------------------------------------------------------


def standing_lines(told: Mapping[str, Any], language: str, zone: str) -> list[str]:
    """Where a rule stands for a device, by watch."""
    speaker = Speaker(language, zone)
    lines = [speaker.say(f"as of {speaker.wall(told['as_of'])}", f"截至 {speaker.wall(told['as_of'])}")]
    if told["heard_at"] is not None:
        heard = speaker.wall(told["heard_at"])
        lines[0] += speaker.say(
            f"; {told['device']} last heard {heard}", f"；{told['device']} 最近数据 {heard}"
        )
    else:
        lines[0] += speaker.say(f"; {told['device']} was never heard", f"；{told['device']} 从未有数据")
    for watch in told["watches"]:
        lines += _watch(watch, speaker)
    return lines


def _watch(watch: Mapping[str, Any], speaker: Speaker) -> Iterator[str]:
    part = f" [{watch['part']}]" if watch["part"] else ""
    state = _STATES[watch["state"]][speaker.zh]
    yield f"{watch['rule']} · {watch['device']}{part}: {state}  ({watch['mode']}, @{watch['revision']})"
    if watch["since"] is not None:
        since = speaker.wall(watch["since"])
        line = speaker.say(f"  since {since}", f"  自 {since}")
        if watch["opens_at"] is not None:
            opens = speaker.wall(watch["opens_at"])
            line += speaker.say(f"; opens at {opens} if it lasts", f"；若持续，将于 {opens} 触发")
        yield line
    if watch["paused_at"] is not None:
        paused = speaker.wall(watch["paused_at"])
        yield speaker.say(f"  the time stands still since {paused}", f"  自 {paused} 起暂停计时")
    yield from _held(watch, speaker)
    if watch["withheld"]:
        yield speaker.say("  its ticket is withheld: the rule is over its budget", "  超出每日上限，未开单")
    for number, clause in enumerate(watch["clauses"], 1):
        yield _clause(number, clause, speaker)


def _held(watch: Mapping[str, Any], speaker: Speaker) -> Iterator[str]:
    if watch["held_back"] == "asleep":
        until = watch["held_until_at"]
        when = speaker.wall(until) if until is not None else speaker.say("for ever", "永远")
        yield speaker.say(f"  asleep: outside its hours until {when}", f"  休眠：不在判断时段，至 {when}")
    for guard in watch["held_by"]:
        text = guard["text"][speaker.language]
        if not guard["is_so"]:
            after = spell_duration(guard["after"], speaker.language)
            text = speaker.say(f"{text}; what explains it was so until less than {after} ago",
                               f"{text}；情形结束不足 {after}")  # fmt: skip
        entry = guard["entry"] + 1
        yield speaker.say(
            f"  held back by entry {entry} of unless: {text}", f"  被 unless 第 {entry} 项抑制：{text}"
        )


def _clause(number: int, clause: Mapping[str, Any], speaker: Speaker) -> str:
    verdict = {True: "verdict_true", False: "verdict_false"}.get(clause["verdict"], "verdict_none")
    line = f"  {number}. [{say(speaker.language, verdict)}] {clause['text'][speaker.language]}"
    if clause["unknown"]:
        why = clause["unknown_text"][speaker.language]
        line += f"（{why}）" if speaker.zh else f" ({why})"
    elif margin := clause["margin_text"][speaker.language]:
        line += f"（{margin}）" if speaker.zh else f" ({margin})"
    if clause["unknown"] not in (NEVER_HEARD, WARMING_UP) and isinstance(clause.get("at"), float):
        line += f"  {speaker.wall(clause['at'])}" if abs(clause["at"]) < 4e9 else ""
    return line


# -- explain -------------------------------------------------------------------------------------------


def explained_lines(told: Mapping[str, Any], language: str, zone: str) -> list[str]:
    """A ticket's story, and its evidence judged again."""
    speaker = Speaker(language, zone)
    shadow = (
        speaker.say(", shadow: nobody was bothered", "，试运行，未打扰任何人")
        if told["mode"] == "shadow"
        else ""
    )
    lines = [
        f"#{told['ticket']} {told['title'][language]}",
        f"  {told['rule']} @{told['revision']} ({told['mode']}{shadow}); "
        f"{say(language, 'state.' + told['state'])}, {say(language, 'condition.' + told['condition'])}",
    ]
    lines += [
        f"  {speaker.wall(step['at'])}  {_STEPS[step['step']][speaker.zh]:<9} {step['text'][language]}"
        for step in told["steps"]
    ]
    lines += [f"  {line}" for line in told["sums"][language]]
    for again in told["again"]:
        lines += _again(again, speaker)
    return lines


def _again(again: Mapping[str, Any], speaker: Speaker) -> Iterator[str]:
    rule = f"{again['rule']} @{again['revision']}"
    text = again["text"][speaker.language]
    yield speaker.say(f"  judged again by {rule}: {text}", f"  按当时的规则 {rule} 复核：{text}")
    for number, clause in enumerate(again["clauses"], 1):
        if clause["outcome"] not in (DIFFERS, OPEN):
            continue
        note = clause["note"][speaker.zh]
        if clause["outcome"] == DIFFERS and not note:
            note = f"{clause['stored']} / {clause['again']}"
        outcome = OUTCOMES[clause["outcome"]][speaker.zh]
        yield f"    {number}. {clause['text'][speaker.language]}: {outcome} ({note})"

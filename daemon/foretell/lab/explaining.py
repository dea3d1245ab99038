"""Explaining: where a rule stands now, and why a ticket came to be, step by step and judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from foretell.authored.quantity import spell_duration
from foretell.engine.facts import MISBEHAVES
from foretell.intake import recall
from foretell.intake.fold import Fold, Plan
from foretell.intake.journal import Journal
from foretell.lab.command import Plans
from foretell.lab.rerunning import DIFFERS, OPEN, OUTCOMES, SAME, Again, rerun, stored_rule, whole
from foretell.site.kinds import Kind
from foretell.tickets import reckoning
from foretell.tickets.ledger import MACHINE
from foretell.tickets.policy import WHY
from foretell.tickets.standing import standing
from foretell.tickets.wording import number, quantity, sentence, signal_title
from foretell.web.words import say

LANGUAGES = ("en", "zh")
JUDGED = ("opened", "joined", "reopened")
"""Events that opened something, so that their evidence must say so."""

BEGINS = ("from here on it holds without a break", "条件自此持续成立")
NO_RULE = ("the rule's text of that day is no longer kept", "当时的规则文本已不再保存")


def wall(at: float, zone: str) -> str:
    """The moment on the site's wall clock, to the second."""
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


# -- where a rule stands now --------------------------------------------------------------------------


def remembered(store: Path, plan: Plan) -> Fold:
    """What the daemon knows, from its snapshot and the journal behind it; it may be running meanwhile.

    Nothing is written and nobody is held up. Raises JournalError if there is no journal.
    """
    with closing(Journal(store / "journal.db", read_only=True)) as journal:
        fold = recall.load(store, journal, plan, Plans(journal), lambda *_a, **_k: None)
        for _ in recall.replay(fold, journal):
            pass
    return fold


def standing_of(store: Path, plan: Plan, rule: str, device: str) -> dict[str, Any]:
    """Where the rule stands for the device, as of the newest entry of the journal.

    No watches: the rule does not watch it. Raises JournalError if there is no journal.
    """
    fold = remembered(store, plan)
    engine = fold.engine
    known = engine.devices.get(device)
    watches = []
    for told in engine.explain(rule, device, fold.arrived) if known else []:
        assert known is not None
        watch = known.watches[rule, told["part"]]
        watches.append(standing(told, fold.plan.kinds.get(known.kind), watch.rule))
    heard = None if known is None else known.heard_at
    return {"rule": rule, "device": device, "as_of": fold.arrived, "heard_at": heard, "watches": watches}


# -- why a ticket came to be ----------------------------------------------------------------------------


def ticket_explained(
    row: Mapping[str, Any], kinds: Mapping[str, Kind], store: Path, zone: str = "UTC"
) -> dict[str, Any]:
    """A ticket from its first reading to what people did, and its evidence judged again."""
    kind = kinds.get(row["device_kind"])
    steps: list[dict[str, Any]] = []
    for event in row["events"]:
        steps += _steps(row, event, kind)
    steps.sort(key=lambda step: step["at"])  # stable: what is of one instant stays as it happened
    return {
        "ticket": row["id"], "title": {language: row["texts"][language]["title"] for language in LANGUAGES},
        "device": row["device"], "part": row["part"], "rule": row["rule"], "mode": row["mode"],
        "revision": next((event["revision"] for event in row["events"] if event["revision"]), ""),
        "state": row["state"], "condition": row["condition"], "outcome": row["outcome"], "steps": steps,
        "sums": {
            language: reckoning.lines(row["judgement"], language, lambda at: wall(at, zone))
            for language in LANGUAGES
        },
        "again": _judged_again(row, kind, store),
    }  # fmt: skip


def _steps(row: Mapping[str, Any], event: Mapping[str, Any], kind: Kind | None) -> list[dict[str, Any]]:
    if event["who"] != MACHINE:
        return [_step(event["at"], "person", _person(event))]
    steps = []
    if event["kind"] in JUDGED:
        for clause in event["evidence"]:
            steps += _readings(clause, kind)
        since, held = number(event["reason"].get("since")), number(event["reason"].get("held"))
        if since is not None and held:
            steps.append(_step(since, "condition", dict(zip(LANGUAGES, BEGINS, strict=True))))
    for clause in event["evidence"]:
        at = number(clause.get("at"))
        told = {language: _condition(clause, kind, language) for language in LANGUAGES}
        steps.append(_step(min(event["at"] if at is None else at, event["at"]), "condition", told))
    steps.append(_step(event["at"], "change", _change(event)))
    if event["kind"] == "opened":
        steps.append(_step(event["at"], "ticket", _ticket(row)))
    return steps


def _step(at: float, step: str, text: dict[str, str]) -> dict[str, Any]:
    return {"at": at, "step": step, "text": text}


def _readings(clause: Mapping[str, Any], kind: Kind | None) -> list[dict[str, Any]]:
    """What was read, as far as it is kept with the clause; of counts, each event."""
    found = []
    counted = clause.get("verb") == "count"
    for pair in clause.get("recent") or ():
        at = number(pair[0]) if isinstance(pair, list | tuple) and len(pair) == 2 else None
        if at is None:
            continue
        text = {}
        for language in LANGUAGES:
            value = quantity(pair[1], clause.get("unit"), language)
            value = f"+{value}" if counted else value
            text[language] = f"{signal_title(clause.get('signal'), kind, language)} {value}"
        found.append(_step(at, "reading", text))
    return found


def _condition(clause: Mapping[str, Any], kind: Kind | None, language: str) -> str:
    verdict = clause.get("verdict")
    holds = say(language, f"verdict_{'none' if verdict is None else str(verdict is True).lower()}")
    told = sentence(clause, kind, language)
    return f"{told}（成立：{holds}）" if language == "zh" else f"{told} (holds: {holds})"


def _change(event: Mapping[str, Any]) -> dict[str, str]:
    reason = event["reason"]
    why, held = reason.get("why", ""), number(reason.get("held"))
    text = {}
    for language in LANGUAGES:
        told = say(language, f"event.{event['kind']}")
        if why in WHY:
            told += f"：{WHY[why][language]}" if language == "zh" else f": {WHY[why][language]}"
        elif held is not None and held >= 1 and event["kind"] in JUDGED:
            lasting = spell_duration(held, language)
            told += f"：已持续 {lasting}" if language == "zh" else f": it has held for {lasting}"
        by = f"{event['rule']} @{event['revision']}" if event["rule"] else ""
        text[language] = f"{told} ({by})" if by and language == "en" else f"{told}（{by}）" if by else told
    return text


def _ticket(row: Mapping[str, Any]) -> dict[str, str]:
    shadow = row["mode"] == "shadow"
    text = {}
    for language in LANGUAGES:
        route = say(language, f"route.{row['route']}") if row["route"] else "–"
        title = row["texts"][language]["title"]
        if language == "zh":
            text[language] = f"模拟工单（试运行）：{title}" if shadow else f"工单：{title}，派给{route}"
        else:
            text[language] = (
                f"would-be ticket (shadow): {title}" if shadow else f"ticket: {title}, for {route}"
            )
    return text


def _person(event: Mapping[str, Any]) -> dict[str, str]:
    text = {}
    for language in LANGUAGES:
        told = say(language, f"event.{event['kind']}")
        if outcome := event["reason"].get("outcome"):
            told += f" · {say(language, f'outcome.{outcome}')}"
        told = f"{event['who']}：{told}" if language == "zh" else f"{event['who']}: {told}"
        note = event["note"]
        text[language] = (
            told if not note else f"{told}，“{note}”" if language == "zh" else f"{told}, “{note}”"
        )
    return text


# -- the same evidence, judged again ----------------------------------------------------------------------


def _judged_again(row: Mapping[str, Any], kind: Kind | None, store: Path) -> list[dict[str, Any]]:
    """Each opening event of the ticket, its evidence run through the stored version of the rule."""
    events = [event for event in row["events"] if event["who"] == MACHINE and event["kind"] in JUDGED]
    if not events or row["failure_mode"] == MISBEHAVES:
        return []
    with closing(Journal(store / "journal.db", read_only=True)) as journal:
        found = []
        for event in events:
            rule = stored_rule(journal, event["rule"], event["revision"], row["device"], row["device_kind"])
            agains = [] if rule is None else rerun(event["evidence"], rule)
            holds = None if rule is None else whole(agains, rule)
            told = _verdict(event, agains, rule is not None, holds)
            clauses = [
                each._asdict() | {"text": {lang: sentence(clause, kind, lang) for lang in LANGUAGES}}
                for each, clause in zip(agains, event["evidence"], strict=False)
            ]
            found.append(
                {key: event[key] for key in ("at", "kind", "rule", "revision")} | told | {"clauses": clauses}
            )
    return found


def _verdict(
    event: Mapping[str, Any], agains: Sequence[Again], kept: bool, holds: bool | None
) -> dict[str, Any]:
    """What came of it, in a word and in words."""
    if not kept:
        return {"verdict": "gone", "text": dict(zip(LANGUAGES, NO_RULE, strict=True))}
    wrong = [str(index + 1) for index, each in enumerate(agains) if each.outcome == DIFFERS]
    unclear = [str(index + 1) for index, each in enumerate(agains) if each.outcome == OPEN]
    opened = event["reason"].get("why") == "condition"
    if wrong:
        en, zh = f"differs: clause {', '.join(wrong)}", f"结论不一致：第 {'、'.join(wrong)} 条"
    elif opened and holds is not True:
        en, zh = "differs: the rule as a whole does not hold", "结论不一致：规则整体不成立"
    elif agains and len(unclear) == len(agains):
        en, zh = OUTCOMES[OPEN]
        return {"verdict": OPEN, "text": {"en": en, "zh": zh}}
    else:
        en, zh = OUTCOMES[SAME]
        if unclear:
            en += f"; clause {', '.join(unclear)} {OUTCOMES[OPEN][0]}"
            zh += f"；第 {'、'.join(unclear)} 条{OUTCOMES[OPEN][1]}"
        return {"verdict": SAME, "text": {"en": en, "zh": zh}}
    return {"verdict": DIFFERS, "text": {"en": en, "zh": zh}}

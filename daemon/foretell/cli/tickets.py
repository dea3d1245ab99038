"""Commands about tickets: list them, look at one, act on it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from foretell.cli.terminal import (
    FINDINGS,
    USAGE,
    ConfigOption,
    JsonOption,
    bundle_of,
    fail,
    ledger_of,
    local,
    settings_of,
    show,
    site_file,
    spoken,
    unheard,
)
from foretell.clock import SystemClock, spell

tickets = typer.Typer(help="List tickets and act on them. / 查看和处理工单。", invoke_without_command=True)


All = Annotated[bool, typer.Option("--all", help="closed ones as well / 包括已关闭")]
Mode = Annotated[
    str, typer.Option(help="live, or shadow: what rules in shadow would have opened / 试运行工单")
]
MODES = ("live", "shadow")


@tickets.callback()
def tickets_by_default(
    ctx: typer.Context,
    config: ConfigOption = None,
    everything: All = False,
    mode: Mode = "live",
    as_json: JsonOption = False,
) -> None:
    """The tickets, most urgent first. / 工单列表。"""
    ctx.obj = config
    if ctx.invoked_subcommand is None:
        _list(config, everything, mode, as_json)


@tickets.command("list")
def tickets_list(
    ctx: typer.Context,
    config: ConfigOption = None,
    everything: All = False,
    mode: Mode = "live",
    as_json: JsonOption = False,
) -> None:
    """The tickets, most urgent first. / 工单列表。"""
    _list(config or ctx.obj, everything, mode, as_json)


def _list(config: Path | None, everything: bool, mode: str, as_json: bool) -> None:
    if mode not in MODES:
        raise fail(f"there is no mode '{mode}'; use {' or '.join(MODES)}", USAGE)
    with ledger_of(config, write=False) as ledger:
        rows = [ticket_json(row) for row in ledger.tickets(live_only=not everything, mode=mode)]
    model = settings_of(config).model
    show(rows, as_json, lambda: _list_lines(rows, mode, spoken(model.language), model.zone))


def _list_lines(rows: list[dict[str, Any]], mode: str, language: str, zone: str) -> list[str]:
    from foretell.web.words import say

    zh, shadow = language == "zh", mode == "shadow"
    lines = []
    if shadow:
        nobody = "Shadow: tickets that would have been opened; nobody is bothered with them."
        lines.append("试运行：以下只是“本会开出”的工单，不打扰任何人。" if zh else nobody)
    for row in rows:
        state = f"{say(language, 'state.' + row['state'])}, {say(language, 'condition.' + row['condition'])}"
        due = f"{say(language, 'due')} {local(row['due_at'], zone)[:16]}"
        lines.append(f"#{row['id']:<5} {row['title'][language]}")
        lines.append(f"       {row['reason'][language]}")
        lines.append(f"       {state.replace(', ', '，') if zh else state}{'；' if zh else '; '}{due}")
    if not rows:
        lines.append("没有未完成的工单" if zh else "no open tickets")
    return lines


def ticket_json(row: dict[str, Any]) -> dict[str, Any]:
    """A ticket as JSON: times in ISO 8601, texts by language."""
    plain = {
        key: row[key]
        for key in (
            "id",
            "device",
            "device_kind",
            "part",
            "failure_mode",
            "rule",
            "route",
            "mode",
            "state",
            "condition",
            "outcome",
        )
    }
    plain["kind"] = row["device_kind"]
    for key in ("opened_at", "noticed_at", "due_at", "fixed_at", "closed_at"):
        plain[key] = None if row[key] is None else spell(row[key])
    for text in ("title", "reason", "do"):
        plain[text] = {language: row["texts"][language][text] for language in ("en", "zh")}
    return plain


Who = Annotated[str | None, typer.Option(help="who does this; the login name if not given")]
Note = Annotated[str, typer.Option(help="in your own words")]


@tickets.command("show")
def ticket_show(
    ctx: typer.Context, ticket_id: int, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """One ticket with its whole history and evidence. / 查看一张工单。"""
    site = config or ctx.obj
    with ledger_of(site, write=False) as ledger:
        try:
            row = ledger.ticket(ticket_id)
        except LookupError as error:
            raise fail(str(error), FINDINGS) from error
    model = settings_of(site).model
    plain = ticket_json(row) | {"events": [event | {"at": spell(event["at"])} for event in row["events"]]}
    show(plain, as_json, lambda: _ticket_lines(plain, spoken(model.language), model.zone))


def _ticket_lines(row: dict[str, Any], language: str, zone: str) -> list[str]:
    from foretell.web.words import say

    colon = "：" if language == "zh" else ": "

    def entry(name: str, text: str) -> str:
        return f"  {say(language, name)}{colon}{text}"

    lines = [
        f"#{row['id']} {row['title'][language]}",
        entry("why", row["reason"][language]),
        entry("do", row["do"][language]),
        entry("route", say(language, f"route.{row['route']}")),
        entry("due", local(row["due_at"], zone)[:16]),
        entry("ticket_state", say(language, f"state.{row['state']}")),
        entry("condition", say(language, f"condition.{row['condition']}")),
    ]
    if row["outcome"]:
        lines.append(entry("outcome", say(language, f"outcome.{row['outcome']}")))
    for event in row["events"]:
        what = say(language, f"event.{event['kind']}")
        told = (local(event["at"], zone), what, event["who"], event["rule"], event["note"])
        lines.append("  " + "  ".join(word for word in told if word))
        lines += [f"      {_evidence(clause, language)}" for clause in event["evidence"]]
    return lines


def _evidence(clause: dict[str, Any], language: str) -> str:
    from foretell.web.words import say

    limit = "/".join(clause["limit"]) if isinstance(clause["limit"], list) else clause["limit"]
    said = say(
        language, {True: "verdict_true", False: "verdict_false"}.get(clause["verdict"], "verdict_none")
    )
    words = f"{clause['signal'] or 'device'} = {clause['value']}, {clause['verb']} {limit} {clause['unit']}"
    return f"{words.strip()}{'：' if language == 'zh' else ': '}{said}"


def _act(
    config: Path | None, ticket_id: int, who: str | None, act: Callable[[Any, str, float], None]
) -> None:
    from foretell.tickets.lifecycle import NotAllowed
    from foretell.web.words import say

    with ledger_of(config, write=True) as ledger:
        try:
            act(ledger, who or getpass.getuser(), SystemClock().now())
            state = ledger.ticket(ticket_id)["state"]
        except (NotAllowed, LookupError) as error:
            raise fail(str(error), FINDINGS) from error
    language = spoken(settings_of(config).model.language)
    print(f"#{ticket_id}{'：' if language == 'zh' else ': '}{say(language, f'state.{state}')}")


@tickets.command()
def acknowledge(
    ctx: typer.Context, ticket_id: int, who: Who = None, note: Note = "", config: ConfigOption = None
) -> None:
    """You have seen it and take it on. / 确认接单。"""
    _act(
        config or ctx.obj,
        ticket_id,
        who,
        lambda book, person, at: book.acknowledge(ticket_id, person, at, note),
    )


@tickets.command()
def fix(
    ctx: typer.Context, ticket_id: int, who: Who = None, note: Note = "", config: ConfigOption = None
) -> None:
    """It is repaired; watching starts anew. / 已修复,重新开始观察。"""
    _act(config or ctx.obj, ticket_id, who, lambda book, person, at: book.fix(ticket_id, person, at, note))


@tickets.command()
def close(
    ctx: typer.Context,
    ticket_id: int,
    outcome: Annotated[
        str,
        typer.Option(help="confirmed, no_fault_found, rule_wrong, sensor_wrong, already_fixed, duplicate"),
    ],
    who: Who = None,
    note: Note = "",
    config: ConfigOption = None,
) -> None:
    """Close it with what was found. / 关闭并填写结果。"""
    site = config or ctx.obj
    _act(site, ticket_id, who, lambda book, person, at: book.finish(ticket_id, person, at, outcome, note))


def explain(
    ticket_id: Annotated[int, typer.Argument(metavar="TICKET", help="its number")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """How a ticket came to be, from reading to repair; its evidence judged again. / 解释一张工单。"""
    from foretell.intake.journal import JournalError
    from foretell.lab.explaining import ticket_explained
    from foretell.lab.lines import explained_lines
    from foretell.lab.showing import open_book

    settings = settings_of(config)
    with ledger_of(config, write=False) as ledger:
        try:
            row = ledger.ticket(ticket_id)
        except LookupError as error:
            raise fail(str(error), FINDINGS) from error
    try:
        told = ticket_explained(
            row, open_book(bundle_of(site_file(config))).plan.kinds, settings.store, settings.model.zone
        )
    except JournalError as error:
        raise unheard(settings.store, error) from error
    show(told, as_json, lambda: explained_lines(told, spoken(settings.model.language), settings.model.zone))

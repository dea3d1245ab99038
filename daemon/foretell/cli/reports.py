"""Commands about owners' reports (报事): take one in, list them, look at one, take the next step."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    spoken,
)
from foretell.clock import SystemClock, spell

if TYPE_CHECKING:
    from foretell.config import Settings
    from foretell.tickets.flow import Refused
    from foretell.tickets.policy import Desk

reports = typer.Typer(
    help="Take in owners' reports and follow them to the end. / 受理业主报事并跟进到底。",
    no_args_is_help=True,
)

PICKED = (
    "id", "device", "place", "category", "nature", "responsible", "state", "ticket_id", "matched", "answer",
)  # fmt: skip


@reports.command()
def add(
    category: Annotated[
        str,
        typer.Option(
            help="lift, lighting, access, water, climate, service-attitude, service-quality, emergency / 类别"
        ),
    ],
    text: Annotated[str, typer.Option(help="in the owner's own words / 业主原话")],
    device: Annotated[str, typer.Option(help="the device, if it is known / 设备")] = "",
    place: Annotated[str, typer.Option(help="the place, if it is known / 位置")] = "",
    nature: Annotated[str, typer.Option(help="valid, help, question, venting / 性质")] = "valid",
    unit: Annotated[str, typer.Option(help="who reports: a pseudonym of the unit / 单元代号")] = "",
    responsible: Annotated[
        str, typer.Option(help="who sees it to its end; the site's `duty` if not given / 负责人")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an owner's report in; prints what to answer. / 受理一件报事，并给出答复。"""
    from foretell.tickets.flow import MATCH_WORDS, Refused
    from foretell.tickets.reports import Said

    settings = settings_of(config)
    said = Said(category, text, device, place, nature, unit, responsible)
    heard = _heard(device, settings, config)
    with ledger_of(config, write=True) as ledger:
        try:
            told = ledger.reports.add(said, SystemClock().now(), _desk(settings), heard)
        except Refused as error:
            raise _refused(error, USAGE) from error
    language = spoken(settings.model.language)
    why = MATCH_WORDS[told["matched"]][language == "zh"]
    head = f"报事 {told['id']}：" if language == "zh" else f"report {told['id']}: "
    show(
        told | {"at": spell(told["at"])},
        as_json,
        lambda: [f"{head}{told['answer'][language]}", f"  {why}", f"  {told['answer'][_other(language)]}"],
    )


def _other(language: str) -> str:
    return "en" if language == "zh" else "zh"


def _desk(settings: Settings) -> Desk:
    """The names of the site; which rules there are, no report asks."""
    from foretell.authored.document import read
    from foretell.engine.rule import Rulebook
    from foretell.site.listing import place_title, read_listing
    from foretell.tickets.policy import Desk

    model = settings.model
    document, _ = read(settings.source.text, settings.source.label)
    listing, _ = read_listing(document, model)
    titles = {name: body.title for name, body in model.devices.items() if body.title}
    places = {name: title for name in model.devices if (title := place_title(model, name))}
    return Desk(Rulebook(()), {}, titles, places, listing)


def _heard(device: str, settings: Settings, config: Path | None) -> dict[str, str]:
    """Of a device that the site does not list, what kind it is, if it was ever heard."""
    from foretell.intake.journal import JournalError
    from foretell.lab.command import device_rows

    if not device or device in settings.model.devices:
        return {}
    try:
        return {row["device"]: row["kind"] for row in device_rows(settings.store, bundle_of(config))}
    except JournalError:
        return {}


def _refused(error: Refused, code: int) -> typer.Exit:
    return fail(error.zh if spoken("en") == "zh" else error.en, code)


@reports.command("list")
def report_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The newest reports and how far they have come. / 报事列表。"""
    with ledger_of(config, write=False) as ledger:
        rows = [_plain(row) for row in ledger.reports.reports()]
    model = settings_of(config).model
    show(rows, as_json, lambda: _list_lines(rows, spoken(model.language), model.zone))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in PICKED} | {"at": spell(row["at"])}


def _list_lines(rows: list[dict[str, Any]], language: str, zone: str) -> list[str]:
    zh = language == "zh"
    lines = [_head(row, zh, zone) for row in rows]
    return lines or ["没有报事" if zh else "no reports"]


def _head(row: dict[str, Any], zh: bool, zone: str) -> str:
    from foretell.tickets.flow import CATEGORIES, STEP_WORDS

    category = CATEGORIES[row["category"]]
    step = STEP_WORDS[row["state"]][zh]
    where = row["device"] or row["place"]
    about = category.zh if zh else category.en
    ticket = f"工单 {row['ticket_id']}" if zh else f"ticket {row['ticket_id']}"
    told = [about, where, step, row["responsible"], ticket]
    return f"{row['id']:<5} {local(row['at'], zone)[:16]}  {'  '.join(word for word in told if word)}"


@reports.command("show")
def report_show(
    report_id: Annotated[int, typer.Argument(metavar="REPORT", help="its number")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """One report with the owner's words and every step, for whoever handles it. / 查看一件报事。"""
    with ledger_of(config, write=False) as ledger:
        try:
            row = ledger.reports.report(report_id)
        except LookupError as error:
            raise _missing(report_id) from error
    plain = _plain(row) | {
        "text": row["text"],
        "unit": row["unit"],
        "events": [event | {"at": spell(event["at"])} for event in row["events"]],
    }
    model = settings_of(config).model
    show(plain, as_json, lambda: _report_lines(plain, spoken(model.language), model.zone))


def _missing(report_id: int) -> typer.Exit:
    zh = spoken("en") == "zh"
    return fail(f"没有报事 {report_id}" if zh else f"there is no report {report_id}", FINDINGS)


def _report_lines(row: dict[str, Any], language: str, zone: str) -> list[str]:
    from foretell.tickets.flow import MATCH_WORDS, NATURES, STEP_WORDS

    zh = language == "zh"
    unit = f"（{row['unit']}）" if zh else f" ({row['unit']})"
    nature = f"{NATURES[row['nature']][zh]}{unit if row['unit'] else ''}"
    lines = [_head(row, zh, zone), f"  {nature}{'：' if zh else ': '}{row['text']}"]
    lines += [f"  {MATCH_WORDS[row['matched']][zh]}", f"  {row['answer'][language]}"]
    for event in row["events"]:
        told = (local(event["at"], zone), STEP_WORDS[event["step"]][zh], event["who"], event["note"])
        lines.append("  " + "  ".join(word for word in told if word))
    return lines


@reports.command()
def step(
    report_id: Annotated[int, typer.Argument(metavar="REPORT", help="its number")],
    taken: Annotated[
        str, typer.Argument(metavar="STEP", help="heard, judged, handled, followed_up, summed_up")
    ],
    who: Annotated[str | None, typer.Option(help="who does this; the login name if not given")] = None,
    note: Annotated[str, typer.Option(help="in your own words")] = "",
    config: ConfigOption = None,
) -> None:
    """The next step of a report is done. / 记录报事的下一步。"""
    from foretell.tickets.flow import STEP_WORDS, Refused

    with ledger_of(config, write=True) as ledger:
        try:
            ledger.reports.step(report_id, taken, who or getpass.getuser(), SystemClock().now(), note)
        except Refused as error:
            raise _refused(error, FINDINGS) from error
        except LookupError as error:
            raise _missing(report_id) from error
    zh = spoken(settings_of(config).model.language) == "zh"
    print(
        f"报事 {report_id}：{STEP_WORDS[taken][1]}" if zh else f"report {report_id}: {STEP_WORDS[taken][0]}"
    )

"""Commands about rules: list them, show one, and where one stands for a device now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.terminal import (
    FINDINGS,
    ConfigOption,
    JsonOption,
    bundle_of,
    fail,
    settings_of,
    show,
    site_file,
    spoken,
    unheard,
)

if TYPE_CHECKING:
    from foretell.lab.showing import Book
    from foretell.site.estate import Facts

rules = typer.Typer(help="List rules, show one, explain where it stands. / 查看规则。", no_args_is_help=True)
RuleArgument = Annotated[str, typer.Argument(metavar="RULE", help="such as elevator/door-closing-slower")]


@rules.callback()
def rules_of(ctx: typer.Context, config: ConfigOption = None) -> None:
    """List rules, show one, explain where it stands. / 查看规则。"""
    ctx.obj = config


def _book(config: Path | None) -> Book:
    from foretell.lab.showing import open_book

    return open_book(bundle_of(site_file(config)))


def _language(config: Path | None) -> str:
    path = site_file(config)
    return spoken("en" if path is None else settings_of(path).model.language)


@rules.command("list")
def rules_list(
    ctx: typer.Context,
    kind: Annotated[str, typer.Option(help="only rules for this kind of device / 只看此类设备")] = "",
    mode: Annotated[str, typer.Option(help="only rules that are off, shadow or live")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rules by the moment at which owners would meet the fault. / 按业主感知时刻列出规则。"""
    from foretell.lab.lines import list_lines
    from foretell.lab.showing import rule_rows

    site = config or ctx.obj
    rows = rule_rows(_book(site), kind, mode)
    show(rows, as_json, lambda: list_lines(rows, _language(site)))


@rules.command("show")
def rules_show(
    ctx: typer.Context,
    rule: RuleArgument,
    device: Annotated[str, typer.Argument(help="as it stands for this device")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """One rule in plain words, with each limit and who set it. / 查看一条规则。"""
    from foretell.lab.lines import shown_lines
    from foretell.lab.showing import NoSuchRule, rule_shown

    site = config or ctx.obj
    book = _book(site)
    try:
        shown = rule_shown(book, rule, _facts(book, site, device) if device else None)
    except NoSuchRule as error:
        raise fail(str(error), FINDINGS) from error
    show(shown, as_json, lambda: shown_lines(shown, _language(site)))


def _facts(book: Book, config: Path | None, device: str) -> Facts:
    """What is known of a device: what the site lists, or else what the daemon heard."""
    from foretell.authored.problems import did_you_mean
    from foretell.intake.journal import JournalError
    from foretell.lab.explaining import remembered

    listed = book.listing.estate.devices
    if device in listed:
        return listed[device]
    known = list(listed)
    if (path := site_file(config)) is not None:
        try:
            heard = remembered(settings_of(path).store, book.plan).engine.devices
        except JournalError:
            heard = {}
        if device in heard:
            return heard[device].facts
        known += heard
    hint = did_you_mean(device, known)
    raise fail(f"there is no device '{device}'", FINDINGS, hint)


@rules.command("explain")
def rules_explain(
    ctx: typer.Context,
    rule: RuleArgument,
    device: str,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where each clause of a rule stands for a device now. / 规则对某台设备当前的判断。"""
    from foretell.intake.journal import JournalError
    from foretell.lab.explaining import standing_of
    from foretell.lab.lines import standing_lines
    from foretell.lab.showing import NoSuchRule, rule_shown

    site = config or ctx.obj
    settings, book = settings_of(site), _book(site)
    try:
        book.rule(rule)
        told: dict[str, Any] = standing_of(settings.store, book.plan, rule, device)
    except NoSuchRule as error:
        raise fail(str(error), FINDINGS) from error
    except JournalError as error:
        raise unheard(settings.store, error) from error
    language = spoken(settings.model.language)
    if not told["watches"]:
        watched = rule_shown(book, rule, _facts(book, site, device))["device"]
        told |= {"why": watched["why"]}
        show(told, as_json, lambda: [f"{rule} – {device}: {watched['why'][language]}"])
        raise typer.Exit(FINDINGS)
    show(told, as_json, lambda: standing_lines(told, language, settings.model.zone))

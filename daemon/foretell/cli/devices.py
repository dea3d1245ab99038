"""Commands about devices: what each is doing, and that people work on one."""

from __future__ import annotations

import getpass
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
    spoken,
    unheard,
)

devices = typer.Typer(
    help="Show the devices; tell that people work on one. / 查看设备，登记检修。",
    invoke_without_command=True,
)


@devices.callback()
def devices_list(ctx: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the devices, when each was last heard, and what holds on it. / 查看设备。"""
    from foretell.intake.journal import JournalError
    from foretell.lab.command import device_rows

    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    settings = settings_of(config)
    try:
        rows = device_rows(settings.store, bundle_of(config))
    except JournalError as error:
        raise unheard(settings.store, error) from error
    language = spoken(settings.model.language)
    show(rows, as_json, lambda: [_line(row, language, settings.model.zone) for row in rows])


_SIGHTS = {"online": "在线", "offline": "离线", "unknown": "未知"}


def _line(row: dict[str, Any], language: str, zone: str) -> str:
    """A device in one line, its last message by the site's clock."""
    heard = local(row["last_heard"], zone) if row["last_heard"] else ""
    rules = " ".join(row["open"])
    if language == "zh":
        watched = f"{row['watches']} 项监测，{len(row['open'])} 项异常"
        sight = _SIGHTS[row["sight"]]
        said = f"{row['device']:<24} {row['kind']:<12} {sight:<4} {heard or '从未上报':<19} {watched} {rules}"
    else:
        watched = f"{row['watches']} watches, {len(row['open'])} open"
        said = (
            f"{row['device']:<24} {row['kind']:<12} {row['sight']:<8} {heard or 'never heard':<19} "
            f"{watched} {rules}"
        )
    return said.rstrip()


@devices.command()
def maintain(
    ctx: typer.Context,
    device: Annotated[str, typer.Argument(help="the device, as the site names it")],
    unit: Annotated[str, typer.Argument(hidden=True)] = "",
    lasting: Annotated[str, typer.Option("--for", help="how long from now, such as '2 h'")] = "",
    end: Annotated[bool, typer.Option("--end", help="the work is done")] = False,
    who: Annotated[str | None, typer.Option(help="who does this; the login name if not given")] = None,
    config: ConfigOption = None,
) -> None:
    """People work on the device: rules that say so hold their peace. / 设备检修，相关规则暂停告警。"""
    from foretell.authored.quantity import QuantityError, duration
    from foretell.clock import SystemClock
    from foretell.lab.explaining import wall

    site = config or ctx.obj
    if bool(lasting) is end:
        raise fail("say how long, with --for '2 h', or that it is over, with --end", USAGE)
    try:
        seconds = 0.0 if end else duration(f"{lasting} {unit}".strip())  # `--for 2 h` is how people type it
    except QuantityError as error:
        raise fail(str(error), USAGE) from error
    _refuse_unknown(device, site)
    at = SystemClock().now()
    with ledger_of(site, write=True) as ledger:
        ledger.maintain(device, who or getpass.getuser(), at, at + seconds)
    model = settings_of(site).model
    zh = spoken(model.language) == "zh"
    if end:
        print(f"{device}：检修结束" if zh else f"{device}: maintenance is over")
    else:
        until = wall(at + seconds, model.zone)
        print(f"{device}：检修至 {until}" if zh else f"{device}: in maintenance until {until}")


def _refuse_unknown(device: str, config: Path | None) -> None:
    """A name that nobody answers to is a slip of the pen, and nobody would ever learn of it."""
    from foretell.authored.problems import did_you_mean
    from foretell.intake.journal import JournalError
    from foretell.lab.command import device_rows

    settings = settings_of(config)
    if device in settings.model.devices:
        return
    try:
        known = [row["device"] for row in device_rows(settings.store, bundle_of(config))]
    except JournalError as error:
        raise unheard(settings.store, error) from error
    if device not in known:
        hint = did_you_mean(device, [*known, *settings.model.devices])
        raise fail(f"there is no device '{device}'", FINDINGS, hint)

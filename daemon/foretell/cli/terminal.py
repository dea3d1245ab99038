"""What every command shares: where the site is, how to end, how to speak, how to print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from foretell.authored.problems import Problem
    from foretell.config import Bundle, Settings
    from foretell.intake.journal import JournalError
    from foretell.tickets.ledger import Ledger

FINE, FINDINGS, USAGE, UNREACHABLE, DISK, CONFIGURATION = 0, 1, 2, 3, 74, 78

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="FORETELL_CONFIG", help="site.yaml / 站点配置")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON / 输出 JSON")]


def fail(message: str, code: int, hint: str = "") -> typer.Exit:
    """Say what is wrong on stderr, in the terminal's language, and end with `code`."""
    said = f"{message}; {hint}" if hint else message
    if spoken("en") == "zh":
        from foretell.lab.translating import chinese

        said = "\n".join(chinese(line) or line for line in said.splitlines())
    print(said, file=sys.stderr)
    return typer.Exit(code)


def refuse(problems: Sequence[Problem], code: int) -> typer.Exit:
    """Say what is wrong with files as `foretell check` does, and end with `code`."""
    from foretell.lab.rendering import render

    print(render(problems, "text", spoken("en")), file=sys.stderr)
    return typer.Exit(code)


def unheard(store: Path, error: JournalError) -> typer.Exit:
    """The journal cannot be read; most often because nothing was ever heard here."""
    path = store / "journal.db"
    if not path.exists():
        return fail(f"there is no journal {path} yet: has the daemon run?", UNREACHABLE)
    return fail(str(error), UNREACHABLE)


def site_file(config: Path | None) -> Path | None:
    """The site.yaml that was named, or the one that lies where it is looked for; None if there is none."""
    return config or next(
        (p for p in (Path("site.yaml"), Path("/etc/foretell/site.yaml")) if p.exists()), None
    )


def settings_of(config: Path | None) -> Settings:
    """The settings of the site; ends the command if they cannot be read."""
    from foretell.config import read_settings

    path = site_file(config)
    if path is None:
        raise fail("no site.yaml here or in /etc/foretell: name one with --config", CONFIGURATION)
    settings, problems = read_settings(path)
    if settings is None:
        raise refuse(problems, CONFIGURATION)
    return settings


def bundle_of(config: Path | None) -> Bundle:
    """The files of the site that was named, or the shipped ones; ends the command if they are wrong."""
    from foretell.config import build, gather, shipped

    if config is None:
        bundle, problems = gather([shipped("sensors")], [shipped("rules")])
    else:
        settings = settings_of(config)
        bundle, problems = gather(settings.sensors, settings.rules, settings.source)
    plan = None
    if not problems:
        plan, problems = build(bundle)
    if plan is None:
        raise refuse(problems, FINDINGS)
    return bundle


@contextmanager
def ledger_of(config: Path | None, *, write: bool) -> Iterator[Ledger]:
    """The ledger of the site; ends the command if it is not there or cannot be used."""
    from foretell.tickets.ledger import Ledger
    from foretell.tickets.store import StoreError

    path = settings_of(config).store / "ledger.db"
    if not path.exists():
        raise fail(f"there is no ledger {path} yet: has the daemon run?", UNREACHABLE)
    try:
        ledger = Ledger(path, write=write)
        try:
            yield ledger
        finally:
            ledger.close()
    except StoreError as error:
        raise fail(str(error), CONFIGURATION) from error
    except OSError as error:
        raise fail(str(error.strerror or error), DISK) from error


def spoken(otherwise: str) -> str:
    """zh or en: what the terminal speaks, or else `otherwise`, the site's language."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name, "")[:2] in ("zh", "en"):
            return os.environ[name][:2]
    return otherwise[:2]


def local(instant: str, zone: str) -> str:
    """An instant of ISO 8601 on the site's wall clock, to the second."""
    from foretell.lab.explaining import wall

    return wall(datetime.fromisoformat(instant).timestamp(), zone)


def show(value: Any, as_json: bool, lines: Callable[[], Sequence[str]]) -> None:
    """Print `value` as JSON, or as the lines that people read."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=1))
        return
    for line in lines():
        print(line)

"""Commands that run foretell: the daemon, and the demo."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

import foretell
from foretell.cli.terminal import CONFIGURATION, DISK, ConfigOption, fail, settings_of, spoken


def logger() -> Any:
    """Lines for people on a terminal; JSON with journald's priority marks elsewhere."""
    import structlog

    under_systemd = "JOURNAL_STREAM" in os.environ
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    chain: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        renderer,
    ]
    if under_systemd:
        chain.append(_with_priority)
    structlog.configure(processors=chain, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return structlog.get_logger()


def _with_priority(_logger: Any, method: str, line: str) -> str:
    return f"<{ {'error': 3, 'critical': 2, 'warning': 4, 'debug': 7}.get(method, 6) }>{line}"


def run(
    config: ConfigOption = None,
    clock_topic: Annotated[
        str, typer.Option(help="take the time from this topic (replay and demo only)")
    ] = "",
) -> None:
    """Run the daemon. / 运行守护进程。"""
    import sqlite3

    from sqlalchemy.exc import DBAPIError

    from foretell.clock import SystemClock, TopicClock
    from foretell.intake.journal import JournalError
    from foretell.service import StartError, start
    from foretell.tickets.store import StoreError
    from foretell.web.server import CannotListen

    log = logger()
    settings = settings_of(config)
    try:
        start(settings, log, TopicClock(clock_topic) if clock_topic else SystemClock())
    except StartError as error:
        raise fail(str(error), error.code) from error
    except (JournalError, StoreError) as error:
        raise fail(str(error), CONFIGURATION) from error
    except CannotListen as error:
        raise fail(str(error), CONFIGURATION) from error
    except (OSError, sqlite3.Error, DBAPIError) as error:
        raise fail(f"the store cannot be written: {error}", DISK) from error


def demo(
    minutes: Annotated[float, typer.Option(min=0.2, max=60, help="how long it takes")] = 3.0,
    days: Annotated[int, typer.Option(min=2, max=60, help="days of the simulated site")] = 14,
    seed: int = 1,
    port: Annotated[int, typer.Option(help="of the page; 0 takes a free one")] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="open the page in a browser")] = False,
    keep: Annotated[bool, typer.Option(help="leave everything running until Ctrl-C")] = False,
    language: Annotated[str, typer.Option(help="zh or en; from LANG if not given")] = "",
) -> None:
    """A simulated estate, two weeks in three minutes. / 演示:三分钟看完一个小区的两周。"""
    from foretell.demo.stage import run as stage

    words = language or spoken("en")
    raise typer.Exit(
        stage(
            minutes=minutes,
            seed=seed,
            days=days,
            port=port,
            open_browser=open_browser,
            keep=keep,
            language=words,
        )
    )


def version() -> None:
    """Print the version. / 版本。"""
    print(foretell.__version__)

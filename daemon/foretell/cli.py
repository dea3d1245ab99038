"""The command line. Each verb reads what it needs, asks a room, and prints for people or as JSON.

Exit codes: 0 fine, 1 findings, 2 usage, 3 unreachable; `run` also 74 (disk) and 78 (configuration), after
the latter of which a restart cannot help.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

import foretell
from foretell.clock import SystemClock, TopicClock, spell
from foretell.config import Bundle, Settings, build, gather, read_settings, shipped

FINE, FINDINGS, USAGE, UNREACHABLE, DISK, CONFIGURATION = 0, 1, 2, 3, 74, 78

app = typer.Typer(
    name="foretell",
    help="Opens a maintenance ticket before owners notice. / 在业主察觉之前派出工单。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", envvar="FORETELL_CONFIG", help="site.yaml / 站点配置")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON / 输出 JSON")]


def fail(message: str, code: int) -> typer.Exit:
    """Say what is wrong on stderr, and end with `code`."""
    print(message, file=sys.stderr)
    return typer.Exit(code)


def settings_of(config: Path | None) -> Settings:
    """The settings of the site; ends the command if they cannot be read."""
    path = config or next(
        (p for p in (Path("site.yaml"), Path("/etc/foretell/site.yaml")) if p.exists()), None
    )
    if path is None:
        raise fail("no site.yaml here or in /etc/foretell: name one with --config", CONFIGURATION)
    settings, problems = read_settings(path)
    if settings is None:
        raise fail("\n".join(str(problem) for problem in problems), CONFIGURATION)
    return settings


def spoken(otherwise: str) -> str:
    """zh or en: what the terminal speaks, or else `otherwise`, the site's language."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name, "")[:2] in ("zh", "en"):
            return os.environ[name][:2]
    return otherwise[:2]


def logger() -> Any:
    """Lines for people on a terminal; JSON with journald's priority marks elsewhere."""
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


@app.command()
def run(
    config: ConfigOption = None,
    clock_topic: Annotated[
        str, typer.Option(help="take the time from this topic (replay and demo only)")
    ] = "",
) -> None:
    """Run the daemon. / 运行守护进程。"""
    import sqlite3

    from sqlalchemy.exc import DBAPIError

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


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="site.yaml, folders or files; the shipped rules if none")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check rules, sensors and site.yaml; names every fault. / 检查规则、传感器和站点配置。"""
    from foretell.lab.checking import check_paths

    problems, checked = check_paths(paths or [])
    if as_json:
        print(json.dumps([problem._asdict() for problem in problems], ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            print(problem)
        errors = sum(problem.severity == "error" for problem in problems)
        summary = f"{checked} files, {errors} problems" if errors else f"{checked} files, all fine / 全部正常"
        print(summary, file=sys.stderr)
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(FINDINGS)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="a recording (.csv, .jsonl, also .gz) or a journal.db")],
    profile: Annotated[
        list[str] | None, typer.Option(help="who speaks in the recording, such as elevator/metro-status")
    ] = None,
    offline: Annotated[bool, typer.Option(help="straight through the river, without a broker")] = False,
    changes: Annotated[Path | None, typer.Option(help="write openings as CSV (offline)")] = None,
    wake_seed: Annotated[
        int | None, typer.Option(help="wake the engine at random instants as well (offline)")
    ] = None,
    broker: Annotated[str, typer.Option(help="host:port to publish to; the site's broker if not given")] = "",
    clock_topic: Annotated[str, typer.Option(help="where the recording's time is told")] = "foretell/clock",
    speed: Annotated[float, typer.Option(min=0, help="recorded seconds per second; 0 as fast as --rate")] = 0,
    rate: Annotated[
        float, typer.Option(min=0, help="messages per second at most; 0 as fast as the broker takes them")
    ] = 1500,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a recording into a broker, or offline. / 回放历史记录。"""
    from foretell.intake.journal import JournalError
    from foretell.intake.mqtt import BrokerSettings
    from foretell.lab.command import at_address, replay_offline, replay_to_broker
    from foretell.lab.recording import RecordingError

    bundle = _bundle(config)
    try:
        if offline or file.suffix == ".db":
            result = replay_offline(file, bundle, profile or [], changes, wake_seed)
        else:
            site = settings_of(config).broker if config is not None else BrokerSettings()
            settings = at_address(site, broker)
            broker = f"{settings.host}:{settings.port}"
            result = replay_to_broker(file, bundle, profile or [], settings, clock_topic, speed, rate)
    except (RecordingError, JournalError) as error:
        raise fail(str(error), USAGE) from error
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise fail(
            named if error.filename else f"cannot publish to {broker}: {named}", UNREACHABLE
        ) from error
    _print(result, as_json, lambda: [f"{key}: {value}" for key, value in result.items()])


def _bundle(config: Path | None) -> Bundle:
    if config is None:
        bundle, problems = gather([shipped("sensors")], [shipped("rules")])
    else:
        settings = settings_of(config)
        bundle, problems = gather(settings.sensors, settings.rules, settings.source)
    plan = None
    if not problems:
        plan, problems = build(bundle)
    if plan is None:
        raise fail("\n".join(str(problem) for problem in problems), FINDINGS)
    return bundle


@app.command()
def rejects(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show what could not be read, newest first. / 查看无法解析的消息。"""
    from foretell.intake.journal import Journal, JournalError

    store = settings_of(config).store
    try:
        rows = Journal(store / "journal.db", read_only=True).rejects(limit)
    except JournalError as error:
        raise fail(str(error), UNREACHABLE) from error
    plain = [
        row._asdict() | {"arrived": spell(row.arrived), "payload": row.payload.decode("utf-8", "replace")}
        for row in rows
    ]
    _print(
        plain,
        as_json,
        lambda: [
            f"{r['arrived']}  {r['reason']:<16} {r['topic']}  {r['detail']}\n    {r['payload'][:160]!r}"
            for r in plain
        ],
    )


@app.command()
def devices(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the devices, when each was last heard, and what holds on it. / 查看设备。"""
    from foretell.intake.journal import JournalError
    from foretell.lab.command import device_rows

    settings = settings_of(config)
    try:
        rows = device_rows(settings.store, _bundle(config))
    except JournalError as error:
        raise fail(str(error), UNREACHABLE) from error
    _print(
        rows, as_json,
        lambda: [
            f"{r['device']:<24} {r['kind']:<12} {r['sight']:<8} {r['last_heard'] or 'never heard':<34} "
            f"{r['watches']} watches, {len(r['open'])} open {' '.join(r['open'])}"
            for r in rows
        ],
    )  # fmt: skip


tickets = typer.Typer(help="List tickets and act on them. / 查看和处理工单。", invoke_without_command=True)
app.add_typer(tickets, name="tickets")


@tickets.callback()
def tickets_list(
    ctx: typer.Context,
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="closed ones as well / 包括已关闭")] = False,
    as_json: JsonOption = False,
) -> None:
    """The tickets, most urgent first."""
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return
    with _ledger(config, write=False) as ledger:
        rows = [ticket_json(row) for row in ledger.tickets(live_only=not everything)]
    language = spoken(settings_of(config).model.language)
    _print(
        rows, as_json,
        lambda: [
            f"#{r['id']:<5} {r['state']:<13} {r['condition']:<8} due {r['due_at'][:16]}  "
            f"{r['title'][language]}\n"
            f"       {r['reason'][language]}"
            for r in rows
        ] or ["no open tickets / 没有未完成的工单"],
    )  # fmt: skip


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


@contextmanager
def _ledger(config: Path | None, *, write: bool) -> Iterator[Any]:
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


Who = Annotated[str | None, typer.Option(help="who does this; the login name if not given")]
Note = Annotated[str, typer.Option(help="in your own words")]


@tickets.command("show")
def ticket_show(
    ctx: typer.Context, ticket_id: int, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """One ticket with its whole history and evidence. / 查看一张工单。"""
    with _ledger(config or ctx.obj, write=False) as ledger:
        try:
            row = ledger.ticket(ticket_id)
        except LookupError as error:
            raise fail(str(error), FINDINGS) from error
    plain = ticket_json(row) | {"events": [event | {"at": spell(event["at"])} for event in row["events"]]}
    _print(plain, as_json, lambda: _ticket_lines(plain))


def _ticket_lines(row: dict[str, Any]) -> list[str]:
    lines = [
        f"#{row['id']} {row['title']['en']} / {row['title']['zh']}",
        f"  {row['reason']['en']}",
        f"  {row['reason']['zh']}",
    ]
    lines.append(
        f"  {row['state']}, condition {row['condition']}, due {row['due_at']}, {row['route']}: "
        f"{row['do']['en']} / {row['do']['zh']}"
    )
    if row["outcome"]:
        lines.append(f"  outcome: {row['outcome']}")
    for event in row["events"]:
        lines.append(f"  {event['at']}  {event['kind']:<12} {event['who']}  {event['rule']} {event['note']}")
        lines += [f"      {_evidence(clause)}" for clause in event["evidence"]]
    return lines


def _evidence(clause: dict[str, Any]) -> str:
    limit = "/".join(clause["limit"]) if isinstance(clause["limit"], list) else clause["limit"]
    said = {True: "true", False: "false", None: "unknown"}[clause["verdict"]]
    words = f"{clause['signal'] or 'device'} = {clause['value']}, {clause['verb']} {limit} {clause['unit']}"
    return f"{words.strip()}: {said}"


def _act(
    config: Path | None, ticket_id: int, who: str | None, act: Callable[[Any, str, float], None]
) -> None:
    from foretell.tickets.lifecycle import NotAllowed

    with _ledger(config, write=True) as ledger:
        try:
            act(ledger, who or getpass.getuser(), SystemClock().now())
            print(f"#{ticket_id}: {ledger.ticket(ticket_id)['state']}")
        except (NotAllowed, LookupError) as error:
            raise fail(str(error), FINDINGS) from error


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


@app.command()
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


@app.command()
def schema(
    which: Annotated[str, typer.Argument(help="rule, profile, kind or site")] = "rule",
) -> None:
    """Print the JSON Schema of a file for your editor. / 输出 JSON Schema。"""
    from foretell.config import schemas

    known = schemas()
    if which not in known:
        raise fail(f"there is no schema '{which}'; known: {', '.join(known)}", USAGE)
    print(json.dumps(known[which], ensure_ascii=False, indent=2))


@app.command()
def version() -> None:
    """Print the version. / 版本。"""
    print(foretell.__version__)


def _print(value: Any, as_json: bool, lines: Callable[[], Sequence[str]]) -> None:
    if as_json:
        print(json.dumps(value, ensure_ascii=False, indent=1))
        return
    for line in lines():
        print(line)


def main() -> None:
    """The console script."""
    app()

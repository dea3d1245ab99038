"""Commands about what was heard: replay it, and look at what could not be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.terminal import (
    UNREACHABLE,
    USAGE,
    ConfigOption,
    JsonOption,
    bundle_of,
    fail,
    local,
    settings_of,
    show,
    unheard,
)


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

    bundle = bundle_of(config)
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
    show(result, as_json, lambda: [f"{key}: {value}" for key, value in result.items()])


def rejects(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show what could not be read, newest first. / 查看无法解析的消息。"""
    from foretell.clock import spell
    from foretell.intake.journal import Journal, JournalError

    settings = settings_of(config)
    try:
        rows = Journal(settings.store / "journal.db", read_only=True).rejects(limit)
    except JournalError as error:
        raise unheard(settings.store, error) from error
    plain = [
        row._asdict() | {"arrived": spell(row.arrived), "payload": row.payload.decode("utf-8", "replace")}
        for row in rows
    ]
    show(
        plain,
        as_json,
        lambda: [
            f"{local(r['arrived'], settings.model.zone)}  {r['reason']:<16} {r['topic']}  {r['detail']}\n"
            f"    {r['payload'][:160]!r}"
            for r in plain
        ],
    )

"""Taking files anew while the daemon runs: they are built beside what is in force, and what came of it told.

Nothing here swaps anything: who runs the plan does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foretell.authored.problems import Problem
from foretell.config import Bundle, Settings, build, gather, read_settings
from foretell.engine.engine import Adoption
from foretell.engine.rule import Rulebook
from foretell.intake.fold import Plan

SETTLE_MS = 1_500
"""An editor saves in several steps, and a person several files: wait for quiet before they are read."""


class Again(NamedTuple):
    """The files as they are now; without a plan, `problems` say why."""

    settings: Settings
    bundle: Bundle
    plan: Plan | None
    problems: list[Problem]


def read_again(before: Settings) -> Again:
    """Read site.yaml and every file it leads to, and build them."""
    settings, problems = read_settings(before.file)
    if settings is None:
        return Again(before, Bundle(()), None, problems)
    bundle, problems = gather(settings.sensors, settings.rules, settings.source)
    if problems:
        return Again(settings, bundle, None, problems)
    plan, problems = build(bundle)
    return Again(settings, bundle, plan, problems)


def folders(settings: Settings) -> frozenset[Path]:
    """Where the files of the plan lie."""
    return frozenset(
        {settings.file.resolve().parent, *(f.resolve() for f in (*settings.sensors, *settings.rules))}
    )


async def changes(settings: Settings, stop: asyncio.Event) -> AsyncIterator[list[str]]:
    """The files of the plan that changed on disk, each time some did; ends when `stop` is set."""
    from watchfiles import Change, awatch  # only for those who ask to be watched

    def ours(_change: Change, path: str) -> bool:
        file = Path(path)
        return file == settings.file.resolve() or (
            file.suffix in (".yaml", ".yml") and file.parent != settings.file.resolve().parent
        )

    async for found in awatch(
        *folders(settings), watch_filter=ours, debounce=SETTLE_MS, stop_event=stop, step=200
    ):
        yield sorted({path for _, path in found})


def edited(before: Rulebook, after: Rulebook) -> frozenset[str]:
    """Rules that came, went, or read otherwise than before."""
    revisions = {rule.id: (rule.revision, rule.mode) for rule in before.written.values()}
    now = {rule.id: (rule.revision, rule.mode) for rule in after.written.values()}
    return frozenset(name for name in revisions.keys() | now.keys() if revisions.get(name) != now.get(name))


def told(adoption: Mapping[str, Adoption], edited_rules: frozenset[str]) -> list[dict[str, Any]]:
    """What an adoption did, by rule: those that were edited or lost something, one line each."""
    return [
        {"rule": rule, "kept": each.kept, "reset": each.reset, "new": each.fresh, "ended": each.ended}
        for rule, each in sorted(adoption.items())
        if rule in edited_rules or each.reset or each.ended
    ]

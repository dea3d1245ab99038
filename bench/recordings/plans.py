"""Plans with just the rules that a run is about, and the replay of messages through the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from foretell.config import Bundle, build, gather, shipped
from foretell.engine.facts import Change
from foretell.engine.rule import Rulebook
from foretell.intake.fold import Plan
from foretell.intake.profiles import Profile, RecordingModel
from foretell.lab.recording import Recorded, messages
from foretell.lab.replay import entries_of, offline, spans

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"


class Alert(NamedTuple):
    """A time in which a device (or part) asked for work on one failure mode, by one rule or several."""

    device: str
    part: str
    opened: float
    cleared: float | None
    rules: tuple[str, ...]


def plan_of(kind: str, *rules: str, sensors: Path | None = None, folder: Path | None = None) -> Plan:
    """The plan of one kind with these of its rules (all, if none is named); the shipped ones by default."""
    found, problems = gather([sensors or shipped("sensors")], [folder or shipped("rules")])
    sources = tuple(
        source
        for source in found.sources
        if source.key.startswith(f"sensors/{kind}/")
        or (source.key.startswith(f"rules/{kind}/") and (not rules or source.key[6:-5] in rules))
    )
    plan, wrong = build(Bundle(sources))
    if plan is None:
        raise SystemExit("\n".join(str(problem) for problem in (*problems, *wrong)))
    return plan


def read(path: Path, profile: Profile, device: str = "") -> Iterator[Recorded]:
    """The messages of a recording; `device` says whose they are, where the file does not."""
    if device:
        profile = profile._replace(recording=RecordingModel(constants={"device": device}))
    return messages(path, [profile])


def alerts(recorded: Iterable[Recorded], plan: Plan) -> list[Alert]:
    """Replay, and put together what opened: what one ticket would hold at a time is one alert.

    Stricter than the desk, which takes what comes back within a week for the same ticket.
    """
    changes = offline(entries_of(recorded), plan, lambda _: plan).changes
    return list(_merged(changes, plan.rulebook))


def _merged(changes: list[Change], rulebook: Rulebook) -> Iterator[Alert]:
    by_mode: dict[tuple[str, str, str], list[tuple[float, float | None, str]]] = {}
    for device, part, rule, opened, cleared in spans(changes):
        mode = rulebook.rules[rule].failure_mode
        by_mode.setdefault((device, part, mode), []).append((opened, cleared, rule))
    for (device, part, _), found in sorted(by_mode.items()):
        current: Alert | None = None
        for opened, cleared, rule in sorted(found, key=lambda each: each[0]):
            if current is not None and (current.cleared is None or opened <= current.cleared):
                ends = None if None in (cleared, current.cleared) else max(cleared or 0, current.cleared or 0)
                current = current._replace(cleared=ends, rules=tuple(sorted({*current.rules, rule})))
                continue
            if current is not None:
                yield current
            current = Alert(device, part, opened, cleared, (rule,))
        if current is not None:
            yield current

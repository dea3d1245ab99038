"""What `foretell replay` and `foretell devices` do once their words are understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell.clock import monotonic, spell
from foretell.config import Bundle, build
from foretell.intake import recall
from foretell.intake.fold import Plan
from foretell.intake.journal import Journal
from foretell.intake.mqtt import BrokerSettings, Publisher
from foretell.intake.profiles import Profile
from foretell.lab.recording import RecordingError, messages
from foretell.lab.replay import Replayed, entries_of, offline, publish, write_changes


class Plans:
    """The plans that a journal was written under, rebuilt when first asked for."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.built: dict[str, Plan] = {}

    def __call__(self, plan_id: str) -> Plan:
        if plan_id not in self.built:
            self.built[plan_id] = plan_of(Bundle.unpack(self.journal.plan(plan_id)))
        return self.built[plan_id]


def plan_of(bundle: Bundle) -> Plan:
    """The plan of a bundle. Raises RecordingError with what is wrong with it."""
    plan, problems = build(bundle)
    if plan is None:
        raise RecordingError("\n".join(str(problem) for problem in problems))
    return plan


def _profiles(plan: Plan, names: list[str]) -> list[Profile]:
    if not names:
        raise RecordingError("say who speaks in the recording: --profile elevator/metro-status")
    for name in names:
        if name not in plan.profiles.by_id:
            raise RecordingError(
                f"there is no profile '{name}'; known: {', '.join(sorted(plan.profiles.by_id))}"
            )
    return [plan.profiles.by_id[name] for name in names]


def replay_offline(
    file: Path, bundle: Bundle, names: list[str], changes: Path | None, wake_seed: int | None
) -> dict[str, Any]:
    """A recording or a journal through the river, without a broker."""
    began = monotonic()
    plan = plan_of(bundle)
    if file.suffix == ".db":
        journal = Journal(file, read_only=True)
        result = offline(journal.after(0), plan, Plans(journal), wake_seed)
    else:
        recorded = messages(file, _profiles(plan, names))
        result = offline(
            entries_of(recorded), plan, lambda _: plan, wake_seed, expected=plan.estate.devices.values()
        )
    seconds = monotonic() - began
    openings = sum(change.kind == "opened" for change in result.changes)
    if changes is not None:
        write_changes(changes, result.changes, spell)
    return _summary(result, openings, seconds)


def _summary(result: Replayed, openings: int, seconds: float) -> dict[str, Any]:
    return {
        "messages": result.messages,
        "readings": result.readings,
        "rejected": result.rejected,
        "openings": openings,
        "seconds": round(seconds, 2), "readings_per_s": round(result.readings / max(seconds, 1e-9)),
    }  # fmt: skip


def at_address(settings: BrokerSettings, address: str) -> BrokerSettings:
    """The settings, at another host:port if one is given. Raises RecordingError."""
    if not address:
        return settings
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise RecordingError(f"'{address}' is not host:port")
    return settings._replace(host=host.strip("[]"), port=int(port))


def replay_to_broker(
    file: Path,
    bundle: Bundle,
    names: list[str],
    broker: BrokerSettings,
    clock_topic: str,
    speed: float,
    rate: float,
) -> dict[str, Any]:
    """A recording published like its devices would, with its own time on `clock_topic`."""
    profiles = _profiles(plan_of(bundle), names)
    publisher = Publisher.to(broker, "foretell-replay")
    began = monotonic()
    try:
        count, last = publish(messages(file, profiles), publisher, clock_topic, speed, rate)
    finally:
        publisher.close()
    return {"messages": count, "until": spell(last), "seconds": round(monotonic() - began, 2)}


def device_rows(store: Path, bundle: Bundle) -> list[dict[str, Any]]:
    """The devices as the daemon knows them, from its snapshot and journal; also while it is stopped."""
    journal = Journal(store / "journal.db", read_only=True)
    plans = Plans(journal)
    fold = recall.load(store, journal, plan_of(bundle), plans, lambda *_a, **_k: None)
    for _ in recall.replay(fold, journal):
        pass
    heard = fold.engine.last_heard()
    return [
        {
            "device": device.id,
            "kind": device.kind,
            "sight": "offline" if device.offline else "online" if device.id in heard else "unknown",
            "last_heard": spell(heard[device.id][1]) if device.id in heard else None,
            "watches": len(device.watches),
            "open": sorted(
                f"{rule}{f' [{part}]' if part else ''}"
                for (rule, part), w in device.watches.items()
                if w.state == "open"
            ),
        }
        for device in sorted(fold.engine.devices.values(), key=lambda d: d.id)
    ]

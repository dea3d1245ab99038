"""NAB: streams with labelled windows. Which were met, how early, and what was said outside of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.recordings.plans import DATA, HERE, Alert, alerts, plan_of, read
from foretell.intake.fold import Plan
from foretell.lab.recording import Recorded

NAB = DATA / "nab"
EARLY = 86400.0
"""How long before a window an alert may open and still be taken for its herald."""

LOADS = {
    "cpu_utilization_asg_misconfiguration", "ec2_request_latency_system_failure", "nyc_taxi",
    "rogue_agent_key_hold", "rogue_agent_key_updown",
}  # fmt: skip
"""Streams that follow people and not physics: they have the rules of `load`, which are among those of
`temperature`. The artificial ones have those of `temperature`: all that there are."""


class Window(NamedTuple):
    """A labelled span. NAB lays it around the anomaly, so that what failed did so in its middle."""

    start: float
    end: float

    @property
    def failure(self) -> float:
        return (self.start + self.end) / 2


class Result(NamedTuple):
    """How one stream came out. Leads in hours before the failure and before the window's end."""

    stream: str
    days: float
    windows: list[dict[str, Any]]
    outside: list[str]

    def json(self) -> dict[str, Any]:
        return self._asdict() | {"met": self.count("met"), "early": self.count("early")}

    def count(self, outcome: str) -> int:
        return sum(window["outcome"] == outcome for window in self.windows)


def kind_of(name: str) -> str:
    return "load" if Path(name).name in LOADS else "temperature"


def plan(kind: str) -> Plan:
    return plan_of(kind, sensors=HERE / "sensors", folder=HERE / "rules")


def windows() -> dict[str, list[Window]]:
    """The labels, by `folder/stream`."""
    found = json.loads((NAB / "windows.json").read_text())
    return {
        name.removesuffix(".csv"): [Window(_instant(start), _instant(end)) for start, end in spans]
        for name, spans in found.items()
    }


def _instant(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def messages(name: str, plan: Plan, times: int = 1) -> Iterator[Recorded]:
    """The messages of `folder/stream`, said over `times` times, each round where the last one ended."""
    (profile,) = plan.profiles.by_id.values()
    recorded = list(read(NAB / f"{name}.csv.gz", profile, Path(name).name))
    step = 300.0 * round((recorded[-1].at - recorded[0].at + recorded[1].at - recorded[0].at) / 300.0)
    for round_ in range(times):
        for message in recorded:
            if not round_:
                yield message
                continue
            body = json.loads(message.payload)
            at = message.at + round_ * step
            body["timestamp"] = dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
            yield Recorded(at, message.topic, json.dumps(body).encode())


def score(name: str, said: list[Alert], labels: list[Window], days: float) -> Result:
    """Each window with the first alert in it, or else the last one that came shortly before; and the rest."""
    left = list(said)
    rows = []
    for window in labels:
        inside = [alert for alert in said if window.start <= alert.opened <= window.end]
        before = [alert for alert in said if window.start - EARLY <= alert.opened < window.start]
        best = inside[0] if inside else before[-1] if before else None
        left = [alert for alert in left if alert not in (*inside, *before)]
        row: dict[str, Any] = {"outcome": "met" if inside else "early" if before else "missed"}
        if best is not None:
            row |= {
                "hours to the failure": round((window.failure - best.opened) / 3600, 1),
                "hours to the end": round((window.end - best.opened) / 3600, 1),
                "by": [rule.partition("/")[2] for rule in best.rules], "alerts": len(inside) + len(before),
            }  # fmt: skip
        elif any(a.opened < window.start and (a.cleared or window.end) >= window.end for a in said):
            row["note"] = "an alert stood all the while"
        rows.append(row)
    return Result(name, round(days, 1), rows, [_spell(alert) for alert in left])


def _spell(alert: Alert) -> str:
    when = dt.datetime.fromtimestamp(alert.opened, dt.UTC).strftime("%Y-%m-%d %H:%M")
    lasted = "open" if alert.cleared is None else f"{(alert.cleared - alert.opened) / 3600:.1f} h"
    return f"{when} ({lasted}; {', '.join(rule.partition('/')[2] for rule in alert.rules)})"


def run(times: int = 1, folders: tuple[str, ...] = ()) -> dict[str, Result]:
    """Every stream (of these folders) by itself through an engine of its own."""
    plans = {kind: plan(kind) for kind in ("temperature", "load")}
    found = {}
    for name, labels in windows().items():
        if folders and name.split("/")[0] not in folders:
            continue
        rules = plans[kind_of(name)]
        recorded = list(messages(name, rules, times))
        days = (recorded[-1].at - recorded[0].at) / 86400
        found[name] = score(name, alerts(recorded, rules), labels if times == 1 else [], days)
    return found

"""A bearing rig run to failure, under the shipped rule: how far the first alert leads the end."""

from __future__ import annotations

from typing import Any

from bench.recordings.plans import DATA, Alert, alerts, plan_of, read

FILE = DATA / "bearing" / "test1.csv.gz"
RULE = "machine/bearing-vibration"
FAILED = ("Bearing 3", "Bearing 4")
"""At the end of the test, an inner race and a roller; the other two ran on the same shaft, and were whole."""


def run() -> dict[str, dict[str, Any]]:
    """By channel: hours from the first alert to the end of the test and since its begin, and all alerts."""
    plan = plan_of("machine", RULE)
    recorded = list(read(FILE, plan.profiles.by_id["machine/vibration-rig"]))
    begin, end = recorded[0].at, recorded[-1].at
    by_channel: dict[str, list[Alert]] = {
        f"Bearing {bearing} C{channel}": [] for bearing in range(1, 5) for channel in (1, 2)
    }
    for alert in alerts(recorded, plan):
        by_channel[alert.part].append(alert)
    return {channel: _row(channel, found, begin, end) for channel, found in by_channel.items()}


def _row(channel: str, found: list[Alert], begin: float, end: float) -> dict[str, Any]:
    first = min((alert.opened for alert in found), default=None)
    return {
        "failed": channel.startswith(FAILED),
        "hours to the end": None if first is None else round((end - first) / 3600, 1),
        "share of the test": None if first is None else round((first - begin) / (end - begin), 3),
        "alerts": len(found),
    }

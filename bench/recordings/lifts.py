"""A year of a metro operator's lifts and escalators: tickets for units that keep breaking.

Each rule by itself, with the definitions of the record's own `score.py`. The limits of the candidates were
chosen on the first half of the time, so only the second tells what they are worth.
"""

from __future__ import annotations

import collections
import datetime as dt
import importlib.util
from collections.abc import Iterator
from functools import cache
from typing import Any

from bench.recordings.plans import DATA, alerts, plan_of, read

FOLDER = DATA / "lift_status"
FILE = FOLDER / "unit_statuses_2013-06_2014-06.csv.gz"
PLAIN, CANDIDATE = "keeps-breaking", "keeps-breaking-chronic"
KINDS = {"elevator": "ELEVATOR", "escalator": "ESCALATOR"}
HALF = dt.datetime(2013, 12, 1, tzinfo=dt.UTC).timestamp()

Tickets = dict[str, list[tuple[float, float | None]]]


@cache
def score_module() -> Any:
    """The definitions of precision and recall, which lie beside the record."""
    spec = importlib.util.spec_from_file_location("lift_score", FOLDER / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tickets(kind: str, rule: str) -> Tickets:
    """What the rule opened and cleared, by unit."""
    plan = plan_of(kind, f"{kind}/{rule}")
    found: Tickets = collections.defaultdict(list)
    for alert in alerts(read(FILE, plan.profiles.by_id[f"{kind}/metro-status"]), plan):
        found[alert.device].append((alert.opened, alert.cleared))
    return found


def run(rules: tuple[str, ...] = (PLAIN, CANDIDATE)) -> dict[str, dict[str, Any]]:
    """By kind, rule and time: tickets, precision, recall and their harmonic mean."""
    breaks = score_module().load(str(FILE))
    last = max(times[-1] for times in breaks.values())
    spans = {"whole": (0.0, last), "first half": (0.0, HALF), "second half": (HALF, last)}
    return dict(_rows(rules, breaks, spans))


def _rows(
    rules: tuple[str, ...], breaks: dict[str, list[float]], spans: dict[str, tuple[float, float]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, suffix in KINDS.items():
        for rule in rules:
            found = tickets(kind, rule)
            for name, (begin, end) in spans.items():
                count, precision, repeats, recall = score_module().score(breaks, found, suffix, begin, end)
                yield f"{kind}/{rule}, {name}", {
                    "tickets": count, "precision": round(precision, 3), "recall": round(recall, 3),
                    "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 3),
                    "repeat breaks": repeats,
                }  # fmt: skip

"""All recordings at once: the table that people read, and the same as plain values for build/bench.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.recordings import bearing, lifts, streams
from bench.recordings.plans import DATA

ROUNDS = 3
"""So often is each fortnight without anomaly said over: rules that learn for a fortnight shall speak, too."""


def run() -> dict[str, Any]:
    """What came of each recording; empty where they do not lie beside the checkout."""
    if not DATA.is_dir():
        return {}
    again = streams.run(ROUNDS, ("artificialNoAnomaly",))
    return {
        "streams": {name: result.json() for name, result in streams.run().items()},
        "streams without anomaly, said over": {name: len(result.outside) for name, result in again.items()},
        "bearing": bearing.run(),
        "lifts": lifts.run(),
    }


def table(found: Mapping[str, Any]) -> str:
    return "\n".join(_lines(found)) if found else f"the recordings are not there: {DATA}"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield from _streams(found["streams"])
    again = found["streams without anomaly, said over"]
    yield f"\nwithout anomaly, said over {ROUNDS} times: {sum(again.values())} alerts in {len(again)} streams"
    yield f"\n{'bearing rig, ' + bearing.RULE:<58}{'h to the end':>14}{'share of test':>15}{'alerts':>8}"
    for channel, row in found["bearing"].items():
        name = f"{channel}, {'failed' if row['failed'] else 'ran on'}"
        yield (
            f"  {name:<56}{_or_dash(row['hours to the end']):>14}{_or_dash(row['share of the test']):>15}"
            f"{row['alerts']:>8}"
        )
    yield f"\n{'lifts and escalators, by score.py':<58}{'tickets':>9}{'precision':>11}{'recall':>9}{'f1':>8}"
    for name, row in found["lifts"].items():
        yield (
            f"  {name:<56}{row['tickets']:>9,}{row['precision']:>11.3f}{row['recall']:>9.3f}{row['f1']:>8.3f}"
        )


def _streams(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"{'stream':<58}{'days':>8}{'windows':>9}{'met':>5}{'early':>7}{'outside':>9}  h to failure/end"
    for name, row in rows.items():
        leads = "  ".join(
            f"{window['hours to the failure']:g}/{window['hours to the end']:g}"
            if "by" in window
            else "missed"
            for window in row["windows"]
        )
        yield (
            f"  {name:<56}{row['days']:>8.1f}{len(row['windows']):>9}{row['met']:>5}{row['early']:>7}"
            f"{len(row['outside']):>9}  {leads}"
        )


def _or_dash(value: Any) -> str:
    return "–" if value is None else f"{value:g}"

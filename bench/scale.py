"""What stays the same as a site grows: the cost of a reading where most rules are about other devices."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import estate
from bench.offline import plan_in
from foretell.clock import monotonic
from foretell.config import build, gather, shipped
from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.engine.rule import Rule, Rulebook, Where
from foretell.site.estate import Estate, Facts

DEVICES = 100
OTHERS = 990
PAIRS = 15
READINGS = 6_000
PLACES = ("a", "floor-1")


def ten_rules(folder: Path) -> tuple[Rule, ...]:
    estate.write(folder)
    return tuple(plan_in(folder).rulebook.rules.values())


def thousand(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The same rules among 990 that are about other devices: by id, by place and by kind, a third each."""
    elsewhere = (
        {"where": Where(id=("other-*",))},
        {"where": Where(place=("b",))},
        {"kind": "other"},
    )
    others = [
        rules[n % len(rules)]._replace(id=f"bench/other-{n}", **elsewhere[n % len(elsewhere)])  # type: ignore[arg-type]
        for n in range(OTHERS)
    ]
    middle = len(others) // 2
    return (*others[:middle], *rules, *others[middle:])


def engine_of(rules: Sequence[Rule]) -> Engine:
    known = {f"lift-{n}": Facts(f"lift-{n}", "bench", place=PLACES, model="x") for n in range(DEVICES)}
    engine = Engine(Rulebook(rules), Estate({}, known))
    engine.link(True, 0.0)
    return engine


def readings() -> list[Reading]:
    """Healthy devices that say all six of their signals by turns, one device every 20 ms."""
    chance = random.Random(5)
    said = []
    for n in range(READINGS * (PAIRS + 1)):
        at = n / 50
        signal, value = (
            ("door_close_time", chance.gauss(3.0, 0.06)),
            ("room_temperature", chance.gauss(24.0, 1.0)),
            ("motor_current", chance.gauss(12.0, 0.4)),
            ("trips", float(int(at / 30))),
            ("reversals", float(int(at / 3000))),
            ("mode", "normal"),
        )[n // DEVICES % 6]
        said.append(Reading(f"lift-{n % DEVICES}", "bench", signal, "", value, at, 30.0))
    return said


def _seconds(engine: Engine, said: Sequence[Reading]) -> float:
    began = time.process_time()
    for reading in said:
        engine.receive((reading,), reading.at)
    return time.process_time() - began


def rules_elsewhere() -> dict[str, Any]:
    """The same readings to both by turns, chunk by chunk: what else the machine does meets both alike."""
    with tempfile.TemporaryDirectory() as temp:
        few = ten_rules(Path(temp))
    said = readings()
    small, large = engine_of(few), engine_of(thousand(few))
    assert len(large.rulebook.rules) == 1_000
    for engine in (small, large):  # devices are met, and routes found, once
        _seconds(engine, said[:READINGS])
    ratios, costs = [], ([], [])  # type: ignore[var-annotated]
    for pair in range(1, PAIRS + 1):
        chunk = said[pair * READINGS : (pair + 1) * READINGS]
        order = (small, large) if pair % 2 else (large, small)
        took = {id(engine): _seconds(engine, chunk) for engine in order}
        ratios.append(took[id(large)] / took[id(small)])
        for costed, engine in zip(costs, (small, large), strict=True):
            costed.append(took[id(engine)] / READINGS * 1e6)
    assert small.standing() == large.standing()
    return {
        "10 rules, cost per reading (us)": round(statistics.median(costs[0]), 2),
        "1,000 rules of which 10 concern the device, cost per reading (us)": round(
            statistics.median(costs[1]), 2
        ),
        "ratio of the two, median of pairs": round(statistics.median(ratios), 3),
    }


def reading_files() -> dict[str, Any]:
    """Time to read and check the whole shipped library, and one rule file of it on the average."""
    bundle, _ = gather([shipped("sensors")], [shipped("rules")])
    rules = sum(source.key.startswith("rules/") for source in bundle.sources)
    kinds = bundle._replace(sources=tuple(s for s in bundle.sources if s.key.startswith("sensors/")))
    whole = _best(lambda: build(bundle))
    sensors = _best(lambda: build(kinds))
    return {
        "check the shipped library (s)": round(whole, 2),
        "rule files in it": rules,
        "check one rule file (ms)": round((whole - sensors) / max(rules, 1) * 1000, 1),
    }


def _best(work: Any, times: int = 3) -> float:
    found = []
    for _ in range(times):
        began = monotonic()
        work()
        found.append(monotonic() - began)
    return min(found)


def testing_files() -> dict[str, Any]:
    """Time of `foretell test` over the shipped library, generated tests included, as the command takes it."""
    began = monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "foretell", "test", "--json"], capture_output=True, text=True, check=False
    )
    seconds = monotonic() - began
    tests = len(json.loads(done.stdout)["results"])
    return {
        "foretell test over the shipped library (s)": round(seconds, 1),
        "tests in it": tests,
        "foretell test, each (ms)": round(seconds / max(tests, 1) * 1000, 1),
    }


def run() -> dict[str, Any]:
    return rules_elsewhere() | reading_files() | testing_files()

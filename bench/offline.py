"""Replay speed and the engine's memory, without a broker."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import estate
from foretell.clock import monotonic
from foretell.config import build, gather
from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.engine.rule import Rulebook
from foretell.intake.fold import Plan
from foretell.lab.recording import Recorded
from foretell.lab.replay import entries_of, offline


def plan_in(folder: Path) -> Plan:
    bundle, problems = gather([folder / "sensors"], [folder / "rules"])
    plan, wrong = build(bundle)
    assert plan is not None, problems + wrong
    return plan


def engine_speed(plan: Plan, names: tuple[str, ...], signal: str, count: int = 200_000) -> float:
    """Readings per second through the engine alone, with these rules on 100 devices."""
    chance = random.Random(1)
    rules = tuple(plan.rulebook.rules[f"bench/{name}"] for name in names)
    engine = Engine(Rulebook(rules))
    engine.link(True, 0.0)
    readings = [
        Reading(f"lift-{n % 100}", "bench", signal, "", chance.gauss(3.0, 0.06), n / 10, 30.0)
        for n in range(count)
    ]
    began = monotonic()
    for reading in readings:
        engine.receive((reading,), reading.at)
    return count / (monotonic() - began)


def river_speed(plan: Plan, count: int = 60_000) -> float:
    """Messages of six readings, ten rules on the device, decoded and judged: readings per second."""
    chance = random.Random(2)
    recorded = []
    for n in range(count):
        at = 1.76e9 + n / 10
        topic, payload = estate.telemetry(n % 100, at, chance)
        recorded.append(Recorded(at, topic, payload))
    began = monotonic()
    result = offline(entries_of(recorded), plan, lambda _: plan)
    return result.readings / (monotonic() - began)


def memory_child(folder: str, devices: int) -> None:
    """In a process of its own: how much memory `devices` with ten rules each take. Prints MiB twice."""
    plan = plan_in(Path(folder))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    engine = Engine(plan.rulebook)
    engine.link(True, 1.76e9)
    chance = random.Random(3)
    from foretell.intake.decode import decode

    for hour in range(300):
        for device in range(devices):
            at = 1.76e9 + hour * 30 + device / 1000
            topic, payload = estate.telemetry(device, at, chance)
            for route in plan.profiles.routes(topic):
                engine.receive(decode(route, payload, at, False).readings, at)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(before, after, engine.standing()["watches"])


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        estate.write(folder)
        plan = plan_in(folder)
        child = subprocess.run(
            [sys.executable, "-c", f"from bench.offline import memory_child; memory_child({temp!r}, 1000)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        before, after, watches = (float(word) for word in child.stdout.split())
        return {
            "engine, one level rule (readings/s)": round(
                engine_speed(plan, ("door-slow",), "door_close_time")
            ),
            "engine, one drift rule (readings/s)": round(
                engine_speed(plan, ("door-drift",), "door_close_time")
            ),
            "decode + engine, ten rules (readings/s)": round(river_speed(plan)),
            "memory, 1,000 devices x 10 rules, process (MiB)": round(after, 1),
            "memory per watch (KiB)": round((after - before) * 1024 / watches, 2),
        }

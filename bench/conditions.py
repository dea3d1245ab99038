"""What each kind of condition costs: readings per second through the engine, bytes per watch and dump."""

from __future__ import annotations

import gc
import math
import random
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from bench.plans import Written, plan_with
from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.intake.fold import Plan

KIND = """
title: {en: Bench machine, zh: 测试设备}
signals:
  temp: {type: gauge, unit: degC, range: [-50, 250]}
  trips: {type: counter}
  mode: {type: state, values: [normal, stopped]}
  fault: {type: event, values: [break, fix]}
"""


class Case(NamedTuple):
    """One condition, the signal that is said to it, and how many seconds lie between two readings."""

    when: str
    signal: str
    step: float


CASES = {
    "level": Case("{signal: temp, above: 60 degC}", "temp", 60.0),
    "silent": Case("{silent: 2 h}", "temp", 60.0),
    "count of a gauge": Case(
        "{signal: temp, count: {above: 26 degC, at_least: 20, over: 1 h}}", "temp", 60.0
    ),
    "count of an event": Case("{signal: fault, count: {is: break, at_least: 15, over: 1 h}}", "fault", 60.0),
    "rate": Case("{signal: temp, rate: {above: 20 degC/h, over: 6 h}}", "temp", 60.0),
    "rate of a counter": Case("{signal: trips, rate: {above: 2000/h, over: 6 h}}", "trips", 60.0),
    "forecast": Case(
        "{signal: temp, forecast: {reaches: 90 degC, within: 5 d, from: 5 d, at_least: 2 d}}", "temp", 60.0
    ),
    "drift": Case("{signal: temp, drift: {up: 3 sigma, against: 1 d}}", "temp", 60.0),
    "drift of medians": Case("{signal: temp, drift: {up: 3 sigma, against: 1 d, median: 1 h}}", "temp", 60.0),
    "page-hinkley": Case(
        "{signal: temp, drift: {up: 3 sigma, against: 1 d, method: page-hinkley}}", "temp", 60.0
    ),
    "peers": Case("{signal: temp, peers: {up: 9 degC, median: 6 h}}", "temp", 60.0),
    "expected": Case("{signal: temp, expected: {up: 9 sigma, learn: 14 d}}", "temp", 600.0),
    "expected of a counter": Case("{signal: trips, expected: {down: 95 %, learn: 14 d}}", "trips", 600.0),
    "expected silence": Case(
        "{signal: trips, expected: {silence: 0.001 %, at_least: 2 h, learn: 14 d}}", "trips", 600.0
    ),
    "stuck": Case("{signal: temp, stuck: {over: 6 h, within: 0.01 degC}}", "temp", 60.0),
    "flapping": Case("{signal: mode, flapping: {at_least: 40, over: 6 h}}", "mode", 600.0),
    "flapping of a gauge": Case(
        "{signal: temp, flapping: {at_least: 40, over: 1 h, above: 24 degC}}", "temp", 120.0
    ),
    "used": Case("{signal: trips, used: {of: 4000000}}", "trips", 60.0),
    "then": Case("{signal: fault, is: break, then: {signal: mode, is: normal, within: 10 d}}", "fault", 60.0),
}
DEVICES = 20
WARM_DAYS = 42
SPEED_READINGS = 40_000
HOLDS = 7200.0


def plan_of(when: str) -> Plan:
    return plan_with(KIND, Written("only", when))


def value_of(signal: str, n: int, chance: random.Random) -> float | str:
    """What a healthy device says: a temperature with a day's rhythm, a counter that grows, words by turns."""
    if signal == "temp":
        return 24.0 + math.sin(n / 70) + chance.gauss(0.0, 0.5)
    if signal == "trips":
        return float(3 * n)
    if signal == "mode":
        return "stopped" if n % 2 else "normal"
    return "break" if n % 7 == 0 else "fix"


def said(case: Case, devices: int, first: int, count: int) -> Iterator[Reading]:
    """`count` rounds of all devices, from round `first` on."""
    chance = random.Random(first)
    for n in range(first, first + count):
        for device in range(devices):
            at = 1.76e9 + n * case.step + device * case.step / devices
            yield Reading(
                f"m-{device}", "bench", case.signal, "", value_of(case.signal, n, chance), at, HOLDS
            )


def warm(case: Case, devices: int, rounds: int) -> Engine:
    engine = Engine(plan_of(case.when).rulebook)
    engine.link(True, 1.76e9)
    feed(engine, said(case, devices, 0, rounds))
    return engine


def feed(engine: Engine, readings: Iterator[Reading] | Sequence[Reading]) -> float:
    """Processor time that it takes: of a machine that is shared, the clock on the wall tells little."""
    began = time.process_time()
    for reading in readings:
        engine.receive((reading,), reading.at)
    return time.process_time() - began


def measure(name: str) -> dict[str, Any]:
    """Speed with everything warmed up and learned; memory of as many watches, after the same weeks."""
    case = CASES[name]
    rounds = int(min(WARM_DAYS * 86400 / case.step, 6_100))
    engine = warm(case, DEVICES, rounds)
    readings = list(said(case, DEVICES, rounds, SPEED_READINGS // DEVICES))
    seconds = feed(engine, readings)
    dumped = msgspec.msgpack.encode(engine.devices["m-0"].watches["bench/only", ""].dump())
    return {
        "readings/s": round(len(readings) / seconds),
        "bytes per watch": bytes_per_watch(case, rounds),
        "bytes per dump": len(dumped),
    }


def bytes_per_watch(case: Case, rounds: int, devices: int = 2) -> int:
    """Memory that a watch holds once it knows everything, by the allocator's own count."""
    plan_of(case.when)
    gc.collect()
    tracemalloc.start()
    try:
        engine = warm(case, devices, rounds)
        gc.collect()
        with_watches = tracemalloc.get_traced_memory()[0]
        for device in engine.devices.values():
            device.watches.clear()
            device.routes.clear()
            device.silences.clear()
        engine._heap.clear()
        engine._groups.clear()
        gc.collect()
        return round((with_watches - tracemalloc.get_traced_memory()[0]) / devices)
    finally:
        tracemalloc.stop()


def run() -> dict[str, dict[str, Any]]:
    return {name: measure(name) for name in CASES}


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"{'condition, one rule':<26}{'readings/s':>12}{'of level':>10}{'bytes/watch':>13}{'bytes/dump':>12}"
    ]
    level = found["level"]["readings/s"]
    for name, row in found.items():
        lines.append(
            f"  {name:<24}{row['readings/s']:>12,}{row['readings/s'] / level:>10.2f}"
            f"{row['bytes per watch']:>13,}{row['bytes per dump']:>12,}"
        )
    return "\n".join(lines)

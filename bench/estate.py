"""What the benchmarks run on: one kind, one profile, ten rules for each device, written as files."""

from __future__ import annotations

import json
import random
from pathlib import Path

KIND = """
title: {en: Bench lift, zh: 测试电梯}
signals:
  door_close_time: {type: gauge, unit: s, range: [0, 60]}
  room_temperature: {type: gauge, unit: degC, range: [-40, 90]}
  motor_current: {type: gauge, unit: A, range: [0, 200]}
  trips: {type: counter}
  reversals: {type: counter}
  mode: {type: state, values: [normal, inspection, stopped]}
"""
PROFILE = """
kind: bench
topic: "bench/{device}/telemetry"
codec: json
time: {field: ts, format: unix}
every: 10 s
signals:
  door_close_time: {field: door.close_ms, unit: ms}
  room_temperature: {field: room}
  motor_current: {field: amp}
  trips: {field: trips}
  reversals: {field: reversals}
  mode: {field: mode, map: {"1": normal, "2": inspection, "0": stopped}}
"""
RULE = """
title: {{en: "{{device}} {name}", zh: "{{device}} {name}"}}
kind: bench
when: {when}
{more}
ticket: {{failure_mode: {name}, route: maintainer, within: 3 d, do: {{en: look, zh: 查看}}}}
"""
RULES = {
    "door-slow": ("{signal: door_close_time, above: 20 s}", "clear: {below: 19 s}"),
    "door-slow-long": ("{signal: door_close_time, above: 5 s}", "for: 2 h"),
    "door-drift": ("{signal: door_close_time, drift: {up: 0.6 s, against: 1 h}}", ""),
    "room-hot": (
        "{signal: room_temperature, above: 40 degC}", "for: 10 min\nclear: {below: 38 degC, for: 10 min}"),
    "room-odd": ("{signal: room_temperature, outside: [5 degC, 45 degC]}", ""),
    "current-high": ("{signal: motor_current, above: 60 A}", "for: 1 min"),
    "current-drift": ("{signal: motor_current, drift: {up: 6 sigma, against: 1 h, decision: 10}}", ""),
    "reversals": ("{signal: reversals, count: {at_least: 12, per: 100 trips}}", ""),
    "inspection-and-hot": (
        "{all: [{signal: mode, is: inspection}, {signal: room_temperature, above: 35 degC}]}", "for: 30 min"),
    "silent": ("{silent: 1 h}", ""),
}  # fmt: skip


def write(folder: Path, *, broker_port: int = 1883) -> Path:
    """Write the site below `folder`; the path of its site.yaml."""
    (folder / "sensors" / "bench").mkdir(parents=True)
    (folder / "rules" / "bench").mkdir(parents=True)
    (folder / "sensors" / "bench" / "kind.yaml").write_text(KIND)
    (folder / "sensors" / "bench" / "box.yaml").write_text(PROFILE)
    for name, (when, more) in RULES.items():
        (folder / "rules" / "bench" / f"{name}.yaml").write_text(RULE.format(name=name, when=when, more=more))
    site = folder / "site.yaml"
    site.write_text(
        f"site: bench\nstore: store\nbroker: {{port: {broker_port}}}\nweb: {{port: 0}}\n"
        "sensors: [sensors]\nrules: [rules]\n"
    )
    return site


def telemetry(device: int, at: float, chance: random.Random, *, bad: bool = False) -> tuple[str, bytes]:
    """One message of a healthy device, or of one whose door takes far too long."""
    body = {
        "ts": at,
        "door": {"close_ms": 25_000 if bad else chance.gauss(3000, 60)},
        "room": round(chance.gauss(24, 1), 2),
        "amp": round(chance.gauss(12, 0.4), 3),
        "trips": int(at / 30) % 1_000_000,
        "reversals": int(at / 3000) % 100_000,
        "mode": 1,
    }
    return f"bench/lift-{device}/telemetry", json.dumps(body).encode()

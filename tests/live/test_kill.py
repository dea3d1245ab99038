"""kill -9 in mid-stream, again and again: nothing is lost, nothing is opened twice."""

from __future__ import annotations

import json
import random
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from foretell.intake.mqtt import Publisher
from tests.brokers import Mosquitto
from tests.live.harness import Daemon, history, journalled, rows, running, wait_until, write_site

DEVICES, RATE, KILLS = 40, 500, 10

KIND = """
title: {en: Pump, zh: 水泵}
signals:
  pressure: {type: gauge, unit: bar, range: [0, 20]}
  starts: {type: counter}
  state: {type: state, values: [ok, fault]}
"""
PROFILE = """
kind: pump
topic: "kill/{device}/telemetry"
codec: json
time: {field: ts}
signals:
  pressure: {field: p}
  starts: {field: n}
  state: {field: s}
"""
RULES = {
    "low": "when: {signal: pressure, below: 2 bar}\nfor: 10 min\nclear: {above: 3 bar}",
    "faults": "when: {signal: state, count: {is: fault, at_least: 3, over: 12 h}}\nclear: {quiet: 12 h}",
    "drifting": "when: {signal: pressure, drift: {down: 6 sigma, against: 6 h, decision: 8}}",
    "starts-often": "when: {signal: starts, count: {at_least: 40, over: 6 h}}",
}


def site_in(folder: Path, port: int) -> Path:
    (folder / "sensors" / "pump").mkdir(parents=True)
    (folder / "rules" / "pump").mkdir(parents=True)
    (folder / "sensors" / "pump" / "kind.yaml").write_text(KIND)
    (folder / "sensors" / "pump" / "box.yaml").write_text(PROFILE)
    for name, body in RULES.items():
        (folder / "rules" / "pump" / f"{name}.yaml").write_text(
            f'title: {{en: "{{device}} {name}", zh: "{{device}} {name}"}}\nkind: pump\n{body}\n'
            f"ticket: {{failure_mode: {name}, route: engineer, within: 1 d, do: {{en: look, zh: 查看}}}}\n"
        )
    return write_site(folder, port, extra="sensors: [sensors]\nrules: [rules]\n")


def stream(count: int) -> list[tuple[str, str]]:
    """Days of forty pumps, some of which go wrong and come right again. Every message is unlike any other."""
    chance = random.Random(7)
    began = time.time() - 6 * 86400
    starts = [0] * DEVICES
    messages = []
    for n in range(count):
        device, turn = n % DEVICES, n // DEVICES
        starts[device] += chance.randint(0, 6 if device % 7 == 0 else 1)
        low = device % 5 == 0 and turn % 60 > 45
        body = {
            "ts": began + n * 30 + chance.uniform(-5, 5),
            "p": round(chance.gauss(1.5 if low else 4.0 - 0.004 * turn * (device % 3 == 0), 0.05), 3),
            "n": starts[device],
            "s": "fault" if device % 4 == 0 and chance.random() < 0.08 else "ok",
            "seq": n,
        }
        messages.append((f"kill/pump-{device}/telemetry", json.dumps(body)))
    return messages


def has_journalled(store: Path, count: int) -> bool:
    return journalled(store, "kill/%") >= count


def publish(messages: list[tuple[str, str]], port: int, rate: int) -> None:
    publisher = Publisher("127.0.0.1", port, "pumps", window=200)
    began = time.monotonic()
    for n, (topic, payload) in enumerate(messages):
        ahead = began + n / rate - time.monotonic() if rate else 0.0
        if ahead > 0.002:
            threading.Event().wait(ahead)
        publisher.publish(topic, payload)
    publisher.flush()
    publisher.close()


@pytest.mark.slow
@pytest.mark.broker
def test_ten_kills_lose_nothing_and_open_nothing_twice(mosquitto: Mosquitto, tmp_path: Path) -> None:
    messages = stream(14_000)
    store = tmp_path / "killed" / "store"
    daemon = Daemon(site_in(tmp_path / "killed", mosquitto.port))
    daemon.start()
    sending = threading.Thread(target=publish, args=(messages, mosquitto.port, RATE))
    sending.start()
    chance = random.Random(11)
    kills = 0
    while kills < KILLS:
        grown = min(journalled(store, "kill/%") + chance.randint(150, 900), len(messages))
        wait_until(partial(has_journalled, store, grown), "messages in the journal")
        assert kills < 3 or sending.is_alive() or kills >= KILLS - 3, "the stream ended before the kills did"
        daemon.kill()
        kills += 1
        daemon.start(ready=False)
    sending.join(120)
    wait_until(lambda: journalled(store, "kill/%") >= len(messages), "every message in the journal", 120)
    daemon.stop()

    kept = rows(store / "journal.db", "SELECT topic, payload FROM entry WHERE topic LIKE 'kill/%'")
    assert {(topic, payload.decode()) for topic, payload in kept} == set(messages)
    assert len(kept) == len(messages), "a redelivered message was journalled twice"

    with running(site_in(tmp_path / "calm", mosquitto.port).with_name("site.yaml")) as calm:
        publish(messages, mosquitto.port, 0)
        wait_until(
            lambda: journalled(tmp_path / "calm" / "store", "kill/%") >= len(messages), "the calm run", 120
        )
        calm.stop()
    undisturbed = history(tmp_path / "calm" / "store")
    assert len({row[4] for row in undisturbed if row[3] == "opened"}) == len(RULES), (
        "every rule must have opened"
    )
    assert history(store) == undisturbed

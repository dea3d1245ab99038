"""An owner's report through the daemon itself, killed: what was answered stands, and no log tells it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.live.harness import Daemon, foretell, write_site

NO_BROKER = 1
"""A port where nobody listens: owners may report while the broker is away."""

SAID = {"category": "lift", "device": "a-1", "text": "CANARY-words", "unit": "CANARY-unit"}


def ask(address: str, path: str, body: Any = None) -> str:
    sent = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(address + path, sent, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


def test_what_was_answered_outlives_a_power_cut(tmp_path: Path) -> None:
    site = write_site(tmp_path, NO_BROKER, extra="devices: {a-1: {kind: elevator}}\nduty: Wang\n")
    daemon = Daemon(site)
    daemon.start(ready=False)
    try:
        daemon.expect_log('"page"')
        told = json.loads(ask(daemon.address, "api/v1/reports", SAID))
        daemon.kill()
        assert "CANARY" not in daemon.said()
        daemon.start(ready=False)
        daemon.expect_log('"page"')
        (row,) = json.loads(ask(daemon.address, "api/v1/reports"))["reports"]
        assert {key: row[key] for key in told} == told
        assert told["responsible"] == "Wang"
        assert "CANARY" not in ask(daemon.address, "metrics")
        again = json.loads(ask(daemon.address, "api/v1/reports", SAID))
        assert (again["ticket_id"], again["matched"]) == (told["ticket_id"], "device")
    finally:
        daemon.stop()
    assert "CANARY" not in daemon.log.read_text()
    shown = json.loads(foretell("report", "show", str(told["id"]), "--config", site, "--json").stdout)
    assert shown["text"] == SAID["text"]

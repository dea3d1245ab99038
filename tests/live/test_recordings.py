"""Real recordings through a real broker into tickets, and the same again out of the journal."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import Mosquitto
from tests.brokers import running as broker
from tests.live.harness import RECORDINGS, foretell, history, rows, running, wait_until, write_site

pytestmark = [
    pytest.mark.broker,
    pytest.mark.recording,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside this checkout"),
]

LIFTS = RECORDINGS / "lift_status" / "unit_statuses_2013-06_2014-06.csv.gz"
BEARING = RECORDINGS / "bearing" / "test1.csv.gz"
WEEK = 7 * 86400


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Mosquitto]:
    """Keeps everything for a subscriber that is slower than a year in ten seconds."""
    settings = "allow_anonymous true\nmax_inflight_messages 200\nmax_queued_messages 0\n"
    with broker(Mosquitto(tmp_path / "broker", settings)) as mosquitto:
        yield mosquitto


def instant(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def openings(path: Path) -> list[tuple[str, str, str, str, str]]:
    with open(path, newline="") as file:
        return sorted(
            (r["device"], r["part"], r["rule"], r["opened_at"], r["cleared_at"]) for r in csv.DictReader(file)
        )


def through_the_broker(file: Path, profiles: list[str], folder: Path, port: int, messages: int) -> Path:
    """Replay into the broker with the daemon listening; its store, once everything is applied."""
    site = write_site(folder, port, extra="journal: {keep: 1000 d}\n")  # by the recording's clock
    words = [word for profile in profiles for word in ("--profile", profile)]
    with running(site, "--clock-topic", "foretell/clock") as daemon:
        foretell("replay", file, *words, "--broker", f"127.0.0.1:{port}", "--rate", "0")
        last = "SELECT count(*) FROM entry WHERE topic NOT LIKE '$%'"
        wait_until(
            lambda: rows(folder / "store" / "journal.db", last)[0][0] >= messages, "the recording", 180
        )
        assert daemon.stop() == 0
    return folder / "store"


def score_module() -> Any:
    spec = importlib.util.spec_from_file_location("score", RECORDINGS / "lift_status" / "score.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def by_kind(opened: list[tuple[str, float]], until: float) -> tuple[int, int]:
    """How many were opened on lifts and on escalators, before the record's last week."""
    before = [device for device, at in opened if at < until]
    return sum(name.endswith("ELEVATOR") for name in before), sum(
        name.endswith("ESCALATOR") for name in before
    )


@pytest.mark.slow
def test_lifts_that_keep_breaking(patient: Mosquitto, tmp_path: Path) -> None:
    profiles = ["elevator/metro-status", "escalator/metro-status"]
    store = through_the_broker(LIFTS, profiles, tmp_path / "site", patient.port, 83_114)
    found = rows(
        store / "ledger.db",
        "SELECT t.mode, e.rule, t.device, e.at FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id "
        "WHERE e.kind IN ('opened', 'reopened', 'joined')",
    )
    opened = [(device, at) for mode, _, device, at in found if mode == "live"]
    candidate = [(device, at) for mode, _, device, at in found if mode == "shadow"]
    assert {rule.partition("/")[2] for mode, rule, *_ in found if mode == "live"} == {"keeps-breaking"}
    assert {rule.partition("/")[2] for mode, rule, *_ in found if mode == "shadow"} == {
        "keeps-breaking-chronic"
    }
    breaks = score_module().load(str(LIFTS))
    until = max(times[-1] for times in breaks.values()) - WEEK
    assert by_kind(opened, until) == (452, 3_694)
    assert by_kind(candidate, until) == (559, 3_814)
    expected = {
        (unit, round(o, 3))
        for unit, spans in score_module().baseline(breaks, 3, 14).items()
        for o, _ in spans
    }
    assert {(device, round(at, 3)) for device, at in opened} == expected

    foretell("replay", store / "journal.db", "--offline", "--changes", tmp_path / "plain.csv")
    assert len(openings(tmp_path / "plain.csv")) == len(found)
    again = ("replay", store / "journal.db", "--offline", "--changes", tmp_path / "woken.csv")
    for seed in (1, 2, 3):
        foretell(*again, "--wake-seed", str(seed))
        assert openings(tmp_path / "woken.csv") == openings(tmp_path / "plain.csv")


def test_bearings_that_fail(patient: Mosquitto, tmp_path: Path) -> None:
    store = through_the_broker(BEARING, ["machine/vibration-rig"], tmp_path / "site", patient.port, 2_156)
    first = dict(rows(store / "ledger.db", "SELECT part, min(opened_at) FROM ticket GROUP BY part"))
    begin, end = instant("2003-10-22T12:06:24+00:00"), instant("2003-11-25T23:39:56+00:00")
    lead_h = {part: (end - at) / 3600 for part, at in first.items()}
    for bearing in ("Bearing 3", "Bearing 4"):
        assert max(hours for part, hours in lead_h.items() if part.startswith(bearing)) >= 40
    assert min(first.values()) > begin + (end - begin) / 2, "a ticket in the first half"

    foretell("replay", store / "journal.db", "--offline", "--changes", tmp_path / "plain.csv")
    plain = openings(tmp_path / "plain.csv")
    opened = [row for row in history(store) if row[3] == "opened"]
    assert {(part, round(instant(at), 3)) for _, part, _, at, _ in plain} == {
        (row[1], row[5]) for row in opened
    }
    offline = tmp_path / "offline.csv"
    foretell("replay", BEARING, "--profile", "machine/vibration-rig", "--offline", "--changes", offline)
    assert openings(offline) == plain

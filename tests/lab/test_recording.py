"""Recordings as people keep them: names that look like numbers, byte order marks, lines that are no rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from foretell.intake.profiles import Profile, read_profile
from foretell.lab.recording import RecordingError, messages
from foretell.site.kinds import read_kind
from tests.live.harness import foretell

KIND = "title: {en: Lift, zh: 电梯}\nsignals:\n  room: {type: gauge, unit: degC}\n"
PROFILE = """
kind: lift
topic: "site/{device}/telemetry"
codec: json
time: {field: at, format: iso8601}
signals:
  room: {field: room}
recording:
  columns: {device: lift}
  rows: {what: "room*"}
"""


@pytest.fixture
def profile() -> Profile:
    kind, _ = read_kind("lift", KIND, "kind.yaml")
    assert kind is not None
    profile, problems = read_profile("lift/box", PROFILE, "box.yaml", {"lift": kind})
    assert profile is not None, problems
    return profile


def test_a_name_stays_as_it_is_written_and_a_value_is_a_number(tmp_path: Path, profile: Profile) -> None:
    file = tmp_path / "lifts.csv"
    file.write_text(
        "lift,at,what,room\n007,2026-01-01T00:00:00Z,room,21.5\n12e3,2026-01-01T00:01:00Z,rooms,22\n"
    )
    first, second = messages(file, [profile])
    assert (first.topic, second.topic) == ("site/007/telemetry", "site/12e3/telemetry")
    assert json.loads(first.payload)["room"] == 21.5
    assert second.at - first.at == 60.0


@pytest.mark.parametrize("name", ["lifts.csv", "lifts.csv.gz"])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, profile: Profile, name: str) -> None:
    body = "\ufefflift,at,what,room\nl-1,2026-01-01T00:00:00Z,room,21.5\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith("gz") else body)
    assert [message.topic for message in messages(tmp_path / name, [profile])] == ["site/l-1/telemetry"]


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("a.csv", "lift,at,what\nl-1,2026-01-01T00:00:00Z,door\n", "none of its 1 rows is one of lift/box"),
        ("a.csv", "at,what\n2026-01-01T00:00:00Z,room\n", "a.csv:2: there is no column 'lift'"),
        ("a.csv", "lift,at,what\nl-1,soon,room\n", "a.csv:2: 'soon' is not a time"),
        ("a.jsonl", "[1, 2]\n", "a.jsonl:1: not a JSON object"),
        ("a.jsonl", "{\n", "cannot be read"),
        ("a.txt", "x\n", "is neither .csv nor .jsonl"),
        ("a.csv.gz", "plain\n", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, profile: Profile, name: str, body: str, says: str) -> None:
    (tmp_path / name).write_text(body)
    with pytest.raises(RecordingError, match=says.replace(".", r"\.").replace("(", r"\(")):
        list(messages(tmp_path / name, [profile]))


@pytest.mark.parametrize(
    "words",
    [
        ("nosuch.csv", "--profile", "elevator/metro-status", "--offline"),
        ("nosuch.db", "--offline"),
        ("junk.db", "--offline"),
        ("junk.csv", "--profile", "elevator/metro-statu", "--offline"),
        ("junk.csv", "--profile", "elevator/metro-status", "--broker", "nowhere"),
        ("junk.csv", "--profile", "elevator/metro-status", "--broker", "127.0.0.1:1"),
        ("junk.csv", "--profile", "elevator/metro-status", "--offline", "--changes", "/nonexistent/x.csv"),
    ],
)
def test_a_replay_that_cannot_be_says_so_in_a_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "junk.db").write_text("this is no database, whatever its name says" * 30)
    (tmp_path / "junk.csv").write_text("unit_id,time,update_type\nL-ELEVATOR,2026-01-01T00:00:00Z,Break\n")
    done = foretell("replay", tmp_path / words[0], *words[1:], check=False)
    assert done.returncode in (2, 3)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr

"""The daemon as its operator meets it: start, ready, reload, stop, and what it says when it cannot start."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.intake.mqtt import Publisher
from tests.brokers import Mosquitto
from tests.live.harness import Daemon, foretell, history, journalled, rows, running, wait_until, write_site

pytestmark = pytest.mark.broker

KIND = "title: {en: Lift, zh: 电梯}\nsignals:\n  room: {type: gauge, unit: degC, range: [-40, 90]}\n"
BOX = 'kind: lift\ntopic: "site/{device}/telemetry"\ncodec: json\nsignals:\n  room: {field: room}\n'
HOT = """title: {en: "{device}: machine room is hot", zh: "{device} 机房过热"}
kind: lift
when: {signal: room, above: LIMIT}
clear: {below: 30 degC}
ticket: {failure_mode: cooling, route: engineer, within: 1 d, do: {en: Check the fan, zh: 检查风扇}}
"""


class Estate:
    """A site of one rule on a real broker, its devices, and its files to be edited."""

    def __init__(self, folder: Path, port: int) -> None:
        for name, text in (("sensors/lift/kind.yaml", KIND), ("sensors/lift/box.yaml", BOX)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.rule = folder / "rules" / "lift" / "hot.yaml"
        self.rule.parent.mkdir(parents=True)
        self.limit("40 degC")
        self.site = write_site(folder, port, extra="sensors: [sensors]\nrules: [rules]\n")
        self.store = folder / "store"
        self.publisher = Publisher("127.0.0.1", port, "lifts")

    def limit(self, limit: str) -> None:
        self.rule.write_text(HOT.replace("LIMIT", limit))

    def reads(self, device: str, room: object) -> None:
        self.publisher.publish(f"site/{device}/telemetry", json.dumps({"room": room}))
        self.publisher.flush()

    def tickets(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            foretell("tickets", "--config", self.site, "--json").stdout
        )
        return found


@pytest.fixture
def estate(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Estate]:
    estate = Estate(tmp_path / "site", mosquitto.port)
    yield estate
    estate.publisher.close()


def ask(address: str, method: str = "GET") -> tuple[int, str]:
    """Status and text of an address of the daemon."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method=method)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    ear = Ear(tmp_path / "notify")
    yield ear
    ear.socket.close()


class Ear:
    """What systemd hears."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.05)
        self.heard: list[str] = []

    def has(self, word: str) -> bool:
        try:
            while True:
                self.heard += self.socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return any(line.startswith(word) for line in self.heard)


def test_a_ticket_from_the_wire_to_the_desk(estate: Estate) -> None:
    with running(estate.site) as daemon:
        estate.reads("l-1", 25.0)
        estate.reads("l-1", 47.5)
        wait_until(lambda: history(estate.store), "the ticket")
        (found,) = estate.tickets()
        assert found["title"] == {"en": "l-1: machine room is hot", "zh": "l-1 机房过热"}
        assert "47.5" in found["reason"]["en"] and "40" in found["reason"]["zh"]  # type: ignore[index]
        _, page = ask(f"{daemon.address}?lang=zh")
        assert "l-1 机房过热" in page and "检查风扇" in page
        foretell("tickets", "--config", estate.site, "acknowledge", "1", "--who", "Li")
        foretell("tickets", "--config", estate.site, "fix", "1", "--who", "Li", "--note", "new fan")
        wait_until(
            lambda: ("cleared",) in [row[3:4] for row in history(estate.store)],
            "the engine to hear of the repair",
        )
        estate.reads("l-1", 48.0)
        wait_until(lambda: history(estate.store)[-1][3] == "reopened", "the fault that is still there")
        foretell("tickets", "--config", estate.site, "close", "1", "--outcome", "confirmed", "--who", "Li")
        _, metrics = ask(f"{daemon.address}metrics")
        assert 'foretell_faults_total{first="ticket"} 1.0' in metrics


def test_bad_input_is_kept_and_loses_nothing_else(estate: Estate) -> None:
    with running(estate.site):
        estate.publisher.publish("site/l-1/telemetry", b"\xff\xfe not json")
        estate.publisher.publish("site/l-1/telemetry", '{"room": 1e999}')
        estate.publisher.publish("site/l-1/telemetry", '{"room": "hot"}')
        estate.reads("l-1", 400)
        estate.reads("l-1", 45)
        wait_until(lambda: history(estate.store), "the ticket")
    found = json.loads(foretell("rejects", "--config", estate.site, "--json").stdout)
    assert sorted(row["reason"] for row in found) == ["not_json", "not_json", "out_of_range", "wrong_type"]


def test_reload_builds_then_swaps_and_a_bad_file_changes_nothing(estate: Estate) -> None:
    with running(estate.site) as daemon:
        estate.reads("l-1", 45)
        wait_until(lambda: history(estate.store), "the ticket")
        estate.rule.write_text(HOT.replace("LIMIT", "40 bar"))
        daemon.signal(signal.SIGHUP)
        daemon.expect_log("reload_refused")
        assert "hot.yaml:3:" in daemon.said() and "40 bar" in daemon.said()
        assert ask(f"{daemon.address}-/reload", "POST")[0] == 422
        _, metrics = ask(f"{daemon.address}metrics")
        assert "foretell_config_last_reload_successful 0.0" in metrics
        estate.reads("l-2", 45)
        wait_until(lambda: len(history(estate.store)) == 2, "the old rule to go on")

        estate.limit("50 degC")
        daemon.signal(signal.SIGHUP)
        daemon.expect_log('"reloaded"')
        daemon.expect_log('"rule_adopted"')
        (told,) = [line for line in daemon.said().splitlines() if '"rule_adopted"' in line]
        assert json.loads(told) | {
            "rule": "lift/hot",
            "kept": 2,
            "reset": 0,
            "new": 0,
            "ended": 0,
        } == json.loads(told)
        estate.reads("l-3", 45)
        estate.reads("l-3", 55)
        wait_until(lambda: len(history(estate.store)) == 3, "the new limit")
        assert not [row for row in history(estate.store) if row[3] == "cleared"], (
            "open tickets stay over an edit"
        )


def test_a_site_that_asks_for_it_takes_an_edit_by_itself(estate: Estate) -> None:
    estate.site.write_text(estate.site.read_text() + "watch_files: true\n")
    with running(estate.site) as daemon:
        estate.limit("40 bar")
        daemon.expect_log("reload_refused")
        estate.limit("50 degC")
        daemon.expect_log('"reloaded"')
        estate.reads("l-3", 45)
        estate.reads("l-3", 55)
        wait_until(lambda: history(estate.store), "the new limit")


def test_an_edit_while_stopped_does_not_rewrite_history(estate: Estate) -> None:
    with running(estate.site):
        estate.reads("l-1", 45)
        wait_until(lambda: history(estate.store), "the ticket")
    for snapshot in estate.store.glob("engine.snapshot*"):
        snapshot.unlink()
    estate.limit("60 degC")
    before = history(estate.store)
    with running(estate.site):
        estate.reads("l-2", 45)
        wait_until(lambda: journalled(estate.store, "site/l-2%") == 1, "the message")
        estate.reads("l-2", 65)
        wait_until(lambda: len(history(estate.store)) == 2, "the new limit")
    assert history(estate.store)[:1] == before


def test_systemd_hears_ready_status_watchdog_and_stopping(estate: Estate, ear: Ear, tmp_path: Path) -> None:
    daemon = Daemon(estate.site, env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"})
    daemon.start()
    wait_until(lambda: ear.has("READY=1"), "READY")
    wait_until(lambda: ear.has("STATUS=broker connected"), "STATUS")
    wait_until(lambda: ear.has("WATCHDOG=1"), "WATCHDOG")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: ear.has("RELOADING=1"), "RELOADING")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10
    assert ear.has("STOPPING=1")


def test_not_ready_without_a_broker_and_ready_once_it_is_there(
    tmp_path: Path, estate: Estate, ear: Ear, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    daemon = Daemon(estate.site, env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    daemon.start(ready=False)
    daemon.expect_log('"page"')
    assert ask(f"{daemon.address}-/ready")[0] == 503
    assert ask(f"{daemon.address}-/healthy")[0] == 200
    daemon.signal(signal.SIGHUP)
    daemon.expect_log('"reloaded"')
    assert not ear.has("READY=1")
    mosquitto.start()
    daemon.expect_log("broker_connected", seconds=60)
    wait_until(lambda: ear.has("READY=1"), "READY")
    assert daemon.stop() == 0


def test_two_daemons_on_one_store_are_refused(estate: Estate) -> None:
    with running(estate.site):
        second = foretell("run", "--config", estate.site, check=False)
    assert second.returncode == 78
    assert second.stderr.strip() == f"another foretell is running on {estate.store}"


def test_what_is_wrong_with_the_files_is_said_at_the_start(estate: Estate) -> None:
    estate.rule.write_text(HOT.replace("LIMIT", "40 degC").replace("above", "abov"))
    done = foretell("run", "--config", estate.site, check=False)
    assert done.returncode == 78
    assert "hot.yaml:3:" in done.stderr and "did you mean 'above'" in done.stderr


def test_devices_are_known_while_the_daemon_is_stopped(estate: Estate) -> None:
    with running(estate.site):
        estate.reads("l-1", 45)
        wait_until(lambda: history(estate.store), "the ticket")
    (row,) = json.loads(foretell("devices", "--config", estate.site, "--json").stdout)
    assert row["device"] == "l-1" and row["open"] == ["lift/hot"] and row["last_heard"] is not None
    assert rows(estate.store / "ledger.db", "SELECT count(*) FROM ticket") == [(1,)]


def test_a_kept_message_opens_nothing_at_once(estate: Estate) -> None:
    estate.publisher.publish("site/l-1/telemetry", json.dumps({"room": 45}), retain=True)
    estate.publisher.flush()
    with running(estate.site):
        wait_until(lambda: journalled(estate.store, "site/l-1%") == 1, "the kept message")
        estate.reads("l-2", 45)
        wait_until(lambda: history(estate.store), "a ticket from a device that speaks")
        assert {row[0] for row in history(estate.store)} == {"l-2"}
        estate.reads("l-1", 46)
        wait_until(lambda: {row[0] for row in history(estate.store)} == {"l-1", "l-2"}, "its own word")


def test_a_ledger_that_somebody_holds_is_waited_for(estate: Estate) -> None:
    with running(estate.site) as daemon:
        holder = sqlite3.connect(estate.store / "ledger.db", isolation_level=None)
        try:
            holder.execute("BEGIN IMMEDIATE")
            estate.reads("l-1", 45)
            daemon.expect_log("ledger_locked")
            assert ask(f"{daemon.address}-/healthy")[0] == 200
            assert ask(daemon.address)[0] == 200
        finally:
            holder.close()
        wait_until(lambda: history(estate.store), "the ticket, once the ledger is free")


def test_a_port_that_is_taken_is_found_out_before_the_broker_is_met(estate: Estate, tmp_path: Path) -> None:
    with running(estate.site) as daemon:
        port = daemon.address.rsplit(":", 1)[1].strip("/")
        second = tmp_path / "second.yaml"
        other = estate.site.read_text().replace("store: store", "store: other")
        second.write_text(other.replace("port: 0", f"port: {port}"))
        for room in ("sensors", "rules"):
            (tmp_path / room).symlink_to(estate.site.parent / room)
        done = foretell("run", "--config", second, check=False)
        assert done.returncode == 78
        assert port in done.stderr and "broker_connected" not in done.stderr
        estate.reads("l-1", 45)
        wait_until(lambda: history(estate.store), "the first daemon, undisturbed")
        assert "broker_lost" not in daemon.said()

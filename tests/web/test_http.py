"""What programs get, over a real server: API, metrics, management, and who is refused."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from foretell.engine.facts import OPENED, Reading
from foretell.metrics import DEVICE_SERIES_MAX, Instruments, make_registry
from foretell.web.app import make_app
from foretell.web.server import CannotListen, serve
from tests.web.conftest import serving
from tests.web.estate import DAY, HOUR, NOW, STATUS, STOPPED, EstateDoor, make_change, make_desk

PROBLEM = "application/problem+json"


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request; header names are written with underscores."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        response = connection.getresponse()
        found = {name.lower(): text for name, text in response.getheaders()}
        return Answer(response.status, found, response.read().decode())
    finally:
        connection.close()


# -- the API ----------------------------------------------------------------------------------------


def test_live_tickets_come_most_urgent_first(busy: EstateDoor, port: int) -> None:
    body = ask(port, "/api/v1/tickets").json()
    assert [ticket["id"] for ticket in body["tickets"]] == [2, 3, 1]
    assert body["more"] is False
    first = body["tickets"][0]
    assert first["state"] == "acknowledged"
    assert first["condition"] == "holding"
    assert first["texts"]["zh"]["title"] == "1栋1号梯 停梯"
    assert first["opened_at"] == "2026-11-24T01:00:00.000Z"
    assert first["closed_at"] is None


def test_a_list_is_as_long_as_asked_and_says_that_there_is_more(busy: EstateDoor, port: int) -> None:
    body = ask(port, "/api/v1/tickets?state=all&limit=4").json()
    assert len(body["tickets"]) == 4
    assert body["more"] is True


@pytest.mark.parametrize(
    ("state", "numbers"), [("open", {1, 3}), ("closed", {4, 5}), ("fixed", set()), ("all", {1, 2, 3, 4, 5})]
)
def test_tickets_of_one_state(busy: EstateDoor, port: int, state: str, numbers: set[int]) -> None:
    assert {
        ticket["id"] for ticket in ask(port, f"/api/v1/tickets?state={state}").json()["tickets"]
    } == numbers


@pytest.mark.parametrize(
    "query", ["state=lost", "limit=0", "limit=1001", "limit=-1", "limit=many", "limit=²"]
)
def test_a_wrong_question_is_told_what_would_be_right(port: int, query: str) -> None:
    answer = ask(port, f"/api/v1/tickets?{query.replace('²', '%C2%B2')}")
    assert answer.status == 400
    assert answer.headers["content-type"] == PROBLEM
    assert " is " in answer.json()["detail"]


def test_one_ticket_has_its_events_and_their_evidence(busy: EstateDoor, port: int) -> None:
    ticket = ask(port, "/api/v1/tickets/1").json()
    assert [event["kind"] for event in ticket["events"]] == ["opened", "news"]
    clause = ticket["events"][1]["evidence"][0]
    assert (clause["signal"], clause["value"], clause["limit"], clause["verdict"]) == (
        "door_close_time",
        4.9,
        4.0,
        True,
    )
    assert clause["at"] == "2026-11-23T04:00:00.000Z"
    assert clause["recent"] == [["2026-11-23T03:00:00.000Z", 4.2], ["2026-11-23T04:00:00.000Z", 4.4]]


def test_shadow_tickets_are_asked_for_by_name(busy: EstateDoor, port: int) -> None:
    change = make_change(9, OPENED, "elevator/out-of-service", "b3-l2", NOW, STOPPED)._replace(mode="shadow")
    busy.ledger.record([change], 9, make_desk())
    (ticket,) = ask(port, "/api/v1/tickets?mode=shadow").json()["tickets"]
    assert (ticket["mode"], ticket["device"]) == ("shadow", "b3-l2")
    assert {each["mode"] for each in ask(port, "/api/v1/tickets").json()["tickets"]} == {"live"}


def test_a_rule_tells_where_it_stands_for_a_device(door: EstateDoor, port: int) -> None:
    slow = Reading("b3-l2", "elevator", "door_close_time", "", 4.4, NOW - HOUR)
    door.engine.link(True, NOW - HOUR)
    door.engine.receive([slow], NOW - HOUR)
    answer = ask(port, "/api/v1/rules/elevator/door-closing-slower/explain?device=b3-l2")
    assert answer.status == 200
    (watch,) = answer.json()["watches"]
    assert (watch["state"], watch["holds"], watch["tree"]) == ("pending", True, 0)
    assert (watch["since"], watch["opens_at"]) == ("2026-11-24T05:00:00.000Z", "2026-11-24T07:00:00.000Z")
    (clause,) = watch["clauses"]
    assert clause["text"]["en"] == "Door close time 4.4 s, above the limit of 4 s"
    assert clause["text"]["zh"] == "关门时间 4.4 s，高于限值 4 s"
    assert clause["margin"] == pytest.approx(0.4)
    assert clause["margin_text"]["zh"] == "超出限值 0.4 s"


@pytest.mark.parametrize(
    ("query", "status"),
    [("elevator/door-closing-slower/explain?device=nobody", 404), ("elevator/none/explain?device=b3-l2", 404),
     ("elevator/door-closing-slower/explain", 400)],
)  # fmt: skip
def test_what_watches_nothing_is_told_as_such(door: EstateDoor, port: int, query: str, status: int) -> None:
    assert ask(port, f"/api/v1/rules/{query}").status == status


def test_what_never_happened_is_null(door: EstateDoor, port: int) -> None:
    never = STOPPED | {"at": float("-inf"), "value": None}
    door.ledger.record(
        [make_change(1, OPENED, "elevator/out-of-service", "b1-l1", NOW, never)], 1, make_desk()
    )
    assert ask(port, "/api/v1/tickets/1").json()["events"][0]["evidence"][0]["at"] is None


@pytest.mark.parametrize("number", ["99", "0", "x", "1.5", "-1", "9" * 30, "9" * 5000, "%D9%A1"])
def test_a_ticket_that_is_not_there(busy: EstateDoor, port: int, number: str) -> None:
    answer = ask(port, f"/api/v1/tickets/{number}")
    assert answer.status == 404
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["title"] == "Not Found"
    assert answer.json()["status"] == 404
    assert ask(port, f"/tickets/{number}").status == 404


def test_problems_are_plain_text_elsewhere(port: int) -> None:
    answer = ask(port, "/nothing/here")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("404 Not Found\n")


def test_a_method_that_an_address_does_not_take(port: int) -> None:
    answer = ask(port, "/api/v1/tickets", "DELETE")
    assert answer.status == 405
    assert answer.headers["content-type"] == PROBLEM
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert ask(port, "/-/reload").status == 405
    assert ask(port, "/", "POST").status == 405


def test_a_failure_inside_is_a_problem_without_its_innards(tmp_path: Any) -> None:
    class Broken(EstateDoor):
        def tickets(self, *, live_only: bool) -> list[dict[str, Any]]:
            raise OSError("disk 7 is gone")

    door = Broken(tmp_path)
    with serving(make_app(door, make_registry(door))) as port:
        answer = ask(port, "/api/v1/tickets")
        page = ask(port, "/")
    door.ledger.close()
    assert (answer.status, page.status) == (500, 500)
    assert answer.headers["content-type"] == PROBLEM
    assert "disk 7" not in answer.text + page.text
    assert answer.headers["x-content-type-options"] == "nosniff"


# -- who may ask ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/tickets", "/metrics", "/-/healthy", "/static/foretell.css", "/nothing"]
)
def test_every_answer_carries_the_security_headers(port: int, path: str) -> None:
    headers = ask(port, path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost",
        "localhost:1",
        "127.0.0.1.evil.example:{port}",
        "",
        "[::1",
    ],
)
def test_another_name_for_this_machine_is_refused(port: int, host: str) -> None:
    answer = ask(port, "/api/v1/tickets", host=host.format(port=port))
    assert answer.status == 400
    assert f"http://localhost:{port}/" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost:{port}", "LocalHost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_the_names_of_loopback_are_ours(port: int, host: str) -> None:
    assert ask(port, "/-/healthy", host=host.format(port=port)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"origin": "http://evil.example", "sec_fetch_site": "none"},
    ],
)
def test_another_site_cannot_reload(door: EstateDoor, port: int, headers: dict[str, str]) -> None:
    assert ask(port, "/-/reload", "POST", **headers).status == 403
    assert door.reloads == 0


# -- management -------------------------------------------------------------------------------------


def test_reload_says_what_is_wrong(door: EstateDoor, port: int) -> None:
    assert ask(port, "/-/reload", "POST").status == 200
    own = {"origin": f"http://127.0.0.1:{port}", "sec_fetch_site": "same-origin"}
    door.problems = ("rules/a.yaml:1:1: unknown key", "site.yaml:2:3: no such kind")
    answer = ask(port, "/-/reload", "POST", **own)
    assert answer.status == 422
    assert answer.text.splitlines() == list(door.problems)
    assert door.reloads == 2


def test_ready_says_why_not_and_healthy_is_always_healthy(door: EstateDoor, port: int) -> None:
    assert ask(port, "/-/ready").status == 200
    door.now_status = STATUS._replace(
        ready=False, not_ready=("not subscribed at the broker", "the disk is full")
    )
    answer = ask(port, "/-/ready")
    assert answer.status == 503
    assert answer.text.splitlines() == ["not subscribed at the broker", "the disk is full"]
    assert ask(port, "/-/healthy").status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/tickets", "/tickets/1"])
def test_head_is_get_without_the_body(busy: EstateDoor, port: int, path: str) -> None:
    head, get = ask(port, path, "HEAD"), ask(port, path)
    assert (head.status, head.text) == (200, "")
    assert head.headers["content-type"] == get.headers["content-type"]


# -- metrics ----------------------------------------------------------------------------------------


def samples(text: str) -> dict[str, float]:
    rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def test_metrics_tell_what_the_daemon_knows(busy: EstateDoor, port: int) -> None:
    found = samples(ask(port, "/metrics").text)
    assert found['foretell_build_info{version="0.1.0"}'] == 1
    assert found["foretell_messages_received_total"] == 120_000
    assert found['foretell_rejected_total{reason="not_json"}'] == 3
    assert found['foretell_changes_total{kind="opened"}'] == 5
    assert found['foretell_engine_dropped_total{reason="late"}'] == 2
    assert found["foretell_mqtt_connected"] == 1
    assert found["foretell_config_last_reload_successful"] == 1
    assert found['foretell_devices{kind="elevator"}'] == 2
    assert found['foretell_device_last_seen_timestamp_seconds{device="b3-l2",kind="elevator"}'] == NOW - 12
    assert found['foretell_tickets{kind="elevator",mode="live",state="open"}'] == 2
    assert found['foretell_tickets{kind="elevator",mode="live",state="closed"}'] == 2
    assert found["process_resident_memory_bytes"] > 0


def test_a_confirmed_fault_counts_with_its_lead(busy: EstateDoor, port: int) -> None:
    found = samples(ask(port, "/metrics").text)
    assert found['foretell_faults_total{first="ticket"}'] == 1
    assert found["foretell_lead_seconds_sum"] == 4 * HOUR
    assert found['foretell_lead_seconds_bucket{le="3600.0"}'] == 0
    assert found['foretell_lead_seconds_bucket{le="14400.0"}'] == 1
    assert found[f'foretell_lead_seconds_bucket{{le="{30 * DAY}"}}'] == 1
    assert found["foretell_lead_seconds_count"] == 1
    assert found['foretell_faults_total{first="report"}'] == 0


def test_device_series_are_capped_and_the_rest_counted(door: EstateDoor, port: int) -> None:
    many = {f"lamp-{number:05}": ("lighting", NOW) for number in range(DEVICE_SERIES_MAX + 5)}
    door.now_counters = door.now_counters._replace(last_seen=many)
    found = samples(ask(port, "/metrics").text)
    assert sum(name.startswith("foretell_device_last_seen") for name in found) == DEVICE_SERIES_MAX
    assert found["foretell_metrics_dropped_series_total"] == 5
    assert found['foretell_devices{kind="lighting"}'] == DEVICE_SERIES_MAX + 5
    assert samples(ask(port, "/metrics").text)["foretell_metrics_dropped_series_total"] == 10


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there")
def test_promtool_has_nothing_to_say(busy: EstateDoor) -> None:
    registry = make_registry(busy)
    instruments = Instruments(registry)
    instruments.commit_seconds.observe(0.004)
    instruments.batch_messages.observe(17)
    instruments.apply_seconds.observe(0.012)
    with serving(make_app(busy, registry)) as port:
        text = ask(port, "/metrics").text
    assert "foretell_journal_commit_seconds_bucket" in text
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30
    )
    assert checked.stdout + checked.stderr == ""
    assert checked.returncode == 0


# -- the server -------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_in_one_line(door: EstateDoor, port: int) -> None:
    app = make_app(door, make_registry(door))
    with pytest.raises(CannotListen) as caught:
        asyncio.run(serve(app, "127.0.0.1", port, lambda _port: None))
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: address already in use; "
        "set another web.port or stop what uses it"
    )


def test_stopping_closes_connections_that_are_kept_open(door: EstateDoor) -> None:
    with serving(make_app(door, make_registry(door))) as port:
        idle = socket.create_connection(("127.0.0.1", port), timeout=10)
        idle.sendall(f"GET /-/healthy HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
    rest = idle.recv(4096)
    while rest and rest.startswith(b"foretell"):
        rest = idle.recv(4096)
    assert rest == b""
    idle.close()

"""Owners' reports over HTTP: taken in strictly, answered in both languages, told on to nobody."""

from __future__ import annotations

import json
import re
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.web.estate import NOW, EstateDoor
from tests.web.test_http import PROBLEM, Answer, ask, samples

GOOD: dict[str, Any] = {"category": "lift", "text": "CANARY-words", "device": "b3-l2", "unit": "CANARY-unit"}


def post(port: int, body: Any, content_type: str = "application/json", **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/api/v1/reports", sent, {"content-type": content_type, **headers})
        response = connection.getresponse()
        found = {name.lower(): text for name, text in response.getheaders()}
        return Answer(response.status, found, response.read().decode())
    finally:
        connection.close()


def test_a_report_of_what_is_known_is_answered_at_once(busy: EstateDoor, port: int) -> None:
    answer = post(port, GOOD, "application/json; charset=utf-8")
    assert answer.status == 201
    told = answer.json()
    assert (told["id"], told["ticket_id"], told["state"], told["responsible"]) == (1, 1, "received", "duty")
    assert told["at"] == "2026-11-24T06:00:00.000Z"
    assert told["answer"]["en"].startswith("Known, in hand, due 2026-11-")
    assert told["answer"]["zh"].startswith("已知晓，正在处理，2026-11-")


def test_a_report_of_what_nobody_knew_makes_a_ticket(busy: EstateDoor, port: int) -> None:
    told = post(port, {"category": "water", "text": "no water"}).json()
    row = ask(port, f"/api/v1/tickets/{told['ticket_id']}").json()
    assert (row["failure_mode"], row["first"], row["route"]) == ("owner-report", "report", "engineer")
    assert row["events"][0]["kind"] == "reported"


def test_nothing_tells_on_an_owner(busy: EstateDoor, port: int, capfd: pytest.CaptureFixture[str]) -> None:
    answers = [post(port, GOOD), post(port, {"category": "lift", "text": "here, too", "device": "b3-l2"})]
    answers += [post(port, {"category": "water", "text": "CANARY-words", "unit": "CANARY-unit"})]
    paths = ("/api/v1/reports", "/api/v1/tickets?state=all", "/metrics", "/", "/?lang=zh")
    paths += tuple(f"{base}/{number}" for base in ("/tickets", "/api/v1/tickets") for number in (1, 6))
    answers += [ask(port, path) for path in paths]
    assert {each.status for each in answers} == {200, 201}
    assert not any("CANARY" in each.text for each in answers)
    out, err = capfd.readouterr()
    assert "CANARY" not in out + err
    assert busy.ledger.reports.report(1)["unit"] == "CANARY-unit"


def test_reports_are_listed_newest_first(busy: EstateDoor, port: int) -> None:
    for _ in range(3):
        post(port, GOOD)
    busy.ledger.reports.step(2, "heard", "Li", NOW)
    rows = ask(port, "/api/v1/reports?limit=2").json()["reports"]
    assert [(row["id"], row["state"]) for row in rows] == [(3, "received"), (2, "heard")]
    assert set(rows[0]) == {
        "id", "at", "state", "responsible", "ticket_id", "matched", "answer", "device", "place", "category",
        "nature",
    }  # fmt: skip
    assert ask(port, "/api/v1/reports?limit=0").status == 400


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "cannot be read"),
        (b"{", 400, "cannot be read"),
        (b"[]", 400, "cannot be read"),
        (b'{"category": "lift", "text": "\xff"}', 400, "cannot be read"),
        ({"category": "lift"}, 400, "`text`"),
        ({"category": "lift", "text": 5}, 400, "cannot be read"),
        (GOOD | {"colour": "red"}, 400, "colour"),
        (GOOD | {"category": "cat"}, 422, "类别"),
        (GOOD | {"text": " "}, 422, "owner's words"),
        (GOOD | {"text": "x" * 2001}, 422, "at most 2000"),
        (GOOD | {"device": "nowhere"}, 422, "no such device"),
        (GOOD | {"text": "x" * 20_000}, 413, "16 KiB"),
    ],
)
def test_what_is_no_report_is_refused_and_leaves_no_trace(
    busy: EstateDoor, port: int, body: Any, status: int, said: str
) -> None:
    answer = post(port, body)
    assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM)
    assert said in answer.json()["detail"]
    assert "CANARY" not in answer.text
    assert busy.ledger.reports.reports() == []


def test_only_json_and_only_from_here(busy: EstateDoor, port: int) -> None:
    assert post(port, GOOD, "text/plain").status == 415
    assert post(port, GOOD, origin="http://evil.example").status == 403
    assert post(port, GOOD, host="evil.example").status == 400
    assert ask(port, "/api/v1/reports", "DELETE").status == 405
    assert busy.ledger.reports.reports() == []


def test_a_disk_that_fails_is_said_to_be_ours(
    busy: EstateDoor, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_said: Any) -> dict[str, Any]:
        raise OSError(5, "no")

    monkeypatch.setattr(busy, "report", fails)
    assert post(port, GOOD).status == 503


def test_the_page_says_that_an_owner_reported_it(busy: EstateDoor, port: int) -> None:
    assert "reported it" not in ask(port, "/tickets/1?lang=en").text
    post(port, GOOD)
    assert "An owner reported it at Tue 24 Nov, " in ask(port, "/tickets/1?lang=en").text
    assert re.search("业主于 11月24日 周二 ..:00 报事", ask(port, "/tickets/1?lang=zh").text)
    post(port, GOOD)
    assert "Owners reported it 2 times, first at Tue 24 Nov" in ask(port, "/tickets/1?lang=en").text


def test_a_fault_that_the_owner_met_first_counts_against_us(busy: EstateDoor, port: int) -> None:
    told = post(port, {"category": "water", "text": "no water"}).json()
    busy.ledger.finish(told["ticket_id"], "Li", NOW + 60, "confirmed")
    found = samples(ask(port, "/metrics").text)
    assert found['foretell_faults_total{first="report"}'] == 1
    assert found['foretell_faults_total{first="ticket"}'] == 1
    assert found["foretell_lead_seconds_count"] == 1

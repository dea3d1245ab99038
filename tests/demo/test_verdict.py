"""The verdict: what counts as met, late, missed and false, and that it can be read in both languages."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from foretell.demo.estate import DAY, HOUR, START, Estate, Named
from foretell.demo.faults import Burst, Fault, LookAlike, Outage, Truth
from foretell.demo.verdict import Opened, Verdict, judge, moment, span, summary, tables

ONSET, NOTICED, END = START + 6 * DAY, START + 10 * DAY, START + 14 * DAY


def nothing(_estate: Estate, _how: float) -> None:
    """The verdict asks nobody to bear anything."""


FAULT = Fault(Named("door wears", "门机磨损"), "a-lift-1", ("door-operator",), ONSET, NOTICED, nothing)
REMOVAL = LookAlike(Named("a removal", "搬家"), ("b-lift-1",), START + 8 * DAY, START + 8.4 * DAY, nothing)
TRUTH = Truth((FAULT,), (REMOVAL,), Outage((), 0, 0), Burst("", 0, 0))


def ticket(at: float, device: str = "a-lift-1", mode: str = "door-operator", number: int = 1) -> Opened:
    return Opened(number, device, mode, at, Named(f"{device} is slow", f"{device} 变慢"))


def said(verdict: Verdict, language: str) -> str:
    out = Console(file=io.StringIO(), width=140)
    for table in tables(verdict, language):
        out.print(table)
    for line in summary(verdict, language):
        out.print(line)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_a_ticket_between_onset_and_notice_meets_the_fault() -> None:
    verdict = judge(TRUTH, [ticket(ONSET + DAY)], END)
    assert verdict.fine
    assert verdict.findings[0].lead == 3 * DAY


def test_the_first_of_several_tickets_counts() -> None:
    verdict = judge(TRUTH, [ticket(ONSET + 2 * DAY, number=2), ticket(ONSET + DAY, number=1)], END)
    assert verdict.findings[0].ticket is not None
    assert verdict.findings[0].ticket.id == 1
    assert verdict.false == ()


def test_a_ticket_after_the_owner_is_too_late() -> None:
    verdict = judge(TRUTH, [ticket(NOTICED + HOUR)], END)
    assert not verdict.fine
    assert verdict.findings[0].missed
    assert "TOO LATE" in said(verdict, "en")


def test_no_ticket_is_a_miss() -> None:
    verdict = judge(TRUTH, [], END)
    assert not verdict.fine
    assert "MISSED" in said(verdict, "en")
    assert "漏报" in said(verdict, "zh")


@pytest.mark.parametrize(
    "wrong",
    [
        ticket(ONSET - HOUR),
        ticket(ONSET + DAY, device="a-lift-2"),
        ticket(ONSET + DAY, mode="machine-room-heat"),
    ],
    ids=["before the onset", "another device", "another failure"],
)
def test_a_ticket_that_meets_no_fault_is_false(wrong: Opened) -> None:
    verdict = judge(TRUTH, [ticket(ONSET + DAY), wrong], END)
    assert verdict.false == (wrong,)
    assert not verdict.fine


def test_a_false_ticket_is_laid_at_its_look_alike() -> None:
    fooled = ticket(REMOVAL.start + HOUR, device="b-lift-1", mode="door-obstruction", number=9)
    verdict = judge(TRUTH, [ticket(ONSET + DAY), fooled], END)
    assert verdict.look_alikes == ((REMOVAL, (fooled,)),)
    assert "#9" in said(verdict, "en")


def test_a_run_that_ends_early_misses_nothing() -> None:
    verdict = judge(TRUTH, [], ONSET + DAY)
    assert verdict.fine
    assert not verdict.findings[0].missed
    assert "still growing" in said(verdict, "en")
    assert judge(TRUTH, [], ONSET - DAY).findings == ()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["1 of 1 faults", "3.0 days", "door wears", "day 7, 00:00", "none"]),
        ("zh", ["1 个故障", "3.0 天", "门机磨损", "第 7 天 00:00", "没有误报"]),
    ],
)
def test_the_verdict_is_told_in_the_language_of_the_audience(language: str, words: list[str]) -> None:
    text = said(judge(TRUTH, [ticket(ONSET + DAY)], END), language)
    assert [word for word in words if word not in text] == []


def test_moments_and_spans() -> None:
    assert moment(START + DAY + 14 * HOUR + 600, "en") == "day 2, 14:10"
    assert moment(START, "zh") == "第 1 天 00:00"
    assert span(7 * HOUR, "en") == "7.0 hours"
    assert span(1.5 * DAY, "zh") == "1.5 天"

"""Owners' reports as the duty desk types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_commands import foretell
from tests.lab.keeper import HOUR, MINUTE, SITE, Keeper, keeping


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    """A site with one ticket on a-1, which stands in b1."""
    with keeping(tmp_path, site=SITE + "duty: 王管家\n") as keeper:
        for step in range(8):
            keeper.at(step * 30 * MINUTE).says(temp=45.0 + step, mode="normal")
        keeper.says("b-7", temp=20.0)
        keeper.at(5 * HOUR)
        yield keeper


def test_a_report_goes_all_the_way(keeper: Keeper) -> None:
    words = ("report", "add", "--category", "lift", "--device", "a-1", "--unit", "u-7", "--text", "电梯太热")
    told = foretell(keeper, *words)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("report 1: Known")
    assert "joined the newest open ticket of this device" in told.stdout
    assert "王管家" in told.stdout and "已知晓" in told.stdout
    for step in ("heard", "judged", "handled", "followed_up", "summed_up"):
        done = foretell(keeper, "report", "step", "1", step, "--who", "李工", "--note", "好")
        assert done.exit_code == 0, done.stderr
    assert done.stdout == "report 1: summed up\n"
    listed = foretell(keeper, "report", "list", language="zh").stdout
    assert "电梯  a-1  已总结  王管家  工单 1" in listed
    shown = foretell(keeper, "report", "show", "1").stdout
    assert "a valid report (u-7): 电梯太热" in shown
    assert "followed up  李工  好" in shown
    (row,) = json.loads(foretell(keeper, "report", "list", "--json").stdout)
    assert (row["state"], row["ticket_id"]) == ("summed_up", 1)
    assert "text" not in row and "unit" not in row
    plain = json.loads(foretell(keeper, "report", "show", "1", "--json").stdout)
    assert (plain["text"], plain["unit"], len(plain["events"])) == ("电梯太热", "u-7", 6)
    assert "Reported by an owner" in foretell(keeper, "tickets", "show", "1").stdout


def test_a_ticket_of_a_report_is_a_ticket_like_any_other(keeper: Keeper) -> None:
    words = ("report", "add", "--category", "lighting", "--place", "b1", "--text", "it is dark", "--json")
    told = json.loads(foretell(keeper, *words).stdout)
    number = str(told["ticket_id"])
    assert told["matched"] == "none"
    assert "Building 1: an owner's report: lighting" in foretell(keeper, "tickets").stdout
    assert "report show 1" in foretell(keeper, "tickets", "show", number).stdout
    explained = foretell(keeper, "explain", number)
    assert explained.exit_code == 0, explained.stderr
    assert foretell(keeper, "tickets", "fix", number).exit_code == 0
    assert foretell(keeper, "tickets", "close", number, "--outcome", "confirmed").exit_code == 0
    assert keeper.ledger.confirmed_faults() == {"ticket": 0, "report": 1}


def test_a_device_that_was_only_heard_can_be_reported(keeper: Keeper) -> None:
    done = foretell(keeper, "report", "add", "--category", "lift", "--device", "b-7", "--text", "x", "--json")
    assert done.exit_code == 0, done.stderr
    assert keeper.ledger.ticket(json.loads(done.stdout)["ticket_id"])["device_kind"] == "elevator"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "--category", "cat", "--text", "x"), 2, "类别须为其中之一"),
        (("add", "--category", "lift", "--device", "a-9", "--text", "x"), 2, "没有这个设备"),
        (("step", "1", "judged", "--who", "Li"), 1, "下一步是"),
        (("step", "9", "heard"), 1, "没有报事 9"),
        (("show", "9"), 1, "没有报事 9"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    keeper: Keeper, words: tuple[str, ...], code: int, said: str
) -> None:
    foretell(keeper, "report", "add", "--category", "water", "--text", "x")
    done = foretell(keeper, "report", *words, language="zh")
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert foretell(keeper, "report", *words).stderr.isascii()


def test_no_reports_is_said(keeper: Keeper) -> None:
    assert foretell(keeper, "report", "list").stdout == "no reports\n"

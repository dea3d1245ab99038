"""The commands about rules, tickets and maintenance, as people type them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from typer.testing import CliRunner

from foretell.cli import app
from foretell.config import read_settings
from tests.lab.keeper import HOT, HOUR, MINUTE, Keeper, keeping


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    """A site with one ticket on a-1, and one that a rule in shadow would have opened."""
    quiet = HOT.replace("machine room is too hot", "warm").replace("for: 2 h", "mode: shadow")
    with keeping(tmp_path, rules={"hot": HOT, "warm": quiet}) as keeper:
        for step in range(8):
            keeper.at(step * 30 * MINUTE).says(temp=40.0 + step, mode="normal")
        keeper.at(5 * HOUR)
        yield keeper


def foretell(keeper: Keeper, *words: str, language: str = "en") -> Result:
    done = CliRunner().invoke(
        app, [*words, "--config", str(keeper.file)], env={"LC_ALL": language, "FORETELL_CONFIG": ""}
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("words", [("tickets",), ("tickets", "list")])
def test_tickets_of_rules_in_shadow_stand_apart(keeper: Keeper, words: tuple[str, ...]) -> None:
    live = foretell(keeper, *words)
    assert "Lift 1: machine room is too hot" in live.stdout
    assert "warm" not in live.stdout
    shadow = foretell(keeper, *words, "--mode", "shadow")
    assert "nobody is bothered" in shadow.stdout
    assert "Lift 1: warm" in shadow.stdout
    assert "too hot" not in shadow.stdout
    (row,) = json.loads(foretell(keeper, *words, "--mode", "shadow", "--json").stdout)
    assert (row["mode"], row["rule"]) == ("shadow", "elevator/warm")
    assert foretell(keeper, *words, "--mode", "dark").exit_code == 2


def test_a_ticket_is_explained(keeper: Keeper) -> None:
    number = next(row["id"] for row in keeper.ledger.tickets())
    english = foretell(keeper, "explain", str(number))
    assert english.exit_code == 0
    assert "the same verdict" in english.stdout
    assert "结论一致" in foretell(keeper, "explain", str(number), language="zh").stdout
    told = json.loads(foretell(keeper, "explain", str(number), "--json").stdout)
    assert told["again"][0]["verdict"] == "same"
    missing = foretell(keeper, "explain", "99")
    assert missing.exit_code == 1
    assert "no ticket 99" in missing.stderr


def test_rules_are_listed_and_shown(keeper: Keeper) -> None:
    listed = foretell(keeper, "rules", "list", language="zh").stdout
    assert listed.splitlines()[0] == "居家"
    assert "电梯机房温度过高" in listed
    assert [row["rule"] for row in json.loads(foretell(keeper, "rules", "list", "--json").stdout)] == [
        "elevator/hot", "elevator/warm",
    ]  # fmt: skip
    assert "elevator/hot" not in foretell(keeper, "rules", "list", "--mode", "shadow").stdout
    shown = foretell(keeper, "rules", "show", "elevator/hot", "a-1").stdout
    assert "limit $hot = 43 degC" in shown
    assert "watches a-1" in shown
    wrong = foretell(keeper, "rules", "show", "elevator/hott")
    assert wrong.exit_code == 1
    assert "did you mean 'elevator/hot'" in wrong.stderr
    nobody = foretell(keeper, "rules", "show", "elevator/hot", "a-9")
    assert nobody.exit_code == 1
    assert "there is no device 'a-9'" in nobody.stderr


def test_without_a_site_the_shipped_rules_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORETELL_CONFIG", raising=False)
    done = CliRunner().invoke(app, ["rules", "list", "--kind", "elevator"], env={"LC_ALL": "en"})
    assert done.exit_code == 0
    assert "elevator/door-closing-slower" in done.stdout


def test_a_rule_is_explained_for_a_device_that_the_site_does_not_list(keeper: Keeper) -> None:
    keeper.says("b-7", temp=50.0)
    told = foretell(keeper, "rules", "explain", "elevator/hot", "b-7")
    assert "about to open" in told.stdout
    assert "9 °C beyond the limit" in told.stdout
    (watch,) = json.loads(foretell(keeper, "rules", "explain", "elevator/hot", "b-7", "--json").stdout)[
        "watches"
    ]
    assert watch["clauses"][0]["margin"] == 9.0
    assert foretell(keeper, "rules", "explain", "elevator/none", "b-7").exit_code == 1
    assert foretell(keeper, "rules", "explain", "elevator/hot", "b-8").exit_code == 1


@pytest.mark.parametrize("lasting", [("2 h",), ("2h",), ("2", "h")])
def test_maintenance_lasts_as_long_as_is_said(keeper: Keeper, lasting: tuple[str, ...]) -> None:
    done = foretell(keeper, "devices", "maintain", "a-1", "--who", "王工", "--for", *lasting)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("a-1: in maintenance until 2")
    (act,) = keeper.ledger.acts_after(0)
    assert act.device == "a-1"
    with keeper.ledger._reader.connect() as db:
        at, who = db.exec_driver_sql("SELECT at, who FROM act").one()
    assert act.until == pytest.approx(at + 2 * HOUR)
    assert who == "王工"


def test_maintenance_ends_when_it_is_said_to(keeper: Keeper) -> None:
    assert foretell(keeper, "devices", "maintain", "a-1", "--end", language="zh").stdout == "a-1：检修结束\n"
    (act,) = keeper.ledger.acts_after(0)
    with keeper.ledger._reader.connect() as db:
        assert act.until == db.exec_driver_sql("SELECT at FROM act").scalar_one()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("a-1",), 2),
        (("a-1", "--for", "2 h", "--end"), 2),
        (("a-1", "--for", "soon"), 2),
        (("a-9", "--end"), 1),
    ],
)
def test_maintenance_that_cannot_be_meant_is_refused(
    keeper: Keeper, words: tuple[str, ...], code: int
) -> None:
    done = foretell(keeper, "devices", "maintain", *words)
    assert done.exit_code == code
    assert keeper.ledger.acts_after(0) == []


def test_people_read_the_sites_clock_and_their_own_language(keeper: Keeper) -> None:
    (ticket,) = json.loads(foretell(keeper, "tickets", "--json").stdout)
    number, due = str(ticket["id"]), ticket["due_at"]
    zone = read_settings(keeper.file)[0].model.zone  # type: ignore[union-attr]
    local = datetime.fromisoformat(due).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
    for words in (("tickets",), ("tickets", "show", number)):
        chinese, english = (foretell(keeper, *words, language=each).stdout for each in ("zh", "en"))
        assert local in chinese and local in english
        assert "到期时间" in chinese and "待处理" in chinese and "Open" not in chinese
        assert "Due" in english and "机房" not in english
    assert foretell(keeper, "tickets", "acknowledge", number, language="zh").stdout == f"#{number}：已接单\n"
    devices = foretell(keeper, "devices", language="zh").stdout
    assert "在线" in devices and "项监测" in devices and "watches" not in devices
    assert "watches" in foretell(keeper, "devices").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "99"), "没有工单 99"),
        (("rules", "show", "elevator/hott"), "没有规则“elevator/hott”；您是否想写“elevator/hot”？"),
        (("devices", "maintain", "lift", "--for", "2h"), "没有设备“lift”"),
        (("devices", "maintain", "a-1", "--for", "2x"),
         "“x”不是此处可用的时间单位，请用 ms、s、min、h、d 或 w"),
        (("devices", "maintain", "a-1"), "请写明多久（--for '2 h'），或已结束（--end）"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_in_chinese(keeper: Keeper, words: tuple[str, ...], said: str) -> None:
    assert foretell(keeper, *words, language="zh").stderr == f"{said}\n"


def test_files_that_are_wrong_are_told_as_by_check(keeper: Keeper) -> None:
    rule = keeper.file.parent / "rules/elevator/hot.yaml"
    rule.write_text(rule.read_text().replace("above:", "abov:"))
    assert "未知的键“abov”（您是否想写“above”？）" in foretell(keeper, "rules", "list", language="zh").stderr


@pytest.mark.parametrize("words", [("devices",), ("rejects",), ("rules", "explain", "elevator/hot", "a-1")])
def test_where_nothing_was_heard_yet_it_is_said_plainly(keeper: Keeper, words: tuple[str, ...]) -> None:
    store = keeper.file.parent / "empty"
    text = keeper.file.read_text()
    assert "store:" in text
    keeper.file.write_text(re.sub(r"(?m)^store:.*$", f"store: {store}", text))
    done = foretell(keeper, *words)
    assert (done.exit_code, done.stderr) == (
        3, f"there is no journal {store}/journal.db yet: has the daemon run?\n"
    )  # fmt: skip
    assert "foretell 运行过吗" in foretell(keeper, *words, language="zh").stderr

"""Rules in plain words: what each asks, who set its limits, and whether it watches a device."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foretell.config import Bundle, gather, read_settings, shipped
from foretell.engine.rule import RULE
from foretell.lab.lines import list_lines, shown_lines
from foretell.lab.phrasing import Phrases
from foretell.lab.showing import BEHIND, MOMENTS, Book, NoSuchRule, open_book, rule_rows, rule_shown
from foretell.site.estate import Facts
from tests.engine.timeline import kind, rule
from tests.lab.keeper import HOT, keeping

PHRASES = [
    ("{signal: temp, above: 40 degC}", "temp above 40 °C", "temp高于 40 ℃"),
    ("{signal: temp, outside: [5 degC, 40 degC]}", "temp below 5 °C or above 40 °C",
     "temp低于 5 ℃或高于 40 ℃"),
    ("{signal: mode, is: [stopped, inspection]}", "mode is stopped or inspection",
     "mode为“stopped”或“inspection”"),
    ("{silent: 2 h}", "nothing heard of the device for 2 h", "设备超过 2 小时没有消息"),
    ("{signal: trips, count: {at_least: 3, over: 1 h}}", "trips, 3 times or more within 1 h",
     "trips，1 小时内达到 3 次"),
    ("{signal: temp, rate: {above: 2 degC/h, over: 6 h}}", "temp goes up by more than 2 °C/h, over 6 h",
     "temp上升超过 2 ℃/小时（6 小时内）"),
    ("{signal: temp, forecast: {reaches: 60 degC, within: 7 d, from: 14 d, at_least: 3 d}}",
     "temp will reach 60 °C within 7 d, as it went over 14 d",
     "按过去 14 天的趋势，temp将在 7 天内升到 60 ℃"),
    ("{signal: temp, drift: {up: 3 sigma, against: 7 d}}",
     "temp drifts up by 3 times its usual spread from its own normal, learned over 7 d",
     "temp较自身基准（学习 7 天）持续升高 3 倍离散度"),
    ("{signal: temp, peers: {apart: 30 %, among: building}}",
     "temp is 30% away from the median of others in its building (at least 4)",
     "temp偏离同一楼栋的设备的中位数 30%（至少 4 个）"),
    ("{signal: temp, expected: {down: 2 degC}}",
     "temp is 2 °C below what is usual at this hour of the week, learned over 28 d",
     "temp低于每周此时的平常值 2 ℃（学习 28 天）"),
    ("{signal: trips, expected: {silence: 1 %}}",
     "trips: nothing for longer than is usual at such hours (chance below 1%, at least 30 min)",
     "trips静默时间超过平时（概率低于 1%，至少 30 分钟）"),
    ("{signal: temp, stuck: {over: 6 h, within: 0.2 degC}}", "temp does not move by more than 0.2 °C for 6 h",
     "temp在 6 小时内变化不超过 0.2 ℃"),
    ("{signal: mode, flapping: {at_least: 5, over: 1 h}}", "mode changes 5 times or more within 1 h",
     "mode在 1 小时内变化达到 5 次"),
    ("{signal: trips, used: {of: 5000, at: 80 %}}", "trips: 80% of a life of 5000 is used up",
     "trips寿命（5000）已用 80%"),
    ("{signal: mode, is: stopped, then: {signal: temp, above: 40 degC, within: 5 min}}",
     "mode is stopped, and temp above 40 °C does not follow within 5 min",
     "mode为“stopped”之后 5 分钟内未见temp高于 40 ℃"),
    ("{all: [{signal: temp, above: 40 degC}, {any: [{signal: mode, is: stopped}, {silent: 1 h}]}]}",
     "temp above 40 °C and (mode is stopped or nothing heard of the device for 1 h)",
     "temp高于 40 ℃，且（mode为“stopped”，或设备超过 1 小时没有消息）"),
    ("{not: {signal: mode, is: normal}}", "not (mode is normal)", "并非（mode为“normal”）"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "en", "zh"), PHRASES, ids=[each[0][:50] for each in PHRASES])
def test_each_condition_is_said_in_plain_words(when: str, en: str, zh: str) -> None:
    made = rule(when)
    assert Phrases(kind(), "en").when(made) == en
    assert Phrases(kind(), "zh").when(made) == zh


def test_times_and_counts_are_said_as_they_were_written() -> None:
    phrases = Phrases(kind(), "en")
    assert (
        phrases.when(rule("{silent: 26 h}", "for: 90 s")) == "nothing heard of the device for 26 h, for 90 s"
    )
    once = rule("{signal: trips, count: {at_least: 1, over: 400 d}}")
    assert phrases.when(once) == "trips, at least once within 400 d"


def test_clearing_and_holding_back_are_said_too() -> None:
    made = rule(
        "{signal: temp, above: 40 degC}",
        "clear: {below: 38 degC, for: 10 min}\nfor: 1 h\n"
        "unless: [in-maintenance, gateway-offline, elevator/other, "
        "{signal: mode, is: stopped, after: 5 min}]",
    )
    phrases = Phrases(kind(), "en")
    assert phrases.when(made) == "temp above 40 °C, for 1 h"
    assert phrases.clear(made) == "temp below 38 °C, for 10 min"
    assert phrases.unless(made) == [
        "people work on it", "its gateway is offline", "elevator/other stands",
        "mode is stopped, and for 5 min after",
    ]  # fmt: skip
    assert not any(RULE in each for each in Phrases(kind(), "zh").unless(made))


@pytest.fixture(scope="module")
def book() -> Book:
    bundle, problems = gather([shipped("sensors")], [shipped("rules")])
    assert problems == []
    return open_book(bundle)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_shipped_rule_has_words(book: Book, language: str) -> None:
    for rule_id in book.plan.rulebook.written:
        shown = rule_shown(book, rule_id)
        assert "None" not in "\n".join(shown_lines(shown, language))
        asked = "\n".join((shown["when"][language], shown["clear"][language], *shown["unless"][language]))
        assert not re.search(
            r"\{|\$|degC|None|\b(Level|Count|Rate|Forecast|Peers|Expected|Then|Used) ", asked
        )


def test_a_chinese_title_names_the_kind_once(book: Book) -> None:
    titles = {row["rule"]: row["title"] for row in rule_rows(book)}
    assert titles["access/controller-offline"]["zh"] == "门禁控制器离线"
    assert titles["gateway/offline"]["zh"] == "网关离线"
    assert titles["elevator/door-closing-slower"]["zh"] == "电梯关门变慢"


def test_whom_a_rule_is_for_is_said_in_the_reader_s_language(book: Book) -> None:
    shown = rule_shown(book, "access/reader-down")
    assert "  适用：门禁，按 reader 分别盯守" in shown_lines(shown, "zh")
    assert "  for: access, by reader" in shown_lines(shown, "en")
    outdoors = "\n".join(shown_lines(rule_shown(book, "lighting/lit-by-day"), "zh"))
    assert "适用：照明回路，编号 *path*/" in outdoors


def test_the_list_follows_the_owner_s_day(book: Book) -> None:
    rows = rule_rows(book)
    order = list(MOMENTS)
    places = [order.index(row["moment"]) for row in rows]
    assert places == sorted(places)
    assert len(rows) == len(book.plan.rulebook.written)
    assert {row["kind"] for row in rule_rows(book, kind="lighting")} == {"lighting"}
    assert rule_rows(book, mode="off") == [row for row in rows if row["mode"] == "off"]
    assert list_lines([], "zh") == ["没有这样的规则"]


def test_a_rule_without_a_moment_is_behind_the_scenes(tmp_path: Path) -> None:
    with keeping(tmp_path, rules={"hot": HOT.replace("moment: at-home\n", "")}) as keeper:
        (row,) = rule_rows(open_book(_bundle(keeper.file)))
    assert row["moment"] == BEHIND
    assert list_lines([row], "en")[0] == "Behind the scenes"


def _bundle(site: Path) -> Bundle:
    settings, problems = read_settings(site)
    assert settings is not None, problems
    return gather(settings.sensors, settings.rules, settings.source)[0]


@pytest.fixture
def estate(tmp_path: Path) -> Book:
    with keeping(tmp_path) as keeper:
        return open_book(_bundle(keeper.file))


@pytest.mark.parametrize(
    ("device", "value", "layers"),
    [
        ("", "41 degC", [("rule", "40 degC"), ("site", "41 degC")]),
        ("a-3", "41 degC", [("rule", "40 degC"), ("site", "41 degC")]),
        ("a-2", "42 degC", [("rule", "40 degC"), ("site", "41 degC"), ("place", "42 degC")]),
        (
            "a-1",
            "43 degC",
            [("rule", "40 degC"), ("site", "41 degC"), ("place", "42 degC"), ("device", "43 degC")],
        ),
    ],
)
def test_a_limit_names_everyone_who_set_it(
    estate: Book, device: str, value: str, layers: list[tuple[str, str]]
) -> None:
    facts = estate.listing.estate.devices[device] if device else None
    shown = rule_shown(estate, "elevator/hot", facts)
    (limit,) = shown["limits"]
    assert limit["value"] == value
    assert [(step["layer"], step["value"]) for step in limit["set_by"]] == layers
    assert value.replace("degC", "°C") in shown["when"]["en"]
    for step in limit["set_by"]:
        file, _, line = step["where"].rpartition(":")
        written = Path(file).read_text().splitlines()[int(line) - 1]
        assert step["value"] in written, (step, written)


@pytest.mark.parametrize(
    ("rest", "facts", "watched", "en"),
    [
        ("", Facts("a-9", "elevator"), True, "the rule is live"),
        ("mode: shadow", Facts("a-9", "elevator"), True, "in shadow only"),
        ('mode: "off"', Facts("a-9", "elevator"), False, "the rule is off"),
        ("", Facts("a-9", "pump"), False, "of the kind 'pump', the rule is for 'elevator'"),
        ("where: {place: b2}", Facts("a-9", "elevator", ("b1",)), False, "its place is b1, the rule wants"),
        ("where: {model: X, id: a-*}", Facts("a-9", "elevator"), False, "its model is not known"),
        ("where: {id: a-*}", Facts("a-9", "elevator"), True, "the rule is live"),
    ],
)  # fmt: skip
def test_why_a_rule_does_or_does_not_watch_a_device(
    tmp_path: Path, rest: str, facts: Facts, watched: bool, en: str
) -> None:
    with keeping(tmp_path, rules={"hot": f"{HOT}{rest}\n"}) as keeper:
        device = rule_shown(open_book(_bundle(keeper.file)), "elevator/hot", facts)["device"]
    assert device["watched"] is watched
    assert en in device["why"]["en"]
    assert re.search("[\u4e00-\u9fff]", device["why"]["zh"])


def test_a_rule_that_is_none_is_told_with_the_one_that_may_be_meant(estate: Book) -> None:
    with pytest.raises(NoSuchRule, match="did you mean 'elevator/hot'"):
        rule_shown(estate, "elevator/hott")

"""What evidence says in words, verb by verb, and that no evidence whatever is beyond words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.engine.budget import Budget
from foretell.engine.facts import MISBEHAVES, NEWS, OPENED, Change
from foretell.engine.rule import MAINTENANCE, RULE, VIA
from foretell.engine.rulebook.clauses import LOGIC, SPELT
from foretell.tickets import policy, wording
from foretell.tickets.ledger import Ledger
from foretell.tickets.wording import VERBS, about, quantity, sentence, signal_title, spell_rate
from tests.engine.timeline import DAY0, Site, kind, rule
from tests.tickets.desk import DAY, DESK, NOW, Teller
from tests.tickets.desk import kind as lift

HOUR = 3600.0


def clause(verb: str, signal: str = "close", **more: Any) -> dict[str, Any]:
    return {
        "verb": verb,
        "signal": signal,
        "unit": "s",
        "value": None,
        "limit": None,
        "verdict": True,
        **more,
    }


def warm(**more: Any) -> dict[str, Any]:
    known = {"unit": "degC", "value": 2.4 / HOUR, "limit": 2 / HOUR, "counter": False}
    return clause("rate", "room", **(known | more))


def peers(**more: Any) -> dict[str, Any]:
    known = {
        "unit": "A", "value": 14.2, "limit": 4.0, "form": "sigma", "among": "kind", "size": 12, "at_least": 4,
        "median": 10.0, "sigma": 0.8, "deviation": 4.2, "common_cause": False,
    }  # fmt: skip
    return clause("peers", **(known | more))


def used(**more: Any) -> dict[str, Any]:
    known = {
        "unit": "", "value": 410_000.0, "limit": 400_000.0, "of": 500_000.0, "share": 0.82, "part": "",
        "time_left": [35 * DAY, 40 * DAY, 50.4 * DAY],
    }  # fmt: skip
    return clause("used", "trips", **(known | more))


def silence(**more: Any) -> dict[str, Any]:
    known = {
        "unit": "", "side": "silence", "value": 0.002, "limit": 0.01, "silence": 3.2 * HOUR,
        "expected": 12.04,        "observed": 40 * DAY, "learn": 28 * DAY, "warming_up": False,
    }  # fmt: skip
    return clause("expected", "trips", **(known | more))


def hourly(**more: Any) -> dict[str, Any]:
    known = {
        "side": "up", "value": 5.0, "limit": 4.0, "form": "sigma", "expected": 3.0, "sigma": 0.25, "hour": 8,
        "observed": 40 * DAY, "learn": 28 * DAY, "warming_up": False,
    }  # fmt: skip
    return clause("expected", **(known | more))


def then(**more: Any) -> dict[str, Any]:
    known = {
        "unit": "", "value": 1, "limit": 1, "within": 30.0, "over": 0.0, "states": ("stopped",),
        "follow": "close", "follow_states": (), "follow_above": 4.0, "follow_below": None,
    }  # fmt: skip
    return clause("then", "mode", **(known | more))


SENTENCES = [
    (
        warm(),
        "Room temperature rises by 2.4 °C/h, the limit is 2 °C/h",
        "机房温度上升 2.4 ℃/小时，限值 2 ℃/小时",
    ),
    (
        warm() | {"value": -3 / HOUR, "limit": -2 / HOUR},
        "Room temperature falls by 3 °C/h, the limit is 2 °C/h",
        "机房温度下降 3 ℃/小时，限值 2 ℃/小时",
    ),
    (
        warm() | {"value": 1 / HOUR, "limit": -2 / HOUR},
        "Room temperature rises by 1 °C/h, the limit is -2 °C/h",
        "机房温度上升 1 ℃/小时，限值 -2 ℃/小时",
    ),
    (
        warm() | {"value": None},
        "Room temperature: too little is known to tell how fast it changes",
        "机房温度：数据不足，变化快慢未知",
    ),
    (
        clause("rate", "trips", unit="", value=24 / HOUR, limit=20 / HOUR, counter=True),
        "Trips: up by 24/h, the limit is 20/h",
        "运行次数增加 24 次/小时，限值 20 次/小时",
    ),
    (
        clause("forecast", value=4.2, limit=6.0, up=True, time_left=[5 * DAY, 9.2 * DAY, 16 * DAY]),
        "Door close time 4.2 s: at this pace it reaches 6 s in 9 d (5 d to 16 d)",
        "关门时间 4.2 s，按此趋势约 9 天后升到 6 s（5 天至 16 天）",
    ),
    (
        clause("forecast", value=4.2, limit=2.0, up=False, time_left=[5 * HOUR, 1.5 * DAY, None]),
        "Door close time 4.2 s: at this pace it falls to 2 s in 1.5 d (5 h at the earliest)",
        "关门时间 4.2 s，按此趋势约 1.5 天后降到 2 s（最早 5 小时）",
    ),
    (
        clause("forecast", value=6.2, limit=6.0, up=True, time_left=[0.0, 0.0, 0.0]),
        "Door close time 6.2 s: it has reached 6 s",
        "关门时间 6.2 s，已达到限值 6 s",
    ),
    (
        clause("forecast", value=4.0, limit=6.0, up=True, time_left=None),
        "Door close time 4 s: no clear trend towards the limit of 6 s",
        "关门时间 4 s，未见趋向限值 6 s",
    ),
    (
        clause("forecast", limit=6.0, up=True, time_left=None),
        "Door close time: still learning where it is heading, the limit is 6 s",
        "关门时间 趋势学习中，限值 6 s",
    ),
    (
        peers(),
        "Door close time 14.2 A: 4.2 A above the median of 10 A in a group of 12 of its kind, "
        "the limit is 4 times the usual spread of 0.8 A",
        "关门时间 14.2 A，比同类 12 个的中位数 10 A 高 4.2 A，限值 4 倍离散度（0.8 A）",
    ),
    (
        peers(form="share", limit=0.3, among="parts", deviation=-4.2, common_cause=True),
        "Door close time 14.2 A: 4.2 A below the median of 10 A in the 12 parts of the device, "
        "the limit is 30%; many deviate at once, so the cause is not here",
        "关门时间 14.2 A，比本机 12 个部位的中位数 10 A 低 4.2 A，限值 30%；多个对象同时偏离，原因不在本机",
    ),
    (
        peers(size=2, median=None, sigma=None, deviation=None),
        "Door close time 14.2 A: 2 to compare, itself included, and 4 are needed",
        "关门时间 14.2 A，可比对象共 2 个，至少需要 4 个",
    ),
    (
        hourly(),
        "Door close time 5 s: 2 s above the 3 s that are usual on Mon at 08:00, "
        "the limit is 4 times the usual spread of 0.25 s",
        "关门时间 5 s，比周一 8 时通常的 3 s 高 2 s，限值 4 倍离散度（0.25 s）",
    ),
    (
        hourly(form="unit", limit=1.5, value=1.0, side="down"),
        "Door close time 1 s: 2 s below the 3 s that are usual on Mon at 08:00, the limit is 1.5 s",
        "关门时间 1 s，比周一 8 时通常的 3 s 低 2 s，限值 1.5 s",
    ),
    (
        hourly(warming_up=True, observed=12.4 * DAY),
        "Door close time: still learning what is usual (12 d of 28 d)",
        "关门时间 平时规律学习中（已 12 天，需 28 天）",
    ),
    (
        silence(),
        "Trips: nothing for 3 h, when about 12 are usual; such a silence has a chance of 0.2%, "
        "the limit is 1%",
        "运行次数已 3 小时没有动静，平时应有约 12 次；这样的静默概率为 0.2%，限值 1%",
    ),
    (
        clause("stuck", "room", unit="degC", value=21.3, low=21.3, high=21.3, lasted=6 * HOUR, over=4 * HOUR,
               readings=370, part=""),
        "Room temperature has stayed at 21.3 °C for 6 h (370 readings), the limit is 4 h",
        "机房温度停在 21.3 ℃ 已 6 小时（370 个读数），限值 4 小时",
    ),
    (
        clause("stuck", value=3.1, low=3.0, high=3.2, lasted=DAY, over=DAY, readings=90, part="7"),
        "Door close time (7) has stayed at 3–3.2 s for 1 d (90 readings), the limit is 1 d",
        "关门时间（7）停在 3–3.2 s 已 1 天（90 个读数），限值 1 天",
    ),
    (
        clause("flapping", "mode", unit="", value=12.0, limit=10.0, over=600.0, above=None, below=None),
        "Mode changed 12 times within 10 min, the limit is 10",
        "模式 10 分钟内变化 12 次，限值 10 次",
    ),
    (
        clause("flapping", "room", unit="", value=12.0, limit=10.0, over=600.0, above=None, below=5.0),
        "Room temperature crossed 5 °C 12 times within 10 min, the limit is 10",
        "机房温度 10 分钟内穿越 5 ℃ 共 12 次，限值 10 次",
    ),
    (
        used(),
        "Trips: 82% of its life used (410000 of 500000), the limit is 80%, about 40 d left (35 d to 50 d)",
        "运行次数寿命已用 82%（410000/500000），限值 80%，预计还可用约 40 天（35 天至 50 天）",
    ),
    (
        used(share=1.02, time_left=[0.0, 0.0, 0.0]),
        "Trips: 102% of its life used (410000 of 500000), the limit is 80%, nothing is left",
        "运行次数寿命已用 102%（410000/500000），限值 80%，寿命已尽",
    ),
    (
        used(time_left=None),
        "Trips: 82% of its life used (410000 of 500000), the limit is 80%",
        "运行次数寿命已用 82%（410000/500000），限值 80%",
    ),
    (
        then(),
        "Mode stopped was not followed by Door close time above 4 s within 30 s",
        "模式“stopped”之后 30 秒内未见关门时间高于 4 s",
    ),
    (
        then(value=4, limit=3, over=DAY),
        "Mode stopped was not followed by Door close time above 4 s within 30 s: "
        "4 times, the limit is 3 within 1 d",
        "模式“stopped”之后 30 秒内未见关门时间高于 4 s：1 天内 4 次，限值 3 次",
    ),
    (
        clause("drift", value=3.44, up=True, reference=[3.0, 0.1], shift=0.4, in_sigmas=False),
        "Door close time has drifted up: now 3.44 s, its own normal is 3 s, "
        "the limit is a lasting shift of 0.4 s",
        "关门时间持续升高：现为 3.44 s，自身基准 3 s，限值为持续偏移 0.4 s",
    ),
    (
        clause("above", value=4.0, limit=5.0, verdict=False),
        "Door close time 4 s, the limit is 5 s",
        "关门时间 4 s，限值 5 s",
    ),
    (clause("above", limit=5.0), "Door close time is unknown, the limit is 5 s", "关门时间未知，限值 5 s"),
    (
        clause("silent", "", limit=7200.0, verdict=False),
        "the device was heard within the last 2 h",
        "设备在 2 小时内有消息",
    ),
    (clause("is", MAINTENANCE, value="on"), "people work on it", "正在检修"),
    (clause("is", "online", value="offline"), "the device is offline", "设备离线"),
    (clause("is", VIA, value="offline"), "its gateway is offline", "所属网关离线"),
    (clause("is", f"{RULE}lift/hot", value="open"), "The rule lift/hot holds", "规则 lift/hot 成立"),
    (clause("is", VIA, value=None), "Its gateway is unknown", "所属网关未知"),
    (
        clause("hums", value=3.0, limit=2.0),
        "Door close time 3 s (hums, limit 2 s)",
        "关门时间 3 s（hums，限值 2 s）",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("evidence", "en", "zh"), SENTENCES, ids=lambda each: str(each)[:40])
def test_each_verb_has_its_sentence(evidence: dict[str, Any], en: str, zh: str) -> None:
    assert sentence(evidence, lift(), "en") == en
    assert sentence(evidence, lift(), "zh") == zh


def test_every_verb_that_a_rule_can_ask_has_a_sentence() -> None:
    assert set(SPELT) - {verb.rstrip("_") for verb in LOGIC} == set(VERBS)


WHENS = [
    "{signal: temp, above: 40 degC}", "{signal: temp, outside: [0 degC, 40 degC]}",
    "{signal: mode, is: stopped}",    "{silent: 1 h}", "{signal: trips, count: {at_least: 3, over: 1 h}}",
    "{signal: fault, count: {at_least: 3, per: 100 trips}}",
    "{signal: temp, rate: {above: 2 degC/h, over: 6 h}}", "{signal: trips, rate: {above: 20/h, over: 6 h}}",
    "{signal: temp, forecast: {reaches: 60 degC, within: 7 d, from: 14 d, at_least: 3 d}}",
    "{signal: temp, drift: {up: 3 sigma, against: 7 d}}",
    "{signal: temp, peers: {apart: 4 sigma}}", "{signal: close, peers: {up: 30 %, among: parts}}",
    "{signal: temp, expected: {up: 4 sigma}}", "{signal: trips, expected: {silence: 1 %}}",
    "{signal: temp, stuck: {over: 6 h}}",
    "{signal: temp, flapping: {at_least: 5, over: 1 h, above: 40 degC}}",
    "{signal: mode, flapping: {at_least: 5, over: 1 h}}", "{signal: trips, used: {of: 5000, at: 80 %}}",
    "{signal: mode, is: stopped, then: {signal: temp, above: 40 degC, within: 5 min}}",
]  # fmt: skip


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("heard", [0, 1, 40])
def test_the_engine_s_own_evidence_has_words_from_the_first_moment_on(when: str, heard: int) -> None:
    """Whatever a condition knows so far: a sentence without a hole, a raw name or a number gone wrong."""
    site = Site(rule(when))
    for step in range(heard):
        site.at(DAY0 + 3600.0 * step).reads(
            temp=20.0 + step,
            close=3.0,
            trips=40.0 * step,
            mode=("normal", "stopped")[step % 2],
            fault="break",
        )
    (stands,) = site.engine.explain("elevator/rule", "a", site.now) or [{"clauses": []}]
    for told in stands["clauses"]:
        en, zh = sentence(told, kind(), "en"), sentence(told, kind(), "zh")
        for text in (en, zh):
            assert not re.search(r"None|nan|inf\b|degC|percent|\{|\bTrue|\bFalse|[0-9]{12}", text), text
        assert re.search("[\u4e00-\u9fff]", zh), zh
        assert not re.search("[\u4e00-\u9fff]", en), en


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "signal", "unit", "value", "limit", "verdict", "recent", "at", "over", "states", "operations", "of", "up",
    "reference", "shift", "in_sigmas", "counter", "per", "time_left", "median", "sigma", "deviation", "size",
    "among", "form", "at_least", "common_cause", "side", "expected", "hour", "observed", "learn",
    "warming_up", "silence", "lasted", "low", "high", "readings", "part", "above", "below", "share",
    "follow", "within",    "follow_states", "follow_above", "follow_below",
)  # fmt: skip


@given(st.sampled_from([*VERBS, "hums"]) | ODD, st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ODD)))
def test_no_evidence_whatever_is_beyond_words(verb: Any, odd: dict[str, Any]) -> None:
    for known in (lift(), None):
        for language in ("en", "zh"):
            assert sentence(odd | {"verb": verb}, known, language).strip()


@pytest.mark.parametrize(
    ("value", "unit", "en", "zh"),
    [
        (12.0, "percent", "12%", "12%"),
        (40.0, "degC", "40 °C", "40 ℃"),
        (1.5, "m/s^2", "1.5 m/s²", "1.5 m/s²"),
        (3.0, "", "3", "3"),
        (None, "s", "–", "–"),
        (float("nan"), "s", "–", "–"),
        (10**400, "s", "–", "–"),
        ("stopped", "", "stopped", "stopped"),
        (["normal", "stopped"], "", "normal / stopped", "normal / stopped"),
        ([0.0, 40.0], "degC", "0 °C / 40 °C", "0 ℃ / 40 ℃"),
        (123456.7, "s", "123457 s", "123457 s"),
    ],
)
def test_values_wear_their_units_as_people_write_them(value: Any, unit: str, en: str, zh: str) -> None:
    assert (quantity(value, unit, "en"), quantity(value, unit, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("written", "seconds", "said"),
    [(2, 3600, "2 s/h"), (20, 3600, "20 s/h"), (5, 60, "5 s/min"), (14, 86400, "14 s/d"),
     (0.5, 3600, "0.5 s/h"),     (3, 1, "3 s/s"), (0, 1, "0 s/h")],
)  # fmt: skip
def test_a_rate_is_told_in_the_time_that_it_was_written_in(written: float, seconds: float, said: str) -> None:
    assert spell_rate(written / seconds, "s", "en") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (9.2 * DAY, "9 d"),
        (2.44 * DAY, "2.5 d"),
        (1.5 * HOUR, "1.5 h"),
        (2.0, "2 s"),
        (-5.0, "0 s"),
        (None, "–"),
    ],
)
def test_an_estimated_time_is_told_without_false_precision(seconds: float | None, said: str) -> None:
    assert about(seconds, "en") == said


def test_the_engine_s_own_signals_have_names() -> None:
    assert (wording.MAINTENANCE, wording.VIA, wording.RULE) == (MAINTENANCE, VIA, RULE)
    for name in (MAINTENANCE, VIA, f"{RULE}lift/hot", "online", "clock_skew", ""):
        for known in (lift(), None):
            en, zh = signal_title(name, known, "en"), signal_title(name, known, "zh")
            assert "$" not in en + zh and "_" not in en + zh
            assert not zh.isascii()


# -- a rule that is itself the fault ------------------------------------------------------------------


def overspent(kind_of_change: str = OPENED, opened: int = 21, named: int = 1) -> Change:
    reason = {
        "why": "budget", "since": NOW, "held": 0.0, "budget": 20, "opened": opened,
        "withheld": [f"a-{n}" for n in range(1, named + 1)],
    }  # fmt: skip
    return Teller()()._replace(
        kind=kind_of_change, rule="lift/slow", device="lift/slow", device_kind="rule",
        reason=reason, evidence=(),        failure_mode=MISBEHAVES,
    )  # fmt: skip


def test_a_rule_that_opens_too_much_gets_a_ticket_of_its_own() -> None:
    change = overspent()
    texts = policy.texts(change, DESK)
    assert texts["en"]["title"] == "The rule lift/slow opens too many tickets"
    assert texts["zh"]["title"] == "规则 lift/slow 触发过于频繁"
    assert texts["en"]["reason"] == (
        "it opened 21 times today, the limit is 20 a day; 1 of these opened no ticket: a-1"
    )
    assert texts["zh"]["reason"] == "今日触发 21 次，每日上限 20 次，1 次未开单：a-1"
    assert "edited" in texts["en"]["do"] and "修改" in texts["zh"]["do"]
    assert policy.route(change, DESK) == "engineer"
    assert policy.judged(change, DESK).due == change.noticed + DAY


def test_more_than_can_be_named_is_said_to_be_more() -> None:
    change = overspent(opened=84, named=20)
    assert policy.reason(change, DESK, "en").endswith("64 of these opened no ticket: " + ", ".join(
        f"a-{n}" for n in range(1, 21)) + " and others")  # fmt: skip
    assert policy.reason(change, DESK, "zh").endswith("a-20等")


def test_the_engine_s_own_change_about_a_rule_has_words(tmp_path: Any) -> None:
    """The budget's own change, not one that a test made up; news of it change what the ticket says."""
    site = Site(rule("{signal: temp, above: 40 degC}", "budget: 1"))
    changes: list[Change] = []
    for number in range(1, 4):
        changes += site.at(DAY0 + 60.0 * number).reads(temp=50.0, device=f"d{number}").unheard
        site.unheard = []
    assert [change.kind for change in changes] == [OPENED, OPENED, NEWS]
    assert Budget is type(site.engine.budget)
    ledger = Ledger(tmp_path / "ledger.db")
    try:
        ledger.record(changes, 1, DESK)
        (row,) = [row for row in ledger.tickets() if row["device_kind"] == "rule"]
    finally:
        ledger.close()
    assert row["texts"]["en"]["reason"].endswith("2 of these opened no ticket: d2, d3")
    assert (row["route"], row["failure_mode"]) == ("engineer", "rule-misbehaves")


# -- evidence as the engine gives it, not as a test imagines it ---------------------------------------

OPENS = {
    "above": "{signal: temp, above: 60 degC}",
    "rate": "{signal: temp, rate: {above: 0.5 degC/h, over: 6 h, at_least: 3}}",
    "forecast": "{signal: temp, forecast: {reaches: 120 degC, within: 10 d, from: 5 d, at_least: 2 d}}",
    "drift": "{signal: temp, drift: {up: 3 sigma, against: 1 d, at_least: 8}}",
    "page-hinkley": "{signal: temp, drift: {up: 3 sigma, against: 1 d, at_least: 8, method: page-hinkley}}",
    "count": "{signal: temp, count: {above: 60 degC, at_least: 3, over: 1 d}}",
    "used": "{signal: trips, used: {of: 100, at: 50 %, from: first}}",
    "expected": "{signal: temp, expected: {up: 3 sigma, learn: 14 d}}",
    "stuck": "{signal: close, stuck: {over: 6 h, at_least: 3}}",
}
LEARNING = ("still learning", "学习中", "not known", "–")


@pytest.mark.parametrize("name", OPENS)
def test_what_really_opened_is_told_with_its_value_and_never_as_still_learning(name: str) -> None:
    site = Site(rule(OPENS[name]))
    opened: list[Change] = []
    for hour in range(24 * 30):
        late = hour >= 24 * 22
        temp = 20.0 + hour % 5 * 0.1 + (0.6 * (hour - 24 * 22) if late else 0.0)
        site.at(site.now + 3600.0).reads(temp=temp, trips=float(hour // 4), close=3.0, holds=4 * 3600.0)
        opened += [change for change in site.unheard if change.kind == "opened"]
        site.unheard.clear()
        if opened:
            break
    assert opened, "it never opened"
    desk = policy.Desk(site.engine.rulebook, {"elevator": kind()}, {}, {})
    for language in ("en", "zh"):
        told = policy.reason(opened[0], desk, language)
        assert not any(word in told for word in LEARNING), told
        assert any(sign.isdigit() for sign in told), told

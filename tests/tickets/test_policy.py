"""What a ticket says, in both languages, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from foretell.engine.facts import CLEARED, LOST_SIGHT, NEWS
from foretell.tickets import policy
from tests.tickets.desk import CLAUSE, DAY, DESK, NOW, Teller

tell = Teller()


def clause(verb: str, signal: str, **more: Any) -> dict[str, Any]:
    return {"verb": verb, "signal": signal, "unit": "", "value": None, "verdict": True, **more}


REASONS = [
    (
        clause("above", "close", unit="s", value=5.62, limit=5.0),
        "Door close time 5.62 s, above the limit of 5 s",
        "关门时间 5.62 s，高于限值 5 s",
    ),
    (
        clause("below", "level", unit="percent", value=12.0, limit=20.0),
        "Level 12%, below the limit of 20%",
        "液位 12%，低于限值 20%",
    ),
    (
        clause("outside", "room", unit="degC", value=-7.25, limit=0.0),
        "Room temperature -7.25 °C, beyond the limit of 0 °C",
        "机房温度 -7.25 ℃，超出限值 0 ℃",
    ),
    (clause("is", "mode", value="stopped"), "Mode is stopped", "模式为“stopped”"),
    (
        clause("silent", "", limit=7200.0),
        "nothing heard of the device for more than 2 h",
        "设备超过 2 小时没有消息",
    ),
    (
        clause("silent", "room", limit=90.0),
        "nothing heard of Room temperature for more than 1.5 min",
        "机房温度超过 1.5 分钟没有消息",
    ),
    (
        clause(
            "count", "breaks", value=3.0, limit=3.0, states=("break",), operations=0.0, of="", over=14 * DAY
        ),
        "Service record break: 3 times within 14 d, the limit is 3",
        "停运记录（break） 14 天内 3 次，限值 3 次",
    ),
    (
        clause("count", "trips", value=7.0, limit=6.0, states=(), operations=100.0, of="trips", over=0.0),
        "Trips: 7 times in the last 100 trips, the limit is 6",
        "运行次数 最近 100 次运行内 7 次，限值 6 次",
    ),
    (
        clause("drift", "close", unit="s", value=3.44, up=True, reference=(3.0, 0.1)),
        "Door close time has drifted up: now 3.44 s, its own normal is 3 s",
        "关门时间持续升高：现为 3.44 s，自身基准 3 s",
    ),
    (
        clause("drift", "close", unit="s", value=3.44, up=False, reference=None),
        "Door close time: still learning what is normal",
        "关门时间 基准学习中",
    ),
    (
        clause("above", "unheard-of", unit="", value=123456.0, limit=float("inf")),
        "unheard-of 123456, above the limit of –",
        "unheard-of 123456，高于限值 –",
    ),
]


@pytest.mark.parametrize(("evidence", "en", "zh"), REASONS, ids=lambda each: str(each)[:30])
def test_why(evidence: dict[str, Any], en: str, zh: str) -> None:
    change = tell(evidence=(evidence,))
    assert policy.reason(change, DESK, "en") == en
    assert policy.reason(change, DESK, "zh") == zh


def test_only_what_held_is_named_and_how_long() -> None:
    other = CLAUSE | {"signal": "room", "verdict": False}
    change = tell(evidence=(CLAUSE, other, CLAUSE | {"value": 6.0}), held=7200.0)
    assert policy.reason(change, DESK, "en") == (
        "Door close time 5.6 s, above the limit of 5 s; Door close time 6 s, above the limit of 5 s, for 2 h"
    )
    assert policy.reason(change, DESK, "zh").endswith("，已持续 2 小时")


@pytest.mark.parametrize("why", ["repaired", "rule_withdrawn", "offline", "no_data", "seen_again"])
@pytest.mark.parametrize("kind", [CLEARED, LOST_SIGHT, NEWS])
def test_a_reason_that_is_no_condition_is_said_in_words(kind: str, why: str) -> None:
    change = tell(kind, why=why)
    en, zh = policy.reason(change, DESK, "en"), policy.reason(change, DESK, "zh")
    assert "_" not in en + zh
    assert en.isascii()
    assert not zh.isascii()


def test_the_texts_name_the_device_as_people_do() -> None:
    texts = policy.texts(tell(part="7"), DESK)
    assert texts["en"]["title"] == "Lift 1 7 Block A: slow"
    assert texts["zh"]["title"] == "A座 一号梯:slow"
    assert (texts["en"]["do"], texts["zh"]["do"]) == ("Clean the sill", "清洁地坎")
    assert (texts["en"]["device"], texts["zh"]["place"]) == ("Lift 1", "A座")


def test_a_device_that_nobody_named_goes_by_its_own_name_even_if_that_is_odd() -> None:
    texts = policy.texts(tell(device="{place}{part}"), DESK)
    assert texts["en"]["title"] == "{place}{part}  : slow"


def test_a_rule_that_is_gone_still_makes_a_ticket() -> None:
    change = tell(rule="lift/withdrawn")
    assert policy.texts(change, DESK)["zh"]["title"] == "lift/withdrawn"
    assert policy.route(change, DESK) == ""
    assert policy.judged(change, DESK).due == NOW + 1 + policy.DEFAULT_WITHIN


def test_due_counts_from_when_we_could_first_know() -> None:
    assert policy.judged(tell(), DESK).due == NOW + 1 + 2 * DAY

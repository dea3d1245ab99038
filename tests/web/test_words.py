"""Both languages are complete and say the same things."""

from __future__ import annotations

import re
import string
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from foretell.tickets.lifecycle import CLEARED_ITSELF, OUTCOMES, STATES
from foretell.web.view import Reader, events
from foretell.web.when import DAY, HOUR, MINUTE, iso, lasting, stamp
from foretell.web.words import WORDS, choose_language, say

ROOT = Path(__file__).parents[2]
SHANGHAI = timezone(timedelta(hours=8))
NOON = 1_795_492_800.0
"""2026-11-24 04:00 UTC."""


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_each_text_is_there_in_both_languages_with_the_same_holes(key: str) -> None:
    english, chinese = WORDS[key]
    assert english.strip()
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search("[\u4e00-\u9fff]", english)
    assert holes(english) == holes(chinese)


def test_every_text_that_templates_ask_for_exists() -> None:
    asked = {
        key
        for template in (ROOT / "daemon/foretell/web/templates").glob("*.html")
        for key in re.findall(r'say\("([^"]+)"', template.read_text())
    }
    assert asked
    assert asked <= set(WORDS)


def test_whatever_a_ticket_can_be_has_a_name() -> None:
    wanted = {f"state.{state}" for state in STATES} | {
        f"outcome.{each}" for each in (*OUTCOMES, CLEARED_ITSELF)
    }
    assert wanted <= set(WORDS)


def test_shipped_rules_use_failure_modes_and_routes_that_have_a_name() -> None:
    texts = [path.read_text() for path in (ROOT / "rules").rglob("*.yaml")]
    used = {f"fault.{mode}" for text in texts for mode in re.findall(r"failure_mode: ([a-z0-9-]+)", text)}
    used |= {f"route.{route}" for text in texts for route in re.findall(r"route: ([a-z0-9-]+)", text)}
    assert used
    assert used <= set(WORDS)


def test_a_word_that_a_site_invented_stands_as_it_is() -> None:
    assert say("zh", "fault.water-hammer") == "water-hammer"


def test_one_is_singular() -> None:
    assert say("en", "devices", n=1) == "1 device"
    assert say("en", "devices", n=2) == "2 devices"


@pytest.mark.parametrize(
    ("asked", "accepted", "site", "language"),
    [
        ("zh", "en", "en", "zh"),
        ("en", "zh-CN", "zh-CN", "en"),
        ("zh-CN", "", "en", "zh"),
        ("klingon", "en-GB,en;q=0.9", "zh-CN", "en"),
        (None, "fr,zh-CN;q=0.8,en;q=0.9", "zh-CN", "en"),
        (None, "fr,en;q=0.1,zh;q=0.2", "en", "zh"),
        (None, "en;q=0,*", "zh-CN", "zh"),
        (None, "fr;q=high,;;,", "zh-CN", "zh"),
        (None, "", "en", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_then_the_browsers_then_the_sites(
    asked: str | None, accepted: str, site: str, language: str
) -> None:
    assert choose_language(asked, accepted, site) == language


def test_moments_carry_the_weekday_and_another_year() -> None:
    assert stamp(NOON, NOON, "en", SHANGHAI) == "Tue 24 Nov, 12:00"
    assert stamp(NOON, NOON, "zh", SHANGHAI) == "11月24日 周二 12:00"
    assert stamp(NOON - 365 * DAY, NOON, "en", SHANGHAI) == "Mon 24 Nov 2025, 12:00"
    assert stamp(NOON - 365 * DAY, NOON, "zh", SHANGHAI) == "2025年11月24日 周一 12:00"
    assert iso(NOON) == "2026-11-24T04:00:00.000Z"


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (59.9, "59 s", "59 秒"),
        (-90 * MINUTE, "1 h 30 min", "1 小时 30 分钟"),
        (5 * HOUR, "5 h", "5 小时"),
        (DAY + 2 * HOUR, "1 d 2 h", "1 天 2 小时"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, english: str, chinese: str) -> None:
    assert lasting(seconds, "en") == english
    assert lasting(seconds, "zh") == chinese


def test_when_it_was_measured_is_told_by_the_site_s_clock() -> None:
    reader = Reader("zh", NOON, asked=False, zone=SHANGHAI)
    clause = {"signal": "temp", "verb": "above", "value": 41.4, "limit": 37.0, "at": NOON, "verdict": True}
    row = {"kind": "opened", "at": NOON, "who": "foretell", "rule": "lift/hot", "note": "", "reason": {}}
    (event,), _ = events([row | {"evidence": [clause]}], None, reader)
    assert event.clauses[0].measured == event.at.text == "11月24日 周二 12:00"

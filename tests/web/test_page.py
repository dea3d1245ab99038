"""The page as people meet it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from foretell.engine.facts import OPENED
from foretell.web.view import OPEN_SHOWN
from tests.web.estate import (
    HOSTILE,
    HOUR,
    MINUTE,
    NOW,
    RULES,
    STATUS,
    STOPPED,
    EstateDoor,
    make_change,
    make_desk,
)  # fmt: skip

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
Open = Callable[..., Page]

CONTRASTS = """
() => {
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number)
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = node => {
    for (; node; node = node.parentElement) {
      const back = numbers(getComputedStyle(node).backgroundColor)
      if (back.length === 3 || back[3] > 0) return back
    }
    return [255, 255, 255]
  }
  const poor = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim()) continue
    const [a, b] = [light(numbers(getComputedStyle(node).color)), light(behind(node))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) poor.push([walker.currentNode.data.trim(), ratio])
  }
  return poor
}
"""
SMALL_TARGETS = """
() => [...document.querySelectorAll('a, summary')].filter(each => each.className !== 'skip')
  .filter(each => each.getBoundingClientRect().height > 0 && each.getBoundingClientRect().height < 44)
  .map(each => each.textContent)
"""


@pytest.fixture
def visit(browser: Browser, port: int) -> Iterator[Open]:
    """Opens an address; afterwards, nothing may have been complained of in the console or failed to load."""
    complaints: list[str] = []
    contexts = []

    def heard(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    def visit(path: str = "/", locale: str = "zh-CN", size: Any = PHONE, **options: Any) -> Page:
        context = browser.new_context(locale=locale, viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", heard)
        page.goto(f"http://localhost:{port}{path}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def words(page: Page) -> str:
    return page.locator("body").inner_text()


def test_a_quiet_site_says_what_was_checked_and_when(visit: Open) -> None:
    chinese, english = visit(), visit(locale="en-GB")
    assert "目前没有待办工单" in words(chinese)
    assert "214 台设备正在按 37 条规则检查" in words(chinese)
    assert "All quiet" in words(english)
    assert "214 devices are held against 37 rules. Last message:" in words(english)
    assert "12 s ago" in words(english)
    assert chinese.locator("html").get_attribute("lang") == "zh-CN"
    assert english.locator("html").get_attribute("lang") == "en"


def test_a_site_that_never_heard_anything_does_not_call_itself_checked(door: EstateDoor, visit: Open) -> None:
    door.now_status = STATUS._replace(last_message_at=None, devices=1)
    page = visit(locale="en")
    assert "Nothing has been checked yet" in words(page)
    assert "1 device," in words(page)


def test_open_tickets_tell_everything_in_english(busy: EstateDoor, visit: Open) -> None:
    page = visit(locale="en", size=DESK)
    assert "1 ticket overdue" in page.title()
    cards = page.locator("article")
    assert cards.locator("h3").all_inner_texts() == [
        "Building 1, lift 1 is out of service", f"Lift {HOSTILE}: nothing is heard",
        "Building 3, lift 2: door is closing slower",
    ]  # fmt: skip
    slow = cards.nth(2).inner_text()
    for part in (
        "Due in 1 d 22 h", "Emerald Lake, building 3, unit 2, lobby",
        "oor close time 4.9 s, above the limit of 4 s",
        "Clean the sill and track", "1 d 2 h ago", "Open", "Still holds", "Lift maintainer", "Door operator",
        "elevator/door-closing-slower", "Ticket 1",
    ):  # fmt: skip
        assert part in slow
    assert "Overdue by 3 h" in cards.nth(0).inner_text()
    assert "Acknowledged" in cards.nth(0).inner_text()
    assert "Unknown: no data" in cards.nth(1).inner_text()


def test_open_tickets_tell_everything_in_chinese(busy: EstateDoor, visit: Open) -> None:
    first = visit().locator("article").first.inner_text()
    for part in (
        "已逾期 3 小时",
        "1栋1号梯 停梯",
        "翠湖花园 1栋",
        "立即派单给维保单位",
        "已接单",
        "异常持续",
        "5 小时前",
    ):
        assert part in first


def test_closed_tickets_wait_below(busy: EstateDoor, visit: Open) -> None:
    page = visit(locale="en")
    closed = page.locator("details")
    assert closed.locator("summary").inner_text() == "Recently closed (2)"
    assert not closed.locator("li").first.is_visible()
    closed.locator("summary").click()
    assert "Fault confirmed" in closed.locator("li").nth(0).inner_text()
    assert "Cleared by itself" in closed.locator("li").nth(1).inner_text()


def test_a_name_that_is_a_script_stays_text(busy: EstateDoor, visit: Open) -> None:
    for path in ("/?lang=en", "/tickets/3?lang=en"):
        page = visit(path)
        assert HOSTILE in words(page)
        assert page.locator("script").count() == 0
        assert page.title() != "taken"


def test_being_deaf_outranks_every_ticket(busy: EstateDoor, visit: Open) -> None:
    busy.now_status = STATUS._replace(connected=False, last_message_at=NOW - 2 * HOUR)
    summary = visit(locale="en").locator(".summary").inner_text()
    assert "Not connected" in summary
    assert "Last message 2 h ago" in summary
    assert "new faults are not seen" in summary
    assert "连接中断" in visit().locator(".summary").inner_text()


def test_a_long_silence_is_told_even_while_connected(door: EstateDoor, visit: Open) -> None:
    door.now_status = STATUS._replace(last_message_at=NOW - 40 * MINUTE)
    assert "no message for 40 min" in visit(locale="en").locator(".banner").inner_text()


def test_what_is_wrong_with_the_files_is_listed(door: EstateDoor, visit: Open) -> None:
    problems = tuple(f"rules/a.yaml:{line}:1: unknown key" for line in range(1, 24))
    door.now_status = STATUS._replace(problems=problems)
    banner = visit(locale="en").locator(".banner")
    assert "previous rules stay in force" in banner.inner_text()
    assert banner.locator("li").count() == 21
    assert "and 3 more" in banner.inner_text()


def test_not_ready_says_why(door: EstateDoor, visit: Open) -> None:
    door.now_status = STATUS._replace(ready=False, not_ready=("not subscribed at the broker",))
    page = visit()
    assert "尚未就绪" in page.locator(".summary").inner_text()
    assert "not subscribed at the broker" in page.locator(".banner").inner_text()


def test_the_clock_of_a_recording_is_named(door: EstateDoor, visit: Open) -> None:
    assert visit(locale="en").locator(".banner").count() == 0
    door.now_status = STATUS._replace(own_clock=False)
    assert "Clock of the recording: " in visit(locale="en").locator(".banner").inner_text()
    assert "录制数据的时钟" in visit().locator(".banner").inner_text()


def test_the_language_asked_for_is_kept_from_link_to_link(busy: EstateDoor, visit: Open) -> None:
    page = visit()
    page.get_by_role("link", name="English").click()
    page.get_by_role("link", name="Building 1, lift 1 is out of service").click()
    assert "Call the maintainer" in words(page)
    page.get_by_role("link", name="All tickets").click()
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("link", name="中文").click()
    assert page.locator("html").get_attribute("lang") == "zh-CN"


def test_the_sites_language_speaks_to_a_browser_that_wants_neither(door: EstateDoor, visit: Open) -> None:
    assert visit(locale="fr").locator("html").get_attribute("lang") == "zh-CN"
    door.now_status = STATUS._replace(language="en")
    assert visit(locale="fr").locator("html").get_attribute("lang") == "en"


def test_updating_can_be_paused(door: EstateDoor, visit: Open) -> None:
    page = visit("/?lang=en")
    refresh = page.locator("meta[http-equiv=refresh]")
    assert refresh.get_attribute("content") == "15"
    page.get_by_role("link", name="Pause").click()
    expect(refresh).to_have_count(0)
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("link", name="Resume").click()
    expect(refresh).to_have_count(1)


def test_one_ticket_has_its_whole_story(busy: EstateDoor, visit: Open) -> None:
    page = visit("/tickets/5", locale="en", size=DESK)
    assert page.locator("h1").inner_text() == "Building 2, lift 1 is out of service"
    events = page.locator(".events > li")
    assert [each.splitlines()[0].split(" Mon")[0] for each in events.all_inner_texts()] == [
        "Closed · Fault confirmed", "Fixed", "Opened",
    ]  # fmt: skip
    assert "Replaced the safety circuit contact" in events.nth(1).inner_text()
    row = events.nth(2).locator("tbody td").all_inner_texts()
    assert row[:2] == ["Mode is stopped", "yes"]


def test_the_evidence_names_signals_as_people_do_and_draws_what_was_measured(
    busy: EstateDoor, visit: Open
) -> None:
    english, chinese = visit("/tickets/1", locale="en", size=DESK), visit("/tickets/1", size=DESK)
    opened = english.locator(".events > li").last
    assert "Door close time 4.4 s, above the limit of 4 s" in opened.inner_text()
    assert "关门时间 4.4 s，高于限值 4 s" in chinese.locator(".events > li").last.inner_text()
    line = opened.locator("svg.spark")
    assert line.get_attribute("aria-label") == "Latest values: 4.2 s, 4.4 s; the limit is 4 s"
    assert line.locator("polyline").get_attribute("points").count(",") == 2
    drawn = line.bounding_box()
    assert drawn is not None and drawn["width"] > 60 and drawn["height"] > 15
    assert line.locator("line.limit").evaluate("each => getComputedStyle(each).strokeDasharray") != "none"


def test_words_have_no_line(busy: EstateDoor, visit: Open) -> None:
    assert visit("/tickets/2").locator("svg.spark").count() == 0


def test_a_clause_that_nobody_foresaw_is_still_shown(door: EstateDoor, visit: Open) -> None:
    odd = {
        "verb": "hums",
        "signal": "$rule lift/x",
        "value": {"a": 1},
        "verdict": None,
        "recent": [[1, None]],
    }
    door.ledger.record([make_change(1, OPENED, list(RULES)[1], "b1-l1", NOW - HOUR, odd)], 1, make_desk())
    assert "规则 lift/x" in words(visit("/tickets/1"))


def test_shadow_tickets_stand_apart_and_say_that_nobody_is_bothered(busy: EstateDoor, visit: Open) -> None:
    rule = list(RULES)[1]
    shadow = make_change(9, OPENED, rule, "b3-l2", NOW - 9 * HOUR, STOPPED)._replace(mode="shadow")
    busy.ledger.record([shadow], 9, make_desk())
    front = visit(locale="en")
    assert front.locator("article").count() == 3
    front.get_by_role("link", name="Shadow: would-be tickets").click()
    assert "nobody is bothered" in words(front)
    assert front.locator("article").count() == 1
    assert "Overdue" not in words(front) and "Due" not in words(front)
    front.locator("article a").click()
    assert "nobody is bothered" in words(front)
    front.get_by_role("link", name="All would-be tickets").click()
    assert front.url.endswith("/shadow")
    chinese = visit("/shadow")
    assert "不打扰任何人" in words(chinese)
    assert "1栋1号梯" not in words(chinese)


def test_an_empty_shadow_says_so(door: EstateDoor, visit: Open) -> None:
    assert "没有发现异常" in words(visit("/shadow"))


def test_a_person_s_note_is_shown_as_written(busy: EstateDoor, visit: Open) -> None:
    assert "已联系维保，14点到场" in words(visit("/tickets/2"))


def test_a_flood_of_tickets_is_cut_and_counted(door: EstateDoor, visit: Open) -> None:
    rule = list(RULES)[1]
    flood = [make_change(n, OPENED, rule, f"lift-{n}", NOW - HOUR, STOPPED) for n in range(1, OPEN_SHOWN + 8)]
    door.ledger.record(flood, 1, make_desk())
    page = visit(locale="en")
    assert page.locator("article").count() == OPEN_SHOWN
    assert "7 more open tickets" in words(page)
    assert f"{OPEN_SHOWN + 7} open tickets" in page.locator(".summary").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/?lang=zh", "/?lang=en", "/tickets/1?lang=zh", "/tickets/4?lang=en", "/shadow"]
)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_it_can_be_read_and_touched(busy: EstateDoor, visit: Open, scheme: str, path: str, size: Any) -> None:
    busy.now_status = STATUS._replace(own_clock=False, problems=("site.yaml:1:1: oh",))
    page = visit(path, size=size, color_scheme=scheme)
    for details in page.locator("details").all():
        details.locator("summary").click()
    assert page.evaluate(CONTRASTS) == []
    assert page.evaluate(SMALL_TARGETS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

"""An owner's report, in tables: what it may be about, its steps, and which tickets it belongs to.

Pure: plain values in, plain values out. What is not in the tables is not allowed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from foretell.site.estate import Estate, lineage
from foretell.tickets.lifecycle import ACKNOWLEDGED, OPEN

RECEIVED, HEARD, JUDGED, HANDLED, FOLLOWED_UP, SUMMED_UP = STEPS = (
    "received", "heard", "judged", "handled", "followed_up", "summed_up",
)  # fmt: skip
NEXT: Mapping[str, str] = dict(itertools.pairwise(STEPS))

STEP_WORDS: Mapping[str, tuple[str, str]] = {
    RECEIVED: ("received", "已接收"),
    HEARD: ("heard", "已倾听记录"),
    JUDGED: ("judged", "已判断"),
    HANDLED: ("handled", "已处理"),
    FOLLOWED_UP: ("followed up", "已回访"),
    SUMMED_UP: ("summed up", "已总结"),
}

NATURES: Mapping[str, tuple[str, str]] = {
    "valid": ("a valid report", "有效诉求"),
    "help": ("a call for help", "求助"),
    "question": ("a question", "咨询"),
    "venting": ("venting", "情绪宣泄"),
}


class Category(NamedTuple):
    """What a report is about: its words, whose work that is, and the kinds of device that it means."""

    en: str
    zh: str
    route: str
    kinds: tuple[str, ...] = ()


EMERGENCY = "emergency"
CATEGORIES: Mapping[str, Category] = {
    "lift": Category("lift", "电梯", "maintainer", ("elevator", "escalator")),
    "lighting": Category("lighting", "照明", "engineer", ("lighting",)),
    "access": Category("access", "门禁", "engineer", ("access",)),
    "water": Category("water", "供水", "engineer", ("pump",)),
    "climate": Category("climate", "空调", "engineer"),
    "service-attitude": Category("service attitude", "服务态度", "duty"),
    "service-quality": Category("service quality", "服务质量", "duty"),
    EMERGENCY: Category("emergency", "紧急情况", "guard"),
}
SERVICE = ("service-attitude", "service-quality")
"""About people, not devices: each is a matter of its own."""

IN_HAND = (OPEN, ACKNOWLEDGED)
"""What is fixed is not in hand any more: who reports it again says that it was not."""

BY_DEVICE, BY_PLACE, OF_ITS_OWN = "device", "place", "none"
MATCH_WORDS: Mapping[str, tuple[str, str]] = {
    BY_DEVICE: ("joined the newest open ticket of this device", "并入该设备最新的未完成工单"),
    BY_PLACE: (
        "joined the newest open ticket of this kind at the place or inside it",
        "并入该位置（含其内部）同类的最新未完成工单",
    ),
    OF_ITS_OWN: ("no open ticket is about it: a ticket of its own", "没有相关的未完成工单，单独开单"),
}


class Refused(Exception):
    """The report, or the step, cannot be taken; why, in both languages, without the owner's words."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class Candidate(NamedTuple):
    """A live ticket as matching sees it. `category` is that of the report that it was made for, if any."""

    id: int
    device: str
    kind: str
    place: str
    state: str
    safety: bool
    opened: float
    category: str = ""


class Match(NamedTuple):
    """The ticket that a report joins (None: it gets one of its own), and why."""

    ticket: int | None
    why: str


def move(state: str, step: str) -> None:
    """Whether `step` follows `state`. Raises Refused."""
    if step not in STEPS:
        known = ", ".join(STEPS)
        raise Refused(f"'{step}' is no step; the steps are {known}", f"没有“{step}”这一步；可用：{known}")
    due = NEXT.get(state)
    if due is None:
        raise Refused("the report is summed up: nothing is left to do", "该报事已总结，没有后续步骤")
    if due != step:
        raise Refused(
            f"a report that is {state} is next {due}, not {step}", f"{state} 的下一步是 {due}，不是 {step}"
        )


def match(device: str, place: str, category: str, tickets: Iterable[Candidate], estate: Estate) -> Match:
    """The newest ticket in hand that the report is about.

    Of its device, if that is known; else, of the category's kinds, at its place or inside it. A complaint
    about people joins nothing and is joined by nothing. An emergency joins only what endangers people:
    anything else would put it off.
    """
    if category in SERVICE or not (device or place):
        return Match(None, OF_ITS_OWN)
    fitting = [
        each
        for each in tickets
        if each.state in IN_HAND
        and each.category not in SERVICE
        and (each.safety or category != EMERGENCY)
        and (each.device == device if device else _there(each, place, category, estate))
    ]
    if not fitting:
        return Match(None, OF_ITS_OWN)
    newest = max(fitting, key=lambda each: (each.opened, each.id))
    return Match(newest.id, BY_DEVICE if device else BY_PLACE)


def _there(each: Candidate, place: str, category: str, estate: Estate) -> bool:
    """The ticket is about such a device (or was made for such a report) at the place, or inside it."""
    if each.device:
        alike = category == EMERGENCY or each.kind in CATEGORIES[category].kinds
        around = estate.facts(each.device, each.kind).place
    else:
        alike = each.category == category
        around = lineage(estate.places, each.place)
    return alike and place in around

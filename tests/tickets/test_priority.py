"""What a finding is worth and by when it must be done, as an owners' committee would reckon it."""

# ruff: noqa: E501

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.authored.document import Document
from foretell.site.calendars import Zone
from foretell.site.estate import Facts
from foretell.site.listing import no_site
from foretell.site.moments import MOMENTS, Presence, Route, households_of, read_presence
from foretell.tickets.priority import DAY, HOUR, PLANNED, SAFETY, Finding, judge, order

ZONE = Zone("Asia/Shanghai")


def at(text: str) -> float:
    """Unix seconds of a local time at the site."""
    return dt.datetime.fromisoformat(f"{text}+08:00").timestamp()


def presence(preset: str = "residential") -> Presence:
    found, problems = read_presence(
        Document("site.yaml"),
        preset,
        {},
        {},
        ZONE,
        "",
        no_site().calendars,  # type: ignore[arg-type]
    )
    assert not problems
    return found


HERE = presence()
LIFT = HERE.of(Facts("a", "elevator"), None)
MAINTAINER = HERE.routes["maintainer"]


def finding(noticed: str = "2026-03-02 22:00", **more: object) -> Finding:
    known = {"noticed": at(noticed), "within": 3 * DAY, "safety": False, "moments": LIFT, "route": MAINTAINER}
    return Finding(**(known | more))  # type: ignore[arg-type]


def due(**more: object) -> str:
    return dt.datetime.fromtimestamp(
        judge(finding(**more)).due, dt.timezone(dt.timedelta(hours=8))
    ).isoformat(" ")[:16]


def leaving(text: str = "2026-03-02 22:00", **more: object) -> str:
    return due(noticed=text, moments=(HERE.moments["leaving-home"],), **more)


def test_a_dead_lift_at_night_is_due_before_people_leave_home() -> None:
    assert leaving(earliest=0.0) == "2026-03-03 06:45"


def test_a_moment_that_nobody_can_make_is_passed_over_for_the_next() -> None:
    assert (
        leaving("2026-03-03 04:00", earliest=0.0) == "2026-03-03 08:00"
    )  # four hours of response lie within it
    assert leaving("2026-03-03 05:30", earliest=0.0) == "2026-03-04 06:45"


def test_it_is_never_due_after_what_the_rule_allows() -> None:
    assert leaving(earliest=0.0, within=2 * HOUR) == "2026-03-03 00:00"
    assert leaving("2026-03-06 22:00", earliest=0.0, within=DAY) == "2026-03-07 22:00"  # a weekend


def test_time_that_is_left_moves_it_to_the_moment_after() -> None:
    assert leaving(earliest=30 * HOUR, within=7 * DAY) == "2026-03-04 06:45"
    assert leaving(earliest=None, within=7 * DAY) == "2026-03-09 22:00"


def test_without_a_moment_it_is_due_when_the_rule_says() -> None:
    assert due(moments=(), earliest=0.0) == "2026-03-05 22:00"


def test_people_in_danger_come_first_and_at_once() -> None:
    judged = judge(finding(safety=True, within=4 * HOUR))
    assert judged.lane == SAFETY and judged.due == at("2026-03-02 22:30")
    assert judge(finding(safety=True, within=600.0)).due == at("2026-03-02 22:10")


def test_the_score_is_households_times_moments_times_severity_times_urgency() -> None:
    judged = judge(finding(earliest=0.0, households=120, moments=(HERE.moments["leaving-home"],)))
    assert (judged.factors["exposure"], judged.factors["severity"], judged.factors["urgency"]) == (
        600.0,
        2,
        3,
    )
    assert judged.score == 3600.0 and judged.lane == PLANNED
    assert judged.factors["moments"] == [["leaving-home", 5.0, "leaving home", "出门"]]


def test_one_lift_of_two_weighs_half() -> None:
    alone, shared = (judge(finding(earliest=0.0, households=120, alike=n)).score for n in (1, 2))
    assert shared == alone / 2


def test_a_route_that_works_office_hours_begins_when_they_begin() -> None:
    office = no_site().calendars["daytime"]  # 08:00 to 18:00 UTC, where there is no site
    route = Route("electrician", MAINTAINER.title, HOUR, office)
    assert route.arrive(at("2026-03-03 06:00")) == at("2026-03-03 17:00")
    assert route.arrive(at("2026-03-03 18:00")) == at("2026-03-03 19:00")


@pytest.mark.parametrize("preset", list(MOMENTS))
def test_every_preset_has_the_moments_that_rules_name(preset: str) -> None:
    named = {"leaving-home", "coming-home", "at-home", "parking", "visitors", "night", "emergency"}
    assert presence(preset).moments.keys() == named
    assert presence(preset).of(Facts("a", "elevator"), "behind-the-scenes") == ()
    assert [each.id for each in presence(preset).of(Facts("a", "elevator"), "night")] == ["night"]


def test_households_are_counted_once_and_summed_where_a_place_has_no_number_of_its_own() -> None:
    inside = {"b1": "", "u1": "b1", "u2": "b1", "b2": ""}
    assert households_of(["b1"], {"u1": 40, "u2": 30}, inside) == 70
    assert households_of(["b1"], {"b1": 100, "u1": 40}, inside) == 100
    assert households_of(["u1", "u1", "b2"], {"u1": 40}, inside) == 40


SPANS = st.floats(0.0, 40 * DAY)


@given(
    noticed=st.floats(1.7e9, 1.9e9), within=st.floats(60.0, 30 * DAY), earliest=st.none() | SPANS,
    safety=st.booleans(), names=st.sets(st.sampled_from(sorted(HERE.moments))), households=st.integers(0, 5000),
    alike=st.integers(1, 9), respond=st.floats(0, 3 * DAY),
)  # fmt: skip
def test_due_is_never_past_and_never_later_than_allowed_and_the_score_is_never_negative(
    noticed: float, within: float, earliest: float | None, safety: bool, names: set[str], households: int,
    alike: int, respond: float,
) -> None:  # fmt: skip
    judged = judge(
        Finding(
            noticed, within, safety, tuple(HERE.moments[name] for name in sorted(names)),
            Route("r", MAINTAINER.title, respond), households, alike, earliest,
        )
    )  # fmt: skip
    assert noticed <= judged.due <= noticed + within
    assert judged.score >= 0.0
    factors = judged.factors
    assert judged.score == pytest.approx(
        factors["exposure"] * factors["severity"] * factors["urgency"], rel=1e-3, abs=1.0
    )


def test_the_order_of_work_is_total() -> None:
    rows = [
        (PLANNED, 5.0, 1.0, 0.0, 1),
        (SAFETY, 9.0, 0.0, 0.0, 2),
        (PLANNED, 5.0, 3.0, 0.0, 3),
        (PLANNED, 5.0, 3.0, 0.0, 4),
    ]
    assert [row[4] for row in sorted(rows, key=lambda row: order(*row))] == [2, 3, 4, 1]

"""Time zones and calendars, held against the wall clock as `datetime` reads it, minute by minute."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.authored.document import read
from foretell.authored.problems import Problem
from foretell.authored.validate import check
from foretell.site.calendars import (
    DAY,
    HOUR,
    WEEKDAYS,
    Calendar,
    CalendarModel,
    Hours,
    Zone,
    ZoneError,
    known_until,
    read_calendars,
)

MINUTE = 60
SHANGHAI, BERLIN, LORD_HOWE = Zone("Asia/Shanghai"), Zone("Europe/Berlin"), Zone("Australia/Lord_Howe")
NAMES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")
# Days around which these zones change their clocks: St John's did so a minute after midnight until 2011.
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 10, 4), date(2026, 3, 8),
           date(2026, 11, 1), date(2010, 11, 7), date(2010, 3, 14), date(2025, 12, 31)]  # fmt: skip


def at(text: str, zone: Zone = SHANGHAI, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone.name), fold=fold).timestamp()


def shown(instant: float, zone: Zone = SHANGHAI) -> str:
    return f"{datetime.fromtimestamp(instant, ZoneInfo(zone.name)):%Y-%m-%d %H:%M}"


def reading(
    yaml: str, zone: Zone = SHANGHAI, country: str = "CN"
) -> tuple[dict[str, Calendar], list[Problem]]:
    """Calendars as they stand in site.yaml, at its top."""
    document, problems = read(f"holidays: {country or '~'}\ncalendars:\n" + yaml, "site.yaml")
    assert not problems
    models = {}
    for name, value in document.value["calendars"].items():
        model, problems = check(document, CalendarModel, value, ("calendars", name))
        assert model is not None, problems
        models[name] = model
    return read_calendars(document, ("calendars",), models, zone, country)


def calendar(body: str, zone: Zone = SHANGHAI, country: str = "CN") -> Calendar:
    found, problems = reading(f"  it: {{{body}}}\n", zone, country)
    assert problems == []
    return found["it"]


def edges(of: Calendar | Hours, start: str, end: str, zone: Zone = SHANGHAI) -> list[str]:
    """Every edge in a time, as the wall clock shows it."""
    found = []
    instant = at(start, zone)
    while (instant := of.next_edge(instant)) < at(end, zone):
        found.append(shown(instant, zone)[-11:])
    return found


# Zones


def test_zones_are_equal_by_name() -> None:
    assert Zone("Asia/Shanghai") == SHANGHAI != BERLIN
    assert len({Zone("Asia/Shanghai"), SHANGHAI, BERLIN}) == 2
    assert SHANGHAI != "Asia/Shanghai"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Asia/Shanghia", "unknown time zone 'Asia/Shanghia'; did you mean 'Asia/Shanghai'?"),
        ("asia/beijing", "did you mean 'Asia/Shanghai'?"),
        ("Mars", "unknown time zone 'Mars'; "),
        ("", "such as Asia/Shanghai"),
        ("../etc/passwd", "unknown time zone"),
        ("Asia", "unknown time zone"),
        ("\0", "unknown time zone"),
    ],
)
def test_a_zone_that_is_not_known(name: str, said: str) -> None:
    with pytest.raises(ZoneError) as error:
        Zone(name)
    assert said in str(error.value)


def test_what_the_local_clock_shows() -> None:
    monday = at("2026-11-23 00:00")
    assert SHANGHAI.offset(monday) == 8 * HOUR
    assert SHANGHAI.hour_of_week(monday) == 0
    assert SHANGHAI.hour_of_week(math.nextafter(monday, 0)) == 167
    assert SHANGHAI.hour_of_week(at("2026-11-28 13:59")) == 5 * 24 + 13
    assert SHANGHAI.day(math.nextafter(monday, 0)) == date(2026, 11, 22)
    assert SHANGHAI.local(monday + 0.25).isoformat() == "2026-11-23T00:00:00.250000+08:00"
    assert SHANGHAI.local(math.nextafter(monday, 0)).date() == date(2026, 11, 22)
    assert SHANGHAI.next_hour(monday) == monday + HOUR
    assert SHANGHAI.next_hour(math.nextafter(monday, 0)) == monday
    assert SHANGHAI.midnight_after(monday) == monday + DAY


def test_half_hours_and_changes_of_the_clocks() -> None:
    kolkata = Zone("Asia/Kolkata")
    assert kolkata.next_hour(at("2026-11-23 10:10", kolkata)) == at("2026-11-23 11:00", kolkata)
    skipped = at("2026-03-29 01:30", BERLIN)
    assert shown(BERLIN.next_hour(skipped), BERLIN) == "2026-03-29 03:00"
    assert BERLIN.midnight_after(skipped) - BERLIN.midnight_after(skipped - DAY) == 23 * HOUR
    repeated = at("2026-10-25 02:00", BERLIN)
    assert BERLIN.next_hour(repeated) == repeated + 2 * HOUR
    assert BERLIN.local(repeated + 1.5 * HOUR).fold == 1
    half = at("2026-04-05 01:00", LORD_HOWE)  # back by half an hour at 02:00
    assert LORD_HOWE.next_hour(half) == half + 1.5 * HOUR
    santiago = Zone("America/Santiago")  # 00:00 does not exist on this day
    assert shown(santiago.midnight_after(at("2026-09-05 12:00", santiago)), santiago) == "2026-09-06 01:00"


@given(name=st.sampled_from(NAMES), day=st.sampled_from(CHANGES), seconds=st.floats(-2 * DAY, 2 * DAY))
def test_the_clock_is_datetimes(name: str, day: date, seconds: float) -> None:
    zone, info = Zone(name), ZoneInfo(name)
    now = at(day.isoformat(), zone) + seconds
    local = datetime.fromtimestamp(math.floor(now), info)
    assert zone.offset(now) == local.utcoffset().total_seconds()  # type: ignore[union-attr]
    assert zone.hour_of_week(now) == local.weekday() * 24 + local.hour
    assert zone.day(now) == local.date()
    assert zone.local(now).replace(microsecond=0) == local
    minutes = [math.floor(now / MINUTE) * MINUTE + step * MINUTE for step in range(1, 26 * 60)]
    wall = [datetime.fromtimestamp(minute, info) for minute in minutes]
    hour = next(m for m, w in zip(minutes, wall, strict=True) if (w.day, w.hour) != (local.day, local.hour))
    assert zone.next_hour(now) == hour
    assert zone.midnight_after(now) == next(
        m for m, w in zip(minutes, wall, strict=True) if w.date() != local.date()
    )


# What is open when


def test_service_hours() -> None:
    hours = calendar('open: ["mon-sun 06:00-23:00"]')
    assert not hours.is_open(math.nextafter(at("2026-11-23 06:00"), 0))
    assert hours.is_open(at("2026-11-23 06:00"))
    assert hours.is_open(math.nextafter(at("2026-11-23 23:00"), 0))
    assert not hours.is_open(at("2026-11-23 23:00"))
    assert hours.next_edge(at("2026-11-23 06:00")) == at("2026-11-23 23:00")
    assert hours.next_edge(math.nextafter(at("2026-11-23 06:00"), 0)) == at("2026-11-23 06:00")


def test_days_and_times_in_every_spelling() -> None:
    spelt = calendar('open: ["Fri-Mon 8:00 - 12:00, 13:00–17:00", "wed,thu 09:00-10:00 11:00-12:00"]')
    assert edges(spelt, "2026-11-22 12:30", "2026-11-24 00:00") == [
        "11-22 13:00", "11-22 17:00", "11-23 08:00", "11-23 12:00", "11-23 13:00", "11-23 17:00"
    ]  # fmt: skip
    assert edges(spelt, "2026-11-24 00:00", "2026-11-26 09:30") == [
        "11-25 09:00", "11-25 10:00", "11-25 11:00", "11-25 12:00", "11-26 09:00"
    ]  # fmt: skip


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    night = calendar('open: ["fri 18:30-06:30"], closed: ["2026-11-20"]')
    assert edges(night, "2026-11-12 00:00", "2026-11-28 00:00") == [
        "11-13 18:30", "11-14 06:30", "11-27 18:30"
    ]  # fmt: skip
    assert night.is_open(at("2026-11-14 06:29")) and not night.is_open(at("2026-11-21 03:00"))
    # Closing the day after leaves the end of the night that began before it.
    assert calendar('open: ["fri 18:30-06:30"], closed: ["2026-11-14"]').is_open(at("2026-11-14 05:00"))


def test_spans_that_touch_or_overlap_have_no_edge_between() -> None:
    joined = calendar('open: ["mon 08:00-12:00", "mon 12:00-14:00", "mon 13:00-24:00", "tue 00:00-01:00"]')
    assert edges(joined, "2026-11-22 00:00", "2026-11-29 00:00") == ["11-23 08:00", "11-24 01:00"]


def test_always_open_has_no_edge() -> None:
    assert calendar("open: [daily]").next_edge(at("2026-11-23 06:00")) == math.inf
    assert calendar('open: ["daily 12:00-00:00", "daily 00:00-12:00"]').next_edge(0.0) == math.inf


def test_closed_beats_open_and_also_open_beats_closed() -> None:
    office = calendar(
        'open: ["workdays 08:30-18:00", "sat 09:00-12:00"], closed: ["2026-12-31", "2027-01-02..2027-01-04"],'
        'also_open: ["2026-12-31 09:00-11:00", "2027-01-03 22:00-02:00"]'
    )
    assert edges(office, "2026-12-30 12:00", "2027-01-05 12:00") == [
        "12-30 18:00", "12-31 09:00", "12-31 11:00", "01-03 22:00", "01-04 02:00", "01-05 08:30"
    ]  # fmt: skip


def test_days_can_be_closed_by_their_word() -> None:
    hall = calendar('open: ["mon-sun 06:00-23:00"], closed: [holidays, sun]')
    assert not hall.is_open(at("2025-10-01 12:00")) and not hall.is_open(at("2025-09-28 12:00"))
    assert hall.is_open(at("2025-09-30 12:00"))


def test_dates_far_apart_are_found() -> None:
    rare = calendar('also_open: ["2026-02-14 09:00-17:00", "2041-02-14"]')
    assert rare.next_edge(at("2026-02-14 17:00")) == at("2041-02-14 00:00")
    assert rare.next_edge(at("2041-02-14 00:00")) == at("2041-02-15 00:00")
    assert rare.next_edge(at("2041-02-15 00:00")) == math.inf
    shut = calendar('open: ["daily"], closed: ["2027-01-01..2039-12-31"]')
    assert shut.next_edge(at("2026-06-01 00:00")) == at("2027-01-01 00:00")
    assert shut.next_edge(at("2027-01-01 00:00")) == at("2040-01-01 00:00")


def test_days_that_rarely_meet_are_found() -> None:
    """Between 2025 and 2028 no public holiday of Germany falls on a Tuesday."""
    tuesdays = calendar('open: ["tue"], closed: [workdays]', BERLIN, "DE")
    assert tuesdays.next_edge(at("2026-01-01 00:00", BERLIN)) == at("2028-10-03 00:00", BERLIN)
    combined = Hours([calendar("open: [tue]", BERLIN, "DE")], [calendar("open: [workdays]", BERLIN, "DE")])
    assert combined.next_edge(at("2026-01-01 00:00", BERLIN)) == at("2028-10-03 00:00", BERLIN)


def test_a_skipped_hour_is_empty_and_a_repeated_one_counts_twice() -> None:
    early = calendar('open: ["daily 02:00-03:00"]', BERLIN)
    assert edges(early, "2026-03-28 12:00", "2026-03-30 12:00", BERLIN) == ["03-30 02:00", "03-30 03:00"]
    first = at("2026-10-25 02:00", BERLIN)
    assert early.next_edge(first - 1) == first
    assert early.next_edge(first) == first + 2 * HOUR
    part = calendar('open: ["daily 02:15-02:45"]', BERLIN)
    assert edges(part, "2026-10-25 00:00", "2026-10-25 12:00", BERLIN) == [
        "10-25 02:15", "10-25 02:45", "10-25 02:15", "10-25 02:45"
    ]  # fmt: skip


# Working days


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2025-01-26", True),  # a Sunday before Spring Festival
        ("2025-01-28", False),
        ("2025-02-04", False),
        ("2025-02-08", True),
        ("2025-09-28", True),  # a Sunday before National Day
        ("2025-10-01", False),
        ("2025-10-08", False),
        ("2025-10-11", True),
        ("2025-10-12", False),
        ("2026-02-14", True),
        ("2026-02-16", False),
        ("2026-02-23", False),
        ("2026-02-28", True),
        ("2026-09-20", True),
        ("2026-10-07", False),
        ("2026-10-10", True),
        ("2026-11-23", True),
    ],
)
def test_chinas_make_up_days(day: str, works: bool) -> None:
    office = calendar('open: ["workdays 08:30-18:00"]')
    assert office.is_open(at(f"{day} 12:00")) is works


def test_a_holiday_is_no_ordinary_weekend() -> None:
    off = calendar("open: [holidays]")
    assert edges(off, "2025-09-20 00:00", "2025-12-31 00:00") == ["10-01 00:00", "10-09 00:00"]


def test_chinas_days_are_those_of_two_libraries() -> None:
    """They are kept by different people. One day of 2005 was given out with the schedule of 2006."""
    office, off = calendar("open: [workdays]"), calendar("open: [holidays]")
    known = holidays.country_holidays("CN", years=range(2003, 2029), expand=False)
    day = date(2006, 1, 1)
    while day < date(2027, 1, 1):
        noon = at(f"{day} 12:00")
        assert office.is_open(noon) == chinese_calendar.is_workday(day) == known.is_working_day(day), day
        assert off.is_open(noon) == (day in chinese_calendar.holidays), day
        day += timedelta(1)


@pytest.mark.parametrize("year", [1971, 2003, 2031, 2099, 2150, 4000, 8999])
def test_years_that_nobody_knows_have_weekends(year: int) -> None:
    office = calendar('open: ["workdays 09:00-17:00"]')
    monday = date(year, 7, 1) + timedelta((-date(year, 7, 1).weekday()) % 7)
    open_on = [office.is_open(at(f"{monday + timedelta(step)} 12:00")) for step in range(7)]
    assert open_on == [True] * 5 + [False] * 2


def test_beyond_what_was_given_out_the_statutory_holidays_remain() -> None:
    off = calendar("open: [holidays]")
    assert off.is_open(at("2035-10-01 12:00")) and off.is_open(at("2035-05-01 12:00"))
    assert not off.is_open(at("2035-10-15 12:00"))


def test_how_far_make_up_days_are_known() -> None:
    known = known_until("CN")
    assert known is not None and known >= date(2026, 12, 31)
    assert calendar("open: [workdays]").known_until() == known
    assert calendar("open: [mon-fri]").known_until() is None
    assert calendar("open: [workdays]", BERLIN, "DE").known_until() is None


def test_days_made_up_by_hand_stand_above_the_countrys() -> None:
    body = 'open: ["workdays 08:30-18:00", "holidays 19:00-20:00"]'
    given_out, own = calendar(body), calendar(body + ", make_up: [2026-10-01, 2026-11-22]")
    for day in ("2026-10-01", "2026-11-22"):
        assert not given_out.is_open(at(f"{day} 12:00"))
        assert edges(own, f"{day} 00:00", f"{day} 23:00") == [f"{day[5:]} 08:30", f"{day[5:]} 18:00"]


def test_other_countries_and_their_parts() -> None:
    unity, epiphany = "2025-10-03 12:00", "2026-01-06 12:00"
    germany = calendar("open: [workdays]", BERLIN, "DE")
    bavaria = calendar("open: [workdays]", BERLIN, "DE-BY")
    assert not germany.is_open(at(unity, BERLIN)) and germany.is_open(at(epiphany, BERLIN))
    assert not bavaria.is_open(at(epiphany, BERLIN))
    emirates = Zone("Asia/Dubai")
    israel = calendar("open: [workdays]", emirates, "IL")  # its weekend is Friday and Saturday
    assert israel.is_open(at("2026-11-22 12:00", emirates))
    assert not israel.is_open(at("2026-11-20 12:00", emirates))


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    """New Year's days are moved over the turn of the year."""
    backwards = calendar("open: [workdays]", BERLIN, "US")
    forwards = calendar("open: [workdays]", BERLIN, "US")
    days = [at("2010-12-25 12:00", BERLIN) + step * DAY for step in range(400)]
    assert [forwards.is_open(day) for day in days] == [backwards.is_open(day) for day in reversed(days)][::-1]
    assert not forwards.is_open(at("2010-12-31 12:00", BERLIN))


def test_holidays_are_loaded_only_when_a_calendar_asks() -> None:
    program = (
        "import sys; from foretell.site.calendars import *\n"
        "from foretell.authored.document import read\n"
        "model = CalendarModel(open=['mon-fri 08:00-18:00'])\n"
        "found, _ = read_calendars(read('{}', '')[0], (), {'a': model}, Zone('UTC'), 'CN')\n"
        "found['a'].next_edge(0.0)\n"
        "print({'holidays', 'chinese_calendar'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_kept_of_days_is_bounded() -> None:
    office = calendar('open: ["workdays 08:30-18:00"]')
    for step in range(2000):
        office.is_open(at("2026-01-01 12:00") + step * DAY)
    assert 0 < len(office._days) <= 501


# Hours of a rule


def test_no_calendars_are_always() -> None:
    assert Hours().open(0.0) and Hours().next_edge(0.0) == math.inf


def test_hours_combine_calendars() -> None:
    service, busy = calendar('open: ["daily 06:00-23:00"]'), calendar('open: ["daily 07:00-09:00"]')
    night = calendar('open: ["daily 22:00-06:30"]')
    between = Hours([service], [busy, night])
    assert edges(between, "2026-11-23 00:00", "2026-11-24 00:00") == [
        "11-23 06:30", "11-23 07:00", "11-23 09:00", "11-23 22:00"
    ]  # fmt: skip
    either = Hours([busy, night])
    assert edges(either, "2026-11-23 00:00", "2026-11-23 23:00") == [
        "11-23 06:30", "11-23 07:00", "11-23 09:00", "11-23 22:00"
    ]  # fmt: skip
    assert Hours((), [service]).open(at("2026-11-23 05:59"))
    assert Hours([busy], [service]).next_edge(at("2026-11-23 05:00")) == math.inf


def test_values_are_equal_and_caches_do_not_count() -> None:
    one, two = calendar('open: ["daily 06:00-23:00"]'), calendar('open: ["daily 06:00-23:00"]')
    one.next_edge(0.0)
    assert one == two and hash(one) == hash(two)
    assert Hours([one]) == Hours([two]) != Hours((), [two])
    assert hash(Hours([one])) == hash(Hours([two]))
    assert one != calendar('open: ["daily 06:00-22:00"]')
    assert one != calendar('open: ["daily 06:00-23:00"]', BERLIN)
    assert one != "it" and Hours([one]) != "it"


@pytest.mark.parametrize("instant", [-1e300, -1e11, -1.0, 0.0, 1e11, 2e11, 2.5e11, 1e18, 1e300, math.inf])
def test_no_instant_is_too_far(instant: float) -> None:
    office = calendar('open: ["workdays 08:30-18:00"], also_open: ["2026-02-14"]')
    assert office.is_open(instant) in (True, False)
    assert office.next_edge(instant) > instant or instant == math.inf
    assert Hours([office]).next_edge(instant) == office.next_edge(instant)
    assert SHANGHAI.next_hour(instant) > instant or instant == math.inf
    assert SHANGHAI.midnight_after(instant) > instant or instant == math.inf
    assert SHANGHAI.local(instant).date() == SHANGHAI.day(instant)


# Against the wall clock, minute by minute


class Drawn:
    """A calendar as it was drawn, judged in the plainest way."""

    def __init__(
        self, spans: list[tuple[frozenset[str], int, int]], closed: set[date], also: set[date]
    ) -> None:
        self.spans, self.closed, self.also = spans, closed, also

    def text(self) -> str:
        said = [f"{','.join(sorted(days))} {clock(start)}-{clock(end)}" for days, start, end in self.spans]
        also = [f"{day} 01:30-02:30" for day in sorted(self.also)]
        closed = [str(day) for day in sorted(self.closed)]
        return f"open: {said}, closed: {closed}, also_open: {also}".replace("'", '"')

    def is_open(self, wall: datetime) -> bool:
        today, moment = wall.date(), wall.hour * 60 + wall.minute
        yesterday = today - timedelta(1)
        if today in self.also and 90 <= moment < 150:
            return True
        for days, start, end in self.spans:
            over = end <= start
            began_today = WEEKDAYS[today.weekday()] in days and today not in self.closed
            began_yesterday = WEEKDAYS[yesterday.weekday()] in days and yesterday not in self.closed
            if began_today and start <= moment and (over or moment < end):
                return True
            if began_yesterday and over and moment < end:
                return True
        return False


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def drawn_calendars(draw: st.DrawFn, around: date) -> Drawn:
    # Small hours more often than others: that is where clocks are changed.
    minute = st.one_of(st.integers(0, 240), st.sampled_from([0, 60, 120, 150, 180]), st.integers(0, 1439))
    days = st.frozensets(st.sampled_from(WEEKDAYS), min_size=1)
    spans = draw(
        st.lists(st.tuples(days, minute, minute).filter(lambda s: s[1] != s[2]), min_size=1, max_size=3)
    )
    near = st.sets(st.integers(-2, 2).map(lambda step: around + timedelta(step)), max_size=2)
    return Drawn(spans, draw(near), draw(near))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(NAMES), day=st.sampled_from(CHANGES))
def test_every_minute_is_as_the_wall_clock_has_it(data: st.DataObject, name: str, day: date) -> None:
    zone = Zone(name)
    drawn = [data.draw(drawn_calendars(day)) for _ in range(3)]
    found = [calendar(each.text(), zone, "") for each in drawn]
    first, second, third = found
    hours = Hours([first, second], [third])
    start = at((day - timedelta(2)).isoformat(), zone)
    minutes = [start + step * MINUTE for step in range(4 * 24 * 60)]
    walls = [datetime.fromtimestamp(minute, ZoneInfo(name)) for minute in minutes]
    expected = [[each.is_open(wall) for wall in walls] for each in drawn]
    judged = [(a or b) and not c for a, b, c in zip(*expected, strict=True)]

    offset = data.draw(st.floats(0, 59.999))
    order = data.draw(st.sampled_from([1, -1, 7]))  # forwards, backwards, leaping
    for index in range(0, len(minutes), order) if order > 0 else range(len(minutes) - 1, -1, -1):
        assert [each.is_open(minutes[index] + offset) for each in found] == [each[index] for each in expected]
        assert hours.open(minutes[index] + offset) == judged[index]
    for judge, states in [
        *zip((each.next_edge for each in found), expected, strict=True),
        (hours.next_edge, judged),
    ]:
        asked = data.draw(st.lists(st.integers(0, len(minutes) - 1), max_size=8))
        for index in asked:
            later = zip(minutes[index:], states[index:], strict=True)
            edge = next((minute for minute, state in later if state != states[index]), None)
            if edge is None:
                assert judge(minutes[index] + offset) > minutes[-1]
            else:
                assert judge(minutes[index] + offset) == edge


# What is refused


@pytest.mark.parametrize(
    ("body", "where", "said"),
    [
        ('open: ["wrkdays 08:00-18:00"]', "open.0", "'wrkdays' is no day"),
        ('open: ["wrkdays 08:00-18:00"]', "open.0", "'mon-fri 08:30-18:00' (did you mean 'workdays'?)"),
        ('open: ["xyz 08:00-18:00"]', "open.0", "known: mon, tue, wed, thu, fri, sat, sun, daily, work"),
        ('open: ["mon-holidays 08:00-18:00"]', "open.0", "'mon-holidays' is no range of weekdays"),
        ('open: ["daily 06:00-23:00", "mon-fri 08:00-25:00"]', "open.1", "'25:00' is no time of day"),
        ('open: ["mon 08:60-09:00"]', "open.0", "'08:60' is no time of day"),
        ('open: ["mon 08:00"]', "open.0", "'08:00' is no span of time"),
        ('open: ["mon 8-9"]', "open.0", "'8' is no time of day (from 00:00 to 24:00, such as 08:30)"),
        ('open: ["mon 24:00-06:00"]', "open.0", "begins when the day is over"),
        ('open: ["mon 06:00-06:00"]', "open.0", "is empty (for the whole day write 00:00-24:00)"),
        ('open: [""]', "open.0", "'' is no day"),
        ('open: ["08:00-18:00"]', "open.0", "'08:00' is no day"),
        ('open: [mon], closed: ["2026-02-30"]', "closed.0", "there is no day 2026-02-30"),
        ('open: [mon], closed: ["31.12.2026"]', "closed.0", "'31.12.2026' is no date (such as 2026-12-31)"),
        ('open: [mon], closed: ["0206-12-31"]', "closed.0", "'0206-12-31' is no date"),
        ('open: [mon], closed: ["2026-12-31..2026-12-30"]', "closed.0", "ends before it begins"),
        ('open: [mon], closed: ["2026-12-31.."]', "closed.0", "'' is no date"),
        ('open: [mon], closed: ["2026-12-31 08:00-09:00"]', "closed.0", "'closed' takes whole days"),
        ('open: [mon], closed: ["holiday"]', "closed.0", "did you mean 'holidays'?"),
        ('also_open: ["sat 09:00-12:00"]', "also_open.0", "'sat' is no date"),
        ('open: [workdays], make_up: ["soon"]', "make_up.0", "'soon' is no date"),
        ('open: [mon-fri], make_up: ["2026-02-14"]', "make_up", "changes nothing"),
        ('open: [workdays], make_up: [2026-02-14], closed: [2026-02-01..2026-03-31]', "make_up.0", "also"),
        ("open: []", "", "'it' never opens"),
        ('open: ["mon-fri"], closed: [daily]', "", "'it' never opens"),
        ('open: [workdays], closed: [workdays]', "", "'it' never opens"),
    ],
)  # fmt: skip
def test_what_is_refused(body: str, where: str, said: str) -> None:
    found, problems = reading(f"  it: {{{body}}}\n")
    assert found == {} and len(problems) == 1
    assert said in str(problems[0])
    assert problems[0].where == ".".join(filter(None, ("calendars", "it", where)))
    assert problems[0].line == 3


def test_a_time_that_the_clocks_skip_never_opens() -> None:
    _, problems = reading('  it: {also_open: ["2026-03-29 02:00-03:00"]}\n', BERLIN)
    assert [problem.message for problem in problems] == ["'it' never opens"]


def test_every_problem_is_told_and_the_sound_calendars_remain() -> None:
    found, problems = reading(
        '  bad: {open: ["mondy 25:00-26:00", "tue 25:00-26:00"], closed: ["x"]}\n  good: {open: ["mon"]}\n'
    )
    assert list(found) == ["good"] and found["good"].name == "good"
    assert [problem.where for problem in problems] == [
        "calendars.bad.open.0", "calendars.bad.open.1", "calendars.bad.closed.0"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("country", "said"),
    [
        ("XX", "no public holidays are known for 'XX'"),
        ("cn", "no public holidays are known for 'cn' (write the two letters"),
        ("CHN", "no public holidays are known for 'CHN' (write the two letters"),
        ("中国", "write the two letters of ISO 3166, such as CN or DE"),
        ("DE-XX", "'DE-XX' is no part of DE with holidays of its own"),
        ("DE-", "'DE-' is no part of DE"),
        ("CN-BJ", "'CN-BJ' is no part of CN"),
    ],
)
def test_a_country_that_is_not_known(country: str, said: str) -> None:
    found, problems = reading('  office: {open: ["workdays"]}\n  hall: {open: [daily]}\n', country=country)
    assert list(found) == ["hall"] and len(problems) == 1
    assert said in str(problems[0]) and problems[0].where == "holidays" and problems[0].line == 1


def test_workdays_need_a_country() -> None:
    found, problems = reading('  office: {open: ["workdays"]}\n  hall: {open: [daily]}\n', country="")
    assert list(found) == ["hall"]
    assert "write 'holidays: CN' beside the calendars" in str(problems[0]) and problems[0].line == 3

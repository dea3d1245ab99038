"""A site's time zone and its calendars: which hours are open, to the second, over DST and holidays.

A calendar is a function of the wall clock alone: at an instant it is open if the local date and time of
day are. So a span that the clocks skip in spring is empty, and one that they repeat in autumn counts twice.
"""

from __future__ import annotations

import functools
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field

from foretell.authored.document import Document, Path
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.validate import Strict

HOUR = 3600
DAY = 86400
WEEKLY, YEARLY = 30 * DAY, 12 * 366 * DAY
"""What has not changed for so long never does, but for dates of its own: weekdays alone repeat soon, a
holiday may take eleven years to fall on the same weekday again."""

_EPOCH = date(1970, 1, 1).toordinal()
_EARLIEST = (date(1900, 1, 1).toordinal() - _EPOCH) * DAY
_LATEST = (date(9000, 1, 1).toordinal() - _EPOCH) * DAY
_IN_2024 = (date(2024, 1, 1).toordinal() - _EPOCH) * DAY

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BY_COUNTRY = ("workdays", "holidays")
_WORDS = (*WEEKDAYS, "daily", *_BY_COUNTRY)

_TIME = re.compile(r"([0-9]{1,2}):([0-5][0-9])\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_AROUND = re.compile(r"\s*([-,–])\s*")
_SPAN_FORM = "write days and times, such as 'mon-fri 08:30-18:00'"


class CalendarError(ValueError):
    """The text is no span, date or country; the message and the hint are for the person who wrote it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ZoneError(ValueError):
    """No such time zone; the message carries a suggestion."""


class Zone:
    """An IANA time zone, equal by name. Instants are Unix seconds; before 1900 it is as it was in 1900."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._info = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            # All of China keeps Shanghai's time, and everybody looks for Beijing first.
            sought = "Asia/Shanghai" if "beijing" in name.lower() else name
            hint = did_you_mean(sought, available_timezones()) or "write a name such as Asia/Shanghai"
            raise ZoneError(f"unknown time zone '{name:.60}'; {hint}") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone) and other.name == self.name

    def __hash__(self) -> int:
        return hash(("Zone", self.name))

    def __repr__(self) -> str:
        return f"Zone({self.name!r})"

    def offset(self, at: float) -> float:
        """Seconds that the local clock is ahead of UTC."""
        return float(self.offset_of(_second(at)))

    def offset_of(self, second: int) -> int:
        """The offset throughout one whole second, in which no zone ever changes its clocks."""
        steady = _steady_offset(self._info, second // HOUR)
        return _offset(self._info, second) if steady is None else steady

    def local(self, at: float) -> datetime:
        """The local date and time, aware of its zone."""
        second = _second(at)
        parts = int((at - second) * 1e6) if second <= at < second + 1 else 0
        return datetime.fromtimestamp(second, self._info).replace(microsecond=parts)

    def day(self, at: float) -> date:
        """The local date."""
        second = _second(at)
        return date.fromordinal((second + self.offset_of(second)) // DAY + _EPOCH)

    def hour_of_week(self, at: float) -> int:
        """The local hour, 0 to 167, counted from Monday 00:00."""
        second = _second(at)
        return ((second + self.offset_of(second)) // HOUR + 3 * 24) % 168  # 1970 began on a Thursday

    def next_hour(self, at: float) -> float:
        """The next instant at which the local clock shows another hour. One that is repeated lasts longer."""
        return self._next_change(at, HOUR)

    def midnight_after(self, at: float) -> float:
        """The next instant at which the local date changes: midnight, or just after where it is skipped."""
        return self._next_change(at, DAY)

    def _next_change(self, at: float, size: int) -> float:
        """The next instant at which the wall clock shows another stretch of `size` seconds."""
        if at >= _LATEST:
            return math.inf
        second = _second(at)
        offset = self.offset_of(second)
        shown = (second + offset) // size
        if size == HOUR:  # mostly the clocks stay as they are, and this is asked for every hour of a walk
            end = (shown + 1) * HOUR - offset
            if self.offset_of(end - 1) == self.offset_of(end) == offset:
                return float(end)
        while (second + self.offset_of(second)) // size == shown:
            offset = self.offset_of(second)
            _, second = self.steady(second, second, (shown + 1) * size - offset)
        return float(second)

    def steady(self, second: int, start: int, end: int) -> tuple[int, int]:
        """What of [start, end) around `second` passes without a change of the clocks; at most about a day."""
        offset = self.offset_of(second)
        if self.offset_of(start) != offset:
            start = self._change(start, second)
        if self.offset_of(end - 1) != offset:
            end = self._change(second, end - 1)
        return start, end

    def _change(self, low: int, high: int) -> int:
        """The first second with the offset of `high`; `low` has another."""
        offset = self.offset_of(high)
        while high - low > 1:
            middle = (low + high) // 2
            if self.offset_of(middle) == offset:
                high = middle
            else:
                low = middle
        return high


def _second(at: float) -> int:
    """The whole second of an instant. Sums of floats would round the last moment of an hour into the next."""
    return math.floor(min(max(at, _EARLIEST), _LATEST))


def _offset(info: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, info).utcoffset()
    assert offset is not None  # an aware datetime has one
    return offset.days * DAY + offset.seconds


@functools.lru_cache(maxsize=4096)
def _steady_offset(info: ZoneInfo, hour: int) -> int | None:
    """The offset throughout an hour of UTC; None if the clocks change in it."""
    first = _offset(info, hour * HOUR)
    return first if first == _offset(info, hour * HOUR + HOUR - 1) else None


class _Year(NamedTuple):
    """The days of one year in one country, as days since 1970."""

    workdays: frozenset[int]
    holidays: frozenset[int]


@functools.lru_cache(maxsize=64)
def _country_year(country: str, year: int) -> _Year:
    """Working days, make-up days among them, and public holidays, days off in exchange among them.

    China's are those the State Council gave out, as far as `chinesecalendar` knows them. Other years and
    countries are as `holidays` knows or reckons them; outside its range there are weekends only.
    """
    days = [day for number in range(366) if (day := date(year, 1, 1) + timedelta(number)).year == year]
    if country == "CN" and year in _chinese_years():
        import chinese_calendar  # type: ignore[import-untyped]

        made_up, off = chinese_calendar.workdays, chinese_calendar.holidays
        work = [day for day in days if day in made_up or (day.weekday() < 5 and day not in off)]
    else:
        import holidays  # a twentieth of a second, which a site that asks for no holidays should not pay

        name, _, part = country.partition("-")
        off = holidays.country_holidays(name, subdiv=part or None, years=year)
        work = [day for day in days if off.is_working_day(day)]
    return _Year(frozenset(map(_number, work)), frozenset(_number(day) for day in days if day in off))


@functools.cache
def _chinese_years() -> range:
    import chinese_calendar

    years = [day.year for day in chinese_calendar.holidays]
    return range(min(years), max(years) + 1)


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH


def country_problem(country: str) -> tuple[str, str] | None:
    """What is wrong with the name of a country (DE) or a part of one (DE-BY), and a hint; else None."""
    if country == "CN":
        return None
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    name, dash, part = country.partition("-")
    if name not in known:
        hint = "write the two letters of ISO 3166, such as CN or DE"  # of two letters each is near another
        return f"no public holidays are known for '{country:.60}'", hint
    if dash and part not in known[name]:
        hint = did_you_mean(part.upper(), known[name]) or f"known: {', '.join(known[name]) or 'none'}"
        return f"'{country:.60}' is no part of {name} with holidays of its own", hint
    return None


def known_until(country: str) -> date | None:
    """The last day of which make-up days are known; None where they need not be given out each year.

    After it China's working days are taken from the law alone: Monday to Friday less the statutory holidays.
    """
    if country != "CN":
        return None
    import holidays

    given_out = holidays.country_holidays("CN").special_public_holidays
    return date(max(_chinese_years()[-1], *given_out), 12, 31)


class Span(NamedTuple):
    """Local hours of some days, in seconds after 00:00; past 24:00 for what ends on the day after."""

    days: frozenset[str]
    start: int
    end: int


class Definition(NamedTuple):
    """What a calendar's text says; dates are days since 1970."""

    open: tuple[Span, ...] = ()
    closed_days: frozenset[str] = frozenset()
    closed_dates: frozenset[int] = frozenset()
    also_open: tuple[tuple[int, int, int], ...] = ()
    made_up: frozenset[int] = frozenset()
    country: str = ""

    @property
    def by_country(self) -> bool:
        """It asks which days are working days."""
        named = self.closed_days.union(*(span.days for span in self.open))
        return not named.isdisjoint(_BY_COUNTRY)

    @property
    def landmarks(self) -> tuple[float, ...]:
        """Instants shortly before those at which dates of its own, not the pattern, open or close it."""
        found = {day for day, _, _ in self.also_open} | self.made_up
        found |= self.closed_dates ^ {day + 1 for day in self.closed_dates}  # where a run begins or is over
        return tuple(float((day - 2) * DAY) for day in sorted(found))  # two days before, whatever the zone


class Stretch(NamedTuple):
    """A time [start, end) in which nothing changes."""

    start: float
    end: float
    open: bool


_NOWHERE = Stretch(math.inf, math.inf, False)


class Calendar:
    """Named hours of a site: open or closed at every instant. A plain value with a cache.

    A span holds the day on which it begins: closing a date takes the spans that begin on it, up to their
    end in the morning after, and leaves the end of the night before. `also_open` stands above `closed`,
    which stands above `open`; days made up by hand stand above the country's.
    """

    __slots__ = ("_days", "_edge", "_now", "definition", "horizon", "landmarks", "name", "zone")

    def __init__(self, name: str, zone: Zone, definition: Definition) -> None:
        self.name, self.zone, self.definition = name, zone, definition
        self.horizon = YEARLY if definition.by_country else WEEKLY
        self.landmarks = definition.landmarks
        self._days: dict[int, tuple[bool, tuple[int, ...]]] = {}
        self._now = self._edge = _NOWHERE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Calendar({self.name!r}, {self.zone!r}, {self.definition!r})"

    def _key(self) -> tuple[str, Zone, Definition]:
        return self.name, self.zone, self.definition

    def is_open(self, at: float) -> bool:
        """The instant at which a span begins is in it, the one at which it ends is not."""
        now = self._now
        if not now.start <= at < now.end:
            now = self._now = self.stretch(at)
        return now.open

    def next_edge(self, at: float) -> float:
        """The next instant after `at` at which it opens or closes; inf if it never does."""
        edge = self._edge
        if not edge.start <= at < edge.end:
            edge = self._edge = _until_edge(self.stretch, self.horizon, self.landmarks, at)
        return edge.end

    def ever_opens(self) -> bool:
        """It is open at some time after 2023, or at a date of its own."""
        return any(self.is_open(at) or self.next_edge(at) < math.inf for at in (_IN_2024, *self.landmarks))

    def known_until(self) -> date | None:
        """The last day of which its working days are known; None if it does not depend on any."""
        return known_until(self.definition.country) if self.definition.by_country else None

    def stretch(self, at: float) -> Stretch:
        """A time around `at` in which it stays open or closed: at most a local day."""
        second = _second(at)
        offset = self.zone.offset_of(second)
        day, moment = divmod(second + offset, DAY)
        opened, edges = self._edges(day)
        index = bisect_right(edges, moment)
        start = edges[index - 1] if index else 0
        end = edges[index] if index < len(edges) else DAY
        midnight = day * DAY - offset
        start, end = self.zone.steady(second, midnight + start, midnight + end)
        return Stretch(start, end, opened ^ (index % 2 == 1))

    def _edges(self, day: int) -> tuple[bool, tuple[int, ...]]:
        """Whether it is open at 00:00 of a local day, and the seconds of that day at which this changes."""
        found = self._days.get(day)
        if found is None:
            if len(self._days) > 500:
                self._days.clear()
            last_night = [(start - DAY, end - DAY) for start, end in self._begun(day - 1)]
            edges: list[int] = []
            for start, end in sorted(last_night + list(self._begun(day))):
                start, end = max(start, 0), min(end, DAY)
                if edges and start <= edges[-1]:
                    edges[-1] = max(edges[-1], end)
                elif start < end:
                    edges += (start, end)
            opened = bool(edges) and edges[0] == 0
            found = self._days[day] = opened, tuple(edge for edge in edges if 0 < edge < DAY)
        return found

    def _begun(self, day: int) -> Iterator[tuple[int, int]]:
        """The spans that begin on a local day."""
        what = self.definition
        words = self._words(day)
        if day not in what.closed_dates and not words & what.closed_days:
            yield from ((span.start, span.end) for span in what.open if span.days & words)
        yield from ((start, end) for begun, start, end in what.also_open if begun == day)

    def _words(self, day: int) -> set[str]:
        """The words that a local day answers to."""
        words = {WEEKDAYS[(day + 3) % 7]}
        if self.horizon == YEARLY:
            year = _country_year(self.definition.country, date.fromordinal(day + _EPOCH).year)
            if day in self.definition.made_up or day in year.workdays:
                words.add("workdays")
            elif day in year.holidays:
                words.add("holidays")
        return words


class Hours:
    """When a rule is judged: during any of some calendars (none given: always), except in any of others."""

    __slots__ = ("_edge", "_horizon", "_landmarks", "_now", "during", "without")

    def __init__(self, during: Sequence[Calendar] = (), without: Sequence[Calendar] = ()) -> None:
        self.during, self.without = tuple(during), tuple(without)
        every = (*self.during, *self.without)
        self._horizon = max((each.horizon for each in every), default=0)
        self._landmarks = tuple(sorted({mark for each in every for mark in each.landmarks}))
        self._now = self._edge = _NOWHERE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hours) and (other.during, other.without) == (self.during, self.without)

    def __hash__(self) -> int:
        return hash((self.during, self.without))

    def open(self, at: float) -> bool:
        """The rule is judged at this instant."""
        now = self._now
        if not now.start <= at < now.end:
            now = self._now = self._stretch(at)
        return now.open

    def next_edge(self, at: float) -> float:
        """The next instant after `at` at which `open` changes; inf if it never does."""
        edge = self._edge
        if not edge.start <= at < edge.end:
            edge = self._edge = _until_edge(self._stretch, self._horizon, self._landmarks, at)
        return edge.end

    def _stretch(self, at: float) -> Stretch:
        during = [each.stretch(at) for each in self.during]
        without = [each.stretch(at) for each in self.without]
        opened = (not during or any(each.open for each in during)) and not any(each.open for each in without)
        starts, ends = [each.start for each in during + without], [each.end for each in during + without]
        return Stretch(max(starts, default=-math.inf), min(ends, default=math.inf), opened)


def _until_edge(
    stretch: Callable[[float], Stretch], horizon: int, landmarks: Sequence[float], at: float
) -> Stretch:
    """From `at`, or from a little before it, up to the next change; without one, up to inf."""
    start, end, opened = stretch(at)
    limit = end + horizon
    while end < _LATEST:
        if end >= limit:
            index = bisect_right(landmarks, end)
            if index == len(landmarks):
                break
            end = landmarks[index]
            limit = end + horizon
        following = stretch(end)
        if following.open != opened:
            return Stretch(start, end, opened)
        end = following.end
    return Stretch(start, math.inf, opened)


_T = TypeVar("_T")
_Wrongs = list[tuple[Path, CalendarError]]
_Texts = Annotated[list[str], Field(max_length=400)]


class CalendarModel(Strict):
    """Hours of the site by local time. `also_open` stands above `closed`, `closed` above `open`."""

    open: _Texts = Field(default=[], examples=[["workdays 08:30-18:00", "sat 09:00-12:00", "holidays"]])
    closed: _Texts = Field(default=[], examples=[["2026-12-31", "2027-01-01..2027-01-03", "holidays"]])
    also_open: _Texts = Field(default=[], examples=[["2026-02-14 09:00-17:00"]])
    make_up: _Texts = Field(default=[], description="dates that are workdays here, whatever the country says")


def read_calendars(
    document: Document, at: Path, models: dict[str, CalendarModel], zone: Zone, holidays: str
) -> tuple[dict[str, Calendar], list[Problem]]:
    """The calendars whose models stand at path `at`, with every problem; one with a problem is left out.

    `holidays` is the country whose working days count, or empty; it stands beside the calendars.
    """
    wrong = country_problem(holidays) if holidays else None
    problems = [document.problem_at((*at[:-1], "holidays"), *wrong)] if wrong else []
    found = {}
    for name, model in models.items():
        definition, wrongs = _definition(model, holidays)
        problems += [document.problem_at((*at, name, *path), str(why), why.hint) for path, why in wrongs]
        if wrongs or (wrong and definition.by_country):
            continue
        calendar = Calendar(name, zone, definition)
        if calendar.ever_opens():
            found[name] = calendar
        else:
            problems.append(document.problem_at((*at, name), f"'{name}' never opens"))
    return found, problems


def _definition(model: CalendarModel, country: str) -> tuple[Definition, _Wrongs]:
    """What the model says, as far as it can be read, and what is wrong with it, by its place inside."""
    wrongs: _Wrongs = []

    def every(key: str, parse: Callable[[str], list[_T]]) -> list[_T]:
        found: list[_T] = []
        for index, text in enumerate(getattr(model, key)):
            try:
                found += parse(text)
            except CalendarError as error:
                wrongs.append(((key, index), error))
        return found

    opened, closed = every("open", _spans), every("closed", _closures)
    definition = Definition(
        open=tuple(opened),
        closed_days=frozenset(word for word in closed if isinstance(word, str)),
        closed_dates=frozenset(day for day in closed if isinstance(day, int)),
        also_open=tuple(every("also_open", _dated_spans)),
        made_up=frozenset(every("make_up", lambda text: [_day(text)])),
        country=country,
    )
    return definition, wrongs or list(_contradictions(definition, model))


def _contradictions(definition: Definition, model: CalendarModel) -> Iterator[tuple[Path, CalendarError]]:
    if definition.by_country and not definition.country:
        hint = "write 'holidays: CN' beside the calendars, or weekdays such as mon-fri"
        yield (), CalendarError("which days are workdays or holidays is not known without a country", hint)
    if definition.made_up and not definition.by_country:
        hint = "write also_open, with the times"
        yield ("make_up",), CalendarError("changes nothing: no day here is called workdays or holidays", hint)
    for index, text in enumerate(model.make_up):
        if _day(text) in definition.closed_dates:
            yield ("make_up", index), CalendarError(f"'{text:.60}' is also among the closed dates")


def _spans(text: str) -> list[Span]:
    """The spans of "mon-fri 08:30-12:00, 13:00-18:00"; without times the whole day."""
    days, *times = _words(text)
    return [Span(_days(days), start, end) for start, end in _times(times)]


def _dated_spans(text: str) -> list[tuple[int, int, int]]:
    """The spans of "2026-02-14 09:00-17:00"; without times the whole day."""
    day, *times = _words(text)
    return [(_day(day), start, end) for start, end in _times(times)]


def _closures(text: str) -> list[str | int]:
    """A date, the dates of a range, or days by their words; whole days only."""
    low, dots, high = text.partition("..")
    if dots:
        first, last = _day(low.strip()), _day(high.strip())
        if last < first:
            raise CalendarError(f"'{text:.60}' ends before it begins")
        return list(range(first, last + 1))
    day, *times = _words(text)
    if times:
        raise CalendarError(f"'{text:.60}' has times, and 'closed' takes whole days", "see also_open")
    return [_day(day)] if day[:1].isdigit() else list(_days(day))


def _words(text: str) -> list[str]:
    """What spaces separate, at least one word; "08:30 - 12:00, 13:00" needs none."""
    return _AROUND.sub(lambda match: "-" if match[1] == "–" else match[1], text.lower()).split() or [""]


def _days(text: str) -> frozenset[str]:
    """The words of "mon-fri,sun", with "daily" and ranges written out; a range may run over Sunday."""
    found: set[str] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        for word in (first, last) if dash else (first,):
            if word not in _WORDS:
                hint = did_you_mean(word, _WORDS) or f"known: {', '.join(_WORDS)}"
                raise CalendarError(f"'{word:.60}' is no day; {_SPAN_FORM}", hint)
        if dash and not {first, last} <= set(WEEKDAYS):
            raise CalendarError(f"'{part:.60}' is no range of weekdays", _SPAN_FORM)
        if dash:
            low = WEEKDAYS.index(first)
            found |= {WEEKDAYS[(low + step) % 7] for step in range((WEEKDAYS.index(last) - low) % 7 + 1)}
        else:
            found |= set(WEEKDAYS) if first == "daily" else {first}
    return frozenset(found)


def _times(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Seconds from and to of "08:30-12:00"; what does not end after it begins ends on the day after."""
    for text in ",".join(texts or ["00:00-24:00"]).split(","):
        begin, dash, finish = text.partition("-")
        if not dash:
            raise CalendarError(f"'{text:.60}' is no span of time", _SPAN_FORM)
        start, end = _time(begin), _time(finish)
        if start == DAY:
            raise CalendarError(f"'{text:.60}' begins when the day is over", "write 00:00 for midnight")
        if start == end:
            raise CalendarError(f"'{text:.60}' is empty", "for the whole day write 00:00-24:00")
        yield start, end if end > start else end + DAY


def _time(text: str) -> int:
    """Seconds after midnight of "8:30"; 24:00 is the end of the day."""
    match = _TIME.match(text)
    second = int(match[1]) * HOUR + int(match[2]) * 60 if match else math.inf
    if second > DAY:
        raise CalendarError(f"'{text:.60}' is no time of day", "from 00:00 to 24:00, such as 08:30")
    return int(second)


def _day(text: str) -> int:
    """Days from 1970 to "2026-12-31"."""
    if not _DATE.match(text) or not "2000" <= text[:4] < "2200":
        raise CalendarError(f"'{text:.60}' is no date", "such as 2026-12-31")
    try:
        return _number(date.fromisoformat(text))
    except ValueError:
        raise CalendarError(f"there is no day {text}") from None

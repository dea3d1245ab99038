"""Moments of truth: when and where owners meet a device; and the routes that go to it, and how soon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from foretell.authored.document import Document
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.validate import Duration, Strict, Text
from foretell.site.calendars import Calendar, CalendarModel, Zone, country_problem, read_calendars
from foretell.site.estate import Facts

Preset = Literal["residential", "office"]
HOUR = 3600.0


class MomentModel(Strict):
    """A moment: its hours, which kinds and places it touches, and how much it weighs (1 little, 10 most)."""

    title: Text | None = None
    when: CalendarModel
    kinds: list[str] = Field(min_length=1, max_length=32)
    places: list[str] = Field(default=[], max_length=64, description="patterns; the place or one above it")
    weight: Annotated[float, Field(gt=0, le=10, strict=False)]


class RouteModel(Strict):
    """Who goes: how soon they can be there, and the calendar of their working hours."""

    title: Text | None = None
    respond: Duration
    hours: str | None = Field(default=None, description="a calendar of the site; none: at any hour")


class Moment(NamedTuple):
    """A moment as a plain value."""

    id: str
    title: Text
    calendar: Calendar
    kinds: tuple[str, ...]
    places: tuple[str, ...]
    weight: float

    def touches(self, facts: Facts) -> bool:
        """Owners meet this device then, and there."""
        here = not self.places or any(
            fnmatchcase(place, pattern) for place in facts.place for pattern in self.places
        )
        return facts.kind in self.kinds and here

    def first(self, at: float) -> float:
        """The first instant at or after `at` that lies in the moment; infinite if there is none."""
        return at if self.calendar.is_open(at) else self.calendar.next_edge(at)


class Route(NamedTuple):
    """A route as a plain value; `respond` in seconds."""

    id: str
    title: Text
    respond: float
    calendar: Calendar | None = None

    def arrive(self, at: float) -> float:
        """The earliest instant at which someone can be there: the response, begun in working hours."""
        begin = at
        if self.calendar is not None and not self.calendar.is_open(at):
            begin = self.calendar.next_edge(at)
        return begin + self.respond


def _moment(en: str, zh: str, hours: str, kinds: str, weight: float) -> MomentModel:
    when = CalendarModel(open=[hours])
    return MomentModel(title=Text(en=en, zh=zh), when=when, kinds=kinds.split(), weight=weight)


_ALWAYS = "mon-sun 00:00-24:00"
MOMENTS: Mapping[Preset, Mapping[str, MomentModel]] = {
    "residential": {
        "leaving-home": _moment(
            "leaving home", "出门", "mon-fri 06:45-09:00", "elevator escalator access", 5
        ),
        "coming-home": _moment(
            "coming home", "回家", "daily 17:00-20:30", "elevator escalator access lighting", 5
        ),
        "parking": _moment("parking", "停车", "daily 17:00-21:00", "access lighting", 3),
        "at-home": _moment("at home", "居家", "daily 06:00-23:00", "pump", 4),
        "visitors": _moment(
            "visitors and deliveries", "访客与快递", "daily 10:00-17:00", "access elevator", 2
        ),
        "night": _moment("after dark", "夜间", "daily 18:30-06:30", "lighting", 3),
        "emergency": _moment("an emergency", "紧急情况", _ALWAYS, "elevator lighting", 2),
    },
    "office": {
        "leaving-home": _moment(
            "arriving at work", "上班", "mon-fri 08:00-09:30", "elevator escalator access", 5
        ),
        "coming-home": _moment("going home", "下班", "mon-fri 17:30-19:00", "elevator escalator access", 4),
        "parking": _moment("parking", "停车", "mon-fri 08:00-09:30, 17:30-19:00", "access lighting", 3),
        "at-home": _moment("at work", "办公", "mon-fri 08:00-19:00", "pump lighting", 4),
        "visitors": _moment("visitors", "访客", "mon-fri 09:30-17:30", "access elevator", 3),
        "night": _moment("after dark", "夜间", "daily 18:30-06:30", "lighting", 1),
        "emergency": _moment("an emergency", "紧急情况", _ALWAYS, "elevator lighting", 2),
    },
}
"""What a site begins with; it may say its own. Hours and weights are judgement, to be tuned on site."""


def _route(en: str, zh: str, hours: float) -> RouteModel:
    return RouteModel.model_construct(title=Text(en=en, zh=zh), respond=hours * HOUR, hours=None)


ROUTES: Mapping[str, RouteModel] = {
    "maintainer": _route("lift maintainer", "电梯维保单位", 4.0),
    "engineer": _route("engineer", "工程人员", 2.0),
    "electrician": _route("electrician", "电工", 2.0),
    "plumber": _route("plumber", "水暖工", 2.0),
    "cleaner": _route("cleaner", "保洁", 1.0),
    "guard": _route("guard", "保安", 0.25),
}
UNKNOWN_ROUTE = Route("", Text(en="engineer", zh="工程人员"), 4 * HOUR)


class Presence(NamedTuple):
    """When owners meet what, and who can be there how soon."""

    moments: Mapping[str, Moment]
    routes: Mapping[str, Route]

    def of(self, facts: Facts, named: str | None) -> tuple[Moment, ...]:
        """The moments that a fault of this device would spoil: the one its rule names, or all it touches."""
        if named is not None and named in self.moments:
            return (self.moments[named],)
        if named is not None:
            return ()  # behind the scenes
        return tuple(moment for moment in self.moments.values() if moment.touches(facts))


def read_presence(
    document: Document,
    preset: Preset,
    moments: Mapping[str, MomentModel],
    routes: Mapping[str, RouteModel],
    zone: Zone,
    holidays: str,
    calendars: Mapping[str, Calendar],
) -> tuple[Presence, list[Problem]]:
    """Moments and routes of a site, the shipped ones among them, with everything that is wrong."""
    models = dict(MOMENTS[preset]) | dict(moments)
    if holidays and country_problem(holidays):
        holidays = ""  # which is told with the calendars
    hours, problems = read_calendars(
        document, ("moments",), {name: model.when for name, model in models.items()}, zone, holidays
    )
    found = {
        name: Moment(
            name, model.title or Text(en=name, zh=name), hours[name], tuple(model.kinds), tuple(model.places),
            model.weight,
        )
        for name, model in models.items()
        if name in hours
    }  # fmt: skip
    who = {}
    for name, route in (dict(ROUTES) | dict(routes)).items():
        calendar = None if route.hours is None else calendars.get(route.hours)
        if route.hours is not None and calendar is None:
            hint = did_you_mean(route.hours, calendars) or f"known: {', '.join(sorted(calendars))}"
            message = f"this site has no calendar '{route.hours}'"
            problems.append(document.problem_at(("routes", name, "hours"), message, hint))
        who[name] = Route(name, route.title or Text(en=name, zh=name), route.respond, calendar)
    return Presence(found, who), problems


def households_of(places: Iterable[str], households: Mapping[str, int], inside: Mapping[str, str]) -> int:
    """How many households the places hold: a place's own number, or the sum of what lies in it."""
    below: dict[str, list[str]] = {}
    for place, outer in inside.items():
        below.setdefault(outer, []).append(place)

    def held(place: str, seen: frozenset[str]) -> int:
        if place in seen:
            return 0
        if households.get(place):
            return households[place]
        return sum(held(each, seen | {place}) for each in below.get(place, ()))

    return sum(held(place, frozenset()) for place in dict.fromkeys(places))

"""What site.yaml lists of the estate: places, devices, time zone, calendars, and limits of its own."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import Field

from foretell.authored.document import Document, Path
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.validate import Strict, Text
from foretell.site.calendars import Calendar, CalendarModel, Zone, ZoneError, read_calendars
from foretell.site.estate import EMPTY, Estate, Facts, Place, lineage
from foretell.site.moments import MomentModel, Presence, Preset, RouteModel, households_of, read_presence

Limits = dict[str, dict[str, str | float]]
"""By rule id and name of the limit, what it is here."""


class PlaceModel(Strict):
    """A place of the estate: a building, a floor, a garage; `in` is the place around it."""

    title: Text | None = None
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,31}$")] = "building"
    households: Annotated[int, Field(ge=0, le=100_000)] | None = None
    in_: str | None = Field(default=None, alias="in")
    limits: Limits = Field(default={})


class DeviceModel(Strict):
    """A device of the site. One that is listed and never speaks is silent."""

    kind: str
    title: Text | None = None
    place: str | Text | None = Field(default=None, description="the id of a place, or its name in words")
    model: str | None = None
    via: str | None = Field(default=None, description="the gateway or feeder that it hangs on")
    serves: list[str] = Field(default=[], max_length=64, description="places; its own place if none is named")
    limits: Limits = Field(default={})


_CALENDARS = {
    "service-hours": CalendarModel(open=["daily 06:00-23:00"]),
    "night": CalendarModel(open=["daily 18:30-06:30"]),
    "daytime": CalendarModel(open=["daily 08:00-18:00"]),
    "rush-hours": CalendarModel(open=["daily 07:00-09:30, 17:00-20:00"]),
}
"""Calendars that every site has, until it defines its own of that name."""


class ListingModel(Strict):
    """The part of site.yaml that says what there is."""

    zone: str = Field(default="Asia/Shanghai", description="IANA name of the site's time zone")
    holidays: str = Field(default="", description="country whose working days count, such as CN")
    calendars: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], CalendarModel] = Field(
        default={}, max_length=64
    )
    places: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")], PlaceModel] = Field(
        default={}, max_length=5000
    )
    devices: dict[str, DeviceModel] = Field(default={}, max_length=5000)
    limits: Limits = Field(default={})
    estate: Preset = Field(default="residential", description="the moments that the site begins with")
    moments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,31}$")], MomentModel] = Field(
        default={}, max_length=32
    )
    routes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")], RouteModel] = Field(
        default={}, max_length=64
    )
    duty: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")] = Field(
        default="duty", description="who is responsible for an owner's report when nobody else is named"
    )


class Moved(NamedTuple):
    """A limit that was moved: to what, and where that is written."""

    value: str | float
    where: str
    path: Path


class Served(NamedTuple):
    """Households that a device serves (0: not known); devices that serve the same, itself among them."""

    households: int
    alike: int


class Listing(NamedTuple):
    """All that, as plain values."""

    zone: Zone
    calendars: Mapping[str, Calendar]
    estate: Estate
    document: Document
    model: ListingModel
    presence: Presence

    def served(self, device: str) -> Served:
        """How many households the device serves, and how many devices of its kind serve the same places."""
        facts = self.estate.devices.get(device)
        if facts is None:
            return Served(0, 1)
        mine = self._serves(facts)
        households = {name: place.households or 0 for name, place in self.model.places.items()}
        inside = {name: place.inside for name, place in self.estate.places.items()}
        alike = [
            each
            for each in self.estate.devices.values()
            if each.kind == facts.kind and self._serves(each) == mine
        ]
        return Served(households_of(mine, households, inside), len(alike) if mine else 1)

    def _serves(self, facts: Facts) -> tuple[str, ...]:
        named = self.model.devices[facts.device].serves
        return tuple(sorted(named)) or facts.place[-1:]

    def moved(self, rule_id: str, facts: Facts | None = None) -> dict[str, Moved]:
        """The limits of a rule as they stand for a device: its own before its place's, before the site's."""
        layers: list[tuple[Path, Limits]] = [(("limits",), self.model.limits)]
        for place in facts.place if facts else ():
            layers.append((("places", place, "limits"), self.model.places[place].limits))
        if facts and facts.device in self.model.devices:
            layers.append((("devices", facts.device, "limits"), self.model.devices[facts.device].limits))
        found: dict[str, Moved] = {}
        for path, limits in layers:
            for name, value in limits.get(rule_id, {}).items():
                at = (*path, rule_id, name)
                line, _ = self.document.position(at)
                found[name] = Moved(value, f"{self.document.file}:{line}", at)
        return found

    def limits_written(self) -> list[tuple[Path, str, str, str | float]]:
        """Every limit that the site moves: its path in the file, the rule, the limit, its value."""
        model = self.model
        layers: list[tuple[Path, Limits]] = [(("limits",), model.limits)]
        layers += [(("places", name, "limits"), place.limits) for name, place in model.places.items()]
        layers += [(("devices", name, "limits"), device.limits) for name, device in model.devices.items()]
        return [
            ((*path, rule, name), rule, name, value)
            for path, limits in layers
            for rule, names in limits.items()
            for name, value in names.items()
        ]


@functools.cache
def no_site() -> Listing:
    """The surroundings of rules that are looked at on their own."""
    model = ListingModel(zone="UTC")
    document = Document("site.yaml")
    zone = Zone(model.zone)
    calendars, _ = read_calendars(document, ("calendars",), _CALENDARS, zone, "")
    presence, _ = read_presence(document, model.estate, {}, {}, zone, "", calendars)
    return Listing(zone, calendars, EMPTY, document, model, presence)


def read_listing(document: Document, model: ListingModel) -> tuple[Listing | None, list[Problem]]:
    """The listing of a site, with everything that is wrong with it but the kinds, which it does not know."""
    try:
        zone = Zone(model.zone)
    except ZoneError as error:
        return None, [document.problem_at(("zone",), str(error))]
    calendars, problems = read_calendars(
        document, ("calendars",), _CALENDARS | model.calendars, zone, model.holidays
    )
    places = {name: Place(name, body.kind, body.in_ or "") for name, body in model.places.items()}
    problems += _place_problems(document, places)
    devices = {name: _facts(name, body, places) for name, body in model.devices.items()}
    for name, body in model.devices.items():
        at = ("devices", name)
        if isinstance(body.place, str) and body.place not in places:
            hint = did_you_mean(body.place, places) or "list it under 'places'"
            problems.append(document.problem_at((*at, "place"), f"unknown place '{body.place}'", hint))
        if body.via is not None and body.via not in devices:
            hint = did_you_mean(body.via, devices) or "list it under 'devices'"
            problems.append(document.problem_at((*at, "via"), f"unknown device '{body.via}'", hint))
        elif body.via is not None and _hangs_on(devices, body.via, name):
            problems.append(document.problem_at((*at, "via"), f"'{name}' hangs on itself"))
        for index, place in enumerate(body.serves):
            if place not in places:
                hint = did_you_mean(place, places) or "list it under 'places'"
                problems.append(document.problem_at((*at, "serves", index), f"unknown place '{place}'", hint))
    presence, wrong = read_presence(
        document, model.estate, model.moments, model.routes, zone, model.holidays, calendars
    )
    return Listing(zone, calendars, Estate(places, devices), document, model, presence), problems + wrong


def _hangs_on(devices: Mapping[str, Facts], device: str, other: str) -> bool:
    """The device is the other, or hangs on it over however many in between."""
    passed = set()
    while device in devices and device not in passed:
        if device == other:
            return True
        passed.add(device)
        device = devices[device].via
    return False


def _facts(name: str, body: DeviceModel, places: Mapping[str, Place]) -> Facts:
    place = lineage(places, body.place) if isinstance(body.place, str) else ()
    return Facts(name, body.kind, place, body.model or "", body.via or "")


def _place_problems(document: Document, places: Mapping[str, Place]) -> list[Problem]:
    problems = []
    for place in places.values():
        at = ("places", place.id, "in")
        if place.inside and place.inside not in places:
            hint = did_you_mean(place.inside, places) or "list it under 'places'"
            problems.append(document.problem_at(at, f"unknown place '{place.inside}'", hint))
        elif place.inside and places[lineage(places, place.id)[0]].inside:
            problems.append(document.problem_at(at, f"'{place.id}' stands inside itself"))
    return problems


def place_title(model: ListingModel, device: str) -> Text | None:
    """The name of the place where a device stands: its own words, or the titles of its places."""
    body = model.devices.get(device)
    if body is None or body.place is None:
        return None
    return body.place if isinstance(body.place, Text) else title_of_place(model, body.place)


def title_of_place(model: ListingModel, place: str) -> Text:
    """The titles of a place and all around it, outermost first; ids where there is none."""
    places = {name: Place(name, each.kind, each.in_ or "") for name, each in model.places.items()}
    path = [(name, model.places[name].title) for name in lineage(places, place)]
    return Text(
        en=" ".join(title.en if title else name for name, title in path)[:400] or place,
        zh="".join(title.zh if title else name for name, title in path)[:400] or place,
    )

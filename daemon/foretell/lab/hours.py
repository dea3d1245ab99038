"""The hours in which a rule is judged, as stretches of time that a test can be laid into."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from foretell.lab.behaviours import Cannot
from foretell.site.calendars import Hours, Zone

_FORM = "%Y-%m-%d %H:%M"


def unix(text: str, zone: Zone) -> float:
    return datetime.strptime(text, _FORM).replace(tzinfo=ZoneInfo(zone.name)).timestamp()


def local(at: float, zone: Zone) -> str:
    return zone.local(at).strftime(_FORM)


def whole_minute(at: float) -> float:
    return -(-at // 60.0) * 60.0


def stretches_of(hours: Hours, begin: float) -> Iterator[tuple[float, float]]:
    """The open times of some weeks; one that has no end is cut off."""
    at, until = begin, begin + 366 * 86400.0
    for _ in range(100):
        edge = min(hours.next_edge(at), until)
        if hours.open(at):
            yield at, edge
        if edge >= until:
            return
        at = edge


def open_for(hours: Hours, begin: float, seconds: float, whole: bool = False) -> float:
    """The instant at which it has been open for so long since `begin`; `whole`: without a break."""
    for opened, closed in stretches_of(hours, begin):
        if closed - opened > seconds:
            return opened + seconds
        seconds -= 0.0 if whole else closed - opened
    raise Cannot("its hours are too short for it")

"""The estate as plain values: its places, and what is known of each device before it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Facts(NamedTuple):
    """What is known of a device: its places from the outermost to its own, its model, what it hangs on."""

    device: str
    kind: str
    place: tuple[str, ...] = ()
    model: str = ""
    via: str = ""


class Place(NamedTuple):
    """One node of the tree of places; `inside` is the id of the place around it, empty for the site."""

    id: str
    kind: str
    inside: str


class Estate(NamedTuple):
    """All that a site lists."""

    places: Mapping[str, Place]
    devices: Mapping[str, Facts]

    def facts(self, device: str, kind: str) -> Facts:
        """What is known of a device; of one that is not listed, no more than its name and kind."""
        known = self.devices.get(device)
        return known if known is not None and known.kind == kind else Facts(device, kind)


def lineage(places: Mapping[str, Place], place: str) -> tuple[str, ...]:
    """A place with all around it, outermost first; ends where a place is unknown or comes twice."""
    path: list[str] = []
    while place in places and place not in path:
        path.append(place)
        place = places[place].inside
    return tuple(reversed(path))


EMPTY = Estate({}, {})

"""A simulated residential site: lifts, lamp circuits and doors with their physics, and daily life.

Every device draws its chances from a generator of its own: a fault on one changes nothing for another.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86400
STEP = 10 * MINUTE
START = 1780243200
"""Monday 1 June 2026, 00:00 in Shanghai: the first instant of the site's two weeks."""

BUILDINGS = ("a", "b", "c")
FLOORS = 11
DUSK, DAWN = 19.2, 4.8


class Message(NamedTuple):
    """What a device publishes."""

    topic: str
    payload: str
    retain: bool = False


class Named(NamedTuple):
    """A name in both languages."""

    en: str
    zh: str


class Device(NamedTuple):
    """A device as the owner of the site would list it."""

    name: str
    kind: str
    title: Named
    place: Named


class Hour(NamedTuple):
    """The world at one instant: time of day, how much people move, heat, mains voltage by building."""

    at: int
    of_day: float
    traffic: float
    outdoors: float
    volts: dict[str, float]

    @property
    def dark(self) -> bool:
        return self.of_day >= DUSK or self.of_day < DAWN


def _listed(name: str, kind: str, building: str, title: Named) -> Device:
    letter, number = building.upper(), BUILDINGS.index(building) + 1
    full = Named(f"{title.en}, building {letter}", f"{number}号楼{title.zh}")
    return Device(name, kind, full, Named(f"Building {letter}", f"{number}号楼"))


def traffic(of_day: float, weekend: bool) -> float:
    """How much people move, 1.0 at the peak: out in the morning, home in the evening, asleep at night."""
    awake = 1 / (1 + math.exp(-3 * (of_day - 6.3))) / (1 + math.exp(2.5 * (of_day - 22.8)))
    if weekend:
        return 0.015 + 0.45 * awake
    morning = math.exp(-(((of_day - 7.8) / 0.8) ** 2))
    evening = math.exp(-(((of_day - 18.4) / 1.3) ** 2))
    return 0.015 + awake * (0.22 + 0.75 * morning + 0.75 * evening)


def poisson(rng: random.Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


class Lift:
    """A lift with its retrofit box. `drag` slows its door, `obstruction` is the share of blocked closings."""

    def __init__(self, seed: int, building: str, number: int) -> None:
        self.building, self.number = building, number
        self.name = f"{building}-lift-{number}"
        self.drag = self.obstruction = 0.0
        self.glitch = False
        self._rng = rng = random.Random(f"{seed}/{self.name}")
        self._close = [rng.gauss(3.0, 0.12) + (0.25 if floor == 0 else 0.0) for floor in range(FLOORS)]
        self._busy = rng.uniform(10, 14)
        self._visit_day, self._visit_at = rng.choice((2, 3, 9, 10)), rng.uniform(9.5, 15.0)
        self._visit_for = rng.uniform(0.7, 1.2)
        self._trips, self._cycles, self._reversals = (rng.randrange(10_000, 90_000) for _ in range(3))
        self._room = 26.0

    @property
    def device(self) -> Device:
        title = Named(f"Lift {self.number}", f"{self.number}号电梯")
        return _listed(self.name, "elevator", self.building, title)

    def speak(self, hour: Hour) -> Iterator[Message]:
        rng = self._rng
        mode = 2 if self._visited(hour) else 1
        trips = 0 if mode == 2 else poisson(rng, self._busy * hour.traffic)
        self._trips += trips
        reversals = sum(rng.random() < 0.012 + self.obstruction for _ in range(trips))
        self._reversals += reversals
        self._cycles += 2 * trips + reversals
        warm = hour.outdoors + 3.0 + 3.0 * hour.traffic
        self._room += 0.3 * (warm - self._room)
        body = {
            "ts": hour.at,
            "door": self._door(trips),
            "trips": self._trips,
            "machine_room_c": 85.0 if self.glitch else round(self._room + rng.gauss(0, 0.2), 1),
            "motor_a": round(rng.gauss(11.5, 0.6), 1) if trips else 0.4,
            "mode": mode,
        }
        yield Message(f"site/{self.building}/elevator/{self.name}/telemetry", _json(body))

    def _visited(self, hour: Hour) -> bool:
        """The half-monthly maintenance, with the lift on inspection for about an hour."""
        since = hour.of_day - self._visit_at
        return (hour.at - START) // DAY == self._visit_day and 0 <= since < self._visit_for

    def _door(self, trips: int) -> dict[str, Any]:
        door: dict[str, Any] = {"cycles": self._cycles, "reversals": self._reversals}
        if trips:
            closings = [self._closing() for _ in range(trips)]
            door["close_ms"] = 28_000 if self.glitch else round(1000 * sum(closings) / len(closings))
        return door

    def _closing(self) -> float:
        """Seconds of one closing, on the floor where it happens."""
        floor = 0 if self._rng.random() < 0.4 else self._rng.randrange(1, FLOORS)
        blocked = self._rng.uniform(0.2, 1.0) if self._rng.random() < self.obstruction else 0.0
        return self._close[floor] + self.drag + blocked + self._rng.gauss(0, 0.1)

    def greet(self) -> Iterator[Message]:
        yield Message(f"site/{self.building}/elevator/{self.name}/status", "online", retain=True)


class Circuit:
    """A string of like lamps behind one meter. `dead` lamps draw nothing."""

    LIT_EVERY, DARK_EVERY = 30 * MINUTE, 4 * HOUR

    def __init__(self, seed: int, building: str, name: str, title: Named, *, always: bool) -> None:
        self.building, self.title, self.always = building, title, always
        self.name = f"{building}-{name}"
        self.dead = 0
        self._rng = rng = random.Random(f"{seed}/{self.name}")
        self.lamps = rng.randrange(9, 16)
        self._watts = rng.choice((9.0, 12.0, 18.0))
        self._exponent = rng.uniform(0.7, 1.3)
        self._phase = rng.randrange(3) * STEP

    @property
    def device(self) -> Device:
        return _listed(self.name, "lighting", self.building, self.title)

    def speak(self, hour: Hour) -> Iterator[Message]:
        lit = self.always or hour.dark
        if (hour.at - START - self._phase) % (self.LIT_EVERY if lit else self.DARK_EVERY):
            return
        volts = hour.volts[self.building] + self._rng.gauss(0, 0.5)
        body: dict[str, Any] = {"ts": hour.at, "on": lit, "voltage_v": round(volts, 1)}
        if lit:
            share = (self.lamps - self.dead) / self.lamps * self._rng.gauss(1.0, 0.006)
            drawn = share * self.lamps * self._watts * (volts / 230) ** self._exponent
            # The meter allows for the voltage as for a plain resistance per ampere; drivers differ.
            body |= {
                "power_w": round(drawn, 1),
                "load_pct": round(100 * share * (volts / 230) ** (self._exponent - 1), 1),
            }
        else:
            body |= {"power_w": 0.3, "load_pct": None}
        yield Message(f"site/{self.building}/lighting/{self.name}/meter", _json(body))

    def greet(self) -> Iterator[Message]:
        yield Message(f"site/{self.building}/lighting/{self.name}/status", "online", retain=True)


class Door:
    """A controlled door. `slack` weakens its closer, `coil_loss` its lock, `propped` is people holding it."""

    EVERY = 30 * MINUTE

    def __init__(self, seed: int, building: str, name: str, title: Named) -> None:
        self.building, self.title = building, title
        self.name = f"{building}-{name}"
        self.slack = self.coil_loss = self.propped = 0.0
        self._rng = rng = random.Random(f"{seed}/{self.name}")
        self._close = rng.uniform(3.4, 4.8)
        self._milliamps = rng.uniform(380, 520)
        self._busy = rng.uniform(12, 40)
        self._openings, self._failures = rng.randrange(5_000, 60_000), rng.randrange(5)
        self._phase = rng.randrange(3) * STEP
        self._held_until = 0.0
        self._since = 0

    @property
    def device(self) -> Device:
        return _listed(self.name, "access", self.building, self.title)

    def speak(self, hour: Hour) -> Iterator[Message]:
        rng = self._rng
        topic = f"site/{self.building}/access/{self.name}/telemetry"
        opened = poisson(rng, self._busy * hour.traffic / 3)
        self._openings += opened
        self._since += opened
        weak = max(0.0, self.coil_loss - 0.2)
        self._failures += sum(rng.random() < 0.00002 + 0.5 * weak for _ in range(opened))
        yield from self._held(hour, topic)
        if (hour.at - START - self._phase) % self.EVERY == 0:
            yield Message(topic, _json(self._summary(hour)))
            self._since = 0

    def _held(self, hour: Hour, topic: str) -> Iterator[Message]:
        """Somebody holds the door, or lets it go again: told at once."""
        if self._held_until and hour.at >= self._held_until:
            self._held_until = 0.0
            yield Message(topic, _json({"ts": hour.at, "door": "closed"}))
        elif not self._held_until and self._rng.random() < self.propped + 0.002 * hour.traffic:
            self._held_until = hour.at + self._rng.choice((1, 2, 2, 3)) * STEP
            yield Message(topic, _json({"ts": hour.at, "door": "open_too_long"}))

    def _summary(self, hour: Hour) -> dict[str, Any]:
        rng, opened = self._rng, self._since
        body: dict[str, Any] = {
            "ts": hour.at,
            "door": "open_too_long" if self._held_until else "closed",
            "supply_v": round(rng.gauss(12.1, 0.05), 2),
            "openings": self._openings,
            "lock_failures": self._failures,
        }
        if opened:
            spread = 0.4 / math.sqrt(opened)
            oil = -0.02 * (hour.outdoors - 23.0)  # warm oil lets the closer run a little faster
            copper = 1.0 - 0.003 * (hour.outdoors - 23.0)
            body["close_s"] = round(self._close + self.slack + oil + rng.gauss(0, spread), 2)
            body["unlock_ms"] = round(rng.gauss(300, 15) * (1 + 1.5 * self.coil_loss))
            body["lock_ma"] = round(self._milliamps * copper * (1 - self.coil_loss) * rng.gauss(1, 0.01), 1)
        return body

    def greet(self) -> Iterator[Message]:
        yield Message(f"site/{self.building}/access/{self.name}/status", "online", retain=True)


class Estate:
    """Three buildings: 6 lifts, 120 lamp circuits, 24 doors. `heat` and `sag` are the world's own whims."""

    def __init__(self, seed: int) -> None:
        self.heat = 0.0
        self.sag = dict.fromkeys(BUILDINGS, 0.0)
        self._rng = random.Random(f"{seed}/world")
        self._days = [self._rng.uniform(-1.5, 1.5) for _ in range(60)]
        self.lifts = {lift.name: lift for b in BUILDINGS for lift in (Lift(seed, b, 1), Lift(seed, b, 2))}
        self.circuits = {each.name: each for b in BUILDINGS for each in _circuits(seed, b)}
        self.doors = {door.name: door for b in BUILDINGS for door in _doors(seed, b)}

    @property
    def everything(self) -> list[Lift | Circuit | Door]:
        return [*self.lifts.values(), *self.circuits.values(), *self.doors.values()]

    def greet(self) -> list[Message]:
        """Every device says that it is there, as it does when it connects."""
        return [message for each in self.everything for message in each.greet()]

    def speak(self, at: int) -> list[Message]:
        """What all devices publish at this step."""
        hour = self._hour(at)
        return [message for each in self.everything for message in each.speak(hour)]

    def _hour(self, at: int) -> Hour:
        day, second = divmod(at - START, DAY)
        of_day = second / HOUR
        moving = traffic(of_day, weekend=day % 7 >= 5)
        outdoors = 23.0 + self._days[day % 60] + 5.0 * math.cos(2 * math.pi * (of_day - 15) / 24) + self.heat
        supply = 231.0 - 4.0 * moving
        volts = {b: (supply + self._rng.gauss(0, 1.0)) * (1 - self.sag[b]) for b in BUILDINGS}
        return Hour(at, of_day, moving, outdoors, volts)


def _circuits(seed: int, building: str) -> Iterator[Circuit]:
    for floor in range(1, 31):
        yield Circuit(
            seed,
            building,
            f"f{floor:02}-corridor",
            Named(f"Corridor {floor}F", f"{floor}层走廊照明"),
            always=False,
        )
    for number in range(1, 5):
        yield Circuit(
            seed,
            building,
            f"stair-{number}",
            Named(f"Stairs {number}", f"{number}号楼梯间照明"),
            always=False,
        )
    for number in range(1, 5):
        yield Circuit(
            seed,
            building,
            f"garage-{number}",
            Named(f"Garage row {number}", f"车库{number}区照明"),
            always=True,
        )
    yield Circuit(seed, building, "lobby", Named("Lobby", "大堂照明"), always=False)
    yield Circuit(seed, building, "path", Named("Garden path", "园路照明"), always=False)


def _doors(seed: int, building: str) -> Iterator[Door]:
    yield Door(seed, building, "lobby-door", Named("Lobby door", "大堂门"))
    yield Door(seed, building, "back-door", Named("Back door", "后门"))
    for level in (1, 2):
        yield Door(
            seed, building, f"garage-{level}-door", Named(f"Garage door B{level}", f"地下{level}层单元门")
        )
    for number in (1, 2):
        yield Door(
            seed, building, f"stair-{number}-door", Named(f"Stair door {number}", f"{number}号楼梯间门")
        )
    yield Door(seed, building, "bike-door", Named("Bicycle room door", "非机动车库门"))
    yield Door(seed, building, "gate", Named("Garden gate", "园区侧门"))


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))

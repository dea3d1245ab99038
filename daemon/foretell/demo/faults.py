"""What truly goes wrong in the demo, and what only looks like it: the ground truth, drawn from the seed.

A fault grows from its onset; `noticed` is the instant at which an owner would have picked up the phone.
Nothing here knows how anything is found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from foretell.demo.estate import BUILDINGS, DAY, HOUR, MINUTE, START, STEP, Door, Estate, Lift, Message, Named


class Fault(NamedTuple):
    """Something that wears out. `modes` are the names of this failure that a ticket may bear."""

    name: Named
    device: str
    modes: tuple[str, ...]
    onset: float
    noticed: float
    bear: Callable[[Estate, float], None]

    def severity(self, at: float) -> float:
        """0 before the onset, 1 when an owner notices, and a little worse after."""
        return min(1.2, max(0.0, (at - self.onset) / (self.noticed - self.onset)))


class LookAlike(NamedTuple):
    """Something that happens in any estate and is nobody's fault. No devices: it touches all of them."""

    name: Named
    devices: tuple[str, ...]
    start: float
    end: float
    bear: Callable[[Estate, bool], None]

    def touches(self, device: str) -> bool:
        return not self.devices or device in self.devices


class Outage(NamedTuple):
    """A gateway that loses the line: what its devices say is kept back and comes late, all at once."""

    devices: tuple[str, ...]
    start: float
    end: float


class Burst(NamedTuple):
    """A box that sends its last messages again and again."""

    device: str
    at: float
    times: int


class Truth(NamedTuple):
    """Everything that was decided before the first message."""

    faults: tuple[Fault, ...]
    look_alikes: tuple[LookAlike, ...]
    outage: Outage
    burst: Burst

    def bear(self, estate: Estate, at: float) -> None:
        """Bring the estate into the state that it has at `at`."""
        for fault in self.faults:
            if at >= fault.onset:
                fault.bear(estate, fault.severity(at))
        for each in self.look_alikes:
            if each.start <= at <= each.end + STEP:
                each.bear(estate, at < each.end)


def decide(seed: int, estate: Estate) -> Truth:
    """The ground truth of a run."""
    rng = random.Random(f"{seed}/truth")
    lifts = rng.sample(sorted(estate.lifts), 4)
    doors = rng.sample(sorted(estate.doors), 3)
    circuit = rng.choice(sorted(estate.circuits))
    faults = (
        _operator(rng, lifts[0]),
        _lamps(rng, circuit, estate.circuits[circuit].lamps),
        _closer(rng, doors[0]),
        _lock(rng, doors[1]),
    )
    outage = _outage(rng, estate)
    burst = Burst(lifts[3], _day(rng, 6, 12) + 12 * HOUR, 12)
    look_alikes = (
        _removal(rng, lifts[1], doors[2]),
        _heat(rng),
        _sag(rng, estate),
        _late(outage),
        _repeated(burst),
        _glitch(rng, lifts[2]),
    )
    return Truth(faults, look_alikes, outage, burst)


def _day(rng: random.Random, first: int, last: int) -> int:
    return START + rng.randint(first, last) * DAY


def _span(rng: random.Random, shortest: float, longest: float) -> tuple[float, float]:
    """Onset in the second week's beginning, and the instant at which somebody notices."""
    onset = START + rng.uniform(6.3, 7.4) * DAY
    return onset, onset + rng.uniform(shortest, longest) * DAY


def _operator(rng: random.Random, lift: str) -> Fault:
    def bear(estate: Estate, severity: float) -> None:
        estate.lifts[lift].drag = 1.6 * severity**1.2

    name = Named("door operator wears", "门机磨损,关门变慢")
    return Fault(name, lift, ("door-operator",), *_span(rng, 5.0, 6.0), bear)


def _lamps(rng: random.Random, circuit: str, lamps: int) -> Fault:
    enough = -(-lamps // 3)  # a third of them dark: people see it

    def bear(estate: Estate, severity: float) -> None:
        estate.circuits[circuit].dead = 1 + int(severity * (enough - 1))

    name = Named("lamps die one after another", "灯具陆续损坏")
    return Fault(name, circuit, ("lamp",), *_span(rng, 4.5, 6.0), bear)


def _closer(rng: random.Random, door: str) -> Fault:
    def bear(estate: Estate, severity: float) -> None:
        estate.doors[door].slack = 3.4 * severity

    name = Named("door closer loses its oil", "闭门器漏油")
    return Fault(name, door, ("door-closer",), *_span(rng, 5.0, 6.0), bear)


def _lock(rng: random.Random, door: str) -> Fault:
    def bear(estate: Estate, severity: float) -> None:
        estate.doors[door].coil_loss = 0.34 * severity

    name = Named("lock coil fails", "锁体线圈劣化")
    return Fault(name, door, ("lock",), *_span(rng, 5.0, 6.0), bear)


def _removal(rng: random.Random, lift: str, door: str) -> LookAlike:
    def bear(estate: Estate, on: bool) -> None:
        estate.lifts[lift].obstruction = 0.18 if on else 0.0
        estate.doors[door].propped = 0.3 if on else 0.0

    start = _day(rng, 7, 11) + 8.5 * HOUR
    name = Named("a household moves out", "住户搬家,门被长时间挡住")
    return LookAlike(name, (lift, door), start, start + 9 * HOUR, bear)


def _heat(rng: random.Random) -> LookAlike:
    def bear(estate: Estate, on: bool) -> None:
        estate.heat = 4.0 if on else 0.0

    start = _day(rng, 7, 11) + 12 * HOUR
    return LookAlike(Named("a hot afternoon", "高温的下午"), (), start, start + 7 * HOUR, bear)


def _sag(rng: random.Random, estate: Estate) -> LookAlike:
    building = rng.choice(BUILDINGS)

    def bear(estate: Estate, on: bool) -> None:
        estate.sag[building] = 0.12 if on else 0.0

    start = _day(rng, 6, 11) + rng.uniform(19.5, 22.0) * HOUR
    touched = tuple(each.name for each in estate.circuits.values() if each.building == building)
    return LookAlike(
        Named("mains voltage sags for two hours", "电压暂降两小时"), touched, start, start + 2 * HOUR, bear
    )


def _outage(rng: random.Random, estate: Estate) -> Outage:
    building = rng.choice(BUILDINGS)
    served: list[Lift | Door] = [*estate.lifts.values(), *estate.doors.values()]
    start = _day(rng, 6, 12) + rng.randrange(9 * HOUR, 20 * HOUR, STEP)
    end = start + rng.randrange(30 * MINUTE, 50 * MINUTE, STEP)
    return Outage(tuple(each.name for each in served if each.building == building), start, end)


def _late(outage: Outage) -> LookAlike:
    name = Named("gateway loses the line, backlog comes late", "网关短时断线,数据补传")
    return LookAlike(name, outage.devices, outage.start, outage.end, _nothing)


def _repeated(burst: Burst) -> LookAlike:
    name = Named("box sends everything twelve times", "终端重复上报十二遍")
    return LookAlike(name, (burst.device,), burst.at, burst.at + STEP, _nothing)


def _glitch(rng: random.Random, lift: str) -> LookAlike:
    def bear(estate: Estate, on: bool) -> None:
        estate.lifts[lift].glitch = on

    start = _day(rng, 6, 12) + rng.randrange(8 * HOUR, 20 * HOUR, STEP)
    return LookAlike(Named("one wild reading", "一次异常读数"), (lift,), start, start + STEP, bear)


def _nothing(estate: Estate, on: bool) -> None:
    """It happens on the wire, not in the device."""


class Wire:
    """The way from the devices to the broker, with the truth's outage and burst on it."""

    def __init__(self, truth: Truth) -> None:
        self._outage, self._burst = truth.outage, truth.burst
        self._kept: list[Message] = []
        self._recent: list[Message] = []
        self._gone: dict[str, str] = {}

    def carry(self, at: float, messages: Sequence[Message]) -> list[Message]:
        """What arrives at the broker at this step."""
        arrived = self._keep_back(at, messages)
        return arrived + self._repeat(at, arrived)

    def _keep_back(self, at: float, messages: Sequence[Message]) -> list[Message]:
        if not self._outage.start <= at:
            return list(messages)
        if at < self._outage.end:
            mine = [m for m in messages if _device(m) in self._outage.devices]
            self._kept += mine
            return [*self._wills(), *(m for m in messages if m not in mine)]
        late, self._kept = self._kept, []
        back = [Message(topic, "online", retain=True) for topic in self._gone.values()]
        self._gone = {}
        return [*back, *late, *messages]

    def _wills(self) -> list[Message]:
        """The broker tells of the lift boxes, which have a last will; the door controllers have none."""
        if self._gone:
            return []
        lifts = [name for name in self._outage.devices if "-lift-" in name]
        self._gone = {name: f"site/{name[0]}/elevator/{name}/status" for name in lifts}
        return [Message(topic, "offline", retain=True) for topic in self._gone.values()]

    def _repeat(self, at: float, arrived: Sequence[Message]) -> list[Message]:
        if at > self._burst.at:
            return []
        self._recent = (self._recent + [m for m in arrived if _device(m) == self._burst.device])[-18:]
        return self._recent * self._burst.times if at >= self._burst.at else []


def _device(message: Message) -> str:
    return message.topic.split("/")[3]

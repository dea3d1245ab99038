"""The same for conditions that learn from samples: of the past, of a trend, of siblings, of habits.

What they learn from is spread on purpose, in a fixed pattern rather than by chance: so the scale that they
find is known, and an example that is just short of a limit is so every time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from foretell.engine.drifting import CUSUM, Drift
from foretell.engine.expecting import HOUR, Expected, ExpectedSilence
from foretell.engine.peering import SETTLE, Peers
from foretell.engine.trending import BUCKETS, Forecast, Rate
from foretell.lab.behaviours import (
    BAD,
    GOOD,
    HAIR,
    SHORT,
    Cannot,
    Happenings,
    Lines,
    World,
    base,
    check_range,
    count_up,
    cycle,
    flat,
    gap,
    hair,
    quantity,
    round_down,
    round_up,
    time,
)

SPREAD = (0.0, 1.2, -1.2, 1.0, -1.0)
"""A pattern whose median is 0 and whose median absolute deviation is 1, from any start and thinned evenly."""

TO_SIGMA = 1.4826


class Drifting:
    """A device that moves away from its own past."""

    calm, step, loose = True, 0.0, False

    def __init__(self, drift: Drift, world: World) -> None:
        self.signal = world.signal(drift.signal)
        self.every, self.each = self._pace(drift)
        whole = self.every * self.each
        unit = drift.shift if not drift.in_sigmas else max(hair(self.signal), 1e-6) * drift.shift
        self.spread = unit / (drift.shift * TO_SIGMA) if drift.in_sigmas else unit / 20
        scales = drift.shift if drift.in_sigmas else drift.shift / (self.spread * TO_SIGMA)
        self.factor = 1.0 if drift.method == CUSUM else 2.0
        room = (self.factor + 0.2) * unit + 2 * self.spread
        self.shift = unit if drift.up else -unit
        self.centre = base(
            world, self.signal, *((room, 2 * self.spread) if drift.up else (2 * self.spread, room))
        )
        steps = math.ceil(drift.decision / (scales / 2)) + 3
        self.warm = (max(drift.against * 1.05, drift.at_least * whole * 1.1) + 4 * whole) * (self.factor**2)
        self.rise = (0.0, (steps + 2) * whole)
        falling = math.ceil(2 * drift.decision / (scales / 2)) + 3
        self.fall: tuple[float, float] | None = (0.0, (falling + 2) * whole)

    def _pace(self, drift: Drift) -> tuple[float, int]:
        """Seconds between readings, and how many of them fall into one bucket; gaps hardly teach."""
        most = drift.against / 101
        if not drift.bucket:
            return max(round_down(min(most, drift.against / (drift.at_least + 1))), 0.001), 1
        for count in range(max(1, math.ceil(drift.bucket / most)), 10_000):
            if drift.bucket % count == 0.0:
                return drift.bucket / count, count
        raise Cannot("its bucket cannot be divided into readings")

    def say(self, moods: Sequence[str], length: float) -> Lines:
        move = {GOOD: 0.0, SHORT: 0.4, BAD: self.factor}[moods[0]] * self.shift
        values = [self.centre + move + step * self.spread for step in SPREAD for _ in range(self.each)]
        return {self.signal.name: cycle(values, self.signal, length, self.every)}


class Changing:
    """A value that changes too fast, or too slowly."""

    calm, step, loose = False, 0.0, True

    def __init__(self, rate: Rate, world: World) -> None:
        self.signal = world.signal(rate.signal)
        self.every = max(round_down(rate.over / max(24, 1.5 * min(rate.at_least, 40))), 0.001)
        self.warm = rate.over * 1.1
        self.rise = (0.0, rate.over + 2 * self.every)
        self.fall: tuple[float, float] | None = self.rise
        limit = rate.above if rate.above is not None else rate.below or 0.0
        little = abs(limit) * 0.1 or hair(self.signal) / rate.over
        side = 1.0 if rate.above is not None else -1.0
        good = 0.0 if rate.test(0.0) is False else limit - side * 10 * little
        self.slopes = {GOOD: good, SHORT: limit - side * little, BAD: limit + side * little}
        room = max(abs(slope) for slope in self.slopes.values()) * rate.over
        up = room if max(self.slopes.values()) > 0 else 0.0
        self.start = 0.0 if self.signal.type == "counter" else base(world, self.signal, up, room - up)
        self.value = self.start

    def say(self, moods: Sequence[str], length: float) -> Lines:
        slope, signal = self.slopes[moods[0]], self.signal
        if signal.type == "counter":
            return {signal.name: count_up(max(slope, 0.0) * self.every, signal, length, self.every)}
        if moods[0] == GOOD and not slope:
            self.value = self.start
        value, self.value = self.value, self.value + slope * length
        if not slope:
            return {signal.name: flat(value, signal, length, self.every)}
        check_range(signal, value, self.value)
        ramp = f"ramp {quantity(value, signal)} to {quantity(self.value, signal)}"
        return {signal.name: f"{ramp} over {time(length)} every {time(self.every)}"}


class Foreseen:
    """A trend towards a limit."""

    calm, step, loose = True, 0.0, True

    def __init__(self, forecast: Forecast, world: World) -> None:
        self.signal, self.within = world.signal(forecast.signal), forecast.within
        width = forecast.history / BUCKETS
        self.every = max(round_down(width / 2), 0.001)
        self.warm = max(forecast.at_least, 8 * width) + 2 * width
        self.history = max(forecast.history, forecast.at_least) + 2 * width
        self.rise = (0.0, self.history)
        self.fall: tuple[float, float] | None = (0.0, forecast.history + 4 * width)
        signal, limit = self.signal, forecast.limit
        edge = signal.low if forecast.up else signal.high
        far = abs(limit - edge) * 0.5 if math.isfinite(edge) else max(abs(limit) * 0.25, 1.0)
        far = min(far, abs(limit) * 0.25 or far)
        self.start = limit - far if forecast.up else limit + far
        if not world.clears(signal.name, self.start):
            raise Cannot("where it is far from its limit the rule does not clear")
        self.gap = limit - self.start

    def say(self, moods: Sequence[str], length: float) -> Lines:
        signal = self.signal
        if moods[0] == GOOD:
            return {signal.name: flat(self.start, signal, length, self.every)}
        reach = self.history + 0.5 * self.within if moods[0] == BAD else length + 4 * self.within
        end = self.start + self.gap * length / reach
        check_range(signal, end)
        ramp = f"ramp {quantity(self.start, signal)} to {quantity(end, signal)}"
        return {signal.name: f"{ramp} over {time(length)} every {time(self.every)}"}


class Apart:
    """A device among its siblings, from which it moves away."""

    calm, step, loose = True, 0.0, True

    def __init__(self, peers: Peers, world: World) -> None:
        self.signal, self.peers = world.signal(peers.signal), peers
        if peers.form == "sigma" and peers.limit < 2:
            raise Cannot("its siblings would be apart themselves")
        bucket = peers.bucket
        self.every = max(round_down(bucket / 12), 0.001)
        self.warm = bucket * 2.3
        self.rise = (0.0, bucket * (2 + 2 * SETTLE) + 2 * self.every)
        self.fall: tuple[float, float] | None = self.rise
        self.counter = self.signal.type == "counter"
        size = max(peers.at_least, 5)
        self.siblings = self._names(world, size - 1)
        usual, limit = self._usual(world)
        side = -1.0 if peers.side == "down" else 1.0
        offsets = [2 * index / (size - 2) - 1 for index in range(size - 1)]
        self.usual, self.values = usual, [usual + offset * self.spread for offset in offsets]
        sigma = TO_SIGMA * statistics.median(abs(value - usual) for value in self.values)
        limit = max(peers.limit * sigma if peers.form == "sigma" else limit, peers.beyond)
        far = 1.1 * limit
        if self.counter and side < 0 and limit < usual < far:  # it cannot be less than nothing
            far = (limit + usual) / 2
        self.own = {GOOD: usual, SHORT: usual + side * 0.9 * limit, BAD: usual + side * far}
        if not self.counter:
            check_range(self.signal, *self.own.values(), *self.values)
        elif min(*self.own.values(), *self.values) < 0:
            raise Cannot("a counter would have to fall")

    def _usual(self, world: World) -> tuple[float, float]:
        """A usual value, and how far from it is too far; sets how far the siblings spread."""
        peers = self.peers
        if peers.form == "unit":
            self.spread = peers.limit / 100
            usual = 10 * max(peers.limit, peers.beyond)
            return (
                usual if self.counter else base(world, self.signal, 1.2 * usual / 10, 1.2 * usual / 10)
            ), peers.limit
        guess = 100 * max(peers.beyond, 1.0) if self.counter else base(world, self.signal)
        if peers.form == "share":
            self.spread = abs(guess) * peers.limit / 100
            return guess, abs(guess) * peers.limit
        self.spread = max(abs(guess), hair(self.signal)) * HAIR
        return guess, 0.0

    def _names(self, world: World, count: int) -> list[str]:
        name = self.signal.name
        if self.peers.among == "parts":
            return [f"{name}@{index + 2}" for index in range(count)]
        return [f"{world.device}{index + 2} {name}" for index in range(count)]

    def say(self, moods: Sequence[str], length: float) -> Lines:
        lines = zip((self.signal.name, *self.siblings), (self.own[moods[0]], *self.values), strict=True)
        return {name: self._line(value, length) for name, value in lines}

    def _line(self, value: float, length: float) -> str:
        if self.counter:
            return count_up(value * self.every / self.peers.bucket, self.signal, length, self.every)
        return flat(value, self.signal, length, self.every)


class Unusual:
    """An hour that is not as this hour of the week usually is."""

    calm, step, loose = True, HOUR, False

    def __init__(self, expected: Expected, world: World) -> None:
        self.signal, self.expected = world.signal(expected.signal), expected
        self.warm = max(expected.learn, 7 * 24 * HOUR) * 1.02 + 2 * HOUR
        self.rise = (0.0, 3 * HOUR)
        self.fall: tuple[float, float] | None = (0.0, 4 * HOUR)
        side, limit = (1.0 if expected.side == "up" else -1.0), expected.limit
        if self.signal.type == "gauge":
            self.every, self.each = HOUR / 3, 3
            room = limit if expected.form == "unit" else 0.0
            self.usual = base(world, self.signal, *((2 * room, 0.0) if side > 0 else (0.0, 2 * room)))
            self.spread = room / 20 if room else max(abs(self.usual), hair(self.signal)) * HAIR
            far = {"unit": limit, "share": limit * abs(self.usual), "sigma": limit * 1.8 * self.spread}
            reach = 0.4 if expected.form == "sigma" else 0.2
            move = far[expected.form]
            self.values = {
                GOOD: 0.0,
                SHORT: side * (1 - 2 * reach) * move,
                BAD: side * (1 + 2 * reach) * move,
            }
            check_range(self.signal, *(self.usual + value for value in self.values.values()))
        else:
            self._counts(world, side, limit)

    def _counts(self, world: World, side: float, limit: float) -> None:
        """How often it happens in an hour: usually, a little less unusual than asked, a little more."""
        form = self.expected.form
        self.happenings = Happenings(self.signal, world, (), None, None)
        usual = {"unit": 3 * limit, "share": 12.0, "sigma": 12.0 if side > 0 else (1.5 * limit) ** 2 + 4}[
            form
        ]
        move = {"unit": limit, "share": limit * usual, "sigma": limit * math.sqrt(usual)}[form]
        if self.signal.type == "event" and usual > 60:
            raise Cannot("it would take more events than an example should have")
        if usual + side * 1.6 * move < 0:
            raise Cannot("what it asks is that less than nothing happens")
        self.values = {
            GOOD: usual,
            SHORT: usual + side * 0.5 * move,
            BAD: usual + side * (1.6 * move + (side > 0)),
        }

    def say(self, moods: Sequence[str], length: float) -> Lines:
        value, signal = self.values[moods[0]], self.signal
        if signal.type == "gauge":
            spread = [step * self.spread for step in (0.0, 0.5, -0.5, 1.0, -1.0)]
            values = [self.usual + value + step for step in spread for _ in range(self.each)]
            return {signal.name: cycle(values, signal, length, self.every)}
        if signal.type == "counter":
            return {signal.name: count_up(value / 6, signal, length, HOUR / 6)}
        if value < 0.5:
            return {signal.name: gap(length)}
        return {signal.name: self.happenings.often(length, round_up(HOUR / value))}


class UnusualSilence:
    """Nothing happens for longer than is usual."""

    calm, step, loose = True, 0.0, False

    def __init__(self, expected: ExpectedSilence, world: World) -> None:
        self.happenings = Happenings(world.signal(expected.signal), world, (), None, None)
        self.every = 600.0
        odd = -math.log(expected.chance) * self.every
        self.warm = max(expected.learn, 7 * 24 * HOUR) * 1.02
        self.rise = (max(odd, expected.at_least) - self.every, max(odd * 2.2, expected.at_least) + self.every)
        self.fall: tuple[float, float] | None = (0.0, self.every)
        self.slow = round_down(max(odd, expected.at_least) * 0.6)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        name = self.happenings.signal.name
        if moods[0] == BAD:
            return {name: self.happenings.never(length, self.every)}
        return {name: self.happenings.often(length, self.every if moods[0] == GOOD else self.slow)}

"""How a device speaks that is well, just short of bad, or bad by a condition, in the notation of tests.

One class for each class of condition, made from its parameters alone: from the limits that the rule has
today, so that an edited rule has other examples. `GOOD` makes the condition false, `BAD` true by a little,
`SHORT` leaves it false by a little. What cannot be said so is refused with the reason (`Cannot`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from foretell.engine.counting import Count
from foretell.engine.facts import Value
from foretell.engine.following import Asked, Then
from foretell.engine.levels import Level, Silent
from foretell.engine.rule import ClearWhen
from foretell.engine.standing import Flapping, Stuck
from foretell.engine.wearing import Used
from foretell.site.kinds import BUILT_IN, REJECTED, Kind, Signal

GOOD, SHORT, BAD = "good", "short", "bad"

HAIR = 0.01
"""How far beyond a limit is a little: this part of it."""

MINUTE, HOUR = 60.0, 3600.0
WEIGHTS_MAX = 40
"""Readings into which a large count is divided."""

CYCLES = 20
"""Causes that follow one another in the time over which it is counted how often nothing came of them."""

OPERATIONS_MAX = 200
"""Readings into which a number of operations is divided."""

Lines = dict[str, str]
"""By the name of a line, the segments of one phase."""


class Cannot(Exception):
    """No example can be made; the message says why."""


class World(NamedTuple):
    """What a behaviour has to fit into: the kind's signals, how the rule clears, what would hold it back."""

    kind: Kind
    clear: ClearWhen | None
    mutes: tuple[Level, ...]
    device: str
    asked: frozenset[str]
    """The signals that the rule asks about."""
    pace: float
    """Seconds that must lie between two readings of what may be said at any pace."""

    def signal(self, name: str) -> Signal:
        try:
            return self.kind.signals[name]
        except KeyError:
            raise Cannot(f"the kind '{self.kind.name}' has no signal '{name}'") from None

    def clears(self, signal: str, value: Value) -> bool:
        level = self.clear.level if self.clear else None
        return level is None or level.signal != signal or level.test(value)

    def muted(self, signal: str, value: Value) -> bool:
        return any(level.test(value) for level in self.mutes if level.signal == signal)


class Behaviour(Protocol):
    """The example of a condition. `rise` and `fall` say within which seconds (least, most) after the
    beginning of a phase the verdict follows; `fall` is None for what only a repair ends."""

    warm: float
    rise: tuple[float, float]
    fall: tuple[float, float] | None
    calm: bool
    """It must have been good before it can be bad."""
    step: float
    """Phases must last a multiple of this, if it is not 0."""
    every: float
    """Seconds between two readings, as far as it depends on how often it is heard (else inf)."""
    loose: bool
    """It may speak more often than that."""

    def say(self, moods: Sequence[str], length: float) -> Lines:
        """The segments of one phase, with a mood for each of its conditions."""
        ...


# -- words of the notation --------------------------------------------------------------------------


def time(seconds: float) -> str:
    """A duration as people write it, to the millisecond."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{round(seconds, 3):.10g} s"


def quantity(value: float, signal: Signal) -> str:
    text = f"{value:.9g}"
    return f"{text} {signal.unit}" if signal.unit else text


def flat(value: Value, signal: Signal, length: float, every: float) -> str:
    if isinstance(value, str):
        return f"flat {word(value)} for {time(length)}"
    return f"flat {quantity(value, signal)} for {time(length)} every {time(every)}"


def cycle(values: Iterable[Value], signal: Signal, length: float, every: float) -> str:
    spelt = " ".join(word(value) if isinstance(value, str) else quantity(value, signal) for value in values)
    return f"values {spelt} every {time(every)} for {time(length)}"


def count_up(step: float, signal: Signal, length: float, every: float) -> str:
    return f"count up {quantity(step, signal)} every {time(every)} for {time(length)}"


def word(text: str) -> str:
    return f"'{text}'" if " " in text or "," in text else text


def gap(length: float) -> str:
    return f"gap {time(length)}"


def round_up(seconds: float) -> float:
    """A whole number of seconds, or of milliseconds where that is little."""
    return float(math.ceil(seconds - 1e-9)) if seconds > 10 else math.ceil(seconds * 1000 - 1e-6) / 1000


def round_down(seconds: float) -> float:
    return float(math.floor(seconds + 1e-9)) if seconds > 10 else math.floor(seconds * 1000 + 1e-6) / 1000


# -- values -----------------------------------------------------------------------------------------


def hair(signal: Signal, *limits: float) -> float:
    """A little, on the scale of the limits: or of the signal's range, where they are nought."""
    size = max((abs(limit) for limit in limits), default=0.0)
    if size == 0.0:
        size = (signal.high - signal.low) / 10 if math.isfinite(signal.high - signal.low) else 1.0
    return size * HAIR


def base(world: World, signal: Signal, room_up: float = 0.0, room_down: float = 0.0) -> float:
    """A usual value with room for what is to come; one that clears the rule, if it clears by this signal."""
    level = world.clear.level if world.clear else None
    if level is not None and level.signal == signal.name and not level.states:
        margin = max(room_up, room_down) * 0.1 + hair(signal, level.above or level.below or 0.0)
        value = level.below - margin if level.below is not None else (level.above or 0.0) + margin
    elif math.isfinite(signal.low) and math.isfinite(signal.high):
        room = signal.high - signal.low - room_up - room_down
        value = signal.low + room_down + 0.4 * room
    elif math.isfinite(signal.low):
        value = signal.low + room_down + max(abs(signal.low), room_up, 1.0)
    else:
        value = 2.0 * max(room_up, room_down, 1.0)
    check_range(signal, value - room_down, value + room_up)
    return value


def check_range(signal: Signal, *values: float) -> None:
    for value in values:
        if not signal.low <= value <= signal.high:
            span = f"{signal.low:g} to {signal.high:g} {signal.unit}".strip()
            raise Cannot(f"the example would leave what '{signal.name}' can say ({span})")


def other_word(signal: Signal, *words: str) -> str:
    """A word of the signal that is none of these."""
    known = [value for value in signal.values if value not in words]
    if known:
        return known[0]
    if signal.values:
        raise Cannot(f"every word of '{signal.name}' is bad")
    return "other"


# -- what stands ------------------------------------------------------------------------------------


class Levels:
    """One or several levels of one signal: a value at which each of them is as it should be."""

    warm, rise, calm, step, loose = 0.0, (0.0, 0.0), False, 0.0, True
    fall: tuple[float, float] | None = (0.0, 0.0)

    def __init__(self, levels: Sequence[Level], world: World) -> None:
        self.levels, self.world = levels, world
        self.signal = world.signal(levels[0].signal)
        limits = [limit for level in levels for limit in (level.above, level.below) if limit is not None]
        self.limits = sorted(set(limits))
        self.hair = hair(self.signal, *limits)
        self.every = world.pace

    def say(self, moods: Sequence[str], length: float) -> Lines:
        return {self.signal.name: flat(self.pick(moods), self.signal, length, self.every)}

    def pick(self, moods: Sequence[str]) -> Value:
        near = any(mood != GOOD for mood in moods)
        candidates = self._words(moods) if not self.signal.numeric else self._numbers(near)
        fits = [value for value in candidates if self._fits(value, moods)]
        if not fits:
            raise Cannot(f"no value of '{self.signal.name}' is as all of its conditions ask")
        clear = [value for value in fits if self.world.clears(self.signal.name, value)]
        return (fits if near else clear or fits)[0]

    def _fits(self, value: Value, moods: Sequence[str]) -> bool:
        signal = self.signal
        if isinstance(value, float) and not signal.low <= value <= signal.high:
            return False
        if self.world.muted(signal.name, value):
            return False
        return all(
            level.test(value) is (mood == BAD) and (mood == GOOD or self._near(value, level))
            for level, mood in zip(self.levels, moods, strict=True)
        )

    def _near(self, value: Value, level: Level) -> bool:
        if isinstance(value, str) or len(self.levels) > 1:
            return True
        return any(
            abs(value - limit) <= 1.1 * self.hair for limit in (level.above, level.below) if limit is not None
        )

    def _numbers(self, near: bool) -> list[float]:
        little = [limit + side * self.hair for limit in self.limits for side in (1, -1)]
        far = [limit + side * 10 * self.hair for limit in self.limits for side in (-1, 1)]
        middle = [(low + high) / 2 for low, high in zip(self.limits, self.limits[1:], strict=False)]
        level = self.world.clear.level if self.world.clear else None
        if level is not None and level.signal == self.signal.name:
            edges = [limit for limit in (level.above, level.below) if limit is not None]
            far += [limit + side * self.hair for limit in edges for side in (-1, 1)]
        return [*little, *self.limits, *middle, *far] if near else [*middle, *far, *little, *self.limits]

    def _words(self, moods: Sequence[str]) -> Sequence[str]:
        named = [state for level in self.levels for state in level.states]
        words = self.signal.values or (*named, "other")
        return tuple(reversed(words)) if SHORT in moods else words


class Silence:
    """A device, or a signal of it, that says nothing."""

    warm, calm, step, loose = 0.0, True, 0.0, False
    fall: tuple[float, float] | None = (0.0, 0.0)

    def __init__(self, silent: Silent, world: World) -> None:
        self.limit, self.world = silent.limit, world
        self.signal = world.signal(silent.signal) if silent.signal else _talkative(world)
        self.every = round_down(max(silent.limit / 4, 0.001))
        self.warm = 2 * self.every
        self.rise = (silent.limit - self.every, silent.limit)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        if moods[0] == BAD:
            return {self.signal.name: gap(length)}
        every = self.every if moods[0] == GOOD else round_down(self.limit * (1 - 5 * HAIR))
        return {self.signal.name: cycle([_any_value(self.signal, self.world)], self.signal, length, every)}


def _talkative(world: World) -> Signal:
    """A signal that the device may speak with, and that the rule does not ask about."""
    for signal in world.kind.signals.values():
        if signal.name not in BUILT_IN and signal.name not in world.asked:
            return signal
    if REJECTED in world.asked:
        raise Cannot("there is no other signal that the device could speak with")
    return world.signal(REJECTED)


def _any_value(signal: Signal, world: World) -> Value:
    if signal.numeric:
        return base(world, signal)
    return signal.values[0] if signal.values else "something"


class StandingStill:
    """A value that should move, and does not."""

    calm, step, loose = False, 0.0, True

    def __init__(self, stuck: Stuck, world: World) -> None:
        self.signal = world.signal(stuck.signal)
        if stuck.at_least > 5000:
            raise Cannot("it asks for more readings than an example should have")
        self.every = every = max(round_down(stuck.over / max(20, 1.5 * stuck.at_least)), 0.001)
        self.warm = 4 * every
        long = max(stuck.over, (stuck.at_least - 1) * every)
        self.rise = (max(0.0, long - every), long + 2 * every)
        self.fall: tuple[float, float] | None = (0.0, 2 * every)
        self.within = stuck.within
        move = 4 * max(stuck.within, hair(self.signal))
        self.at = 0.0 if self.signal.type == "counter" else base(world, self.signal, room_up=move)
        self.move = move

    def say(self, moods: Sequence[str], length: float) -> Lines:
        signal = self.signal
        move = {BAD: 0.0, SHORT: self.within * 1.05 + self.move * 0.01, GOOD: self.move}[moods[0]]
        if signal.type == "counter":
            return {signal.name: count_up(move, signal, length, self.every)}
        if not move:
            return {signal.name: flat(self.at, signal, length, self.every)}
        return {signal.name: cycle([self.at, self.at + move], signal, length, self.every)}


class Worn:
    """A counter that uses up a life."""

    warm, calm, step, loose = MINUTE, False, 0.0, False
    fall: tuple[float, float] | None = None

    def __init__(self, used: Used, world: World) -> None:
        self.signal = world.signal(used.signal)
        self.limit, self.every = used.of * used.at, max(MINUTE, world.pace)
        self.rise = (19 * self.every, 20 * self.every)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        if moods[0] == GOOD:
            return {self.signal.name: count_up(0.0, self.signal, length, self.every)}
        steps = 20 if moods[0] == BAD else math.ceil(length / self.every)
        share = 1.0 + HAIR / 10 if moods[0] == BAD else 1.0 - HAIR
        return {self.signal.name: count_up(self.limit * share / steps, self.signal, length, self.every)}


# -- what happens -----------------------------------------------------------------------------------


class Happenings:
    """Events, a state entered, steps of a counter, a gauge's readings beyond a limit: said in a rhythm.

    `weight` is what one of them counts. A counter's first reading after a good phase is no step.
    """

    def __init__(
        self, signal: Signal, world: World, states: tuple[str, ...], above: float | None, below: float | None
    ) -> None:
        self.signal, self.weight = signal, 1.0
        self.any_change = signal.type == "state" and not states
        self.crosses = signal.type == "state"
        self.bad: Value = ""
        self.good: Value = ""
        if signal.type == "gauge":
            level = Level(signal.name, signal.unit, above, below)
            self.bad, self.good = (Levels([level], world).pick([mood]) for mood in (BAD, GOOD))
        elif signal.type == "state":
            self.bad = next(iter(states), "") or other_word(signal, signal.values[0])
            self.good = other_word(signal, *(states or (self.bad,)))
        elif signal.type == "event":
            self.bad = next(iter((*states, *signal.values)), "something")

    def first(self) -> int:
        """Intervals from the beginning of a phase to the first of them."""
        return 1 if self.signal.type == "counter" else 0

    def often(self, length: float, every: float) -> str:
        signal = self.signal
        if signal.type == "counter":
            return count_up(self.weight, signal, length, every)
        if self.crosses and signal.type != "event":
            return cycle([self.bad, self.good], signal, length, every if self.any_change else every / 2)
        return cycle([self.bad], signal, length, every)

    def never(self, length: float, every: float) -> str:
        signal = self.signal
        if signal.type == "event":
            return gap(length)
        if signal.type == "counter":
            return count_up(0.0, signal, length, every)
        return flat(self.good, signal, length, every)


def rhythm(most: float, over: float) -> float:
    """How far apart things must lie that at most so many of them fall into a window closed at both ends."""
    return over / (most - 0.5) if most >= 2 else over * 1.2


class Counted:
    """Too many in a time, or in a number of operations."""

    calm, step, every, loose = False, 0.0, math.inf, False

    def __init__(self, count: Count, world: World) -> None:
        self.what = what = Happenings(
            world.signal(count.signal), world, count.states, count.above, count.below
        )
        if what.signal.type == "counter":
            what.weight = float(max(1, math.ceil(count.limit / WEIGHTS_MAX)))
        self.unheard = count.absence  # that something does not happen is only known of what was heard once
        self.operations = Operations(count, world) if count.operations else None
        self.over = over = self.operations.over if self.operations else count.over
        slack = 1.0 if self.operations else 0.0
        need = math.ceil(count.limit / what.weight)
        most = math.floor((count.limit - 1) / what.weight)
        self.fast = max(round_down(over / (need + 0.5 + slack)), 0.002)
        self.slow = round_up(rhythm(most, over) * (1 + slack / 10)) if most else 0.0
        self.idle = max(round_up(over / 4), world.pace)
        reached = (need - 1 + what.first()) * self.fast
        self.warm = over * 1.1 if self.operations or count.absence else 2 * self.idle
        self.rise = (
            reached,
            reached + slack * (self.fast + self.operations.every if self.operations else 0.0),
        )
        self.fall: tuple[float, float] | None = (0.0, over * (1 + slack / 10) + self.fast + self.idle * slack)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        what, mood = self.what, moods[0]
        if mood == GOOD or (mood == SHORT and not self.slow):
            said = what.never(length, self.idle)
            if self.unheard and what.signal.type == "event":
                said = f"once {word(str(what.bad))}, {said}"
        else:
            said = what.often(length, self.fast if mood == BAD else self.slow)
        self.unheard = False
        lines = {what.signal.name: said}
        return lines | self.operations.say(length) if self.operations else lines


class Operations:
    """The operations that something is counted by, which go on whatever happens."""

    def __init__(self, count: Count, world: World) -> None:
        self.signal = world.signal(count.operation_signal)
        if count.operation_signal == count.signal:
            raise Cannot("one signal is counted by itself")
        self.weight = 1.0
        if self.signal.type == "counter":
            self.weight = float(max(1, math.floor(count.operations / OPERATIONS_MAX)))
        elif count.operations > 10 * OPERATIONS_MAX:
            raise Cannot("it counts by more operations than an example should have")
        self.every = 10.0
        self.over = count.operations / self.weight * self.every
        self.value: Value = _any_value(self.signal, world)

    def say(self, length: float) -> Lines:
        if self.signal.type == "counter":
            return {self.signal.name: count_up(self.weight, self.signal, length, self.every)}
        return {self.signal.name: cycle([self.value], self.signal, length, self.every)}


class ToAndFro:
    """A state that changes, or a gauge that crosses its limit, too often."""

    calm, step, every, loose = False, 0.0, math.inf, False

    def __init__(self, flapping: Flapping, world: World) -> None:
        signal = world.signal(flapping.signal)
        self.what = Happenings(signal, world, (), flapping.above, flapping.below)
        most = flapping.at_least - 1
        self.fast = max(round_down(flapping.over / (flapping.at_least + 0.5)), 0.001)
        self.slow = round_up(rhythm(most, flapping.over)) if most else 0.0
        self.idle = max(round_up(flapping.over / 4), world.pace)
        self.warm = self.idle
        reached = (flapping.at_least - 1) * self.fast
        self.rise = (reached, reached)
        self.fall: tuple[float, float] | None = (0.0, flapping.over + 2 * self.fast)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        what, signal = self.what, self.what.signal
        if moods[0] == GOOD or (moods[0] == SHORT and not self.slow):
            return {signal.name: what.never(length, self.idle)}
        every = self.fast if moods[0] == BAD else self.slow
        both = [what.bad] if signal.type == "event" else [what.bad, what.good]
        return {signal.name: cycle(both, signal, length, every)}


class Unanswered:
    """One thing that is not followed by another in time."""

    calm, every, loose = False, math.inf, False

    def __init__(self, then: Then, world: World) -> None:
        wanted, follows = then.asked()
        self.cause = _asked(wanted, world.signal(then.signal), world)
        self.follow = _asked(follows, world.signal(then.follow_signal), world)
        self.within, self.alone = then.within, then.signal == then.follow_signal
        step = 2.5 * then.within
        if then.over:  # seldom, so that a long time needs few examples
            most = then.over / (then.at_least + 0.5)
            step = min(most, max(step, then.over / CYCLES))
        if step < 1.4 * then.within:
            raise Cannot("so many can hardly be missed in so short a time")
        self.step = round_down(step)
        if self.alone and self.cause.signal.type not in ("event", "state"):
            raise Cannot("one signal is to follow itself")
        self.warm = 2 * self.step
        missed = (then.at_least - 1) * self.step + then.within
        self.rise = (missed, missed + self.step * self.follow.first())
        self.fall: tuple[float, float] | None = (0.0, then.over + 2 * self.step)

    def say(self, moods: Sequence[str], length: float) -> Lines:
        cause, follow, mood = self.cause, self.follow, moods[0]
        wait = self.within * {GOOD: 0.3, SHORT: 1 - 5 * HAIR, BAD: 1.3}[mood]
        if self.alone:
            return {cause.signal.name: self._alone(wait, mood, length)}
        lines = {cause.signal.name: cause.often(length, self.step)}
        if mood == BAD:
            return lines | {follow.signal.name: follow.never(length, self.step)}
        before = round_down(wait)
        silent, said = follow.never(before, self.step), follow.often(length - before, self.step)
        return lines | {follow.signal.name: f"{silent}, {said}"}

    def _alone(self, wait: float, mood: str, length: float) -> str:
        """Both on one line; a state comes late rather than never, or it could not be left again."""
        before = round_down(wait)
        said = f"once {word(str(self.cause.bad))}, {gap(before)}"
        if mood != BAD or self.cause.signal.type == "state":
            said += f", once {word(str(self.follow.bad))}"
        return ", ".join([f"{said}, {gap(self.step - before)}"] * max(1, round(length / self.step)))


def _asked(asked: Asked, signal: Signal, world: World) -> Happenings:
    happenings = Happenings(signal, world, asked.states, asked.above, asked.below)
    happenings.crosses = True
    return happenings


class Joint:
    """Several conditions on one signal: what makes one of them good or bad is left to tell on the others."""

    def __init__(self, members: Sequence[Behaviour], driver: int) -> None:
        self.members, self.driver = members, members[driver]
        self.warm = max(each.warm for each in members)
        self.calm = any(each.calm for each in members)
        self.step = max(each.step for each in members)
        self.every, self.loose = min(each.every for each in members), False
        if self.driver.loose:
            self.driver.every = min(self.every, self.driver.every)
        self.rise, self.fall = self.driver.rise, self.driver.fall

    def turn(self, wanted: Sequence[bool]) -> None:
        """These of its conditions are to turn together: its times are theirs."""
        turning = [each for each, bad in zip(self.members, wanted, strict=True) if bad]
        if turning != [self.driver]:
            falls = [each.fall for each in turning]
            self.rise = (0.0, max(each.rise[1] for each in turning))
            self.fall = None if None in falls else (0.0, max(fall[1] for fall in falls if fall))

    def say(self, moods: Sequence[str], length: float) -> Lines:
        mood = next((mood for mood in (SHORT, BAD) if mood in moods), GOOD)
        return self.driver.say([mood], length)

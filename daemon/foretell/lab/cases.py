"""Tests that no one has to write: of every rule, made from its own limits and times.

For each condition that can decide the rule the others are put where the rule hangs on it alone, and it is
taken just over its limit and just short of it. `just above` must open, and not before `for` has passed;
`just short` and `normal` must not. The rest is about what any rule has to bear: a gap, every reading twice,
readings out of order, a restart while `for` runs, a device that goes offline, one that never speaks.
A case that cannot be made is said with the reason, never left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from foretell.engine.conditions import Condition, Node, judge
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected, ExpectedSilence
from foretell.engine.facts import OFFLINE, ONLINE, Verdict
from foretell.engine.following import Then
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers
from foretell.engine.rule import ANY_KIND, Rule
from foretell.engine.rulebook.words import ExpectModel, TestModel
from foretell.engine.standing import Flapping, Stuck
from foretell.engine.trending import Forecast, Rate
from foretell.engine.wearing import Used
from foretell.lab.behaviours import (
    BAD,
    GOOD,
    SHORT,
    Behaviour,
    Cannot,
    Counted,
    Joint,
    Levels,
    Silence,
    StandingStill,
    ToAndFro,
    Unanswered,
    World,
    Worn,
    gap,
    round_up,
    time,
)
from foretell.lab.behaviours_learned import (
    Apart,
    Changing,
    Drifting,
    Foreseen,
    Unusual,
    UnusualSilence,
)
from foretell.lab.hinges import Draft, Phase, Stage, Wanted, by_signal, hinges, judged
from foretell.lab.hours import local, open_for, stretches_of, unix, whole_minute
from foretell.lab.trial import START, fitting, read_case, run
from foretell.site.calendars import Hours, Zone
from foretell.site.kinds import ANY, Kind

READINGS_MAX = 40_000
"""Readings of one generated case; one that would need more is not made."""

READINGS_AIM = 1_000
"""About as many readings a signal has that may be said at any pace."""

MARGIN = 60.0
"""Seconds that a phase lasts at least, and that are added where something must have happened."""

LINES_MAX = 60

MAKERS: Mapping[type, Callable[..., Behaviour]] = {
    Silent: Silence, Count: Counted, Flapping: ToAndFro, Stuck: StandingStill, Used: Worn, Then: Unanswered,
    Drift: Drifting, Rate: Changing, Forecast: Foreseen, Peers: Apart, Expected: Unusual,
    ExpectedSilence: UnusualSilence,
}  # fmt: skip


FADING = (Level, Rate, Drift, Forecast, Stuck, Peers, Expected)
"""Conditions that are unknown once their signal was not heard for long."""


class Generated(NamedTuple):
    """A case made from a rule, or the reason why there is none (`skipped`).

    `twice` asks that every reading comes twice. With `like` it must say exactly what the first case whose
    name begins so says. Of one that is `guessed` a failure shows nothing.
    """

    name: str
    model: TestModel | None = None
    skipped: str = ""
    like: str = ""
    twice: bool = False
    guessed: bool = False


def generate(rule: Rule, kind: Kind, zone: Zone) -> Iterator[Generated]:
    """The cases of one rule, each as the test that an engineer would write."""
    kind = ANY if rule.kind == ANY_KIND else kind
    writer = _Writer(rule, kind, zone)
    leaves = range(len(rule.conditions))
    first = writer.first(leaves)
    for leaf in sorted(leaves, key=lambda each: each != first):
        name = "" if len(leaves) == 1 else f": {writer.title(leaf)}"
        yield writer.case(f"just above{name}", leaf, _just_above)
        yield writer.case(f"just short{name}", leaf, _just_short)
    for title, make in _OTHERS.items():
        yield writer.case(title, first, make)
    yield writer.never_seen()


class _Writer:
    """Writes cases of one rule."""

    def __init__(self, rule: Rule, kind: Kind, zone: Zone) -> None:
        self.rule, self.kind, self.zone = rule, kind, zone
        self.facts = fitting(rule.where)
        self.groups = by_signal(rule)
        self.pace = 1.0
        self.behaviours: dict[tuple[int, ...], Behaviour] = {}

    # -- which ----------------------------------------------------------------------------------------

    def title(self, leaf: int) -> str:
        names = [f"{each.signal or 'device'} {type(each).__name__.lower()}" for each in self.rule.conditions]
        same = [index for index, name in enumerate(names) if name == names[leaf]]
        return names[leaf] if len(same) == 1 else f"{names[leaf]} {same.index(leaf) + 1}"

    def first(self, leaves: Sequence[int]) -> int:
        """The first condition that the rule can be tested by."""
        for leaf in leaves:
            try:
                self.stage(leaf)
            except Cannot:
                continue
            return leaf
        return leaves[0]

    def case(self, name: str, leaf: int, make: Callable[[_Writer, Stage], Draft]) -> Generated:
        try:
            stage = self.stage(leaf)
            draft = make(self, stage)
            model = self._model(name, stage, draft)
        except Cannot as reason:
            return Generated(name, skipped=str(reason))
        return Generated(name, model, "", draft.like, draft.twice, stage.guessed)

    # -- the stage --------------------------------------------------------------------------------------

    def _make(self, pace: float, driver: int) -> None:
        """A behaviour for every condition, those of one signal together; `driver` speaks for its group."""
        rule = self.rule
        mutes = tuple(each.condition for each in rule.unless if isinstance(each.condition, Level))
        world = World(self.kind, rule.clear, mutes, self.facts.device, rule.signals, pace)
        if all(any(isinstance(each, kind) for each in rule.conditions) for kind in (Peers, Silent)):
            raise Cannot("its siblings would be silent, too")
        self.behaviours = {group: self._behaviour(group, world, driver) for group in self.groups}
        seen: set[str] = set()
        for group in self.groups:
            both = seen & set(rule.conditions[group[0]].signals)
            if both:
                raise Cannot(f"two conditions need '{both.pop()}' to say different things")
            seen |= {name for leaf in group for name in rule.conditions[leaf].signals}

    def _behaviour(self, group: Sequence[int], world: World, driver: int) -> Behaviour:
        conditions = [self.rule.conditions[leaf] for leaf in group]
        if self._levels(group):
            return Levels([each for each in conditions if isinstance(each, Level)], world)
        members = [self._single(condition, world) for condition in conditions]
        if len(members) == 1:
            return members[0]
        return Joint(members, group.index(driver) if driver in group else 0)

    def _levels(self, group: Sequence[int]) -> bool:
        return all(isinstance(self.rule.conditions[leaf], Level) for leaf in group)

    def _single(self, condition: Condition, world: World) -> Behaviour:
        if isinstance(condition, Level):
            return Levels([condition], world)
        maker = MAKERS.get(type(condition))
        if maker is None:
            raise Cannot(f"no example is known for {type(condition).__name__}")
        return maker(condition, world)

    def stage(self, leaf: int) -> Stage:
        """The phases that lead up to the turn of one condition: the first that can be had of all hinges."""
        group = next(group for group in self.groups if leaf in group)
        joint = len(group) > 1 and not self._levels(group)
        reason = Cannot("whatever it does, the others decide")
        for true, false in hinges(self.rule, leaf, group):
            if joint and any(false[each] for each in group):
                continue
            for driver in (leaf, *(each for each in group if each != leaf)) if joint else (leaf,):
                try:
                    stage = self._stage(leaf, driver, true, false)
                    return stage if not joint else self._apart(stage, group)
                except Cannot as cannot:
                    reason = cannot
        raise reason

    def _apart(self, stage: Stage, group: Sequence[int]) -> Stage:
        """The stage, if each condition of the group, taken alone, does as it is wanted to."""
        stage = stage._replace(checked=tuple(group))
        self._model("apart", stage, _just_above(self, stage))
        return stage

    def _check(self, model: TestModel, stage: Stage) -> None:
        """What is not wanted to be true must not be so; what is must not be so before the turn."""
        for leaf in stage.checked:
            alone = self.rule._replace(
                tree=Node("leaf", leaf=0), conditions=(self.rule.conditions[leaf],), clear=None, dwell=0.0,
                on_missing="hold", hours=None, unless=(),
            )  # fmt: skip
            case, faults = read_case(model, alone, {self.rule.kind: self.kind}, self.zone)
            if case is None:
                raise Cannot(faults[0].message)
            openings = [
                opened for device, _, opened, _ in run(case, alone).openings if device == self.facts.device
            ]
            early = [opened for opened in openings if opened < stage.turn]
            late = [opened for opened in openings if opened > stage.turn + stage.rise[1] + 1.0]
            if early or (stage.true[leaf] == GOOD and openings) or (late and late == openings):
                raise Cannot(f"{self.title(leaf)} cannot be kept apart from what else is asked of its signal")
            if stage.true[leaf] == BAD and not openings and model.name == "apart":
                raise Cannot(f"{self.title(leaf)} cannot be made true together with what else is asked of it")

    def _stage(self, leaf: int, driver: int, true: Wanted, false: Wanted) -> Stage:
        for group in self.groups:
            mixed = len(group) > 1 and not self._levels(group) and leaf not in group
            if mixed and any(true[each] for each in group):
                signal = self.rule.conditions[group[0]].signal
                raise Cannot(f"what is asked of '{signal}' besides cannot be held as it should be")
        self._make(1.0, driver)
        self.pace = max(1.0, round_up(self._length() / READINGS_AIM))
        self._make(self.pace, driver)
        behaviour = self._of(leaf)
        if isinstance(behaviour, Joint):
            group = next(group for group in self.groups if leaf in group)
            behaviour.turn([true[each] for each in group])
        turns_bad = true[leaf]
        if not turns_bad and behaviour.calm:
            raise Cannot("it would have to be bad from the start, before it has learned")
        for wanted in (true, false):  # what cannot be said at all shows now
            self._say(Phase(_moods(wanted), MARGIN))
        self._check_silence(leaf, true, verdict=True)
        self._check_silence(leaf, false, verdict=False)
        self._check_learned(leaf, true, false)
        self._check_silent_signals(true, verdict=True)
        self._check_silent_signals(false, verdict=False)
        standing = [index for index in false if false[index] and self._of(index).rise[1] > 0.0]
        for index in standing:
            absent = getattr(self.rule.conditions[index], "absence", False)
            if not absent and judged(self.rule, {**false, index: False}) is True:
                raise Cannot("until one of its conditions has come true for the first time it would be open")
        warm = max([MARGIN, *(each.warm for each in self.behaviours.values())])
        warm = max([warm, *(self._of(index).rise[1] + MARGIN for index in standing)])
        patient = [index for index in false if false[index] and self._of(index).calm and index != leaf]
        first = {index: BAD if wanted and index not in patient else GOOD for index, wanted in false.items()}
        calm = [Phase(first, self.whole(warm))]
        if patient:
            length = max(self._of(index).rise[1] for index in patient)
            calm.append(Phase(_moods(false), self.whole(length + MARGIN)))
        rise, fall = (behaviour.rise, behaviour.fall) if turns_bad else (behaviour.fall, behaviour.rise)
        if rise is None:
            raise Cannot("it would have to end by itself, which only a repair can")
        turn = sum(phase.length for phase in calm)
        opens_by = rise[1] + self.rule.dwell
        last = self.whole(opens_by + MARGIN)
        stage = Stage(calm, _moods(false), _moods(true), leaf, driver, (), turn, rise, fall, opens_by, last)
        return stage if self.rule.hours is None else self._in_hours(stage, self.rule.hours)

    def _check_silence(self, leaf: int, wanted: Wanted, *, verdict: bool) -> None:
        """Of a device that is gone nothing else is known: the rule must turn all the same."""
        for group, behaviour in self.behaviours.items():
            moods = [_moods(wanted)[each] for each in group]
            if not self._hushes(group, moods, behaviour.say(moods, MARGIN)):
                continue
            gone = isinstance(self.rule.conditions[group[0]], Level)
            known: dict[int, Verdict] = dict(wanted)
            known |= {each: None for each in wanted if each not in group and (gone or not self._stands(each))}
            fading = {each: False for each, said in known.items() if said is None}
            early = verdict and judged(self.rule, {**known, **fading, leaf: not wanted[leaf]}) is True
            if early or leaf not in group or judged(self.rule, known) is not verdict:
                raise Cannot("of a device that says nothing the rest cannot be known")

    def _check_learned(self, leaf: int, true: Wanted, false: Wanted) -> None:
        """A device that begins with being gone has learned nothing when it comes."""
        group = next(group for group in self.groups if leaf in group)
        said = self._of(leaf).say([_moods(false)[each] for each in group], MARGIN)
        if self._hushes(group, [_moods(false)[each] for each in group], said):
            fresh = {each: None for each in true if each not in group and self._of(each).warm > 0.0}
            if judged(self.rule, {**true, **fresh}) is not True:
                raise Cannot("of a device that says nothing at first the rest cannot be known")

    def _check_silent_signals(self, wanted: Wanted, *, verdict: bool) -> None:
        """Of a signal that is silent nothing else is known after a while."""
        silent = {
            condition.signal
            for leaf, condition in enumerate(self.rule.conditions)
            if isinstance(condition, Silent) and condition.signal and wanted[leaf]
        }
        known: dict[int, Verdict] = dict(wanted)
        for leaf, condition in enumerate(self.rule.conditions):
            if condition.signal in silent and isinstance(condition, FADING) and not self._stands(leaf):
                known[leaf] = None
        if judged(self.rule, known) is not verdict:
            raise Cannot("of a signal that is silent nothing else can be known")

    def surely(self, stage: Stage) -> dict[int, Verdict]:
        """What is known of the false state: of conditions on one signal only the one that speaks for them."""
        known: dict[int, Verdict] = {leaf: mood == BAD for leaf, mood in stage.false.items()}
        for group, behaviour in self.behaviours.items():
            if isinstance(behaviour, Joint):
                speaks = stage.driver if stage.driver in group else group[0]
                known |= {leaf: None for leaf in group if leaf != speaks}
        return known

    def _stands(self, leaf: int) -> bool:
        """A state stands until the next word, however long that takes."""
        condition = self.rule.conditions[leaf]
        return isinstance(condition, Level) and bool(condition.states)

    def _of(self, leaf: int) -> Behaviour:
        return next(behaviour for leaves, behaviour in self.behaviours.items() if leaf in leaves)

    def _length(self) -> float:
        every = self.behaviours.values()
        falls = [each.fall[1] for each in every if each.fall]
        clear = self.rule.clear
        return (
            2 * max(each.warm for each in every) + 3 * max(each.rise[1] for each in every)
            + max(falls, default=0.0) + 3 * self.rule.dwell + (clear.dwell + clear.quiet if clear else 0.0)
        )  # fmt: skip

    def whole(self, length: float) -> float:
        """A length that ends where the lines' own rhythms do, and on a whole minute if it is a long one."""
        steps = {behaviour.step for behaviour in self.behaviours.values() if behaviour.step}
        if len(steps) > 1:
            raise Cannot("two conditions keep a time of their own")
        step = steps.pop() if steps else MARGIN if length >= MARGIN else 1.0
        return round_up(-(-length // step) * step)

    def _in_hours(self, stage: Stage, hours: Hours) -> Stage:
        """The same, begun so that the turn comes early in the longest of the rule's hours."""
        begin = unix(START, self.zone)
        stretches = list(stretches_of(hours, begin))
        opened, closed = max(stretches, key=lambda each: each[1] - each[0], default=(begin, begin))
        samples = any(condition.samples for condition in self.rule.conditions)
        length = closed - opened - MARGIN
        if samples and length < stage.turn + stage.last:
            return self._over_hours(stage, stretches)
        turn = whole_minute(opened + MARGIN + (stage.turn if samples else 0.0))
        stage = stage._replace(start=turn - stage.turn)
        if length >= stage.last:
            return stage
        last = self.whole(open_for(hours, turn, stage.opens_by + MARGIN) - turn)
        return stage._replace(last=last, opens_by=last)

    def _over_hours(self, stage: Stage, stretches: Sequence[tuple[float, float]]) -> Stage:
        """What is learned over many of the rule's hours, with the time between them added."""
        if len(stretches) < 2:
            raise Cannot("its hours are too short for it")
        opened = sum(end - start for start, end in stretches)
        share = opened / (stretches[-1][1] - stretches[0][0])
        between = max(after[0] - before[1] for before, after in pairwise(stretches))
        patient = any(isinstance(each, Drift | Expected) for each in self.rule.conditions)
        factor = 1.0 / share if patient else 1.0
        calm = [phase._replace(length=self.whole(phase.length * factor + between)) for phase in stage.calm]
        opens_by = stage.opens_by * factor + 2 * between
        turn = sum(phase.length for phase in calm)
        return stage._replace(
            calm=calm, turn=turn, rise=(0.0, stage.rise[1]), opens_by=opens_by,
            last=self.whole(opens_by + MARGIN), start=whole_minute(stretches[0][0]), guessed=True,
        )  # fmt: skip

    def clears_within(self, stage: Stage, over: float, dwell: float, most: float) -> float:
        """How long the good phase must last to clear within the rule's hours."""
        if self.rule.hours is None:
            return most
        begin = (stage.start or 0.0) + over
        return open_for(self.rule.hours, begin, dwell + MARGIN, whole=True) - begin + most

    # -- writing ----------------------------------------------------------------------------------------

    def _model(self, name: str, stage: Stage, draft: Draft) -> TestModel:
        self._make(self.pace, stage.driver)  # anew: some remember where they stand
        lines: dict[str, list[str]] = {}
        for phase in draft.phases:
            for line, said in self._say(phase).items():
                lines.setdefault(line, []).append(said)
        if draft.tail:
            line = next(iter(lines))
            lines[line].append(draft.tail)
        devices = self._devices(lines)
        if len(lines) > LINES_MAX:
            raise Cannot(f"it would take {len(lines)} lines")
        model = TestModel(
            name=name, start=None if stage.start is None else local(stage.start, self.zone),
            series={line: ", ".join(said) for line, said in lines.items()}, acts=list(draft.acts),
            devices=devices, expect=draft.expect,
        )  # fmt: skip
        self._check(model, stage)
        return model

    def _say(self, phase: Phase) -> dict[str, str]:
        lines: dict[str, str] = {}
        speaker = ""
        for group, behaviour in self.behaviours.items():
            moods = [phase.moods.get(leaf, GOOD) for leaf in group]
            said = behaviour.say(moods, phase.length)
            if self._hushes(group, moods, said):
                speaker = next(iter(said))
            if phase.turned and all(mood == GOOD for mood in moods):  # what is bad must go on being so
                said = {
                    line: text if text.startswith("gap") else f"shuffled, {text}"
                    for line, text in said.items()
                }
            lines |= said
        lines |= self._clearing(phase)
        if not phase.moods:
            return dict.fromkeys(lines, gap(phase.length))
        heard = {line for line in lines if speaker in ("", line) or " " in line}  # siblings go on speaking
        return {line: said if line in heard else gap(phase.length) for line, said in lines.items()}

    def _hushes(self, group: Sequence[int], moods: Sequence[str], said: Mapping[str, str]) -> bool:
        """A device that is gone, or silent as a whole, says nothing else either."""
        condition = self.rule.conditions[group[0]]
        if isinstance(condition, Silent) and not condition.signal:
            return moods[0] != GOOD
        return said.get(ONLINE, "").startswith(f"flat {OFFLINE}")

    def _clearing(self, phase: Phase) -> dict[str, str]:
        """The signal by which the rule clears, where none of its conditions asks about that."""
        level = self.rule.clear.level if self.rule.clear else None
        if level is None or any(level.signal in each.signals for each in self.rule.conditions):
            return {}
        world = World(self.kind, None, (), self.facts.device, self.rule.signals, self.pace)
        return Levels([level], world).say([BAD if phase.clears else GOOD], phase.length)

    def _devices(self, lines: Iterable[str]) -> dict[str, dict[str, str]]:
        """Siblings stand in one place and are of one model, where the rule asks for such."""
        among = {each.among for each in self.rule.conditions if isinstance(each, Peers)}
        names = [self.facts.device, *(line.split()[0] for line in lines if " " in line)]
        if any(not self.rule.where.takes(self.facts._replace(device=name)) for name in names):
            raise Cannot("its 'where' takes no siblings")
        facts = {}
        if "model" in among and not self.facts.model:
            facts["model"] = "m"
        if among & {"place", "building"} and not self.facts.place:
            facts["place"] = "b1"
        return dict.fromkeys(names, facts) if facts else {}

    # -- one that never speaks ----------------------------------------------------------------------------

    def never_seen(self) -> Generated:
        """A device that is listed, and nothing is ever heard of it: that is for rules about silence alone."""
        rule = self.rule
        verdict = None if rule.by else judge(rule.tree, [_unheard(each) for each in rule.conditions])
        limit = max((each.limit for each in rule.conditions if isinstance(each, Silent)), default=0.0)
        due = limit + rule.dwell
        wait = round_up(max(2 * due, 3600.0) + (0.0 if rule.hours is None else 7 * 86400.0))
        opens = "never"
        if verdict is True and limit:
            opens = f"at {time(due)}" if rule.hours is None else f"after {time(due)}"
        model = TestModel(
            name="never seen", acts=[f"restart at {time(wait)}"], expect=ExpectModel(opens=opens)
        )
        return Generated("never seen", model)


def _shuffled(said: str) -> str:
    return said if said.startswith("gap") else f"shuffled, {said}"


def _unheard(condition: Condition) -> Verdict:
    """What a condition says of a device that was never heard."""
    if isinstance(condition, Silent):
        return True
    return condition.memory().verdict(0.0)


def _moods(wanted: Mapping[int, bool]) -> dict[int, str]:
    return {leaf: BAD if bad else GOOD for leaf, bad in wanted.items()}


# -- the cases --------------------------------------------------------------------------------------


def _just_above(writer: _Writer, stage: Stage) -> Draft:
    low = stage.turn + stage.rise[0] + writer.rule.dwell
    high = stage.turn + stage.opens_by
    opens = f"at {time(high)}" if low == high else f"between {time(max(low, 0.001))} and {time(high)}"
    phases = [*stage.calm, Phase(stage.true, stage.last)]
    return Draft(phases, ExpectModel(opens=opens, tickets=1, holds=True))


def _just_short(writer: _Writer, stage: Stage) -> Draft:
    if stage.true[stage.leaf] != BAD:
        raise Cannot("the rule opens when this one ends; that it nearly does not is normal")
    moods = {**stage.true, stage.leaf: SHORT}
    whole = [each for each in writer.rule.conditions if isinstance(each, Silent) and not each.signal]
    if whole and len(writer.groups) > 1 and writer.rule.conditions[stage.leaf] in whole:
        raise Cannot("a device that hardly speaks is silent in its other signals")
    if judged(writer.rule, {leaf: mood == BAD for leaf, mood in moods.items()}) is not False:
        raise Cannot("another condition would open it all the same")
    length = writer.whole(stage.last + (stage.fall[1] if stage.fall else 0.0))
    return Draft([*stage.calm, Phase(moods, length)], ExpectModel(opens="never"))


def _normal(writer: _Writer, stage: Stage) -> Draft:
    return Draft([*stage.calm, Phase(stage.false, stage.last)], ExpectModel(opens="never"))


def _clear(writer: _Writer, stage: Stage) -> Draft:
    above, clear = _just_above(writer, stage), writer.rule.clear
    over = sum(phase.length for phase in above.phases)
    if stage.fall is None:
        expect = ExpectModel(clears=f"at {time(over)}", tickets=1, holds=False)
        after = Phase(stage.false, writer.whole(MARGIN))
        return Draft([*above.phases, after], expect, [f"repair at {time(over)}"])
    if clear is None and judged(writer.rule, writer.surely(stage)) is not False:
        raise Cannot("whether all that is asked of its signal is over may not be known")
    dwell = clear.dwell if clear else 0.0
    most = stage.fall[1] + dwell + (clear.quiet if clear else 0.0) + 2 * MARGIN
    turns = writer.rule.conditions[stage.leaf]
    if isinstance(turns, Silent) or ONLINE in turns.signals:  # what was not heard meanwhile is learned anew
        most += max(each.warm for each in writer.behaviours.values())
    length = writer.whole(max(most, writer.clears_within(stage, over, dwell, most)))
    expect = ExpectModel(
        clears=f"between {time(over + dwell)} and {time(over + length)}", tickets=1, holds=False
    )
    return Draft([*above.phases, Phase(stage.false, length, clears=True)], expect)


def _gap(writer: _Writer, stage: Stage) -> Draft:
    rule = writer.rule
    if rule.on_missing == "open":
        raise Cannot("by its 'on_missing: open' a gap is a fault")
    if any(_hears_silence(each) for each in rule.conditions) or rule.tree.negates():
        raise Cannot("silence is what it is about")
    quiet = Phase({}, writer.whole(max(2 * rule.dwell, 3600.0)))
    again = Phase(stage.false, stage.last)
    return Draft([*stage.calm, again, quiet, again], ExpectModel(opens="never"))


def _hears_silence(condition: Condition) -> bool:
    """That nothing is said is what it may be about."""
    if isinstance(condition, Expected):
        return condition.type != "gauge" and condition.side == "down"
    return isinstance(condition, Silent | ExpectedSilence) or getattr(condition, "absence", False)


def _twice(writer: _Writer, stage: Stage) -> Draft:
    return _just_above(writer, stage)._replace(like="just above", twice=True)


def _turned(writer: _Writer, stage: Stage) -> Draft:
    """Some good readings in turned pairs: what is late is refused, or counts where it belongs."""
    above = _just_above(writer, stage)
    turned = Phase(stage.false, writer.whole(max(MARGIN, stage.turn / 50)), turned=True)
    shift = stage._replace(calm=[*stage.calm, turned], turn=stage.turn + turned.length)
    if writer.rule.hours is not None:
        raise Cannot("its hours leave no room for it")
    return Draft([*shift.calm, *above.phases[len(stage.calm) :]], _just_above(writer, shift).expect)


def _restart(writer: _Writer, stage: Stage) -> Draft:
    pending = stage.turn + min(stage.rise[1] + writer.rule.dwell / 2, stage.last / 2)
    acts = [f"restart at {time(round_up(at))}" for at in (stage.turn / 2, pending)]
    return _just_above(writer, stage)._replace(acts=acts, like="just above")


def _offline(writer: _Writer, stage: Stage) -> Draft:
    rule, above = writer.rule, _just_above(writer, stage)
    asked = [*rule.conditions, *([rule.clear.level] if rule.clear and rule.clear.level else [])]
    if any(isinstance(each, Silent) or ONLINE in each.signals for each in asked):
        raise Cannot("whether the device can be heard is what it is about")
    clear = (rule.clear.dwell + rule.clear.quiet) if rule.clear else 0.0
    fall = stage.fall[1] if stage.fall else 0.0
    length = round_up(2 * (fall + clear) + 3600.0)
    return above._replace(
        tail=f"offline, {gap(length)}",
        expect=ExpectModel(opens=above.expect.opens, clears="never", holds=True),
    )


_OTHERS: Mapping[str, Callable[[_Writer, Stage], Draft]] = {
    "normal": _normal, "clear": _clear, "gap": _gap, "duplicate": _twice, "out of order": _turned,
    "restart in mid-for": _restart, "offline": _offline,
}  # fmt: skip

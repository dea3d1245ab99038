"""Where a rule turns: verdicts of its conditions of which one alone decides, and the way there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from foretell.engine.conditions import judge
from foretell.engine.facts import Verdict
from foretell.engine.rule import Rule
from foretell.engine.rulebook.words import ExpectModel
from foretell.lab.behaviours import Cannot

LEAVES_MAX = 8
"""Conditions of a rule whose every combination is looked at."""

Wanted = dict[int, bool]
"""The verdict that each condition is to have."""


class Phase(NamedTuple):
    """A stretch of a case: the mood of each condition, and for how long. Without moods nothing is said."""

    moods: Mapping[int, str]
    length: float
    clears: bool = False
    """What the rule clears by, if no condition says it, is as it should be."""
    turned: bool = False
    """Readings come in turned pairs."""


class Stage(NamedTuple):
    """A rule with its hinge: the phases up to the turn, the turn itself, and what is known of its times."""

    calm: list[Phase]
    false: Mapping[int, str]
    true: Mapping[int, str]
    leaf: int
    driver: int
    checked: tuple[int, ...]
    """Conditions that share a signal with the turning one, and must be true no sooner than wanted."""
    turn: float
    rise: tuple[float, float]
    fall: tuple[float, float] | None
    opens_by: float
    """Seconds after the turn by which the rule must be open."""
    last: float
    """How long the phase after the turn lasts."""
    start: float | None = None
    guessed: bool = False
    """It learns over several of the rule's hours: only a run shows whether the example comes out."""


class Draft(NamedTuple):
    """A case before it is written down."""

    phases: Sequence[Phase]
    expect: ExpectModel
    acts: Sequence[str] = ()
    tail: str = ""
    like: str = ""
    twice: bool = False


def hinges(rule: Rule, leaf: int, group: Sequence[int]) -> Iterator[tuple[Wanted, Wanted]]:
    """Verdicts with which the rule is true, and with which it is false, and that turn on this leaf.

    Only the leaf differs, and others of its `group`, which ask about the same signal. Those with the fewest
    conditions true come first.
    """
    size = len(rule.conditions)
    free = [index for index in range(size) if index not in group]
    if size > LEAVES_MAX:
        raise Cannot(f"more than {LEAVES_MAX} conditions")
    found: list[tuple[int, int, int, tuple[Wanted, Wanted]]] = []
    for rest in product((False, True), repeat=len(free)):
        outside = dict(zip(free, rest, strict=True))
        inside = [dict(zip(group, each, strict=True)) for each in product((False, True), repeat=len(group))]
        for true, false in product(inside, inside):
            pair = {**outside, **true}, {**outside, **false}
            if true[leaf] != false[leaf] and judged(rule, pair[0]) is True and judged(rule, pair[1]) is False:
                turns = sum(true[each] != false[each] for each in group)
                found.append((turns, sum(pair[0].values()) + sum(pair[1].values()), len(found), pair))
    for _, _, _, both in sorted(found, key=lambda each: each[:3]):
        yield both


def judged(rule: Rule, verdicts: Mapping[int, Verdict]) -> Verdict:
    return judge(rule.tree, [verdicts[leaf] for leaf in range(len(verdicts))])


def by_signal(rule: Rule) -> list[tuple[int, ...]]:
    """The conditions by the signal that they ask about."""
    groups: dict[str, list[int]] = {}
    for index, condition in enumerate(rule.conditions):
        groups.setdefault(condition.signal, []).append(index)
    return [tuple(group) for group in groups.values()]

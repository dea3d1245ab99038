"""Where a rule turns: verdicts of its conditions of which one alone decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from foretell.engine.conditions import judge
from foretell.engine.facts import Verdict
from foretell.engine.rule import Rule
from foretell.lab.behaviours import Cannot

LEAVES_MAX = 8
"""Conditions of a rule whose every combination is looked at."""

Wanted = dict[int, bool]
"""The verdict that each condition is to have."""


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

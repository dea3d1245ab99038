"""All rules of a site together: limits as they stand for each device, and who holds back whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from foretell.authored.document import read
from foretell.authored.problems import Problem, did_you_mean
from foretell.engine.rule import ANY_KIND, RULE, Rule, Rulebook
from foretell.engine.rulebook.compile import Around, read_rule
from foretell.engine.rulebook.limits import out_of_bounds
from foretell.site.kinds import Kind
from foretell.site.listing import Listing, Moved


class Written(NamedTuple):
    """A rule with the text that it was read from, and where that stands."""

    rule: Rule
    text: str
    label: str


def read_one(
    rule_id: str, text: str, label: str, kinds: Mapping[str, Kind], listing: Listing
) -> tuple[Rule | None, list[Problem]]:
    """One rule with the limits that the whole site gives it; one out of bounds is told with the site."""
    around = Around(listing.zone, listing.calendars)
    rule, problems = read_rule(rule_id, text, label, kinds, around)
    moved = listing.moved(rule_id)
    if rule is None or not moved or _wrong(rule, moved):
        return rule, problems
    anew, wrong = read_rule(rule_id, text, label, kinds, around, _values(moved))
    if anew is None:  # the rule is sound as it is written: it is the site's limit that does not fit it
        return rule, [_of_moved(listing, rule_id, next(iter(moved.values())), problem) for problem in wrong]
    return anew, wrong


def _of_moved(listing: Listing, rule_id: str, moved: Moved, problem: Problem) -> Problem:
    """What is wrong with a rule once a limit was moved, told where that limit is written."""
    message = f"with this limit {rule_id} is wrong: {problem.message}"
    return listing.document.problem_at(moved.path, message, problem.hint)


def _values(moved: Mapping[str, Moved]) -> dict[str, str | float]:
    return {name: each.value for name, each in moved.items()}


def _wrong(rule: Rule, moved: Mapping[str, Moved]) -> bool:
    limits = rule.authored.limits
    return any(
        name not in limits or out_of_bounds(m.value, limits[name].between) for name, m in moved.items()
    )


def make_rulebook(
    written: Sequence[Written], kinds: Mapping[str, Kind], listing: Listing
) -> tuple[Rulebook, list[Problem]]:
    """The rulebook of a site, with what only shows when all rules are seen together."""
    rules = {each.rule.id: each.rule for each in written}
    problems = _limit_problems(rules, listing) + _inhibition_problems(written, rules)
    variants: dict[tuple[str, str], Rule] = {}
    if not problems:
        made: dict[tuple[str, tuple[tuple[str, str], ...]], Rule | None] = {}
        for each in written:
            if each.rule.limits:
                problems += _variants(each, kinds, listing, variants, made)
    return Rulebook(rules.values(), variants, listing.zone), problems


def _variants(
    each: Written,
    kinds: Mapping[str, Kind],
    listing: Listing,
    variants: dict[tuple[str, str], Rule],
    made: dict[tuple[str, tuple[tuple[str, str], ...]], Rule | None],
) -> list[Problem]:
    """The rule anew for each device that has limits of its own; alike limits share one."""
    rule, around = each.rule, Around(listing.zone, listing.calendars)
    common = _values(listing.moved(rule.id))
    problems: list[Problem] = []
    for facts in listing.estate.devices.values():
        if rule.kind not in (facts.kind, ANY_KIND):
            continue
        moved = listing.moved(rule.id, facts)
        values = _values(moved)
        if values == common:
            continue
        key = rule.id, tuple(sorted((name, str(value)) for name, value in values.items()))
        if key not in made:
            made[key], wrong = read_rule(rule.id, each.text, each.label, kinds, around, values)
            first = next(iter(moved.values()))
            problems += [_of_moved(listing, rule.id, first, problem) for problem in wrong]
        variant = made[key]
        if variant is not None:
            variants[rule.id, facts.device] = variant
    return problems


def _limit_problems(rules: Mapping[str, Rule], listing: Listing) -> list[Problem]:
    """Limits that a site moves and may not, or that no rule has."""
    found = []
    for path, rule_id, name, value in listing.limits_written():
        rule = rules.get(rule_id)
        if rule is None:
            hint = did_you_mean(rule_id, rules)
            found.append(listing.document.problem_at(path[:-1], f"there is no rule '{rule_id}'", hint))
            continue
        limits = rule.authored.limits
        if name not in limits:
            hint = did_you_mean(name, limits) or f"it has: {', '.join(limits) or 'none'}"
            found.append(listing.document.problem_at(path, f"{rule_id} has no limit '{name}'", hint))
        elif wrong := out_of_bounds(value, limits[name].between):
            found.append(listing.document.problem_at(path, wrong))
    return found


def _inhibition_problems(written: Iterable[Written], rules: Mapping[str, Rule]) -> list[Problem]:
    """Rules that are held back by what does not exist, or in a circle by one another."""
    holds = {
        rule.id: [
            name[len(RULE) :]
            for each in rule.unless
            for name in each.condition.signals
            if name.startswith(RULE)
        ]
        for rule in rules.values()
    }
    found = []
    for each in written:
        rule = each.rule
        for name in holds[rule.id]:
            other = rules.get(name)
            if other is None:
                message = f"there is no rule '{name}'"
                hint = did_you_mean(name, rules) or "a rule is named by its kind and file: <kind>/<name>"
            elif ANY_KIND not in (rule.kind, other.kind) and rule.kind != other.kind:
                message, hint = f"{name} is about another kind of device: it never stands for one of this", ""
            elif rule.id in _reached(name, holds):
                message, hint = f"{rule.id} and {name} hold each other back in a circle", ""
            else:
                continue
            document, _ = read(each.text, each.label)
            index = _place(document.value, name)
            found.append(document.problem_at(("unless", index), message, hint))
    return found


def _reached(start: str, holds: Mapping[str, list[str]]) -> set[str]:
    reached, ahead = {start}, [start]
    while ahead:
        for name in holds.get(ahead.pop(), ()):
            if name not in reached:
                reached.add(name)
                ahead.append(name)
    return reached


def _place(value: object, name: str) -> int:
    entries = value.get("unless") if isinstance(value, dict) else None
    return entries.index(name) if isinstance(entries, list) and name in entries else 0

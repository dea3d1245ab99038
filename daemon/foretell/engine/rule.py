"""A rule as the engine holds it: what an engineer wrote, checked, converted to the signals' units, frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from foretell.engine.conditions import Condition, Node
from foretell.engine.levels import Level, Silent
from foretell.site.calendars import Hours, Zone
from foretell.site.estate import Facts

LIVE, SHADOW, OFF = "live", "shadow", "off"

ANY_KIND = "any"
"""The kind of a rule that asks only for signals which every device has."""

BUDGET = 20
"""Tickets that one rule may open on a site in a day of its time zone before it counts as misbehaving."""

MAINTENANCE, VIA, RULE = "$maintenance", "$via", "$rule "
"""What the engine itself says of a device, as if it were a state: that people work on it, how its gateway
stands, and whether the watch of another rule (by its id) is open."""


class ClearWhen(NamedTuple):
    """How an open watch clears: a level that lasts `dwell` seconds, or `quiet` seconds without an event."""

    level: Level | None = None
    dwell: float = 0.0
    quiet: float = 0.0


class Inhibitor(NamedTuple):
    """While `condition` is true, and for `after` seconds from then on, a rule does not open."""

    condition: Condition
    after: float = 0.0


class Where(NamedTuple):
    """Which devices a rule is for; each a list of patterns with * and ?, an empty one takes all."""

    place: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    id: tuple[str, ...] = ()

    def takes(self, facts: Facts) -> bool:
        """All that is asked fits; a place fits with any place above it."""
        return (
            _fits(self.id, (facts.device,))
            and _fits(self.model, (facts.model,))
            and _fits(self.place, facts.place)
        )


def _fits(patterns: tuple[str, ...], names: Iterable[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class Rule(NamedTuple):
    """One rule. `id` is its path below rules/, `revision` changes with its text and its limits.

    `authored` is the rule as it was written; the engine hands it on and never looks inside.
    """

    id: str
    revision: str
    kind: str
    by: str
    tree: Node
    conditions: tuple[Condition, ...]
    clear: ClearWhen | None
    dwell: float
    on_missing: str
    restart_on_repair: bool
    failure_mode: str
    authored: Any
    mode: str = LIVE
    where: Where = Where()
    hours: Hours | None = None
    unless: tuple[Inhibitor, ...] = ()
    budget: int = BUDGET
    limits: tuple[tuple[str, str], ...] = ()
    """The named limits in force and, of each, the text that it was given."""

    @property
    def signals(self) -> frozenset[str]:
        """Every signal that a watch of this rule must be given."""
        names = {name for condition in self.conditions for name in condition.signals}
        names |= {name for each in self.unless for name in each.condition.signals}
        if self.clear and self.clear.level:
            names.add(self.clear.level.signal)
        return frozenset(names)

    @property
    def hears_everything(self) -> bool:
        """Some condition asks whether the device speaks at all."""
        asked = [*self.conditions, *(each.condition for each in self.unless)]
        return any(isinstance(condition, Silent) and not condition.signal for condition in asked)

    @property
    def restless(self) -> bool:
        """It can become true by the passing of time alone, so it needs deadlines while nothing is wrong."""
        return (
            self.on_missing == "open"
            or self.tree.negates()
            or self.hours is not None
            or bool(self.unless)
            or any(condition.restless for condition in self.conditions)
        )

    def shape(self) -> list[str]:
        """What must be alike for a watch to stay as it is when the rule is edited."""
        return [self.by, *(condition.shape() for condition in self.conditions)]


class Rulebook:
    """All rules in force, and which of them watch a device.

    `variants` holds, by rule id and device, the rule with the limits of that very device, where a site
    sets them apart.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        variants: Mapping[tuple[str, str], Rule] | None = None,
        zone: Zone | None = None,
    ) -> None:
        self.zone = zone or Zone("UTC")
        self.written = {rule.id: rule for rule in rules}
        self.rules = {rule.id: rule for rule in self.written.values() if rule.mode != OFF}
        self.variants = dict(variants or {})
        self._by_kind: dict[str, tuple[Rule, ...]] = {}
        for rule in self.rules.values():
            self._by_kind[rule.kind] = (*self._by_kind.get(rule.kind, ()), rule)

    def of(self, facts: Facts) -> tuple[Rule, ...]:
        """The rules that watch this device, each with the limits that hold for it."""
        known = (*self._by_kind.get(facts.kind, ()), *self._by_kind.get(ANY_KIND, ()))
        return tuple(
            self.variants.get((rule.id, facts.device), rule) for rule in known if rule.where.takes(facts)
        )

    def inhibits(self) -> frozenset[str]:
        """Ids of the rules whose standing keeps others from opening; one in shadow explains nothing."""
        names = {name for rule in self.rules.values() for name in rule.signals if name.startswith(RULE)}
        causes = (name.removeprefix(RULE) for name in names)
        return frozenset(cause for cause in causes if cause in self.rules and self.rules[cause].mode == LIVE)

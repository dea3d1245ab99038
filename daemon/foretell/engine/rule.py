"""A rule as the engine holds it: what an engineer wrote, checked, converted to the signals' units, frozen."""

from __future__ import annotations

from typing import Any, NamedTuple

from foretell.engine.conditions import Condition, Count, Drift, Level, Node, Silent


class ClearWhen(NamedTuple):
    """How an open watch clears: a level that lasts `dwell` seconds, or `quiet` seconds without an event."""

    level: Level | None = None
    dwell: float = 0.0
    quiet: float = 0.0


class Rule(NamedTuple):
    """One rule. `id` is its path below rules/, `revision` changes with its text; `ticket` is for others."""

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
    ticket: Any

    @property
    def signals(self) -> frozenset[str]:
        """Every signal that a watch of this rule must be given."""
        names = {condition.signal for condition in self.conditions}
        names |= {getattr(condition, "operation_signal", "") for condition in self.conditions}
        if self.clear and self.clear.level:
            names.add(self.clear.level.signal)
        return frozenset(names - {""})

    @property
    def hears_everything(self) -> bool:
        """Some condition asks whether the device speaks at all."""
        return any(isinstance(condition, Silent) and not condition.signal for condition in self.conditions)

    @property
    def restless(self) -> bool:
        """It can become true by the passing of time alone, so it needs deadlines while nothing is wrong."""
        return self.on_missing == "open" or self.tree.negates()

    def shape(self) -> list[str]:
        """What must be alike for a watch to stay as it is when the rule is edited."""
        return [self.by, *(memory_shape(condition) for condition in self.conditions)]


def memory_shape(condition: Condition) -> str:
    """What must be alike for what one condition remembers to mean the same; limits may differ."""
    shape = f"{type(condition).__name__} {condition.signal}"
    if isinstance(condition, Count):
        return f"{shape} per {condition.operation_signal}"
    if isinstance(condition, Drift):
        return f"{shape} {'up' if condition.up else 'down'} of {'medians' if condition.bucket else 'values'}"
    return shape


class Rulebook:
    """All rules in force, and which of them watch a device of a kind."""

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self._by_kind: dict[str, tuple[Rule, ...]] = {}
        for rule in rules:
            self._by_kind[rule.kind] = (*self._by_kind.get(rule.kind, ()), rule)

    def for_kind(self, kind: str) -> tuple[Rule, ...]:
        return self._by_kind.get(kind, ())

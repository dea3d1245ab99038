"""A rule as the engine holds it: what an engineer wrote, checked, converted to the signals' units, frozen."""

from __future__ import annotations

from typing import Any, NamedTuple

from foretell.engine.conditions import Condition, Level, Node, Silent


class ClearWhen(NamedTuple):
    """How an open watch clears: a level that lasts `dwell` seconds, or `quiet` seconds without an event."""

    level: Level | None = None
    dwell: float = 0.0
    quiet: float = 0.0


class Rule(NamedTuple):
    """One rule. `id` is its path below rules/, `revision` changes with its text; `ticket` is not the engine's."""

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

    def shape(self) -> list[str]:
        """What must be alike for a watch's memory to be carried over when the rule is edited."""
        shape = [f"{type(condition).__name__} {condition.signal}" for condition in self.conditions]
        return [*shape, f"clear {self.clear.level.signal}"] if self.clear and self.clear.level else shape


class Rulebook:
    """All rules in force, and which of them watch a device of a kind."""

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self._by_kind: dict[str, tuple[Rule, ...]] = {}
        for rule in rules:
            self._by_kind[rule.kind] = (*self._by_kind.get(rule.kind, ()), rule)

    def for_kind(self, kind: str) -> tuple[Rule, ...]:
        return self._by_kind.get(kind, ())

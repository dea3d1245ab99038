"""The leaves of a rule and the tree over them.

Each condition is a frozen definition with `memory()`, and each memory answers `verdict(at)`: true, false
or unknown at an instant of event time. `until(at)` says when the verdict would change by itself.
A new kind of condition is a module with these two classes and its words in the rulebook; nothing else
knows them apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from foretell.engine.facts import TICK, Reading, Verdict


class Condition(Protocol):
    """What an engineer asked, converted to the signals' units and frozen."""

    @property
    def signal(self) -> str:
        """The signal it is about; empty if it is about the device as a whole."""
        ...

    @property
    def signals(self) -> tuple[str, ...]:
        """Every signal that it must be given."""
        ...

    @property
    def samples(self) -> bool:
        """It learns from samples, which outside the hours of the rule would tell of another world."""
        ...

    @property
    def restless(self) -> bool:
        """It can become true by the passing of time alone."""
        ...

    def shape(self) -> str:
        """What must be alike for what it remembers to mean the same after an edit; limits may differ."""
        ...

    def memory(self) -> Memory: ...


class Memory(Protocol):
    """What a condition remembers for one watch."""

    @property
    def condition(self) -> Condition: ...

    def take(self, reading: Reading) -> bool:
        """Learn one reading; False when it was late or a repetition and changed nothing."""
        ...

    def verdict(self, at: float) -> Verdict: ...

    def until(self, at: float) -> float:
        """The event time up to which the verdict stands if nothing more is heard."""
        ...

    def gone(self, at: float) -> bool:
        """There was data, and it no longer holds; not the same as never having heard enough."""
        ...

    def measure(self) -> float:
        """How bad it is, in steps of the limit; used to tell news from more of the same."""
        ...

    def evidence(self, at: float) -> dict[str, Any]: ...

    def disarm(self) -> None:
        """The watch was cleared: only something new may make this true again."""
        ...

    def renew(self) -> None:
        """The part was repaired or replaced: start over."""
        ...

    def dump(self) -> Any: ...

    def load(self, data: Any) -> None: ...


class Node(NamedTuple):
    """One place of the tree `all`/`any`/`not`; a `leaf` points at a condition by its index."""

    verb: str
    leaf: int = -1
    below: tuple[Node, ...] = ()

    def negates(self) -> bool:
        """Something in this tree is asked not to be."""
        return self.verb == "not" or any(node.negates() for node in self.below)


def judge(node: Node, verdicts: list[Verdict]) -> Verdict:
    """The tree over the verdicts of its leaves, in Kleene's three-valued logic."""
    if node.verb == "leaf":
        return verdicts[node.leaf]
    if node.verb == "not":
        verdict = judge(node.below[0], verdicts)
        return None if verdict is None else not verdict
    decides = node.verb == "any"
    unknown = False
    for each in node.below:
        verdict = judge(each, verdicts)
        if verdict is decides:
            return decides
        unknown = unknown or verdict is None
    return None if unknown else not decides


def just_after(instant: float) -> float:
    """An instant at which a deadline that lay at `instant` has passed."""
    return instant + TICK

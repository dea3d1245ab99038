"""How many tickets a rule may open in a day; beyond that the rule is the fault, and one ticket says so."""

from __future__ import annotations

from typing import Any

from foretell.engine.facts import CLEARED, MISBEHAVES, NEWS, OPENED, Change
from foretell.engine.watch import Watch
from foretell.site.calendars import Zone

NAMED_MAX = 20
"""Withheld devices that are named on the ticket about the rule."""


class Budget:
    """Openings of the day by rule, and what was withheld of them."""

    def __init__(self) -> None:
        self._day: dict[str, int] = {}
        self._opened: dict[str, int] = {}
        self._withheld: dict[str, list[str]] = {}

    def allow(self, change: Change, watch: Watch, zone: Zone) -> Change | None:
        """The change itself, or the one about the rule in its place, or None: withheld, and said already.

        What a watch says while its opening is withheld is withheld as well, so that no ticket hears of
        something it never knew.
        """
        if change.kind != OPENED:
            if not watch.withheld:
                return change
            watch.withheld = change.kind != CLEARED
            return None
        rule = change.rule
        day = zone.day(change.noticed).toordinal()
        if self._day.get(rule) != day:
            self._day[rule], self._opened[rule], self._withheld[rule] = day, 0, []
        self._opened[rule] += 1
        beyond = self._opened[rule] - watch.rule.budget
        watch.withheld = beyond > 0
        if beyond <= 0:
            return change
        named = self._withheld[rule]
        if len(named) < NAMED_MAX:
            named.append(f"{change.device} {change.part}".strip())
        if beyond & (beyond - 1):  # said at the first, second, fourth, eighth …
            return None
        reason = {
            "why": "budget", "since": change.at, "held": 0.0, "budget": watch.rule.budget,
            "opened": self._opened[rule], "withheld": list(named),
        }  # fmt: skip
        return change._replace(
            kind=OPENED if beyond == 1 else NEWS, device=rule, device_kind="rule", part="",
            failure_mode=MISBEHAVES, since=change.at, reason=reason, evidence=(),
        )  # fmt: skip

    def dump(self) -> list[Any]:
        return [[rule, day, self._opened[rule], self._withheld[rule]] for rule, day in self._day.items()]

    def load(self, data: list[Any]) -> None:
        for rule, day, opened, withheld in data:
            self._day[rule], self._opened[rule], self._withheld[rule] = day, opened, list(withheld)

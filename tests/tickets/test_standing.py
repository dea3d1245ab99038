"""How far a clause is from its limit, and the tree of a rule as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from foretell.engine.conditions import Node
from foretell.tickets.standing import margin, margin_words, tree

CASES: list[tuple[dict[str, Any], float | None, str, str]] = [
    ({"verb": "above", "value": 6.0, "limit": 5.0, "unit": "s", "verdict": True}, 1.0,
     "1 s beyond the limit", "超出限值 1 s"),
    ({"verb": "below", "value": 6.0, "limit": 5.0, "unit": "s", "verdict": False}, -1.0,
     "1 s short of the limit", "距限值 1 s"),
    ({"verb": "rate", "value": 1 / 3600, "limit": 3 / 3600, "unit": "degC", "verdict": False},
     -2 / 3600, "2 °C/h short of the limit", "距限值 2 ℃/小时"),
    ({"verb": "count", "value": 4.0, "limit": 6.0, "unit": "", "verdict": False},
     -2.0, "2 short of the limit", "距限值 2"),
    ({"verb": "used", "value": 410.0, "limit": 400.0, "unit": "", "verdict": True},
     10.0, "10 beyond the limit", "超出限值 10"),
    ({"verb": "forecast", "value": 4.0, "limit": 6.0, "unit": "s", "within": 864000.0,
      "time_left": [432000.0, 1.0, 1.0], "verdict": True}, 432000.0, "5 d beyond the limit", "超出限值 5 天"),
    ({"verb": "forecast", "value": 4.0, "limit": 6.0, "time_left": None, "within": 1.0}, None, "", ""),
    ({"verb": "drift", "sum": 2.0, "limit": 5.0, "value": 3.0, "unit": "s", "verdict": False}, -3.0,
     "3 short of the limit", "距限值 3"),
    ({"verb": "peers", "side": "down", "form": "sigma", "limit": 3.0, "median": 10.0, "sigma": 1.0,
      "deviation": -4.0, "unit": "A", "verdict": True}, 1.0, "1 A beyond the limit", "超出限值 1 A"),
    ({"verb": "peers", "side": "apart", "form": "share", "limit": 0.5, "median": 10.0, "sigma": 1.0,
      "deviation": -4.0, "unit": "A", "verdict": False}, -1.0, "1 A short of the limit", "距限值 1 A"),
    ({"verb": "expected", "side": "up", "form": "unit", "limit": 2.0, "expected": 10.0, "sigma": 1.0,
      "deviation": 3.0, "unit": "", "verdict": True}, 1.0, "1 beyond the limit", "超出限值 1"),
    ({"verb": "peers", "side": "up", "form": "sigma", "limit": 3.0, "median": None, "deviation": None},
     None, "", ""),
    ({"verb": "is", "value": "stopped", "limit": ["stopped"], "verdict": True}, None, "", ""),
    ({"verb": "silent", "value": None, "limit": 3600.0, "verdict": True}, None, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("clause", "beyond", "en", "zh"), CASES, ids=lambda each: str(each)[:24])
def test_the_margin_is_told_in_the_unit_of_the_limit(
    clause: dict[str, Any], beyond: float | None, en: str, zh: str
) -> None:
    found = margin(clause)
    assert found == (None if beyond is None else pytest.approx(beyond))
    assert margin_words(clause, found, "en") == en
    assert margin_words(clause, found, "zh") == zh


def test_the_tree_names_its_clauses_by_place() -> None:
    leaves = [Node("leaf", leaf=index) for index in range(3)]
    whole = Node("all", below=(leaves[0], Node("not", below=(Node("any", below=tuple(leaves[1:])),))))
    assert tree(whole) == {"all": [0, {"not": {"any": [1, 2]}}]}

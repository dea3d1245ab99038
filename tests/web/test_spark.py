"""The small line beside a clause: where its points lie, and what no numbers can draw."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.web.spark import HEIGHT, WIDTH, spark


def clause(verb: str = "above", **more: Any) -> dict[str, Any]:
    return {"verb": verb, "unit": "s", "limit": 4.0, "recent": [[0.0, 2.0], [10.0, 3.0]], **more}


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_time_goes_right_values_go_up_and_the_limit_lies_among_them() -> None:
    line = spark(clause(recent=[[10.0, 3.0], [0.0, 2.0], [20.0, 5.0]]), "en")
    assert line is not None
    drawn = points(line.points)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    assert [y for _, y in drawn] == sorted((y for _, y in drawn), reverse=True)
    assert line.limit_at is not None and drawn[1][1] > line.limit_at > drawn[2][1]
    assert (line.values, line.limit) == ("2 s, 3 s, 5 s", "4 s")


@pytest.mark.parametrize(
    ("verb", "more"), [("rate", {}), ("used", {}), ("count", {}), ("stuck", {}), ("flapping", {})]
)
def test_a_limit_of_another_quantity_is_not_drawn(verb: str, more: dict[str, Any]) -> None:
    line = spark(clause(verb, **more), "zh")
    assert line is not None
    assert (line.limit_at, line.limit) == (None, "")


@pytest.mark.parametrize(
    ("verb", "more"),
    [("drift", {"reference": [2.5, 0.1]}), ("peers", {"median": 2.5}), ("expected", {"expected": 2.5})],
)
def test_what_is_usual_is_drawn_where_a_value_is_held_against_it(verb: str, more: dict[str, Any]) -> None:
    line = spark(clause(verb, **more), "en")
    assert line is not None and line.usual_at is not None
    assert line.usual_at == pytest.approx(HEIGHT / 2, abs=0.1)


@pytest.mark.parametrize(
    "recent", [[], [[0.0, 1.0]], [[0.0, "stopped"], [1.0, "normal"]], None, "recent", [3, 4]]
)
def test_what_is_no_line_is_not_drawn(recent: Any) -> None:
    assert spark(clause(recent=recent), "en") is None


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.integers() | st.text(max_size=3)


@given(
    st.lists(st.lists(NUMBERS, max_size=3), max_size=8), NUMBERS, st.sampled_from(["above", "drift", "rate"])
)
def test_it_never_leaves_its_box(recent: Any, limit: Any, verb: str) -> None:
    line = spark(clause(verb, recent=recent, limit=limit, reference=[limit, 1.0]), "en")
    if line is None:
        return
    drawn = points(line.points)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in [*drawn, line.last])

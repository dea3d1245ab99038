"""What must be followed in time, step by step and against the whole story read at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.engine.conditions import Memory
from foretell.engine.facts import NEVER, PARTS_MAX, TICK, Reading
from foretell.engine.following import Then
from tests.engine.test_standing import (
    SLOW,
    T0,
    is_well_formed,
    keeps_the_contract,
    plain,
    reborn,
    say,
)


def then(
    cause: tuple[Any, ...] = ("event",),
    follow: tuple[Any, ...] = ("event",),
    within: float = 10.0,
    **more: Any,
) -> Then:
    """`cause` and `follow` are (type, states, above, below), as far as they are needed; signals a and b."""
    a, b = ((*each, *("", (), None, None)[len(each) :]) for each in (cause, follow))
    more = {"signal": "a", "follow_signal": "b", **more}
    return Then(
        type=a[0], states=a[1], above=a[2], below=a[3], follow_type=b[0], follow_states=b[1],
        follow_above=b[2], follow_below=b[3], within=within, **more,
    )  # fmt: skip


def a(memory: Memory, at: float, value: Any = "x", **more: Any) -> bool:
    return say(memory, value, at, "a", **more)


def b(memory: Memory, at: float, value: Any = "x", **more: Any) -> bool:
    return say(memory, value, at, "b", **more)


def test_what_is_not_followed_in_time_is_missed_just_after() -> None:
    memory = then().memory()
    assert memory.verdict(0.0) is None and memory.until(0.0) == NEVER
    b(memory, 0.0)
    assert memory.verdict(1.0) is None, "unknown before the first A"
    a(memory, 5.0)
    assert (memory.verdict(5.0), memory.until(5.0), memory.until(15.0)) == (False, 15.0, 15.0)
    assert (memory.verdict(15.0), memory.verdict(15.0 + TICK)) == (False, True)
    assert memory.until(15.1) == NEVER


@pytest.mark.parametrize(("at", "missed"), [(5.0, False), (9.0, False), (15.0, False), (15.5, True)])
def test_b_anywhere_in_the_closed_span_meets_it(at: float, missed: bool) -> None:
    memory = then().memory()
    a(memory, 5.0)
    b(memory, at)
    assert memory.verdict(20.0) is missed


def test_without_a_time_a_miss_stands_until_one_is_met() -> None:
    memory = then().memory()
    a(memory, 0.0)
    a(memory, 20.0)
    assert memory.verdict(20.0) is True
    b(memory, 21.0)
    assert memory.verdict(21.0) is False
    assert memory.verdict(1e6) is False


def test_without_a_time_misses_are_counted_in_a_row() -> None:
    memory = then(at_least=2).memory()
    for at in (0.0, 20.0):
        a(memory, at)
    assert memory.verdict(30.0) is False and memory.verdict(30.1) is True
    b(memory, 21.0)
    a(memory, 40.0)
    assert memory.verdict(60.0) is False, "one met in between begins a new row"


def test_a_further_a_while_one_is_open_adds_none() -> None:
    memory = then(over=1000.0).memory()
    for at in (0.0, 5.0, 10.0):
        a(memory, at)
    assert memory.evidence(10.1)["value"] == 1 and memory.evidence(1000.0)["value"] == 1
    a(memory, 10.5)
    assert memory.evidence(30.0)["value"] == 2


def test_misses_count_for_so_long() -> None:
    memory = then(at_least=2, over=100.0).memory()
    for at in (0.0, 50.0, 300.0):
        a(memory, at)
        assert memory.verdict(at) is False
    assert memory.verdict(311.0) is False
    a(memory, 350.0)
    assert memory.until(350.0) == 360.0
    assert memory.verdict(360.1) is True and memory.until(360.1) == 410.0
    assert (memory.verdict(410.0), memory.verdict(410.0 + TICK)) == (True, False)
    assert memory.until(410.1) == 460.0 and memory.until(460.1) == NEVER


def test_a_b_that_is_late_but_was_in_time_takes_the_miss_back() -> None:
    memory = then().memory()
    a(memory, 0.0)
    assert memory.verdict(11.0) is True
    b(memory, 9.0)
    assert memory.verdict(11.0) is False


def test_a_later_word_makes_a_miss_one_for_good() -> None:
    memory = then().memory()
    a(memory, 0.0)
    b(memory, 11.0)
    assert not b(memory, 9.0)
    other = then().memory()
    a(other, 0.0, part="1")
    a(other, 11.0, part="2")
    b(other, 9.0, part="1")
    assert memory.verdict(12.0) is other.verdict(12.0) is True


def test_a_kept_word_is_no_passing_of_time() -> None:
    memory = then(("event",), ("state", ("up",))).memory()
    a(memory, 0.0)
    b(memory, 50.0, "down", part="p", retained=True)
    b(memory, 9.0, "up")
    assert memory.verdict(12.0) is False


def test_an_a_that_comes_behind_its_b_is_met_and_one_behind_its_time_is_not_judged() -> None:
    memory = then().memory()
    b(memory, 9.0)
    a(memory, 5.0)
    assert memory.verdict(30.0) is False and memory.verdict(9.0) is False
    late = then().memory()
    b(late, 100.0)
    a(late, 5.0)
    assert late.verdict(200.0) is None


def test_entering_a_state_asks_and_a_state_that_stands_already_answers() -> None:
    condition = then(("state", ("moving",)), ("state", ("locked",)))
    memory = condition.memory()
    a(memory, 0.0, "moving")
    assert memory.verdict(20.0) is None, "the first state was not entered"
    a(memory, 21.0, "idle")
    a(memory, 22.0, "moving")
    a(memory, 23.0, "moving")
    b(memory, 30.0, "locked")
    assert memory.verdict(40.0) is False
    a(memory, 50.0, "idle")
    a(memory, 51.0, "moving")
    assert memory.until(51.0) == NEVER, "already locked"
    a(memory, 60.0, "idle")
    b(memory, 60.0, "open")
    a(memory, 61.0, "moving")
    assert memory.verdict(72.0) is True


def test_a_state_that_no_longer_holds_does_not_answer() -> None:
    memory = then(("event",), ("state", ("locked",))).memory()
    b(memory, 0.0, "locked", holds=30.0)
    a(memory, 20.0)
    assert memory.until(20.0) == NEVER
    a(memory, 31.0)
    assert memory.verdict(42.0) is True
    b(memory, 50.0, "locked", holds=30.0)
    b(memory, 60.0, "locked", holds=30.0)
    b(memory, 70.0, "open", holds=30.0)
    a(memory, 65.0)  # it came behind the word that it was opened again
    assert memory.verdict(90.0) is False


def test_a_state_that_is_only_said_again_has_stood_all_the_time() -> None:
    memory = then(("event",), ("state", ("locked",))).memory()
    b(memory, 0.0, "locked")
    b(memory, 100.0, "locked", retained=True)
    a(memory, 50.0)
    assert memory.until(50.0) == NEVER


def test_crossing_a_limit_asks_and_any_value_beyond_answers() -> None:
    memory = then(("gauge", (), 60.0), ("gauge", (), None, 5.0), over=1000.0).memory()
    a(memory, 0.0, 61.0)
    assert memory.until(0.0) == 10.0, "beyond at first sight asks too"
    b(memory, 1.0, 5.0)
    b(memory, 2.0, 4.0, holds=1.0)
    assert memory.until(2.0) == NEVER
    a(memory, 30.0, 62.0)
    assert memory.until(30.0) == NEVER, "it was beyond already"
    a(memory, 31.0, 60.0)
    a(memory, 32.0, 60.5)
    assert memory.verdict(42.1) is True
    b(memory, 42.0, 1.0, holds=5.0)
    assert memory.verdict(42.1) is False


def test_steps_of_counters_ask_and_answer() -> None:
    memory = then(("counter",), ("counter",)).memory()
    b(memory, 0.0, 7.0)
    a(memory, 0.0, 1.0)
    assert memory.verdict(0.0) is None
    a(memory, 1.0, 2.0)
    b(memory, 2.0, 7.0)
    assert memory.verdict(11.5) is True
    b(memory, 3.0, 8.0)
    assert memory.verdict(11.5) is False
    a(memory, 20.0, 0.0)
    assert memory.until(20.0) == NEVER, "a restart at zero is no step"


@pytest.mark.parametrize(("at", "verdict"), [(9.0, False), (12.0, True)])
def test_one_signal_may_ask_and_answer(at: float, verdict: bool) -> None:
    condition = then(("state", ("closing",)), ("state", ("closed",)), signal="a", follow_signal="a")
    memory = condition.memory()
    assert condition.signals == ("a",)
    a(memory, -5.0, "closed")
    a(memory, 0.0, "closing")
    assert memory.until(0.0) == 10.0, "that it was closed before is over"
    a(memory, at, "closed")
    assert memory.verdict(20.0) is verdict


def test_what_the_broker_kept_sets_states_and_never_asks() -> None:
    memory = then(("state", ("moving",)), ("state", ("locked",))).memory()
    a(memory, 0.0, "idle")
    a(memory, 1.0, "moving", retained=True)
    a(memory, 2.0, "moving")
    assert memory.verdict(20.0) is None
    b(memory, 3.0, "locked", retained=True)
    a(memory, 21.0, "idle")
    a(memory, 22.0, "moving")
    assert memory.until(22.0) == NEVER
    event = then().memory()
    a(event, 0.0)
    b(event, 1.0, retained=True)
    assert event.verdict(11.0) is True, "an event that was kept did not happen now"


def test_parts_follow_themselves_and_the_whole_device_every_one() -> None:
    memory = then().memory()
    a(memory, 0.0, part="1")
    a(memory, 0.0, part="2")
    b(memory, 1.0, part="2")
    assert memory.verdict(11.0) is True and memory.evidence(11.0)["misses"] == [10.0]
    b(memory, 2.0)
    assert memory.verdict(11.0) is False
    a(memory, 20.0)
    b(memory, 21.0, part="7")
    assert memory.verdict(31.0) is False, "any part answers for the whole"
    a(memory, 40.0, part="1")
    a(memory, 51.0, part="2")
    b(memory, 52.0, part="2")
    assert memory.verdict(52.0) is True and memory.evidence(52.0)["missed_parts"] == ["1"]
    assert memory.measure() == 1.0


def test_cleared_what_was_asked_before_is_not_held_against_it() -> None:
    memory = then().memory()
    a(memory, 0.0)
    a(memory, 11.0)
    memory.disarm()
    assert reborn(memory).verdict(30.0) is memory.verdict(30.0) is False
    a(memory, 40.0)
    assert memory.verdict(40.0) is False and memory.verdict(50.1) is True


def test_renewed_it_was_never_asked_but_knows_how_things_stand() -> None:
    memory = then(("event",), ("state", ("locked",))).memory()
    a(memory, 0.0)
    b(memory, 20.0, "locked")
    assert memory.verdict(20.0) is True
    memory.renew()
    assert memory.verdict(20.0) is None and memory.until(20.0) == NEVER
    a(memory, 30.0)
    assert memory.until(30.0) == NEVER, "it is still locked"


def test_what_is_remembered_is_bounded() -> None:
    memory = then(over=1e9, at_least=60).memory()
    for at in range(0, 200_000, 20):
        a(memory, float(at))
    for part in range(2 * PARTS_MAX):
        a(memory, 1e6, part=str(part))
        b(memory, 1e6 + 1.0, "y", part=f"b{part}")
    data: Any = memory.dump()
    assert (len(data[0]), len(data[1]), len(data[2]), len(data[7])) == (PARTS_MAX, PARTS_MAX, PARTS_MAX, 60)
    assert len(data[5]) <= PARTS_MAX and len(plain(memory)) < 250 * PARTS_MAX


@pytest.mark.parametrize(
    ("cause", "follow", "samples"),
    [
        ("state", "state", False),
        ("state", "counter", False),
        ("state", "gauge", True),
        ("event", "state", True),
    ],
)
def test_what_is_learned_only_in_the_hours_of_the_rule(cause: str, follow: str, samples: bool) -> None:
    assert then((cause,), (follow,)).samples is samples
    assert then((cause,), (follow,)).restless, "it becomes true by the passing of time"


def test_an_edit_of_a_limit_keeps_the_shape_and_of_what_is_asked_does_not() -> None:
    shape = then(("gauge", (), 60.0)).shape()
    assert shape == then(("gauge", (), 70.0), within=99.0, at_least=4).shape()
    assert len({shape, then(("gauge", (), None, 60.0)).shape(), then(("state", ("on",))).shape()}) == 3


# -- against the whole story at once ------------------------------------------------------------------

STORY = st.lists(
    st.tuples(
        st.sampled_from([1.0, 2.0, 3.0, 7.0, 30.0]),
        st.sampled_from("aab"),
        st.sampled_from(["", "1", "2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
KINDS: dict[str, tuple[tuple[Any, ...], Any, Any]] = {
    "event": (("event", ("on",)), "off", "on"),
    "state": (("state", ("on",)), "off", "on"),
    "gauge": (("gauge", (), 5.0), 4.0, 6.0),
}


def together(one: str, other: str) -> bool:
    return one == other or "" in (one, other)


def story_from_scratch(
    story: list[tuple[float, str, str, bool]], cause: str, follow: str, within: float
) -> list[tuple[float, str, bool]]:
    """(instant, part, met) of every A that counts, each instant of a half-second grid looked at by itself.

    All instants are whole seconds, and only one reading falls on each.
    """

    def wanted(part: str, at: float) -> bool:
        """Some B that belongs to the part is as wanted at `at`."""
        for name in {p for _, who, p, _ in story if who == "b" and together(p, part)}:
            mine = [(t, yes) for t, who, p, yes in story if who == "b" and p == name and t <= at]
            if mine and mine[-1][1] and (follow != "event" or mine[-1][0] == at):
                return True
        return False

    results = []
    for part in {p for _, who, p, _ in story if who == "a"}:
        mine = [(t, yes) for t, who, p, yes in story if who == "a" and p == part]
        busy_until = -NEVER
        for index, (at, yes) in enumerate(mine):
            before = mine[index - 1][1] if index else None
            first = {"event": True, "state": False, "gauge": True}[cause]
            begins = yes and (cause == "event" or (first if before is None else not before))
            if not begins or at <= busy_until:
                continue
            grid = [at + tick / 2 for tick in range(int(within * 2) + 1)]
            met = next((each for each in grid if wanted(part, each)), None)
            results.append((at + within if met is None else met, part, met is not None))
            busy_until = results[-1][0] if met is None or met > at else -NEVER
    return results


@SLOW
@given(
    STORY,
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from([2.0, 5.0, 20.0]),
    st.integers(1, 3),
    st.sampled_from([0.0, 15.0, 60.0]),
)
def test_then_agrees_with_the_whole_story(
    steps: list[tuple[float, str, str, bool]], cause: str, follow: str, within: float, n: int, over: float
) -> None:
    story, at = [], 0.0
    for gap, who, part, yes in steps:
        at += gap
        story.append((at, who, part, yes))
    memory = then(KINDS[cause][0], KINDS[follow][0], within, at_least=n, over=over).memory()
    for index, (at, who, part, yes) in enumerate(story):
        kind = KINDS[cause if who == "a" else follow]
        say(memory, kind[2] if yes else kind[1], at, who, part=part)
        heard = story[: index + 1]
        for later in (0.0, 0.5, within, within + 0.5, over, over + 0.5, 200.0):
            results = story_from_scratch(heard, cause, follow, within)
            misses = [end for end, _, met in results if not met and end < at + later]
            if over:
                missed = sum(end + over >= at + later for end in misses)
            else:
                missed = sum(in_a_row(results, at + later).values())
            asked = any(True for _ in results)
            assert memory.verdict(at + later) is (missed >= n if asked else None), (heard, at + later)


def in_a_row(results: list[tuple[float, str, bool]], at: float) -> dict[str, int]:
    row: dict[str, int] = {}
    for end, part, met in sorted(results):
        if met:
            row[part] = 0
        elif end < at:
            row[part] = row.get(part, 0) + 1
    return row


@st.composite
def words(draw: st.DrawFn) -> list[Reading]:
    at, told = T0, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from([0.0, 0.1, 1.0, 5.3, 12.0, 40.0]))
        late = draw(st.sampled_from([0.0] * 5 + [2.0, 9.0, 60.0]))
        value = draw(st.sampled_from(["on", "off", 1.0, 6.0, 7.0]))
        part, signal = draw(st.sampled_from(["", "1", "2"])), draw(st.sampled_from("ab"))
        holds = draw(st.sampled_from([NEVER, NEVER, 4.0]))
        retained = draw(st.sampled_from([False] * 5 + [True]))
        told.append(Reading("d", "k", signal, part, value, at - late, holds, retained))
    return told


ASKED = st.sampled_from(
    [
        ("event",),
        ("event", ("on",)),
        ("state", ("on",)),
        ("gauge", (), 5.0),
        ("counter",),
        ("counter", (), 5.0),
    ]
)


@SLOW
@given(
    ASKED, ASKED, st.booleans(), words(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3, 30.0])
)
def test_then_keeps_the_contract(
    cause: Any, follow: Any, one: bool, told: list[Reading], chance: Any, over: float
) -> None:
    one = one and cause[0] == follow[0]  # a signal has one type
    signals = {"follow_signal": "a"} if one else {}
    keeps_the_contract(then(cause, follow, 5.1, at_least=2, over=over, **signals), told, chance)


@pytest.mark.parametrize("over", [0.0, 100.0])
def test_nothing_odd_raises_and_evidence_is_whole(over: float) -> None:
    for cause in (("event",), ("state", ("x",)), ("gauge", (), 1.0), ("counter",)):
        for follow in (("event",), ("state", ("x",)), ("gauge", (), None, 0.0), ("counter",)):
            is_well_formed(then(cause, follow, over=over))
            is_well_formed(then(cause, follow, over=over, follow_signal="a"))

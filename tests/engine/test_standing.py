"""Stuck and flapping by themselves, and against plain sums over the whole series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.engine.conditions import Condition, Memory
from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, TICK, Reading
from foretell.engine.standing import SAME_INSTANT_MAX, Flapping, Newest, Stuck

T0 = 1_760_000_000.25
SLOW = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True)
ODD = [None, 3, True, [], {}, b"x", "x", "", 0.0, -0.0, 1e308, -1e308, 5e-324, "\0"]
ODD_TIMES = [0.0, -4e9, 4e9, 1e-9, T0]


def say(memory: Memory, value: Any, at: float, signal: str = "s", **more: Any) -> bool:
    part = more.pop("part", "")
    return memory.take(Reading("d", "k", signal, part, value, at, **more))


def plain(memory: Memory) -> bytes:
    return msgspec.msgpack.encode(memory.dump())


def reborn(memory: Memory) -> Memory:
    """The same memory behind a restart."""
    again = memory.condition.memory()
    again.load(msgspec.msgpack.decode(plain(memory)))
    return again


def keeps_the_contract(condition: Condition, readings: Sequence[Reading], chance: Any) -> None:
    """Asked often, restarted and told twice it says the same; a verdict stands as long as it says."""
    calm, wild = condition.memory(), condition.memory()
    now = -NEVER
    learned: list[Reading] = []
    for reading in readings:
        before, now = now, max(now, reading.at)
        if before != -NEVER:
            for at in sorted(chance.uniform(before, now) for _ in range(chance.randint(0, 3))):
                wild.verdict(at), wild.until(at), wild.gone(at), wild.measure(), wild.evidence(at)
        if chance.random() < 0.3:
            wild = reborn(wild)
        news = calm.take(reading)
        assert wild.take(reading) is news
        learned += [reading] * news
        for again in (
            reading,
            *learned[-1:],
            *learned[: chance.randint(0, 1)],
            *learned[len(learned) // 2 :][:1],
        ):
            assert wild.take(again) is False
        assert plain(wild) == plain(calm)
        verdict, until = calm.verdict(now), calm.until(now)
        assert until >= now
        assert wild.verdict(now) is verdict and wild.until(now) == until
        assert wild.evidence(now) == calm.evidence(now) and wild.measure() == calm.measure()
        stands_as_long_as_it_says(calm, now, chance)


def stands_as_long_as_it_says(memory: Memory, at: float, chance: Any) -> None:
    """From deadline to deadline, until there are no more."""
    for _ in range(300):
        until = memory.until(at)
        assert until >= at
        last = min(until, at + 1e6)
        between = (at, (at + last) / 2, chance.uniform(at, last), last)
        assert len({memory.verdict(each) for each in between}) == 1
        if until == NEVER:
            return
        at = until + TICK
    raise AssertionError("the deadlines never end")


def is_well_formed(condition: Condition) -> None:
    """Nothing odd raises, evidence is plain and has what every reader of it expects, and shape is text."""
    memory = condition.memory()
    for signal in (*condition.signals, "nonsense"):
        for at in ODD_TIMES:
            for value in ODD:
                for more in ({}, {"part": "p", "holds": 0.0}, {"holds": -5.0}, {"retained": True}):
                    assert memory.take(Reading("d", "k", signal, "", value, at)._replace(**more)) in (
                        True,
                        False,
                    )
                    assert memory.verdict(at) in (True, False, None)
                    assert memory.until(at) >= at
                    assert isinstance(memory.measure(), float) and memory.gone(at) in (True, False)
    for each in (memory, condition.memory()):
        evidence = each.evidence(T0)
        wanted = {"verb", "signal", "unit", "value", "limit", "at", "verdict", "recent"}
        assert wanted <= evidence.keys() and len(evidence["recent"]) <= RECENT
        assert evidence["verdict"] is each.verdict(T0)
        msgspec.json.encode(evidence)
        each.disarm()
        assert each.verdict(T0) is not True
        each.renew()
        assert each.verdict(T0) is not True
    assert condition.signals[0] == condition.signal and condition.shape() != ""


# -- the newest reading of each part -----------------------------------------------------------------


def heard(newest: Newest, value: Any, at: float, part: str = "", **more: Any) -> bool:
    counts = more.pop("counts", False)
    return newest.take(Reading("d", "k", "s", part, value, at, **more), counts)


def test_the_late_and_the_repeated_are_refused_by_part() -> None:
    newest = Newest()
    told = [("a", 5.0), ("b", 5.0), ("a", 5.0), ("b", 5.0), ("c", 4.0), ("b", 6.0)]
    assert [heard(newest, *each) for each in told] == [True, True, False, False, False, True]
    assert heard(newest, "c", 4.0, "other")
    assert (newest.value(""), newest.value("other"), newest.value("none")) == ("b", "c", None)


def test_a_lower_counter_is_old_at_one_instant_or_from_the_broker_and_else_a_restart() -> None:
    newest = Newest()
    assert heard(newest, 9.0, 1.0, counts=True)
    assert not heard(newest, 8.0, 1.0, counts=True)
    assert not heard(newest, 8.0, 2.0, counts=True, retained=True)
    assert heard(newest, 10.0, 2.0, counts=True, retained=True)
    assert heard(newest, 8.0, 3.0, counts=True)


def test_what_is_known_of_parts_and_instants_is_bounded() -> None:
    newest = Newest()
    assert sum(heard(newest, 1.0, 1.0, str(part)) for part in range(PARTS_MAX + 50)) == PARTS_MAX
    assert sum(heard(newest, float(value), 2.0, "0") for value in range(99)) == SAME_INSTANT_MAX


# -- stuck -------------------------------------------------------------------------------------------


def test_stuck_from_when_it_stood_for_so_long_and_so_often() -> None:
    memory = Stuck("s", "degC", over=30.0, at_least=4).memory()
    assert memory.verdict(0.0) is None
    verdicts = []
    for at in (0.0, 10.0, 20.0, 30.0, 40.0):
        assert say(memory, 5.0, at)
        verdicts.append(memory.verdict(at))
    assert verdicts == [False, False, False, True, True]
    say(memory, 5.1, 50.0)
    assert memory.verdict(50.0) is False


@pytest.mark.parametrize(("over", "at_least"), [(30.0, 5), (31.0, 4)])
def test_neither_long_nor_often_alone_is_stuck(over: float, at_least: int) -> None:
    memory = Stuck("s", "", over=over, at_least=at_least).memory()
    for at in (0.0, 10.0, 20.0, 30.0):
        say(memory, 5.0, at)
    assert memory.verdict(30.0) is False
    assert memory.verdict(500.0) is False, "readings must keep coming; time alone makes nothing stuck"


def test_a_band_lets_it_breathe_and_is_as_wide_as_written() -> None:
    memory = Stuck("s", "", over=20.0, within=0.1, at_least=3).memory()
    for at, value in enumerate([20.0, 20.1, 20.0]):
        say(memory, value, at * 10.0)
    assert memory.verdict(20.0) is True, "20.1 - 20.0 is more than 0.1 only by rounding"
    say(memory, 20.15, 30.0)
    assert memory.verdict(30.0) is False
    for at, value in enumerate([20.2, 20.3], start=4):
        say(memory, value, at * 10.0)
    assert memory.evidence(50.0)["since"] == 50.0, "a slow drift breaks each band in turn"


def test_a_gap_longer_than_the_value_holds_begins_anew() -> None:
    memory = Stuck("s", "", over=30.0, at_least=3).memory()
    for at in (0.0, 15.0, 30.0):
        say(memory, 5.0, at, holds=20.0)
    assert memory.verdict(30.0) is True
    assert (memory.until(30.0), memory.verdict(50.0), memory.verdict(50.1)) == (50.0, True, None)
    assert memory.until(50.1) == NEVER and memory.gone(50.1) and not memory.gone(50.0)
    say(memory, 5.0, 51.0, holds=20.0)
    assert memory.verdict(51.0) is False


def test_parts_stand_apart_and_one_is_enough() -> None:
    memory = Stuck("s", "", over=30.0, at_least=3).memory()
    for at in (0.0, 15.0, 30.0):
        say(memory, 5.0, at, part="a")
        say(memory, at, at, part="b")
    assert memory.verdict(30.0) is True and memory.measure() == 1.0
    evidence = memory.evidence(30.0)
    assert (evidence["part"], evidence["stuck_parts"], evidence["value"]) == ("a", ["a"], 5.0)
    assert (evidence["since"], evidence["lasted"], evidence["readings"]) == (0.0, 30.0, 3)
    say(memory, 6.0, 31.0, part="a")
    assert memory.verdict(31.0) is False


def test_what_the_broker_kept_is_no_reading_that_keeps_coming() -> None:
    memory = Stuck("s", "", over=10.0, at_least=2).memory()
    assert not say(memory, 5.0, 0.0, retained=True)
    assert memory.verdict(0.0) is None
    say(memory, 5.0, 1.0)
    assert not say(memory, 5.0, 11.0, retained=True)
    assert memory.verdict(11.0) is False


def test_cleared_it_needs_another_run_and_renewed_it_starts_over() -> None:
    memory = Stuck("s", "", over=10.0, at_least=2).memory()
    for at in (0.0, 10.0):
        say(memory, 5.0, at)
    memory.disarm()
    say(memory, 5.0, 20.0)
    assert reborn(memory).verdict(20.0) is memory.verdict(20.0) is False
    for at in (30.0, 40.0):
        say(memory, 6.0, at)
    assert memory.verdict(40.0) is True
    memory.renew()
    assert memory.verdict(40.0) is None
    assert not say(memory, 6.0, 40.0), "an old word is still old"
    for at in (50.0, 60.0):
        say(memory, 6.0, at)
    assert memory.verdict(60.0) is True


def test_stuck_remembers_no_more_than_so_many_parts() -> None:
    memory = Stuck("s", "", over=10.0).memory()
    for part in range(PARTS_MAX + 100):
        for at in range(5):
            say(memory, 1.0, float(at), part=str(part))
    assert len(memory.dump()[1]) == PARTS_MAX
    for at in range(5, 5000):
        say(memory, 1.0, float(at), part="0")
    assert len(plain(memory)) < 150 * PARTS_MAX


VALUES = st.sampled_from([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, "x"])


@st.composite
def series(draw: st.DrawFn, values: Any, most: int = 40, jitter: bool = True) -> list[Reading]:
    at, told = T0, []
    for _ in range(draw(st.integers(1, most))):
        at += draw(
            st.sampled_from([0.0, 1.0, 2.0, 5.3, 10.0, 40.0] if jitter else [1.0, 2.0, 5.0, 10.0, 40.0])
        )
        late = draw(st.sampled_from([0.0] * 5 + [2.0, 30.0])) if jitter else 0.0
        part = draw(st.sampled_from(["", "1", "2"]))
        holds = draw(st.sampled_from([NEVER, NEVER, 20.0]))
        retained = draw(st.sampled_from([False] * 5 + [True]))
        told.append(Reading("d", "k", "s", part, draw(values), at - late, holds, retained))
    return told


def stuck_from_scratch(condition: Stuck, told: list[Reading]) -> bool | None:
    """Part by part, the longest tail of readings without a gap, cut greedily into bands."""
    known = [r for r in told if isinstance(r.value, float) and not r.retained]
    now = told[-1].at
    if not any(now <= r.at + r.holds for r in {r.part: r for r in known}.values()):
        return None
    for part in {r.part for r in known}:
        band: list[Reading] = []
        for each in (r for r in known if r.part == part):
            values = [r.value for r in [*band, each]]
            broken = band and (
                each.at > band[-1].at + band[-1].holds or max(values) - min(values) > condition.within
            )
            band = [each] if broken else [*band, each]
        if len(band) >= condition.at_least and band[-1].at - band[0].at >= condition.over:
            return True
    return False


@SLOW
@given(
    series(VALUES, jitter=False), st.sampled_from([0.0, 1.0]), st.integers(1, 5), st.sampled_from([5.0, 30.0])
)
def test_stuck_agrees_with_the_whole_series(told: list[Reading], within: float, n: int, over: float) -> None:
    condition = Stuck("s", "", over=over, within=within, at_least=n)
    memory = condition.memory()
    for index, reading in enumerate(told):
        memory.take(reading)
        assert memory.verdict(reading.at) is stuck_from_scratch(condition, told[: index + 1])


@SLOW
@given(series(VALUES), st.randoms(use_true_random=False))
def test_stuck_keeps_the_contract(told: list[Reading], chance: Any) -> None:
    keeps_the_contract(Stuck("s", "", over=8.0, within=1.0, at_least=3), told, chance)


# -- flapping ----------------------------------------------------------------------------------------


def test_states_flap_and_are_let_go_at_half() -> None:
    memory = Flapping("s", "state", at_least=4.0, over=100.0).memory()
    verdicts = []
    for at, value in enumerate("ababa"):
        say(memory, value, at * 10.0)
        verdicts.append(memory.verdict(at * 10.0))
    assert verdicts == [False, False, False, False, True], "the first state is no change"
    assert memory.until(40.0) == 120.0, "of 10, 20, 30 and 40 the second leaves just after 120"
    assert (memory.verdict(120.0), memory.verdict(120.0 + TICK)) == (True, False)
    assert memory.until(120.1) == NEVER


def test_once_let_go_it_needs_the_whole_number_again_and_not_before_it_was_let_go() -> None:
    memory = Flapping("s", "event", at_least=4.0, over=100.0).memory()
    for at in (0.0, 1.0, 2.0, 3.0):
        say(memory, "x", at)
    say(memory, "x", 101.5)  # at 101 + it stood at half, and was let go
    assert memory.verdict(101.5) is False
    held = Flapping("s", "event", at_least=4.0, over=100.0).memory()
    for at in (0.0, 1.0, 2.0, 3.0, 100.5):
        say(held, "x", at)
    assert held.verdict(101.5) is True and held.until(100.5) == 102.0


@pytest.mark.parametrize(("at", "until"), [(101.2, 102.0), (101.5, 102.0), (101.6, None)])
def test_while_it_is_held_fewer_changes_hold_it(at: float, until: float | None) -> None:
    memory = Flapping("s", "event", at_least=6.0, over=100.0).memory()
    for each in (0.0, 1.0, 1.5, 2.0, 4.0, 5.0, at):
        say(memory, "x", each)
    assert memory.verdict(at) is (until is not None)
    assert memory.until(at) == (until or NEVER)


def test_a_gauge_flaps_across_its_limit_either_way() -> None:
    memory = Flapping("s", "gauge", 3.0, 100.0, above=5.0).memory()
    for at, value in enumerate([6.0, 7.0, 5.0, 4.0, 6.0]):
        say(memory, value, float(at))
    assert memory.verdict(4.0) is False and memory.evidence(4.0)["value"] == 2.0
    say(memory, 5.0, 5.0)
    assert memory.verdict(5.0) is True and memory.measure() == 1.0


def test_a_gauge_with_two_limits_goes_from_side_to_side() -> None:
    memory = Flapping("s", "gauge", 2.0, 100.0, above=5.0, below=1.0).memory()
    for at, value in enumerate([3.0, 0.0, 6.0]):
        say(memory, value, float(at))
    assert memory.measure() == 1.0


def test_steps_of_a_counter_flap() -> None:
    memory = Flapping("s", "counter", 4.0, 100.0).memory()
    for at, value in enumerate([7.0, 8.0, 10.0, 0.0, 1.0]):
        say(memory, value, float(at))
    assert memory.verdict(4.0) is True and memory.evidence(4.0)["value"] == 4.0


def test_parts_change_apart_and_count_together() -> None:
    memory = Flapping("s", "state", 2.0, 100.0).memory()
    for at, (part, value) in enumerate([("1", "a"), ("2", "b"), ("1", "a"), ("2", "b")]):
        say(memory, value, float(at), part=part)
    assert memory.measure() == 0.0
    say(memory, "b", 5.0, part="1")
    say(memory, "a", 5.0, part="2")
    assert memory.verdict(5.0) is True


def test_what_the_broker_kept_sets_the_state_and_never_counts() -> None:
    memory = Flapping("s", "state", 1.0, 100.0).memory()
    say(memory, "a", 0.0)
    assert say(memory, "b", 1.0, retained=True)
    say(memory, "b", 2.0)
    assert memory.measure() == 0.0
    assert not say(Flapping("s", "event", 1.0, 100.0).memory(), "x", 1.0, retained=True)


def test_a_late_event_counts_where_it_belongs() -> None:
    memory = Flapping("s", "event", 3.0, 10.0).memory()
    assert [say(memory, "x", at) for at in (20.0, 15.0, 15.0, 9.0)] == [True, True, False, False]
    assert say(memory, "x", 12.0)
    assert memory.verdict(20.0) is True and memory.until(20.0) == 25.0


def test_cleared_the_next_change_counts_with_those_before_and_renewed_it_does_not() -> None:
    memory = Flapping("s", "state", 2.0, 100.0).memory()
    for at, value in enumerate("aba"):
        say(memory, value, float(at))
    memory.disarm()
    assert reborn(memory).verdict(2.0) is memory.verdict(2.0) is False
    say(memory, "b", 3.0)
    assert memory.verdict(3.0) is True
    memory.renew()
    assert memory.verdict(3.0) is False
    say(memory, "a", 4.0)
    assert memory.evidence(4.0)["value"] == 1.0, "that it stood at b is still known"


def test_an_edited_limit_sets_the_instant_of_letting_go_anew() -> None:
    memory = Flapping("s", "event", 4.0, 100.0).memory()
    for at in (0.0, 1.0, 2.0, 3.0):
        say(memory, "x", at)
    edited = Flapping("s", "event", 6.0, 50.0).memory()
    edited.load(memory.dump())
    assert edited.until(3.0) == 50.0, "at 3 of 6 or fewer it is let go"


def test_flapping_remembers_no_more_than_it_needs() -> None:
    memory = Flapping("s", "event", 60.0, 1e9).memory()
    for at in range(3000):
        say(memory, "x", float(at))
    assert memory.verdict(3000.0) is True and len(memory.dump()[1][0]) == 60
    states = Flapping("s", "state", 3.0, 10.0).memory()
    for part in range(2 * PARTS_MAX):
        say(states, "a", 1.0, part=str(part))
    assert len(states.dump()[0]) == PARTS_MAX


def flapping_from_scratch(
    changes: list[tuple[float, float]], at_least: float, over: float, at: float
) -> bool:
    """On a fine grid of time: set at `at_least`, let go at half."""
    state, tick = False, changes[0][0] if changes else at
    while tick <= at:
        total = sum(weight for when, weight in changes if tick - over <= when <= tick)
        state = total > at_least / 2 if state else total >= at_least
        tick += 0.5
    return state


@SLOW
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 4.0, 5.5, 9.0])), min_size=2, max_size=30),
    st.sampled_from([("gauge", 5.0), ("counter", None), ("state", None), ("event", None)]),
    st.integers(1, 5),
    st.sampled_from([3.0, 8.0]),
)
def test_flapping_agrees_with_a_fine_grid_of_time(
    told: list[tuple[int, float]], kind: tuple[str, float | None], n: int, over: float
) -> None:
    memory = Flapping("s", kind[0], float(n), over, above=kind[1]).memory()
    changes: list[tuple[float, float]] = []
    at, before = 0.0, None
    for gap, number in told:
        at += gap + 1
        value: Any = number if kind[0] in ("gauge", "counter") else str(number)
        say(memory, value, at)
        weight = 1.0 if kind[0] == "event" else 0.0
        if before is not None and kind[0] == "state":
            weight = float(before != value)
        elif before is not None and kind[0] == "gauge":
            weight = float((before > 5.0) != (value > 5.0))
        elif before is not None and kind[0] == "counter":
            weight = value - before if value >= before else value
        before = value
        if weight:
            changes.append((at, weight))
        for later in (0.0, 0.5, 1.0, over / 2, over, over + 0.5, 3 * over):
            assert memory.verdict(at + later) is flapping_from_scratch(changes, n, over, at + later)


@SLOW
@given(
    st.sampled_from(["state", "event", "gauge", "counter"]),
    series(st.sampled_from(["a", "b", "c", 1.0, 6.0, 7.0, -3.0])),
    st.randoms(use_true_random=False),
    st.sampled_from([0.3, 8.1, 30.0]),
)
def test_flapping_keeps_the_contract(kind: str, told: list[Reading], chance: Any, over: float) -> None:
    above = 5.0 if kind == "gauge" else None
    keeps_the_contract(Flapping("s", kind, 3.0, over, above=above), told, chance)


@pytest.mark.parametrize(
    "condition",
    [
        Stuck("s", "degC", over=1.0, at_least=2),
        Flapping("s", "state", 2.0, 1e10),
        Flapping("s", "event", 2.0, 1e10),
        Flapping("s", "gauge", 2.0, 1e10, above=1.0, below=-1.0),
        Flapping("s", "counter", 2.0, 1e10),
    ],
)
def test_nothing_odd_raises_and_evidence_is_whole(condition: Condition) -> None:
    is_well_formed(condition)


def test_what_is_learned_only_in_the_hours_of_the_rule() -> None:
    assert Stuck("s", "", 1.0).samples and Flapping("s", "event", 1.0, 1.0).samples
    assert not Flapping("s", "state", 1.0, 1.0).samples and not Flapping("s", "counter", 1.0, 1.0).samples
    assert not Stuck("s", "", 1.0).restless and not Flapping("s", "event", 1.0, 1.0).restless

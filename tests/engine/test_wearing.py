"""How much of a life is used up, with numpy as a second opinion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.engine.facts import NEVER, PARTS_MAX, Reading
from foretell.engine.wearing import DAY, DAYS_MAX, Used
from tests.engine.test_standing import (
    SLOW,
    T0,
    is_well_formed,
    keeps_the_contract,
    plain,
    reborn,
    say,
    series,
)


def test_a_life_is_used_up_at_its_share_and_stays_so() -> None:
    memory = Used("s", "", of=1000.0, at=0.8).memory()
    assert memory.verdict(0.0) is None
    for at, value, verdict in ((0.0, 700.0, False), (1.0, 799.0, False), (2.0, 800.0, True)):
        say(memory, value, at)
        assert memory.verdict(at) is verdict
    assert memory.verdict(1e9) is True, "a counter stands: a gap makes nothing unknown"
    assert memory.until(2.0) == NEVER and not memory.gone(1e9)
    assert memory.measure() == 1.0


def test_a_share_that_cannot_be_written_in_binary_is_met_all_the_same() -> None:
    memory = Used("s", "", of=10.0, at=70 * 0.01).memory()  # 0.7000000000000001
    say(memory, 7.0, 0.0)
    assert memory.verdict(0.0) is True


def test_from_first_sight_on_only_what_was_seen_is_used() -> None:
    memory = Used("s", "", of=100.0, at=0.5, origin="first").memory()
    say(memory, 5000.0, 0.0)
    assert memory.evidence(0.0)["value"] == 0.0
    say(memory, 5050.0, 1.0)
    assert memory.verdict(1.0) is True


def test_a_fall_is_a_restart_from_zero_and_never_negative() -> None:
    memory = Used("s", "", of=100.0, at=1.0).memory()
    used = []
    for at, value in enumerate([50.0, 60.0, 5.0, 0.0, -3.0, 2.0]):
        say(memory, value, float(at))
        used.append(memory.evidence(0.0)["value"])
    assert used == [50.0, 60.0, 65.0, 65.0, 65.0, 70.0]


def test_an_old_message_is_not_a_restart() -> None:
    memory = Used("s", "", of=100.0, at=1.0).memory()
    say(memory, 50.0, 10.0)
    assert not say(memory, 49.0, 10.0), "of one instant"
    assert not say(memory, 50.0, 10.0), "a repetition"
    assert not say(memory, 70.0, 9.0), "late"
    assert not say(memory, 40.0, 20.0, retained=True), "kept by the broker"
    assert not say(memory, "51", 20.0)
    assert say(memory, 51.0, 10.0) and say(memory, 52.0, 20.0, retained=True)
    assert memory.evidence(20.0)["value"] == 52.0


def test_a_renewal_counts_from_the_last_known_value() -> None:
    memory = Used("s", "", of=100.0, at=0.5).memory()
    say(memory, 60.0, 0.0)
    assert memory.verdict(0.0) is True
    memory.renew()
    assert memory.verdict(0.0) is False
    say(memory, 100.0, 1.0)
    assert memory.evidence(1.0)["value"] == 40.0
    assert reborn(memory).evidence(1.0) == memory.evidence(1.0)


@pytest.mark.parametrize("restart", [False, True])
def test_renewed_before_it_was_ever_heard_it_is_new_when_it_is(restart: bool) -> None:
    memory = Used("s", "", of=100.0, at=0.5, origin="zero").memory()
    memory.renew()
    memory = reborn(memory) if restart else memory
    say(memory, 9000.0, 0.0)
    assert memory.verdict(0.0) is False


def test_the_part_that_is_worn_most_decides() -> None:
    memory = Used("s", "", of=100.0, at=0.5).memory()
    say(memory, 10.0, 0.0, part="1")
    say(memory, 60.0, 0.0, part="2")
    evidence = memory.evidence(0.0)
    assert evidence["verdict"] is True and (evidence["part"], evidence["share"]) == ("2", 0.6)


def test_cleared_it_says_no_more_of_that_life_but_of_another_part() -> None:
    memory = Used("s", "", of=100.0, at=0.5).memory()
    say(memory, 60.0, 0.0, part="1")
    say(memory, 10.0, 0.0, part="2")
    memory.disarm()
    say(memory, 90.0, 1.0, part="1")
    assert reborn(memory).verdict(1.0) is memory.verdict(1.0) is False
    say(memory, 55.0, 2.0, part="2")
    assert memory.verdict(2.0) is True
    memory.renew()
    say(memory, 141.0, 3.0, part="1")
    assert memory.verdict(3.0) is True


def test_time_left_by_the_least_the_mean_and_the_greatest_day() -> None:
    memory = Used("s", "", of=1000.0, at=0.8).memory()
    say(memory, 0.0, T0)
    for day, value in enumerate([100.0, 300.0, 500.0], start=1):
        assert memory.evidence(T0)["time_left"] is None or day > 1
        say(memory, value, T0 + day * DAY)
    evidence = memory.evidence(T0)
    assert evidence["days"] == 3
    assert evidence["per_day"] == pytest.approx(500 / 3)
    assert evidence["time_left"] == pytest.approx([2.5 * DAY, 3.0 * DAY, 5.0 * DAY])


def test_nothing_is_foretold_before_a_day_or_without_use() -> None:
    memory = Used("s", "", of=1000.0, at=0.8).memory()
    say(memory, 5.0, T0)
    say(memory, 9.0, T0 + DAY - 1.0)
    assert memory.evidence(T0)["per_day"] is memory.evidence(T0)["time_left"] is None
    idle = Used("s", "", of=1000.0, at=0.8).memory()
    say(idle, 5.0, T0)
    say(idle, 5.0, T0 + 3 * DAY)
    assert idle.evidence(T0)["per_day"] == 0.0 and idle.evidence(T0)["time_left"] is None
    say(idle, 15.0, T0 + 4 * DAY)
    earliest, likely, latest = idle.evidence(T0)["time_left"]
    assert latest is None and earliest == pytest.approx(98.5 * DAY) and likely == pytest.approx(394 * DAY)


def test_what_is_used_up_has_no_time_left() -> None:
    memory = Used("s", "", of=10.0, at=0.8).memory()
    say(memory, 5.0, T0)
    say(memory, 50.0, T0 + DAY)
    say(memory, 50.0, T0 + 3 * DAY)
    assert memory.evidence(T0)["time_left"] == [0.0, 0.0, 0.0]


def test_a_renewal_forgets_the_use_and_not_how_fast_it_is() -> None:
    memory = Used("s", "", of=100.0, at=0.8).memory()
    say(memory, 0.0, T0)
    say(memory, 50.0, T0 + DAY)
    memory.renew()
    assert memory.evidence(T0)["time_left"] == pytest.approx([2 * DAY] * 3)


def test_the_wear_that_is_remembered_is_bounded() -> None:
    memory = Used("s", "", of=1e9, at=0.8).memory()
    for day in range(400):
        say(memory, float(day), T0 + day * DAY / 3)
    say(memory, 500.0, T0 + 4000 * DAY)
    assert memory.evidence(T0)["days"] == DAYS_MAX
    for part in range(2 * PARTS_MAX):
        say(memory, 1.0, T0, part=str(part))
    assert len(memory.dump()[0]) == PARTS_MAX
    assert len(plain(memory)) < 300 * PARTS_MAX


STEPS = st.lists(
    st.tuples(st.sampled_from([1.0, 600.0, 20_000.0, DAY, 2.5 * DAY, 40 * DAY]), st.integers(0, 90)),
    min_size=1,
    max_size=40,
)


@SLOW
@given(STEPS, st.sampled_from(["zero", "first"]), st.integers(0, 40))
def test_used_agrees_with_numpy(told: list[tuple[float, int]], origin: str, renewal: int) -> None:
    of = 300.0
    memory = Used("s", "", of=of, at=0.5, origin=origin).memory()
    ats = T0 + np.cumsum([gap for gap, _ in told])
    values = np.array([float(value) for _, value in told])
    for index, (at, value) in enumerate(zip(ats, values, strict=True)):
        say(memory, float(value), float(at))
        if index == renewal:
            memory.renew()
    rises = np.diff(values)
    rises = np.where(rises >= 0, rises, values[1:])
    total = np.concatenate([[0.0], np.cumsum(rises)])
    used = total[-1] + (values[0] if origin == "zero" else 0.0)
    if renewal < len(told):
        used = total[-1] - total[renewal]
    days = np.diff(np.interp(np.arange(ats[0], ats[-1] + 1e-6, DAY), ats, total))[-DAYS_MAX:]
    evidence = memory.evidence(float(ats[-1]))
    assert evidence["value"] == pytest.approx(used)
    assert memory.verdict(float(ats[-1])) is bool(used >= of / 2)
    assert evidence["days"] == len(days)
    if not len(days):
        assert evidence["per_day"] is evidence["time_left"] is None
        return
    assert evidence["per_day"] == pytest.approx(days.mean(), abs=1e-6)
    if days.max() < 1e-6:
        return
    left = max(of - used, 0.0)
    earliest, likely, latest = evidence["time_left"]
    assert earliest == pytest.approx(left / days.max() * DAY)
    assert likely == pytest.approx(left / days.mean() * DAY)
    if latest is not None and days.min() > 1e-6:
        assert latest == pytest.approx(left / days.min() * DAY)
    assert latest is None or earliest <= likely * (1 + 1e-9) <= latest * (1 + 1e-6)


@SLOW
@given(
    series(st.sampled_from([0.0, 1.0, 2.0, 5.0, 9.0, "x"])),
    st.sampled_from(["zero", "first"]),
    st.randoms(use_true_random=False),
)
def test_used_keeps_the_contract(told: list[Reading], origin: str, chance: Any) -> None:
    days = [each._replace(at=T0 + (each.at - T0) * 3000.0) for each in told]
    keeps_the_contract(Used("s", "", of=12.0, at=0.5, origin=origin), days, chance)


def test_nothing_odd_raises_and_evidence_is_whole() -> None:
    for origin in ("zero", "first"):
        is_well_formed(Used("s", "", of=10.0, at=0.8, origin=origin))
    assert not Used("s", "", of=10.0, at=0.8).samples and not Used("s", "", of=10.0, at=0.8).restless

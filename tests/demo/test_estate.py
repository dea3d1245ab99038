"""The simulated estate: one seed is one life, and a fault stays where it belongs."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from foretell.demo.estate import DAWN, DAY, DUSK, HOUR, START, STEP, Estate, Message, traffic
from foretell.demo.simulator import Step, prepare

A_DAY = DAY // STEP


def first(seed: int, steps: int) -> list[Step]:
    return list(itertools.islice(prepare(seed, 14).timeline(), steps))


def bodies(estate: Estate, device: str, steps: int) -> list[dict[str, Any]]:
    """What one device says over so many steps."""
    found = []
    for number in range(1, steps + 1):
        found += [
            json.loads(m.payload) for m in estate.speak(START + number * STEP) if f"/{device}/" in m.topic
        ]
    return found


def test_the_same_seed_is_the_same_life() -> None:
    assert first(7, A_DAY) == first(7, A_DAY)


def test_another_seed_is_another_life() -> None:
    assert first(7, 20) != first(8, 20)


def test_the_site_has_the_devices_it_should() -> None:
    estate = Estate(1)
    assert (len(estate.lifts), len(estate.circuits), len(estate.doors)) == (6, 120, 24)
    names = [each.device.name for each in estate.everything]
    assert len(set(names)) == len(names)


def test_the_two_weeks_are_a_reasonable_number_of_messages() -> None:
    assert 4_000 < sum(len(step.messages) for step in first(1, A_DAY)) < 6_000


def test_time_never_steps_back_and_messages_carry_their_step() -> None:
    steps = first(3, A_DAY)
    assert [step.at for step in steps] == [START + number * STEP for number in range(A_DAY)]
    stamps = {json.loads(m.payload)["ts"] for m in steps[5].messages}
    assert stamps == {steps[5].at}


@pytest.mark.parametrize("weekend", [False, True])
def test_people_sleep_at_night(weekend: bool) -> None:
    assert traffic(3.0, weekend) < 0.05 < 0.3 < traffic(18.4, weekend)


def test_corridors_are_lit_in_the_dark_and_garages_always() -> None:
    estate = Estate(1)
    corridor = bodies(estate, "a-f01-corridor", A_DAY)
    hours = {((body["ts"] - START) / HOUR) % 24: body["on"] for body in corridor}
    assert all(lit == (hour >= DUSK or hour < DAWN) for hour, lit in hours.items())
    assert all(body["on"] for body in bodies(Estate(1), "a-garage-1", A_DAY))


def test_counters_only_grow() -> None:
    trips = [body["trips"] for body in bodies(Estate(2), "b-lift-1", A_DAY)]
    assert trips == sorted(trips)
    assert 150 < trips[-1] - trips[0] < 900


def test_a_fault_on_one_device_changes_nothing_for_another() -> None:
    well, ill = Estate(5), Estate(5)
    ill.lifts["a-lift-1"].drag = 1.0
    ill.doors["a-gate"].slack = 3.0

    def others(messages: list[Message]) -> list[Message]:
        return [m for m in messages if m.topic.split("/")[3] not in ("a-lift-1", "a-gate")]

    for number in range(1, A_DAY):
        at = START + number * STEP
        assert others(well.speak(at)) == others(ill.speak(at))


def test_faults_show_in_what_devices_say() -> None:
    def mean(estate: Estate, device: str, *path: str) -> float:
        values = []
        for body in bodies(estate, device, A_DAY):
            value: Any = body
            for step in path:
                value = (value or {}).get(step)
            values += [value] if value is not None else []
        return sum(values) / len(values)

    well, ill = Estate(4), Estate(4)
    ill.lifts["a-lift-1"].drag = 1.0
    ill.circuits["a-garage-1"].dead = 2
    ill.doors["a-gate"].slack, ill.doors["a-gate"].coil_loss = 3.0, 0.3
    slower = mean(ill, "a-lift-1", "door", "close_ms") - mean(well, "a-lift-1", "door", "close_ms")
    assert slower == pytest.approx(1000, abs=5)
    assert mean(Estate(4), "a-garage-1", "load_pct") - mean(_dead(4), "a-garage-1", "load_pct") > 10
    ill = Estate(4)
    ill.doors["a-gate"].slack = 3.0
    assert mean(ill, "a-gate", "close_s") - mean(Estate(4), "a-gate", "close_s") == pytest.approx(
        3.0, abs=0.05
    )


def _dead(seed: int) -> Estate:
    estate = Estate(seed)
    estate.circuits["a-garage-1"].dead = 2
    return estate

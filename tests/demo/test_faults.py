"""The ground truth: faults that an owner would notice in time, and look-alikes on the wire."""

from __future__ import annotations

import pytest

from foretell.demo.estate import DAY, START, STEP, Estate, Message
from foretell.demo.faults import Burst, Outage, Truth, Wire, decide

SEEDS = range(20)


def truth(seed: int) -> Truth:
    return decide(seed, Estate(seed))


def says(device: str, number: int) -> Message:
    kind = "elevator" if "-lift-" in device else "access"
    return Message(f"site/a/{kind}/{device}/telemetry", str(number))


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_are_four_on_four_devices_and_noticed_within_two_weeks(seed: int) -> None:
    faults = truth(seed).faults
    assert len({fault.device for fault in faults}) == 4
    for fault in faults:
        assert START + 6 * DAY < fault.onset < fault.noticed < START + 14 * DAY


@pytest.mark.parametrize("seed", SEEDS)
def test_look_alikes_touch_other_devices_than_the_lift_and_door_faults(seed: int) -> None:
    it = truth(seed)
    ill = {fault.device for fault in it.faults}
    single = [each for each in it.look_alikes if 0 < len(each.devices) <= 2]
    assert all(ill.isdisjoint(each.devices) for each in single)
    assert len(it.look_alikes) == 6


def test_a_fault_grows() -> None:
    fault = truth(1).faults[0]
    grown = [
        fault.severity(at)
        for at in (fault.onset - 1, fault.onset, (fault.onset + fault.noticed) / 2, fault.noticed)
    ]
    assert grown == pytest.approx([0.0, 0.0, 0.5, 1.0])
    assert fault.severity(fault.noticed + 30 * DAY) == 1.2


def test_lamps_die_one_by_one() -> None:
    estate = Estate(1)
    fault = truth(1).faults[1]
    dead = []
    for step in range(11):
        fault.bear(estate, step / 10)
        dead.append(estate.circuits[fault.device].dead)
    assert dead == sorted(dead)
    assert dead[0] == 1
    assert dead[-1] >= estate.circuits[fault.device].lamps / 3


def test_a_look_alike_leaves_no_trace() -> None:
    estate = Estate(1)
    it = truth(1)
    removal, heat, sag = it.look_alikes[:3]
    for each in (removal, heat, sag):
        each.bear(estate, True)
    assert estate.heat
    assert any(estate.sag.values())
    assert estate.lifts[removal.devices[0]].obstruction
    it.bear(estate, max(each.end for each in (removal, heat, sag)) + STEP)
    for each in (removal, heat, sag):
        it.bear(estate, each.end)
    assert not estate.heat
    assert not any(estate.sag.values())
    assert not estate.lifts[removal.devices[0]].obstruction


def wire(outage: tuple[str, ...] = (), burst: str = "") -> Wire:
    return Wire(Truth((), (), Outage(outage, 100, 300), Burst(burst, 200, 3)))


def test_a_gateway_without_a_line_keeps_everything_and_brings_it_late() -> None:
    line = wire(("a-lift-1", "a-gate"))
    before = line.carry(0, [says("a-lift-1", 0)])
    during = line.carry(100, [says("a-lift-1", 1), says("a-gate", 1), says("b-gate", 1)])
    during += line.carry(200, [says("a-lift-1", 2)])
    after = line.carry(300, [says("a-lift-1", 3)])
    assert before == [says("a-lift-1", 0)]
    gone = Message("site/a/elevator/a-lift-1/status", "offline", retain=True)
    assert during == [gone, says("b-gate", 1)]
    assert after == [
        gone._replace(payload="online"),
        says("a-lift-1", 1),
        says("a-gate", 1),
        says("a-lift-1", 2),
        says("a-lift-1", 3),
    ]
    assert line.carry(400, [says("a-lift-1", 4)]) == [says("a-lift-1", 4)]


def test_a_burst_repeats_what_was_said_and_adds_nothing() -> None:
    line = wire(burst="a-lift-1")
    first = line.carry(0, [says("a-lift-1", 0), says("b-gate", 0)])
    burst = line.carry(200, [says("a-lift-1", 1)])
    assert first == [says("a-lift-1", 0), says("b-gate", 0)]
    assert burst == [says("a-lift-1", 1), *[says("a-lift-1", 0), says("a-lift-1", 1)] * 3]
    assert line.carry(400, [says("a-lift-1", 2)]) == [says("a-lift-1", 2)]

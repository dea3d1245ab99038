"""What the cost benchmarks measure is what they say: all is learned, nothing open, rules elsewhere idle."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import conditions, scale


@pytest.mark.slow
@pytest.mark.parametrize("name", conditions.CASES)
def test_a_condition_is_measured_when_it_has_learned(name: str) -> None:
    case = conditions.CASES[name]
    engine = conditions.warm(case, 5, int(min(conditions.WARM_DAYS * 86400 / case.step, 6_100)))
    watches = [watch for device in engine.devices.values() for watch in device.watches.values()]
    assert [watch.verdict(watch.now) for watch in watches] == [False] * 5
    assert engine.standing() == {"watches": 5, "open": 0}


def test_rules_about_other_devices_make_no_watch(tmp_path: Path) -> None:
    few = scale.ten_rules(tmp_path)
    many = scale.thousand(few)
    assert len({rule.id for rule in many}) == 1_000
    small, large = scale.engine_of(few), scale.engine_of(many)
    for reading in scale.readings()[:1_200]:
        assert small.receive((reading,), reading.at) == large.receive((reading,), reading.at)
    assert small.standing() == large.standing() == {"watches": 10 * scale.DEVICES, "open": 0}
    assert [device.routes.keys() for device in small.devices.values()] == [
        device.routes.keys() for device in large.devices.values()
    ]

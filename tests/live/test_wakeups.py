"""The journal of a recording gives the same changes, however often the engine is woken in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.config import build, gather, shipped
from foretell.engine.facts import Change
from foretell.intake.fold import Plan
from foretell.intake.journal import Entry
from foretell.lab.recording import messages
from foretell.lab.replay import entries_of, offline
from tests.live.harness import RECORDINGS

pytestmark = [
    pytest.mark.recording,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not beside this checkout"),
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    bundle, problems = gather([shipped("sensors")], [shipped("rules")])
    plan, wrong = build(bundle)
    assert plan is not None, problems + wrong
    return plan


@pytest.fixture(scope="module")
def bearing(plan: Plan) -> tuple[list[Entry], list[Change]]:
    profile = plan.profiles.by_id["machine/vibration-rig"]
    entries = list(entries_of(messages(RECORDINGS / "bearing" / "test1.csv.gz", [profile])))
    return entries, offline(entries, plan, lambda _: plan).changes


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_wake_ups_change_nothing(seed: int, plan: Plan, bearing: tuple[list[Entry], list[Change]]) -> None:
    entries, changes = bearing
    assert changes, "a recording that fails must open something"
    assert offline(entries, plan, lambda _: plan, wake_seed=seed).changes == changes

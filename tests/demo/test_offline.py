"""The shipped rules against the simulated estate, straight through the river without a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foretell.config import Source, build, gather, shipped
from foretell.demo.estate import Named
from foretell.demo.simulator import Run, prepare
from foretell.demo.verdict import Opened, judge
from foretell.engine.facts import OPENED
from foretell.intake.fold import Plan
from foretell.intake.journal import LINK, TICK_OF_CLOCK, Entry
from foretell.lab.replay import offline

LEAST_LEAD_S = 1.5 * 86400


def plan_for(run: Run) -> Plan:
    listed = "".join(
        f"\n  {each.device.name}: {{kind: {each.device.kind}}}" for each in run.estate.everything
    )
    site = Source("site.yaml", f"site: estate\nstore: state\ndevices:{listed}\n", "site.yaml")
    plan, problems = build(gather([shipped("sensors")], [shipped("rules")], site)[0])
    assert plan is not None, problems
    return plan


def entries(run: Run) -> Iterator[Entry]:
    position = 0
    for step in run.timeline():
        if position == 0:
            position += 1
            yield Entry(position, step.at, LINK, b"up")
        for message in step.messages:
            position += 1
            yield Entry(position, step.at, message.topic, message.payload.encode())
        position += 1
        yield Entry(position, step.at, TICK_OF_CLOCK, b"")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_fault_is_met_days_ahead_and_nothing_else_is_said(seed: int) -> None:
    run = prepare(seed, 14)
    plan = plan_for(run)
    replayed = offline(entries(run), plan, lambda _: plan)
    opened = [
        Opened(change.number, change.device, change.failure_mode, change.at, Named(change.rule, change.rule))
        for change in replayed.changes
        if change.kind == OPENED
    ]
    verdict = judge(run.truth, opened, run.end)
    assert verdict.false == ()
    assert all((finding.lead or 0.0) > LEAST_LEAD_S for finding in verdict.findings), verdict.findings
    assert replayed.rejected == {}
    assert 60_000 < replayed.messages < 75_000

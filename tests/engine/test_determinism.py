"""Whatever arrives: how often the engine is woken, and when it restarts, changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foretell.engine.engine import Engine
from foretell.engine.facts import Change, Reading
from foretell.engine.rule import Rulebook
from foretell.site.estate import Facts
from tests.engine.timeline import DAY0, rule

HOT = "{signal: temp, above: 60 degC}"
BREAKS = "{signal: fault, count: {is: break, at_least: 2, over: 20 min}}"
RULES = tuple(
    rule(when, rest, f"r{index}")
    for index, (when, rest) in enumerate(
        [
            (HOT, "for: 5 min"),
            (HOT, "clear: {below: 50 degC, for: 10 min}\non_missing: reset"),
            (HOT, "for: 3 min\non_missing: open"),
            ("{signal: temp, outside: [10 degC, 70 degC]}", "for: 10 min"),
            ("{signal: mode, is: [stopped, inspection]}", "for: 4 min"),
            ("{signal: online, is: offline}", "for: 5 min"),
            ("{silent: 10 min}", ""),
            ("{signal: temp, silent: 7 min}", "for: 1 min"),
            (BREAKS, "clear: {quiet: 15 min}"),
            (BREAKS, ""),
            ("{signal: fault, count: {at_least: 2, per: 5 trips}}", ""),
            ("{signal: trips, count: {at_least: 6, over: 10 min}}", "for: 2 min"),
            ("{signal: close, drift: {up: 1 s, against: 10 min, at_least: 8}}", "by: floor"),
            ("{signal: close, drift: {down: 2 sigma, against: 10 min, at_least: 8, median: 2 min}}", ""),
            ("{signal: close, above: 4 s}", "by: floor\nfor: 3 min"),
            (f"{{all: [{HOT}, {{not: {BREAKS}}}]}}", "for: 2 min"),
            (f"{{any: [{BREAKS}, {{silent: 8 min}}, {HOT}]}}", "for: 1 min"),
            ("{not: {signal: trips, count: {at_least: 1, over: 12 min}}}", ""),
        ]
    )
)

VALUES: dict[str, list[Any]] = {
    "temp": [5.0, 20.0, 55.0, 61.0, 61.0, 80.0],
    "close": [3.0, 3.1, 2.9, 6.0, 1.0],
    "trips": [1.0, 2.0, 3.0, 7.0, 0.0],
    "mode": ["normal", "inspection", "stopped"],
    "fault": ["break", "break", "fix"],
    "online": ["online", "offline"],
    "nonsense": [1.0, "x"],
}


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Arrivals in order: ("hear", readings, now), ("link", up, now) or ("repair", now)."""
    now, story = DAY0, []
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0.0, 1.0, 30.0, 60.0, 125.5, 400.0, 900.0]))
        what = draw(st.sampled_from(["hear"] * 12 + ["down", "up", "repair"]))
        if what == "hear":
            readings = [draw(reading(now)) for _ in range(draw(st.integers(1, 4)))]
            if draw(st.booleans()):
                readings.append(draw(st.sampled_from(readings)))
            story.append(("hear", readings, now))
        else:
            story.append((what, None, now))
    return story


@st.composite
def reading(draw: st.DrawFn, now: float) -> Reading:
    signal = draw(st.sampled_from(sorted(VALUES)))
    value = draw(st.sampled_from(VALUES[signal]))
    late = draw(st.sampled_from([0.0, 0.0, 0.0, 2.0, 100.0, 5000.0, -50.0]))
    holds = draw(st.sampled_from([float("inf"), 90.0, 300.0]))
    part = draw(st.sampled_from(["", "1", "2"]))
    retained = draw(st.sampled_from([False] * 5 + [True]))
    return Reading(draw(st.sampled_from("ab")), "elevator", signal, part, value, now - late, holds, retained)


def apply(engine: Engine, step: tuple[Any, ...]) -> list[Change]:
    what, given_, now = step
    if what == "hear":
        return engine.receive(given_, now)
    if what == "repair":
        return engine.repair("a", "", "some-fault", now)
    return engine.link(what == "up", now)


def fresh() -> Engine:
    engine = Engine(Rulebook(RULES))
    engine.link(True, DAY0)
    engine.expect([Facts("a", "elevator")], DAY0)
    return engine


def end(engine: Engine, story: list[tuple[Any, ...]]) -> list[Change]:
    now = story[-1][2]
    return engine.link(True, now + 1.0) + engine.advance(now + 5000.0)


SLOW = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck), derandomize=True)


@SLOW
@given(steps(), st.randoms(use_true_random=False))
def test_waking_and_restarting_change_nothing(story: list[tuple[Any, ...]], chance: Any) -> None:
    calm, restless = fresh(), fresh()
    wanted = [change for step in story for change in apply(calm, step)] + end(calm, story)
    heard: list[Change] = []
    before = DAY0
    for step in story:
        for now in sorted(chance.uniform(before, step[2]) for _ in range(chance.randint(0, 3))):
            heard += restless.advance(now)
        if chance.random() < 0.3:
            deadline = restless.next_deadline()
            if deadline is not None and deadline < step[2]:
                heard += restless.advance(deadline)
        if chance.random() < 0.4:
            data = msgspec.msgpack.decode(msgspec.msgpack.encode(restless.snapshot()))
            restless = Engine.restore(Rulebook(RULES), data)
        heard += apply(restless, step)
        heard += restless.advance(step[2])
        before = step[2]
    heard += end(restless, story)
    assert [comparable(change) for change in heard] == [comparable(change) for change in wanted]
    assert [change.number for change in heard] == list(range(1, len(heard) + 1))
    assert msgspec.msgpack.encode(restless.snapshot()["devices"]) == msgspec.msgpack.encode(
        calm.snapshot()["devices"]
    )


def comparable(change: Change) -> bytes:
    return msgspec.msgpack.encode(change)


@SLOW
@given(steps())
def test_the_deadline_told_is_the_next_one_at_which_anything_happens(story: list[tuple[Any, ...]]) -> None:
    engine = fresh()
    for step in story:
        apply(engine, step)
        for _ in range(500):
            deadline = engine.next_deadline()
            if deadline is None or deadline > step[2] + 3000:
                break
            engine.advance(deadline)
            after = engine.next_deadline()
            assert after is None or after > deadline - 1e-3
        else:
            raise AssertionError("the deadlines never end")
        break


TICKS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["break", "fix"])), min_size=1, max_size=60)


@SLOW
@given(TICKS, st.integers(1, 5), st.sampled_from([10, 60, 300]), st.integers(0, 40))
@example([(0, "break"), (10, "break"), (10, "break")], 2, 10, 0)
def test_counts_agree_with_counting_from_scratch(
    ticks: list[tuple[int, str]], at_least: int, over: int, repeats: int
) -> None:
    """At every event: at least so many different events in the closed window before it."""
    ordered = sorted(ticks)
    counting = rule(f"{{signal: fault, count: {{is: break, at_least: {at_least}, over: {over} s}}}}")
    engine = Engine(Rulebook((counting,)))
    engine.link(True, DAY0)
    state = False
    for index, (at, word) in enumerate(ordered):
        now = DAY0 + at
        again = [ordered[max(0, index - repeats)]] if repeats else []
        for each, what in [(at, word), *again]:
            engine.receive([Reading("a", "elevator", "fault", "", what, DAY0 + each)], now)
        seen = {each for each, what in ordered[: index + 1] if what == "break" and at - over <= each <= at}
        state = len(seen) >= at_least
        assert (engine.standing()["open"] == 1) is state, (at, seen)
    engine.advance(DAY0 + 2000)
    assert engine.standing()["open"] == 0


@SLOW
@given(steps())
def test_a_backlog_says_what_live_delivery_says(story: list[tuple[Any, ...]]) -> None:
    """Readings in order, with the device's own times, none kept by the broker; rules without silence."""
    rules = tuple(r for r in RULES if "Silent" not in str(r.conditions))
    heard = sorted((r for what, given_, _ in story if what == "hear" for r in given_), key=lambda r: r.at)
    heard = [r._replace(retained=False) for r in heard]
    if not heard:
        return
    live, late = Engine(Rulebook(rules)), Engine(Rulebook(rules))
    for engine in (live, late):
        engine.link(True, DAY0 - 10_000)
    end_at = heard[-1].at
    said = [c for r in heard for c in live.receive([r], r.at)]
    backlog = late.receive(heard, end_at + 1)
    told = [sorted((c.rule, c.device, c.part, c.at, c.kind) for c in changes) for changes in (said, backlog)]
    by_watch = [{each[:3]: [e[3:] for e in side if e[:3] == each[:3]] for each in side} for side in told]
    open_in_future = live.advance(end_at), late.advance(end_at + 1)
    assert open_in_future == ([], [])
    # A deadline that no later word of its own signals carried over is still to come in the backlog.
    for watch, changes in by_watch[1].items():
        assert by_watch[0][watch][: len(changes)] == changes
    rest = late.advance(end_at + 20_000)
    done = live.advance(end_at + 20_000)
    assert by_all(said + done) == by_all(backlog + rest)


def by_all(changes: list[Change]) -> list[tuple[Any, ...]]:
    return sorted((c.rule, c.device, c.part, round(c.at, 3), c.kind) for c in changes)

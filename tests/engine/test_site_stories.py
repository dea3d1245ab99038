"""A whole site in one story: gateways, maintenance, hours, rules that hold back others, budgets, reloads.

Waking and restarting change nothing of it; what the engine says always fits what it said before; and what
a watch was told of others is how they stand.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from foretell.authored.document import Document
from foretell.engine.engine import Engine
from foretell.engine.facts import CHILDREN_OFFLINE, Change, Reading
from foretell.engine.levels import LevelMemory
from foretell.engine.rule import RULE, VIA, Rule, Rulebook
from foretell.engine.rulebook import Around, read_rule
from foretell.engine.watch import OPEN
from foretell.site.calendars import CalendarModel, Zone, read_calendars
from foretell.site.estate import Estate, Facts
from tests.engine.test_determinism import SLOW, VALUES
from tests.engine.timeline import DAY0, kind, rule_text

HOT = "{signal: temp, above: 60 degC}"
BREAKS = "{signal: fault, count: {is: break, at_least: 2, over: 20 min}}"
STOPPED = "{signal: mode, is: stopped}"
ODD_HOURS = [f"daily {hour:02}:00-{hour:02}:20" for hour in range(24)]


def read(when: str, rest: str, name: str) -> Rule:
    models = {"odd": CalendarModel(open=ODD_HOURS)}
    calendars, _ = read_calendars(Document("site.yaml"), ("calendars",), models, Zone("UTC"), "")
    text = rule_text(when, rest).replace("kind: elevator", f"kind: {name.split('/')[0]}")
    around = Around(Zone("UTC"), calendars)
    found, problems = read_rule(name, text, f"{name}.yaml", {"elevator": kind()}, around)
    assert found is not None, [str(problem) for problem in problems]
    return found


def rules(*written: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(read(when, rest, name) for name, when, rest in written)


FIRST = rules(
    ("elevator/cause", STOPPED, "for: 2 min\nclear: {is: normal, for: 1 min}"),
    ("elevator/hot", HOT, "unless: [elevator/cause]\nfor: 1 min"),
    ("elevator/floor", "{signal: close, above: 4 s}", "by: floor\nfor: 2 min\nunless: [elevator/hot]"),
    ("elevator/slow", "{signal: temp, above: 70 degC}", "unless: [elevator/floor]"),
    ("elevator/odd", BREAKS, "during: odd\nunless: [{signal: mode, is: inspection, after: 4 min}]"),
    ("elevator/quiet", BREAKS, "clear: {quiet: 15 min}\nunless: [in-maintenance]"),
    ("elevator/worked", HOT, "unless: [in-maintenance, gateway-offline]\nfor: 90 s\nbudget: 1"),
    ("elevator/gone", HOT, "on_missing: open\nduring: odd\nunless: [gateway-offline]\nbudget: 2"),
    ("elevator/rest", "{signal: temp, above: 55 degC}", "except: odd\nfor: 5 min\nmode: shadow"),
    ("elevator/few", "{not: {signal: trips, count: {at_least: 1, over: 12 min}}}", "unless: [any/lost]"),
    ("any/silent", "{silent: 10 min}", "unless: [gateway-offline]\nbudget: 1"),
    ("any/lost", "{signal: online, is: offline}", "for: 3 min\nunless: [gateway-offline, in-maintenance]"),
    ("any/half", "{signal: children_offline, above: 40 percent}", "for: 1 min"),
)
SECOND = rules(
    ("elevator/hot", "{signal: temp, above: 58 degC}", "unless: [elevator/cause]\nfor: 3 min"),
    ("elevator/cause", STOPPED, "for: 1 min\nmode: shadow"),
    ("elevator/floor", "{signal: close, above: 4 s}", "by: floor\nunless: [elevator/hot, elevator/cause]"),
    ("elevator/odd", BREAKS, "during: odd\nunless: [{signal: mode, is: inspection, after: 9 min}]"),
    ("elevator/worked", HOT, "unless: [in-maintenance, gateway-offline]\nbudget: 5"),
    ("elevator/gone", HOT, "on_missing: open\nunless: [gateway-offline]\nmode: shadow\nbudget: 2"),
    ("elevator/rest", "{signal: temp, above: 55 degC}", "except: odd\nfor: 5 min"),
    ("elevator/slow", "{signal: temp, above: 70 degC}", "unless: [elevator/floor]\nwhere: {id: a}"),
    ("any/silent", "{silent: 7 min}", "unless: [gateway-offline]\nbudget: 3"),
    ("any/half", "{signal: children_offline, above: 60 percent}", ""),
)
VARIANTS = {
    ("elevator/rest", "b"): SECOND[6]._replace(revision="variant", dwell=60.0),
    ("elevator/hot", "a"): SECOND[0]._replace(revision="variant", dwell=600.0),
}


def estate(**via: str) -> Estate:
    listed = {name: Facts(name, "elevator", via=above) for name, above in via.items()}
    return Estate({}, listed)


PLANS = (
    (Rulebook(FIRST), estate(a="g", b="g", g="")),
    (Rulebook(SECOND, VARIANTS), estate(a="h", b="g", g="", h="")),
    (Rulebook((*FIRST[5:], *FIRST[:5])), estate(a="", b="g", c="g", g="h", h="")),
)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Arrivals, acts and reloads in order: (what, with what, when)."""
    now, story = DAY0, []
    acts = ["hear"] * 14 + ["down", "up", "repair", "maintain", "maintain", "reload", "reload"]
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0.0, 1.0, 30.0, 60.0, 125.5, 400.0, 900.0]))
        what = draw(st.sampled_from(acts))
        given_: Any = None
        if what == "hear":
            given_ = [draw(word(now)) for _ in range(draw(st.integers(1, 4)))]
        elif what == "maintain":
            given_ = draw(st.sampled_from("abg")), now + draw(st.sampled_from([0.0, 200.0, 1000.0]))
        elif what == "reload":
            given_ = draw(st.sampled_from([0, 1, 2]))
        elif what == "repair":
            given_ = draw(st.sampled_from("ab")), draw(st.sampled_from(["", "1"]))
        story.append((what, given_, now))
    return story


@st.composite
def word(draw: st.DrawFn, now: float) -> Reading:
    signal = draw(st.sampled_from([*sorted(set(VALUES) - {"nonsense"}), "online", "mode"]))
    value = draw(st.sampled_from(VALUES[signal]))
    late = draw(st.sampled_from([0.0, 0.0, 0.0, 2.0, 100.0, 1500.0, -50.0]))
    holds = draw(st.sampled_from([float("inf"), 90.0, 300.0]))
    part = draw(st.sampled_from(["1", "2"])) if signal == "close" else ""
    retained = draw(st.sampled_from([False] * 7 + [True]))
    device = draw(st.sampled_from("aabbgghc"))
    return Reading(device, "elevator", signal, part, value, now - late, holds, retained)


def apply(engine: Engine, step: tuple[Any, ...]) -> list[Change]:
    what, given_, now = step
    if what == "hear":
        return engine.receive(given_, now)
    if what == "repair":
        return engine.repair(given_[0], given_[1], "some-fault", now)
    if what == "maintain":
        return engine.maintain(*given_, now)
    if what == "reload":
        rulebook, listed = PLANS[given_]
        said = engine.adopt(rulebook, now, listed)
        engine.expect(listed.devices.values(), now)
        return said
    return engine.link(what == "up", now)


def fresh() -> Engine:
    engine = Engine(*PLANS[0])
    engine.link(True, DAY0)
    engine.expect(PLANS[0][1].devices.values(), DAY0)
    return engine


def end(engine: Engine, story: list[tuple[Any, ...]]) -> list[Change]:
    now = story[-1][2]
    return engine.link(True, now + 1.0) + engine.advance(now + 5000.0)


def restarted(engine: Engine) -> Engine:
    data = msgspec.msgpack.decode(msgspec.msgpack.encode(engine.snapshot()))
    return Engine.restore(engine.rulebook, data, engine.estate)


@SLOW
@given(stories(), st.randoms(use_true_random=False))
def test_waking_and_restarting_change_nothing_of_a_whole_site(
    story: list[tuple[Any, ...]], chance: Any
) -> None:
    calm, restless = fresh(), fresh()
    wanted = [change for step in story for change in apply(calm, step)] + end(calm, story)
    heard: list[Change] = []
    before = DAY0
    for step in story:
        for now in sorted(chance.uniform(before, step[2]) for _ in range(chance.randint(0, 3))):
            heard += restless.advance(now)
            if chance.random() < 0.3:
                restless = restarted(restless)
        if chance.random() < 0.5:
            heard += restless.advance(step[2])
        if chance.random() < 0.4:
            restless = restarted(restless)
        heard += apply(restless, step)
        heard += restless.advance(step[2])
        before = step[2]
    heard += end(restless, story)
    assert [msgspec.msgpack.encode(change) for change in heard] == [
        msgspec.msgpack.encode(change) for change in wanted
    ]
    assert [change.number for change in heard] == list(range(1, len(heard) + 1))
    same = ("devices", "budget")
    assert [msgspec.msgpack.encode(restless.snapshot()[key]) for key in same] == [
        msgspec.msgpack.encode(calm.snapshot()[key]) for key in same
    ]


@SLOW
@given(stories())
def test_what_is_said_fits_what_was_said_before(story: list[tuple[Any, ...]]) -> None:
    """Nothing opens twice or goes on without having opened; what is open and not withheld was said."""
    engine = fresh()
    standing: set[tuple[str, ...]] = set()
    for step in story:
        for change in apply(engine, step):
            if change.device_kind == "rule":
                continue
            key = change.rule, change.device, change.part, change.mode
            assert (change.kind == "opened") is (key not in standing), change
            if change.kind == "opened":
                standing.add(key)
            elif change.kind == "cleared":
                standing.remove(key)
        really = {
            (watch.rule.id, device.id, watch.part, watch.rule.mode)
            for device in engine.devices.values()
            for watch in device.watches.values()
            if watch.state is OPEN and not watch.withheld
        }
        assert standing == really


@SLOW
@given(stories())
def test_what_a_watch_was_told_of_others_is_how_they_stand(story: list[tuple[Any, ...]]) -> None:
    engine = fresh()
    for step in story:
        apply(engine, step)
        for device in engine.devices.values():
            told = [
                memory for watch in device.watches.values() for memory in (*watch.guards, *watch.memories)
            ]
            for memory in told:
                signal = memory.condition.signal
                if not isinstance(memory, LevelMemory):
                    continue
                if signal.startswith(RULE):
                    name = signal.removeprefix(RULE)
                    mine = [w for (rule, _), w in device.watches.items() if rule == name]
                    stands = [w.state is OPEN and w.rule.mode == "live" for w in mine]
                    assert (memory.value == "open") is any(stands), (step, device.id, signal)
                elif signal == VIA:
                    gateway = engine.devices.get(device.facts.via)
                    gone = gateway is not None and gateway.offline
                    assert (memory.value == "offline") is gone, (step, device.id)
                elif signal == CHILDREN_OFFLINE:
                    kin = [each.offline for each in engine.devices.values() if each.facts.via == device.id]
                    assert (memory.value or 0.0) == 100.0 * sum(kin) / max(1, len(kin)), (step, device.id)

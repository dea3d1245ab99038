"""What is doubtful in a plan, one doubt at a time: pace, feeds, the site, the store, the other rules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from foretell.config import SITE, Bundle, Source, draft, gather, shipped
from foretell.lab.linting import leaves, lint
from foretell.tickets.ledger import Ledger
from tests.tickets.desk import DESK, Teller

KIND = """title: {en: Pump, zh: 水泵}
signals:
  pressure: {type: gauge, unit: bar, range: [0, 20]}
  starts: {type: counter}
  mode: {type: state, values: [normal, standby, fault]}
  bearing: {type: gauge, unit: degC, part: end}
"""
BOX = """kind: pump
topic: "plant/{device}/data"
codec: json
EVERY
signals: {pressure: {field: p, unit: bar}, starts: {field: s}, mode: {field: m},
  bearing: {field: b, unit: degC}}
"""
RULE = """title: {en: "{device} fails", zh: "{device} 故障"}
kind: pump
when: WHEN
ticket: {failure_mode: leak, route: engineer, within: 1 d, do: {en: Look, zh: 查看}}
proven: a month in shadow
tests: [{name: quiet, series: {pressure: "flat 5 bar for 2 h every 10 min"}, expect: {opens: never}}]
"""
LOW = "{signal: pressure, below: 2 bar}"
SITE_YAML = """site: north
store: store
holidays: CN
calendars: {pumping: {open: [workdays]}}
places: {b1: {kind: building}, f1: {kind: floor, in: b1}, f2: {kind: floor, in: b1}}
devices:
  p-1: {kind: pump, place: f1, model: K40}
  p-2: {kind: pump, place: f1, model: K40}
  p-3: {kind: pump, place: f2, model: K41}
"""


def bundle(
    when: str = LOW, more: str = "", every: str = "every: 10 min", site: str = "", **files: str
) -> Bundle:
    texts = {
        "sensors/pump/kind.yaml": KIND,
        "sensors/pump/box.yaml": BOX.replace("EVERY", every),
        "rules/pump/low.yaml": RULE.replace("WHEN", when) + more,
    } | {name.replace("__", "/") + ".yaml": text for name, text in files.items()}
    sources = tuple(Source(key, text, f"my/{key}") for key, text in sorted(texts.items()) if text)
    return Bundle(sources, Source(SITE, site, SITE) if site else None)


def said(made: Bundle, store: Path | None = None, now: float | None = None) -> list[str]:
    plan, problems = draft(made)
    assert [str(problem) for problem in problems if problem.file == "my/rules/pump/low.yaml"] == []
    return [str(problem) for problem in lint(made, plan, store, now)]


def test_a_sound_rule_is_not_doubted() -> None:
    assert said(bundle(more="for: 20 min\n", site=SITE_YAML)) == []


# -- pace -------------------------------------------------------------------------------------------

SLOWER = BOX.replace("EVERY", "every: 1 h").replace("plant", "hall")


def test_one_reading_must_not_fill_a_dwell() -> None:
    (line,) = said(bundle(more="for: 19 min\n"))
    assert line == (
        "my/rules/pump/low.yaml:7:1: warning: for: one reading of 'pressure' can fill this: one comes "
        "every 10 min (make it at least 20 min)"
    )


@pytest.mark.parametrize(
    ("when", "every"),
    [
        (LOW, ""),  # it speaks on change
        (
            "{signal: mode, is: fault}",
            "every: 10 min",
        ),  # so does a state, whatever else is said every so often
        ("{signal: pressure, drift: {up: 1 bar, against: 14 d}}", "every: 10 min"),
    ],
)
def test_where_one_reading_does_not_decide_a_dwell_may_be_short(when: str, every: str) -> None:
    assert said(bundle(when, "for: 5 min\n", every)) == []


def test_the_fastest_profile_counts_and_one_on_change_is_fast_enough() -> None:
    assert said(bundle(more="for: 30 min\n", sensors__pump__slow=SLOWER)) == []
    (line,) = said(bundle(more="for: 15 min\n", sensors__pump__slow=SLOWER))
    assert "10 min" in line
    assert said(bundle(more="for: 15 min\n", sensors__pump__slow=SLOWER.replace("every: 1 h\n", ""))) == []


RATE = "{signal: pressure, rate: {above: 2 bar/h, over: OVER, at_least: 6}}"


def test_a_window_is_an_error_only_where_no_profile_can_fill_it() -> None:
    assert said(bundle(RATE.replace("OVER", "1 h"))) == []
    (line,) = said(bundle(RATE.replace("OVER", "50 min")))
    assert line == (
        "my/rules/pump/low.yaml:3:49: when.rate.over: 'pressure' is read every 10 min: this holds 5 of the "
        "6 readings that it needs (make it at least 1 h)"
    )
    (line,) = said(bundle(RATE.replace("OVER", "1 h"), sensors__pump__slow=SLOWER))
    assert "warning" in line and "read every 1 h: this holds 1 of the 6" in line
    assert said(bundle(RATE.replace("OVER", "1 min"), every="")) == []


@pytest.mark.parametrize(
    ("when", "doubt"),
    [
        ("{signal: pressure, count: {at_least: 7, over: 1 h, above: 6 bar}}", ""),
        (
            "{signal: pressure, count: {at_least: 8, over: 1 h, above: 6 bar}}",
            "when.count.over: 'pressure' is",
        ),
        ("{signal: starts, count: {at_least: 100, over: 1 h}}", ""),
        ("{signal: mode, flapping: {at_least: 100, over: 1 h}}", ""),
        (
            "{signal: pressure, flapping: {at_least: 8, over: 1 h, above: 6 bar}}",
            "when.flapping.over: 'pressure'",
        ),
        ("{signal: pressure, drift: {up: 1 bar, against: 7 d, median: 10 min}}", ""),
        (
            "{signal: pressure, drift: {up: 1 bar, against: 7 d, median: 9 min}}",
            "warning: when.drift.median: ",
        ),
        ("{signal: pressure, drift: {up: 1 bar, against: 1 h, at_least: 30}}", "this will take 16.7 h"),
        ("{signal: pressure, stuck: {over: 1 h, at_least: 10}}", ""),
        ("{signal: pressure, stuck: {over: 1 h, at_least: 11}}", "warning: when.stuck.over: "),
        ("{signal: pressure, silent: 20 min}", ""),
        ("{signal: pressure, silent: 19 min}", "warning: when.silent: silence is usual"),
        ("{any: [{silent: 10 min}]}", "3:15: when.any.0.silent: silence is usual"),
        (
            "{signal: mode, is: fault, then: {signal: pressure, below: 1 bar, within: 9 min}}",
            "warning: when.then.within",
        ),
        ("{signal: pressure, below: 1 bar, then: {signal: mode, is: fault, within: 1 min}}", ""),
    ],
)
def test_windows_against_a_reading_every_ten_minutes(when: str, doubt: str) -> None:
    lines = said(bundle(when))
    assert [doubt in line for line in lines] == ([True] if doubt else []), lines


def test_conditions_are_found_again_where_they_were_written() -> None:
    neither = "{not: {any: [{signal: mode, is: fault}, {silent: 1 d}]}}"
    when = f"{{all: [{LOW}, {neither}, {RATE.replace('OVER', '1 d')}]}}"
    plan, _ = draft(bundle(when))
    found = leaves(plan.rulebook.written["pump/low"])
    assert [leaf.at for leaf in found] == [
        ("when", "all", 0),
        ("when", "all", 1, "not", "any", 0),
        ("when", "all", 1, "not", "any", 1),
        ("when", "all", 2),
    ]
    assert [type(leaf.condition).__name__ for leaf in found] == ["Level", "Level", "Silent", "Rate"]


# -- who feeds it -----------------------------------------------------------------------------------

NO_PRESSURE = BOX.replace("pressure: {field: p, unit: bar}, ", "").replace("EVERY", "every: 10 min")


def test_a_signal_that_nobody_reads() -> None:
    (line,) = said(bundle(sensors__pump__box=NO_PRESSURE))
    assert "3:8: warning: when.signal: no profile of 'pump' reads 'pressure'" in line


@pytest.mark.parametrize("box", ["", NO_PRESSURE + "nonsense: 1\n"])
def test_where_profiles_are_not_known_nobody_is_missed(box: str) -> None:
    """A rule on its own, or beside a profile that is broken, of which it is told there."""
    assert said(bundle(sensors__pump__box=box)) == []


def test_signals_that_every_device_has_need_no_profile() -> None:
    assert said(bundle("{signal: rejected, count: {at_least: 9, over: 1 d}}")) == []


def test_shipped_rules_are_not_doubted_for_want_of_a_profile() -> None:
    made, _ = gather([shipped("sensors")], [shipped("rules")])
    plan, _ = draft(made)
    assert [str(p) for p in lint(made, plan) if "no profile" in p.message or "site lists" in p.message] == []


def test_what_is_shipped_is_doubted_only_beside_what_the_site_wrote() -> None:
    """Nobody can mend it there, and one's own mistakes would drown; --strict would never pass."""
    made, _ = gather([shipped("sensors")], [shipped("rules")])
    plan, _ = draft(made)
    assert lint(made, plan) == []
    (box,) = (each for each in made.sources if each.key == "sensors/elevator/retrofit-box.yaml")
    mine = box._replace(text=box.text.replace("every: 1 h", "every: 3 h"), label="my-site/box.yaml")
    changed = Bundle(tuple(mine if each is box else each for each in made.sources))
    plan, _ = draft(changed)
    said = [str(problem) for problem in lint(changed, plan)]
    assert any("machine-room-hot.yaml" in each and "one comes every 3 h" in each for each in said)
    assert not any("rules/lighting" in each for each in said)


# -- the site and its store --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "doubt"),
    [
        ("where: {place: [b1]}\n", ""),
        ("where: {place: b2}\n", "7:9: warning: where.place: this fits none of the 3 devices"),
        ("where: {place: f1, model: K41}\n", "7:1: warning: where: all of this together fits none of the 3"),
        (
            "unless: [in-maintenance, gateway-offline]\n",
            "7:26: warning: unless.1: no device of this rule hangs",
        ),
    ],
)
def test_a_rule_against_the_devices_of_the_site(more: str, doubt: str) -> None:
    lines = said(bundle(more=more, site=SITE_YAML))
    assert [doubt in line for line in lines] == ([True] if doubt else []), lines
    assert said(bundle(more=more)) == []  # without a site nobody is missed


@pytest.mark.parametrize(
    ("among", "at_least", "enough"),
    [("kind", 3, True), ("kind", 4, False), ("building", 3, True), ("place", 3, False), ("model", 3, False)],
)
def test_peers_are_counted_as_the_engine_groups_them(among: str, at_least: int, enough: bool) -> None:
    when = f"{{signal: pressure, peers: {{up: 4 sigma, among: {among}, at_least: {at_least}}}}}"
    lines = said(bundle(when, site=SITE_YAML))
    assert ["the largest group on this site" in line for line in lines] == ([] if enough else [True])


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_working_days_that_soon_are_not_known_any_more() -> None:
    made = bundle(site=SITE_YAML)
    assert said(made, now=at("2026-09-01")) == []
    (line,) = said(made, now=at("2026-11-20"))
    assert line.startswith(
        "site.yaml:4:13: warning: calendars.pumping: the working days of CN are known until 2026-"
    )
    by_hand = SITE_YAML.replace("open: [workdays]", 'open: [workdays], make_up: ["2027-02-06"]')
    assert said(bundle(site=by_hand), now=at("2026-11-20")) == []
    assert said(bundle(site=SITE_YAML.replace("workdays", "mon-fri")), now=at("2040-01-01")) == []


def test_a_live_rule_rests_on_something(tmp_path: Path) -> None:
    """What it says itself, or tickets of its own shadow in the ledger of the site."""
    made = bundle(rules__pump__low=RULE.replace("WHEN", LOW).replace("proven: a month in shadow\n", ""))
    (line,) = said(made)
    assert "warning: mode: this rule is live, and nothing says how it has done" in line
    assert said(made, tmp_path) == [line]  # no ledger yet
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.record([Teller().opened()._replace(rule="pump/low", mode="shadow")], 1, DESK)
    ledger.close()
    assert said(made, tmp_path) == []
    for mode in ("shadow", '"off"'):
        assert said(bundle(more=f"mode: {mode}\n")) == []


def test_a_ledger_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is no database" * 100)
    made = bundle(rules__pump__low=RULE.replace("WHEN", LOW).replace("proven: a month in shadow\n", ""))
    assert len(said(made, tmp_path)) == 1


# -- the other rules ----------------------------------------------------------------------------------


def test_the_odd_route_is_told_and_the_usual_one_is_not() -> None:
    other = RULE.replace("WHEN", "{signal: pressure, below: 1 bar}")
    odd = other.replace("engineer", "cleaner")
    lines = said(bundle(rules__pump__b=other, rules__pump__a=odd))
    assert lines == [
        "my/rules/pump/a.yaml:4:30: warning: ticket.route: pump/b sends 'leak' to 'engineer': one ticket, "
        "two routes (give both the same route, or two failure modes)"
    ]
    assert said(bundle(rules__pump__a=odd.replace("leak", "spill"))) == []
    assert said(bundle(rules__pump__a=odd + 'mode: "off"\n')) == []


def test_what_is_off_holds_nothing_back() -> None:
    resting = RULE.replace("WHEN", LOW) + 'mode: "off"\n'
    (line,) = said(bundle(more="unless: [pump/resting]\n", rules__pump__resting=resting))
    assert "warning: unless.0: pump/resting is off" in line


def test_tests_are_looked_at_and_asked_for() -> None:
    bare = RULE.replace("WHEN", LOW)
    without = bare[: bare.index("tests:")]
    (line,) = said(bundle(rules__pump__low=without))
    assert line.startswith("my/rules/pump/low.yaml:1:1: warning: this rule has no tests")
    (line,) = said(bundle(rules__pump__low=bare.replace("flat", "flt")))
    assert line.startswith(
        "my/rules/pump/low.yaml:6:32: tests.0.series.pressure: column 1: a segment cannot begin with"
    )

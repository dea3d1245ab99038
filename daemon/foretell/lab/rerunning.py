"""Stored evidence against the stored rule: does the text of that day still give the verdict of that day?

Evidence is what a condition saw, not all that it remembered. Where the verdict hung on more than was kept,
that is said, and nothing is made up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from foretell.config import Bundle
from foretell.engine.baseline import WEEKS_MIN, poisson_tail
from foretell.engine.conditions import Condition, judge
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected, ExpectedSilence
from foretell.engine.following import Then
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers, threshold
from foretell.engine.rule import Rule
from foretell.engine.rulebook import Around, read_rule
from foretell.engine.standing import ROUNDING, Flapping, Stuck
from foretell.engine.trending import Forecast, Line, Rate, time_left
from foretell.engine.wearing import Used
from foretell.intake.journal import Journal
from foretell.lab.showing import listing_of
from foretell.site.kinds import Kind, read_kind
from foretell.tickets.wording import number

SAME, DIFFERS, OPEN = "same", "differs", "open"
TOLERANCE = 1e-9
"""Share of a number by which it may have changed on its way through a database."""

OUTCOMES = {
    SAME: ("the same verdict", "结论一致"),
    DIFFERS: ("differs", "结论不一致"),
    OPEN: ("cannot be told from the evidence alone", "仅凭留存的依据无法复核"),
}


class Open(Exception):
    """The verdict hung on more than the evidence holds; the words say on what, in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


class Again(NamedTuple):
    """One clause judged again: what was stored, what comes of it now, and what there is to say of it."""

    stored: bool | None
    again: bool | None
    outcome: str
    note: tuple[str, str] = ("", "")


# -- the rule of that day ---------------------------------------------------------------------------


def stored_rule(journal: Journal, rule_id: str, revision: str, device: str, kind: str) -> Rule | None:
    """The rule of this revision, as it stood for the device, out of the plans that are kept; None if gone."""
    seen: set[tuple[str, ...]] = set()
    for plan_id in journal.plan_ids():
        bundle = Bundle.unpack(journal.plan(plan_id))
        texts = {source.key: source.text for source in bundle.sources}
        text = texts.get(f"rules/{rule_id}.yaml")
        if text is None:
            continue
        kinds = {key: each for key, each in texts.items() if key.endswith("/kind.yaml")}
        same = (text, bundle.site.text if bundle.site else "", *kinds.values())
        if same in seen:
            continue  # only other files changed between these two
        seen.add(same)
        rule = _read(rule_id, text, bundle, kinds, device, kind)
        if rule is not None and rule.revision == revision:
            return rule
    return None


def _read(
    rule_id: str, text: str, bundle: Bundle, kinds: Mapping[str, str], device: str, kind: str
) -> Rule | None:
    known: dict[str, Kind] = {}
    for key, each in kinds.items():
        name = key.removeprefix("sensors/").removesuffix("/kind.yaml")
        found, _ = read_kind(name, each, key)
        if found is not None:
            known[name] = found
    listing = listing_of(bundle)
    moved = listing.moved(rule_id, listing.estate.facts(device, kind))
    values = {name: each.value for name, each in moved.items()}
    rule, _ = read_rule(rule_id, text, rule_id, known, Around(listing.zone, listing.calendars), values)
    return rule


# -- judging again ----------------------------------------------------------------------------------


def rerun(evidence: Sequence[Mapping[str, Any]], rule: Rule) -> list[Again]:
    """Each clause of the evidence judged again by the condition of the rule at its place."""
    if len(evidence) != len(rule.conditions):
        note = (
            f"the evidence has {len(evidence)} clauses, the rule {len(rule.conditions)}",
            f"依据有 {len(evidence)} 条，规则有 {len(rule.conditions)} 条",
        )
        return [Again(None, None, DIFFERS, note)]
    return [_again(clause, each) for clause, each in zip(evidence, rule.conditions, strict=True)]


def whole(agains: Sequence[Again], rule: Rule) -> bool | None:
    """The rule's tree over the clauses judged again; what cannot be told counts as it was stored."""
    if len(agains) != len(rule.conditions):
        return None
    return judge(rule.tree, [each.stored if each.outcome == OPEN else each.again for each in agains])


def _again(clause: Mapping[str, Any], condition: Condition) -> Again:
    stored = clause.get("verdict")
    if clause.get("signal") != condition.signal:
        note = f"signal {clause.get('signal')} / {condition.signal}"
        return Again(stored, None, DIFFERS, (note, note))
    judge_again = _JUDGES.get(type(condition))
    try:
        if judge_again is None:
            raise Open("this verb cannot be judged again", "此类条件无法复核")
        again = judge_again(condition, clause)
    except Open as error:
        return Again(stored, None, OPEN, (error.en, error.zh))
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        return Again(stored, None, OPEN, ("the evidence is incomplete", "依据不完整"))
    if stored is None and again is not None:
        words = "whether the value still held was not kept", "当时数据是否仍然有效，未留存"
        return Again(stored, again, OPEN, words)
    return Again(stored, again, SAME if again is stored else DIFFERS)


def _value(clause: Mapping[str, Any], key: str) -> float:
    """A number that the verdict cannot do without."""
    value = number(clause.get(key))
    if value is None:
        raise Open(f"'{key}' was not kept", f"未留存“{key}”")
    return value


def _level(c: Level, clause: Mapping[str, Any]) -> bool | None:
    value = clause["value"]
    if value is None:
        return None
    return c.test(value if isinstance(value, str) else float(value))


def _silent(_: Silent, clause: Mapping[str, Any]) -> bool | None:
    raise Open(
        "when it was last heard by our clock is not part of the evidence", "最后一次收到数据的时刻未留存"
    )


def _counted(value: float, limit: float, stored: Any) -> bool:
    if value >= limit and stored is False:
        raise Open("what was counted may have been cleared before", "计数可能此前已被清除")
    return value >= limit


def _count(c: Count, clause: Mapping[str, Any]) -> bool | None:
    stored, value = clause["verdict"], _value(clause, "value")
    if stored is None and value < c.limit:
        return None  # a window that is not full yet
    return _counted(value, c.limit, stored)


def _rate(c: Rate, clause: Mapping[str, Any]) -> bool | None:
    value = number(clause["value"])
    return None if value is None else c.test(value)


def _forecast(c: Forecast, clause: Mapping[str, Any]) -> bool | None:
    if clause["warming_up"]:
        return None
    line = Line(*(_value(clause, key) for key in ("value", "slope", "slope_low", "slope_high", "fit")))
    weak = line.low if c.up else -line.high
    left = time_left(line, c.limit, c.up)
    soon = left is not None and left[0] is not None and left[0] <= c.within
    foreseen = weak > 0.0 and line.quality >= c.fit and soon
    if foreseen and clause["verdict"] is False:
        raise Open("it may have been foreseen and cleared before", "此前可能已预测并清除过")
    return foreseen


def _drift(c: Drift, clause: Mapping[str, Any]) -> bool | None:
    if clause["warming_up"]:
        return None
    total = _value(clause, "sum")
    if 0.0 < total <= c.decision:
        raise Open("the sum lies between zero and its limit, where an alarm stays as it was",
                   "累积和介于零与限值之间，此时保持先前结论")  # fmt: skip
    return total > c.decision


def _peers(c: Peers, clause: Mapping[str, Any]) -> bool | None:
    median, sigma, deviation = (number(clause[key]) for key in ("median", "sigma", "deviation"))
    if median is None or sigma is None or deviation is None:
        return None
    side = c.side if c.side != "apart" else "up" if deviation > 0.0 else "down"
    return c.deviates(deviation, side, median, sigma) and not clause["common_cause"]


def _expected(c: Expected, clause: Mapping[str, Any]) -> bool | None:
    if clause["warming_up"] or _value(clause, "hours") < WEEKS_MIN:
        return None
    value, expected, sigma = (_value(clause, key) for key in ("value", "expected", "sigma"))
    up = c.side == "up"
    out = value - expected if up else expected - value
    said = out > threshold(c.form, c.limit, expected, sigma)
    if said and c.type != "gauge" and c.form == "sigma":
        said = poisson_tail(value, expected, up) < 0.5 * math.erfc(c.limit / math.sqrt(2))
    return said


def _expected_silence(c: ExpectedSilence, clause: Mapping[str, Any]) -> bool | None:
    if clause["warming_up"]:
        return None
    unlikely = _value(clause, "value") < c.chance * (1 + TOLERANCE)
    silent = unlikely and _value(clause, "silence") >= c.at_least
    if silent and clause["verdict"] is False:
        raise Open("this silence may have been told and cleared before", "这次静默此前可能已报告并清除")
    return silent


def _stuck(c: Stuck, clause: Mapping[str, Any]) -> bool | None:
    if clause["lasted"] is None:
        return None
    low, high = _value(clause, "low"), _value(clause, "high")
    long = _value(clause, "lasted") >= c.over and _value(clause, "readings") >= c.at_least
    stuck = long and c.holds(low, high)
    if stuck and clause["verdict"] is False:
        raise Open("this run may have been told and cleared before", "此前可能已报告并清除")
    return stuck


def _flapping(c: Flapping, clause: Mapping[str, Any]) -> bool | None:
    changes = _value(clause, "value")
    if c.at_least / 2 < changes < c.at_least:
        raise Open(
            "between half of the limit and the limit it stays as it was",
            "介于限值一半与限值之间，保持先前结论",
        )
    return _counted(changes, c.at_least, clause["verdict"])


def _used(c: Used, clause: Mapping[str, Any]) -> bool | None:
    value = number(clause["value"])
    if value is None:
        return None
    return _counted(value, c.of * c.at * (1.0 - ROUNDING), clause["verdict"])


def _then(c: Then, clause: Mapping[str, Any]) -> bool | None:
    return None if clause["at"] is None else _value(clause, "value") >= c.at_least


_JUDGES: dict[type, Callable[[Any, Mapping[str, Any]], bool | None]] = {
    Level: _level, Silent: _silent, Count: _count, Rate: _rate, Forecast: _forecast, Drift: _drift,
    Peers: _peers, Expected: _expected, ExpectedSilence: _expected_silence, Stuck: _stuck,
    Flapping: _flapping, Used: _used, Then: _then,
}  # fmt: skip

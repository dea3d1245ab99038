"""A kind and rules on it, for the tests of what `foretell test` is made of."""

from __future__ import annotations

from foretell.authored.document import Document, read
from foretell.engine.rule import Rule
from foretell.engine.rulebook import Around, TestModel, read_rule
from foretell.lab.trial import Case, Fault, Outcome, read_case, run
from foretell.site.calendars import Zone
from foretell.site.kinds import Kind, read_kind
from foretell.site.listing import no_site

KIND_TEXT = """
title: {en: Lift, zh: 电梯}
signals:
  temp: {type: gauge, unit: degC, range: [-50, 200]}
  close: {type: gauge, unit: s, range: [0.5, 30], part: floor}
  free: {type: gauge, unit: mm}
  trips: {type: counter}
  ran: {type: counter, unit: h}
  doors: {type: counter, part: floor}
  mode: {type: state, values: [normal, inspection, stopped]}
  door: {type: state, values: [open, closed], part: floor}
  fault: {type: event, values: [break, fix]}
  said: {type: event}
"""


def _kind() -> Kind:
    found, problems = read_kind("elevator", KIND_TEXT, "kind.yaml")
    assert found is not None, problems
    return found


KIND = _kind()
KINDS = {"elevator": KIND}
ZONE = Zone("UTC")


def text_of(when: str, rest: str = "") -> str:
    """The text of a rule file; `rest` are further lines of it."""
    return f"""
title: {{en: "{{device}}", zh: "{{device}}"}}
kind: elevator
when: {when}
{rest}
ticket: {{failure_mode: some-fault, route: maintainer, within: 3 d, do: {{en: Look, zh: 看}}}}
"""


def rule(when: str, rest: str = "", name: str = "x") -> Rule:
    around = no_site()
    found, problems = read_rule(
        f"elevator/{name}", text_of(when, rest), f"{name}.yaml", KINDS, Around(around.zone, around.calendars)
    )
    assert found is not None, [str(problem) for problem in problems]
    return found


def document(when: str, rest: str = "") -> Document:
    return read(text_of(when, rest), "x.yaml")[0]


def case(of: Rule, **words: object) -> tuple[Case | None, list[Fault]]:
    """A case from the words of a test."""
    model = TestModel.model_validate({"name": "one", "expect": {"tickets": 0}, **words})
    return read_case(model, of, KINDS, ZONE)


def outcome(of: Rule, others: dict[str, Rule] | None = None, **words: object) -> Outcome:
    """What came of a test."""
    found, faults = case(of, **words)
    assert found is not None, faults
    return run(found, of, others or {})

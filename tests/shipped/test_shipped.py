"""The rules and sensors that come with foretell: all read, all complete, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foretell.authored.document import read
from foretell.config import build, gather, shipped
from foretell.intake.profiles import ProfileModel

SENSORS, RULES = shipped("sensors"), shipped("rules")
RULE_FILES = sorted(RULES.rglob("*.yaml"))
PROFILE_FILES = sorted(path for path in SENSORS.rglob("*.yaml") if path.name != "kind.yaml")
HAN = re.compile(r"[\u4e00-\u9fff]")
ROUTES = {"maintainer", "cleaner", "guard", "engineer"}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def value(path: Path) -> dict[str, object]:
    document, problems = read(path.read_text(encoding="utf-8"), path.name)
    assert problems == []
    assert isinstance(document.value, dict)
    return document.value


def test_everything_shipped_builds_without_a_problem() -> None:
    bundle, problems = gather([SENSORS], [RULES])
    plan, more = build(bundle)
    assert [str(problem) for problem in problems + more] == []
    assert plan is not None
    off = {name(path) for path in RULE_FILES if value(path).get("mode") == "off"}
    assert set(plan.rulebook.rules) == {name(path) for path in RULE_FILES} - off
    assert set(plan.profiles.by_id) == {name(path) for path in PROFILE_FILES}


def test_no_two_profiles_speak_on_one_topic() -> None:
    """A message that two profiles read would be counted twice."""
    plan, _ = build(gather([SENSORS], [RULES])[0])
    assert plan is not None
    for profile in plan.profiles.by_id.values():
        for example in profile.examples:
            assert [route.profile.id for route in plan.profiles.routes(example.topic)] == [profile.id]


@pytest.mark.parametrize("path", PROFILE_FILES, ids=name)
def test_a_profile_has_an_example_that_its_build_has_checked(path: Path) -> None:
    model = ProfileModel.model_validate(value(path))
    assert model.examples, "a profile without an example is a guess"


@pytest.mark.parametrize("path", RULE_FILES, ids=name)
def test_a_rule_says_what_it_is_in_both_languages_and_whence(path: Path) -> None:
    rule = value(path)
    ticket = rule["ticket"]
    assert isinstance(ticket, dict)
    for text in (rule["title"], ticket["do"]):
        assert isinstance(text, dict)
        assert HAN.search(text["zh"])
        assert not HAN.search(text["en"])
    assert "{device}" in rule["title"]["en"]  # type: ignore[index]
    assert ticket["failure_mode"]
    assert ticket["route"] in ROUTES
    assert rule.get("source")


@pytest.mark.parametrize("path", RULE_FILES, ids=name)
def test_a_rule_says_why_before_it_says_what(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")

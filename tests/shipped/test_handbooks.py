"""The handbooks: every word stands in them, and what they show is so: rules, conditions, commands, tables."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foretell.authored.document import read
from foretell.config import build, gather, schemas, shipped
from foretell.engine.rule import Rule
from foretell.engine.rulebook import read_rule
from foretell.engine.rulebook.clauses import SPELT
from foretell.lab.series import FORMS
from foretell.lab.testing import test_problems as problems_of_tests
from foretell.lab.trial import ACTS, MOMENTS, read_case, run
from foretell.site.kinds import BUILT_IN, REASONS, Kind
from foretell.site.listing import no_site

ROOT = Path(__file__).parents[2]
SENSORS, RULES = shipped("sensors"), shipped("rules")
READMES = ("README.md", "README.zh-CN.md")
TITLE = 'title: {en: "{device}: x", zh: "{device} 某"}\n'
TICKET = "ticket: {failure_mode: x-y, route: engineer, within: 1 d, do: {en: Look, zh: 查看}}\n"
DOCS = {"PYTHONPATH": str(ROOT / "daemon"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def words(schema: dict[str, Any]) -> set[str]:
    """Every key and every fixed word that a schema knows, however deep."""
    found: set[str] = set()
    stack: list[Any] = [schema]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            found |= set(each.get("properties", {}))
            found |= {word for word in each.get("enum", []) if isinstance(word, str)}
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return found


def text_of(folder: str, readme: str) -> str:
    return (shipped(folder) / readme).read_text(encoding="utf-8")


def spans(text: str) -> list[str]:
    """What stands in backticks, fenced blocks aside."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


class Block(NamedTuple):
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks in order."""
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.S | re.M)]


def kinds() -> dict[str, Kind]:
    plan, problems = build(gather([SENSORS], [])[0])
    assert plan is not None, problems
    return dict(plan.kinds)


KINDS = kinds()


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("folder", ["sensors", "rules"])
def test_every_word_is_in_the_handbook(folder: str, readme: str) -> None:
    told = set(re.findall(r"[\w-]+|\w+", " ".join(spans(text_of(folder, readme)))))
    known = schemas()
    wanted = [known["rule"]] if folder == "rules" else [known["profile"], known["kind"]]
    assert sorted(set().union(*map(words, wanted)) - told) == []


@pytest.mark.parametrize("readme", READMES)
def test_every_form_of_a_test_is_in_the_handbook(readme: str) -> None:
    told = spans(text_of("rules", readme))
    first = {span.split()[0] for span in told}
    assert {*FORMS, *ACTS} - first - {"offline"} == set()
    assert "offline 3 h" in told and set(MOMENTS) - first == set()


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("folder", ["sensors", "rules"])
def test_the_signals_of_every_device_are_in_the_handbook(folder: str, readme: str) -> None:
    told = set(spans(text_of(folder, readme)))
    assert set(BUILT_IN) - told == set()
    assert folder == "sensors" or {*REASONS, "any"} - told == set()


@pytest.mark.parametrize("readme", READMES)
def test_every_shipped_file_is_in_the_handbook(readme: str) -> None:
    sensors, rules = text_of("sensors", readme), text_of("rules", readme)
    profiles = [path for path in SENSORS.rglob("*.yaml") if path.name != "kind.yaml"]
    missing = [path for path in RULES.rglob("*.yaml") if f"`{path.parent.name}/{path.stem}`" not in rules]
    assert missing + [path for path in profiles if f"`{path.stem}`" not in sensors] == []


def test_the_table_of_rules_is_what_the_files_say() -> None:
    script = [sys.executable, str(ROOT / "docs" / "library.py"), "--check"]
    done = subprocess.run(script, env=DOCS, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_languages_show_the_same() -> None:
    """The same examples, pictures and commands in the same order; only words differ."""
    english, chinese = (text_of("rules", readme) for readme in READMES)

    def bare(text: str) -> list[str]:
        without = [re.sub(r"#.*|name: .*|source: .*", "", block.text) for block in blocks(text)]
        return [re.sub(r"[ \t]+", " ", each) for each in without]

    assert bare(english) == bare(chinese)
    pictures = re.compile(r"!\[[^]]*\]\((\S+)\)")
    assert pictures.findall(english) == pictures.findall(chinese)
    assert english.count("\n### ") == chinese.count("\n### ")
    assert english.count("\n## ") == chinese.count("\n## ")
    examples = [[each for each in spans(text) if each.startswith("{")] for text in (english, chinese)]
    assert examples[0] == examples[1]


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("folder", ["sensors", "rules"])
def test_no_link_leads_nowhere(folder: str, readme: str) -> None:
    here = shipped(folder) / readme
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(folder, readme)):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        led = here.parent / file if file else here
        assert led.exists(), target
        assert not anchor or anchor in heads(led), target


def heads(file: Path) -> set[str]:
    """The anchors of a page's headings."""
    found = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in found}


# -- what is shown is so ------------------------------------------------------------------------------


def whole_rules(text: str) -> Iterator[str]:
    """Blocks that are a rule, but for those of the walk-through, which has a kind of its own."""
    for block in blocks(text):
        whole = re.search(r"^when:", block.text, re.M) and "ticket:" in block.text
        if whole and not block.text.startswith("# my-site/"):
            yield block.text


@pytest.mark.parametrize("readme", READMES)
def test_the_rules_in_the_handbook_are_sound_and_pass_their_tests(readme: str) -> None:
    found = list(whole_rules(text_of("rules", readme)))
    assert len(found) >= 2
    for text in found:
        document, _ = read(text, readme)
        assert isinstance(document.value, dict)
        rule, problems = read_rule(f"{document.value['kind']}/example", text, readme, KINDS)
        assert rule is not None, [str(problem) for problem in problems]
        assert problems == [] and problems_of_tests(document, rule, KINDS, no_site().zone) == []
        assert rule.authored.tests
        for model in rule.authored.tests:
            case, faults = read_case(model, rule, KINDS, no_site().zone)
            assert case is not None, faults
            assert run(case, rule).failures == [], model.name


@pytest.mark.parametrize("readme", READMES)
def test_the_conditions_in_the_handbook_are_sound(readme: str) -> None:
    verbs = "|".join(SPELT)
    shown = [
        span for span in spans(text_of("rules", readme)) if re.match(rf"\{{(signal|{verbs}): .*\}}\Z", span)
    ]
    shown = [each for each in shown if "…" not in each and "after:" not in each]
    assert {verb for verb in SPELT if any(f"{verb}:" in each for each in shown)} >= set(SPELT)
    for each in shown:
        assert any(_reads(each, kind) for kind in KINDS), each


def _reads(condition: str, kind: str) -> Rule | None:
    text = f"{TITLE}kind: {kind}\nwhen: {condition}\n{TICKET}"
    return read_rule(f"{kind}/example", text, "example.yaml", KINDS)[0]


@pytest.mark.parametrize("readme", READMES)
def test_what_a_site_may_write_is_sound(readme: str, tmp_path: Path) -> None:
    """The pieces of site.yaml, put together, are a site that check accepts and that has the days it names."""
    pieces = [
        block.text
        for block in blocks(text_of("rules", readme))
        if block.language == "yaml" and re.match(r"(limits: +#|zone:)", block.text)
    ]
    assert len(pieces) == 2
    text = "site: example\nstore: store\n" + "".join(pieces)
    site = tmp_path / "site.yaml"
    site.write_text(text, encoding="utf-8")
    shown = foretell(tmp_path, "foretell check site.yaml")
    assert shown.returncode == 0, shown.stdout
    shown = foretell(tmp_path, "foretell rules show elevator/machine-room-hot b-2 --config site.yaml")
    assert "45" in shown.stdout and shown.returncode == 0, shown.stderr


def foretell(where: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command line as a person types it."""
    line = re.sub(r"^foretell\b", f"'{sys.executable}' -m foretell", command)
    return subprocess.run(
        ["bash", "-c", line], cwd=where, env=DOCS, capture_output=True, text=True, timeout=300
    )


def walk_through(readme: str) -> list[Block]:
    """The blocks of the section that leads from a new signal to its ticket."""
    sections = text_of("rules", readme).split("\n## ")
    return blocks(next(each for each in sections if "gear_oil_level: {type:" in each))


@pytest.mark.parametrize("readme", READMES)
def test_the_walk_through_works_as_it_is_written(readme: str, tmp_path: Path) -> None:
    """A new signal, a new profile, a new rule: only what stands in the handbook, typed literally."""
    shutil.copytree(SENSORS, tmp_path / "sensors")
    shutil.copytree(RULES, tmp_path / "rules")
    typed = []
    for block in walk_through(readme):
        head, _, body = block.text.partition("\n")
        if block.language == "console":
            for command in block.text.splitlines():
                done = foretell(tmp_path, command)
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                typed.append(command)
        elif match := re.match(r"# (my-site/\S+)\Z", head):
            (tmp_path / match[1]).write_text(block.text, encoding="utf-8")
        elif match := re.search(r"(my-site/\S+/kind.yaml)", head):
            file = tmp_path / match[1]
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace("signals:\n", f"signals:\n{body}", 1), encoding="utf-8")
    assert any(command.startswith("foretell check ") for command in typed)
    test = next(command for command in typed if command.startswith("foretell test "))
    results = json.loads(foretell(tmp_path, f"{test} --json").stdout)["results"]
    assert {each["rule"] for each in results} == {"elevator/gear-oil-low"}
    own = [each["outcome"] for each in results if not each["generated"]]
    assert own == ["passed", "passed"] and len(results) > 8
    # It was the line in the copied kind that did it: without it nobody knows the signal.
    shutil.copy(SENSORS / "elevator" / "kind.yaml", tmp_path / "my-site" / "sensors" / "elevator")
    broken = foretell(tmp_path, "foretell check my-site/site.yaml")
    assert broken.returncode != 0 and "gear_oil_level" in broken.stdout


@pytest.mark.parametrize("readme", READMES)
def test_the_rule_on_the_front_page_is_sound_and_passes(readme: str, tmp_path: Path) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    (block,) = (each for each in blocks(text) if each.text.startswith("# my-rules/"))
    file = tmp_path / block.text.splitlines()[0].removeprefix("# ")
    file.parent.mkdir(parents=True)
    file.write_text(block.text, encoding="utf-8")
    for command in ("foretell check my-rules", "foretell test my-rules"):
        done = foretell(tmp_path, command)
        assert done.returncode == 0, done.stdout

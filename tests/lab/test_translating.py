"""Every message about a file has a Chinese sentence; names, numbers and units come through as they are."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import foretell
from foretell.lab.translating import Template, chinese, templates

PACKAGE = Path(foretell.__file__).parent
SOURCES = (
    "authored/document", "authored/validate", "authored/quantity", "engine/rulebook/clauses",
    "engine/rulebook/compile", "engine/rulebook/limits", "engine/rulebook/book", "site/calendars",
    "site/listing", "site/kinds", "config", "intake/profiles", "intake/examples",
    "lab/checking", "lab/linting", "lab/series", "lab/trial", "lab/testing", "lab/cases", "lab/behaviours",
    "lab/behaviours_learned", "lab/hinges", "lab/hours", "cli/terminal", "cli/tickets", "cli/rules",
    "cli/devices", "cli/files", "cli/history", "cli/running",
)  # fmt: skip
SAYS = (
    "Fault",
    "Mistake",
    "wrong",
    "complain",
    "problem_at",
    "Problem",
    "Finding",
    "_Refused",
    "QuantityError",
    "CalendarError",
    "ZoneError",
    "Cannot",
    "Failure",
    "fail",
)
NO_SENTENCE = {
    "{} {}", "{}; {}", "{} {}/h", "{} to {} {}", "2 {}/h", "{}: {}",  # put together, or shown as they are
}  # fmt: skip


def sentences(source: str) -> set[str]:
    """What the module hands to those that say something, with {} for what is filled in."""
    tree = ast.parse((PACKAGE / f"{source}.py").read_text(encoding="utf-8"))
    said: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            said += node.args if name in SAYS else []
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("message", "hint"):
            said.append(node.value)
    texts = {_spelt(each) for part in said for each in _strings(part)}
    return {text for text in texts if " " in text.strip() and text not in NO_SENTENCE}


def _strings(node: ast.AST) -> list[ast.AST]:
    """Whole strings below a node: not the pieces of one, nor what is only compared or joined with."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return [node]
    if isinstance(node, ast.Call | ast.Subscript | ast.Compare | ast.Attribute):
        return []
    return [found for child in ast.iter_child_nodes(node) for found in _strings(child)]


def _spelt(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_is_said_of_a_file_can_be_said_in_chinese(source: str) -> None:
    """Read from the source, so that a new message asks for its sentence in chinese.txt."""
    missing = [text for text in sentences(source) if chinese(text.replace("{}", "x")) is None]
    assert missing == []


def test_something_is_read_from_the_sources() -> None:
    assert sum(len(sentences(source)) for source in SOURCES) > 150


def test_each_sentence_takes_over_what_stands_in_the_holes() -> None:
    for template in templates():
        holes = Counter(re.findall(r"\{([A-Za-z])\}", template.english))
        again = Counter(re.findall(r"\{([A-Za-z])\}", template.chinese))
        assert max(holes.values(), default=1) == 1, template.english
        assert set(again) <= set(holes), template.english
        assert len(holes) - len(again) <= 1, template.english
        assert re.search("[\u4e00-\u9fff、；]|^true$|^false$", template.chinese), template.english


def test_every_sentence_is_reached() -> None:
    """None stands in the table twice, or behind a wider one that takes it."""
    for template in templates():
        sample = re.sub(r"\{([A-Za-z])\}", r"x", template.english)
        first = next(each for each in templates() if each.pattern.fullmatch(sample) and _takes(each, sample))
        assert first is template, f"{template.english!r} is taken by {first.english!r}"


def _takes(template: Template, sample: str) -> bool:
    match = template.pattern.fullmatch(sample)
    return match is not None and all(said == "x" for said in match.groupdict().values())


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("unknown key 'bellow'", "未知的键“bellow”"),
        ("did you mean 'below'?", "您是否想写“below”？"),
        (
            "'mins' is no unit of time here: use ms, s, min, h, d or w; did you mean 'min'?",
            "“mins”不是此处可用的时间单位，请用 ms、s、min、h、d 或 w；您是否想写“min”？",
        ),
        ("the key 'en' is required; the key 'zh' is required", "缺少键“en”；缺少键“zh”"),
        ("must be text or a list, not true", "应为文本或列表，而不是 true"),
        ("'lvie' is not one of 'off', 'shadow' or 'live'", "“lvie”不在可选范围内：“off”、“shadow”或“live”"),
        ("'1号楼A' is not a unit", "“1号楼A”不是单位"),
        ("drift needs one of 'up' and 'down'", "drift 需要“up”和“down”之一"),
        (
            "with this limit pump/leak is wrong: must be larger than nothing",
            "用这个限值时 pump/leak 有误：必须大于零",
        ),
        ("not YAML: expected ',' or '}', but got text", "不是有效的 YAML：此处应为“,”或“}”，却是文本"),
    ],
)
def test_names_stay_as_they_are(english: str, said: str) -> None:
    assert chinese(english) == said


def test_what_is_not_known_is_not_guessed() -> None:
    assert chinese("the moon is made of cheese") is None

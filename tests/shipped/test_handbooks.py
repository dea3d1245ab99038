"""The handbooks: every word that a file may hold stands in them, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from foretell.config import schemas, shipped

SENSORS, RULES = shipped("sensors"), shipped("rules")


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


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
@pytest.mark.parametrize("folder", ["sensors", "rules"])
def test_every_word_is_in_the_handbook(folder: str, readme: str) -> None:
    text = (shipped(folder) / readme).read_text(encoding="utf-8")
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    known = schemas()
    wanted = [known["rule"]] if folder == "rules" else [known["profile"], known["kind"]]
    assert sorted(set().union(*map(words, wanted)) - told) == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_shipped_file_is_in_the_handbook(readme: str) -> None:
    rules = (RULES / readme).read_text(encoding="utf-8")
    sensors = (SENSORS / readme).read_text(encoding="utf-8")
    profiles = [path for path in SENSORS.rglob("*.yaml") if path.name != "kind.yaml"]
    missing = [path for path in RULES.rglob("*.yaml") if f"`{path.parent.name}/{path.stem}`" not in rules]
    assert missing + [path for path in profiles if f"`{path.stem}`" not in sensors] == []

"""Messages about files in Chinese: each English sentence by its template, names and numbers as they are."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("chinese.txt")
_HOLE = re.compile(r"\\\{([A-Za-z])\\\}")
_QUOTED = re.compile(r"'([^']*)'")
_NAMES = re.compile(r"('[^']*'|[][\w./$-]+)((, | or | and )('[^']*'|[][\w./$-]+))*", re.ASCII)
_QUOTES = re.compile(r"(“[^”]*”)")
_BESIDE_QUOTES = re.compile(r"(?<=[\u4e00-\u9fff]) (?=“)|(?<=”) (?=[\u4e00-\u9fff])")
_SCRIPTS = re.compile(r"(?<=[A-Za-z0-9])(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9$])")
_BETWEEN = re.compile(r", | or | and ")
_QUANTITY = re.compile(r"[-+\d.]+ ?\S*|1/?\S+")


class Template(NamedTuple):
    """An English sentence with holes, and its Chinese."""

    english: str
    pattern: re.Pattern[str]
    chinese: str


@functools.cache
def templates() -> tuple[Template, ...]:
    """All of the table, in its order."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return tuple(
        Template(english, _pattern(english), chinese)
        for english, chinese in zip(lines[::2], lines[1::2], strict=True)
    )


def _pattern(english: str) -> re.Pattern[str]:
    """A hole takes as little as it can, and at least one character."""
    return re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL)


def chinese(english: str) -> str | None:
    """A message in Chinese; None where the table has no sentence for it."""
    for template in templates():
        match = template.pattern.fullmatch(english)
        if match is None:
            continue
        holes = {name: _hole(name, said) for name, said in match.groupdict().items()}
        whole = {f"{{{name}}}": said for name, said in holes.items() if said is not None}
        if len(whole) == len(holes):
            parts = re.split(r"(\{[A-Za-z]\})", template.chinese)
            return _spaced("".join(whole.get(part, part) for part in parts))
    return None


def _spaced(text: str) -> str:
    """A space between Chinese and Latin letters, none beside a quotation mark; names stay as they are."""
    bare = _BESIDE_QUOTES.sub("", text)
    return "".join(part if part[:1] == "“" else _SCRIPTS.sub(" ", part) for part in _QUOTES.split(bare))


def _hole(name: str, said: str) -> str | None:
    """What stands in a hole: as it is, or put into Chinese where its letter is a capital."""
    if name.isupper() and (known := chinese(said)) is not None:
        return known
    if _NAMES.fullmatch(said):
        return _BETWEEN.sub(_joint, _QUOTED.sub(r"“\1”", said))
    return said if name.islower() or _QUANTITY.fullmatch(said) or _QUOTED.fullmatch(said) else None


def _joint(between: re.Match[str]) -> str:
    return {", ": "、", " or ": "或", " and ": "和"}[between[0]]

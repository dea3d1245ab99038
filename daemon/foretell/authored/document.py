"""YAML 1.2 text to plain values, each with its line and column; hostile text is refused early.

Only the plain part of YAML is accepted: mappings with text keys, lists and scalars. Anchors, aliases,
merge keys, tags and duplicate keys are refused, so a small file stays small once it is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from foretell.authored.problems import Problem

TEXT_MAX_BYTES = 256 * 1024
LINE_MAX = 16 * 1024
LINES_MAX = 20_000
DEPTH_MAX = 24
NODES_MAX = 20_000
SEPARATORS_MAX = 2 * NODES_MAX
"""Commas and line ends: each value but the first has one before it, and few stand anywhere else."""

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u200b\u2060\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
    r"|(?!\A)\ufeff"
)
"""Controls, line ends that no editor shows as such, and what turns the reading direction of a line."""
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_TOKENS = {
    "'<scalar>'": "text", "'<block end>'": "the end of the block", "'<stream end>'": "the end of the file",
    "'<document start>'": "a document", "'<document end>'": "the end of the document",
    "'<block mapping start>'": "a mapping", "'<block sequence start>'": "a list",
}  # fmt: skip
_CHINESE_SIGNS = {"：": ": ", "，": ", ", "｛": "{", "｝": "}", "【": "[", "】": "]"}

Path = tuple[str | int, ...]


class Document:
    """One file as plain values (`value`), with the place of each of them (`problem_at`)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.events = 0
        """How many events of the parser were read; what is refused before it is parsed has none."""
        self._marks: dict[Path, tuple[int, int]] = {(): (1, 1)}

    def mark(self, path: Path, line: int, column: int) -> None:
        self._marks[path] = (line + 1, column + 1)

    def position(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at `path`, or of the nearest value above it."""
        while path not in self._marks:
            path = path[:-1]
        return self._marks[path]

    def problem_at(self, path: Path, message: str, hint: str = "", severity: str = "error") -> Problem:
        line, column = self.position(path)
        where = ".".join(str(step) for step in path)
        return Problem(self.file, line, column, where, message, hint, severity)


class _Refused(Exception):
    def __init__(self, event: Event, message: str) -> None:
        super().__init__(message)
        self.line, self.column = event.start_mark.line + 1, event.start_mark.column + 1


def read(text: str, file: str) -> tuple[Document, list[Problem]]:
    """Read one YAML text. With problems, the document's value must not be used."""
    document = Document(file)
    if found := _sieve(text):
        line, column, message, hint = found
        return document, [Problem(file, line, column, "", message, hint)]
    try:
        is_there = _Reader(document, text).whole()
    except _Refused as refused:
        return document, [Problem(file, refused.line, refused.column, "", str(refused))]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return document, [
            Problem(file, line, column, "", f"not YAML: {_plainly(error)}", wide_sign(_near(text, line)))
        ]
    except (YAMLError, ValueError) as error:
        return document, [Problem(file, 1, 1, "", f"not YAML: {str(error).splitlines()[0]}")]
    return document, [] if is_there else [Problem(file, 1, 1, "", "file is empty")]


def _sieve(text: str) -> tuple[int, int, str, str] | None:
    """What is too much or not to be seen, found without parsing: line, column, message and hint."""
    if len(text.encode(errors="replace")) > TEXT_MAX_BYTES:
        return 1, 1, f"file is larger than {TEXT_MAX_BYTES // 1024} KiB", ""
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        return LINES_MAX + 1, 1, f"more than {LINES_MAX} lines in one file", ""
    if text.count(",") + len(lines) > SEPARATORS_MAX:
        return 1, 1, f"more than {NODES_MAX} values in one file", ""
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            return (
                number,
                LINE_MAX + 1,
                f"a line is longer than {LINE_MAX} characters",
                "break it into several",
            )
    if match := _UNSEEN.search(text):
        what = f"a character that nobody sees (U+{ord(match[0]):04X})"
        return *_place(text, match.start()), what, "delete it; perhaps it came with a copied text"
    if match := _DIRECTIVE.search(text):
        return *_place(text, match.start()), "directives (%) are not accepted", "delete the line"
    return None


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _near(text: str, line: int) -> str:
    """The line where the parser stumbled, and the one before it."""
    return "".join(text.split("\n")[max(line - 2, 0) : line])


def wide_sign(text: str) -> str:
    """A hint where an input method made a sign of YAML wide; empty if there is none."""
    wide = next((sign for sign in _CHINESE_SIGNS if sign in text), None)
    return f"'{wide}' is a Chinese sign: write '{_CHINESE_SIGNS[wide]}'" if wide else ""


def _plainly(error: MarkedYAMLError) -> str:
    """The parser's complaint, in words for someone who does not know its insides."""
    said = str(error.problem or error.context)
    if "'\\t'" in said:
        return "a tab cannot indent: use spaces"
    for token, word in _TOKENS.items():
        said = said.replace(token, word).replace(token.strip("'"), word)
    return said.removeprefix("but ")


class _Reader:
    """Follows the parser event by event, so that hostile text is refused before it is read to its end."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.events = self._counted(text)
        self.count = 0

    def _counted(self, text: str) -> Iterator[Event]:
        for event in YAML(typ="safe", pure=True).parse(text):
            self.document.events += 1
            yield event

    def whole(self) -> bool:
        """Read the one document of the file; False when there is none."""
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                break
        else:
            return False
        self.document.value = self.plain(next(self.events), ())
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                raise _Refused(event, "a second document (---): one file holds one document")
        return True

    def plain(self, event: Event, path: Path) -> Any:
        self.count += 1
        _refuse_shorthand(event)
        if len(path) > DEPTH_MAX:
            raise _Refused(event, f"nested deeper than {DEPTH_MAX} levels")
        if self.count > NODES_MAX:
            raise _Refused(event, f"more than {NODES_MAX} values in one file")
        self.document.mark(path, event.start_mark.line, event.start_mark.column)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        return _scalar(event)

    def _sequence(self, path: Path) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            result.append(self.plain(event, (*path, len(result))))
        return result

    def _mapping(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            _refuse_shorthand(event)
            if not isinstance(event, ScalarEvent):
                raise _Refused(event, "a key must be a word")
            key = str(event.value)
            if key == "<<":
                raise _Refused(event, "merge keys (<<) are not accepted: write the values out")
            if key in result:
                raise _Refused(event, f"the key '{key}' is given twice")
            result[key] = None
            result[key] = self.plain(next(self.events), (*path, key))
            # A problem with a key points at the key, not at what stands behind it.
            self.document.mark((*path, key), event.start_mark.line, event.start_mark.column)
        return result


def _scalar(event: Event) -> Any:
    text = str(getattr(event, "value", ""))
    if getattr(event, "style", None) is not None:  # quoted or block text stays text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 20:
        return int(text)
    if _FLOAT.match(text):
        number = float(text)
        if not math.isfinite(number):
            raise _Refused(event, "a number must be finite")
        return number
    return text


def _refuse_shorthand(event: Event) -> None:
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
        raise _Refused(event, "anchors and aliases (& and *) are not accepted: write the value out")
    if getattr(event, "tag", None):
        raise _Refused(event, "tags (!) are not accepted")

"""YAML 1.2 text to plain values, each with its line and column; hostile text is refused early.

Only the plain part of YAML is accepted: mappings with text keys, lists and scalars. Anchors, aliases,
merge keys, tags and duplicate keys are refused, so a small file stays small once it is read.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from foretell.authored.problems import Problem

TEXT_MAX_BYTES = 256 * 1024
DEPTH_MAX = 24
NODES_MAX = 20_000

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Path = tuple[str | int, ...]


class Document:
    """One file as plain values (`value`), with the place of each of them (`problem_at`)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
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
    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.line, self.column = node.start_mark.line + 1, node.start_mark.column + 1


def read(text: str, file: str) -> tuple[Document, list[Problem]]:
    """Read one YAML text. With problems, the document's value must not be used."""
    document = Document(file)
    if len(text.encode(errors="replace")) > TEXT_MAX_BYTES:
        return document, [Problem(file, 1, 1, "", f"file is larger than {TEXT_MAX_BYTES // 1024} KiB")]
    try:
        root = YAML(typ="rt", pure=True).compose(text)
        document.value = None if root is None else _Reader(document).plain(root, ())
    except _Refused as refused:
        return document, [Problem(file, refused.line, refused.column, "", str(refused))]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return document, [Problem(file, line, column, "", f"not YAML: {error.problem or error.context}")]
    except (YAMLError, ValueError) as error:
        return document, [Problem(file, 1, 1, "", f"not YAML: {str(error).splitlines()[0]}")]
    except RecursionError:
        return document, [Problem(file, 1, 1, "", f"nested deeper than {DEPTH_MAX} levels")]
    if root is None:
        return document, [Problem(file, 1, 1, "", "file is empty")]
    return document, []


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen: set[int] = set()

    def plain(self, node: Node, path: Path) -> Any:
        if id(node) in self.seen or getattr(node, "anchor", None):
            raise _Refused(node, "anchors and aliases (& and *) are not accepted: write the value out")
        self.seen.add(id(node))
        if len(path) > DEPTH_MAX:
            raise _Refused(node, f"nested deeper than {DEPTH_MAX} levels")
        if len(self.seen) > NODES_MAX:
            raise _Refused(node, f"more than {NODES_MAX} values in one file")
        self.document.mark(path, node.start_mark.line, node.start_mark.column)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise _Refused(key_node, "a key must be a word")
            key = str(key_node.value)
            if key == "<<":
                raise _Refused(key_node, "merge keys (<<) are not accepted: write the values out")
            if key in result:
                raise _Refused(key_node, f"the key '{key}' is given twice")
            result[key] = self.plain(value_node, (*path, key))
            # A problem with a key points at the key, not at what stands behind it.
            self.document.mark((*path, key), key_node.start_mark.line, key_node.start_mark.column)
        return result

    def _scalar(self, node: ScalarNode) -> Any:
        tag = str(getattr(node, "tag", "") or "")
        text = str(node.value)
        if node.style is not None:  # quoted or block text stays text
            return text
        if tag.startswith("!") or (tag not in _PLAIN_TAGS and not tag.startswith("tag:yaml.org,2002:")):
            raise _Refused(node, "tags (!) are not accepted")
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text) and len(text) < 20:
            return int(text)
        if _FLOAT.match(text):
            number = float(text)
            if not math.isfinite(number):
                raise _Refused(node, "a number must be finite")
            return number
        return text

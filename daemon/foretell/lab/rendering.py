"""What `foretell check` found, for people, for programs and for the margin of a pull request."""

from __future__ import annotations

import json
from collections.abc import Sequence

from foretell.authored.problems import Problem
from foretell.lab.translating import chinese

FORMS = ("text", "json", "github")
ERROR = "error"


def failed(problems: Sequence[Problem], strict: bool = False) -> bool:
    """Something has to be mended; with `strict` a warning is enough."""
    return any(strict or problem.severity == ERROR for problem in problems)


def render(problems: Sequence[Problem], form: str = "text", language: str = "en") -> str:
    """What belongs on stdout, without a line end at its end; as text it is empty if nothing was found.

    Messages are in the language that is asked for; the keys of JSON, places and names are the same in any.
    """
    if form == "json":
        plain = [_told(problem, language)._asdict() for problem in problems]
        return json.dumps(plain, ensure_ascii=False, indent=1)
    line = _annotation if form == "github" else _line
    return "\n".join(line(problem, language) for problem in problems)


def summary(problems: Sequence[Problem], checked: int, language: str = "en") -> str:
    """One line for stderr: how many files, errors and warnings."""
    errors = sum(problem.severity == ERROR for problem in problems)
    warnings = len(problems) - errors
    if language == "zh":
        counts = [f"{errors} 个错误"] * bool(errors) + [f"{warnings} 个警告"] * bool(warnings)
        return f"{checked} 个文件，{'，'.join(counts) or '全部正常'}"
    counts = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    return f"{_count(checked, 'file')}, {', '.join(counts) or 'all fine'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _told(problem: Problem, language: str) -> Problem:
    """The problem in a language; a sentence that the table does not know stays as it is."""
    if language == "en":
        return problem
    message, hint = (chinese(said) or said for said in (problem.message, problem.hint))
    return problem._replace(message=message, hint=hint)


def _line(problem: Problem, language: str) -> str:
    if language == "en":
        return str(problem)
    told = _told(problem, language)
    mark = "警告：" if told.severity != ERROR else ""
    where = f"{told.where}：" if told.where else ""
    hint = f"（{told.hint}）" if told.hint else ""
    return f"{told.file}:{told.line}:{told.column}: {mark}{where}{told.message}{hint}"


def _annotation(problem: Problem, language: str) -> str:
    """A workflow command of GitHub, which shows the message beside the line."""
    told = _told(problem, language)
    properties = {
        "file": told.file, "line": told.line, "col": told.column, "title": told.where or "foretell check",
    }  # fmt: skip
    marks = "（）" if language == "zh" else ("(", ")")
    hint = "" if not told.hint else f"{'' if language == 'zh' else ' '}{marks[0]}{told.hint}{marks[1]}"
    place = ",".join(f"{key}={_escaped(str(value), ':', ',')}" for key, value in properties.items())
    return f"::{ERROR if told.severity == ERROR else 'warning'} {place}::{_escaped(told.message + hint)}"


def _escaped(text: str, *signs: str) -> str:
    """As actions/toolkit does it: %, line ends, and in properties also : and ,"""
    for sign in ("%", "\r", "\n", *signs):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text

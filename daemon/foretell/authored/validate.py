"""Plain values against a pydantic model: every problem at once, each with its place and a suggestion."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from foretell.authored.document import Document, Path, wide_sign
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import duration


class Strict(BaseModel):
    """A model of something that people write: unknown keys are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


class Text(Strict):
    """A text for people, in both languages."""

    en: str = Field(min_length=1, max_length=400)
    zh: str = Field(min_length=1, max_length=400)


Duration = Annotated[
    float,
    BeforeValidator(duration),
    Field(json_schema_extra={"type": "string", "examples": ["10 min", "2 h", "14 d"]}),
]
"""Seconds, written as "10 min", "2 h" or "14 d"."""

M = TypeVar("M", bound=Strict)

_TYPES = {
    "string_type": "text",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
}
_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 took for booleans; in 1.2 they are words."""

_SIGNS = {"0-9": "digits", "_": "_", "z-": "-", "9-": "-", "_-": "-"}

_LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "needs at least {min_length} entries, not {actual_length}",
    "too_long": "takes at most {max_length} entries, not {actual_length}",
    "string_pattern_mismatch": "is no name that can be used here",
}


def check(
    document: Document, model: type[M], value: Any = None, at: Path = ()
) -> tuple[M | None, list[Problem]]:
    """The value of `document` (or a part of it that stands at path `at`) as `model`, or its problems."""
    subject = document.value if value is None else value
    try:
        return model.model_validate(subject), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in details:
        by_path.setdefault(_real_steps(subject, detail["loc"]), []).append(detail)
    return None, [
        _problem(document, model, path, found, at)
        for path, found in by_path.items()
        if not _said_deeper(path, found, by_path)
    ]


def _real_steps(subject: Any, loc: tuple[int | str, ...]) -> Path:
    """The place that was meant: pydantic's locations also name the members of a union, files do not."""
    path: list[int | str] = []
    for step in loc:
        if isinstance(subject, dict) and step in subject:
            subject = subject[str(step)]
        elif isinstance(subject, list) and isinstance(step, int) and step < len(subject):
            subject = subject[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _said_deeper(path: Path, found: list[ErrorDetails], by_path: Mapping[Path, object]) -> bool:
    """Another member of the union fits better and is wrong only further inside: that problem is the one."""
    if any(detail["type"] not in _TYPES for detail in found):
        return False
    return any(len(other) > len(path) and other[: len(path)] == path for other in by_path)


def _problem(
    document: Document, model: type[BaseModel], path: Path, found: list[ErrorDetails], at: Path
) -> Problem:
    detail = found[0]
    kind, given, hint = detail["type"], detail["input"], ""
    if kind == "extra_forbidden":
        word = str(detail["loc"][-1])
        known = sorted(_keys_at(model, path[:-1]))
        message = f"unknown key '{word}'"
        hint = wide_sign(word) or did_you_mean(word, known) or f"known here: {', '.join(known)}"
    elif kind == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
        message = f"{_shown(given)} is not one of {expected}"
        hint = did_you_mean(str(given), words)
        if not isinstance(given, str) and str(given) in words:
            hint = f'put it in quotes: "{given}"'
    elif kind == "missing":
        message = "; ".join(f"the key '{each['loc'][-1]}' is required" for each in found)
    elif kind in _TYPES:
        wanted = dict.fromkeys(_TYPES[each["type"]] for each in found if each["type"] in _TYPES)
        message = f"must be {' or '.join(wanted)}, not {_shown(given)}"
        hint = _retyped(given, wanted)
    elif kind in _LIMITS:
        limits = detail.get("ctx", {})
        message = f"{_shown(given)} {_LIMITS[kind].format(**limits)}"
        if limits.get("min_length") == 1:
            message = f"{_shown(given)} must not be empty"
        hint = _form(str(limits.get("pattern", "")))
    else:
        message = detail["msg"].removeprefix("Value error, ")
    return document.problem_at((*at, *path), message, hint)


def _form(pattern: str) -> str:
    """In words what ^[a-z][a-z0-9_-]{0,47}$ asks for; empty for other forms."""
    match = re.fullmatch(r"\^\[([^]]+)\]\[([^]]+)\]\{\d+,(\d+)\}\$", pattern)
    if match is None:
        return ""
    signs = [word for part, word in _SIGNS.items() if part in match[2].removeprefix("a-z")]
    begins = "a letter or digit" if "0-9" in match[1] else "a letter"
    known = ", ".join(["small letters", *signs])
    return f"use {known}; it begins with {begins} and has at most {int(match[3]) + 1} characters"


def _retyped(given: Any, wanted: Mapping[str, Any]) -> str:
    """How to write the same as what was wanted; empty if there is no saying."""
    if "true or false" in wanted and isinstance(given, str) and given.lower() in _BOOLEANS:
        return f"write {_BOOLEANS[given.lower()]}"
    if "text" in wanted and "a number" not in wanted and isinstance(given, bool | int | float):
        bare = _shown(given).strip("'")
        return f'put it in quotes: "{bare}"'
    return ""


def _shown(given: Any) -> str:
    """What stands in the file, short enough for one line."""
    if isinstance(given, dict | list):
        return "a mapping" if isinstance(given, dict) else "a list"
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "nothing"}[given]
    text = str(given)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _keys_at(model: type[BaseModel], path: Path) -> set[str]:
    models = {model}
    for step in path:
        if isinstance(step, int):
            continue
        below = [annotation for each in models for annotation in _field(each, step)]
        inner = {found for annotation in below for found in _models_in(annotation)}
        models = inner or models
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _field(model: type[BaseModel], key: str) -> list[Any]:
    return [field.annotation for name, field in model.model_fields.items() if key in (name, field.alias)]


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    if typing.get_origin(annotation) is not None or isinstance(annotation, types.UnionType):
        return {found for part in typing.get_args(annotation) for found in _models_in(part)}
    return set()

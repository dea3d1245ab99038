"""Plain values against a pydantic model: every problem at once, each with its place and a suggestion."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from foretell.authored.document import Document, Path
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

_WORDING = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "string_type": "must be text",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
}


def check(document: Document, model: type[M], value: Any = None, at: Path = ()) -> tuple[M | None, list[Problem]]:
    """The value of `document` (or a part of it that stands at path `at`) as `model`, or its problems."""
    subject = document.value if value is None else value
    try:
        return model.model_validate(subject), []
    except ValidationError as error:
        return None, [_problem(document, model, detail, at) for detail in error.errors(include_url=False)]


def _problem(document: Document, model: type[BaseModel], detail: ErrorDetails, at: Path) -> Problem:
    kind = detail["type"]
    path = (*at, *(step for step in detail["loc"] if not _is_branch(step)))
    message = _WORDING.get(kind, detail["msg"].removeprefix("Value error, "))
    hint = ""
    if kind == "extra_forbidden":
        known = sorted(_keys_at(model, detail["loc"][:-1]))
        word = str(detail["loc"][-1])
        message = f"unknown key '{word}'"
        hint = did_you_mean(word, known) or f"known here: {', '.join(known)}"
    elif kind == "literal_error":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        message = f"'{detail['input']}' is not one of {expected}"
        hint = did_you_mean(str(detail["input"]), [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")])
    elif kind == "missing":
        message = f"the key '{detail['loc'][-1]}' is required"
        path = path[:-1]
    elif kind in _WORDING:
        message = f"{message}, not {detail['input']!r:.60}"
    return document.problem_at(path, message, hint)


def _is_branch(step: object) -> bool:
    """Union members name themselves in pydantic's locations; a person's file has no such step."""
    return isinstance(step, str) and ("[" in step or step in {"str", "float", "int", "bool", "Text"})


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    models = {model}
    for step in loc:
        if isinstance(step, int) or _is_branch(step):
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

"""Limits by name: a rule says `$hot` and what it is; site, place or device may move it within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from foretell.authored.document import Document, Path
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import QuantityError, convert, convert_rate, parse_unit, split

_NAME = re.compile(r"\$([a-z][a-z0-9_]*)\Z")
_RATE = re.compile(r"/\s*(?:ms|s|min|h|d|w)\s*\Z")
_SIGMA = re.compile(r"\s*sigma\s*\Z")


class Named(NamedTuple):
    """A named limit in force: its name, and the text that stands for it."""

    name: str
    text: str
    value: Any


def named_limits(document: Document, moved: Mapping[str, Any]) -> tuple[tuple[Named, ...], list[Problem]]:
    """The named limits of a rule's document, those in `moved` in place of what the file says."""
    given = document.value.get("limits") if isinstance(document.value, dict) else None
    found: list[Named] = []
    problems: list[Problem] = []
    for name, body in given.items() if isinstance(given, dict) else ():
        if not isinstance(body, dict) or "value" not in body:
            continue  # the model says so, with its place
        value = moved.get(name, body["value"])
        wrong = out_of_bounds(value, body.get("between"))
        if wrong:
            problems.append(document.problem_at(("limits", name), wrong))
        found.append(Named(name, str(value), value))
    return tuple(found), problems


def out_of_bounds(value: Any, between: Any) -> str:
    """Why a limit may not have this value; empty if it may."""
    if not isinstance(between, list) or len(between) != 2:
        return ""
    try:
        _, unit = split(between[0])
        low, high = _number(between[0], unit), _number(between[1], unit)
        number = _number(value, unit)
    except QuantityError as error:
        return str(error)
    if low > high:
        return "'between' names the lower bound first"
    if not low <= number <= high:
        return f"'{value}' lies outside of what the rule allows: {between[0]} to {between[1]}"
    return ""


def _number(value: Any, unit: str) -> float:
    if isinstance(value, str) and _RATE.search(value):
        return convert_rate(value, unit.rpartition("/")[0])
    number, own = split(value)
    if _SIGMA.match(unit or "") or _SIGMA.match(own):
        if unit != own:
            raise QuantityError(f"'{value}' cannot be compared with a limit in {unit or 'plain numbers'}")
        return number
    if unit and not own:
        raise QuantityError(f"'{value}' needs a unit, as the bounds of this limit have one")
    if parse_unit(own).dimensionality != parse_unit(unit).dimensionality:
        raise QuantityError(f"'{value}' has another unit than the bounds of this limit")
    return convert(value, unit)


def fill(document: Document, named: tuple[Named, ...]) -> tuple[Any, list[Problem]]:
    """The document's value with every `$name` replaced; the names themselves stay where they are defined."""
    values = {each.name: each.value for each in named}
    problems: list[Problem] = []

    def filled(value: Any, at: Path) -> Any:
        if isinstance(value, dict):
            return {key: filled(each, (*at, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each, (*at, index)) for index, each in enumerate(value)]
        match = _NAME.match(value) if isinstance(value, str) else None
        if match is None:
            return value
        if match[1] not in values:
            hint = did_you_mean(match[1], values) or "define it under 'limits'"
            problems.append(document.problem_at(at, f"unknown limit '{value}'", hint))
        return values.get(match[1], value)

    if not isinstance(document.value, dict):
        return document.value, problems
    whole = {
        key: each if key in ("limits", "tests", "title") else filled(each, (key,))
        for key, each in document.value.items()
    }
    return whole, problems

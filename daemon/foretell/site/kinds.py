"""A kind of device and the catalogue of its signals (`sensors/<kind>/kind.yaml`)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from foretell.authored.document import Document, read
from foretell.authored.problems import Problem
from foretell.authored.quantity import QuantityError, parse_unit
from foretell.authored.validate import Strict, Text, check

SignalType = Literal["gauge", "counter", "state", "event"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
ONLINE, REJECTED, CLOCK_SKEW, CHILDREN_OFFLINE = "online", "rejected", "clock_skew", "children_offline"
REASONS = (
    "wrong_type", "out_of_range", "unknown_value", "no_time", "bad_time", "clock_skew", "not_json",
    "no_signal", "too_deep",
)  # fmt: skip
"""Why something that a device said could not be used: the words of `rejected`."""


class Signal(NamedTuple):
    """One named quantity of a kind. `unit` is pint's spelling; `low` and `high` bound what is physical."""

    name: str
    type: SignalType
    unit: str
    low: float
    high: float
    values: tuple[str, ...]
    part: str
    title: Text | None

    @property
    def numeric(self) -> bool:
        return self.type in ("gauge", "counter")


class Kind(NamedTuple):
    """A class of device: `elevator`, `lighting`, `access`."""

    name: str
    title: Text
    signals: dict[str, Signal]


class SignalModel(Strict):
    """A signal: gauge (a measured value), counter (only grows), state (one of values), event (happens)."""

    type: SignalType
    unit: str = ""
    range: tuple[float, float] | None = Field(default=None, strict=False)
    values: list[str] = Field(default=[], max_length=64)
    part: Name | None = Field(default=None, description="what the value belongs to: a floor, a channel")
    title: Text | None = None


class KindModel(Strict):
    """The catalogue of a kind's signals."""

    title: Text
    signals: dict[Name, SignalModel] = Field(min_length=1, max_length=200)


_INF = float("inf")
BUILT_IN = {
    signal.name: signal
    for signal in (
        Signal(ONLINE, "state", "", 0.0, 0.0, (ONLINE, "offline"), "", Text(en="Online", zh="在线")),
        Signal(REJECTED, "event", "", 0.0, 0.0, REASONS, "", Text(en="Unusable value", zh="无法使用的数据")),
        Signal(CLOCK_SKEW, "gauge", "s", -_INF, _INF, (), "", Text(en="Clock ahead by", zh="时钟偏快")),
        Signal(
            CHILDREN_OFFLINE, "gauge", "percent", 0.0, 100.0, (), "",
            Text(en="Devices behind it that are offline", zh="下属设备离线比例"),
        ),
    )
}  # fmt: skip
"""The signals that every device has, of whatever kind: how it is heard, not what it says."""

ANY = Kind("any", Text(en="Any device", zh="任何设备"), BUILT_IN)


def read_kind(name: str, text: str, file: str) -> tuple[Kind | None, list[Problem]]:
    """One kind from the text of its file. Every kind has the built-in signals, too."""
    document, problems = read(text, file)
    if problems:
        return None, problems
    model, problems = check(document, KindModel)
    if model is None:
        return None, problems
    signals = dict(BUILT_IN)
    for key, body in model.signals.items():
        problems += _signal_problems(document, key, body)
        low, high = body.range or (float("-inf"), float("inf"))
        unit = "" if problems else body.unit
        words = tuple(body.values)
        signals[key] = Signal(key, body.type, unit, low, high, words, body.part or "", body.title)
    return (None if problems else Kind(name, model.title, signals)), problems


def _signal_problems(document: Document, key: str, body: SignalModel) -> list[Problem]:
    found = []
    at = ("signals", key)
    if key in BUILT_IN:
        found.append(document.problem_at(at, f"'{key}' is built in: every device has it, whatever its kind"))
    if body.type == "state" and not body.values:
        found.append(document.problem_at(at, "a state needs 'values': the words it can take"))
    if body.type in ("state", "event") and (body.unit or body.range):
        found.append(document.problem_at(at, f"a {body.type} has no unit and no range"))
    if body.range and body.range[0] >= body.range[1]:
        found.append(document.problem_at((*at, "range"), "the lower end must stand before the upper end"))
    try:
        parse_unit(body.unit)
    except QuantityError as error:
        found.append(document.problem_at((*at, "unit"), str(error)))
    return found

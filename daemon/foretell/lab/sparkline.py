"""A test as a few lines of text: what the signal did, where it was beyond its limit, when the rule opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from foretell.engine.facts import OFFLINE, ONLINE, Value
from foretell.engine.levels import Level
from foretell.engine.rule import Rule
from foretell.lab.series import Sent, Series

WIDTH = 60
LINES_MAX = 4
"""Signals drawn of one test; further ones are only counted."""

BARS = "▁▂▃▄▅▆▇█"
BEYOND, WITHIN, GAP = "━", "·", " "
OPENED, CLEARED, BOTH = "▲", "▽", "◆"


class _Words(NamedTuple):
    """What stands beside a drawing."""

    to: str = "to"
    above: str = "above"
    below: str = "below"
    outside: str = "outside"
    either: str = " or "
    comma: str = ", "
    offline: str = "offline"
    opened: str = "opened"
    cleared: str = "cleared"
    both: str = "opened and cleared"
    more: str = "and {} more"


_WORDS = {
    "en": _Words(),
    "zh": _Words(
        "至", "高于", "低于", "不在范围内：", "或", "，", "离线", "触发", "解除", "触发并解除", "另有 {} 条"
    ),
}  # fmt: skip
LANGUAGES = tuple(_WORDS)


def sparkline(values: Sequence[Value | None], words: Sequence[str] = ()) -> str:
    """A character for each value, low to high; a word by its place in `words`; a space for none."""
    numbers = [_height(value, words) for value in values]
    known = [number for number in numbers if number is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = high - low
    steps = len(BARS) - 1
    return "".join(
        GAP if number is None else BARS[round((number - low) / span * steps) if span > 0.0 else 0]
        for number in numbers
    )


def _height(value: Value | None, words: Sequence[str]) -> float | None:
    if isinstance(value, str):
        return float(words.index(value)) if value in words else None
    return value


def draw(
    series: Sequence[Series], rule: Rule, openings: Sequence[tuple[float, float | None]], length: float,
    language: str = "en",
) -> list[str]:  # fmt: skip
    """The lines of a test, each with its limit, and below them where the rule opened and cleared."""
    words = _WORDS[language]
    drawn: list[tuple[str, str, str]] = []
    for line in series[:LINES_MAX]:
        drawn += _line(line, rule, length, words)
    if len(series) > LINES_MAX:
        drawn.append((words.more.format(len(series) - LINES_MAX), "", ""))
    marks = _marks(openings, length)
    if marks.strip():
        drawn.append(("", marks, _legend(marks, words)))
    widest = max((len(name) for name, _, _ in drawn), default=0)
    return [f"{name:<{widest}}  {text:<{WIDTH}}  {note}".rstrip() for name, text, note in drawn]


def _line(line: Series, rule: Rule, length: float, words: _Words) -> list[tuple[str, str, str]]:
    name = f"{line.device} {line.signal.name}" + (f"@{line.part}" if line.part else "")
    sent = [each for each in line.sent if each.signal == line.signal.name]
    known = line.signal.values or tuple(
        dict.fromkeys(each.value for each in sent if isinstance(each.value, str))
    )
    columns = _columns(sent, length, line.signal.type == "event")
    used = [word for word in known if any(each.value == word for each in sent)]
    numbers = [each.value for each in sent if isinstance(each.value, float)]
    if numbers:
        unit = f" {line.signal.unit}" if line.signal.unit else ""
        note = f"{min(numbers):.4g} {words.to} {max(numbers):.4g}{unit}"
    else:
        note = ", ".join(f"{mark} {word}" for mark, word in zip(sparkline(used, used), used, strict=True))
    rows = [(name, sparkline(columns, used), note)]
    rows += [_limit(level, columns, words) for level in _levels(rule, line.signal.name)]
    gone = [each for each in line.sent if each.signal == ONLINE and each.value == OFFLINE]
    if gone and line.signal.name != ONLINE:
        rows.append(("", _ticks([each.at for each in gone], length, "×"), f"× {words.offline}"))
    return rows


def _columns(sent: Sequence[Sent], length: float, momentary: bool) -> list[Value | None]:
    """The last value of each column; a value without an end of its own stands until the next one."""
    columns: list[Value | None] = [None] * WIDTH
    ordered = sorted(sent, key=lambda reading: reading.at)
    for each in ordered:
        columns[_column(each.at, length)] = each.value
    if momentary:
        return columns
    for each, after in zip(ordered, [*ordered[1:], None], strict=True):
        end = min(each.at + each.holds, length if after is None else after.at)
        for column in range(_column(each.at, length) + 1, _column(end, length) + 1):
            if columns[column] is None:
                columns[column] = each.value
    return columns


def _column(at: float, length: float) -> int:
    return min(int(at / length * WIDTH), WIDTH - 1) if length > 0.0 else 0


def _levels(rule: Rule, signal: str) -> list[Level]:
    return [each for each in rule.conditions if isinstance(each, Level) and each.signal == signal]


def _limit(level: Level, columns: Sequence[Value | None], words: _Words) -> tuple[str, str, str]:
    """Where the value was beyond its limit."""
    text = "".join(GAP if value is None else BEYOND if level.test(value) else WITHIN for value in columns)
    unit = f" {level.unit}" if level.unit else ""
    if level.states:
        return "", text, f"{BEYOND} {words.either.join(level.states)}"
    if level.outside:
        return "", text, f"{BEYOND} {words.outside} {level.below:g} {words.to} {level.above:g}{unit}"
    over = level.above is not None
    side, limit = (words.above, level.above) if over else (words.below, level.below)
    return "", text, f"{BEYOND} {side} {limit:g}{unit}"


def _marks(openings: Sequence[tuple[float, float | None]], length: float) -> str:
    marks = [GAP] * WIDTH
    for opened, cleared in openings:
        for at, mark in ((opened, OPENED), (cleared, CLEARED)):
            if at is not None:
                column = _column(max(at, 0.0), length)
                marks[column] = mark if marks[column] in (GAP, mark) else BOTH
    return "".join(marks)


def _ticks(ats: Sequence[float], length: float, mark: str) -> str:
    columns = {_column(at, length) for at in ats}
    return "".join(mark if column in columns else GAP for column in range(WIDTH))


def _legend(marks: str, words: _Words) -> str:
    said = {OPENED: words.opened, CLEARED: words.cleared, BOTH: words.both}
    return words.comma.join(f"{mark} {word}" for mark, word in said.items() if mark in marks)

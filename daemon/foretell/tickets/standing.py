"""Where a rule stands for a device: what the engine tells of a watch, with words, margins and reasons.

Plain values in, plain values out: for the command line and for programs alike. Times are Unix seconds and
their keys are `at`, `since` or end in `_at`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from foretell.engine.facts import ONLINE
from foretell.engine.peering import threshold
from foretell.engine.rule import Rule
from foretell.site.kinds import Kind
from foretell.tickets.wording import about, number, quantity, sentence, spell_rate

OFFLINE, NEVER_HEARD, GONE, WARMING_UP, TOO_LITTLE = (
    "offline", "never_heard", "gone", "warming_up", "too_little",
)  # fmt: skip
UNKNOWN_WHY = {
    OFFLINE: ("the device is offline", "设备离线"),
    NEVER_HEARD: ("it was never heard", "从未收到数据"),
    GONE: ("what was heard last no longer holds", "最后一次数据已过期"),
    WARMING_UP: ("it is still learning", "仍在学习"),
    TOO_LITTLE: ("too little was heard to tell", "数据不足，尚不能判断"),
}
"""Why a clause is unknown, in both languages."""

_DIRECT = ("above", "below", "outside", "rate")
_COUNTED = ("count", "flapping", "then", "used")


def standing(told: Mapping[str, Any], kind: Kind | None, rule: Rule | None) -> dict[str, Any]:
    """One watch, as `Engine.explain` tells of it; `rule` is the one that it follows, for its hours."""
    held_back = told["held_back"]
    pending = told["state"] == "pending" and told["paused_at"] is None and not held_back
    keys = ("rule", "revision", "device", "part", "at", "state", "since", "offline", "paused_at", "withheld")
    return {key: told[key] for key in keys} | {
        "mode": "" if rule is None else rule.mode,
        "holds": told["verdict"],
        "lasting": told["dwell"],
        "opens_at": told["since"] + told["dwell"] if pending else None,
        "held_back": held_back,
        "held_until_at": _awake_at(told, rule),
        "held_by": _held_by(told, kind, rule),
        "limits": told["limits"],
        "tree": tree(told["tree"]),
        "clauses": [_clause(clause, told["offline"], kind) for clause in told["clauses"]],
    }


def tree(node: Any) -> Any:
    """The tree of a rule as JSON: the index of a clause, or {"all": […]}, {"any": […]}, {"not": …}."""
    verb, leaf, below = node
    if verb == "leaf":
        return leaf
    inner = [tree(each) for each in below]
    return {verb: inner[0] if verb == "not" else inner}


def _awake_at(told: Mapping[str, Any], rule: Rule | None) -> float | None:
    """When its hours begin again; None if it is not asleep, or they never do."""
    if told["held_back"] != "asleep" or rule is None or rule.hours is None:
        return None
    return number(rule.hours.next_edge(told["at"]))


def _held_by(told: Mapping[str, Any], kind: Kind | None, rule: Rule | None) -> list[dict[str, Any]]:
    """The entries of `unless` that hold it back: those that are so, or else were so not long enough ago."""
    if told["held_back"] != "inhibited":
        return []
    afters = [each.after for each in rule.unless] if rule else [0.0] * len(told["unless"])
    found = [
        {"entry": index, "after": after, "is_so": guard["verdict"] is True, "text": _both(guard, kind)}
        for index, (guard, after) in enumerate(zip(told["unless"], afters, strict=False))
    ]
    return [each for each in found if each["is_so"]] or [each for each in found if each["after"]]


def _clause(clause: Mapping[str, Any], offline: bool, kind: Kind | None) -> dict[str, Any]:
    verdict = clause["verdict"]
    if offline and not _sees_offline(clause):
        verdict = None
    unknown = _unknown(clause, offline) if verdict is None else ""
    beyond = None if verdict is None else margin(clause)
    en, zh = UNKNOWN_WHY.get(unknown, ("", ""))
    return dict(clause) | {
        "verdict": verdict, "unknown": unknown, "unknown_text": {"en": en, "zh": zh}, "margin": beyond,
        "margin_text": {language: margin_words(clause, beyond, language) for language in ("en", "zh")},
        "text": _both(clause, kind),
    }  # fmt: skip


def _both(clause: Mapping[str, Any], kind: Kind | None) -> dict[str, str]:
    return {language: sentence(clause, kind, language) for language in ("en", "zh")}


def _sees_offline(clause: Mapping[str, Any]) -> bool:
    """Conditions about the link itself stay known while the device is offline."""
    return bool(clause["verb"] == "silent" or clause["signal"] == ONLINE)


def _unknown(clause: Mapping[str, Any], offline: bool) -> str:
    """Why nobody can say whether it holds."""
    if offline and not _sees_offline(clause):
        return OFFLINE
    if clause.get("gone"):
        return GONE
    heard = number(clause.get("at"))
    if heard is None and not clause.get("recent"):
        return NEVER_HEARD
    return WARMING_UP if clause.get("warming_up") else TOO_LITTLE


def margin(clause: Mapping[str, Any]) -> float | None:
    """How far beyond its limit (negative: short of it), in the unit of the limit; None if that says nothing.

    Of a forecast, seconds by which the limit may be reached within the time; of a drift, scales of its sum.
    """
    verb, value, limit = clause["verb"], number(clause.get("value")), number(clause.get("limit"))
    if verb == "forecast":
        left = clause.get("time_left")
        soonest = number(left[0]) if isinstance(left, list | tuple) and left else None
        within = number(clause.get("within"))
        return None if soonest is None or within is None else within - soonest
    if limit is None:
        return None
    if verb in ("peers", "expected") and clause.get("side") != "silence":
        return _deviation_margin(clause, limit)
    if verb == "drift":
        total = number(clause.get("sum"))
        return None if total is None else total - limit
    if value is None:
        return None
    if verb in _DIRECT:
        return math.copysign(abs(value - limit), 1 if clause.get("verdict") else -1)
    return value - limit if verb in _COUNTED else None


def _deviation_margin(clause: Mapping[str, Any], limit: float) -> float | None:
    deviation, sigma = number(clause.get("deviation")), number(clause.get("sigma"))
    usual = number(clause.get("median" if clause["verb"] == "peers" else "expected"))
    if deviation is None or sigma is None or usual is None:
        return None
    out = abs(deviation) if clause.get("side") == "apart" else deviation
    out = -out if clause.get("side") == "down" else out
    return out - threshold(str(clause.get("form")), limit, usual, sigma)


def margin_words(clause: Mapping[str, Any], beyond: float | None, language: str) -> str:
    """The margin in words; empty where there is none."""
    if beyond is None:
        return ""
    verb, size = clause["verb"], abs(beyond)
    if verb == "rate":
        amount = spell_rate(size, clause.get("unit"), language, clause.get("limit"))
    elif verb == "forecast":
        amount = about(size, language)
    else:
        unit = "" if verb in (*_COUNTED, "drift") else clause.get("unit")
        amount = quantity(size, unit, language)
    if language == "zh":
        return f"超出限值 {amount}" if beyond > 0 else f"距限值 {amount}"
    return f"{amount} beyond the limit" if beyond > 0 else f"{amount} short of the limit"

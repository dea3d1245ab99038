"""One message to readings, by its profile. Pure; never raises: what cannot be read becomes a reject."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, NamedTuple

import msgspec

from foretell.engine.facts import Reading, Value
from foretell.intake.profiles import Clock, Extract, Route, canonical

PAYLOAD_MAX_BYTES = 32 * 1024
NAME_MAX = 120

_json = msgspec.json.Decoder()
_ABSENT = object()


class Reject(NamedTuple):
    """Something in a message that could not be used: a short reason to count by, and what exactly."""

    reason: str
    detail: str


class Decoded(NamedTuple):
    """The readings of one message, what of it was rejected, and how far the device's clock is ahead (s)."""

    readings: list[Reading]
    rejects: list[Reject]
    ahead: float | None = None


class Unusable(ValueError):
    """A single value that cannot be used; `reason` is what it is counted by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def decode(route: Route, payload: bytes, arrived: float, retained: bool) -> Decoded:
    """Readings of one message that arrived at `arrived` (Unix seconds)."""
    if len(payload) > PAYLOAD_MAX_BYTES:
        return Decoded([], [Reject("too_large", f"{len(payload)} bytes, at most {PAYLOAD_MAX_BYTES}")])
    if not route.device or len(route.device) > NAME_MAX or not route.device.isprintable():
        return Decoded([], [Reject("bad_device_name", repr(route.device[:NAME_MAX]))])
    if route.liveness:
        return _liveness(route, payload, arrived, retained)
    try:
        body = _json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Decoded([], [Reject("not_json", str(error))])
    except (RecursionError, MemoryError):
        return Decoded([], [Reject("too_deep", "nested too deeply")])
    return _body(route, body, arrived, retained)


def _liveness(route: Route, payload: bytes, arrived: float, retained: bool) -> Decoded:
    words = route.profile.liveness
    said = payload.decode("utf-8", "replace")
    if words is None or said not in (words.online, words.offline):
        return Decoded([], [Reject("unknown_value", f"liveness says {said[:80]!r}")])
    value = "online" if said == words.online else "offline"
    return Decoded(
        [Reading(route.device, route.profile.kind, "online", "", value, arrived, math.inf, retained)], []
    )


def _body(route: Route, body: Any, arrived: float, retained: bool) -> Decoded:
    profile = route.profile
    rejects: list[Reject] = []
    at = arrived
    if profile.clock is not None:
        try:
            at = event_time(profile.clock, body, arrived)
        except Unusable as wrong:
            rejects.append(Reject(wrong.reason, str(wrong)))
    readings: list[Reading] = []
    for extract in profile.extracts:
        raw = _walk(body, extract.steps)
        if raw is _ABSENT or raw is None:
            continue
        try:
            value = _value(extract, raw)
            part = _part(extract, body)
        except Unusable as wrong:
            rejects.append(Reject(wrong.reason, f"{extract.signal.name}: {wrong}"))
            continue
        if value is not None:
            readings.append(
                Reading(
                    route.device, profile.kind, extract.signal.name, part, value, at, profile.holds, retained
                )
            )
    if not readings and not rejects:
        rejects.append(Reject("no_signal", f"none of the fields of {profile.id} is here"))
    return Decoded(readings, rejects, at - arrived if profile.clock is not None and at != arrived else None)


def _walk(body: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(body, dict):
            body = body.get(step if isinstance(step, str) else str(step), _ABSENT)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return _ABSENT
    return body


def _value(extract: Extract, raw: Any) -> Value | None:
    """The value in the signal's unit or words; None if it means 'no value'. Raises Unusable."""
    signal = extract.signal
    if isinstance(raw, dict | list):
        raise Unusable("wrong_type", f"{_shown(raw)} is not a value")
    if extract.missing and canonical(raw) in extract.missing:
        return None
    if signal.numeric:
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise Unusable("wrong_type", f"{_shown(raw)} is not a number")
        try:
            value = float(raw) * extract.scale + extract.offset
        except OverflowError:
            raise Unusable("out_of_range", f"{_shown(raw)} is too large") from None
        if not signal.low <= value <= signal.high or not math.isfinite(value):
            raise Unusable("out_of_range", f"{value:g} {signal.unit} is not physical")
        return value
    word = canonical(raw)
    if extract.words is not None:
        word = extract.words.get(word, word)
    if (signal.values and word not in signal.values) or len(word) > NAME_MAX or not word.isprintable():
        raise Unusable("unknown_value", f"{word[:60]!r}")
    return word


def _shown(raw: Any) -> str:
    """A value for people to read, short, whatever it is."""
    if isinstance(raw, dict | list):
        return "a mapping" if isinstance(raw, dict) else "a list"
    if isinstance(raw, int) and raw.bit_length() > 128:
        return "a huge number"
    return f"{raw!r:.60}"


def _part(extract: Extract, body: Any) -> str:
    if not extract.part_steps:
        return extract.part
    raw = _walk(body, extract.part_steps)
    if raw is _ABSENT or raw is None:
        return ""
    if isinstance(raw, dict | list):
        raise Unusable("wrong_type", "the part is not a word")
    part = canonical(raw)
    if len(part) > 40 or not part.isprintable():
        raise Unusable("wrong_type", f"the part {part[:40]!r} is not a name")
    return part


def event_time(clock: Clock, body: Any, arrived: float) -> float:
    """The device's time in Unix seconds. Raises Unusable when it is absent, unreadable or incredible."""
    raw = _walk(body, clock.steps)
    if raw is _ABSENT or raw is None:
        raise Unusable("no_time", "the field of the time is not here")
    try:
        at = _instant(clock, raw)
    except (ValueError, OverflowError, OSError, TypeError):
        raise Unusable("bad_time", f"{_shown(raw)} is not a time") from None
    if not arrived - clock.behind <= at <= arrived + clock.ahead:
        raise Unusable("clock_skew", f"{at - arrived:+.0f} s from arrival")
    return at


def _instant(clock: Clock, raw: Any) -> float:
    if clock.format == "iso8601":
        if not isinstance(raw, str):
            raise ValueError
        when = dt.datetime.fromisoformat(raw)
        return (when if when.tzinfo else when.replace(tzinfo=clock.zone)).timestamp()
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError
    return float(raw) / (1000.0 if clock.format == "unix_ms" else 1.0)

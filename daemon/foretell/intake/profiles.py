"""How one make of device speaks (`sensors/<kind>/<make>.yaml`): topics, fields, units, clock, cadence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field

from foretell.authored.document import Document, Path, read
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import QuantityError, conversion
from foretell.authored.validate import Duration, Strict, check
from foretell.site.kinds import Kind, Name, Signal

STALE_AFTER = 3.0
"""A value of a device that speaks every so often holds for this many of its intervals."""

_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_TEMPLATE = re.compile(r"[^{}#+\0]*(\{[a-z][a-z0-9_]*\}[^{}#+\0]*)*\Z")
Scalar = str | int | float | bool


class TimeModel(Strict):
    """The device's own clock. Beyond `ahead` or `behind` it is not believed; arrival is used and counted."""

    field: str
    format: Literal["unix", "unix_ms", "iso8601"] = "unix"
    zone: str = "UTC"
    ahead: Duration = 300.0
    behind: Duration = 7 * 86400.0


class LivenessModel(Strict):
    """The topic on which the device, or the broker for it, says whether it is there."""

    topic: str
    online: str = "online"
    offline: str = "offline"


class FieldModel(Strict):
    """Where a signal stands in the payload: `field` for one value, `fields` for one per part."""

    field: str | None = None
    fields: dict[str, str] | None = Field(default=None, min_length=1, max_length=200)
    part: str | None = Field(default=None, description="the field that names the part, such as the floor")
    unit: str | None = None
    map: dict[str, str] | None = None
    missing: list[Scalar] = Field(default=[], description="values that mean 'no value', such as 65535")


class ExampleModel(Strict):
    """A real message and what it must be read as."""

    topic: str
    payload: str
    reads: dict[str, Scalar]


class RecordingModel(Strict):
    """How a row of a recording becomes a message: topic placeholders from columns, rows picked by pattern."""

    columns: dict[str, str] = Field(default={})
    constants: dict[str, str] = Field(default={})
    rows: dict[str, str] = Field(default={})


class ProfileModel(Strict):
    """A profile as an engineer writes it."""

    kind: str
    topic: str
    device: str = "{device}"
    codec: Literal["json"] = "json"
    time: TimeModel | None = None
    every: Duration | None = None
    liveness: LivenessModel | None = None
    signals: dict[Name, FieldModel] = Field(min_length=1, max_length=200)
    examples: list[ExampleModel] = Field(default=[], max_length=50)
    recording: RecordingModel | None = None
    source: Annotated[str | None, Field(description="where the format is documented")] = None


class Extract(NamedTuple):
    """One value to take from a payload: the steps to it, what part it belongs to, how to convert it."""

    signal: Signal
    steps: tuple[str | int, ...]
    part: str
    part_steps: tuple[str | int, ...]
    scale: float
    offset: float
    words: Mapping[str, str] | None
    missing: frozenset[str]


class Clock(NamedTuple):
    """How the device tells the time."""

    steps: tuple[str | int, ...]
    format: str
    zone: ZoneInfo
    ahead: float
    behind: float


class Profile(NamedTuple):
    """A profile, checked against its kind and ready to decode with."""

    id: str
    kind: str
    topic: str
    device: str
    extracts: tuple[Extract, ...]
    clock: Clock | None
    holds: float
    liveness: LivenessModel | None
    examples: tuple[ExampleModel, ...]
    recording: RecordingModel | None


class Route(NamedTuple):
    """What a topic means: which profile speaks there, of which device, and whether it is its liveness."""

    profile: Profile
    device: str
    liveness: bool


def read_profile(
    profile_id: str, text: str, file: str, kinds: Mapping[str, Kind]
) -> tuple[Profile | None, list[Problem]]:
    """One profile from the text of its file."""
    document, problems = read(text, file)
    if problems:
        return None, problems
    model, problems = check(document, ProfileModel)
    if model is None:
        return None, problems
    kind = kinds.get(model.kind)
    if kind is None:
        hint = did_you_mean(model.kind, kinds) or f"known: {', '.join(sorted(kinds))}"
        return None, [document.problem_at(("kind",), f"unknown kind '{model.kind}'", hint)]
    problems += _topic_problems(document, model)
    extracts: list[Extract] = []
    for name, body in model.signals.items():
        found, wrong = _extracts(document, kind, name, body)
        extracts += found
        problems += wrong
    clock, wrong = _clock(document, model.time)
    problems += wrong
    if problems:
        return None, problems
    holds = model.every * STALE_AFTER if model.every else float("inf")
    profile = Profile(
        profile_id, kind.name, model.topic, model.device, tuple(extracts), clock, holds, model.liveness,
        tuple(model.examples), model.recording,
    )  # fmt: skip
    return profile, []


def _topic_problems(document: Document, model: ProfileModel) -> list[Problem]:
    found = []
    topics: list[tuple[Path, str]] = [(("topic",), model.topic)]
    if model.liveness:
        topics.append((("liveness", "topic"), model.liveness.topic))
    for at, topic in topics:
        if not _TEMPLATE.match(topic) or not topic or topic.startswith(("$", "/")):
            found.append(
                document.problem_at(
                    at, f"'{topic}' is not a topic", "placeholders are written {device}, not + or #"
                )
            )
            continue
        holes = _HOLE.findall(topic)
        if any("{" in level and not _HOLE.fullmatch(level) for level in topic.split("/")):
            found.append(
                document.problem_at(
                    at, "a placeholder must fill a whole level of the topic, as in a/{device}/b"
                )
            )
        for hole in _HOLE.findall(model.device):
            if hole not in holes:
                hint = did_you_mean(hole, holes) or f"the topic has: {', '.join(holes) or 'none'}"
                found.append(
                    document.problem_at(
                        at, f"the topic has no placeholder '{{{hole}}}' to name the device", hint
                    )
                )
    if model.liveness and model.liveness.topic == model.topic:
        found.append(
            document.problem_at(("liveness", "topic"), "this is the topic of the readings themselves")
        )
    if model.liveness and model.liveness.online == model.liveness.offline:
        found.append(document.problem_at(("liveness", "offline"), "'online' and 'offline' are the same word"))
    if not _HOLE.search(model.device):
        found.append(
            document.problem_at(("device",), "every device would have the same name", "use '{device}'")
        )
    return found


def _extracts(
    document: Document, kind: Kind, name: str, body: FieldModel
) -> tuple[list[Extract], list[Problem]]:
    at: Path = ("signals", name)
    signal = kind.signals.get(name)
    if signal is None:
        hint = did_you_mean(name, kind.signals) or f"known: {', '.join(sorted(kind.signals))}"
        return [], [document.problem_at(at, f"the kind '{kind.name}' has no signal '{name}'", hint)]
    found: list[Problem] = []
    if (body.field is None) == (body.fields is None):
        found.append(document.problem_at(at, "needs one of 'field' and 'fields'"))
    for key, path in _field_paths(body):
        if not all(path.split(".")):
            found.append(
                document.problem_at((*at, *key), f"'{path}' is not a field", "such as door.close_ms or v[0]")
            )
    if (body.fields or body.part) and not signal.part:
        found.append(document.problem_at(at, f"the signal '{name}' of the kind '{kind.name}' has no parts"))
    scale, offset = 1.0, 0.0
    if body.unit is not None:
        try:
            scale, offset = conversion(body.unit, signal.unit)
        except QuantityError as error:
            found.append(document.problem_at((*at, "unit"), str(error)))
    found += _map_problems(document, signal, body, (*at, "map"))
    words = {_canonical(key): word for key, word in body.map.items()} if body.map else None
    missing = frozenset(_canonical(value) for value in body.missing)
    part_steps = _steps(body.part) if body.part else ()
    wanted = body.fields or {"": body.field or ""}
    extracts = [
        Extract(signal, _steps(field), part, part_steps, scale, offset, words, missing)
        for part, field in wanted.items()
    ]
    return extracts, found


def _field_paths(body: FieldModel) -> list[tuple[Path, str]]:
    """Every path into a payload that is written here, with its place in the file."""
    single = [
        ((key,), path) for key, path in (("field", body.field), ("part", body.part)) if path is not None
    ]
    return [*single, *((("fields", part), path) for part, path in (body.fields or {}).items())]


def _map_problems(document: Document, signal: Signal, body: FieldModel, at: Path) -> list[Problem]:
    if body.map is None:
        return []
    if signal.numeric:
        return [
            document.problem_at(
                at, f"'{signal.name}' is a {signal.type}: it has numbers, not words to map to"
            )
        ]
    found = []
    for key, word in body.map.items():
        if signal.values and word not in signal.values:
            hint = did_you_mean(word, signal.values) or f"known: {', '.join(signal.values)}"
            found.append(document.problem_at((*at, key), f"'{signal.name}' is never '{word}'", hint))
    return found


def _clock(document: Document, model: TimeModel | None) -> tuple[Clock | None, list[Problem]]:
    if model is None:
        return None, []
    try:
        zone = ZoneInfo(model.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(model.zone, available_timezones()) or "such as Asia/Shanghai"
        return None, [document.problem_at(("time", "zone"), f"unknown time zone '{model.zone}'", hint)]
    return Clock(_steps(model.field), model.format, zone, model.ahead, model.behind), []


def _steps(field: str) -> tuple[str | int, ...]:
    """The steps of a field path: "door.close_ms", "readings[0].v"."""
    steps: list[str | int] = []
    for step in re.sub(r"\[(\d+)\]", r".\1", field).split("."):
        steps.append(int(step) if step.isdecimal() and step.isascii() and len(step) < 6 else step)
    return tuple(steps)


def _canonical(value: object) -> str:
    """One spelling for a scalar, whether it came from YAML or JSON: 1, 1.0 and "1" are alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


canonical: Callable[[object], str] = _canonical


class Profiles:
    """All profiles in force, found by topic. What a topic means is worked out once and remembered."""

    CACHE_MAX = 20_000

    def __init__(self, profiles: tuple[Profile, ...] = ()) -> None:
        self.by_id = {profile.id: profile for profile in profiles}
        self._patterns = [
            (_pattern(topic), profile, liveness)
            for profile in profiles
            for topic, liveness in (
                (profile.topic, False),
                *(((profile.liveness.topic, True),) if profile.liveness else ()),
            )
        ]
        self._cache: dict[str, tuple[Route, ...]] = {}

    def filters(self) -> list[str]:
        """The MQTT topic filters to subscribe to, without repetition."""
        topics = [p.topic for p in self.by_id.values()] + [
            p.liveness.topic for p in self.by_id.values() if p.liveness
        ]
        return sorted({topic_filter(topic) for topic in topics})

    def routes(self, topic: str) -> tuple[Route, ...]:
        """What is said on `topic`; empty if no profile speaks there."""
        routes = self._cache.get(topic)
        if routes is None:
            routes = self._find(topic)
            if routes and len(self._cache) < self.CACHE_MAX:
                self._cache[topic] = routes
        return routes

    def _find(self, topic: str) -> tuple[Route, ...]:
        found = []
        for pattern, profile, liveness in self._patterns:
            match = pattern.fullmatch(topic)
            if match:
                holes = match.groupdict()
                device = _HOLE.sub(lambda hole, holes=holes: holes[hole[1]], profile.device)  # type: ignore[misc]
                found.append(Route(profile, device, liveness))
        return tuple(found)


def _pattern(topic: str) -> re.Pattern[str]:
    levels = []
    seen: set[str] = set()
    for level in topic.split("/"):
        hole = _HOLE.fullmatch(level)
        if hole and hole[1] not in seen:
            levels.append(f"(?P<{hole[1]}>[^/]+)")
            seen.add(hole[1])
        else:
            levels.append("[^/]+" if hole else re.escape(level))
    return re.compile("/".join(levels))


def topic_filter(topic: str) -> str:
    """The MQTT topic filter of a profile's topic: a wildcard for each placeholder."""
    return _HOLE.sub("+", topic)


def fill(template: str, values: Mapping[str, str]) -> str:
    """A topic template with its placeholders filled in. Raises KeyError for one that is missing."""
    return _HOLE.sub(lambda hole: values[hole[1]], template)

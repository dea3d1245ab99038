"""A profile's own examples: each is decoded and must read as it says it does."""

from __future__ import annotations

import math

from foretell.authored.document import Path
from foretell.authored.problems import did_you_mean
from foretell.authored.quantity import QuantityError, convert
from foretell.engine.facts import Value
from foretell.intake.decode import decode
from foretell.intake.profiles import ExampleModel, Profile, Profiles, Scalar
from foretell.site.kinds import Kind

Found = tuple[Path, str, str]
"""Where in the list of examples, what is wrong, and a hint."""


def example_problems(profile: Profile, kind: Kind) -> list[Found]:
    """What is wrong with the examples of `profile`."""
    timeless = Profiles((profile._replace(clock=None),))  # an example may be as old as it likes
    found: list[Found] = []
    for index, example in enumerate(profile.examples):
        routes = timeless.routes(example.topic)
        if not routes:
            topics = [profile.topic, *([profile.liveness.topic] if profile.liveness else [])]
            hint = f"it speaks on {' and '.join(topics)}"
            found.append(((index, "topic"), f"'{example.topic}' is not a topic of this profile", hint))
            continue
        decoded = decode(routes[0], example.payload.encode(errors="replace"), 0.0, retained=False)
        got = {f"{r.signal} {r.part}".strip(): r.value for r in decoded.readings}
        found += [((index, *path), message, hint) for path, message, hint in _differences(example, got, kind)]
        found += [
            ((index, "payload"), _spelt(reject.reason, reject.detail), "") for reject in decoded.rejects
        ]
    return found


def _spelt(reason: str, detail: str) -> str:
    return f"{reason.replace('_', ' ')}: {detail}"


def _differences(example: ExampleModel, got: dict[str, Value], kind: Kind) -> list[Found]:
    found: list[Found] = []
    for name, expected in example.reads.items():
        if name not in got:
            hint = did_you_mean(name, got) or f"what is read: {', '.join(sorted(got)) or 'nothing'}"
            found.append((("reads", name), f"'{name}' is not read from this payload", hint))
        elif not _alike(got[name], expected, kind.signals[name.split()[0]].unit):
            value = _valued(got[name], kind.signals[name.split()[0]].unit)
            found.append((("reads", name), f"'{name}' reads as {value}, not {expected}", ""))
    meant = {name for name in got for _, _, hint in found if f"'{name}'" in hint}
    unexpected = sorted(set(got) - set(example.reads) - meant)
    if unexpected:
        values = ", ".join(
            f"{name}: {_valued(got[name], kind.signals[name.split()[0]].unit)}" for name in unexpected
        )
        found.append((("reads",), "more is read from this payload than is stated here", values))
    return found


def _valued(value: Value, unit: str) -> str:
    return value if isinstance(value, str) else f"{value:.6g} {unit}".strip()


def _alike(value: Value, expected: Scalar, unit: str) -> bool:
    if isinstance(value, str):
        return value == str(expected)
    try:
        return math.isclose(value, convert(expected, unit), rel_tol=1e-6, abs_tol=1e-9)
    except QuantityError:
        return False

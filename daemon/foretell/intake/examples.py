"""A profile's own examples: each is decoded and must read as it says it does."""

from __future__ import annotations

import math

from foretell.authored.quantity import QuantityError, convert
from foretell.engine.facts import Value
from foretell.intake.decode import decode
from foretell.intake.profiles import ExampleModel, Profile, Profiles, Scalar
from foretell.site.kinds import Kind


def example_problems(profile: Profile, kind: Kind) -> list[tuple[int, str]]:
    """What is wrong with the examples of `profile`: (index of the example, message)."""
    timeless = Profiles((profile._replace(clock=None),))  # an example may be as old as it likes
    found = []
    for index, example in enumerate(profile.examples):
        routes = timeless.routes(example.topic)
        if not routes:
            found.append((index, f"the topic '{example.topic}' is not one of this profile"))
            continue
        decoded = decode(routes[0], example.payload.encode(), 0.0, retained=False)
        got = {f"{r.signal} {r.part}".strip(): r.value for r in decoded.readings}
        found += [(index, message) for message in _differences(example, got, kind)]
        found += [(index, f"{reject.reason}: {reject.detail}") for reject in decoded.rejects]
    return found


def _differences(example: ExampleModel, got: dict[str, Value], kind: Kind) -> list[str]:
    found = []
    for name, expected in example.reads.items():
        if name not in got:
            found.append(f"'{name}' is not read; what is read: {', '.join(sorted(got)) or 'nothing'}")
        elif not _alike(got[name], expected, kind.signals[name.split()[0]].unit):
            found.append(f"'{name}' reads as {got[name]}, not {expected}")
    unexpected = sorted(set(got) - set(example.reads))
    if unexpected:
        found.append(f"also read, but not stated: {', '.join(unexpected)}")
    return found


def _alike(value: Value, expected: Scalar, unit: str) -> bool:
    if isinstance(value, str):
        return value == str(expected)
    try:
        return math.isclose(value, convert(expected, unit), rel_tol=1e-6, abs_tol=1e-9)
    except QuantityError:
        return False

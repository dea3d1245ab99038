"""Every value that goes into the engine or comes out of it."""

from __future__ import annotations

from typing import Any, NamedTuple

Value = float | str
Verdict = bool | None
"""True, false or unknown (None)."""

TICK = 1e-6
"""The smallest step of time, in seconds: a deadline fires just after its instant, never at it."""

NEVER = float("inf")

RECENT = 8
"""Readings kept with each condition, so that a change can show what it was judged on."""

PARTS_MAX = 200
"""Parts of one device that are remembered apart."""

ONLINE, OFFLINE = "online", "offline"
"""The signal that every device has, which is also its good word; and its bad word."""

CHILDREN_OFFLINE = "children_offline"
"""The share, in percent, of the listed devices behind this one that are offline; every device has it."""

MISBEHAVES = "rule-misbehaves"
"""The failure mode of a rule that opens more than its daily budget; such a change names no device's fault."""

OPENED, NEWS, CLEARED, LOST_SIGHT = "opened", "news", "cleared", "lost_sight"


class Reading(NamedTuple):
    """One value of one signal of one device.

    `at` is the event time (Unix seconds), `holds` how long the value may be taken as current (seconds,
    infinite for what speaks only on change), `retained` that the broker kept it: a state, never an edge.
    """

    device: str
    kind: str
    signal: str
    part: str
    value: Value
    at: float
    holds: float = float("inf")
    retained: bool = False


class Change(NamedTuple):
    """What the engine says about one watch, or (device kind `rule`) about a rule that opens too much.

    `number` counts the engine's changes from 1 without a gap: whoever applies them can tell what was
    already applied. `at` is event time, `noticed` the arrival clock; both Unix seconds. `reason` says why
    in one step, `evidence` where each clause of the rule stood. A change in the mode `shadow` bothers nobody.
    """

    number: int
    kind: str
    rule: str
    revision: str
    device: str
    device_kind: str
    part: str
    failure_mode: str
    since: float
    at: float
    noticed: float
    reason: dict[str, Any]
    evidence: tuple[dict[str, Any], ...]
    mode: str = "live"

"""The life of a ticket, in one table. What is not in it is not allowed."""

from __future__ import annotations

OPEN, ACKNOWLEDGED, FIXED, CLOSED = "open", "acknowledged", "fixed", "closed"
STATES = (OPEN, ACKNOWLEDGED, FIXED, CLOSED)
LIVE = (OPEN, ACKNOWLEDGED, FIXED)

HOLDING, CLEARED, UNKNOWN = "holding", "cleared", "unknown"
"""The condition's own state, shown beside the ticket's."""

MOVES: dict[tuple[str, str], str] = {
    (OPEN, "acknowledge"): ACKNOWLEDGED,
    (OPEN, "fix"): FIXED,
    (ACKNOWLEDGED, "fix"): FIXED,
    (OPEN, "close"): CLOSED,
    (ACKNOWLEDGED, "close"): CLOSED,
    (FIXED, "close"): CLOSED,
    (FIXED, "reopen"): OPEN,
    (CLOSED, "reopen"): OPEN,
}

OUTCOMES = ("confirmed", "no_fault_found", "rule_wrong", "sensor_wrong", "already_fixed", "duplicate")
"""What a person found. A ticket that nobody touched and whose condition cleared ends as CLEARED_ITSELF."""

CLEARED_ITSELF = "cleared_itself"
REPAIRED = ("confirmed", "already_fixed")
"""Outcomes that say the device was repaired, whether or not the fix was noted on its own."""

NOT_REOPENED = ("rule_wrong", "sensor_wrong", "duplicate")
"""After these a new finding is a new ticket: the old one was about something else."""


class NotAllowed(Exception):
    """The act does not fit the ticket's state; the message says what would."""


def move(state: str, act: str) -> str:
    """The state after `act`. Raises NotAllowed."""
    after = MOVES.get((state, act))
    if after is None:
        allowed = sorted(verb for from_state, verb in MOVES if from_state == state and verb != "reopen")
        can = ", ".join(allowed) or "only be reopened by its rule"
        raise NotAllowed(f"a ticket that is {state} cannot {act}; it can {can}")
    return after

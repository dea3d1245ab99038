"""The life of a ticket, as a table: what is not in it is refused, and says what would be allowed."""

from __future__ import annotations

import itertools

import pytest

from foretell.tickets.lifecycle import ACKNOWLEDGED, CLOSED, FIXED, MOVES, OPEN, STATES, NotAllowed, move

VERBS = ("acknowledge", "fix", "close", "reopen")
ALLOWED = {
    (OPEN, "acknowledge"): ACKNOWLEDGED,
    (OPEN, "fix"): FIXED,
    (OPEN, "close"): CLOSED,
    (ACKNOWLEDGED, "fix"): FIXED,
    (ACKNOWLEDGED, "close"): CLOSED,
    (FIXED, "close"): CLOSED,
    (FIXED, "reopen"): OPEN,
    (CLOSED, "reopen"): OPEN,
}


@pytest.mark.parametrize(("state", "verb"), [*itertools.product(STATES, VERBS)])
def test_a_move_is_in_the_table_or_refused(state: str, verb: str) -> None:
    if (state, verb) in ALLOWED:
        assert move(state, verb) == ALLOWED[state, verb]
    else:
        with pytest.raises(NotAllowed, match=f"a ticket that is {state} cannot {verb}; it can "):
            move(state, verb)


def test_a_refusal_says_what_would_be_allowed() -> None:
    with pytest.raises(NotAllowed, match=r"cannot acknowledge; it can close, fix$"):
        move(ACKNOWLEDGED, "acknowledge")
    with pytest.raises(NotAllowed, match="only be reopened by its rule"):
        move(CLOSED, "fix")


def test_every_state_can_be_left_and_reached() -> None:
    assert {state for state, _ in MOVES} == set(STATES) == set(MOVES.values())

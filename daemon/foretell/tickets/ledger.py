"""The ledger: changes are applied to tickets, each exactly once, in one transaction; people's acts beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from foretell.engine.facts import CLEARED, LOST_SIGHT, NEWS, OPENED, Change
from foretell.tickets import lifecycle, policy
from foretell.tickets.lifecycle import ACKNOWLEDGED, CLOSED, FIXED, LIVE, OPEN, NotAllowed
from foretell.tickets.policy import Desk
from foretell.tickets.priority import SAFETY
from foretell.tickets.reports import OWNER_REPORT, Reports, faults, leads, who_was_first
from foretell.tickets.store import open_store, prepare, transaction
from foretell.tickets.tables import act, applied, event, holding, ticket

MACHINE = "foretell"
LIST_MAX = 1_000
LIVE_MODE = "live"


class Act(NamedTuple):
    """A person's act that the engine must know of: a repair, or maintenance `until` then (Unix seconds)."""

    id: int
    device: str
    part: str
    failure_mode: str
    until: float | None = None


class Ledger:
    """All tickets of a site. Every method blocks: the daemon writes in one thread of its own, others look."""

    def __init__(self, path: Path, *, write: bool = True) -> None:
        self._engine = open_store(path, write=write)
        try:
            prepare(self._engine, path, write=write)
        except BaseException:
            self._engine.dispose()
            raise
        # Whoever only looks must not hold up the one who writes.
        self._reader = open_store(path, write=False) if write else self._engine
        self.reports = Reports(self._engine, self._reader)

    def close(self) -> None:
        self._reader.dispose()
        self._engine.dispose()

    # -- what the machine does ----------------------------------------------------------------------

    def record(self, changes: Sequence[Change], position: int, desk: Desk) -> int:
        """Apply changes not yet applied, and note how far we are; how many were new."""
        with transaction(self._engine) as db:
            through = db.execute(sa.select(applied.c.change_number)).scalar_one()
            fresh = [change for change in changes if change.number > through]
            for change in fresh:
                self._apply(db, change, desk)
            if fresh:
                db.execute(applied.update().values(change_number=fresh[-1].number, journal_position=position))
        return len(fresh)

    def applied_through(self) -> tuple[int, int]:
        """Number of the last change applied, and the journal position it came with."""
        with self._reader.connect() as db:
            row = db.execute(sa.select(applied.c.change_number, applied.c.journal_position)).one()
        return row[0], row[1]

    def _apply(self, db: sa.Connection, change: Change, desk: Desk) -> None:
        if change.kind == OPENED:
            self._opened(db, change, desk)
            return
        row = self._held_by(db, change)
        if row is None:
            return  # a person closed it meanwhile: the condition goes its own way
        if change.kind == CLEARED:
            self._cleared(db, row, change)
        else:
            condition = lifecycle.UNKNOWN if change.kind == LOST_SIGHT else lifecycle.HOLDING
            values: dict[str, Any] = {"condition": condition}
            if change.kind == NEWS and change.reason["why"] in ("worse", "budget"):
                values["texts"] = policy.texts(change, desk)
                anew = _judged(change, desk)
                values |= anew | {"due_at": min(row.due_at, anew["due_at"])}  # never put off by the machine
            _update(db, row.id, **values)
            _add_event(db, row.id, change.kind, change)

    def _opened(self, db: sa.Connection, change: Change, desk: Desk) -> None:
        key = (
            ticket.c.device == change.device,
            ticket.c.part == change.part,
            ticket.c.failure_mode == change.failure_mode,
            ticket.c.mode == change.mode,
        )
        row = db.execute(sa.select(ticket).where(*key, ticket.c.state.in_(LIVE))).first()
        kind = "joined"
        if row is None:
            row = db.execute(
                sa.select(ticket)
                .where(
                    *key,
                    ticket.c.state == CLOSED,
                    ticket.c.closed_at >= change.noticed - policy.REOPEN_WITHIN,
                )
                .where(ticket.c.outcome.not_in(lifecycle.NOT_REOPENED))
                .order_by(ticket.c.closed_at.desc())
            ).first()
        if row is None:
            ticket_id = self._new(db, change, desk)
            kind = OPENED
        else:
            ticket_id = row.id
            values: dict[str, Any] = {"condition": lifecycle.HOLDING}
            if row.state in (FIXED, CLOSED):
                kind = "reopened"
                values |= {
                    "state": lifecycle.move(row.state, "reopen"),
                    "closed_at": None,
                    "outcome": None,
                    "fixed_at": None,
                    "texts": policy.texts(change, desk),
                    **_judged(change, desk),
                }
            _update(db, ticket_id, **values)
        holds = holding.c.ticket_id == ticket_id, holding.c.rule == change.rule
        if db.execute(sa.select(holding).where(*holds)).first() is None:
            db.execute(holding.insert().values(ticket_id=ticket_id, rule=change.rule))
        _add_event(db, ticket_id, kind, change)

    def _new(self, db: sa.Connection, change: Change, desk: Desk) -> int:
        values = {
            "device": change.device,
            "device_kind": change.device_kind,
            "part": change.part,
            "failure_mode": change.failure_mode,
            "rule": change.rule,
            "route": policy.route(change, desk),
            "state": OPEN,
            "condition": lifecycle.HOLDING,
            "touched": False,
            "opened_at": change.at,
            "noticed_at": change.noticed,
            "texts": policy.texts(change, desk),
            **_judged(change, desk),
            "mode": change.mode,
            "first": who_was_first(db, change.device),
        }
        key = db.execute(ticket.insert().values(**values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _held_by(self, db: sa.Connection, change: Change) -> Any:
        return db.execute(
            sa.select(ticket)
            .join(holding, holding.c.ticket_id == ticket.c.id)
            .where(
                ticket.c.device == change.device,
                ticket.c.part == change.part,
                ticket.c.failure_mode == change.failure_mode,
                holding.c.rule == change.rule,
                ticket.c.mode == change.mode,
                ticket.c.state.in_(LIVE),
            )
        ).first()

    def _cleared(self, db: sa.Connection, row: Any, change: Change) -> None:
        db.execute(holding.delete().where(holding.c.ticket_id == row.id, holding.c.rule == change.rule))
        _add_event(db, row.id, CLEARED, change)
        if db.execute(sa.select(holding).where(holding.c.ticket_id == row.id)).first() is not None:
            return  # another rule still holds
        _update(db, row.id, condition=lifecycle.CLEARED)
        if row.state == OPEN and not row.touched:
            _update(db, row.id, state=CLOSED, closed_at=change.noticed, outcome=lifecycle.CLEARED_ITSELF)
            _add_event(db, row.id, CLOSED, change)

    # -- what people do -----------------------------------------------------------------------------

    def acknowledge(self, ticket_id: int, who: str, at: float, note: str = "") -> None:
        """A person has seen it. Raises NotAllowed or LookupError."""
        self._person(ticket_id, "acknowledge", ACKNOWLEDGED, who, at, note)

    def fix(self, ticket_id: int, who: str, at: float, note: str = "") -> None:
        """A person repaired it: the engine starts anew on it. Raises NotAllowed or LookupError."""
        self._person(ticket_id, "fix", FIXED, who, at, note)

    def finish(self, ticket_id: int, who: str, at: float, outcome: str, note: str = "") -> None:
        """Close with what was found. Raises NotAllowed or LookupError."""
        if outcome not in lifecycle.OUTCOMES:
            raise NotAllowed(f"'{outcome}' is no outcome; use one of {', '.join(lifecycle.OUTCOMES)}")
        self._person(ticket_id, "close", CLOSED, who, at, note, outcome)

    def _person(
        self, ticket_id: int, verb: str, kind: str, who: str, at: float, note: str, outcome: str | None = None
    ) -> None:
        with transaction(self._engine) as db:
            row = db.execute(sa.select(ticket).where(ticket.c.id == ticket_id)).first()
            if row is None:
                raise LookupError(f"there is no ticket {ticket_id}")
            values: dict[str, Any] = {"state": lifecycle.move(row.state, verb), "touched": True}
            if verb == "fix":
                values["fixed_at"] = at
            repaired = verb == "fix" or (outcome in lifecycle.REPAIRED and row.fixed_at is None)
            if repaired and row.failure_mode != OWNER_REPORT:  # of these no watch knows
                db.execute(
                    act.insert().values(
                        at=at, device=row.device, part=row.part, failure_mode=row.failure_mode
                    )
                )
            if verb == "close":
                values |= {"closed_at": at, "outcome": outcome}
                # What still holds goes its own way; should it ever reopen this, it starts with a clean sheet.
                db.execute(holding.delete().where(holding.c.ticket_id == ticket_id))
            _update(db, ticket_id, **values)
            db.execute(
                event.insert().values(
                    ticket_id=ticket_id,
                    at=at,
                    kind=kind,
                    who=_said(who, 80),
                    rule="",
                    revision="",
                    change_number=0,
                    note=_said(note, 2000),
                    reason={"outcome": outcome} if outcome else {},
                    evidence=[],
                )
            )

    def maintain(self, device: str, who: str, at: float, until: float) -> None:
        """People work on the device until then; an instant that is not after `at` ends it."""
        with transaction(self._engine) as db:
            db.execute(
                act.insert().values(
                    at=at, device=device, part="", failure_mode="", until=until, who=_said(who, 80)
                )
            )

    def acts_after(self, act_id: int) -> list[Act]:
        """Repairs that the engine has not been told of."""
        with self._reader.connect() as db:
            rows = db.execute(
                sa.select(act.c.id, act.c.device, act.c.part, act.c.failure_mode, act.c.until)
                .where(act.c.id > act_id)
                .order_by(act.c.id)
            )
            return [Act(*row) for row in rows]

    # -- what is shown ------------------------------------------------------------------------------

    def tickets(
        self, *, live_only: bool = True, limit: int = LIST_MAX, mode: str = LIVE_MODE
    ) -> list[dict[str, Any]]:
        """Tickets of one mode as plain values, most urgent first, then the last closed. Unix seconds."""
        urgency = sa.case((ticket.c.state == CLOSED, -ticket.c.closed_at), else_=ticket.c.due_at)
        query = sa.select(ticket).where(ticket.c.mode == mode)
        # As priority.order: safety, then by due; of equals the higher score, then the older.
        work = ticket.c.lane != SAFETY, urgency, -ticket.c.score, ticket.c.opened_at, ticket.c.id
        query = query.order_by(ticket.c.state == CLOSED, *work).limit(limit)
        if live_only:
            query = query.where(ticket.c.state.in_(LIVE))
        with self._reader.connect() as db:
            return [dict(row._mapping) for row in db.execute(query)]

    def ticket(self, ticket_id: int) -> dict[str, Any]:
        """One ticket with its events. Raises LookupError."""
        with self._reader.connect() as db:
            row = db.execute(sa.select(ticket).where(ticket.c.id == ticket_id)).first()
            if row is None:
                raise LookupError(f"there is no ticket {ticket_id}")
            events = db.execute(sa.select(event).where(event.c.ticket_id == ticket_id).order_by(event.c.id))
            return dict(row._mapping) | {"events": [dict(each._mapping) for each in events]}

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many tickets there are by (kind of device, state, mode)."""
        by = ticket.c.device_kind, ticket.c.state, ticket.c.mode
        with self._reader.connect() as db:
            rows = db.execute(sa.select(*by, sa.func.count()).group_by(*by))
            return {(row[0], row[1], row[2]): row[3] for row in rows}

    def shadowed(self) -> dict[str, int]:
        """How many tickets each rule would have opened while it was in shadow."""
        query = sa.select(ticket.c.rule, sa.func.count()).where(ticket.c.mode == "shadow")
        with self._reader.connect() as db:
            return {row[0]: row[1] for row in db.execute(query.group_by(ticket.c.rule))}

    def confirmed_leads(self) -> list[float]:
        """For each fault that a person confirmed and a ticket met first, the seconds that it was ahead.

        Ahead of the first owner who reported it, or else of the repair (or of its close).
        """
        with self._reader.connect() as db:
            return leads(db)

    def confirmed_faults(self) -> dict[str, int]:
        """How many confirmed faults a ticket met first, and how many an owner."""
        with self._reader.connect() as db:
            return faults(db)


def _judged(change: Change, desk: Desk) -> dict[str, Any]:
    judged = policy.judged(change, desk)
    return {
        "due_at": judged.due, "lane": judged.lane, "score": judged.score, "judgement": _plain(judged.factors),
    }  # fmt: skip


def _update(db: sa.Connection, ticket_id: int, **values: Any) -> None:
    db.execute(ticket.update().where(ticket.c.id == ticket_id).values(**values))


def _add_event(db: sa.Connection, ticket_id: int, kind: str, change: Change) -> None:
    db.execute(
        event.insert().values(
            ticket_id=ticket_id,
            at=change.at,
            kind=kind,
            who=MACHINE,
            rule=change.rule,
            revision=change.revision,
            change_number=change.number,
            note="",
            reason=_plain(change.reason),
            evidence=_plain(change.evidence),
        )
    )


def _plain(value: Any) -> Any:
    """As JSON can hold it: what never happened, or never will, has no time."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _said(text: str, most: int) -> str:
    """A person's words as the database can hold them."""
    return text.encode("utf-8", "replace").decode().replace("\0", "").strip()[:most]

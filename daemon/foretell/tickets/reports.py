"""Owners' reports (报事): each is answered at once, has one responsible person, and belongs to a ticket.

An owner's words and unit stay in the report: no ticket, no answer and no count holds them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from foretell.authored.problems import did_you_mean
from foretell.authored.validate import Text
from foretell.site.estate import lineage
from foretell.site.listing import Listing, no_site, title_of_place
from foretell.site.moments import UNKNOWN_ROUTE, Moment
from foretell.tickets import flow, lifecycle
from foretell.tickets.flow import CATEGORIES, EMERGENCY, NATURES, Candidate, Match, Refused
from foretell.tickets.lifecycle import CLOSED, LIVE, OPEN
from foretell.tickets.policy import LANGUAGES, Desk
from foretell.tickets.priority import SAFETY, Finding, Judgement, judge
from foretell.tickets.store import transaction
from foretell.tickets.tables import event, report, report_event, ticket
from foretell.tickets.wording import text_of

OWNER_REPORT = "owner-report"
MACHINE = "foretell"
WITHIN = 86400.0
TEXT_MAX, UNIT_MAX, NAME_MAX, LIST_MAX = 2_000, 64, 80, 1_000
FIRST_TICKET, FIRST_REPORT = "ticket", "report"
REPORTED = "reported"


class Said(NamedTuple):
    """What an owner said, and who takes it on; empty is not known (of `responsible`: the site's duty)."""

    category: str
    text: str
    device: str = ""
    place: str = ""
    nature: str = "valid"
    unit: str = ""
    responsible: str = ""


class Reports:
    """All reports of a site, in the ledger's store. Every method blocks."""

    def __init__(self, engine: sa.Engine, reader: sa.Engine) -> None:
        self._engine, self._reader = engine, reader

    def add(
        self, said: Said, at: float, desk: Desk, heard: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Take a report in, and answer it: the report as `report` has it, without the owner's words.

        `heard` says of devices that the site does not list, but that were heard, what kind they are. Raises
        Refused.
        """
        listing = desk.listing or no_site()
        said = _checked(said, listing, heard or {})
        responsible = said.responsible or listing.model.duty
        with transaction(self._engine) as db:
            found = flow.match(said.device, said.place, said.category, _live(db), listing.estate)
            if found.ticket is None:
                number, due = _own_ticket(db, said, at, desk, heard or {})
            else:
                number, due = found.ticket, _joined(db, found.ticket)
            values = said._asdict() | {
                "at": at, "responsible": responsible, "ticket_id": number, "matched": found.why,
                "answer": answer(found, number, due, at, said.category, responsible, listing),
            }  # fmt: skip
            key = db.execute(report.insert().values(**values)).inserted_primary_key
            assert key is not None
            made = int(key[0])
            if found.ticket is None:
                texts = _texts(said, made, desk)
                db.execute(ticket.update().where(ticket.c.id == number).values(report=made, texts=texts))
            _note_on_ticket(db, number, at, made, found.why)
            _add_step(db, made, flow.RECEIVED, MACHINE, at, "")
        return self._told(made)

    def step(self, report_id: int, step: str, who: str, at: float, note: str = "") -> None:
        """A person took the next step. Raises Refused or LookupError."""
        person = _plain_line(who)[:NAME_MAX]
        if not person:
            raise Refused("say who does this", "请注明由谁处理")
        if len(note) > TEXT_MAX:
            raise Refused(f"a note has at most {TEXT_MAX} characters", f"备注最多 {TEXT_MAX} 个字符")
        with transaction(self._engine) as db:
            flow.move(_state(db, report_id), step)
            _add_step(db, report_id, step, person, at, _plain_text(note))

    def reports(self, *, limit: int = LIST_MAX) -> list[dict[str, Any]]:
        """The newest reports, without the owners' words and units. Unix seconds."""
        mine = sa.select(report_event.c.step).where(report_event.c.report_id == report.c.id)
        state = mine.order_by(report_event.c.id.desc()).limit(1).correlate(report).scalar_subquery()
        shown = [column for column in report.c if column.name not in ("text", "unit")]
        query = sa.select(*shown, state.label("state")).order_by(report.c.id.desc()).limit(limit)
        with self._reader.connect() as db:
            return [dict(row._mapping) for row in db.execute(query)]

    def report(self, report_id: int) -> dict[str, Any]:
        """One report with the owner's words and its steps: for whoever handles it. Raises LookupError."""
        with self._reader.connect() as db:
            row = db.execute(sa.select(report).where(report.c.id == report_id)).first()
            if row is None:
                raise LookupError(f"there is no report {report_id}")
            mine = report_event.c.report_id == report_id
            events = db.execute(sa.select(report_event).where(mine).order_by(report_event.c.id))
            steps = [dict(each._mapping) for each in events]
        return dict(row._mapping) | {"state": steps[-1]["step"], "events": steps}

    def _told(self, report_id: int) -> dict[str, Any]:
        """What the owner is told, and nothing of what the owner said."""
        row = self.report(report_id)
        return {
            key: row[key] for key in ("id", "at", "state", "responsible", "ticket_id", "matched", "answer")
        }


# -- what is asked of all of them -------------------------------------------------------------------


def who_was_first(db: sa.Connection, device: str) -> str:
    """Whether an owner reported this device before its rule found anything, and nobody has seen to it yet."""
    owners = sa.select(ticket.c.id).join(report, report.c.id == ticket.c.report)
    waiting = ticket.c.state.in_(flow.IN_HAND), report.c.category.not_in(flow.SERVICE)
    found = db.execute(owners.where(ticket.c.device == device, *waiting)).first()
    return FIRST_TICKET if found is None else FIRST_REPORT


def faults(db: sa.Connection) -> dict[str, int]:
    """Confirmed faults by what met them first; complaints about people are no faults of devices."""
    query = (
        sa.select(ticket.c.first, sa.func.count())
        .outerjoin(report, report.c.id == ticket.c.report)
        .where(*_CONFIRMED, sa.func.coalesce(report.c.category, "").not_in(flow.SERVICE))
    )
    rows = db.execute(query.group_by(ticket.c.first))
    return {FIRST_TICKET: 0, FIRST_REPORT: 0} | {row[0]: row[1] for row in rows}


def leads(db: sa.Connection) -> list[float]:
    """Seconds from a ticket that was first to the first owner's report of it, or else to its repair."""
    owner = sa.select(sa.func.min(report.c.at)).where(report.c.ticket_id == ticket.c.id).scalar_subquery()
    end = sa.func.coalesce(owner, ticket.c.fixed_at, ticket.c.closed_at)
    query = sa.select(ticket.c.opened_at, end).where(*_CONFIRMED, ticket.c.first == FIRST_TICKET)
    return [max(0.0, row[1] - row[0]) for row in db.execute(query)]


_CONFIRMED = ticket.c.outcome == "confirmed", ticket.c.mode == "live", ticket.c.state == CLOSED


# -- one report -------------------------------------------------------------------------------------


def _checked(said: Said, listing: Listing, heard: Mapping[str, str]) -> Said:
    """As the database can hold it; nothing is cut off what an owner says. Raises Refused."""
    for word, known, en, zh in (
        (said.category, CATEGORIES, "category", "类别"), (said.nature, NATURES, "nature", "性质"),
    ):  # fmt: skip
        if word not in known:
            names = ", ".join(known)
            raise Refused(f"the {en} is one of {names}", f"{zh}须为其中之一：{names}")
    text, unit = _plain_text(said.text), _plain_line(said.unit)
    responsible = _plain_line(said.responsible)
    if not text:
        raise Refused("a report needs the owner's words", "请填写业主的原话")
    for part, most, en, zh in (
        (text, TEXT_MAX, "the owner's words have", "业主的原话"), (unit, UNIT_MAX, "a unit has", "单元代号"),
        (responsible, NAME_MAX, "a name has", "姓名"),
    ):  # fmt: skip
        if len(part) > most:
            raise Refused(f"{en} at most {most} characters", f"{zh}最多 {most} 个字符")
    devices = {**heard, **listing.estate.devices}
    for name, all_known, en, zh in (
        (said.device, devices, "device", "设备"), (said.place, listing.estate.places, "place", "位置"),
    ):  # fmt: skip
        if name and name not in all_known:
            hint = did_you_mean(name[:120], all_known)
            raise Refused(f"there is no such {en}{'; ' if hint else ''}{hint}", f"没有这个{zh}")
    return said._replace(text=text, unit=unit, responsible=responsible)


def _plain_text(text: str) -> str:
    """Without what would steer a terminal; lines and letters stay."""
    whole = text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
    return "".join(each for each in whole if each == "\n" or unicodedata.category(each) != "Cc").strip()


def _plain_line(text: str) -> str:
    return " ".join(_plain_text(text).split())


def _live(db: sa.Connection) -> list[Candidate]:
    query = (
        sa.select(ticket, report.c.category)
        .outerjoin(report, report.c.id == ticket.c.report)
        .where(ticket.c.mode == "live", ticket.c.state.in_(LIVE))
    )
    return [
        Candidate(
            row.id, row.device, row.device_kind, row.place, row.state, row.lane == SAFETY, row.opened_at,
            row.category or "",
        )
        for row in db.execute(query)
    ]  # fmt: skip


def _joined(db: sa.Connection, ticket_id: int) -> float:
    """An owner waits for it now: it no longer ends by itself. By when it is due."""
    db.execute(ticket.update().where(ticket.c.id == ticket_id).values(touched=True))
    return float(db.execute(sa.select(ticket.c.due_at).where(ticket.c.id == ticket_id)).scalar_one())


def _own_ticket(
    db: sa.Connection, said: Said, at: float, desk: Desk, heard: Mapping[str, str]
) -> tuple[int, float]:
    listing = desk.listing or no_site()
    known = listing.estate.devices.get(said.device)
    kind = (known.kind if known else heard.get(said.device, "")) if said.device else "place"
    judged = _judged(said, kind, at, listing)
    values = {
        "device": said.device, "device_kind": kind, "part": "", "place": said.place,
        "failure_mode": OWNER_REPORT, "rule": "", "route": CATEGORIES[said.category].route,
        "state": OPEN, "condition": lifecycle.UNKNOWN, "touched": True, "opened_at": at, "noticed_at": at,
        "due_at": judged.due, "lane": judged.lane, "score": judged.score,
        "judgement": judged.factors if said.category == EMERGENCY or judged.factors["moment"] else {},
        "texts": {}, "mode": "live", "first": FIRST_REPORT, "report": 0,
    }  # fmt: skip
    key = db.execute(ticket.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0]), judged.due


def _judged(said: Said, kind: str, at: float, listing: Listing) -> Judgement:
    """Within a day, before owners meet it again; an emergency at once."""
    moments: tuple[Moment, ...] = ()
    served, alike = 0, 1
    if said.device and said.category not in flow.SERVICE:
        moments = listing.presence.of(listing.estate.facts(said.device, kind), None)
        served, alike = listing.served(said.device)
    who = listing.presence.routes.get(CATEGORIES[said.category].route, UNKNOWN_ROUTE)
    return judge(Finding(at, WITHIN, said.category == EMERGENCY, moments, who, served, alike, 0.0))


def _texts(said: Said, number: int, desk: Desk) -> dict[str, dict[str, str]]:
    """The ticket's words: where, and what it is about; the owner's own stay in the report."""
    texts = {}
    for language in LANGUAGES:
        zh = language == "zh"
        device = text_of(desk.titles.get(said.device), language) or said.device
        place = text_of(_place(said, desk), language)
        about = CATEGORIES[said.category].zh if zh else CATEGORIES[said.category].en
        where = device or place
        title = f"业主报事：{about}" if zh else f"an owner's report: {about}"
        texts[language] = {
            "title": (f"{where} {title}" if zh else f"{where}: {title}")
            if where
            else title[:1].upper() + title[1:],
            "reason": f"业主先发现（报事 {number}）" if zh else f"An owner met it first (report {number})",
            "do": f"查看业主原话：foretell report show {number}，处理后回访业主。"
            if zh
            else f"Read the owner's words (foretell report show {number}), see to it, and tell the owner.",
            "device": device,
            "place": place,
        }
    return texts


def _place(said: Said, desk: Desk) -> Text | None:
    listing = desk.listing or no_site()
    if said.place and lineage(listing.estate.places, said.place):
        return title_of_place(listing.model, said.place)
    return desk.places.get(said.device)


def answer(
    found: Match, number: int, due: float, at: float, category: str, responsible: str, listing: Listing
) -> dict[str, str]:
    """What the owner is told at once, in both languages: nothing of anybody's words."""
    when = f"{listing.zone.local(due):%Y-%m-%d %H:%M}"
    en_who, zh_who = (
        f"{responsible} is responsible (ticket {number}).",
        f"负责人：{responsible}（工单 {number}）。",
    )
    if category == EMERGENCY:
        soon, bald = (f", by {when} at the latest", f"，最迟 {when}") if due >= at else ("", "")
        en = f"Received as an emergency, seen to at once{soon}; {en_who} "
        zh = f"已按紧急情况受理，立即处理{bald}。{zh_who}"
        en += "If anyone is in danger, call the emergency services as well."
        zh += "如有人身危险，请同时拨打急救或消防电话。"
    elif found.ticket is None:
        en, zh = f"Received, due {when}; {en_who}", f"已受理，{when} 前处理。{zh_who}"
    elif due < at:
        en = f"Known and in hand; it was due {when} and is late, which we are sorry for. {en_who}"
        zh = f"已知晓，正在处理；原定 {when} 前完成，已延误，抱歉。{zh_who}"
    else:
        en, zh = f"Known, in hand, due {when}; {en_who}", f"已知晓，正在处理，{when} 前完成。{zh_who}"
    return {"en": en, "zh": zh}


def _note_on_ticket(db: sa.Connection, ticket_id: int, at: float, number: int, why: str) -> None:
    values = {
        "ticket_id": ticket_id, "at": at, "kind": REPORTED, "who": MACHINE, "rule": "", "revision": "",
        "change_number": 0, "note": "", "reason": {"why": REPORTED, "report": number, "matched": why},
        "evidence": [],
    }  # fmt: skip
    db.execute(event.insert().values(**values))


def _add_step(db: sa.Connection, report_id: int, step: str, who: str, at: float, note: str) -> None:
    values = {"report_id": report_id, "at": at, "step": step, "who": who, "note": note}
    db.execute(report_event.insert().values(**values))


def _state(db: sa.Connection, report_id: int) -> str:
    """The last step taken. Raises LookupError."""
    mine = sa.select(report_event.c.step).where(report_event.c.report_id == report_id)
    step = db.execute(mine.order_by(report_event.c.id.desc())).scalar()
    if step is None:
        raise LookupError(f"there is no report {report_id}")
    return str(step)

"""What stands on the page, worked out from plain values: the templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple
from urllib.parse import urlencode

from foretell.site.kinds import Kind
from foretell.tickets import reckoning
from foretell.tickets.lifecycle import CLOSED, FIXED
from foretell.tickets.priority import SAFETY, order
from foretell.tickets.reports import REPORTED
from foretell.tickets.wording import number, sentence
from foretell.web.door import Status
from foretell.web.spark import Spark, spark
from foretell.web.when import DAY, MINUTE, iso, lasting, stamp
from foretell.web.words import say

SHADOW = "shadow"
STALE_AFTER = 15 * MINUTE
FRESH_WITHIN = MINUTE
OPEN_SHOWN, CLOSED_SHOWN, PROBLEMS_SHOWN, EVENTS_SHOWN = 200, 20, 20, 200


class Reader(NamedTuple):
    """Who reads: the language, the time on the daemon's clock, and what the address carried."""

    language: str
    now: float
    asked: bool
    """The language was asked for in the address, so links keep it."""
    paused: bool = False
    zone: tzinfo | None = None
    """The site's; that of the system if it is not known."""

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def moment(self, at: float) -> Moment:
        return Moment(iso(at), self.stamp(at), lasting(self.now - at, self.language))

    def stamp(self, at: float) -> str:
        return stamp(at, self.now, self.language, self.zone)

    def link(self, path: str, language: str = "", paused: bool | None = None) -> str:
        """The address with what it must carry on."""
        keep = {"lang": language or self.language} if language or self.asked else {}
        if self.paused if paused is None else paused:
            keep["pause"] = "1"
        return f"{path}?{urlencode(keep)}" if keep else path


class Moment(NamedTuple):
    """A time: for programs, on the wall clock, and how far from now."""

    iso: str
    text: str
    span: str


class Banner(NamedTuple):
    """Something that everyone must know before reading on."""

    icon: str
    text: str
    lines: tuple[str, ...] = ()


class Card(NamedTuple):
    """One ticket, in the reader's words. `urgency` is overdue, soon, later, fixed, closed or shadow."""

    number: int
    href: str
    title: str
    where: str
    reason: str
    do: str
    route: str
    part: str
    urgency: str
    state: str
    state_icon: str
    condition: str
    condition_icon: str
    fault: str
    rule: str
    since: Moment
    due: Moment
    due_words: str
    closed: Moment | None
    outcome: str
    shadow: bool
    safety: bool
    sums: tuple[str, ...]
    """Why it is due then, and what it is worth."""


class Clause(NamedTuple):
    """Where one clause of the rule stood."""

    told: str
    measured: str
    verdict: str
    spark: Spark | None


class Event(NamedTuple):
    """One entry of a ticket's history."""

    what: str
    at: Moment
    who: str
    rule: str
    note: str
    clauses: tuple[Clause, ...]


class Summary(NamedTuple):
    """The state of everything, in one line and one icon."""

    level: str
    icon: str
    text: str
    freshness: tuple[str, ...]
    note: str


def title_of(status: Status, reader: Reader) -> str:
    """The site's name in the reader's language."""
    return getattr(status.title, reader.language) if status.title else status.site


def cards(rows: Sequence[Mapping[str, Any]], reader: Reader) -> tuple[list[Card], int, list[Card]]:
    """Open tickets by due, how many more there are, and the latest closed ones."""
    live = sorted(
        (row for row in rows if row["state"] != CLOSED),
        key=_place,
    )
    closed = sorted(
        (row for row in rows if row["state"] == CLOSED), key=lambda row: -(row["closed_at"] or 0.0)
    )
    shown = [card(row, reader) for row in live[:OPEN_SHOWN]]
    return shown, max(0, len(live) - OPEN_SHOWN), [card(row, reader) for row in closed[:CLOSED_SHOWN]]


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is fixed waits at the end; the rest in the order of work."""
    work = order(row["lane"], row["due_at"], row["score"], row["opened_at"], row["id"])
    return row["state"] == FIXED, *work


def card(row: Mapping[str, Any], reader: Reader) -> Card:
    """One ticket as it is shown."""
    texts = row["texts"][reader.language]
    urgency = _urgency(row, reader.now)
    due = reader.moment(row["due_at"])
    return Card(
        number=row["id"],
        href=reader.link(f"/tickets/{row['id']}"),
        title=texts["title"],
        where=_where(texts),
        reason=texts["reason"],
        do=texts["do"],
        route=_named("route", row["route"], reader),
        part=row["part"],
        urgency=urgency,
        state=_named("state", row["state"], reader),
        state_icon=row["state"],
        condition=_named("condition", row["condition"], reader),
        condition_icon=row["condition"],
        fault=_named("fault", row["failure_mode"], reader),
        rule=row["rule"],
        since=reader.moment(row["opened_at"]),
        due=due,
        due_words=_due_words(urgency, due, reader),
        closed=reader.moment(row["closed_at"]) if row["closed_at"] else None,
        outcome=_named("outcome", row["outcome"] or "", reader),
        shadow=row["mode"] == SHADOW,
        safety=row["lane"] == SAFETY,
        sums=tuple(reckoning.lines(row["judgement"], reader.language, reader.stamp)),
    )


def _due_words(urgency: str, due: Moment, reader: Reader) -> str:
    if urgency in (CLOSED, FIXED, SHADOW):
        return ""
    return reader.say("overdue_by" if urgency == "overdue" else "due_in", span=due.span)


def _named(group: str, value: str, reader: Reader) -> str:
    return reader.say(f"{group}.{value}") if value else ""


def _where(texts: Mapping[str, str]) -> str:
    """The place; the device, too, unless the title has named it."""
    device = "" if texts["device"] in texts["title"] else texts["device"]
    return " · ".join(part for part in (texts["place"], device) if part)


def _urgency(row: Mapping[str, Any], now: float) -> str:
    if row["state"] in (CLOSED, FIXED):
        return str(row["state"])
    if row["mode"] == SHADOW:
        return SHADOW
    left = row["due_at"] - now
    return "overdue" if left < 0 else "soon" if left < DAY else "later"


def summary(status: Status, shown: Sequence[Card], beyond: int, reader: Reader) -> Summary:
    """The first thing that is read; blindness outranks every ticket, because then quiet means nothing."""
    overdue = sum(card.urgency == "overdue" for card in shown)
    if not status.connected:
        level, icon, text = "alarm", "blind", reader.say("state_blind")
    elif not status.ready:
        level, icon, text = "warn", "warning", reader.say("state_starting")
    elif overdue:
        level, icon, text = "alarm", "overdue", reader.say("state_overdue", n=overdue)
    elif shown:
        level, icon, text = "warn", "ticket", reader.say("state_open", n=len(shown) + beyond)
    else:
        level, icon, text = "fine", "fine", reader.say("state_quiet")
    return Summary(
        level, icon, text, _freshness(status, reader), "" if status.connected else reader.say("note_blind")
    )


def _freshness(status: Status, reader: Reader) -> tuple[str, ...]:
    at = status.last_message_at
    if at is None:
        heard = reader.say("last_message_never")
    elif status.connected and status.now - at < FRESH_WITHIN:
        heard = reader.say("last_message_now")
    else:
        heard = reader.say("last_message", ago=lasting(status.now - at, reader.language))
    facts = [heard, reader.say("devices", n=status.devices)]
    if status.offline_devices:
        facts.append(reader.say("offline", n=status.offline_devices))
    return (
        *facts,
        reader.say("rules", n=status.rules),
        reader.say("as_of", at=reader.moment(status.now).text),
    )


def banners(status: Status, reader: Reader) -> list[Banner]:
    """What casts doubt on the rest of the page."""
    found = []
    if status.connected and (at := status.last_message_at) is not None and status.now - at > STALE_AFTER:
        found.append(
            Banner("warning", reader.say("banner_stale", ago=lasting(status.now - at, reader.language)))
        )
    if not status.ready and status.not_ready:
        found.append(Banner("warning", reader.say("banner_not_ready"), status.not_ready))
    if status.problems:
        lines = status.problems[:PROBLEMS_SHOWN]
        if more := len(status.problems) - len(lines):
            lines = (*lines, reader.say("more_problems", n=more))
        found.append(Banner("warning", reader.say("banner_files"), lines))
    if not status.own_clock:
        found.append(Banner("clock", reader.say("banner_clock", at=reader.moment(status.now).text)))
    return found


def emptiness(status: Status, reader: Reader) -> str:
    """Why the list is empty: what was checked, and when."""
    known = {"devices": reader.say("devices", n=status.devices), "rules": reader.say("rules", n=status.rules)}
    if status.last_message_at is None:
        return reader.say("empty_never", at=reader.moment(status.now).text, **known)
    heard = reader.moment(status.last_message_at)
    return reader.say("empty_checked", at=heard.text, ago=heard.span, **known)


def events(rows: Sequence[Mapping[str, Any]], kind: Kind | None, reader: Reader) -> tuple[list[Event], int]:
    """The latest of a ticket's history, newest first, and how many were left out."""
    latest = [_event(row, kind, reader) for row in reversed(rows[-EVENTS_SHOWN:])]
    return latest, max(0, len(rows) - EVENTS_SHOWN)


def reported(rows: Sequence[Mapping[str, Any]], reader: Reader) -> str:
    """That owners reported it, and when first; empty if none did."""
    at = [row["at"] for row in rows if row["kind"] == REPORTED]
    return reader.say("reported", n=len(at), at=reader.stamp(min(at))) if at else ""


def _event(row: Mapping[str, Any], kind: Kind | None, reader: Reader) -> Event:
    outcome = _named("outcome", row["reason"].get("outcome") or "", reader)
    what = reader.say(f"event.{row['kind']}")
    return Event(
        what=f"{what} · {outcome}" if outcome else what,
        at=reader.moment(row["at"]),
        who=row["who"],
        rule=row["rule"],
        note=row["note"],
        clauses=tuple(_clause(clause, kind, reader) for clause in row["evidence"]),
    )


def _clause(clause: Mapping[str, Any], kind: Kind | None, reader: Reader) -> Clause:
    at = number(clause.get("at"))
    verdict = clause.get("verdict")
    return Clause(
        told=sentence(clause, kind, reader.language),
        measured="–" if at is None else reader.stamp(at),
        verdict=reader.say(
            "verdict_true" if verdict is True else "verdict_false" if verdict is False else "verdict_none"
        ),
        spark=spark(clause, reader.language),
    )

"""Tickets and reports for programs: bounded lists, plain JSON, times in ISO 8601, UTC."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foretell.tickets.flow import Refused
from foretell.tickets.lifecycle import LIVE, STATES
from foretell.tickets.reports import Said
from foretell.tickets.standing import standing
from foretell.web.door import Door
from foretell.web.when import iso

LIMIT, LIMIT_MAX = 200, 1_000
EVENTS_MAX = 500
WANTED = ("live", "all", *STATES)
MODES = ("live", "shadow")
FIELDS = (
    "id", "device", "device_kind", "part", "failure_mode", "rule", "route", "state", "condition",
    "opened_at", "noticed_at", "due_at", "fixed_at", "closed_at", "outcome", "mode", "first", "texts",
)  # fmt: skip
BODY_MAX = 16 * 1024
JSON = "application/json"
ANSWER_FIELDS = ("id", "at", "state", "responsible", "ticket_id", "matched", "answer")
REPORT_FIELDS = (*ANSWER_FIELDS, "device", "place", "category", "nature")
"""Never the owner's words or unit: these are for whoever handles the report, on the command line."""

EVENT_FIELDS = ("at", "kind", "who", "rule", "revision", "note", "reason", "evidence")


class ReportBody(msgspec.Struct, forbid_unknown_fields=True):
    """An owner's report as a program posts it; texts are checked where every report is."""

    category: str
    text: str
    device: str = ""
    place: str = ""
    nature: str = "valid"
    unit: str = ""
    responsible: str = ""


class Api:
    """Handlers of /api/v1."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def tickets(self, request: Request) -> Response:
        """`?state=` live (default), all, or one state; `?limit=` at most 1000. Most urgent first.

        With `?mode=shadow` what rules in shadow would have opened, which is nobody's work.
        """
        state = request.query_params.get("state", "live")
        if state not in WANTED:
            raise HTTPException(400, f"state is one of {', '.join(WANTED)}")
        mode = request.query_params.get("mode", "live")
        if mode not in MODES:
            raise HTTPException(400, f"mode is one of {', '.join(MODES)}")
        limit = _number(request.query_params.get("limit", str(LIMIT)))
        if limit is None or not 1 <= limit <= LIMIT_MAX:
            raise HTTPException(400, f"limit is a number from 1 to {LIMIT_MAX}")
        live_only = state == "live" or state in LIVE
        asked = self._door.shadowed if mode == "shadow" else self._door.tickets
        rows = await run_in_threadpool(asked, live_only=live_only)
        fitting = [row for row in rows if state in ("live", "all", row["state"])]
        body = {"tickets": [_picked(row, FIELDS) for row in fitting[:limit]], "more": len(fitting) > limit}
        return JSONResponse(body)

    async def ticket(self, request: Request) -> Response:
        """One ticket with its latest events, oldest first."""
        row = await find_ticket(self._door, request.path_params["id"])
        events = [_picked(event, EVENT_FIELDS) for event in row["events"][-EVENTS_MAX:]]
        return JSONResponse(_picked(row, FIELDS) | {"events": events})

    async def reports(self, request: Request) -> Response:
        """The newest owners' reports and how far they have come; `?limit=` at most 1000."""
        limit = _number(request.query_params.get("limit", str(LIMIT)))
        if limit is None or not 1 <= limit <= LIMIT_MAX:
            raise HTTPException(400, f"limit is a number from 1 to {LIMIT_MAX}")
        rows = await run_in_threadpool(self._door.reports, limit=limit)
        return JSONResponse({"reports": [_picked(row, REPORT_FIELDS) for row in rows]})

    async def report(self, request: Request) -> Response:
        """Take an owner's report in; the answer in both languages, once it is on the disk."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise HTTPException(415, f"A report is {JSON}.")
        body = await _body(request)
        try:
            said = msgspec.json.decode(body, type=ReportBody)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HTTPException(400, f"The report cannot be read: {error}") from None
        try:
            told = await self._door.report(Said(**msgspec.structs.asdict(said)))
        except Refused as error:
            raise HTTPException(422, f"{error.en} / {error.zh}") from None
        except OSError:
            raise HTTPException(503, "The report could not be kept; please send it again.") from None
        return JSONResponse(_picked(told, ANSWER_FIELDS), 201)

    async def explain(self, request: Request) -> Response:
        """Where a rule stands for `?device=`, by watch: its clauses, their margins, what holds it back."""
        rule = f"{request.path_params['kind']}/{request.path_params['name']}"
        device = request.query_params.get("device", "")
        if not device:
            raise HTTPException(400, "device is required: which one is it about?")
        told = self._door.explain(rule, device)
        if not told:
            raise HTTPException(404, "The rule watches no such device.")
        desk = self._door.desk()
        known = desk.rulebook.rules.get(rule)
        kind = None if known is None else desk.kinds.get(known.kind)
        watches = [_plain("", standing(each, kind, known)) for each in told]
        return JSONResponse({"rule": rule, "device": device, "watches": watches})


async def find_ticket(door: Door, text: str) -> dict[str, Any]:
    """The ticket of that number, or HTTPException 404."""
    number = _number(text)
    if number is not None:
        try:
            return await run_in_threadpool(door.ticket, number)
        except LookupError:
            pass
    raise HTTPException(404, "There is no such ticket.")


async def _body(request: Request) -> bytes:
    """The body, as long as it is short, or HTTPException 413."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise HTTPException(413, f"A report has at most {BODY_MAX // 1024} KiB.", {"connection": "close"})
    return body


def _number(text: str) -> int | None:
    """Short enough for the database, too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _picked(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: _plain(field, row[field]) for field in fields}


def _plain(key: str, value: Any) -> Any:
    """The value as JSON takes it. What is called a time is one."""
    if isinstance(value, dict):
        return {name: _plain(name, each) for name, each in value.items()}
    if key == "recent":
        return [[_time(at), _plain("", each)] for at, each in value]
    if isinstance(value, list | tuple):
        return [_plain("", each) for each in value]
    if key in ("at", "since") or key.endswith("_at"):
        return _time(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _time(value: Any) -> str | None:
    return iso(value) if isinstance(value, int | float) and math.isfinite(value) else None

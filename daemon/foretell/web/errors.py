"""What is answered when something cannot be: problem details (RFC 9457) under /api, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

CONTENT = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
HEADERS = {
    "content-security-policy": CONTENT,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer carries."""

DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    500: "foretell failed at this; its log says why.",
}


class Problem(JSONResponse):
    """A problem as programs read it."""

    media_type = "application/problem+json"


def answer(
    request: Request, status: int, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that failed, in the form that fits its address."""
    detail = detail or DETAILS.get(status, "")
    title = HTTPStatus(status).phrase
    path = request.scope["path"]
    if path.startswith("/api/"):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}
        return Problem(body, status, headers)
    return PlainTextResponse(f"{status} {title}\n{detail}\n", status, headers)


def failure(request: Request, error: Exception) -> Response:
    """For what the handlers raise."""
    if not isinstance(error, HTTPException):
        return answer(request, 500, headers=HEADERS)  # given outside of the guard, which adds them elsewhere
    known = HTTPStatus(error.status_code).phrase == error.detail
    return answer(request, error.status_code, "" if known else error.detail, error.headers)

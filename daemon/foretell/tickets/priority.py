"""How much a finding matters to the people of the house, and by when it must be done. It shows its sums."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from foretell.site.moments import Moment, Route

HOUR, DAY = 3600.0, 86400.0
SAFETY, PLANNED = "safety", "planned"
SPAN = DAY
"""Moments are counted over the day after owners would first notice: the usual promise to have it fixed."""

SAFETY_WITHIN = 1800.0
"""People in danger: the half hour in which Chinese cities ask lift rescue to arrive."""

SEVERITIES = ((4 * HOUR, 4), (DAY, 3), (3 * DAY, 2))
"""How grave it is, by the time that the rule allows: within 4 h, a day, three days; longer is 1."""

URGENCIES = ((4 * HOUR, 4), (DAY, 3), (3 * DAY, 2))
"""How pressing it is, by the time that is left until it is due."""


class Finding(NamedTuple):
    """What is judged. Instants in Unix seconds, spans in seconds.

    `earliest` is the time left until owners would notice, by the condition if it forecasts any, else by
    the rule; None if neither tells, and then nobody is expected to notice before `within` is over.
    `households` are those whom the device serves (0: not known), `alike` how many devices serve the same,
    this one among them.
    """

    noticed: float
    within: float
    safety: bool
    moments: tuple[Moment, ...]
    route: Route
    households: int = 0
    alike: int = 1
    earliest: float | None = None


class Judgement(NamedTuple):
    """The verdict of the desk; `factors` is everything that it was reckoned from, as plain values."""

    lane: str
    due: float
    score: float
    factors: dict[str, Any]


def judge(finding: Finding) -> Judgement:
    """Due, lane and score of a finding.

    Safety is a lane of its own: due at once (SAFETY_WITHIN, or sooner if the rule says so), never delayed
    by what else there is. Everything else is due before the first moment at which owners would notice and
    which the route can still make, never later than the rule's `within`, and never in the past.
    Score = exposure x severity x urgency, with exposure = households x the weights of the moments that lie
    in the day after owners would notice, shared among devices that serve the same.
    """
    limit = finding.noticed + finding.within
    noticeable = finding.noticed + max(0.0, finding.within if finding.earliest is None else finding.earliest)
    if finding.safety:
        due, moment = min(limit, finding.noticed + SAFETY_WITHIN), None
    else:
        due, moment = _before_owners(finding, noticeable, limit)
    spoiled = _spoiled(finding.moments, noticeable)
    exposure = max(1, finding.households) * sum(each.weight for each in spoiled) / max(1, finding.alike)
    severity = 4 if finding.safety else _grade(finding.within, SEVERITIES)
    urgency = 4 if finding.safety else _grade(due - finding.noticed, URGENCIES)
    factors = {
        "households": finding.households, "alike": finding.alike,
        "moments": [[each.id, each.weight, each.title.en, each.title.zh] for each in spoiled],
        "exposure": round(exposure, 1), "severity": severity, "urgency": urgency,
        "noticeable": noticeable, "earliest": finding.earliest, "limit": limit,
        "arrive": finding.route.arrive(finding.noticed), "route": finding.route.id,
        "route_title": finding.route.title.model_dump(),
        "within": finding.within, "left": due - finding.noticed,
        "moment": moment and moment[0].id, "moment_at": moment and moment[1],
        "moment_title": moment and moment[0].title.model_dump(),
    }  # fmt: skip
    lane = SAFETY if finding.safety else PLANNED
    score = round(exposure * severity * urgency, 1)
    return Judgement(lane, due, score, factors | {"lane": lane, "score": score, "due": due})


def _before_owners(
    finding: Finding, noticeable: float, limit: float
) -> tuple[float, tuple[Moment, float] | None]:
    """Before the first moment that can still be made, or by the limit if that is sooner."""
    start = max(noticeable, finding.route.arrive(finding.noticed))
    ahead = [(moment.first(start), moment) for moment in finding.moments]
    ahead = [(at, moment) for at, moment in ahead if math.isfinite(at)]
    if not ahead:
        return limit, None
    at, moment = min(ahead, key=lambda each: (each[0], -each[1].weight, each[1].id))
    return max(finding.noticed, min(limit, at)), (moment, at)


def _spoiled(moments: tuple[Moment, ...], noticeable: float) -> list[Moment]:
    """The moments that begin or go on within a day of the instant at which owners would notice."""
    return [each for each in moments if each.first(noticeable) <= noticeable + SPAN]


def _grade(span: float, table: tuple[tuple[float, int], ...]) -> int:
    return next((grade for most, grade in table if span <= most), 1)


def order(lane: str, due: float, score: float, opened: float, ticket: int) -> tuple[Any, ...]:
    """The order of work: safety, then by due; of equals the higher score, then the older, then the number."""
    return lane != SAFETY, due, -score, opened, ticket

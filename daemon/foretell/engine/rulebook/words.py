"""The words of a rule file, as models that refuse what they do not know; meanings stand with conditions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foretell.authored.validate import Duration, Strict, Text

Limit = Annotated[str | float, Field(description='a quantity with its unit, such as "0.4 s"')]
Words = str | list[str]
Moment = Literal[
    "leaving-home", "coming-home", "at-home", "parking", "visitors", "night", "emergency", "behind-the-scenes"
]
"""Moments of truth: when and where owners meet a device."""


class CountModel(Strict):
    """Events: at least so many over a time, or per so many operations of another signal ("100 trips")."""

    at_least: Annotated[int, Field(ge=1, le=1000)]
    over: Duration | None = None
    per: str | None = Field(default=None, description='operations, such as "100 trips"')
    is_: Words | None = Field(default=None, alias="is")
    above: Limit | None = None
    below: Limit | None = None


class RateModel(Strict):
    """How fast it changes: a robust slope over a time, in the signal's unit per time ("2 degC/h")."""

    above: Limit | None = None
    below: Limit | None = None
    over: Duration
    at_least: Annotated[int, Field(ge=3, le=64)] = 6


class ForecastModel(Strict):
    """A trend that will reach a limit `within` a time, fitted to what was seen `from` a time ago."""

    reaches: Limit | None = None
    falls_to: Limit | None = None
    within: Duration
    from_: Duration = Field(alias="from")
    at_least: Duration
    fit: Annotated[float, Field(ge=0.1, le=0.95, strict=False)] = 0.5


class DriftModel(Strict):
    """A lasting shift away from the device's own reference (CUSUM or Page-Hinkley)."""

    up: Limit | None = None
    down: Limit | None = None
    against: Duration
    at_least: Annotated[int, Field(ge=8, le=100_000)] = 30
    decision: Annotated[float, Field(ge=1, le=100, strict=False)] = 5.0
    median: Duration | None = None
    method: Literal["cusum", "page-hinkley"] = "cusum"


class PeersModel(Strict):
    """Apart from its siblings: by so many spreads, by a quantity, or by a share of their median."""

    up: Limit | None = None
    down: Limit | None = None
    apart: Limit | None = None
    among: Literal["kind", "model", "place", "building", "parts"] = "kind"
    at_least: Annotated[int, Field(ge=3, le=1000)] = 4
    median: Duration = 86400.0
    beyond: Limit | None = None


class ExpectedModel(Strict):
    """Unlike its own habit at this hour of the week: a value, a number of events, or a silence."""

    up: Limit | None = None
    down: Limit | None = None
    silence: Limit | None = Field(default=None, description='how unlikely the silence must be, such as "1 %"')
    at_least: Duration | None = None
    learn: Duration = 28 * 86400.0


class StuckModel(Strict):
    """A value that does not move `over` a time by more than `within`, though it keeps coming."""

    over: Duration
    within: Limit | None = None
    at_least: Annotated[int, Field(ge=2, le=1_000_000)] = 10


class FlappingModel(Strict):
    """A state that changes too often, or a value that crosses a limit too often."""

    at_least: Annotated[int, Field(ge=2, le=1000)]
    over: Duration
    above: Limit | None = None
    below: Limit | None = None


class UsedModel(Strict):
    """Life consumed by a counter since the last replacement, of the life that the maker gives."""

    of: Limit
    at: Limit = "100 %"
    from_: Literal["zero", "first"] = Field(default="first", alias="from")


class ThenModel(Strict):
    """What must follow, and within which time; with `at_least` and `over`, how often it may fail to."""

    signal: str
    is_: Words | None = Field(default=None, alias="is")
    above: Limit | None = None
    below: Limit | None = None
    within: Duration
    at_least: Annotated[int, Field(ge=1, le=1000)] = 1
    over: Duration | None = None


class ConditionModel(Strict):
    """One condition on a signal, or `all`, `any`, `not` of further ones."""

    all: list[ConditionModel] | None = Field(default=None, min_length=1, max_length=16)
    any: list[ConditionModel] | None = Field(default=None, min_length=1, max_length=16)
    not_: ConditionModel | None = Field(default=None, alias="not")
    signal: str | None = None
    above: Limit | None = None
    below: Limit | None = None
    outside: list[Limit] | None = Field(default=None, min_length=2, max_length=2)
    is_: Words | None = Field(default=None, alias="is")
    count: CountModel | None = None
    rate: RateModel | None = None
    forecast: ForecastModel | None = None
    drift: DriftModel | None = None
    peers: PeersModel | None = None
    expected: ExpectedModel | None = None
    stuck: StuckModel | None = None
    flapping: FlappingModel | None = None
    used: UsedModel | None = None
    then: ThenModel | None = None
    silent: Duration | None = None


class UnlessModel(ConditionModel):
    """A condition that explains the other; `after` is how long it goes on doing so once it is over."""

    after: Duration | None = None


class ClearModel(Strict):
    """When an open watch clears; without it, as soon as the condition is false."""

    signal: str | None = None
    above: Limit | None = None
    below: Limit | None = None
    is_: Words | None = Field(default=None, alias="is")
    for_: Duration | None = Field(default=None, alias="for")
    quiet: Duration | None = Field(default=None, description="no counted event for so long")


class WhereModel(Strict):
    """Which devices the rule is for: patterns with * and ?; all that is given must fit."""

    place: Words | None = None
    model: Words | None = None
    id: Words | None = None


class LimitModel(Strict):
    """A named limit (`$name`), and how far a site, a place or a device may move it."""

    value: Limit
    between: list[Limit] = Field(min_length=2, max_length=2)


class TicketModel(Strict):
    """The work that the rule asks for."""

    failure_mode: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    route: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    within: Duration
    noticed_in: Literal["now"] | Duration | None = Field(
        default=None, description="how long until owners notice, where the condition does not forecast it"
    )
    safety: bool = Field(default=False, description="people are in danger: at once, before all else")
    do: Text


class ExpectModel(Strict):
    """What a test expects: when it opens and clears, how many tickets, and whether it holds at the end."""

    opens: str | None = None
    clears: str | None = None
    tickets: Annotated[int, Field(ge=0, le=10_000)] | None = None
    holds: bool | None = None


class TestModel(Strict):
    """One test of a rule: what devices say, what people do, and what must come of it."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    start: str | None = Field(default=None, description='local time, such as "2026-03-02 08:00"')
    series: dict[str, str] = Field(default={}, max_length=64)
    acts: list[str] = Field(default=[], max_length=64)
    devices: dict[str, dict[str, str]] = Field(default={}, max_length=64)
    expect: ExpectModel


class RuleModel(Strict):
    """A rule as an engineer writes it (`rules/<kind>/<name>.yaml`)."""

    title: Text
    mode: Literal["off", "shadow", "live"] = "live"
    kind: str
    moment: Moment | None = Field(default=None, description="what owners are about to do when it fails them")
    by: str | None = None
    where: WhereModel | None = None
    limits: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], LimitModel] = Field(
        default={}, max_length=16
    )
    when: ConditionModel
    for_: Duration | None = Field(default=None, alias="for")
    clear: ClearModel | None = None
    on_missing: Literal["hold", "reset", "open"] = "hold"
    min_coverage: Limit | None = Field(default=None, description="share of a window that must have been seen")
    during: Words | None = Field(default=None, description="calendars of the site: judged only then")
    except_: Words | None = Field(default=None, alias="except", description="calendars: not judged then")
    unless: list[str | UnlessModel] = Field(default=[], max_length=16)
    budget: Annotated[int, Field(ge=1, le=1000)] = 20
    reset_on: Literal["repair", "never"] = "repair"
    ticket: TicketModel
    source: str | None = Field(default=None, description="where the limits come from")
    proven: str | None = Field(
        default=None, description="what a live rule rests on: a shadow run, a backtest"
    )
    tests: list[TestModel] = Field(default=[], max_length=32)

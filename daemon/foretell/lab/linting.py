"""What is allowed and yet doubtful: rules held against the pace of devices, the site and each other.

Each check looks at one rule (or the site) and yields findings. A finding is a warning, or an error where
the rule could never work. How often a device speaks is what its profile says with `every`; a profile
without it speaks on change, and so do states and events with any: nothing is said of their pace. What
asks who is there, and who feeds a rule, is told of a site's own rules; shipped ones are for many sites.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from foretell.authored.document import Document, read
from foretell.authored.document import Path as Place
from foretell.authored.problems import Problem
from foretell.authored.quantity import spell_duration
from foretell.authored.validate import check
from foretell.config import Bundle, SiteModel, Source, shipped
from foretell.engine.conditions import Condition
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected
from foretell.engine.following import Then
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers
from foretell.engine.rule import ANY_KIND, LIVE, OFF, RULE, VIA, Rule
from foretell.engine.rulebook.words import ConditionModel, RuleModel
from foretell.engine.standing import Flapping, Stuck
from foretell.engine.trending import FIT_MIN, RATE_SLOTS, Forecast, Rate
from foretell.intake.fold import Plan
from foretell.intake.profiles import STALE_AFTER, Profile
from foretell.site.estate import Facts
from foretell.site.kinds import BUILT_IN
from foretell.site.listing import read_listing

AHEAD = timedelta(days=60)
"""So long before the known working days run out it is told: next year's are given out each November."""

GAP_SHARE = 100
"""A reference takes no more than this part of its time from one gap (see Drift)."""


class Finding(NamedTuple):
    """Something doubtful, by its place inside the file."""

    at: Place
    message: str
    hint: str = ""
    severity: str = "warning"


class Leaf(NamedTuple):
    """A condition of a rule as it was written, where it stands, and what became of it."""

    at: Place
    model: ConditionModel
    condition: Condition


class Scene(NamedTuple):
    """All that a rule is held against."""

    plan: Plan
    feeds: Mapping[tuple[str, str], list[Profile]]
    """The profiles that read a signal, by kind and signal; of kinds whose profiles are all sound."""
    known: frozenset[str]
    """The kinds whose profiles are known: a signal of theirs without one is fed by nobody."""
    listed: bool
    """The site lists devices, so what it does not list is not there."""
    shadowed: Mapping[str, int]

    def of(self, rule: Rule, signal: str) -> list[Profile]:
        return self.feeds.get((rule.kind, signal), [])

    def devices(self, kind: str) -> list[Facts]:
        return [facts for facts in self.plan.estate.devices.values() if kind in (facts.kind, ANY_KIND)]


def lint(bundle: Bundle, plan: Plan, store: Path | None = None, now: float | None = None) -> list[Problem]:
    """What is doubtful in a plan, or in what is sound of one.

    `store` is the folder of the site's ledger, where the shadow of a rule is looked for; `now` (Unix
    seconds) tells whether the known working days soon run out.
    """
    scene = _scene(bundle, plan, store)
    beside = scene._replace(feeds=_of_the_site(bundle, scene.feeds))
    problems: list[Problem] = []
    for source in bundle.sources:
        rule = plan.rulebook.written.get(source.key.removeprefix("rules/").removesuffix(".yaml"))
        if rule is None or not source.key.startswith("rules/"):
            continue
        document, _ = read(source.text, source.label)
        own = not _is_shipped(source)
        for each in (*ALWAYS, *(OF_ITS_OWN if own else ()), *(ON_SITE if own and scene.listed else ())):
            problems += [_problem(document, finding) for finding in each(rule, scene if own else beside)]
        problems += _unused(document, rule)
        problems += _wrong_tests(document, rule, plan)
    if bundle.site is not None and now is not None:
        problems += _working_days(bundle.site, datetime.fromtimestamp(now, UTC).date())
    return problems


def _problem(document: Document, finding: Finding) -> Problem:
    return document.problem_at(finding.at, finding.message, finding.hint, finding.severity)


def _wrong_tests(document: Document, rule: Rule, plan: Plan) -> list[Problem]:
    # Only here: who runs tests gathers its files as who checks them does.
    from foretell.lab.testing import test_problems

    return test_problems(document, rule, plan.kinds, plan.rulebook.zone)


def _is_shipped(source: Source) -> bool:
    room = "rules" if source.key.startswith("rules/") else "sensors"
    return Path(source.label).resolve().is_relative_to(shipped(room).resolve())


def _of_the_site(
    bundle: Bundle, feeds: Mapping[tuple[str, str], list[Profile]]
) -> dict[tuple[str, str], list[Profile]]:
    """The profiles that people wrote themselves: how what is shipped goes together is no news to them."""
    own = {source.key for source in bundle.sources if not _is_shipped(source)}
    kept = {key: [each for each in known if f"sensors/{each.id}.yaml" in own] for key, known in feeds.items()}
    return {key: known for key, known in kept.items() if known}


def _scene(bundle: Bundle, plan: Plan, store: Path | None) -> Scene:
    feeds: dict[tuple[str, str], list[Profile]] = {}
    for profile in plan.profiles.by_id.values():
        for signal in {extract.signal.name for extract in profile.extracts}:
            feeds.setdefault((profile.kind, signal), []).append(profile)
    kinds = Counter(profile.kind for profile in plan.profiles.by_id.values())
    unread = {
        key.split("/")[0]
        for source in bundle.sources
        if source.key.startswith("sensors/") and not source.key.endswith("/kind.yaml")
        if (key := source.key.removeprefix("sensors/").removesuffix(".yaml")) not in plan.profiles.by_id
    }
    known = frozenset(kinds) - unread
    feeds = {key: profiles for key, profiles in feeds.items() if key[0] in known}
    return Scene(plan, feeds, known, bool(plan.estate.devices), _shadowed(store))


def _shadowed(store: Path | None) -> dict[str, int]:
    """Tickets of rules in shadow; none where there is no ledger that can be read."""
    if store is None or not (store / "ledger.db").is_file():
        return {}
    from foretell.tickets.ledger import Ledger  # a third of a second, which most checks need not pay
    from foretell.tickets.store import StoreError

    try:
        ledger = Ledger(store / "ledger.db", write=False)
    except (StoreError, OSError):
        return {}
    try:
        return ledger.shadowed()
    finally:
        ledger.close()


def leaves(rule: Rule) -> list[Leaf]:
    """The conditions of a rule in the order in which they were compiled."""
    model: RuleModel = rule.authored
    written = _written(model.when, ("when",))
    return [Leaf(*each, condition) for each, condition in zip(written, rule.conditions, strict=True)]


def _written(model: ConditionModel, at: Place) -> Iterator[tuple[Place, ConditionModel]]:
    below = [
        (verb, index, each)
        for verb in ("all", "any")
        for index, each in enumerate(getattr(model, verb) or ())
    ]
    for verb, index, each in below:
        yield from _written(each, (*at, verb, index))
    if model.not_ is not None:
        yield from _written(model.not_, (*at, "not"))
    elif not below:
        yield at, model


# -- pace -------------------------------------------------------------------------------------------


def _pace(profile: Profile) -> float:
    """Seconds between two readings; infinite where it speaks on change."""
    return profile.holds / STALE_AFTER


def _slowest_to_fastest(scene: Scene, rule: Rule, signal: str) -> list[float]:
    """The paces of all profiles that read a measured value; empty if one of them has none to go by."""
    kind = scene.plan.kinds.get(rule.kind)
    if kind is None or signal not in kind.signals or not kind.signals[signal].numeric:
        return []
    paces = sorted((_pace(profile) for profile in scene.of(rule, signal)), reverse=True)
    return [] if math.inf in paces else paces


def _dwell(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """`for` that one reading can fill."""
    for leaf in leaves(rule):
        paces = _slowest_to_fastest(scene, rule, leaf.condition.signal)
        if rule.dwell and paces and isinstance(leaf.condition, Level | Rate) and rule.dwell < 2 * paces[-1]:
            every, least = spell_duration(paces[-1]), spell_duration(2 * paces[-1])
            message = f"one reading of '{leaf.condition.signal}' can fill this: one comes every {every}"
            yield Finding(("for",), message, f"make it at least {least}")
            return


class Need(NamedTuple):
    """How many readings a window takes, and how many it must have, at a given pace."""

    key: str
    holds: float
    needs: float
    never: bool


def _need(condition: Condition, pace: float) -> Need | None:
    """What the window of a condition needs; None if it has none, or none of a certain size."""
    match condition:
        case Rate():
            return Need(
                "rate.over", math.ceil(condition.over / pace), min(condition.at_least, RATE_SLOTS), True
            )
        case Count() if condition.type == "gauge" and condition.over:
            return Need("count.over", condition.over // pace + 1, condition.limit, True)
        case Flapping() if condition.type == "gauge":
            return Need("flapping.over", condition.over // pace + 1, condition.at_least, True)
        case Forecast():
            return Need("forecast.from", condition.history // pace, FIT_MIN, False)
        case Drift() if condition.bucket:
            return Need("drift.median", condition.bucket // pace, 1, False)
        case Peers():
            return Need("peers.median", condition.bucket // pace, 1, False)
        case Expected() if condition.type == "gauge":
            return Need("expected", 3600 // pace, 1, False)
        case _:
            return None


def _windows(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """Windows that cannot hold what they must, at the pace at which readings come."""
    for leaf in leaves(rule):
        paces = _slowest_to_fastest(scene, rule, leaf.condition.signal)
        short = [
            (pace, need)
            for pace in paces
            if (need := _need(leaf.condition, pace)) and need.holds < need.needs
        ]
        if not short:
            continue
        pace, need = short[-1]  # at the best that there is
        at = (*leaf.at, *need.key.split("."))
        every, readings = spell_duration(pace), "reading" if need.needs == 1 else "readings"
        message = (
            f"'{leaf.condition.signal}' is read every {every}: this holds {need.holds:.0f} of the "
            f"{need.needs:.0f} {readings} that it needs"
        )
        severity = "error" if need.never and len(short) == len(paces) else "warning"
        yield Finding(at, message, f"make it at least {spell_duration(need.needs * pace)}", severity)


def _slow(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """What would take much longer to know than the rule says."""
    for at, model, condition in leaves(rule):
        paces = _slowest_to_fastest(scene, rule, condition.signal)
        if not paces:
            continue
        pace = paces[-1]
        if isinstance(condition, Drift):
            each = max(condition.bucket, pace)
            gaps = max(1.0, pace * GAP_SHARE / condition.against)
            takes, says, key = (
                max(condition.at_least * each, condition.against * gaps),
                condition.against,
                "against",
            )
        elif isinstance(condition, Stuck):
            takes, says, key = (condition.at_least - 1) * pace, condition.over, "over"
        else:
            continue
        if takes > 1.5 * says:
            verb = "drift" if model.drift else "stuck"
            every, long = spell_duration(pace), spell_duration(takes)
            message = f"'{condition.signal}' is read every {every}: this will take {long}"
            yield Finding((*at, verb, key), message, "lower 'at_least', or allow for it")


def _silence(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """A silence that is nothing but the time between two readings; a reply that cannot have come yet."""
    for at, _, condition in leaves(rule):
        if isinstance(condition, Silent):
            paces = _slowest_to_fastest(scene, rule, condition.signal)
            if not condition.signal:
                paces = _whole_device(scene, rule)
            if paces and condition.limit < 2 * paces[-1]:
                severity = "error" if condition.limit <= paces[-1] else "warning"
                message = f"silence is usual for so long: one reading comes every {spell_duration(paces[-1])}"
                hint = f"make it at least {spell_duration(2 * paces[-1])}"
                yield Finding((*at, "silent"), message, hint, severity)
        if isinstance(condition, Then):
            paces = _slowest_to_fastest(scene, rule, condition.follow_signal)
            if paces and condition.within < paces[-1]:
                message = f"'{condition.follow_signal}' is read only every {spell_duration(paces[-1])}"
                hint = f"give it at least {spell_duration(paces[-1])}"
                yield Finding((*at, "then", "within"), message, hint)


def _whole_device(scene: Scene, rule: Rule) -> list[float]:
    """How often devices of the kind speak at all."""
    if rule.kind not in scene.known:
        return []
    speak = [profile for profile in scene.plan.profiles.by_id.values() if profile.kind == rule.kind]
    paces = sorted((_pace(profile) for profile in speak), reverse=True)
    return [] if math.inf in paces else paces


# -- who feeds it -----------------------------------------------------------------------------------


def _unfed(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """Signals that no profile reads."""
    if rule.kind not in scene.known:
        return
    asked = [(name, at) for leaf in leaves(rule) for name, at in _asked(leaf)]
    asked += [
        (name, ("unless", index))
        for index, each in enumerate(rule.unless)
        for name in each.condition.signals
        if not name.startswith("$")
    ]
    if rule.clear is not None and rule.clear.level is not None:
        asked.append((rule.clear.level.signal, ("clear",)))
    told = set()
    for name, at in asked:
        if name not in BUILT_IN and name not in told and not scene.of(rule, name):
            told.add(name)
            message = f"no profile of '{rule.kind}' reads '{name}': it will never be known"
            yield Finding(at, message, "add it to a profile in sensors/, or leave it out")


def _asked(leaf: Leaf) -> Iterator[tuple[str, Place]]:
    """The signals of a condition with the place where each is named."""
    condition, at = leaf.condition, leaf.at
    for name in condition.signals:
        if name == condition.signal:
            yield name, (*at, "signal")
        elif isinstance(condition, Then):
            yield name, (*at, "then", "signal")
        else:
            yield name, (*at, "count", "per")


def _parts(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """A part that no profile tells."""
    names = {leaf.condition.signal for leaf in leaves(rule)}
    kind = scene.plan.kinds.get(rule.kind)
    if not rule.by or kind is None:
        return
    told = [
        extract
        for name in sorted(names)
        if name in kind.signals and kind.signals[name].part == rule.by
        for profile in scene.of(rule, name)
        for extract in profile.extracts
        if extract.signal.name == name
    ]
    if told and not any(extract.part or extract.part_steps for extract in told):
        message = f"no profile tells which '{rule.by}' a value belongs to: the device will have one watch"
        yield Finding(("by",), message, "give 'fields' or 'part' in the profile, or leave 'by' out")


# -- what is written beside it ------------------------------------------------------------------------


def _untested(rule: Rule, scene: Scene) -> Iterator[Finding]:
    model: RuleModel = rule.authored
    if not model.tests and rule.mode != OFF:
        hint = "write under 'tests' what must open it and what must not"
        yield Finding((), "this rule has no tests", hint)


def _unproven(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """Live, and nobody has seen what it would have done."""
    model: RuleModel = rule.authored
    if rule.mode == LIVE and not model.proven and not scene.shadowed.get(rule.id):
        hint = "let it run in shadow first, or say under 'proven' what it rests on"
        yield Finding(("mode",), "this rule is live, and nothing says how it has done", hint)


def _in_time(rule: Rule, scene: Scene) -> Iterator[Finding]:
    model: RuleModel = rule.authored
    if model.ticket.within < rule.dwell:
        hint = "give people more time, or wait less"
        yield Finding(
            ("ticket", "within"), "less time to repair it than the rule itself waits with 'for'", hint
        )


def _unused(document: Document, rule: Rule) -> list[Problem]:
    """Named limits that stand nowhere: whoever moves one moves nothing."""
    used = set(_texts({key: each for key, each in document.value.items() if key != "limits"}))
    return [
        document.problem_at(
            ("limits", name),
            f"the limit '{name}' is used nowhere",
            f"write ${name} where it stands",
            "warning",
        )
        for name, _ in rule.limits
        if f"${name}" not in used
    ]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _held_by_nothing(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """An inhibitor that is switched off."""
    for index, each in enumerate(rule.unless):
        for name in each.condition.signals:
            other = (
                scene.plan.rulebook.written.get(name.removeprefix(RULE)) if name.startswith(RULE) else None
            )
            if other is not None and other.mode == OFF:
                yield Finding(("unless", index), f"{other.id} is off: it never holds anything back")


def _routes(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """The same fault of the same device goes to whoever's rule opens first; told of the odd one out."""
    alike = [
        other
        for other in scene.plan.rulebook.rules.values()
        if other.kind == rule.kind and other.failure_mode == rule.failure_mode
    ]
    usual = Counter(other.authored.ticket.route for other in alike).most_common(1)
    route = usual[0][0] if usual else ""
    if rule.mode != OFF and route != rule.authored.ticket.route:
        other = next(other for other in alike if other.authored.ticket.route == route)
        message = f"{other.id} sends '{rule.failure_mode}' to '{route}': one ticket, two routes"
        yield Finding(("ticket", "route"), message, "give both the same route, or two failure modes")


# -- the site ---------------------------------------------------------------------------------------


def _absent(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """A rule that watches no device of the site."""
    devices = scene.devices(rule.kind)
    if any(rule.where.takes(facts) for facts in devices):
        return
    if not devices:
        yield Finding(("kind",), f"this site lists no device of the kind '{rule.kind}'")
        return
    for key in rule.where._fields:
        alone = type(rule.where)(**{key: getattr(rule.where, key)})
        if not any(alone.takes(facts) for facts in devices):
            yield Finding(("where", key), f"this fits none of the {len(devices)} devices that the site lists")
            return
    yield Finding(
        ("where",), f"all of this together fits none of the {len(devices)} devices that the site lists"
    )


def _no_gateway(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """Waiting for a gateway where nothing hangs on one."""
    devices = [facts for facts in scene.devices(rule.kind) if rule.where.takes(facts)]
    if not devices or any(facts.via for facts in devices):
        return
    for index, each in enumerate(rule.unless):
        if each.condition.signal == VIA:
            hint = "say in site.yaml with 'via' what the devices hang on, or leave it out"
            yield Finding(
                ("unless", index), "no device of this rule hangs on a gateway: this never comes", hint
            )


def _lonely(rule: Rule, scene: Scene) -> Iterator[Finding]:
    """Peers of whom there are too few."""
    devices = [facts for facts in scene.devices(rule.kind) if rule.where.takes(facts)]
    for leaf in leaves(rule):
        condition = leaf.condition
        if not isinstance(condition, Peers) or condition.among == "parts" or rule.by or not devices:
            continue
        groups = Counter(_group(facts, condition.among) for facts in devices)
        del groups[""]
        most = max(groups.values(), default=0)
        if most < condition.at_least:
            message = (
                f"the largest group on this site has {most} devices, and {condition.at_least} are needed"
            )
            yield Finding(
                (*leaf.at, "peers"), message, "compare among more, or ask for fewer with 'at_least'"
            )


def _group(facts: Facts, among: str) -> str:
    """Whom a device is compared with, as the engine has it."""
    if among == "model":
        return facts.model
    if among in ("place", "building"):
        return (facts.place or ("",))[-1 if among == "place" else 0]
    return facts.kind


def _working_days(site: Source, today: date) -> list[Problem]:
    """Calendars of the site whose working days are not known for long."""
    document, problems = read(site.text, site.label)
    model, _ = (None, []) if problems else check(document, SiteModel)
    listing = None if model is None else read_listing(document, model)[0]
    if model is None or listing is None:
        return []
    found = []
    for name in model.calendars:
        calendar = listing.calendars.get(name)
        until = calendar.known_until() if calendar is not None else None
        by_hand = max((day[:10] for day in model.calendars[name].make_up), default="")
        if until is None or until - today > AHEAD or by_hand > until.isoformat():
            continue
        message = f"the working days of {model.holidays} are known until {until.isoformat()} only"
        hint = "install newer holidays, or write the days under 'make_up' and 'closed'"
        found.append(document.problem_at(("calendars", name), message, hint, "warning"))
    return found


Check = Callable[[Rule, Scene], Iterator[Finding]]

ALWAYS: tuple[Check, ...] = (
    _dwell, _windows, _slow, _silence, _untested, _unproven, _in_time, _held_by_nothing, _routes,
)  # fmt: skip
OF_ITS_OWN: tuple[Check, ...] = (_unfed, _parts)
ON_SITE: tuple[Check, ...] = (_absent, _no_gateway, _lonely)

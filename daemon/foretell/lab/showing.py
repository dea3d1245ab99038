"""The rules of a site, listed and shown: what each asks, which limits hold where, and who set them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from foretell.authored.document import read
from foretell.authored.problems import did_you_mean
from foretell.authored.validate import check
from foretell.config import Bundle, SiteModel, Source
from foretell.engine.rule import ANY_KIND, OFF, Rule
from foretell.intake.fold import Plan
from foretell.lab.command import plan_of
from foretell.lab.phrasing import Phrases
from foretell.site.estate import Facts
from foretell.site.kinds import ANY, Kind
from foretell.site.listing import Limits, Listing, no_site, read_listing
from foretell.web.words import say

LANGUAGES = ("en", "zh")
MOMENTS = {
    "leaving-home": ("Leaving home", "出门"),
    "coming-home": ("Coming home", "回家"),
    "at-home": ("At home", "居家"),
    "parking": ("Parking", "停车"),
    "visitors": ("Visitors", "访客"),
    "night": ("Night", "夜间"),
    "emergency": ("Emergency", "紧急情况"),
    "behind-the-scenes": ("Behind the scenes", "幕后"),
}
"""Moments of truth in the order of an owner's day; what names none is behind the scenes."""

BEHIND = "behind-the-scenes"


class NoSuchRule(LookupError):
    """There is no rule of that name; the message says which may be meant."""


class Book(NamedTuple):
    """The files of a site with all that they come to."""

    bundle: Bundle
    plan: Plan
    listing: Listing

    def rule(self, rule_id: str) -> Rule:
        """The rule of this id, also one that is off. Raises NoSuchRule."""
        written = self.plan.rulebook.written
        if rule_id not in written:
            hint = did_you_mean(rule_id, written)
            raise NoSuchRule(f"there is no rule '{rule_id}'{'; ' * bool(hint)}{hint}")
        return written[rule_id]

    def kind(self, name: str) -> Kind | None:
        return ANY if name == ANY_KIND else self.plan.kinds.get(name)

    def source(self, rule_id: str) -> Source | None:
        """The file of a rule."""
        key = f"rules/{rule_id}.yaml"
        return next((source for source in self.bundle.sources if source.key == key), None)


def open_book(bundle: Bundle) -> Book:
    """The files of a bundle, read. Raises RecordingError with what is wrong with them."""
    return Book(bundle, plan_of(bundle), listing_of(bundle))


def listing_of(bundle: Bundle) -> Listing:
    """What the site of a bundle lists; where there is none, or it cannot be read, what every site has."""
    if bundle.site is None:
        return no_site()
    document, problems = read(bundle.site.text, bundle.site.label)
    model, _ = (None, []) if problems else check(document, SiteModel)
    listing = read_listing(document, model)[0] if model else None
    return listing or no_site()


def both(group: str, word: str) -> dict[str, str]:
    """The page's words for a word of the machine's, in both languages."""
    return {language: say(language, f"{group}.{word}") if word else "" for language in LANGUAGES}


def _phrased(book: Book, rule: Rule) -> list[tuple[str, Phrases]]:
    return [(language, Phrases(book.kind(rule.kind), language)) for language in LANGUAGES]


# -- the list ---------------------------------------------------------------------------------------


def rule_rows(book: Book, kind: str = "", mode: str = "") -> list[dict[str, Any]]:
    """Every rule, by the moment at which owners would meet what it looks for."""
    rules = [
        rule
        for rule in book.plan.rulebook.written.values()
        if kind in ("", rule.kind) and mode in ("", rule.mode)
    ]
    order = list(MOMENTS)
    rows = [_row(book, rule) for rule in rules]
    return sorted(rows, key=lambda row: (order.index(row["moment"]), row["rule"]))


def _row(book: Book, rule: Rule) -> dict[str, Any]:
    model = rule.authored
    return {
        "rule": rule.id, "moment": model.moment or BEHIND, "mode": rule.mode, "kind": rule.kind,
        "title": {language: phrases.title(rule) for language, phrases in _phrased(book, rule)},
        "failure_mode": rule.failure_mode, "failure": both("fault", rule.failure_mode),
        "route": model.ticket.route, "for": both("route", model.ticket.route), "within": model.ticket.within,
    }  # fmt: skip


# -- one rule ---------------------------------------------------------------------------------------


def rule_shown(book: Book, rule_id: str, facts: Facts | None = None) -> dict[str, Any]:
    """One rule in plain words, as it stands for a device if one is given. Raises NoSuchRule."""
    rule = book.rule(rule_id)
    if facts is not None:
        rule = book.plan.rulebook.variants.get((rule_id, facts.device), rule)
    model, source = rule.authored, book.source(rule_id)
    phrased = _phrased(book, rule)
    return _row(book, rule) | {
        "kind_title": {language: phrases.kind_title(rule) for language, phrases in phrased},
        "revision": rule.revision, "file": source.label if source else "", "by": rule.by,
        "when": {language: phrases.when(rule) for language, phrases in phrased},
        "clear": {language: phrases.clear(rule) for language, phrases in phrased},
        "unless": {language: phrases.unless(rule) for language, phrases in phrased},
        "during": _listed(model.during), "except": _listed(model.except_),
        "where": {key: list(value) for key, value in rule.where._asdict().items() if value},
        "on_missing": rule.on_missing, "budget": rule.budget,
        "do": {language: getattr(model.ticket.do, language) for language in LANGUAGES},
        "source": model.source, "proven": model.proven, "limits": limits_of(book, rule, facts),
        "device": None if facts is None else watching(rule, facts),
    }  # fmt: skip


def _listed(words: str | Sequence[str] | None) -> list[str]:
    return [words] if isinstance(words, str) else list(words or ())


def limits_of(book: Book, rule: Rule, facts: Facts | None) -> list[dict[str, Any]]:
    """Every named limit: its value, its bounds, and each file that set it, the one that counts last."""
    source = book.source(rule.id)
    document, _ = read(source.text, source.label) if source else (None, [])
    in_force = dict(rule.limits)
    found = []
    for name, limit in rule.authored.limits.items():
        line = document.position(("limits", name, "value"))[0] if document else 0
        written = f"{source.label}:{line}" if source else ""
        steps = [{"layer": "rule", "name": rule.id, "value": str(limit.value), "where": written}]
        steps += _moved(book.listing, rule.id, name, facts)
        value, bounds = in_force.get(name, str(limit.value)), [str(each) for each in limit.between]
        found.append({"name": name, "value": value, "between": bounds, "set_by": steps})
    return found


def _moved(listing: Listing, rule_id: str, name: str, facts: Facts | None) -> list[dict[str, Any]]:
    """Where the site, a place or the device itself set a limit, in the order in which they override."""
    model = listing.model
    layers: list[tuple[str, str, tuple[str, ...], Limits]] = [("site", "", ("limits",), model.limits)]
    for place in facts.place if facts else ():
        layers.append(("place", place, ("places", place, "limits"), model.places[place].limits))
    if facts and facts.device in model.devices:
        own = model.devices[facts.device].limits
        layers.append(("device", facts.device, ("devices", facts.device, "limits"), own))
    steps = []
    for layer, whose, path, limits in layers:
        if name in limits.get(rule_id, {}):
            line, _ = listing.document.position((*path, rule_id, name))
            steps.append(
                {"layer": layer, "name": whose, "value": str(limits[rule_id][name]),
                 "where": f"{listing.document.file}:{line}"}
            )  # fmt: skip
    return steps


def watching(rule: Rule, facts: Facts) -> dict[str, Any]:
    """Whether the rule watches the device, and why or why not."""
    en, zh = _why_not(rule, facts)
    if not en:
        en, zh = (
            ("it would open tickets in shadow only", "仅试运行，不派单")
            if rule.mode == "shadow"
            else ("kind and place fit, and the rule is live", "类型与位置相符，规则已启用")
        )
        return {"device": facts.device, "kind": facts.kind, "watched": True, "why": {"en": en, "zh": zh}}
    return {"device": facts.device, "kind": facts.kind, "watched": False, "why": {"en": en, "zh": zh}}


def _why_not(rule: Rule, facts: Facts) -> tuple[str, str]:
    """Why the rule does not watch the device; empty if it does."""
    if rule.mode == OFF:
        return "the rule is off", "规则已停用"
    if rule.kind not in (ANY_KIND, facts.kind):
        return (
            f"it is a device of the kind '{facts.kind}', the rule is for '{rule.kind}'",
            f"设备类型为“{facts.kind}”，规则只用于“{rule.kind}”",
        )
    if rule.where.takes(facts):
        return "", ""
    wrong = [
        (key, "/".join(patterns), have)
        for key, patterns, have in (
            ("id", rule.where.id, facts.device),
            ("model", rule.where.model, facts.model),
            ("place", rule.where.place, "/".join(facts.place)),
        )
        if patterns
        and not rule.where._replace(**{k: () for k in rule.where._fields if k != key}).takes(facts)
    ]
    en = "; ".join(f"its {key} is {have or 'not known'}, the rule wants {want}" for key, want, have in wrong)
    names = {"id": "编号", "model": "型号", "place": "位置"}
    zh = "；".join(f"{names[key]}为 {have or '未知'}，规则要求 {want}" for key, want, have in wrong)
    return en, zh

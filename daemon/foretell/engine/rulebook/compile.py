"""A whole rule: its tree, its times, its clearing, when and where it is judged; limits by name filled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from foretell.authored.document import Document, Path, read
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.validate import check
from foretell.engine.conditions import Condition, Node
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers
from foretell.engine.rule import ANY_KIND, MAINTENANCE, RULE, VIA, ClearWhen, Inhibitor, Rule, Where
from foretell.engine.rulebook.clauses import LEVELS, SPELT, VERBS, Clauses
from foretell.engine.rulebook.limits import Named, fill, named_limits
from foretell.engine.rulebook.words import ClearModel, ConditionModel, RuleModel, UnlessModel
from foretell.engine.trending import Forecast, Rate
from foretell.site.calendars import Calendar, Hours, Zone
from foretell.site.kinds import ANY, Kind
from foretell.site.listing import no_site

CONDITIONS_MAX = 32
COVERAGE = 0.5
RULE_ID = re.compile(r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*\Z")
INHIBITORS = {"in-maintenance": (MAINTENANCE, "on"), "gateway-offline": (VIA, "offline")}
TITLE_WORDS = ("device", "part", "place")


class Around(NamedTuple):
    """What of a site a rule leans on: its time zone and its calendars."""

    zone: Zone
    calendars: Mapping[str, Calendar]


def _nowhere() -> Around:
    """For a rule that is read on its own: the calendars that every site has."""
    listing = no_site()
    return Around(listing.zone, listing.calendars)


def read_rule(
    rule_id: str,
    text: str,
    file: str,
    kinds: Mapping[str, Kind],
    around: Around | None = None,
    moved: Mapping[str, Any] | None = None,
) -> tuple[Rule | None, list[Problem]]:
    """One rule from the text of its file, with the named limits in `moved` in place of its own."""
    document, problems = read(text, file)
    if not RULE_ID.match(rule_id):
        problems.append(
            Problem(file, 1, 1, "", "a rule's path is its name: <kind>/<name>.yaml in small letters")
        )
    if problems:
        return None, problems
    named, problems = named_limits(document, moved or {})
    if problems:
        return None, problems
    filled, problems = fill(document, named)
    if problems:
        return None, problems
    model, problems = check(document, RuleModel, filled)
    if model is None:
        return None, problems
    kind = ANY if model.kind == ANY_KIND else kinds.get(model.kind)
    if kind is None:
        hint = did_you_mean(model.kind, kinds) or f"known: {', '.join(sorted(kinds))}, {ANY_KIND}"
        return None, [document.problem_at(("kind",), f"unknown kind '{model.kind}'", hint)]
    around = around or _nowhere()
    coverage, problems = _coverage(document, model)
    clauses = Clauses(document, kind, around.zone, coverage)
    clauses.problems += problems
    return _Compiler(document, clauses, around).rule(rule_id, text, model, named), clauses.problems


def _coverage(document: Document, model: RuleModel) -> tuple[float, list[Problem]]:
    if model.min_coverage is None:
        return COVERAGE, []
    match = re.match(r"\s*([0-9]+(?:\.[0-9]*)?)\s*%\s*\Z", str(model.min_coverage))
    if match is None or not 0 < float(match[1]) <= 100:
        message = f"'{model.min_coverage}' is no share of a window: write it like '60 %'"
        return COVERAGE, [document.problem_at(("min_coverage",), message)]
    return float(match[1]) / 100, []


class _Compiler:
    """Puts one rule together out of its clauses."""

    def __init__(self, document: Document, clauses: Clauses, around: Around) -> None:
        self.document, self.clauses, self.around = document, clauses, around
        self.complain = clauses.complain
        self.conditions: list[Condition] = []

    def rule(self, rule_id: str, text: str, model: RuleModel, named: tuple[Named, ...]) -> Rule | None:
        tree = self._tree(model.when, ("when",))
        clear = self._clear(model.clear)
        unless = tuple(
            each for index, one in enumerate(model.unless) if (each := self._inhibitor(rule_id, one, index))
        )
        hours = self._hours(model)
        self._check_rule(rule_id, model)
        if tree is None or any(problem.severity == "error" for problem in self.clauses.problems):
            return None
        limits = tuple((each.name, each.text) for each in named)
        told = text + "".join(f"\0{name}={value}" for name, value in limits)
        return Rule(
            id=rule_id, revision=hashlib.sha256(told.encode()).hexdigest()[:12], kind=model.kind,
            by=model.by or "", tree=tree, conditions=tuple(self.conditions), clear=clear,
            dwell=model.for_ or 0.0, on_missing=model.on_missing,
            restart_on_repair=model.reset_on == "repair", failure_mode=model.ticket.failure_mode,
            authored=model, mode=model.mode, where=_where(model), hours=hours, unless=unless,
            budget=model.budget, limits=limits,
        )  # fmt: skip

    # -- the condition --------------------------------------------------------------------------------

    def _verbs(self, model: ConditionModel, at: Path) -> list[str]:
        """What a condition asks, one verb; or, with `then`, what happens and what must follow."""
        verbs = [verb for verb in VERBS if getattr(model, verb) is not None]
        level = [verb for verb in verbs if verb in ("above", "below")]
        if len(verbs) == 1 or (verbs and verbs == level):
            return verbs
        if verbs and verbs[-1] == "then" and len(verbs) == 2 and verbs[0] in LEVELS and verbs[0] != "outside":
            return verbs
        found = ", ".join(verb.rstrip("_") for verb in verbs) or "none"
        self.complain(at, f"a condition asks one thing; found {found}", f"use one of {', '.join(SPELT)}")
        return []

    def _tree(self, model: ConditionModel, at: Path, negated: bool = False) -> Node | None:
        verbs = self._verbs(model, at)
        if not verbs:
            return None
        verb = verbs[0]
        if verb in ("all", "any"):
            self._bare(model, verb, at)
            inside = enumerate(getattr(model, verb))
            below = [self._tree(each, (*at, verb, index), negated) for index, each in inside]
            return None if None in below else Node(verb, below=tuple(node for node in below if node))
        if verb == "not_":
            self._bare(model, "not", at)
            inner = self._tree(model.not_, (*at, "not"), not negated) if model.not_ else None
            return inner and Node("not", below=(inner,))
        condition = self.clauses.condition(model, verbs, at, negated)
        if condition is None:
            return None
        if len(self.conditions) == CONDITIONS_MAX:
            self.complain(at, f"more than {CONDITIONS_MAX} conditions in one rule")
        self.conditions.append(condition)
        return Node("leaf", leaf=len(self.conditions) - 1)

    def _bare(self, model: ConditionModel, verb: str, at: Path) -> None:
        if model.signal is not None:
            self.complain(
                (*at, "signal"), f"'{verb}' has no signal of its own: write it into the conditions inside"
            )

    # -- when it clears -------------------------------------------------------------------------------

    def _clear(self, model: ClearModel | None) -> ClearWhen | None:
        if model is None:
            return None
        verbs = [verb for verb in ("above", "below", "is_", "quiet") if getattr(model, verb) is not None]
        if len(verbs) != 1:
            self.complain(("clear",), "clear needs one of 'above', 'below', 'is' and 'quiet'")
            return None
        if model.quiet is not None:
            return self._quiet(model, model.quiet)
        names = {signal.name for signal in self.clauses.signals}
        name = model.signal or (names.pop() if len(names) == 1 else None)
        if name is None:
            self.complain(("clear",), "the key 'signal' is required: this rule asks about several")
            return None
        signal = self.clauses.signal(name, ("clear", "signal"))
        level = signal and self.clauses.level(signal, verbs[0], model, ("clear",))
        if signal is None or level is None:
            return None
        self.clauses.signals.append(signal)
        self._check_side(level, verbs[0].rstrip("_"))
        return ClearWhen(level=level, dwell=model.for_ or 0.0)

    def _quiet(self, model: ClearModel, quiet: float) -> ClearWhen:
        counts = [condition for condition in self.conditions if isinstance(condition, Count)]
        if not counts:
            self.complain(("clear", "quiet"), "'quiet' goes with 'count': nothing is counted here")
        if model.signal is not None or model.for_ is not None:
            self.complain(("clear",), "'quiet' stands alone: it needs no 'signal' and no 'for'")
        return ClearWhen(quiet=quiet)

    def _check_side(self, clear: Level, verb: str) -> None:
        """A clear limit must lie on the good side of what opens, or the watch would flap for ever."""
        message = "this lies on the wrong side: the watch would clear while it is still bad"
        for opening in self.conditions:
            if opening.signal == clear.signal and _leads_to(opening, clear):
                self.complain(("clear", verb), message)
            if isinstance(opening, Forecast) and opening.signal == clear.signal:
                same_side = clear.above is not None if opening.up else clear.below is not None
                limit = clear.below if opening.up else clear.above
                past = limit is not None and (limit > opening.limit if opening.up else limit < opening.limit)
                if same_side or past:
                    self.complain(("clear", verb), message)
            if not isinstance(opening, Level) or opening.signal != clear.signal:
                continue
            if opening.outside:
                if _past(opening, clear):
                    self.complain(("clear", verb), message)
                continue
            wrong = (
                (clear.below is not None and opening.above is not None and clear.below > opening.above)
                or (clear.above is not None and opening.below is not None and clear.above < opening.below)
                or (clear.below is not None and opening.below is not None)
                or (clear.above is not None and opening.above is not None)
                or bool(set(clear.states) & set(opening.states))
            )
            if wrong and not opening.momentary:
                self.complain(("clear", verb), message)

    # -- when and where it is judged ------------------------------------------------------------------

    def _hours(self, model: RuleModel) -> Hours | None:
        during = self._calendars(model.during, "during")
        without = self._calendars(model.except_, "except")
        if not during and not without:
            return None
        hours = Hours(during, without)
        if not hours.open(0.0) and hours.next_edge(0.0) == float("inf"):
            self.complain(
                ("during",) if during else ("except",), "these hours never come: it would never be judged"
            )
        return hours

    def _calendars(self, words: str | list[str] | None, key: str) -> tuple[Calendar, ...]:
        names = [words] if isinstance(words, str) else words or []
        found = []
        for name in names:
            calendar = self.around.calendars.get(name)
            if calendar is None:
                known = self.around.calendars
                hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
                self.complain((key,), f"this site has no calendar '{name}'", hint)
            else:
                found.append(calendar)
        return tuple(found)

    def _inhibitor(self, rule_id: str, word: str | UnlessModel, index: int) -> Inhibitor | None:
        at: Path = ("unless", index)
        if isinstance(word, UnlessModel):
            verbs = self._verbs(word, at)
            if not verbs:
                return None
            if verbs[0] in ("all", "any", "not_"):
                self.complain(
                    at, "an entry of 'unless' is one condition", "write each as an entry of its own"
                )
                return None
            condition = self.clauses.condition(word, verbs, at, False)
            self._check_mute(condition, at)
            return None if condition is None else Inhibitor(condition, word.after or 0.0)
        if word in INHIBITORS:
            signal, state = INHIBITORS[word]
            return Inhibitor(Level(signal, states=(state,)))
        if RULE_ID.match(word):
            if word == rule_id:
                self.complain(at, "a rule cannot hold itself back")
            return Inhibitor(Level(RULE + word, states=("open",)))
        hint = (
            did_you_mean(word, INHIBITORS)
            or f"known: {', '.join(INHIBITORS)}, or a rule such as elevator/box-offline"
        )
        self.complain(at, f"'{word}' is nothing that could explain a fault", hint)
        return None

    def _check_mute(self, condition: Condition | None, at: Path) -> None:
        """What is always so, or is the very fault, would mute the rule for good."""
        if condition is not None and condition in self.conditions:
            self.complain(at, "this is the rule's own condition: it would never open")
        if not isinstance(condition, Level):
            return
        signal = self.clauses.kind.signals.get(condition.signal)
        if signal is not None and condition.states and set(condition.states) >= set(signal.values) != set():
            self.complain(at, f"'{signal.name}' always is one of these: the rule would never open")

    # -- the rest -------------------------------------------------------------------------------------

    def _check_rule(self, rule_id: str, model: RuleModel) -> None:
        if rule_id.split("/")[0] != model.kind:
            self.complain(
                ("kind",), f"this file stands in the folder of another kind: move it to {model.kind}/"
            )
        if model.by is not None:
            self._check_parts(model.by)
        texts = (("title",), model.title), (("ticket", "do"), model.ticket.do)
        for path, text in texts:
            for language, words in (("en", text.en), ("zh", text.zh)):
                self._check_words(words, (*path, language))
        learning = (Rate, Forecast, Peers, Expected)
        if model.min_coverage is not None and not any(isinstance(c, learning) for c in self.conditions):
            hint = "it goes with rate, forecast, peers and expected"
            self.complain(("min_coverage",), "no condition here looks at a window of samples", hint)
        for key in ("place", "model", "id"):
            if model.where is not None and getattr(model.where, key) == []:
                self.complain(("where", key), "this takes no device", "name at least one, or leave it out")
        if model.proven is not None and not model.proven.strip():
            self.complain(("proven",), "must not be empty", "say what the rule rests on, or leave it out")

    def _check_words(self, text: str, at: Path) -> None:
        for word in re.findall(r"\{([^{}]*)\}", text):
            if word not in TITLE_WORDS:
                hint = did_you_mean(word, TITLE_WORDS) or f"known: {', '.join(TITLE_WORDS)}"
                self.complain(at, f"unknown word '{{{word}}}' in the text", hint)

    def _check_parts(self, by: str) -> None:
        kind = self.clauses.kind
        parts = {signal.part for signal in kind.signals.values() if signal.part}
        if by not in parts:
            known = f"known: {', '.join(sorted(parts))}" if parts else f"no signal of '{kind.name}' has parts"
            self.complain(("by",), f"no signal belongs to a '{by}'", did_you_mean(by, parts) or known)
            return
        asked = {signal.name: signal.part for signal in self.clauses.signals}
        for name, part in asked.items():
            if part not in ("", by):
                self.complain(("by",), f"the signal '{name}' belongs to a '{part}', not to a '{by}'")
        if by not in asked.values():
            self.complain(("by",), f"no signal that this rule asks about belongs to a '{by}'")
        if any(isinstance(condition, Silent) and not condition.signal for condition in self.conditions):
            hint = "give the 'signal' that is silent, or leave 'by' out"
            self.complain(("by",), "a device is silent as a whole", hint)


def _leads_to(opening: Condition, clear: Level) -> bool:
    """What opens is a way up, and what clears lies up there; or both are down."""
    if isinstance(opening, Rate):
        up, down = (opening.above or 0.0) > 0, (opening.below or 0.0) < 0
    elif isinstance(opening, Drift):
        up, down = opening.up, not opening.up
    elif isinstance(opening, Peers | Expected):
        up, down = opening.side == "up", opening.side == "down"
    else:
        return False
    return (up and clear.above is not None) or (down and clear.below is not None)


def _past(opening: Level, clear: Level) -> bool:
    """What clears lies outside of the band whose leaving opens."""
    high, low = opening.above, opening.below
    over = clear.above is not None and high is not None and clear.above >= high
    return over or (clear.below is not None and low is not None and clear.below <= low)


def _where(model: RuleModel) -> Where:
    def patterns(words: str | list[str] | None) -> tuple[str, ...]:
        return (words,) if isinstance(words, str) else tuple(words or ())

    where = model.where
    return Where() if where is None else Where(*map(patterns, (where.place, where.model, where.id)))

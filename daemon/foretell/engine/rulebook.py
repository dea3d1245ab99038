"""Rule files become rules: text in, never files; every problem at once, with its place.

The words of a rule file are the models below; what they mean stands with the conditions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from foretell.authored.document import Document, Path, read
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import QuantityError, convert
from foretell.authored.validate import Duration, Strict, Text, check
from foretell.engine.conditions import Condition, Count, Drift, Level, Node, Silent
from foretell.engine.rule import ClearWhen, Rule
from foretell.site.kinds import Kind, Signal

Limit = Annotated[str | float, Field(description='a quantity with its unit, such as "0.4 s"')]
CONDITIONS_MAX = 32
RULE_ID = re.compile(r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*\Z")


class CountModel(Strict):
    """Events: at least so many over a time, or per so many operations of another signal ("100 trips")."""

    at_least: Annotated[int, Field(ge=1, le=1000)]
    over: Duration | None = None
    per: str | None = Field(default=None, description='operations, such as "100 trips"')
    is_: str | list[str] | None = Field(default=None, alias="is")
    above: Limit | None = None
    below: Limit | None = None


class DriftModel(Strict):
    """A lasting shift away from the device's own reference (CUSUM)."""

    up: Limit | None = None
    down: Limit | None = None
    against: Duration
    at_least: Annotated[int, Field(ge=8, le=100_000)] = 30
    decision: Annotated[float, Field(ge=1, le=100, strict=False)] = 5.0
    median: Duration | None = None


class ConditionModel(Strict):
    """One condition on a signal, or `all`, `any`, `not` of further ones."""

    all: list[ConditionModel] | None = Field(default=None, min_length=1, max_length=16)
    any: list[ConditionModel] | None = Field(default=None, min_length=1, max_length=16)
    not_: ConditionModel | None = Field(default=None, alias="not")
    signal: str | None = None
    above: Limit | None = None
    below: Limit | None = None
    outside: list[Limit] | None = Field(default=None, min_length=2, max_length=2)
    is_: str | list[str] | None = Field(default=None, alias="is")
    count: CountModel | None = None
    drift: DriftModel | None = None
    silent: Duration | None = None


class ClearModel(Strict):
    """When an open watch clears; without it, as soon as the condition is false."""

    signal: str | None = None
    above: Limit | None = None
    below: Limit | None = None
    is_: str | list[str] | None = Field(default=None, alias="is")
    for_: Duration | None = Field(default=None, alias="for")
    quiet: Duration | None = Field(default=None, description="no counted event for so long")


class TicketModel(Strict):
    """The work that the rule asks for."""

    failure_mode: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    route: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    within: Duration
    do: Text


class RuleModel(Strict):
    """A rule as an engineer writes it (`rules/<kind>/<name>.yaml`)."""

    title: Text
    mode: Literal["off", "live"] = "live"
    kind: str
    by: str | None = None
    when: ConditionModel
    for_: Duration | None = Field(default=None, alias="for")
    clear: ClearModel | None = None
    on_missing: Literal["hold", "reset", "open"] = "hold"
    reset_on: Literal["repair", "never"] = "repair"
    ticket: TicketModel
    source: str | None = Field(default=None, description="where the limits come from")


def read_rule(
    rule_id: str, text: str, file: str, kinds: Mapping[str, Kind]
) -> tuple[Rule | None, list[Problem]]:
    """One rule from the text of its file. A rule that is `off` is checked and then left out (None)."""
    document, problems = read(text, file)
    if not RULE_ID.match(rule_id):
        problems.append(
            Problem(file, 1, 1, "", "a rule's path is its name: <kind>/<name>.yaml in small letters")
        )
    if problems:
        return None, problems
    model, problems = check(document, RuleModel)
    if model is None:
        return None, problems
    kind = kinds.get(model.kind)
    if kind is None:
        hint = did_you_mean(model.kind, kinds) or f"known: {', '.join(sorted(kinds))}"
        return None, [document.problem_at(("kind",), f"unknown kind '{model.kind}'", hint)]
    compiler = _Compiler(document, kind)
    tree = compiler.tree(model.when, ("when",))
    clear = compiler.clear(model.clear)
    compiler.check_rule(rule_id, model)
    if compiler.problems or tree is None:
        return None, compiler.problems
    revision = hashlib.sha256(text.encode()).hexdigest()[:12]
    rule = Rule(
        id=rule_id, revision=revision, kind=kind.name, by=model.by or "", tree=tree,
        conditions=tuple(compiler.conditions), clear=clear, dwell=model.for_ or 0.0,
        on_missing=model.on_missing, restart_on_repair=model.reset_on == "repair",
        failure_mode=model.ticket.failure_mode, ticket=model,
    )  # fmt: skip
    return (None if model.mode == "off" else rule), []


class _Compiler:
    """Turns the models of one rule into conditions in the signals' units, and collects what is wrong."""

    def __init__(self, document: Document, kind: Kind) -> None:
        self.document, self.kind = document, kind
        self.conditions: list[Condition] = []
        self.signals: list[Signal] = []
        self.problems: list[Problem] = []

    def complain(self, at: Path, message: str, hint: str = "") -> None:
        self.problems.append(self.document.problem_at(at, message, hint))

    def tree(self, model: ConditionModel, at: Path, negated: bool = False) -> Node | None:
        verbs = [verb for verb in _VERBS if getattr(model, verb) is not None]
        level = [verb for verb in verbs if verb in ("above", "below")]
        if not verbs or (len(verbs) > 1 and verbs != level):
            found = ", ".join(verb.rstrip("_") for verb in verbs) or "none"
            self.complain(at, f"a condition asks one thing; found {found}", f"use one of {', '.join(_SPELT)}")
            return None
        verb = verbs[0]
        if verb in ("all", "any"):
            self._bare(model, verb, at)
            inside = enumerate(getattr(model, verb))
            below = [self.tree(each, (*at, verb, index), negated) for index, each in inside]
            return None if None in below else Node(verb, below=tuple(node for node in below if node))
        if verb == "not_":
            self._bare(model, "not", at)
            inner = self.tree(model.not_, (*at, "not"), not negated) if model.not_ else None
            return inner and Node("not", below=(inner,))
        condition = self._silent(model, at) if verb == "silent" else self._leaf(verb, model, at)
        if condition is None:
            return None
        if isinstance(condition, Count) and negated:
            condition = condition._replace(absence=True)
        if len(self.conditions) == CONDITIONS_MAX:
            self.complain(at, f"more than {CONDITIONS_MAX} conditions in one rule")
        self.conditions.append(condition)
        return Node("leaf", leaf=len(self.conditions) - 1)

    def _bare(self, model: ConditionModel, verb: str, at: Path) -> None:
        if model.signal is not None:
            self.complain(
                (*at, "signal"), f"'{verb}' has no signal of its own: write it into the conditions inside"
            )

    def _silent(self, model: ConditionModel, at: Path) -> Condition | None:
        if model.signal is not None:
            signal = self._signal(model.signal, (*at, "signal"))
            if signal is None:
                return None
            self.signals.append(signal)
        return Silent(model.signal or "", model.silent or 0.0)

    def _leaf(self, verb: str, model: ConditionModel, at: Path) -> Condition | None:
        if model.signal is None:
            self.complain(at, "the key 'signal' is required: what is this about?")
            return None
        signal = self._signal(model.signal, (*at, "signal"))
        if signal is None:
            return None
        self.signals.append(signal)
        if model.count is not None:
            return self._count(signal, model.count, (*at, "count"))
        if model.drift is not None:
            return self._drift(signal, model.drift, (*at, "drift"))
        return self._level(signal, verb, model, at)

    def _signal(self, name: str, at: Path) -> Signal | None:
        signal = self.kind.signals.get(name)
        if signal is None:
            hint = did_you_mean(name, self.kind.signals) or f"known: {', '.join(sorted(self.kind.signals))}"
            self.complain(at, f"the kind '{self.kind.name}' has no signal '{name}'", hint)
        return signal

    def _level(self, signal: Signal, verb: str, model: ConditionModel | ClearModel, at: Path) -> Level | None:
        if verb == "is_":
            states = self._words(signal, model.is_, (*at, "is"))
            return Level(signal.name, states=states, momentary=signal.type == "event")
        if not signal.numeric:
            self.complain(
                (*at, verb), f"'{signal.name}' is a {signal.type}: it has words, not numbers", "use 'is'"
            )
            return None
        if verb == "outside" and isinstance(model, ConditionModel) and model.outside:
            low = self._limit(signal, model.outside[0], (*at, "outside", 0))
            high = self._limit(signal, model.outside[1], (*at, "outside", 1))
            if low >= high and not self.problems:
                self.complain((*at, "outside"), "the lower limit must stand before the upper one")
            return Level(signal.name, signal.unit, above=high, below=low, outside=True)
        before = len(self.problems)
        above = None if model.above is None else self._limit(signal, model.above, (*at, "above"))
        below = None if model.below is None else self._limit(signal, model.below, (*at, "below"))
        for word, limit, edge in (("above", above, signal.high), ("below", below, signal.low)):
            if limit == edge and len(self.problems) == before:
                end = f"'{signal.name}' ends at {edge:g} {signal.unit}".strip()
                self.complain((*at, word), f"this can never be met: {end}")
        if above is not None and below is not None:
            self.complain(at, "'above' with 'below' cannot both be meant", "use 'outside: [low, high]'")
        return Level(signal.name, signal.unit, above=above, below=below)

    def _limit(self, signal: Signal, value: str | float, at: Path, *, difference: bool = False) -> float:
        if not signal.numeric:
            self.complain(at, f"'{signal.name}' is a {signal.type}: it has words, not numbers", "use 'is'")
            return 0.0
        try:
            number = convert(value, signal.unit, difference=difference)
        except QuantityError as error:
            self.complain(at, str(error))
            return 0.0
        if not difference and not signal.low <= number <= signal.high:
            span = f"{signal.low:g} to {signal.high:g} {signal.unit}".strip()
            self.complain(at, f"'{value}' can never be met: '{signal.name}' ranges from {span}")
        return number

    def _words(self, signal: Signal, words: str | list[str] | None, at: Path) -> tuple[str, ...]:
        wanted = (words,) if isinstance(words, str) else tuple(words or ())
        if not wanted:
            self.complain(at, "name at least one word")
        if signal.numeric:
            self.complain(
                at, f"'{signal.name}' is a {signal.type}: it has numbers, not words", "use 'above' or 'below'"
            )
            return wanted
        for word in wanted:
            if signal.values and word not in signal.values:
                hint = did_you_mean(word, signal.values) or f"known: {', '.join(signal.values)}"
                self.complain(at, f"'{signal.name}' is never '{word}'", hint)
        return wanted

    def _count(self, signal: Signal, model: CountModel, at: Path) -> Count | None:
        if (model.over is None) == (model.per is None):
            self.complain(at, "count needs one of 'over' (a time) and 'per' (operations)")
            return None
        states = self._words(signal, model.is_, (*at, "is")) if model.is_ is not None else ()
        above = None if model.above is None else self._limit(signal, model.above, (*at, "above"))
        below = None if model.below is None else self._limit(signal, model.below, (*at, "below"))
        if signal.type == "gauge" and above is None and below is None:
            self.complain(at, f"'{signal.name}' is a gauge: say what counts, with 'above' or 'below'")
        if signal.type == "counter" and (model.above is not None or model.below is not None):
            self.complain(at, f"'{signal.name}' is a counter: its steps are counted, whatever it stands at")
        operations, of = self._operations(model.per, (*at, "per")) if model.per is not None else (0.0, None)
        return Count(
            signal.name, signal.type, float(model.at_least), model.over or 0.0, operations,
            of.name if of else "", of.type if of else "", states, above, below,
        )  # fmt: skip

    def _operations(self, text: str, at: Path) -> tuple[float, Signal | None]:
        match = re.match(r"\s*([1-9][0-9]{0,6})\s+([a-z][a-z0-9_]*)\s*\Z", text)
        if match is None:
            self.complain(
                at,
                f"'{text}' is not a number of operations: write a number and a signal, such as '100 trips'",
            )
            return 0.0, None
        signal = self._signal(match[2], at)
        if signal is not None:
            self.signals.append(signal)
        return float(match[1]), signal

    def _drift(self, signal: Signal, model: DriftModel, at: Path) -> Drift | None:
        if (model.up is None) == (model.down is None):
            self.complain(at, "drift needs one of 'up' and 'down'")
            return None
        key, value = ("up", model.up) if model.up is not None else ("down", model.down)
        assert value is not None
        if signal.type == "counter":
            self.complain(at, f"'{signal.name}' is a counter: it only grows, so it cannot drift")
        sigmas = _SIGMAS.match(value) if isinstance(value, str) else None
        if sigmas and signal.numeric:
            shift = float(sigmas[1])
        else:
            shift = self._limit(signal, value, (*at, key), difference=True)
        if shift <= 0 and not self.problems:
            self.complain((*at, key), "the shift to look for must be larger than nothing")
        return Drift(
            signal.name, signal.unit, shift, key == "up", bool(sigmas), model.against, model.at_least,
            model.decision, model.median or 0.0,
        )  # fmt: skip

    def clear(self, model: ClearModel | None) -> ClearWhen | None:
        if model is None:
            return None
        verbs = [verb for verb in ("above", "below", "is_", "quiet") if getattr(model, verb) is not None]
        if len(verbs) != 1:
            self.complain(("clear",), "clear needs one of 'above', 'below', 'is' and 'quiet'")
            return None
        counts = [condition for condition in self.conditions if isinstance(condition, Count)]
        if model.quiet is not None:
            if not counts:
                self.complain(("clear", "quiet"), "'quiet' goes with 'count': nothing is counted here")
            if model.signal is not None or model.for_ is not None:
                self.complain(("clear",), "'quiet' stands alone: it needs no 'signal' and no 'for'")
            return ClearWhen(quiet=model.quiet)
        names = {signal.name for signal in self.signals}
        name = model.signal or (names.pop() if len(names) == 1 else None)
        if name is None:
            self.complain(("clear",), "the key 'signal' is required: this rule asks about several")
            return None
        signal = self._signal(name, ("clear", "signal"))
        level = signal and self._level(signal, verbs[0], model, ("clear",))
        if signal is None or level is None:
            return None
        self.signals.append(signal)
        self._check_side(level, verbs[0].rstrip("_"))
        return ClearWhen(level=level, dwell=model.for_ or 0.0)

    def _check_side(self, clear: Level, verb: str) -> None:
        """A clear limit must lie on the good side of what opens, or the watch would flap for ever."""
        for opening in self.conditions:
            if not isinstance(opening, Level) or opening.signal != clear.signal or opening.outside:
                continue
            wrong = (
                (clear.below is not None and opening.above is not None and clear.below > opening.above)
                or (clear.above is not None and opening.below is not None and clear.above < opening.below)
                or (clear.below is not None and opening.below is not None)
                or (clear.above is not None and opening.above is not None)
                or bool(set(clear.states) & set(opening.states))
            )
            if wrong and not opening.momentary:
                self.complain(
                    ("clear", verb),
                    "this lies on the wrong side: the watch would clear while it is still bad",
                )

    def check_rule(self, rule_id: str, model: RuleModel) -> None:
        if rule_id.split("/")[0] != model.kind:
            self.complain(
                ("kind",), f"this file stands in the folder of another kind: move it to {model.kind}/"
            )
        if model.by is not None:
            self._check_parts(model.by)
        for language, text in (("en", model.title.en), ("zh", model.title.zh)):
            for word in re.findall(r"\{([^{}]*)\}", text):
                if word not in TITLE_WORDS:
                    hint = did_you_mean(word, TITLE_WORDS) or f"known: {', '.join(TITLE_WORDS)}"
                    self.complain(("title", language), f"unknown word '{{{word}}}' in the text", hint)

    def _check_parts(self, by: str) -> None:
        parts = {signal.part for signal in self.kind.signals.values() if signal.part}
        if by not in parts:
            known = (
                f"known: {', '.join(sorted(parts))}"
                if parts
                else f"no signal of '{self.kind.name}' has parts"
            )
            self.complain(("by",), f"no signal belongs to a '{by}'", did_you_mean(by, parts) or known)
            return
        asked = {signal.name: signal.part for signal in self.signals}
        for name, part in asked.items():
            if part not in ("", by):
                self.complain(("by",), f"the signal '{name}' belongs to a '{part}', not to a '{by}'")
        if by not in asked.values():
            self.complain(("by",), f"no signal that this rule asks about belongs to a '{by}'")
        if any(isinstance(condition, Silent) and not condition.signal for condition in self.conditions):
            hint = "give the 'signal' that is silent, or leave 'by' out"
            self.complain(("by",), "a device is silent as a whole", hint)


_SIGMAS = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*sigma\s*\Z")
_VERBS = ("all", "any", "not_", "above", "below", "outside", "is_", "count", "drift", "silent")
_SPELT = tuple(verb.rstrip("_") for verb in _VERBS)
TITLE_WORDS = ("device", "part", "place")

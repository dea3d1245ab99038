"""What each word of a condition becomes: the models of one rule into conditions in the signals' units."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from foretell.authored.document import Document, Path
from foretell.authored.problems import Problem, did_you_mean
from foretell.authored.quantity import QuantityError, convert, convert_rate
from foretell.engine.conditions import Condition
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected, ExpectedSilence
from foretell.engine.following import Then
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers
from foretell.engine.rulebook.words import (
    ClearModel,
    ConditionModel,
    CountModel,
    DriftModel,
    ExpectedModel,
    FlappingModel,
    ForecastModel,
    PeersModel,
    RateModel,
    StuckModel,
    ThenModel,
    UsedModel,
)
from foretell.engine.standing import Flapping, Stuck
from foretell.engine.trending import Forecast, Rate
from foretell.engine.wearing import Used
from foretell.site.calendars import Zone
from foretell.site.kinds import Kind, Signal

LOGIC = ("all", "any", "not_")
LEVELS = ("above", "below", "outside", "is_")
VERBS = (
    *LOGIC, *LEVELS, "count", "rate", "forecast", "drift", "peers", "expected", "stuck", "flapping", "used",
    "then", "silent",
)  # fmt: skip
SPELT = tuple(verb.rstrip("_") for verb in VERBS)
_SIGMAS = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*sigma\s*\Z")
_SHARE = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*(?:%|percent)\s*\Z")


class Clauses:
    """Compiles conditions of one rule for one kind, and collects what is wrong and what was asked about."""

    def __init__(self, document: Document, kind: Kind, zone: Zone, coverage: float) -> None:
        self.document, self.kind, self.zone, self.coverage = document, kind, zone, coverage
        self.signals: list[Signal] = []
        self.problems: list[Problem] = []

    def complain(self, at: Path, message: str, hint: str = "") -> None:
        self.problems.append(self.document.problem_at(at, message, hint))

    def condition(self, model: ConditionModel, verbs: list[str], at: Path, negated: bool) -> Condition | None:
        """The condition that these verbs of the model ask for; None with a problem."""
        verb = verbs[-1]
        if verb == "silent":
            return self._silent(model, at)
        if model.signal is None:
            self.complain(at, "the key 'signal' is required: what is this about?")
            return None
        signal = self.signal(model.signal, (*at, "signal"))
        if signal is None:
            return None
        self.signals.append(signal)
        if verb in LEVELS:
            return self.level(signal, verb, model, at)
        body = getattr(model, verb)
        if verb == "then":
            return self._then(signal, verbs[0], model, at)
        made = self._makers[verb](self, signal, body, (*at, verb))
        return made._replace(absence=True) if isinstance(made, Count) and negated else made

    def _silent(self, model: ConditionModel, at: Path) -> Condition | None:
        if model.signal is not None:
            signal = self.signal(model.signal, (*at, "signal"))
            if signal is None:
                return None
            self.signals.append(signal)
        return Silent(model.signal or "", model.silent or 0.0)

    def signal(self, name: str, at: Path) -> Signal | None:
        signal = self.kind.signals.get(name)
        if signal is None:
            hint = did_you_mean(name, self.kind.signals) or f"known: {', '.join(sorted(self.kind.signals))}"
            self.complain(at, f"the kind '{self.kind.name}' has no signal '{name}'", hint)
        return signal

    def _only_numeric(self, signal: Signal, at: Path, word: str) -> bool:
        """A measured value or a counter; with any other, a problem."""
        if not signal.numeric:
            self.complain(at, f"'{signal.name}' is a {signal.type}: '{word}' needs numbers", "use 'is'")
        return signal.numeric

    def _one_of(self, model: object, words: tuple[str, ...], at: Path, what: str) -> str | None:
        given = [word for word in words if getattr(model, word) is not None]
        if len(given) != 1:
            spelt = [f"'{word}'" for word in words]
            self.complain(at, f"{what} needs one of {', '.join(spelt[:-1])} and {spelt[-1]}")
            return None
        return given[0]

    def level(self, signal: Signal, verb: str, model: ConditionModel | ClearModel, at: Path) -> Level | None:
        if verb == "is_":
            states = self.words(signal, model.is_, (*at, "is"))
            return Level(signal.name, states=states, momentary=signal.type == "event")
        if not signal.numeric:
            self.complain(
                (*at, verb), f"'{signal.name}' is a {signal.type}: it has words, not numbers", "use 'is'"
            )
            return None
        if verb == "outside" and isinstance(model, ConditionModel) and model.outside:
            low = self.limit(signal, model.outside[0], (*at, "outside", 0))
            high = self.limit(signal, model.outside[1], (*at, "outside", 1))
            if low >= high and not self.problems:
                self.complain((*at, "outside"), "the lower limit must stand before the upper one")
            return Level(signal.name, signal.unit, above=high, below=low, outside=True)
        before = len(self.problems)
        above = None if model.above is None else self.limit(signal, model.above, (*at, "above"))
        below = None if model.below is None else self.limit(signal, model.below, (*at, "below"))
        for word, limit, edge in (("above", above, signal.high), ("below", below, signal.low)):
            if limit == edge and len(self.problems) == before:
                end = f"'{signal.name}' ends at {edge:g} {signal.unit}".strip()
                self.complain((*at, word), f"this can never be met: {end}")
        if above is not None and below is not None:
            self.complain(at, "'above' with 'below' cannot both be meant", "use 'outside: [low, high]'")
        return Level(signal.name, signal.unit, above=above, below=below)

    def limit(self, signal: Signal, value: str | float, at: Path, *, difference: bool = False) -> float:
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

    def words(self, signal: Signal, words: str | list[str] | None, at: Path) -> tuple[str, ...]:
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
        states = self.words(signal, model.is_, (*at, "is")) if model.is_ is not None else ()
        above = None if model.above is None else self.limit(signal, model.above, (*at, "above"))
        below = None if model.below is None else self.limit(signal, model.below, (*at, "below"))
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
        signal = self.signal(match[2], at)
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
        if self._misspelt_sigma(value, (*at, key)):
            return None
        if sigmas and signal.numeric:
            shift = float(sigmas[1])
        else:
            shift = self.limit(signal, value, (*at, key), difference=True)
        if shift <= 0 and not self.problems:
            self.complain((*at, key), "the shift to look for must be larger than nothing")
        return Drift(
            signal.name, signal.unit, shift, key == "up", bool(sigmas), model.against, model.at_least,
            model.decision, model.median or 0.0, model.method,
        )  # fmt: skip

    def _rate(self, signal: Signal, model: RateModel, at: Path) -> Rate | None:
        key = self._one_of(model, ("above", "below"), at, "rate")
        if key is None or not self._only_numeric(signal, at, "rate"):
            return None
        try:
            limit = convert_rate(getattr(model, key), signal.unit)
        except QuantityError as error:
            self.complain((*at, key), str(error))
            return None
        counter = signal.type == "counter"
        if counter and (key == "below" or limit <= 0):
            self.complain((*at, key), f"'{signal.name}' is a counter: it only grows", "use 'above'")
        above, below = (limit, None) if key == "above" else (None, limit)
        return Rate(
            signal.name, signal.unit, above, below, model.over, model.at_least, counter, self.coverage
        )

    def _forecast(self, signal: Signal, model: ForecastModel, at: Path) -> Forecast | None:
        key = self._one_of(model, ("reaches", "falls_to"), at, "forecast")
        if key is None or not self._only_numeric(signal, at, "forecast"):
            return None
        if model.within > 2 * model.from_:
            hint = "look less far ahead, or back over a longer time"
            self.complain((*at, "within"), "a fit cannot see more than twice as far ahead as back", hint)
        if model.at_least > model.from_:
            self.complain((*at, "at_least"), "this much history never fits into 'from'")
        limit = self.limit(signal, getattr(model, key), (*at, key))
        return Forecast(
            signal.name, signal.unit, limit, key == "reaches", model.within, model.from_, model.at_least,
            model.fit, self.coverage,
        )  # fmt: skip

    def _misspelt_sigma(self, value: object, at: Path) -> bool:
        """Spreads in a form that is none; told here, for units make no sense of them."""
        meant = isinstance(value, str) and "sigma" in value.lower() and not _SIGMAS.match(value)
        if meant:
            self.complain(at, f"'{value}' is not a number of spreads", "write it like '4 sigma'")
        return meant

    def _apart(self, signal: Signal, value: str | float, at: Path) -> tuple[float, str]:
        """A distance from what is usual: in spreads, as a share of it, or in the signal's unit."""
        sigmas = _SIGMAS.match(value) if isinstance(value, str) else None
        share = _SHARE.match(value) if isinstance(value, str) and signal.unit != "percent" else None
        if self._misspelt_sigma(value, at):
            return 0.0, "sigma"
        if sigmas or share:
            form = "sigma" if sigmas else "share"
            number = float((sigmas or share or [0, 0])[1]) / (1 if sigmas else 100)
        else:
            form, number = "unit", self.limit(signal, value, at, difference=True)
        if number <= 0 and not self.problems:
            self.complain(at, "must be larger than nothing")
        return number, form

    def _peers(self, signal: Signal, model: PeersModel, at: Path) -> Peers | None:
        side = self._one_of(model, ("up", "down", "apart"), at, "peers")
        if side is None or not self._only_numeric(signal, at, "peers"):
            return None
        limit, form = self._apart(signal, getattr(model, side), (*at, side))
        beyond = 0.0
        if model.beyond is not None:
            beyond = self.limit(signal, model.beyond, (*at, "beyond"), difference=True)
        if model.among == "parts" and not signal.part:
            self.complain((*at, "among"), f"'{signal.name}' has no parts")
        return Peers(
            signal.name, signal.unit, side, limit, form, model.among, model.at_least, model.median, beyond,
            signal.type == "counter", self.coverage,
        )  # fmt: skip

    def _expected(self, signal: Signal, model: ExpectedModel, at: Path) -> Expected | ExpectedSilence | None:
        side = self._one_of(model, ("up", "down", "silence"), at, "expected")
        if side is None:
            return None
        if side == "silence":
            return self._expected_silence(signal, model, at)
        if model.at_least is not None:
            self.complain((*at, "at_least"), "'at_least' goes with 'silence': how long it must last")
        if signal.type == "state":
            self.complain(at, f"'{signal.name}' is a state: nothing is expected of its words", "use 'is'")
            return None
        limit, form = self._apart(signal, getattr(model, side), (*at, side))
        return Expected(
            signal.name, signal.unit, signal.type, side, limit, form, model.learn, self.zone, self.coverage
        )

    def _expected_silence(self, signal: Signal, model: ExpectedModel, at: Path) -> ExpectedSilence | None:
        if signal.type not in ("counter", "event"):
            self.complain(at, f"'{signal.name}' is a {signal.type}: only events and counters fall silent so")
            return None
        share = _SHARE.match(model.silence) if isinstance(model.silence, str) else None
        chance = float(share[1]) / 100 if share else 0.0
        if not 0.0 < chance <= 0.2:
            self.complain(
                (*at, "silence"), "say how unlikely the silence must be, such as '1 %' (at most 20 %)"
            )
            return None
        return ExpectedSilence(
            signal.name, signal.type, chance, model.at_least or 1800.0, model.learn, self.zone
        )

    def _stuck(self, signal: Signal, model: StuckModel, at: Path) -> Stuck | None:
        if not self._only_numeric(signal, at, "stuck"):
            return None
        width = 0.0
        if model.within is not None:
            width = self.limit(signal, model.within, (*at, "within"), difference=True)
            if width < 0:
                self.complain((*at, "within"), "a width cannot be less than nothing")
        return Stuck(signal.name, signal.unit, model.over, width, model.at_least)

    def _flapping(self, signal: Signal, model: FlappingModel, at: Path) -> Flapping | None:
        above = None if model.above is None else self.limit(signal, model.above, (*at, "above"))
        below = None if model.below is None else self.limit(signal, model.below, (*at, "below"))
        if signal.type == "gauge" and (above is None) == (below is None):
            self.complain(at, f"'{signal.name}' is a gauge: say which limit it crosses, 'above' or 'below'")
        if signal.type == "counter":
            self.complain(at, f"'{signal.name}' is a counter: it does not flap", "use 'count' or 'rate'")
        return Flapping(signal.name, signal.type, float(model.at_least), model.over, above, below)

    def _used(self, signal: Signal, model: UsedModel, at: Path) -> Used | None:
        if signal.type != "counter":
            self.complain(at, f"'{signal.name}' is a {signal.type}: only a counter uses up a life")
            return None
        life = self.limit(signal, model.of, (*at, "of"), difference=True)
        share = _SHARE.match(model.at) if isinstance(model.at, str) else None
        if share is None or not 0 < float(share[1]) <= 200:
            self.complain((*at, "at"), "say which share of the life, such as '80 %'")
            return None
        if life <= 0 and not self.problems:
            self.complain((*at, "of"), "a life must be longer than nothing")
        return Used(signal.name, signal.unit, life, float(share[1]) / 100, model.from_)

    def _then(self, signal: Signal, verb: str, model: ConditionModel, at: Path) -> Then | None:
        body: ThenModel | None = model.then
        assert body is not None
        follow = self.signal(body.signal, (*at, "then", "signal"))
        if follow is None:
            return None
        self.signals.append(follow)
        states, above, below = self._edge(signal, model, at)
        f_states, f_above, f_below = self._edge(follow, body, (*at, "then"))
        if body.at_least > 1 and body.over is None:
            self.complain((*at, "then"), "'at_least' needs 'over': within which time?")
        if body.over is not None and body.over < body.within:
            self.complain((*at, "then", "over"), "must be longer than 'within'")
        return Then(
            signal.name, signal.type, states, above, below,
            follow.name, follow.type, f_states, f_above, f_below,
            body.within, body.at_least, body.over or 0.0,
        )  # fmt: skip

    def _edge(
        self, signal: Signal, model: ConditionModel | ThenModel, at: Path
    ) -> tuple[tuple[str, ...], float | None, float | None]:
        """What must happen: a word, or a limit that is passed."""
        if signal.type == "counter":
            if model.is_ is not None or model.above is not None or model.below is not None:
                self.complain(at, f"'{signal.name}' is a counter: each of its steps is what happens")
            return (), None, None
        if signal.type == "gauge":
            key = self._one_of(model, ("above", "below"), at, f"the gauge '{signal.name}'")
            if key is None:
                return (), None, None
            limit = self.limit(signal, getattr(model, key), (*at, key))
            return ((), limit, None) if key == "above" else ((), None, limit)
        if model.above is not None or model.below is not None:
            self.complain(at, f"'{signal.name}' is a {signal.type}: it has words, not numbers", "use 'is'")
        if model.is_ is None:
            if signal.type == "state":
                self.complain(at, f"'{signal.name}' is a state: say which word with 'is'")
            return (), None, None
        return self.words(signal, model.is_, (*at, "is")), None, None

    _makers: ClassVar[dict[str, Callable[..., Condition | None]]] = {
        "count": _count, "rate": _rate, "forecast": _forecast, "drift": _drift, "peers": _peers,
        "expected": _expected, "stuck": _stuck, "flapping": _flapping, "used": _used,
    }  # fmt: skip

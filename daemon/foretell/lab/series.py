"""The notation of a test's signals: one line of text becomes readings with their times. Pure.

A line is a list of segments with commas between; each begins where the one before it ended.

    flat 3.0 s for 10 d every 10 min noise 0.1 s  one value; noise is a standard deviation, alike in every run
    ramp 3.0 s to 4.2 s over 30 d every 10 min    in a straight line
    step 3.0 s to 4.0 s after 5 d for 20 d every 10 min  the first for 5 of the 20 days, then the second
    wave 3.0 s to 5.0 s per 1 d for 10 d every 10 min    up and down once a day, from the first
    values 1.0 s 1.2 s _ 1.4 s every 1 min        one after another; _ is one that is missing
    values normal stopped every 1 h for 2 d       the same, over and over for so long
    count up 3 every 1 h for 2 d from 100         a counter: 3 more each hour, from where it stood or `from`
    reset                                         the counter starts again at nought
    once break                                    one reading at this instant; takes no time
    flat normal for 2 h                           without `every` it is said once, at the beginning
    gap 3 d                                       nothing is said
    again                                         the last reading is sent once more
    late 2 h                                      what the next segment says arrives 2 h after its time
    shuffled                                      the next segment arrives in pairs, the later one first
    retained stopped                              one reading that the broker kept
    offline 3 h                                   the link says the device is gone, and 3 h later back
    offline, online                               alone, the link says so; takes no time
    restart                                       foretell itself is started anew at this instant

A segment reaches from its start up to, but not including, its end, where the next one speaks.
Numbers carry units and are converted to the signal's; a word must be one of the signal's. A gauge that is
said `every` so often holds for three times that, as it would by its profile; anything else holds until the
next. A line's name is `signal`, `signal@part` or `device signal@part`; the device is `a` and the part `1`
unless they are said.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from foretell.authored.document import wide_sign
from foretell.authored.problems import did_you_mean
from foretell.authored.quantity import QuantityError, convert, duration
from foretell.engine.facts import NEVER, OFFLINE, ONLINE, Value
from foretell.site.kinds import Kind, Signal

READINGS_MAX = 200_000
"""Readings of one test, all its lines together."""

STALE_AFTER = 3
"""A gauge that speaks every so often holds for this many of its intervals, as a profile has it."""

LENGTH_MAX = 3660 * 86400.0
"""Seconds that one line may last, as a single duration may."""

DEVICE, PART = "a", "1"
"""The device and the part of a line that names none."""


class Sent(NamedTuple):
    """One reading of a test. `at` is when it was true, `arrives` when it comes; seconds from the start."""

    device: str
    signal: str
    part: str
    value: Value
    at: float
    arrives: float
    holds: float = NEVER
    retained: bool = False


class Named(NamedTuple):
    """Whose line it is."""

    device: str
    signal: Signal
    part: str


class Series(NamedTuple):
    """One line, read: what is sent in order of arrival, when foretell restarts, how long it all takes."""

    device: str
    signal: Signal
    part: str
    sent: tuple[Sent, ...]
    restarts: tuple[float, ...]
    length: float


class Mistake(NamedTuple):
    """What is wrong with a line; `column` counts from 1 within it, 0 stands for its name."""

    column: int
    message: str
    hint: str = ""


class Word(NamedTuple):
    text: str
    column: int


class Segment(NamedTuple):
    """What one segment says, in the signal's unit and in seconds; a value of None is one that is missing."""

    verb: Word
    values: list[Value | None]
    clauses: dict[str, Value]

    def number(self, clause: str, default: float = 0.0) -> float:
        value = self.clauses.get(clause, default)
        return value if isinstance(value, float) else default

    def first(self) -> float:
        value = self.values[0]
        return value if isinstance(value, float) else 0.0


class Form(NamedTuple):
    """How a segment is written: what follows its verb, and which clauses it needs and may have."""

    spelt: str
    takes: str = ""
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


FORMS = {
    "flat": Form("flat VALUE for TIME [every TIME] [noise VALUE]", "value", ("for",), ("every", "noise")),
    "ramp": Form(
        "ramp VALUE to VALUE over TIME every TIME [noise VALUE]", "value", ("to", "over", "every"), ("noise",)
    ),
    "step": Form(
        "step VALUE to VALUE after TIME for TIME [every TIME] [noise VALUE]",
        "value", ("to", "after", "for"), ("every", "noise"),
    ),
    "wave": Form(
        "wave VALUE to VALUE per TIME for TIME every TIME [noise VALUE]",
        "value", ("to", "per", "for", "every"), ("noise",),
    ),
    "values": Form("values VALUE VALUE _ … every TIME [for TIME]", "values", ("every",), ("for",)),
    "count": Form("count up STEP every TIME for TIME [from VALUE]", "", ("up", "every", "for"), ("from",)),
    "reset": Form("reset"),
    "once": Form("once VALUE", "value"),
    "gap": Form("gap TIME", "time"),
    "again": Form("again"),
    "late": Form("late TIME", "time"),
    "shuffled": Form("shuffled"),
    "retained": Form("retained VALUE", "value"),
    "offline": Form("offline [TIME]", "maybe time"),
    "online": Form("online"),
    "restart": Form("restart"),
}  # fmt: skip

_CLAUSES = ("for", "every", "noise", "to", "over", "after", "per", "up", "from")
_TIMES = ("for", "every", "over", "after", "per")
_STEPS = ("noise", "up")
_ONLY = {"gauge": ("ramp", "wave"), "counter": ("count", "reset")}
_MISSING = "_"
_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,]+|,")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_NAME = re.compile(
    r"\s*(?:(?P<device>[\w.:-]{1,64})\s+)?(?P<signal>[\w-]{1,64})(?:@(?P<part>[\w.:-]{1,64}))?\s*\Z"
)


def read_series(
    name: str, text: str, kind: Kind, seed: str = "", room: int = READINGS_MAX
) -> tuple[Series | None, list[Mistake]]:
    """One line of a test, or everything that is wrong with it. `room` is how many readings are left.

    The same text, name and `seed` always give the same readings, noise and all.
    """
    named, mistakes = read_name(name, kind)
    if named is None:
        return None, mistakes
    signal = named.signal
    reader = _Reader(signal)
    segments = [reader.read(words) for words in _segments(text)]
    if not segments:
        return None, [Mistake(1, "nothing is said", f"such as '{_example(signal)}'")]
    if wide := wide_sign(text):
        column = next(index for index, sign in enumerate(text, 1) if f"'{sign}'" in wide)
        return None, [Mistake(column, wide)]
    player = _Player(named, random.Random(f"{seed}/{name}"), room)
    for segment in segments:
        if segment is not None and not reader.mistakes:
            player.play(segment)
    if mistakes := reader.mistakes + player.mistakes:
        return None, mistakes
    sent = sorted(
        player.sent, key=lambda each: each.arrives
    )  # stable: pairs that arrive together stay turned
    return Series(*named, tuple(sent), tuple(player.restarts), player.at), []


def read_name(name: str, kind: Kind) -> tuple[Named | None, list[Mistake]]:
    """`signal`, `signal@part` or `device signal@part`."""
    match = _NAME.match(name)
    if match is None:
        form = "write a signal, 'signal@part' or 'device signal@part'"
        return None, [Mistake(0, f"'{name:.60}' does not name a signal", form)]
    signal = kind.signals.get(match["signal"])
    if signal is None:
        hint = did_you_mean(match["signal"], kind.signals) or f"known: {', '.join(sorted(kind.signals))}"
        return None, [Mistake(0, f"the kind '{kind.name}' has no signal '{match['signal']}'", hint)]
    if match["part"] and not signal.part:
        return None, [Mistake(0, f"'{signal.name}' has no parts, so no '@{match['part']}'")]
    return Named(match["device"] or DEVICE, signal, match["part"] or (PART if signal.part else "")), []


def _example(signal: Signal) -> str:
    if signal.type == "counter":
        return "count up 3 every 1 h for 2 d"
    if signal.numeric:
        return f"flat {_example_of(signal)} for 2 h every 10 min"
    word = signal.values[0] if signal.values else "normal"
    return f"once {word}" if signal.type == "event" else f"flat {word} for 2 h"


def _example_of(signal: Signal) -> str:
    return f"3 {signal.unit}" if signal.unit else "3"


def _segments(text: str) -> Iterator[list[Word]]:
    """The words of each segment; one that is empty gives the comma at its end (or the end of the text)."""
    words: list[Word] = []
    commas = 0
    for match in _WORD.finditer(text):
        word = Word(match[0], match.start() + 1)
        if word.text == ",":
            commas += 1
            yield words or [word]
            words = []
        else:
            words.append(word)
    if words or commas:
        yield words or [Word(",", len(text) + 1)]


class _Reader:
    """Turns the words of one segment after the other into what can be played; collects the mistakes."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.mistakes: list[Mistake] = []

    def wrong(self, word: Word, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(word.column, message, hint))

    def read(self, words: list[Word]) -> Segment | None:
        verb, before = words[0], len(self.mistakes)
        form = FORMS.get(verb.text)
        if verb.text == ",":
            self.wrong(verb, "there is nothing between two commas", "take one away")
            return None
        if form is None:
            hint = did_you_mean(verb.text, FORMS) or f"one of {', '.join(FORMS)}"
            self.wrong(verb, f"a segment cannot begin with '{_short(verb)}'", hint)
            return None
        if not self._suits(verb):
            return None
        head, found = self._split(form, words[1:])
        values = self._head(form, verb, head)
        clauses = {keyword.text: self._clause(keyword, behind) for keyword, behind in found}
        missing = [f"'{key}'" for key in form.needs if key not in clauses]
        if missing and len(self.mistakes) == before:
            self.wrong(verb, f"'{verb.text}' needs {' and '.join(missing)}", f"write '{form.spelt}'")
        known = {key: value for key, value in clauses.items() if value is not None}
        segment = Segment(verb, values, known)
        if verb.text == "step" and 0.0 < segment.number("for") <= segment.number("after"):
            self.wrong(verb, "'after' must be shorter than 'for', which is the length of the whole segment")
        return segment if len(self.mistakes) == before else None

    def _split(self, form: Form, words: list[Word]) -> tuple[list[Word], list[tuple[Word, list[Word]]]]:
        """What stands before the first keyword, and each keyword with what stands behind it."""
        head: list[Word] = []
        clauses: dict[str, tuple[Word, list[Word]]] = {}
        behind = head
        for word in words:
            if word.text not in (*form.needs, *form.may):
                behind.append(word)
                continue
            if word.text in clauses:
                self.wrong(word, f"'{word.text}' is given twice")
            behind = []
            clauses[word.text] = (word, behind)
        return head, list(clauses.values())

    def _head(self, form: Form, verb: Word, words: list[Word]) -> list[Value | None]:
        """What the verb itself takes: values in the signal's unit, or a time in seconds."""
        if not words:
            if form.takes in ("value", "values", "time"):
                self.wrong(verb, f"'{verb.text}' needs a {form.takes.rstrip('s')}", f"write '{form.spelt}'")
            return []
        if not form.takes:
            self.wrong(words[0], f"did not expect '{_short(words[0])}' here", _meant(form, words[0]))
            return []
        if form.takes == "values":
            return self._list(form, words)
        return [self._one(words, form.takes.endswith("time"), form)]

    def _clause(self, keyword: Word, words: list[Word]) -> Value | None:
        key = keyword.text
        if not words:
            self.wrong(keyword, f"'{key}' needs {'a time' if key in _TIMES else 'a value'} behind it")
            return None
        if key in _STEPS:
            return self._step(key, words)
        return self._one(words, key in _TIMES)

    def _one(self, words: list[Word], time: bool, form: Form | None = None) -> Value | None:
        """One value or one time, and nothing behind it."""
        length = 2 if len(words) > 1 and _is_bare(words[0]) and not _NUMBER.match(words[1].text) else 1
        if len(words) > length:
            odd = words[length]
            hint = _meant(form, odd) if form else did_you_mean(odd.text, _CLAUSES)
            self.wrong(odd, f"did not expect '{_short(odd)}' here", hint)
            return None
        if not time:
            return self._value(words)
        try:
            return duration(_text(words))
        except QuantityError as error:
            self.wrong(words[0], str(error))
            return None

    def _list(self, form: Form, words: list[Word]) -> list[Value | None]:
        values: list[Value | None] = []
        index = 0
        while index < len(words):
            word, length = words[index], 1
            if word.text == _MISSING:
                values.append(None)
                index += 1
                continue
            if self.signal.numeric:
                if not _NUMBER.match(word.text):
                    self.wrong(word, f"did not expect '{_short(word)}' here", _meant(form, word))
                    return []
                behind = words[index + 1].text if index + 1 < len(words) else _MISSING
                length = 2 if _is_bare(word) and behind != _MISSING and not _NUMBER.match(behind) else 1
            value = self._value(words[index : index + length])
            if value is None:
                return []
            values.append(value)
            index += length
        return values

    def _step(self, key: str, words: list[Word]) -> float | None:
        """A distance on the signal's scale: how wide noise is, how far a counter goes at once."""
        signal, text = self.signal, _text(words)
        if key == "noise" and signal.type != "gauge":
            self.wrong(words[0], f"'{signal.name}' is a {signal.type}: only a gauge has noise")
            return None
        try:
            step = convert(text, signal.unit, difference=True)
        except QuantityError as error:
            self.wrong(words[0], str(error))
            return None
        if step < 0.0 or (step == 0.0 and key == "noise"):
            self.wrong(words[0], f"'{text:.40}' is no step: it must be more than nothing")
            return None
        return step

    def _value(self, words: list[Word]) -> Value | None:
        signal, text = self.signal, _text(words)
        if not signal.numeric:
            return self._word(words[0])
        if not _NUMBER.match(text):
            hint = f"such as '{_example_of(signal)}'"
            self.wrong(words[0], f"'{signal.name}' is a {signal.type}: '{text:.40}' is no number", hint)
            return None
        try:
            value = convert(text, signal.unit)
        except QuantityError as error:
            self.wrong(words[0], str(error))
            return None
        if not signal.low <= value <= signal.high:
            span = f"{signal.low:g} to {signal.high:g} {signal.unit}".strip()
            self.wrong(words[0], f"'{text:.40}' is never sent: '{signal.name}' ranges from {span}")
            return None
        return value

    def _word(self, word: Word) -> str | None:
        signal, text = self.signal, word.text.strip("\"'")
        if not text or (signal.values and text not in signal.values):
            hint = did_you_mean(text, signal.values) or f"known: {', '.join(signal.values)}"
            self.wrong(word, f"'{signal.name}' is never '{text:.40}'", hint)
            return None
        return text

    def _suits(self, verb: Word) -> bool:
        """Whether the verb is one for this type of signal."""
        signal = self.signal
        wants = next((type_ for type_, verbs in _ONLY.items() if verb.text in verbs), signal.type)
        if signal.type != wants:
            message = f"'{verb.text}' is for a {wants}, and '{signal.name}' is a {signal.type}"
            self.wrong(verb, message, f"such as '{_example(signal)}'")
        return signal.type == wants


class _Player:
    """Plays segments, each from where the one before it ended."""

    def __init__(self, named: Named, chance: random.Random, room: int) -> None:
        self.named, self.chance, self.room = named, chance, room
        self.at = 0.0
        self.late = 0.0
        self.shuffled = False
        self.stands = 0.0
        self.sent: list[Sent] = []
        self.last: Sent | None = None
        self.restarts: list[float] = []
        self.mistakes: list[Mistake] = []

    def play(self, segment: Segment) -> None:
        self._play(segment)
        if self.at > LENGTH_MAX and not self.mistakes:
            self.mistakes.append(Mistake(segment.verb.column, "this makes the test longer than ten years"))

    def _play(self, segment: Segment) -> None:
        verb = segment.verb.text
        if verb in ("flat", "ramp", "wave", "values", "count", "once"):
            self._sample(segment, self._length(segment), _curve(segment, self.stands))
            if verb == "count":  # the next reading will be a step on
                self.stands += segment.number("up")
        elif verb == "step":
            self._step(segment)
        elif verb == "gap":
            self.at += segment.first()
        elif verb in ("retained", "again"):
            self._single(segment)
        elif verb in (ONLINE, OFFLINE):
            self._link(segment)
        elif verb == "reset":
            self.stands = 0.0
        elif verb == "late":
            self.late = segment.first()
        elif verb == "shuffled":
            self.shuffled = True
        else:
            self.restarts.append(self.at)

    def _length(self, segment: Segment) -> float:
        every = segment.number("every")
        if segment.verb.text == "values":
            return segment.number("for", every * len(segment.values))
        return segment.number("over", segment.number("for"))

    def _step(self, segment: Segment) -> None:
        first, second, after = segment.values[0], segment.clauses["to"], segment.number("after")
        length = segment.number("for")
        if "every" in segment.clauses:
            self._sample(segment, length, lambda t: first if t < after - 1e-9 else second)
        else:
            self._sample(segment, after, lambda _: first)
            self._sample(segment, length - after, lambda _: second)

    def _single(self, segment: Segment) -> None:
        """One reading that is not a fresh one: kept by the broker, or sent before."""
        if not self._has_room(segment, 1):
            return
        if segment.verb.text == "again":
            if self.last is None:
                message = "nothing was said yet that could be sent again"
                self.mistakes.append(Mistake(segment.verb.column, message))
            else:
                self.sent.append(self.last._replace(arrives=max(self.at, self.last.arrives)))
            return
        device, signal, part = self.named
        for value in segment.values:
            if value is not None:
                self._send([Sent(device, signal.name, part, value, self.at, self.at, NEVER, True)])

    def _link(self, segment: Segment) -> None:
        """The link's own words; with a time, that the device is gone for so long."""
        words = [(segment.verb.text, self.at)]
        if segment.values:
            self.at += segment.first()
            words.append((ONLINE, self.at))
        if self._has_room(segment, len(words)):
            self.sent += [Sent(self.named.device, ONLINE, "", word, at, at) for word, at in words]

    def _sample(self, segment: Segment, length: float, curve: Callable[[float], Value | None]) -> None:
        """Readings along a curve: at the start and then every so often, up to but not at the end."""
        every, noise = segment.number("every"), segment.number("noise")
        count = _steps(length, every) if every else 1
        if not self._has_room(segment, count):
            return
        device, signal, part = self.named
        holds = STALE_AFTER * every if every and signal.type == "gauge" else NEVER
        sent = []
        for step in range(count):
            value, at = curve(step * every), self.at + step * every
            if isinstance(value, float) and noise:  # which does not leave what the signal can say
                value = min(max(value + self.chance.gauss(0.0, noise), signal.low), signal.high)
            if value is not None:
                sent.append(Sent(device, signal.name, part, value, at, at, holds))
        self._send(sent)
        self.at += length

    def _send(self, sent: list[Sent]) -> None:
        if not sent:
            return
        if isinstance(sent[-1].value, float):
            self.stands = sent[-1].value
        if self.shuffled:
            pairs = (sent[index : index + 2] for index in range(0, len(sent), 2))
            sent = [each._replace(arrives=pair[-1].at) for pair in pairs for each in reversed(pair)]
        if self.late:
            sent = [each._replace(arrives=each.arrives + self.late) for each in sent]
        self.late, self.shuffled = 0.0, False
        self.last = max(sent, key=lambda each: each.at)
        self.sent += sent

    def _has_room(self, segment: Segment, count: int) -> bool:
        if count <= self.room:
            self.room -= count
            return True
        if not self.mistakes:
            message = f"too many readings: a test has at most {READINGS_MAX:,}"
            self.mistakes.append(
                Mistake(segment.verb.column, message, "say less often, with a longer 'every'")
            )
        return False


def _curve(segment: Segment, stands: float) -> Callable[[float], Value | None]:
    """The value of a segment, so many seconds from its start; a counter goes on from where it stands."""
    values, every = segment.values, segment.number("every")
    if segment.verb.text == "values":
        return lambda t: values[round(t / every) % len(values)]
    if segment.verb.text == "count":
        first, up = segment.number("from", stands), segment.number("up")
        return lambda t: first + up * round(t / every)
    if segment.verb.text in ("flat", "once"):
        return lambda _: values[0]
    low, span = segment.first(), segment.number("to") - segment.first()
    if segment.verb.text == "ramp":
        return lambda t: low + span * t / segment.number("over")
    turn = math.tau / segment.number("per")
    return lambda t: low + span * (1 - math.cos(turn * t)) / 2


def _steps(length: float, every: float) -> int:
    """How many readings fall into a span that is open at its end."""
    return max(1, math.ceil(min(length / every, 1e9) - 1e-9))


def _meant(form: Form, word: Word) -> str:
    return did_you_mean(word.text, (*form.needs, *form.may)) or f"write '{form.spelt}'"


def _is_bare(word: Word) -> bool:
    """A number whose unit, if it has one, is the next word."""
    match = _NUMBER.match(word.text)
    return match is not None and match.end() == len(word.text)


def _text(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def _short(word: Word) -> str:
    return word.text if len(word.text) <= 40 else word.text[:37] + "..."

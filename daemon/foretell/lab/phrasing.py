"""A rule in plain words: what it asks, when it clears and what holds it back, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from foretell.authored.quantity import spell_duration
from foretell.engine.conditions import Condition, Node
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.expecting import Expected, ExpectedSilence
from foretell.engine.following import Then
from foretell.engine.levels import Level, Silent
from foretell.engine.peering import Peers
from foretell.engine.rule import RULE, Rule
from foretell.engine.standing import Flapping, Stuck
from foretell.engine.trending import Forecast, Rate
from foretell.engine.wearing import Used
from foretell.site.kinds import Kind
from foretell.tickets.wording import OWN_WORDS, quantity, signal_title, spell_rate, text_of

_TIMES = ((86400.0, "d", "天"), (3600.0, "h", "小时"), (60.0, "min", "分钟"), (1.0, "s", "秒"))
_APART = re.compile(r"(?<=[\u3000-\u9fff]) +(?=[\u3000-\u9fff])")
"""Spaces that stand between Chinese words only because a name was to stand there."""

_AMONG = {
    "kind": ("others of its kind", "同类设备"),
    "model": ("others of its model", "同型号设备"),
    "place": ("others at its place", "同一位置的设备"),
    "building": ("others in its building", "同一楼栋的设备"),
    "parts": ("its other parts", "本机其他部位"),
}


class Phrases:
    """The words of one kind's rules for a reader of one language."""

    def __init__(self, kind: Kind | None, language: str) -> None:
        self.kind, self.language, self.zh = kind, language, language == "zh"

    def say(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def time(self, seconds: float) -> str:
        """As it was probably written: in the largest unit that goes into it evenly."""
        for size, en, zh in _TIMES:
            if seconds >= size and seconds % size == 0.0:
                return self.say(f"{seconds / size:.0f} {en}", f"{seconds / size:.0f} {zh}")
        return spell_duration(seconds, self.language)

    def of(self, condition: Any, value: Any) -> str:
        return quantity(value, getattr(condition, "unit", ""), self.language)

    def name(self, signal: str) -> str:
        return signal_title(signal, self.kind, self.language)

    def unit(self, signal: str) -> str:
        known = self.kind.signals.get(signal) if self.kind else None
        return known.unit if known else ""

    # -- a whole rule -------------------------------------------------------------------------------

    def title(self, rule: Rule) -> str:
        """The title without a device's name: that of its kind stands in for it."""
        title, kind = text_of(rule.authored.title, self.language), self.kind_title(rule)
        title = title.replace("{device}", kind).replace("{part}", "…").replace("{place}", "").strip()
        title = _APART.sub("", title)
        twice = self.zh and title.startswith(kind * 2)  # 门禁门禁控制器: the title names its kind itself
        return title[len(kind) :] if twice else title

    def kind_title(self, rule: Rule) -> str:
        """What people call the kind of device that the rule is for."""
        return text_of(self.kind.title, self.language) if self.kind else rule.kind

    def when(self, rule: Rule) -> str:
        """The condition, and how long it must last."""
        told = self.tree(rule.tree, rule.conditions)
        if rule.dwell:
            told += self.say(f", for {self.time(rule.dwell)}", f"，持续 {self.time(rule.dwell)}")
        return told

    def clear(self, rule: Rule) -> str:
        clear = rule.clear
        if clear is None:
            return self.say("as soon as that is no longer so", "条件不再成立即恢复")
        if clear.level is None:
            return self.say(
                f"after {self.time(clear.quiet)} without another", f"{self.time(clear.quiet)}内未再发生即恢复"
            )
        told = self.condition(clear.level)
        if clear.dwell:
            told += self.say(f", for {self.time(clear.dwell)}", f"，持续 {self.time(clear.dwell)}")
        return told

    def unless(self, rule: Rule) -> list[str]:
        """What explains it away, one by entry."""
        found = []
        for each in rule.unless:
            signal = each.condition.signal
            if signal.startswith(RULE):
                other = signal[len(RULE) :]
                told = self.say(f"{other} stands", f"规则 {other} 成立")
            else:
                told = self.condition(each.condition)
            if each.after:
                after = self.time(each.after)
                told += self.say(f", and for {after} after", f"，以及此后 {after}内")
            found.append(told)
        return found

    def tree(self, node: Node, conditions: tuple[Condition, ...], nested: bool = False) -> str:
        """The conditions with their and, or, not; brackets only where they are needed."""
        if node.verb == "leaf":
            return self.condition(conditions[node.leaf])
        inner = [self.tree(each, conditions, nested=True) for each in node.below]
        if node.verb == "not":
            return self.say(f"not ({inner[0]})", f"并非（{inner[0]}）")
        if len(inner) == 1:
            return inner[0]
        word = self.say("and", "且") if node.verb == "all" else self.say("or", "或")
        joined = (f"，{word}" if self.zh else f" {word} ").join(inner)
        return self.say(f"({joined})", f"（{joined}）") if nested else joined

    def condition(self, condition: Condition) -> str:
        """One condition; of a kind that is not known here, its bare name."""
        tell = _TELLERS.get(type(condition))
        return tell(self, condition) if tell else condition.shape()

    # -- one condition ------------------------------------------------------------------------------

    def _words(self, states: Iterable[str]) -> str:
        return (self.say(" or ", "”或“")).join(states)

    def _asked(self, signal: str, states: tuple[str, ...], above: float | None, below: float | None) -> str:
        name = self.name(signal)
        if own := OWN_WORDS.get((signal, "".join(states))):
            return own[self.zh]
        if states:
            return self.say(f"{name} is {self._words(states)}", f"{name}为“{self._words(states)}”")
        unit = self.unit(signal)
        if above is not None:
            limit = quantity(above, unit, self.language)
            return self.say(f"{name} above {limit}", f"{name}高于 {limit}")
        if below is not None:
            limit = quantity(below, unit, self.language)
            return self.say(f"{name} below {limit}", f"{name}低于 {limit}")
        return name

    def _level(self, c: Level) -> str:
        if not c.outside:
            return self._asked(c.signal, c.states, c.above, c.below)
        low, high, name = self.of(c, c.below), self.of(c, c.above), self.name(c.signal)
        return self.say(f"{name} below {low} or above {high}", f"{name}低于 {low}或高于 {high}")

    def _silent(self, c: Silent) -> str:
        name, limit = self.name(c.signal), self.time(c.limit)
        return self.say(f"nothing heard of {name} for {limit}", f"{name}超过 {limit}没有消息")

    def _count(self, c: Count) -> str:
        what = self._asked(c.signal, c.states, c.above, c.below)
        if c.operations:
            of = self.name(c.operation_signal)
            span = self.say(
                f"in {c.operations:g} {of.lower()}", f"每 {c.operations:g} 次{of.removesuffix('次数')}内"
            )
        else:
            span = self.say(f"within {self.time(c.over)}", f"{self.time(c.over)}内")
        if c.limit == 1:
            return self.say(f"{what}, at least once {span}", f"{what}，{span}至少 1 次")
        return self.say(f"{what}, {c.limit:g} times or more {span}", f"{what}，{span}达到 {c.limit:g} 次")

    def _rate(self, c: Rate) -> str:
        limit = c.above if c.above is not None else c.below
        said, name, over = spell_rate(limit, c.unit, self.language), self.name(c.signal), self.time(c.over)
        if c.above is not None:
            return self.say(
                f"{name} goes up by more than {said}, over {over}", f"{name}上升超过 {said}（{over}内）"
            )
        return self.say(
            f"{name} changes by less than {said}, over {over}", f"{name}变化低于 {said}（{over}内）"
        )

    def _forecast(self, c: Forecast) -> str:
        name, limit, within, back = (
            self.name(c.signal),
            self.of(c, c.limit),
            self.time(c.within),
            self.time(c.history),
        )
        return self.say(
            f"{name} will {'reach' if c.up else 'fall to'} {limit} within {within}, as it went over {back}",
            f"按过去 {back}的趋势，{name}将在 {within}内{'升到' if c.up else '降到'} {limit}",
        )

    def _drift(self, c: Drift) -> str:
        name, against = self.name(c.signal), self.time(c.against)
        shift = self._spreads(c.shift) if c.in_sigmas else self.of(c, c.shift)
        return self.say(
            f"{name} drifts {'up' if c.up else 'down'} by {shift} from its own normal, "
            f"learned over {against}",
            f"{name}较自身基准（学习 {against}）持续{'升高' if c.up else '降低'} {shift}",
        )

    def _spreads(self, times: float) -> str:
        return self.say(f"{times:g} times its usual spread", f"{times:g} 倍离散度")

    def _apart(self, c: Peers | Expected) -> str:
        if c.form == "sigma":
            return self._spreads(c.limit)
        return f"{c.limit * 100:g}%" if c.form == "share" else self.of(c, c.limit)

    def _side(self, side: str) -> str:
        words = {"up": ("above", "高于"), "down": ("below", "低于"), "apart": ("away from", "偏离")}
        return words[side][self.zh]

    def _peers(self, c: Peers) -> str:
        name, apart, side, among = (
            self.name(c.signal),
            self._apart(c),
            self._side(c.side),
            _AMONG[c.among][self.zh],
        )
        return self.say(
            f"{name} is {apart} {side} the median of {among} (at least {c.at_least})",
            f"{name}{side}{among}的中位数 {apart}（至少 {c.at_least} 个）",
        )

    def _expected(self, c: Expected) -> str:
        name, apart, side, learn = self.name(c.signal), self._apart(c), self._side(c.side), self.time(c.learn)
        return self.say(
            f"{name} is {apart} {side} what is usual at this hour of the week, learned over {learn}",
            f"{name}{side}每周此时的平常值 {apart}（学习 {learn}）",
        )

    def _expected_silence(self, c: ExpectedSilence) -> str:
        name, chance, least = self.name(c.signal), f"{c.chance * 100:g}%", self.time(c.at_least)
        return self.say(
            f"{name}: nothing for longer than is usual at such hours "
            f"(chance below {chance}, at least {least})",
            f"{name}静默时间超过平时（概率低于 {chance}，至少 {least}）",
        )

    def _stuck(self, c: Stuck) -> str:
        name, over = self.name(c.signal), self.time(c.over)
        by = "" if not c.within else self.of(c, c.within)
        return self.say(
            f"{name} does not move{f' by more than {by}' if by else ''} for {over}",
            f"{name}在 {over}内{f'变化不超过 {by}' if by else '没有变化'}",
        )

    def _flapping(self, c: Flapping) -> str:
        what, over = self._asked(c.signal, (), c.above, c.below), self.time(c.over)
        return self.say(
            f"{what} changes {c.at_least:g} times or more within {over}",
            f"{what}在 {over}内变化达到 {c.at_least:g} 次",
        )

    def _used(self, c: Used) -> str:
        name, share, of = self.name(c.signal), f"{c.at * 100:g}%", self.of(c, c.of)
        return self.say(f"{name}: {share} of a life of {of} is used up", f"{name}寿命（{of}）已用 {share}")

    def _then(self, c: Then) -> str:
        cause = self._asked(c.signal, c.states, c.above, c.below)
        follow = self._asked(c.follow_signal, c.follow_states, c.follow_above, c.follow_below)
        within = self.time(c.within)
        told = self.say(
            f"{cause}, and {follow} does not follow within {within}", f"{cause}之后 {within}内未见{follow}"
        )
        if c.at_least > 1:
            over = self.time(c.over)
            told += self.say(f", {c.at_least} times within {over}", f"，{over}内 {c.at_least} 次")
        return told


_TELLERS: dict[type, Callable[[Phrases, Any], str]] = {
    Level: Phrases._level, Silent: Phrases._silent, Count: Phrases._count, Rate: Phrases._rate,
    Forecast: Phrases._forecast, Drift: Phrases._drift, Peers: Phrases._peers, Expected: Phrases._expected,
    ExpectedSilence: Phrases._expected_silence, Stuck: Phrases._stuck, Flapping: Phrases._flapping,
    Used: Phrases._used, Then: Phrases._then,
}  # fmt: skip

"""What evidence says in words: one sentence for each clause, with value, limit and unit, in both languages.

Evidence comes from a database and may be years old, so nothing is taken for granted: what is missing or
odd has no words rather than an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from foretell.authored.quantity import spell_duration
from foretell.authored.validate import Text
from foretell.site.kinds import BUILT_IN, ONLINE, Kind

UNKNOWN = "–"
DAY = 86400.0
MAINTENANCE, VIA, RULE = "$maintenance", "$via", "$rule "

_UNITS = {
    "degC": ("°C", "℃"), "celsius": ("°C", "℃"), "degree_Celsius": ("°C", "℃"), "delta_degC": ("°C", "℃"),
    "degF": ("°F", "℉"), "percent": ("%", "%"), "count": ("", ""), "dimensionless": ("", ""),
    "um": ("µm", "µm"), "micrometer": ("µm", "µm"), "ohm": ("Ω", "Ω"), "degree": ("°", "°"),
    "min": ("min", "分钟"), "h": ("h", "小时"), "d": ("d", "天"),
}  # fmt: skip
_ATTACHED = ("%", "°")
_POWER = re.compile(r"(?:\*\*|\^)([0-9])")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_PER = (("s", 1.0, "秒"), ("min", 60.0, "分钟"), ("h", 3600.0, "小时"), ("d", DAY, "天"))
_WEEKDAYS = (("Mon", "周一"), ("Tue", "周二"), ("Wed", "周三"), ("Thu", "周四"), ("Fri", "周五"),
             ("Sat", "周六"), ("Sun", "周日"))  # fmt: skip
_AMONG = {
    "kind": ("a group of {n} of its kind", "同类 {n} 个"),
    "model": ("a group of {n} of its model", "同型号 {n} 个"),
    "place": ("a group of {n} at its place", "同一位置 {n} 个"),
    "building": ("a group of {n} in its building", "同一楼栋 {n} 个"),
    "parts": ("the {n} parts of the device", "本机 {n} 个部位"),
}
OWN_WORDS = {
    (ONLINE, "offline"): ("the device is offline", "设备离线"),
    (ONLINE, "online"): ("the device is online", "设备在线"),
    (MAINTENANCE, "on"): ("people work on it", "正在检修"),
    (MAINTENANCE, "off"): ("nobody works on it", "未在检修"),
    (VIA, "offline"): ("its gateway is offline", "所属网关离线"),
    (VIA, "online"): ("its gateway is online", "所属网关在线"),
}
"""What is known of a device beside its own words, in whole sentences."""


# -- values -----------------------------------------------------------------------------------------


def text_of(text: Text | None, language: str) -> str:
    """The text in this language; empty for none."""
    if text is None:
        return ""
    return text.zh if language == "zh" else text.en


def number(value: Any) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def spell_number(value: Any) -> str:
    """Four digits are what people read; nothing is told where there is no number."""
    if value is None or isinstance(value, int | float):
        known = number(value)
        if known is None:
            return UNKNOWN
        return f"{known:.4g}" if abs(known) < 1e4 else f"{known:.0f}" if abs(known) < 1e15 else f"{known:.3g}"
    return str(value)


def spell_unit(unit: Any, language: str) -> str:
    """A unit as people write it: °C, %, mm/s²."""
    if not isinstance(unit, str):
        return ""
    if unit in _UNITS:
        return _UNITS[unit][language == "zh"]
    return _POWER.sub(lambda power: _RAISED[int(power[1])], unit)


def quantity(value: Any, unit: Any, language: str) -> str:
    """A value with its unit: "4.2 s", "12%", "40 °C"; words as they are."""
    if isinstance(value, list | tuple):
        return " / ".join(quantity(each, unit, language) for each in value) or UNKNOWN
    said = spell_number(value)
    shown = spell_unit(unit, language)
    if isinstance(value, str) or said == UNKNOWN or not shown:
        return said
    return f"{said}{'' if shown in _ATTACHED else ' '}{shown}"


def spell_rate(value: Any, unit: Any, language: str, like: Any = None) -> str:
    """A rate given per second, in the time that makes it (or what it is `like`) a plain number."""
    rate = number(value)
    if rate is None:
        return UNKNOWN
    name, seconds, zh = _per(number(like) or rate)
    return f"{quantity(rate * seconds, unit, language)}/{zh if language == 'zh' else name}"


def _per(rate: float) -> tuple[str, float, str]:
    """The time in which a rate has the fewest digits; of several, where it is nearest to one."""

    def plainness(per: tuple[str, float, str]) -> tuple[int, float]:
        amount = abs(rate) * per[1]
        if not amount or not math.isfinite(amount):
            return 0, 0.0
        digits = f"{amount:.6e}".partition("e")[0].replace(".", "").rstrip("0")
        return len(digits), abs(math.log10(amount))

    return min(_PER, key=plainness) if rate else _PER[2]


def about(seconds: Any, language: str) -> str:
    """A time that is only estimated, in its largest unit: "9 d", "1.5 h"."""
    known = number(seconds)
    if known is None:
        return UNKNOWN
    known = max(known, 0.0)
    for size in (DAY, 3600.0, 60.0, 1.0):
        if known >= 3 * size:
            known = round(known / size) * size
            break
    return spell_duration(known, language)


def signal_title(name: Any, kind: Kind | None, language: str) -> str:
    """What people call a signal, the engine's own ones included; its raw name if nobody named it."""
    zh = language == "zh"
    if not isinstance(name, str) or not name:
        return "设备" if zh else "the device"
    if name == MAINTENANCE:
        return "检修状态" if zh else "Maintenance"
    if name == VIA:
        return "所属网关" if zh else "Its gateway"
    if name.startswith(RULE):
        rule = name[len(RULE) :]
        return f"规则 {rule}" if zh else f"The rule {rule}"
    signal = (kind.signals if kind else BUILT_IN).get(name) or BUILT_IN.get(name)
    return text_of(signal.title, language) if signal and signal.title else name


# -- evidence ---------------------------------------------------------------------------------------


class Evidence:
    """One clause, read without trust, for a reader of one language."""

    def __init__(self, values: Mapping[str, Any], kind: Kind | None, language: str) -> None:
        self._values, self._kind, self.language = values, kind, language
        self.zh = language == "zh"
        self.unit = values.get("unit")
        self.signal = signal_title(values.get("signal"), kind, language)

    def say(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def number(self, key: str) -> float | None:
        return number(self._values.get(key))

    def plain(self, key: str) -> str:
        """A bare number."""
        return spell_number(self.number(key))

    def amount(self, key: str) -> str:
        """A value in the signal's unit."""
        return self.of_unit(self._values.get(key))

    def of_unit(self, value: Any) -> str:
        odd = not isinstance(value, str | int | float | list | tuple)
        return UNKNOWN if odd else quantity(value, self.unit, self.language)

    def lasting(self, key: str) -> str:
        known = self.number(key)
        return UNKNOWN if known is None else spell_duration(known, self.language)

    def words(self, key: str) -> tuple[str, ...]:
        values = self._values.get(key)
        return tuple(str(each) for each in values) if isinstance(values, list | tuple) else ()

    def numbers(self, key: str) -> tuple[float | None, ...]:
        values = self._values.get(key)
        return tuple(number(each) for each in values) if isinstance(values, list | tuple) else ()

    def title(self, key: str) -> str:
        """The name of another signal."""
        return signal_title(self._values.get(key), self._kind, self.language)

    def unit_of(self, key: str) -> str:
        """The unit of another signal, where the kind knows it."""
        signal = self._kind.signals.get(str(self._values.get(key))) if self._kind else None
        return signal.unit if signal else ""

    def part(self) -> str:
        """The part it is about, to stand behind the signal; nothing for a device without parts."""
        part = self._values.get("part")
        if not isinstance(part, str) or not part:
            return ""
        return f"（{part}）" if self.zh else f" ({part})"


def sentence(clause: Mapping[str, Any], kind: Kind | None, language: str) -> str:
    """What one clause of a rule saw, in one sentence without a full stop; of an unknown verb, too."""
    evidence = Evidence(clause, kind, language)
    verb = clause.get("verb")
    tell = _SENTENCES.get(verb) if isinstance(verb, str) else None
    return tell(evidence) if tell else _plain(evidence)


def _plain(e: Evidence) -> str:
    """A verb of which nothing is known."""
    verb, value, limit = e.get("verb"), e.amount("value"), e.amount("limit")
    asked = verb if isinstance(verb, str) and verb else UNKNOWN
    return e.say(
        f"{e.signal} {value} ({asked}, limit {limit})", f"{e.signal} {value}（{asked}，限值 {limit}）"
    )


_SIDES = {"above": ("above", "高于"), "below": ("below", "低于"), "outside": ("beyond", "超出")}


def _level(e: Evidence) -> str:
    en, zh = _SIDES[e.get("verb")]
    value, limit = e.amount("value"), e.amount("limit")
    if e.get("value") is None:
        return e.say(f"{e.signal} is unknown, the limit is {limit}", f"{e.signal}未知，限值 {limit}")
    if e.get("verdict") is False and e.number("value") is not None:
        return e.say(f"{e.signal} {value}, the limit is {limit}", f"{e.signal} {value}，限值 {limit}")
    return e.say(f"{e.signal} {value}, {en} the limit of {limit}", f"{e.signal} {value}，{zh}限值 {limit}")


def _is(e: Evidence) -> str:
    name, value = e.get("signal"), e.get("value")
    if isinstance(name, str) and isinstance(value, str):
        if name.startswith(RULE):
            stands = value == "open"
            return e.say(
                f"{e.signal} {'holds' if stands else 'does not hold'}",
                f"{e.signal}{' 成立' if stands else ' 不成立'}",
            )
        if own := OWN_WORDS.get((name, value)):
            return own[e.zh]
    said = e.amount("value")
    if value is None:
        return e.say(f"{e.signal} is unknown", f"{e.signal}未知")
    return e.say(f"{e.signal} is {said}", f"{e.signal}为“{said}”")


def _silent(e: Evidence) -> str:
    lasting = e.lasting("limit")
    if e.get("verdict") is False:
        return e.say(f"{e.signal} was heard within the last {lasting}", f"{e.signal}在 {lasting}内有消息")
    return e.say(f"nothing heard of {e.signal} for more than {lasting}", f"{e.signal}超过 {lasting}没有消息")


def _count(e: Evidence) -> str:
    what = "/".join(e.words("states"))
    what = f"{e.signal}（{what}）" if e.zh and what else f"{e.signal} {what}".strip()
    if e.number("operations"):
        times, of = e.plain("operations"), e.title("of")
        span = e.say(f"in the last {times} {of.lower()}", f"最近 {times} 次{of.removesuffix('次数')}内")
    else:
        span = e.say(f"within {e.lasting('over')}", f"{e.lasting('over')}内")
    times, limit = e.plain("value"), e.plain("limit")
    return e.say(
        f"{what}: {times} times {span}, the limit is {limit}",
        f"{what} {span} {times} 次，限值 {limit} 次",
    )


def _drift(e: Evidence) -> str:
    reference = e.numbers("reference")
    if len(reference) < 2 or reference[0] is None:
        return e.say(f"{e.signal}: still learning what is normal", f"{e.signal} 基准学习中")
    normal, value, up = e.of_unit(reference[0]), e.amount("value"), bool(e.get("up"))
    told = e.say(
        f"{e.signal} has drifted {'up' if up else 'down'}: now {value}, its own normal is {normal}",
        f"{e.signal}持续{'升高' if up else '降低'}：现为 {value}，自身基准 {normal}",
    )
    shift = e.number("shift")
    if shift is None:
        return told
    if e.get("in_sigmas"):
        spread = e.of_unit(reference[1])
        limit = _spreads(e, spell_number(shift), spread)
    else:
        limit = e.of_unit(shift)
    return e.say(f"{told}, the limit is a lasting shift of {limit}", f"{told}，限值为持续偏移 {limit}")


def _spreads(e: Evidence, times: str, spread: str) -> str:
    return e.say(f"{times} times the usual spread of {spread}", f"{times} 倍离散度（{spread}）")


def _rate(e: Evidence) -> str:
    rate, limit = e.number("value"), e.number("limit")
    if rate is None:
        return e.say(
            f"{e.signal}: too little is known to tell how fast it changes",
            f"{e.signal}：数据不足，变化快慢未知",
        )
    scale, counter = limit or rate, bool(e.get("counter"))
    unit = e.say("", "次") if counter and not e.unit else e.unit

    def said(value: float | None) -> str:
        return spell_rate(value, unit, e.language, scale)

    if counter:
        return e.say(
            f"{e.signal}: up by {said(rate)}, the limit is {said(limit)}",
            f"{e.signal}增加 {said(rate)}，限值 {said(limit)}",
        )
    way = ("上升", "rises by") if rate > 0 else ("下降", "falls by") if rate < 0 else ("变化", "changes by")
    alike = limit is not None and (rate < 0) == (limit < 0)
    edge = abs(limit) if alike and limit is not None else limit
    return e.say(
        f"{e.signal} {way[1]} {said(abs(rate))}, the limit is {said(edge)}",
        f"{e.signal}{way[0]} {said(abs(rate))}，限值 {said(edge)}",
    )


def _forecast(e: Evidence) -> str:
    value, limit, up = e.amount("value"), e.amount("limit"), e.get("up") is not False
    if e.number("value") is None:
        return e.say(
            f"{e.signal}: still learning where it is heading, the limit is {limit}",
            f"{e.signal} 趋势学习中，限值 {limit}",
        )
    left = e.numbers("time_left")
    if len(left) != 3:
        return e.say(
            f"{e.signal} {value}: no clear trend towards the limit of {limit}",
            f"{e.signal} {value}，未见趋向限值 {limit}",
        )
    if left[2] == 0.0:
        return e.say(f"{e.signal} {value}: it has reached {limit}", f"{e.signal} {value}，已达到限值 {limit}")
    reaches = ("升到" if up else "降到") if e.zh else ("reaches" if up else "falls to")
    when, spread = _time_left(e, left)
    return e.say(
        f"{e.signal} {value}: at this pace it {reaches} {limit} in {when}{spread}",
        f"{e.signal} {value}，按此趋势{when}{reaches} {limit}{spread}",
    )


def _time_left(e: Evidence, left: tuple[float | None, ...]) -> tuple[str, str]:
    """The likely time, and in brackets from the earliest to the latest."""
    earliest, likely, latest = left
    when = about(earliest if likely is None else likely, e.language)
    first, last = about(earliest, e.language), about(latest, e.language)
    if e.zh:
        when = f"约 {when}后"
        spread = f"（最早 {first}）" if latest is None else f"（{first}至 {last}）"
        return when, "" if earliest is None else spread
    spread = f" ({first} at the earliest)" if latest is None else f" ({first} to {last})"
    return when, "" if earliest is None else spread


def _limit_of(e: Evidence, spread: Any) -> str:
    """A limit in spreads, in parts of the usual, or in the unit."""
    form, limit = e.get("form"), e.number("limit")
    if form == "sigma":
        return _spreads(e, spell_number(limit), e.of_unit(number(spread)))
    if form == "share":
        return UNKNOWN if limit is None else quantity(limit * 100, "percent", e.language)
    return e.of_unit(limit)


def _away(e: Evidence, deviation: float) -> str:
    """How far off, and on which side."""
    amount = e.of_unit(abs(deviation))
    if e.zh:
        return f"{'高' if deviation >= 0 else '低'} {amount}"
    return f"{amount} {'above' if deviation >= 0 else 'below'}"


def _peers(e: Evidence) -> str:
    value, median, deviation = e.amount("value"), e.number("median"), e.number("deviation")
    size = max(e.number("size") or 0.0, 0.0)
    if median is None or deviation is None:
        needed = e.plain("at_least")
        return e.say(
            f"{e.signal} {value}: {spell_number(size)} to compare, itself included, and {needed} are needed",
            f"{e.signal} {value}，可比对象共 {spell_number(size)} 个，至少需要 {needed} 个",
        )
    among = e.get("among")
    group = _AMONG.get(among if isinstance(among, str) else "", _AMONG["kind"])[e.zh].format(
        n=spell_number(size)
    )
    limit, away = _limit_of(e, e.number("sigma")), _away(e, deviation)
    told = e.say(
        f"{e.signal} {value}: {away} the median of {e.of_unit(median)} in {group}, the limit is {limit}",
        f"{e.signal} {value}，比{group}的中位数 {e.of_unit(median)} {away}，限值 {limit}",
    )
    if e.get("common_cause"):
        told += e.say("; many deviate at once, so the cause is not here", "；多个对象同时偏离，原因不在本机")
    return told


def _expected(e: Evidence) -> str:
    if e.get("side") == "silence":
        return _expected_silence(e)
    value, expected = e.amount("value"), e.number("expected")
    if e.get("warming_up") or expected is None:
        return _learning(e)
    hour, limit = _hour(e), _limit_of(e, e.number("sigma"))
    away = _away(e, (e.number("value") or 0.0) - expected)
    return e.say(
        f"{e.signal} {value}: {away} the {e.of_unit(expected)} that are usual {hour}, the limit is {limit}",
        f"{e.signal} {value}，比{hour}通常的 {e.of_unit(expected)} {away}，限值 {limit}",
    )


def _expected_silence(e: Evidence) -> str:
    if e.get("warming_up") or e.number("silence") is None:
        return _learning(e)
    chance = quantity(_percent(e.number("value")), "percent", e.language)
    limit = quantity(_percent(e.number("limit")), "percent", e.language)
    lasting, expected = about(e.number("silence"), e.language), e.number("expected") or 0.0
    usual = spell_number(round(expected) if expected >= 10 else float(f"{expected:.2g}"))
    return e.say(
        f"{e.signal}: nothing for {lasting}, when about {usual} are usual; "
        f"such a silence has a chance of {chance}, the limit is {limit}",
        f"{e.signal}已 {lasting}没有动静，平时应有约 {usual} 次；这样的静默概率为 {chance}，限值 {limit}",
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else float(f"{100 * share:.2g}")


def _learning(e: Evidence) -> str:
    seen, needed = about(e.number("observed"), e.language), about(e.number("learn"), e.language)
    return e.say(
        f"{e.signal}: still learning what is usual ({seen} of {needed})",
        f"{e.signal} 平时规律学习中（已 {seen}，需 {needed}）",
    )


def _hour(e: Evidence) -> str:
    slot = e.number("hour")
    if slot is None or not 0 <= slot < 168:
        return e.say("at this hour", "此时")
    day, hour = divmod(int(slot), 24)
    return e.say(f"on {_WEEKDAYS[day][0]} at {hour:02d}:00", f"{_WEEKDAYS[day][1]} {hour} 时")


def _stuck(e: Evidence) -> str:
    lasted = e.number("lasted")
    if lasted is None:
        return e.say(f"{e.signal}: no reading yet", f"{e.signal}：尚无读数")
    low, high, value = e.number("low"), e.number("high"), e.amount("value")
    if low is not None and high is not None and low < high:
        value = f"{spell_number(low)}–{e.of_unit(high)}"
    lasting, limit, readings = spell_duration(lasted, e.language), e.lasting("over"), e.plain("readings")
    return e.say(
        f"{e.signal}{e.part()} has stayed at {value} for {lasting} ({readings} readings), "
        f"the limit is {limit}",
        f"{e.signal}{e.part()}停在 {value} 已 {lasting}（{readings} 个读数），限值 {limit}",
    )


def _flapping(e: Evidence) -> str:
    times, limit, over = e.plain("value"), e.plain("limit"), e.lasting("over")
    edge = e.get("above") if e.number("below") is None else e.get("below")
    if number(edge) is None:
        return e.say(
            f"{e.signal} changed {times} times within {over}, the limit is {limit}",
            f"{e.signal} {over}内变化 {times} 次，限值 {limit} 次",
        )
    crossed = quantity(number(edge), e.unit or e.unit_of("signal"), e.language)
    return e.say(
        f"{e.signal} crossed {crossed} {times} times within {over}, the limit is {limit}",
        f"{e.signal} {over}内穿越 {crossed} 共 {times} 次，限值 {limit} 次",
    )


def _used(e: Evidence) -> str:
    share, of, limit = e.number("share"), e.number("of"), e.number("limit")
    if share is None:
        return e.say(f"{e.signal}: no reading yet", f"{e.signal}：尚无读数")
    used = quantity(float(f"{100 * share:.3g}"), "percent", e.language)
    edge = quantity(
        None if limit is None or not of else float(f"{100 * limit / of:.3g}"), "percent", e.language
    )
    told = e.say(
        f"{e.signal}{e.part()}: {used} of its life used ({e.plain('value')} of {e.amount('of')}), "
        f"the limit is {edge}",
        f"{e.signal}{e.part()}寿命已用 {used}（{e.plain('value')}/{e.amount('of')}），限值 {edge}",
    )
    left = e.numbers("time_left")
    if len(left) != 3 or left[1] is None:
        return told
    if left[1] <= 0.0:
        return e.say(f"{told}, nothing is left", f"{told}，寿命已尽")
    when, spread = _time_left(e, left)
    return e.say(f"{told}, about {when} left{spread}", f"{told}，预计还可用{when.removesuffix('后')}{spread}")


def _then(e: Evidence) -> str:
    cause = _happening(e, "signal", "states", "above", "below")
    follow = _happening(e, "follow", "follow_states", "follow_above", "follow_below")
    within, over = e.lasting("within"), e.number("over")
    told = e.say(
        f"{cause} was not followed by {follow} within {within}", f"{cause}之后 {within}内未见{follow}"
    )
    limit = e.number("limit")
    if limit is not None and limit <= 1 and (e.number("value") or 0.0) <= 1:
        return told
    times = e.say(
        f"{e.plain('value')} times, the limit is {e.plain('limit')}",
        f"{e.plain('value')} 次，限值 {e.plain('limit')} 次",
    )
    if over:
        lasting = spell_duration(over, e.language)
        times = e.say(f"{times} within {lasting}", f"{lasting}内 {times}")
    return e.say(f"{told}: {times}", f"{told}：{times}")


def _happening(e: Evidence, signal: str, states: str, above: str, below: str) -> str:
    """What is asked of a signal: a word, or a limit that is passed."""
    title, words = e.title(signal), "/".join(e.words(states))
    if words:
        return e.say(f"{title} {words}", f"{title}“{words}”")
    unit = e.unit_of(signal)
    for key, (en, zh) in ((above, _SIDES["above"]), (below, _SIDES["below"])):
        if (limit := e.number(key)) is not None:
            amount = quantity(limit, unit, e.language)
            return e.say(f"{title} {en} {amount}", f"{title}{zh} {amount}")
    return title


_SENTENCES: dict[str, Callable[[Evidence], str]] = {
    "above": _level, "below": _level, "outside": _level, "is": _is, "silent": _silent, "count": _count,
    "drift": _drift, "rate": _rate, "forecast": _forecast, "peers": _peers, "expected": _expected,
    "stuck": _stuck, "flapping": _flapping, "used": _used, "then": _then,
}  # fmt: skip
VERBS = tuple(_SENTENCES)

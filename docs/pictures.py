"""Makes docs/conditions/*.svg: every condition of scenes.yaml on its series, judged by the real engine.

    python docs/pictures.py [FOLDER]

The same code makes the same bytes; a test compares them with what is committed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drawing import AWAY, GOOD, LIMIT, RECKONED, SERIES, SIBLING, SOFT, Sheet
from tracing import Spans, Traced, trace

from foretell.authored.document import read
from foretell.authored.quantity import duration

MIN, H, D = 60.0, 3600.0, 86400.0
WORDS = {
    "normal": "#d6e4ee",
    "inspection": "#f1dca7",
    "stopped": "#d9c2e0",
    "open": "#f1dca7",
    "closed": "#d6e4ee",
}


HERE = Path(__file__).parent
WEEKDAYS = ("Mon 一", "Tue 二", "Wed 三", "Thu 四", "Fri 五", "Sat 六", "Sun 日")
Draw = Callable[[Sheet, Traced, Spans], None]

# -- what is shown of each ---------------------------------------------------------------------------


def above(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(130, 30, 46, spans)
    panel.scale(("temperature", "温度"), [(32, "32"), (38, "38"), (44, "44 °C")])
    panel.level(40, "above: 40 degC")
    panel.level(38, "clear below: 38 degC", GOOD, below=True)
    panel.curve(traced.curve("temperature"), SERIES)
    panel.note(1.05 * H, 45, "too short 太短")
    panel.note(5.55 * H, 33.5, "no data 无数据")


def outside(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(130, 180, 260, spans)
    panel.scale(("voltage", "电压"), [(198, "198"), (220, "220"), (242, "242 V")])
    panel.level(242, "upper 上限 242 V")
    panel.level(198, "lower 下限 198 V", below=True)
    panel.curve(traced.curve("voltage"), SERIES)


def _lane(sheet: Sheet, traced: Traced, line: str, words: str) -> None:
    sheet.lane(words, [(start, end, word, WORDS[word]) for start, end, word in traced.words(line, sheet.end)])


def word(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    _lane(sheet, traced, "mode", "mode")
    sheet.lane(
        "link",
        [
            (0, 6 * H, "online 在线", "#e3eae4"),
            (6 * H, 8 * H, "offline 离线", AWAY),
            (8 * H, 12 * H, "online 在线", "#e3eae4"),
        ],
    )


def silent(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    arrives = [each.arrives for each in traced.sent["temperature"] if not 3 * H <= each.arrives < 6 * H]
    sheet.ticks("heard", [*arrives, 6 * H, 6 * H + 1])
    sheet.lane(
        "we",
        [
            (0, 3 * H, "connected 已连接", "#e3eae4"),
            (3 * H, 6 * H, "we are cut off 我方断线", AWAY),
            (6 * H, 12 * H, "connected 已连接", "#e3eae4"),
        ],
    )
    sheet.lane("", [(8 * H, 10 * H, "2 h", "#eadcf5")])


def logic(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    names = {"main": "A", "b": "B", "all": "all", "any": "any", "not": "not A"}
    for rule, name in names.items():
        if rule == "all":
            sheet.below += 8
        sheet.verdict(traced.spans(rule), name)


def missing(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(100, 30, 46, spans)
    panel.scale(("temperature", "温度"), [(32, "32"), (44, "44 °C")])
    panel.level(40, "above: 40 degC")
    panel.curve(traced.curve("temperature"), SERIES)
    sheet.verdict(spans, "when")
    for rule in ("hold", "reset", "open"):
        turns = traced.turns["main" if rule == "hold" else rule]
        opened = turns[0][0]
        waits = sheet.lane(rule, [])
        sheet.shade([(sheet.start, opened, False), (opened, sheet.end, True)], waits, 18, faint=False)
        late = opened > 0.8 * sheet.end
        words, side = f"opens 开单 {opened / MIN:.0f} min", "end" if late else "start"
        sheet.text(sheet.x(opened) + (-5 if late else 5), waits + 13.5, words, LIMIT, 11, side, bold=True)


def count(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    sheet.ticks("events", [each.at for each in traced.sent["reversal"]])
    panel = sheet.panel(96, 0, 7, spans)
    panel.scale(("events in the last 7 d", "最近 7 天次数"), [(0, "0"), (3, "3"), (5, "5")])
    panel.level(5, "at_least: 5")
    window = [each.at for each in traced.sent["reversal"]]
    counted = [
        (look.at, float(sum(look.at - 7 * D <= at <= look.at for at in window)))
        for look in traced.looks["main"]
    ]
    panel.curve(counted, RECKONED, step=True)
    opened = traced.opened()
    sheet.lane("", [(opened - 7 * D, opened, "over: 7 d", "#eadcf5")])


def count_per(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    sheet.ticks("events", [each.at for each in traced.sent["reversal"]])
    panel = sheet.panel(96, 0, 240, spans)
    panel.scale(("trips", "运行次数"), [(0, "0"), (100, "100"), (200, "200")])
    panel.curve(traced.curve("trips"), SERIES)
    panel.level(100, "first 100 trips 首满 100 次", SOFT)
    panel = sheet.panel(80, 0, 9, spans)
    panel.scale(("events in the last 100 trips", "最近 100 次运行中的次数"), [(0, "0"), (5, "5")])
    panel.level(5, "at_least: 5")
    panel.curve(traced.measured(lambda clause: clause["value"]), RECKONED, step=True)


def rate(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(110, 20, 50, spans)
    panel.scale(("temperature", "温度"), [(20, "20"), (35, "35"), (50, "50 °C")])
    panel.curve(traced.curve("temperature"), SERIES)
    panel.dots([(each.at, float(each.value)) for each in traced.sent["temperature"]], SERIES, 1.6)
    panel.note(2.35 * H, 43, "one wild value: not counted 野值不影响")
    panel = sheet.panel(84, -3, 12, spans)
    panel.scale(("slope over the last hour", "最近 1 小时斜率"), [(0, "0"), (6, "6 °C/h")])
    panel.level(6, 'above: "6 degC/h"')
    panel.curve(
        traced.measured(lambda clause: None if clause["value"] is None else clause["value"] * H), RECKONED
    )


def forecast(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(170, 0, 60, spans)
    panel.scale(("level", "液位"), [(10, "10"), (30, "30"), (50, "50 cm")])
    opened = traced.opened()
    seen = [point for point in traced.curve("level") if point[0] <= opened]
    later = [point for point in traced.curve("level") if point[0] >= opened]
    panel.level(50, "reaches: 50 cm")
    told = traced.evidence(opened + 10 * MIN)
    fitted, level = told["fitted_at"] - traced.start, told["value"]

    def line(slope: float, at: float) -> float:
        return float(level + slope * (at - fitted))

    ahead = [fitted + (sheet.end - fitted) * step / 40 for step in range(41)]
    panel.band([(at, line(told["slope_low"], at), line(told["slope_high"], at)) for at in ahead], RECKONED)
    panel.curve(later, SIBLING, 1.2)
    panel.curve(seen, SERIES)
    ends = (50 - level) / told["slope"] + fitted
    panel.curve([(opened - 10 * D, line(told["slope"], opened - 10 * D)), (ends, 50.0)], RECKONED, 2.2)
    early = fitted + told["time_left"][0]
    panel.dots([(early, 50.0)], LIMIT, 4)
    panel.note(early - 0.2 * D, 54, "earliest 最早", LIMIT, "end")
    panel.note(opened + 0.25 * D, 12, "fitted line with its 80 % interval", RECKONED)
    panel.note(opened + 0.25 * D, 6.5, "拟合直线与 80 % 区间", RECKONED)
    sheet.lane(
        "",
        [
            (opened - 10 * D, opened, "from: 10 d", "#eadcf5"),
            (opened, opened + 7 * D, "within: 7 d", "#f7d9cb"),
        ],
    )


def drift(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(120, 2, 6, spans)
    panel.scale(("close_time", "关门时间"), [(2, "2"), (4, "4"), (6, "6 s")])
    learnt = next(look for look in traced.looks["main"] if look.clauses and look.clauses[0]["reference"])
    centre, scale = learnt.clauses[0]["reference"][:2]
    ends = [(0.0, centre - scale, centre + scale), (sheet.end, centre - scale, centre + scale)]
    panel.band(ends, GOOD)
    panel.curve(traced.curve("close_time"), SERIES, 1.1)
    panel.level(centre, "its own reference 自身基准", GOOD, below=True, right=True)
    panel.level(centre + 0.4, "up: 0.4 s", LIMIT, (learnt.at, sheet.end))
    sheet.lane("", [(0.0, learnt.at, "learns 学习: against 7 d", "#eadcf5")])
    panel = sheet.panel(84, 0, 10.5, spans)
    panel.scale(("sum", "累计和"), [(0, "0"), (5, "5")])
    panel.level(5, "decision: 5")
    panel.curve(
        traced.measured(lambda clause: None if clause["reference"] is None else clause["sum"]), RECKONED
    )


def peers(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(150, 25, 52, spans)
    panel.scale(("temperature", "温度"), [(30, "30"), (40, "40"), (50, "50 °C")])
    for device in "bcde":
        panel.curve(traced.curve(f"{device} temperature"), SIBLING, 1.1)
    panel.curve(traced.curve("temperature"), SERIES)
    told = {
        look.clauses[0]["at"]: look.clauses[0]
        for look in traced.looks["main"]
        if look.clauses and look.clauses[0]["median"]
    }
    for at, clause in sorted(told.items()):
        day = at - traced.start
        for value, colour in ((clause["value"], SERIES), (clause["median"], GOOD)):
            panel.curve([(day - D, value), (day, value)], colour, 3)
    panel.note(8.1 * D, 48, "this one 本机", SERIES)
    panel.note(9.95 * D, 28, "its siblings 同类设备", SOFT, "end")
    panel.note(5.5 * D, 50, "a hot day: all rise", SOFT, "middle")
    panel.note(5.5 * D, 47, "高温天：全都升高", SOFT, "middle")
    panel = sheet.panel(70, -4, 14, spans)
    panel.scale(("from the median of the others", "与其余中位数之差"), [(0, "0"), (5, "5 °C")])
    panel.level(5, "up: 5 degC")
    panel.curve(traced.measured(lambda clause: clause["deviation"]), RECKONED, step=True)


def expected(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(150, 0, 14, spans)
    panel.scale(("power", "功率"), [(0, "0"), (6, "6"), (12, "12 kW")])
    band: list[tuple[float, float, float]] = []
    told = {
        look.clauses[0]["at"]: look.clauses[0]
        for look in traced.looks["main"]
        if look.clauses and look.clauses[0]["expected"]
    }
    for at, clause in sorted(told.items()):
        hour, room = at - traced.start, clause["limit"] * clause["sigma"]
        low, high = max(clause["expected"] - room, 0.0), clause["expected"] + room
        band += [(hour - H, low, high), (hour, low, high)]
    panel.band(band, GOOD)
    panel.curve(traced.curve("power"), SERIES)
    panel.note(33.1 * D, 13, "usual at this hour ± 6 sigma 该时段常态", GOOD)
    panel.note(36.35 * D, 10.2, "usual at noon, not at 3 a.m.", LIMIT)
    panel.note(36.35 * D, 11.5, "中午正常，凌晨不正常", LIMIT)


def expected_silence(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    steps = traced.sent["openings"]
    ats = [now.at for now, before in zip(steps[1:], steps, strict=False) if now.value != before.value]
    sheet.ticks("events", ats)
    panel = sheet.panel(110, -4, 0, spans)
    panel.scale(
        ("chance of such a silence", "这样安静的概率"),
        [(0, "100 %"), (-1, "10 %"), (-2, "1 %"), (-3, "0.1 %")],
    )
    panel.level(-2, "silence: 1 %")
    panel.curve(
        traced.measured(
            lambda clause: None if clause["value"] is None else math.log10(max(clause["value"], 1e-9))
        ),
        RECKONED,
    )


def stuck(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(120, 20, 30, spans)
    panel.scale(("temperature", "温度"), [(22, "22"), (25, "25"), (28, "28 °C")])
    panel.curve(traced.curve("temperature"), SERIES, 1)
    panel.dots([(each.at, float(each.value)) for each in traced.sent["temperature"]], SERIES, 2)
    told = traced.evidence(traced.opened() + H)
    since = told["since"] - traced.start
    panel.band(
        [
            (since, told["low"] - 0.15, told["high"] + 0.15),
            (traced.opened(), told["low"] - 0.15, told["high"] + 0.15),
        ],
        LIMIT,
    )
    panel.note(since + H, told["high"] + 1, "readings come, nothing moves 有读数，但不变", LIMIT)
    sheet.lane("", [(since, since + 12 * H, "over: 12 h", "#eadcf5")])


def flapping(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    _lane(sheet, traced, "door", "door")
    panel = sheet.panel(100, 0, 12, spans)
    panel.scale(("changes in the last hour", "最近 1 小时变化次数"), [(0, "0"), (4, "4"), (8, "8")])
    panel.level(8, "at_least: 8")
    panel.level(4, "over again at half 降到一半才解除", GOOD, below=True)
    panel.curve(traced.measured(lambda clause: clause["value"]), RECKONED, step=True)


def used(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    panel = sheet.panel(100, 0, 110_000, spans)
    panel.scale(("cycles", "计数器"), [(0, "0"), (50_000, "50 000"), (100_000, "100 000")])
    panel.curve(traced.curve("cycles"), SERIES)
    panel.note(20.5 * D, 62_000, "counter restarts 计数器归零", SOFT, "end")
    panel = sheet.panel(100, 0, 1.1, spans)
    panel.scale(("used of 100 000", "已用寿命"), [(0, "0 %"), (0.5, "50 %"), (0.8, "80 %")])
    panel.level(0.8, "at: 80 %")
    panel.curve(traced.measured(lambda clause: clause["share"]), RECKONED)
    panel.note(45.3 * D, 0.45, "repaired: from zero", GOOD)
    panel.note(45.3 * D, 0.32, "修复后从零起算", GOOD)


def then(sheet: Sheet, traced: Traced, spans: Spans) -> None:
    asked = [each.at for each in traced.sent["command"]]
    sheet.ticks("unlock", asked)
    missed = {
        round(miss - traced.start)
        for look in traced.looks["main"]
        if look.clauses
        for miss in look.clauses[0]["misses"]
    }
    windows = []
    for at in asked:
        bad = round(at + 60) in missed
        windows.append((at, at + 60, "missed 落空" if bad else "met 有响应", "#f3b08f" if bad else "#cfe5d3"))
    top = sheet.lane("within", windows)
    sheet.text(sheet.x(19.4 * 60), top + 13.5, "met 有响应", GOOD, 11.5)
    sheet.text(sheet.x(7.15 * 60), top + 13.5, "missed 落空", LIMIT, 11.5)
    _lane(sheet, traced, "door", "door")


# -- the pictures ------------------------------------------------------------------------------------

DRAWN: dict[str, Draw] = {
    "above": above, "outside": outside, "is": word, "silent": silent, "logic": logic, "on-missing": missing,
    "count": count, "count-per": count_per, "rate": rate, "forecast": forecast, "drift": drift,
    "peers": peers,
    "expected": expected, "expected-silence": expected_silence, "stuck": stuck, "flapping": flapping,
    "used": used, "then": then,
}  # fmt: skip
WITHOUT_VERDICT = ("logic", "on-missing")
"""Pictures that show the verdicts of several rules instead."""


def scenes() -> dict[str, dict[str, Any]]:
    """What scenes.yaml says, by the name of the picture."""
    file = HERE / "scenes.yaml"
    document, problems = read(file.read_text(encoding="utf-8"), file.name)
    assert not problems, problems
    assert isinstance(document.value, dict)
    return document.value


def pictures() -> Iterator[tuple[str, str]]:
    """Each file's name and text."""
    for name, scene in scenes().items():
        yield f"{name}.svg", picture(name, scene)


def picture(name: str, scene: dict[str, Any]) -> str:
    start, end = (0.0 if text.startswith("0 ") else duration(text) for text in scene["window"])
    series = {line: _said(text) for line, text in scene["series"].items()}
    rules = {"main": scene["rule"], **scene.get("others", {})}
    traced = trace(rules, series, scene.get("acts", []), (start, end))
    sheet = Sheet(start, end)
    sheet.heading(scene.get("heading", scene["rule"]).splitlines())
    spans = traced.spans()
    DRAWN[name](sheet, traced, spans)
    if name not in WITHOUT_VERDICT:
        sheet.verdict(spans)
        sheet.flags(traced.turns["main"])
    sheet.axis(_marks(start, end, scene["tick"], scene.get("clock", "")))
    sheet.caption([*scene["en"].splitlines(), *scene["zh"].splitlines()])
    return sheet.svg(scene["title"])


def _said(text: str | list[dict[str, Any]]) -> str:
    """A line of the notation, or one of pieces that are said over and over."""
    if isinstance(text, str):
        return text
    return ", ".join(piece["say"] for piece in text for _ in range(piece.get("times", 1)))


def _marks(start: float, end: float, tick: str, clock: str) -> Iterator[tuple[float, str]]:
    """Marks of the time axis: times from the start, weekdays or hours."""
    step, unit = duration(tick), tick.split()[1]
    for index in range(int((end - start) / step + 1e-9) + 1):
        at = start + step * index
        if clock == "weekday":
            words = WEEKDAYS[int(at // D) % 7]
        elif clock == "hour":
            words = f"{int(at // H) % 24:02d}:00"
        else:
            words = f"{at / duration(f'1 {unit}'):g} {unit}"
        yield at, words


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pictures():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "conditions")

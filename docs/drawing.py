"""Draws a condition as SVG: what was said, what was reckoned of it, where it is true, unknown, false."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

WIDTH, LEFT, RIGHT = 640, 62, 14
INK, SOFT, FAINT = "#22282c", "#5b646a", "#d5d9d6"
SERIES, LIMIT, GOOD, RECKONED, SIBLING = "#1d4f7c", "#b3261e", "#2d7a3e", "#6b3fa0", "#a9b4bd"
TRUE, FALSE, HATCH, AWAY = "#f3b08f", "#e3eae4", "#8f959a", "#cfd6e4"
SANS = "'Noto Sans', 'DejaVu Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
MONO = "'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans CJK SC', monospace"
LINE, LANE, GAP = 17, 20, 10

Span = tuple[float, float]


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel, without idle zeros."""
    text = f"{value:.1f}"
    return text.removesuffix(".0").replace("-0", "0") if text in ("-0.0", "-0") else text.removesuffix(".0")


class Panel:
    """A stretch of the picture with a scale of its own, from `low` at its bottom to `high` at its top."""

    def __init__(self, sheet: Sheet, top: float, height: float, low: float, high: float) -> None:
        self.sheet, self.top, self.height, self.low, self.high = sheet, top, height, low, high

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return self.top + self.height * (self.high - inside) / (self.high - self.low)

    def scale(self, name: tuple[str, str], ticks: Iterable[tuple[float, str]]) -> None:
        """The frame, a few values at the left, and what it is about."""
        sheet = self.sheet
        sheet.add(f'<path d="M{LEFT} {number(self.top)}v{number(self.height)}" stroke="{SOFT}" fill="none"/>')
        for value, words in ticks:
            sheet.text(LEFT - 6, self.y(value) + 4, words, SOFT, 11, "end")
        sheet.text(LEFT, self.top - 5, f"{name[0]}  {name[1]}", SOFT, 11.5)

    def curve(
        self,
        points: Sequence[tuple[float, float | None]],
        colour: str,
        width: float = 1.8,
        step: bool = False,
    ) -> None:
        """A line through the points; one without a value interrupts it."""
        path, pen, last = [], False, 0.0
        for at, value in points:
            if value is None:
                pen = False
                continue
            x, y = number(self.sheet.x(at)), number(self.y(value))
            if pen and step and value != last:
                path.append(f"H{x}V{y}")
            else:
                path.append(f"{'L' if pen else 'M'}{x} {y}")
            pen, last = True, value
        shape = "".join(path)
        self.sheet.add(
            f'<path d="{shape}" fill="none" stroke="{colour}" stroke-width="{width}" '
            'stroke-linejoin="round"/>'
        )

    def dots(self, points: Iterable[tuple[float, float]], colour: str, radius: float = 2.2) -> None:
        for at, value in points:
            x, y = number(self.sheet.x(at)), number(self.y(value))
            self.sheet.add(f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}"/>')

    def level(
        self, value: float, words: str, colour: str = LIMIT, span: Span | None = None, below: bool = False,
        right: bool = False,
    ) -> None:  # fmt: skip
        """A dashed line at a value, with its words at one end."""
        start, end = span or (self.sheet.start, self.sheet.end)
        x1, x2, y = number(self.sheet.x(start)), number(self.sheet.x(end)), self.y(value)
        self.sheet.add(
            f'<path d="M{x1} {number(y)}H{x2}" stroke="{colour}" stroke-width="1.4" '
            'stroke-dasharray="6 4" fill="none"/>'
        )
        x, side = (float(x2) - 3, "end") if right else (float(x1) + 5, "start")
        self.sheet.text(x, y + (13 if below else -4), words, colour, 11.5, side, halo=True)

    def band(self, points: Sequence[tuple[float, float, float]], colour: str) -> None:
        """An area between two values over time: (at, low, high)."""
        x, y = self.sheet.x, self.y
        there = [f"{number(x(at))} {number(y(high))}" for at, _, high in points]
        back = [f"{number(x(at))} {number(y(low))}" for at, low, _ in reversed(points)]
        self.sheet.add(f'<path d="M{"L".join(there + back)}Z" fill="{colour}" fill-opacity=".22"/>')

    def note(self, at: float, value: float, words: str, colour: str = INK, anchor: str = "start") -> None:
        self.sheet.text(self.sheet.x(at), self.y(value), words, colour, 11.5, anchor, halo=True)


class Sheet:
    """One picture, drawn from top to bottom; `start` and `end` are the seconds at its edges."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end
        self.below = 8.0
        self.top = 0.0
        self.parts: list[str] = []

    def add(self, element: str) -> None:
        self.parts.append(element)

    def x(self, at: float) -> float:
        share = (min(max(at, self.start), self.end) - self.start) / (self.end - self.start)
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    def text(
        self, x: float, y: float, words: str, colour: str = INK, size: float = 12, anchor: str = "start",
        mono: bool = False, halo: bool = False, bold: bool = False,
    ) -> None:  # fmt: skip
        style = f' font-family="{MONO}"' if mono else ""
        style += ' paint-order="stroke" stroke="#fdfdfb" stroke-width="3"' if halo else ""
        style += ' font-weight="bold"' if bold else ""
        self.add(
            f'<text x="{number(x)}" y="{number(y)}" fill="{colour}" font-size="{size:g}" '
            f'text-anchor="{anchor}"{style} xml:space="preserve">{escape(words, quote=False)}</text>'
        )

    def heading(self, lines: Sequence[str]) -> None:
        """The rule, as it would be written."""
        for line in lines:
            self.below += LINE
            self.text(14, self.below, line, INK, 12.5, mono=True)
        self.below += GAP

    def shade(
        self, spans: Sequence[tuple[float, float, bool | None]], top: float, height: float, faint: bool
    ) -> None:
        """Where it is true and where unknown, as a tint; in a lane also where it is false."""
        for start, end, verdict in spans:
            if verdict is False and faint:
                continue
            fill = "url(#unknown)" if verdict is None else TRUE if verdict else FALSE
            x, width = self.x(start), self.x(end) - self.x(start)
            opacity = ' fill-opacity=".45"' if faint and verdict else ' opacity=".55"' if faint else ""
            self.add(
                f'<rect x="{number(x)}" y="{number(top)}" width="{number(width)}" height="{number(height)}" '
                f'fill="{fill}"{opacity}/>'
            )

    def panel(
        self, height: float, low: float, high: float, spans: Sequence[tuple[float, float, bool | None]] = ()
    ) -> Panel:
        self.top = self.top or self.below
        self.below += 16
        self.shade(spans, self.below, height, faint=True)
        made = Panel(self, self.below, height, low, high)
        self.below += height + GAP
        return made

    def lane(self, name: str, blocks: Iterable[tuple[float, float, str, str]]) -> float:
        """A row of blocks: (from, to, words, fill). Returns its top."""
        self.top = self.top or self.below
        top = self.below
        self.text(LEFT - 6, top + 14, name, SOFT, 11, "end")
        for start, end, words, fill in blocks:
            x, width = self.x(start), self.x(end) - self.x(start)
            self.add(
                f'<rect x="{number(x)}" y="{number(top)}" width="{number(width)}" height="{LANE - 2}" '
                f'fill="{fill}" stroke="#fdfdfb" stroke-width=".6"/>'
            )
            if words and width > 7.5 * len(words):
                self.text(x + width / 2, top + 13.5, words, INK, 11, "middle")
        self.below += LANE + 4
        return top

    def ticks(self, name: str, ats: Iterable[float], colour: str = SERIES) -> None:
        """A row of instants."""
        self.top = self.top or self.below
        self.text(LEFT - 6, self.below + 14, name, SOFT, 11, "end")
        marks = "".join(
            f"M{number(self.x(at))} {number(self.below)}v{LANE - 3}"
            for at in ats
            if self.start <= at <= self.end
        )
        self.add(f'<path d="{marks}" stroke="{colour}" stroke-width="2" fill="none"/>')
        self.below += LANE + 4

    def verdict(self, spans: Sequence[tuple[float, float, bool | None]], name: str = "") -> float:
        """The row that says where the condition is true, unknown, false."""
        top = self.lane(name, [])
        self.shade(spans, top, LANE - 2, faint=False)
        for start, end, verdict in spans:
            words = {True: "true 成立", None: "unknown 未知", False: "false 不成立"}[verdict]
            if self.x(end) - self.x(start) > 76:
                self.text(
                    (self.x(start) + self.x(end)) / 2,
                    top + 13.5,
                    words,
                    INK,
                    11,
                    "middle",
                    halo=verdict is None,
                )
        return top

    def flags(self, ats: Sequence[tuple[float, bool]]) -> None:
        """When a rule with it opens and clears, named below the last row; those of clearing a row lower."""
        seen = [(at, opens) for at, opens in ats if self.start <= at <= self.end]
        for opens in (True, False):
            if any(each is opens for _, each in seen):
                self.below += 13
            for at in (at for at, each in seen if each is opens):
                words, colour = ("rule opens 开单", LIMIT) if opens else ("clears 解除", GOOD)
                x, left = self.x(at), self.x(at) > WIDTH - 130
                line = f"M{number(x)} {number(self.top)}V{number(self.below)}"
                self.add(f'<path d="{line}" stroke="{colour}" stroke-width="1.8" fill="none"/>')
                side = "end" if left else "start"
                self.text(
                    x + (-5 if left else 5), self.below, words, colour, 11.5, side, halo=True, bold=True
                )
        self.below += 4

    def axis(self, marks: Iterable[tuple[float, str]]) -> None:
        y = self.below + 4
        self.add(f'<path d="M{LEFT} {number(y)}H{WIDTH - RIGHT}" stroke="{SOFT}" fill="none"/>')
        for at, words in marks:
            x = self.x(at)
            self.add(f'<path d="M{number(x)} {number(y)}v4" stroke="{SOFT}" fill="none"/>')
            self.text(x, y + 16, words, SOFT, 11, "end" if x > WIDTH - RIGHT - 12 else "middle")
        self.below = y + 24

    def caption(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.below += LINE
            self.text(14, self.below, line, INK, 12.5)

    def svg(self, title: str) -> str:
        """The whole picture, on paper of its own, so that it reads on any page."""
        height = number(self.below + 14)
        hatch = (
            '<pattern id="unknown" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="7" height="7" fill="#f0f0ee"/>'
            f'<path d="M0 0V7" stroke="{HATCH}" stroke-width="2.6"/></pattern>'
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                f'height="{height}" role="img" font-family="{SANS}">',
                f"<title>{escape(title)}</title>",
                f"<defs>{hatch}</defs>",
                f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{number(self.below + 13)}" rx="8" '
                f'fill="#fdfdfb" stroke="{FAINT}"/>',
                *self.parts,
                "</svg>",
                "",
            ]
        )

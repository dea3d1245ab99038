"""Times in words: for people in the site's own zone with the weekday, for programs in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

_WEEKDAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": tuple(f"周{day}" for day in "一二三四五六日"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"en": (" s", " min", " h", " d"), "zh": (" 秒", " 分钟", " 小时", " 天")}
MINUTE, HOUR, DAY = 60, 3600, 86400


def iso(at: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(at: float, now: float, language: str, zone: tzinfo | None = None) -> str:
    """The moment on the wall clock of `zone` (that of the system if None); the year only if it is another."""
    there = datetime.fromtimestamp(at, UTC).astimezone(zone)
    other_year = there.year != datetime.fromtimestamp(now, UTC).astimezone(zone).year
    weekday = _WEEKDAYS[language][there.weekday()]
    clock = f"{there:%H:%M}"
    if language == "zh":
        year = f"{there.year}年" if other_year else ""
        return f"{year}{there.month}月{there.day}日 {weekday} {clock}"
    year = f" {there.year}" if other_year else ""
    return f"{weekday} {there.day} {_MONTHS[there.month - 1]}{year}, {clock}"


def lasting(seconds: float, language: str) -> str:
    """A duration as people say it: "40 s", "5 h 20 min", "3 d 4 h"."""
    second, minute, hour, day = _UNITS[language]
    whole = int(abs(seconds))
    if whole < MINUTE:
        return f"{whole}{second}"
    if whole < HOUR:
        return f"{whole // MINUTE}{minute}"
    if whole < DAY:
        return _two(whole // HOUR, hour, whole % HOUR // MINUTE, minute)
    return _two(whole // DAY, day, whole % DAY // HOUR, hour)


def _two(large: int, unit: str, small: int, smaller_unit: str) -> str:
    return f"{large}{unit} {small}{smaller_unit}" if small else f"{large}{unit}"

"""The one place where the time of day is read. A site has one clock; history and the demo bring their own."""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol

STEP_TOLERATED = 2.0
"""Seconds that wall and monotonic clock may differ between two looks before it counts as a step."""


class Clock(Protocol):
    """The time as the daemon sees it, in Unix seconds."""

    topic: str
    """The topic on which the time arrives; empty for a clock of its own."""

    def now(self) -> float: ...

    def step(self) -> float:
        """Seconds by which the clock was set since the last look (0.0 if it was not)."""
        ...

    def runs(self) -> bool:
        """Whether time passes by itself, so that it is worth waiting for a deadline."""
        ...


class SystemClock:
    """The machine's wall clock, watched for steps against the monotonic clock."""

    topic = ""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now(self) -> float:
        return time.time()

    def step(self) -> float:
        ahead = time.time() - time.monotonic()
        moved, self._ahead = ahead - self._ahead, ahead
        return moved if abs(moved) > STEP_TOLERATED else 0.0

    def runs(self) -> bool:
        return True


class TopicClock:
    """The clock of a replay or a demo: the time is what was last told on `topic`, and moves only then."""

    def __init__(self, topic: str, start: float = 0.0) -> None:
        self.topic = topic
        self._now = start

    def now(self) -> float:
        return self._now

    def step(self) -> float:
        return 0.0

    def runs(self) -> bool:
        return False

    def tell(self, payload: bytes) -> None:
        """A message on the topic: Unix seconds as text. Anything else, and a step back, is ignored."""
        try:
            told = float(payload)
        except ValueError:
            return
        if self._now < told < 1e11:
            self._now = told


def monotonic() -> float:
    """Seconds that only ever pass; for measuring, never for judging."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Do nothing for so long; not at all if it is not positive."""
    if seconds > 0:
        time.sleep(seconds)


def spell(instant: float) -> str:
    """An instant as ISO 8601 in UTC, to the microsecond."""
    return dt.datetime.fromtimestamp(instant, dt.UTC).isoformat()

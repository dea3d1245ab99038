"""The estate on the wire: every step of its two weeks as messages, published the way devices publish.

Before each step the simulated time goes out on the clock's topic, so that the daemon's day follows ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from foretell.demo.estate import DAY, START, STEP, Estate, Message
from foretell.demo.faults import Truth, Wire, decide
from foretell.intake.mqtt import Publisher

CLOCK_TOPIC = "foretell/clock"


class Step(NamedTuple):
    """One step of simulated time and what arrives at the broker in it."""

    at: int
    messages: list[Message]


class Run(NamedTuple):
    """A site and what is going to happen to it."""

    estate: Estate
    truth: Truth
    days: int

    @property
    def end(self) -> int:
        return START + self.days * DAY

    @property
    def steps(self) -> int:
        return self.days * DAY // STEP

    def timeline(self) -> Iterator[Step]:
        """Every step from the first instant on. To be walked once: the estate ages with it."""
        wire = Wire(self.truth)
        yield Step(START, self.estate.greet())
        for at in range(START + STEP, self.end + 1, STEP):
            self.truth.bear(self.estate, at)
            yield Step(at, wire.carry(at, self.estate.speak(at)))


def prepare(seed: int, days: int) -> Run:
    """A run, decided by its seed."""
    estate = Estate(seed)
    return Run(estate, decide(seed, estate), days)


def publish(
    publisher: Publisher, steps: Iterable[Step], pace_s: float, watch: Callable[[Step, int], None]
) -> int:
    """Publish a step every `pace_s` seconds; `watch` is told each and the messages so far. Their number."""
    sent, begun = 0, time.monotonic()
    for number, step in enumerate(steps):
        time.sleep(max(0.0, begun + number * pace_s - time.monotonic()))
        publisher.publish(CLOCK_TOPIC, str(step.at))
        for message in step.messages:
            publisher.publish(message.topic, message.payload, retain=message.retain)
        sent += len(step.messages)
        watch(step, sent)
    publisher.flush()
    return sent

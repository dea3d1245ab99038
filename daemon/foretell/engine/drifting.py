"""A lasting shift away from what is normal for this very device."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, RECENT, Reading, Verdict
from foretell.engine.windows import REFERENCE_MAX, Reference, Sample, cusum_step

BUCKET_MAX = 64
"""Values kept of one bucket, thinned evenly, of which the median is taken."""


class Drift(NamedTuple):
    """A lasting shift away from the device's own reference (one-sided CUSUM, `up` or down).

    Warm-up: unknown until `against` seconds were observed and `at_least` values seen; their median and
    1.4826 x MAD are the reference, which then stays until a repair. A gap adds no more observed time than
    a hundredth of `against`, so a long stand-still is not taken for experience. `shift` is
    what should be found, in the signal's unit or, if `in_sigmas`, in scales of the reference; the
    allowance is half of it and the decision limit `decision` scales. With `bucket` seconds the sum is fed
    the median of each bucket, not each value. Missing data adds nothing and clears nothing.
    Page 1954; Montgomery, "Statistical Quality Control", ch. 9.
    """

    signal: str
    unit: str
    shift: float
    up: bool
    in_sigmas: bool
    against: float
    at_least: int = 30
    decision: float = 5.0
    bucket: float = 0.0

    def memory(self) -> DriftMemory:
        return DriftMemory(self)


class DriftMemory:
    """First the sample of the reference, then the cumulative sum."""

    __slots__ = ("alarm", "at", "bucket", "bucket_from", "condition", "holds_until", "last", "observed",
                 "recent", "reference", "sample", "total")  # fmt: skip

    def __init__(self, condition: Drift) -> None:
        self.condition = condition
        self.sample: Sample | None = Sample(REFERENCE_MAX)
        self.reference: Reference | None = None
        self.total = 0.0
        self.alarm = False
        self.at = -NEVER
        self.observed = 0.0
        self.last: tuple[str, float] | None = None
        self.holds_until = NEVER
        self.bucket = Sample(BUCKET_MAX)
        self.bucket_from = -NEVER
        self.recent: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        if not isinstance(value, float) or at < self.at:
            return False
        if at == self.at and self.last == (reading.part, value):
            return False
        condition = self.condition
        if self.at == -NEVER:
            self.at = self.bucket_from = at
        if self.sample is not None:
            self.observed += min(at - self.at, condition.against / 100)
        self.at, self.last = at, (reading.part, value)
        self.holds_until = at + reading.holds
        if not condition.bucket:
            self._feed(at, value)
            return True
        if at - self.bucket_from >= condition.bucket and self.bucket.seen:
            self._feed(self.bucket_from, self.bucket.median())
            self.bucket = Sample(BUCKET_MAX)
            self.bucket_from = at
        self.bucket.add(value)
        return True

    def _feed(self, at: float, value: float) -> None:
        self.recent.append((at, value))
        if self.sample is not None:
            self.sample.add(value)
            if self.observed >= self.condition.against and self.sample.seen >= self.condition.at_least:
                self.reference = self.sample.reference()
                self.sample = None
            return
        reference = self.reference
        assert reference is not None
        condition = self.condition
        shift = condition.shift if condition.in_sigmas else condition.shift / reference.scale
        excess = (value - reference.centre) / reference.scale
        ceiling = 2 * condition.decision
        self.total = cusum_step(self.total, excess if condition.up else -excess, shift / 2, ceiling)
        if self.total > condition.decision:
            self.alarm = True
        elif self.total == 0.0:
            self.alarm = False

    def verdict(self, at: float) -> Verdict:
        if self.reference is None or at > self.holds_until:
            return None
        return self.alarm

    def until(self, at: float) -> float:
        return self.holds_until if at <= self.holds_until else NEVER

    def gone(self, at: float) -> bool:
        return self.last is not None and at > self.holds_until

    def measure(self) -> float:
        if self.reference is None or not self.recent:
            return 0.0
        return abs(self.recent[-1][1] - self.reference.centre) / self.reference.scale

    def evidence(self, at: float) -> dict[str, Any]:
        condition, reference = self.condition, self.reference
        return {
            "verb": "drift", "signal": condition.signal, "unit": condition.unit, "up": condition.up,
            "value": self.recent[-1][1] if self.recent else None, "limit": condition.decision,
            "sum": self.total,
            "shift": condition.shift, "in_sigmas": condition.in_sigmas,
            "reference": None if reference is None else list(reference), "at": self.at,
            "warming_up": reference is None, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def disarm(self) -> None:
        self.alarm = False
        self.total = 0.0

    def dump(self) -> Any:
        return [
            None if self.sample is None else self.sample.dump(), self.reference and list(self.reference),
            self.total, self.alarm, self.at, self.observed, self.last, self.holds_until, self.bucket.dump(),
            self.bucket_from, list(self.recent),
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        if data[0] is None:
            self.sample = None
        else:
            self.sample = Sample.load(REFERENCE_MAX, data[0])
        self.reference = Reference(*data[1]) if data[1] else None
        self.total, self.alarm, self.at, self.observed = data[2], data[3], data[4], data[5]
        self.last = (data[6][0], data[6][1]) if data[6] else None
        self.holds_until, self.bucket, self.bucket_from = data[7], Sample.load(BUCKET_MAX, data[8]), data[9]
        self.recent.extend((at, value) for at, value in data[10])

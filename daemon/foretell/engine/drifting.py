"""A lasting shift away from what is normal for this very device."""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading, Verdict
from foretell.engine.windows import REFERENCE_MAX, Reference, Sample, cusum_step

CUSUM, PAGE_HINKLEY = "cusum", "page-hinkley"

BUCKET_MAX = 64
"""Values kept of one bucket, thinned evenly, of which the median is taken."""

FAR = 1e12
"""Scales beyond which a value is as far off as can be: what is wild must not overflow."""


class Drift(NamedTuple):
    """A lasting shift away from the device's own reference (`method` CUSUM or Page-Hinkley, `up` or down).

    Warm-up: unknown until `against` seconds were observed and `at_least` values seen; their median and
    1.4826 x MAD are the reference, which then stays until a repair. A gap adds no more observed time than
    a hundredth of `against`, or than the value still held, so a long stand-still is not taken for
    experience. `shift` is what should be found, in the signal's unit or, if `in_sigmas`, in scales of the
    reference; the allowance is half of it and the decision limit `decision` scales. With `bucket` seconds
    the sum is fed the median of each bucket, not each value. Missing data adds nothing and clears nothing.

    "cusum" measures every value from the centre of the reference: x = (value - centre) / scale, turned so
    that the shift sought is positive; S = max(0, S + x - allowance). Page 1954; Montgomery, "Statistical
    Quality Control", ch. 9.

    "page-hinkley" takes only the scale from the reference and measures every value from the running mean
    of all values since, itself included: S = max(0, S + x - mean(x) - allowance), which is Hinkley's
    sum less its lowest point so far. So a slow change, as over the seasons, is followed and not reported.
    While the alarm stands the mean stands still, or the fault would become what is normal; when the alarm
    has left, or was cleared, the mean is learned anew from the next value. Page 1954; Hinkley, "Inference
    about the change-point from cumulative sum tests", Biometrika 58 (1971).

    Both: alarm once S exceeds `decision`; it leaves when S is back at zero. S is capped at twice
    `decision`, so that a long excursion is left in bounded time.
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
    method: str = CUSUM

    @property
    def signals(self) -> tuple[str, ...]:
        return (self.signal,)

    @property
    def samples(self) -> bool:
        return True

    @property
    def restless(self) -> bool:
        return False

    def shape(self) -> str:
        shape = (
            f"Drift {self.signal} {'up' if self.up else 'down'} of {'medians' if self.bucket else 'values'}"
        )
        return shape if self.method == CUSUM else f"{shape} by {self.method}"

    def memory(self) -> DriftMemory:
        return DriftMemory(self)


class DriftMemory:
    """First the sample of the reference, then the cumulative sum."""

    __slots__ = ("alarm", "at", "bucket", "bucket_from", "condition", "heard", "holds_until", "mean", "meant",
                 "observed", "recent", "reference", "sample", "total")  # fmt: skip

    def __init__(self, condition: Drift) -> None:
        self.condition = condition
        self.renew()

    def renew(self) -> None:
        self.sample: Sample | None = Sample(REFERENCE_MAX)
        self.reference: Reference | None = None
        self.total = 0.0
        self.mean = self.meant = 0.0
        self.alarm = False
        self.at = -NEVER
        self.observed = 0.0
        self.heard: list[tuple[str, float]] = []
        self.holds_until = NEVER
        self.bucket = Sample(BUCKET_MAX)
        self.bucket_from = -NEVER
        self.recent: list[tuple[float, float]] = []

    def take(self, reading: Reading) -> bool:
        value, at = reading.value, reading.at
        if not isinstance(value, float) or at < self.at or not isfinite(at):
            return False
        if not self._new(at, (reading.part, value)):
            return False
        condition = self.condition
        if self.at == -NEVER:
            self.at = self.bucket_from = at
        if self.sample is not None:
            # What still holds was observed; of a longer gap no more than a little is.
            held = self.holds_until - self.at
            seen = max(condition.against / 100, held if held != NEVER else 0.0)
            self.observed += min(at - self.at, seen)
        self.at = at
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

    def _new(self, at: float, word: tuple[str, float]) -> bool:
        """Not a repetition of something said at this very instant."""
        if at > self.at:
            self.heard = [word]
        elif word in self.heard or len(self.heard) >= PARTS_MAX:
            return False
        else:
            self.heard.append(word)
        return True

    def _feed(self, at: float, value: float) -> None:
        if len(self.recent) == RECENT:
            del self.recent[0]
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
        excess = max(-FAR, min(excess if condition.up else -excess, FAR))
        if condition.method == PAGE_HINKLEY:
            excess -= self._follow(excess)
        self.total = cusum_step(self.total, excess, shift / 2, 2 * condition.decision)
        if self.total > condition.decision:
            self.alarm = True
        elif self.total == 0.0 and self.alarm:
            self.disarm()

    def _follow(self, excess: float) -> float:
        """The running mean with this value in it; it stands still during an alarm."""
        if not self.alarm:
            self.meant += 1.0
            self.mean += (excess - self.mean) / self.meant
        return self.mean

    def verdict(self, at: float) -> Verdict:
        if self.reference is None or at > self.holds_until:
            return None
        return self.alarm

    def until(self, at: float) -> float:
        return self.holds_until if at <= self.holds_until else NEVER

    def gone(self, at: float) -> bool:
        return self.at != -NEVER and at > self.holds_until

    def measure(self) -> float:
        if self.reference is None or not self.recent:
            return 0.0
        return abs(self.recent[-1][1] - self.reference.centre) / self.reference.scale

    def evidence(self, at: float) -> dict[str, Any]:
        condition, reference = self.condition, self.reference
        return {
            "verb": "drift", "signal": condition.signal, "unit": condition.unit, "up": condition.up,
            "value": self.recent[-1][1] if self.recent else None, "limit": condition.decision,
            "sum": self.total, "method": condition.method, "mean": self._mean(),
            "shift": condition.shift, "in_sigmas": condition.in_sigmas,
            "reference": None if reference is None else list(reference), "at": self.at,
            "warming_up": reference is None, "verdict": self.verdict(at), "recent": list(self.recent),
        }  # fmt: skip

    def _mean(self) -> float | None:
        """What Page-Hinkley measures from, in the signal's unit; None for CUSUM or before the first value."""
        if self.reference is None or not self.meant:
            return None
        return self.reference.centre + (self.mean if self.condition.up else -self.mean) * self.reference.scale

    def disarm(self) -> None:
        self.alarm = False
        self.total = self.mean = self.meant = 0.0

    def dump(self) -> Any:
        return [
            None if self.sample is None else self.sample.dump(), self.reference and list(self.reference),
            self.total, self.alarm, self.at, self.observed, self.heard, self.holds_until, self.bucket.dump(),
            self.bucket_from, list(self.recent), self.mean, self.meant,
        ]  # fmt: skip

    def load(self, data: Any) -> None:
        if data[0] is None:
            self.sample = None
        else:
            self.sample = Sample.load(REFERENCE_MAX, data[0])
        self.reference = Reference(*data[1]) if data[1] else None
        self.total, self.alarm, self.at, self.observed = data[2], data[3], data[4], data[5]
        # Before there was Page-Hinkley, only the last word was kept, and neither mean nor count.
        words = [data[6]] if data[6] and isinstance(data[6][0], str) else data[6] or []
        self.heard = [(part, value) for part, value in words]
        self.holds_until, self.bucket, self.bucket_from = data[7], Sample.load(BUCKET_MAX, data[8]), data[9]
        self.recent = [(at, value) for at, value in data[10]]
        self.mean, self.meant = data[11:13] or (0.0, 0.0)

"""The fixed choice of rules on real recordings: exact outcomes, so that nothing moves them unseen."""

from __future__ import annotations

import pytest

from bench.recordings import bearing, lifts, streams
from bench.recordings.plans import DATA
from bench.recordings.streams import Result, Window, score

HOUR = 3600.0
recorded = pytest.mark.skipif(not DATA.is_dir(), reason="the recordings are not beside this checkout")


@pytest.fixture(scope="module")
def real() -> dict[str, Result]:
    return {name.split("/")[1]: found for name, found in streams.run(1, ("realKnownCause",)).items()}


@pytest.mark.recording
@recorded
@pytest.mark.slow
class TestStreams:
    def test_streams_without_anomaly_have_no_alert(self) -> None:
        found = streams.run(1, ("artificialNoAnomaly",))
        assert len(found) == 5
        assert {name: result.outside for name, result in found.items()} == {name: [] for name in found}

    def test_nor_have_they_once_everything_has_learned(self) -> None:
        found = streams.run(3, ("artificialNoAnomaly",))
        assert all(result.days > 41 for result in found.values())
        assert {name: result.outside for name, result in found.items()} == {name: [] for name in found}

    @pytest.mark.parametrize(
        ("name", "outcomes", "outside"),
        [
            ("machine_temperature_system_failure", "missed met met met", 0),
            ("ambient_temperature_system_failure", "met missed", 1),
            ("cpu_utilization_asg_misconfiguration", "met", 0),
            ("nyc_taxi", "missed met met met met", 0),
            ("ec2_request_latency_system_failure", "missed missed missed", 0),
            ("rogue_agent_key_hold", "missed missed", 0),
            ("rogue_agent_key_updown", "missed missed", 0),
        ],
    )
    def test_windows(self, real: dict[str, Result], name: str, outcomes: str, outside: int) -> None:
        result = real[name]
        assert [window["outcome"] for window in result.windows] == outcomes.split()
        assert len(result.outside) == outside

    def test_leads(self, real: dict[str, Result]) -> None:
        """Hours before the failure, which lies in the middle of its window, and before the window's end."""
        assert _leads(real["machine_temperature_system_failure"]) == [(0.2, 23.8), (-3.3, 20.2), (9.2, 32.8)]
        assert _leads(real["ambient_temperature_system_failure"]) == [(-3.0, 178.0)]


def _leads(result: Result) -> list[tuple[float, float]]:
    met = [window for window in result.windows if window["outcome"] == "met"]
    return [(window["hours to the failure"], window["hours to the end"]) for window in met]


class TestScore:
    """The counting itself, without a recording."""

    WINDOW = Window(100 * HOUR, 120 * HOUR)

    @pytest.mark.parametrize(
        ("opened", "cleared", "outcome", "outside"),
        [
            (99, 130, "early", 0),
            (100, 101, "met", 0),
            (120, None, "met", 0),
            (121, None, "missed", 1),
            (76, 77, "early", 0),
            (75, 77, "missed", 1),
            (50, None, "missed", 1),
        ],
    )
    def test_where_an_alert_opens(
        self, opened: float, cleared: float | None, outcome: str, outside: int
    ) -> None:
        said = [streams.Alert("a", "", opened * HOUR, cleared and cleared * HOUR, ("temperature/level-up",))]
        result = score("a", said, [self.WINDOW], 10.0)
        assert [window["outcome"] for window in result.windows] == [outcome]
        assert len(result.outside) == outside

    def test_an_alert_that_stands_is_not_one_that_was_raised(self) -> None:
        said = [streams.Alert("a", "", 50 * HOUR, None, ("temperature/level-up",))]
        (window,) = score("a", said, [self.WINDOW], 10.0).windows
        assert window == {"outcome": "missed", "note": "an alert stood all the while"}

    def test_leads_count_from_the_first_alert_inside(self) -> None:
        said = [
            streams.Alert("a", "", at * HOUR, (at + 1) * HOUR, ("temperature/level-up",))
            for at in (98, 104, 110)
        ]
        (window,) = score("a", said, [self.WINDOW], 10.0).windows
        assert (window["hours to the failure"], window["hours to the end"]) == (6.0, 16.0)
        assert window["alerts"] == 3


@pytest.mark.recording
@recorded
def test_bearings() -> None:
    leads = {channel: row["hours to the end"] for channel, row in bearing.run().items()}
    assert leads == {
        "Bearing 1 C1": None, "Bearing 1 C2": None, "Bearing 2 C1": 82.9, "Bearing 2 C2": 10.9,
        "Bearing 3 C1": 81.9, "Bearing 3 C2": 82.9, "Bearing 4 C1": 117.9, "Bearing 4 C2": 124.8,
    }  # fmt: skip


@pytest.mark.recording
@recorded
@pytest.mark.slow
def test_lifts_and_escalators() -> None:
    found = {
        name: (row["tickets"], row["precision"], row["recall"])
        for name, row in lifts.run().items()
        if not name.endswith("first half")
    }
    assert found == {
        "elevator/keeps-breaking, whole": (452, 0.5, 0.433),
        "elevator/keeps-breaking, second half": (304, 0.497, 0.429),
        "elevator/keeps-breaking-chronic, whole": (559, 0.512, 0.528),
        "elevator/keeps-breaking-chronic, second half": (401, 0.489, 0.53),
        "escalator/keeps-breaking, whole": (3694, 0.613, 0.707),
        "escalator/keeps-breaking, second half": (1923, 0.601, 0.72),
        "escalator/keeps-breaking-chronic, whole": (3814, 0.633, 0.738),
        "escalator/keeps-breaking-chronic, second half": (2044, 0.62, 0.768),
    }


@pytest.mark.recording
@recorded
@pytest.mark.slow
def test_the_shipped_rule_is_the_plain_baseline() -> None:
    """Three breaks in 14 days opens, 7 quiet days close: by the record's own plain loop, the same tickets."""
    module = lifts.score_module()
    breaks = module.load(str(lifts.FILE))
    plain = module.baseline(breaks, 3, 14)
    expected = {(unit, round(at, 3)) for unit, found in plain.items() for at, _ in found}
    found = {
        (unit, round(at, 3))
        for kind in lifts.KINDS
        for unit, spans in lifts.tickets(kind, lifts.PLAIN).items()
        for at, _ in spans
    }
    assert found == expected

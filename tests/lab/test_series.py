"""The notation of a test's signals: what good lines say; every bad one is answered in its place."""

from __future__ import annotations

import re
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.lab.series import FORMS, Sent, Series, read_series
from foretell.site.kinds import Kind, read_kind

MIN, H, D = 60.0, 3600.0, 86400.0
INF = float("inf")

KIND = """
title: {en: Lift, zh: 电梯}
signals:
  temp: {type: gauge, unit: degC, range: [-50, 200]}
  close: {type: gauge, unit: s, part: floor}
  level: {type: gauge}
  trips: {type: counter}
  ran: {type: counter, unit: h}
  mode: {type: state, values: [normal, inspection, stopped, "out of order"]}
  fault: {type: event, values: [break, fix]}
  said: {type: event}
"""


@pytest.fixture(scope="module")
def kind() -> Kind:
    found, problems = read_kind("elevator", KIND, "kind.yaml")
    assert found is not None, problems
    return found


def line(kind: Kind, name: str, text: str, **more: object) -> Series:
    series, mistakes = read_series(name, text, kind, **more)  # type: ignore[arg-type]
    assert series is not None, mistakes
    return series


def told(series: Series) -> list[tuple[float, float | str]]:
    return [(each.at, each.value) for each in series.sent]


GOOD = [
    ("close", "flat 3.0 s for 30 min every 10 min", [(0, 3.0), (600, 3.0), (1200, 3.0)], 30 * MIN),
    ("close", "flat 3000 ms for 10 min every 10 min", [(0, 3.0)], 10 * MIN),
    ("close", "flat 3s for 1 h", [(0, 3.0)], H),
    ("temp", "flat 68 degF for 1 h", [(0, 20.0)], H),
    ("close", "ramp 3 s to 6 s over 30 min every 10 min", [(0, 3.0), (600, 4.0), (1200, 5.0)], 30 * MIN),
    ("close", "ramp 3 s to 6 s over 30 min every 10 min, once 6 s",
     [(0, 3.0), (600, 4.0), (1200, 5.0), (1800, 6.0)], 30 * MIN),
    ("close", "step 3 s to 4 s after 20 min for 30 min every 10 min",
     [(0, 3.0), (600, 3.0), (1200, 4.0)], 30 * MIN),
    ("mode", "step normal to stopped after 20 min for 1 h", [(0, "normal"), (1200, "stopped")], H),
    ("level", "wave 2 to 4 per 1 h for 1 h every 15 min",
     [(0, 2.0), (900, 3.0), (1800, 4.0), (2700, 3.0)], H),
    ("close", "values 1.0 s 1.2 s _ 1400ms every 1 min", [(0, 1.0), (60, 1.2), (180, 1.4)], 4 * MIN),
    ("level", "values 1 -2 _ .5 every 1 min", [(0, 1.0), (60, -2.0), (180, 0.5)], 4 * MIN),
    ("mode", "values normal _ stopped every 1 h", [(0, "normal"), (2 * H, "stopped")], 3 * H),
    ("mode", "values normal stopped every 1 h for 3 h",
     [(0, "normal"), (H, "stopped"), (2 * H, "normal")], 3 * H),
    ("mode", "once 'out of order'", [(0, "out of order")], 0),
    ("said", "once anything, gap 1 min, once else", [(0, "anything"), (60, "else")], 60),
    ("trips", "count up 3 every 1 h for 3 h", [(0, 0.0), (H, 3.0), (2 * H, 6.0)], 3 * H),
    ("trips", "count up 3 every 1 h for 2 h from 100, count up 1 every 1 h for 2 h",
     [(0, 100.0), (H, 103.0), (2 * H, 106.0), (3 * H, 107.0)], 4 * H),
    ("trips", "count up 2 every 1 h for 1 h from 5, count up 0 every 1 h for 2 h",
     [(0, 5.0), (H, 7.0), (2 * H, 7.0)], 3 * H),
    ("trips", "flat 40 for 1 h, count up 1 every 1 h for 2 h", [(0, 40.0), (H, 40.0), (2 * H, 41.0)], 3 * H),
    ("trips", "count up 5 every 1 h for 2 h, gap 1 h, count up 5 every 1 h for 1 h",
     [(0, 0.0), (H, 5.0), (3 * H, 10.0)], 4 * H),
    ("trips", "count up 5 every 1 h for 2 h, reset, count up 5 every 1 h for 2 h",
     [(0, 0.0), (H, 5.0), (2 * H, 0.0), (3 * H, 5.0)], 4 * H),
    ("ran", "count up 30 min every 1 h for 2 h", [(0, 0.0), (H, 0.5)], 2 * H),
    ("fault", "gap 1 d, once break, gap 2 h, once fix", [(D, "break"), (D + 2 * H, "fix")], D + 2 * H),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "says", "length"), GOOD)
def test_a_line_says(
    kind: Kind, name: str, text: str, says: list[tuple[float, object]], length: float
) -> None:
    series = line(kind, name, text)
    assert [at for at, _ in told(series)] == [at for at, _ in says]
    assert [value for _, value in told(series)] == [pytest.approx(value) for _, value in says]
    assert series.length == length
    assert all(each.arrives == each.at and not each.retained for each in series.sent)


def test_whose_line_it_is(kind: Kind) -> None:
    assert line(kind, "temp", "once 3 degC").sent[0][:3] == ("a", "temp", "")
    assert line(kind, "close", "once 3 s").sent[0][:3] == ("a", "close", "1")
    assert line(kind, "close@12", "once 3 s").sent[0][:3] == ("a", "close", "12")
    assert line(kind, "b-2 close@B1", "once 3 s").sent[0][:3] == ("b-2", "close", "B1")


def test_a_gauge_holds_as_by_its_profile_and_the_rest_until_the_next(kind: Kind) -> None:
    def holds(name: str, text: str) -> list[float]:
        return [each.holds for each in line(kind, name, text).sent]

    assert holds("temp", "flat 3 degC for 1 min every 1 min, flat 3 degC for 2 min") == [3 * MIN, INF]
    assert holds("mode", "flat normal for 1 min every 1 min") == [INF]
    assert holds("trips", "count up 1 every 1 min for 1 min") == [INF]


def test_what_arrives_late_arrives_late_and_the_rest_in_time(kind: Kind) -> None:
    series = line(
        kind, "level", "values 1 2 every 1 min, late 90 s, values 3 4 every 1 min, values 5 6 every 1 min"
    )
    assert [(each.value, each.at, each.arrives) for each in series.sent] == [
        (1, 0, 0), (2, 60, 60), (3, 120, 210), (5, 240, 240), (4, 180, 270), (6, 300, 300)
    ]  # fmt: skip


def test_a_shuffled_segment_arrives_in_turned_pairs(kind: Kind) -> None:
    series = line(kind, "level", "shuffled, values 1 2 3 every 1 min, values 4 5 every 1 min")
    assert [(each.value, each.arrives) for each in series.sent] == [
        (2, 60), (1, 60), (3, 120), (4, 180), (5, 240)
    ]  # fmt: skip


def test_the_last_reading_comes_once_more(kind: Kind) -> None:
    first, again = line(kind, "level", "values 1 2 every 1 min, gap 1 h, again").sent[1:]
    assert again == first._replace(arrives=2 * MIN + H)


def test_the_link_and_the_broker_and_ourselves(kind: Kind) -> None:
    series = line(
        kind,
        "b mode",
        "retained stopped, gap 1 h, offline 2 h, restart, gap 1 h, offline, online, once normal",
    )
    assert series.sent == (
        Sent("b", "mode", "", "stopped", 0, 0, INF, True),
        Sent("b", "online", "", "offline", H, H),
        Sent("b", "online", "", "online", 3 * H, 3 * H),
        Sent("b", "online", "", "offline", 4 * H, 4 * H),
        Sent("b", "online", "", "online", 4 * H, 4 * H),
        Sent("b", "mode", "", "normal", 4 * H, 4 * H),
    )
    assert series.restarts == (3 * H,)
    assert series.length == 4 * H


def test_noise_is_noise_and_the_same_in_every_run(kind: Kind) -> None:
    text = "flat 3 s for 2000 min every 1 min noise 200 ms"
    values = [float(value) for _, value in told(line(kind, "close", text, seed="one"))]
    assert statistics.fmean(values) == pytest.approx(3.0, abs=0.02)
    assert statistics.stdev(values) == pytest.approx(0.2, rel=0.1)
    assert told(line(kind, "close", text, seed="one")) == told(line(kind, "close", text, seed="one"))
    assert told(line(kind, "close", text, seed="one")) != told(line(kind, "close", text, seed="two"))
    assert told(line(kind, "close", text, seed="one")) != told(line(kind, "close@2", text, seed="one"))


def test_noise_does_not_leave_what_the_signal_can_say(kind: Kind) -> None:
    values = [value for _, value in told(line(kind, "temp", "flat 199 degC for 1 h every 1 s noise 9 degC"))]
    assert max(values) == 200.0


BAD = [
    # name, text, column, message, hint
    ("temp", "", 1, "nothing is said", "such as 'flat 3 degC for 2 h every 10 min'"),
    ("temp", "once 3 degC,, once 4 degC", 13, "nothing between two commas", ""),
    ("temp", "once 3 degC,", 13, "nothing between two commas", ""),
    ("temp", "flt 3 degC for 1 h", 1, "cannot begin with 'flt'", "did you mean 'flat'?"),
    ("temp", "3 degC for 1 h", 1, "cannot begin with '3'", "one of flat, ramp"),
    ("temp", "gap 1 h, flat 3 for 1 h", 15, "'3' needs a unit", ""),
    ("temp", "flat 3 s for 1 h", 6, "'3 s' cannot be compared with a signal measured in degC", ""),
    ("temp", "flat hot for 1 h", 6, "'temp' is a gauge: 'hot' is no number", "such as '3 degC'"),
    ("temp", "flat 300 degC for 1 h", 6, "never sent: 'temp' ranges from -50 to 200 degC", ""),
    ("temp", "flat 3 degC", 1, "'flat' needs 'for'", "write 'flat VALUE for TIME"),
    ("temp", "flat for 1 h", 1, "'flat' needs a value", "write 'flat"),
    ("temp", "flat 3 degC fro 1 h", 13, "did not expect 'fro'", "did you mean 'for'?"),
    ("temp", "flat 3 degC for 1 h evry 1 min", 21, "did not expect 'evry'", "did you mean 'every'?"),
    ("temp", "flat 3 degC for 1 h over 1 h", 21, "did not expect 'over'", ""),
    ("temp", "flat 3 degC for", 13, "'for' needs a time", ""),
    ("temp", "flat 3 degC for 1 h for 2 h", 21, "'for' is given twice", ""),
    ("temp", "flat 3 degC for 10", 17, "'10' is not a duration", ""),
    ("temp", "flat 3 degC for 10 minutes", 17, "use ms, s, min, h, d or w", ""),
    ("temp", "flat 3 degC for 1 h every 0 s", 27, "longer than nothing", ""),
    ("temp", "flat 3 degC for 1 h every 1 min noise", 33, "'noise' needs a value", ""),
    ("temp", "flat 3 degC for 1 h every 1 min noise 0 degC", 39, "must be more than nothing", ""),
    ("temp", "flat 3 degC for 1 h every 1 min noise 1 s", 39, "cannot be compared", ""),
    ("temp", "ramp 3 degC for 1 h", 13, "did not expect 'for'", ""),
    ("temp", "ramp 3 degC over 1 h", 1, "'ramp' needs 'to' and 'every'", "write 'ramp"),
    ("temp", "step 3 degC to 4 degC after 2 h for 2 h", 1, "'after' must be shorter than 'for'", ""),
    ("temp", "values 3 degC hot every 1 h", 15, "did not expect 'hot'", ""),
    ("temp", "values every 1 h", 1, "'values' needs a value", ""),
    ("temp", "count up 3 every 1 h for 1 h", 1, "'count' is for a counter, and 'temp' is a gauge", "flat"),
    ("trips", "count up -3 every 1 h for 1 h", 10, "must be more than nothing", ""),
    ("trips", "count 3 every 1 h for 1 h", 7, "did not expect '3'", ""),
    ("trips", "ramp 3 to 4 over 1 h every 1 min", 1, "is for a gauge", "count up 3"),
    ("trips", "flat 3 for 1 h every 1 min noise 2", 34, "only a gauge has noise", ""),
    ("mode", "flat nomal for 2 h", 6, "'mode' is never 'nomal'", "did you mean 'normal'?"),
    ("mode", "once walking", 6, "'mode' is never 'walking'", "known: normal, inspection"),
    ("mode", "once normal stopped", 13, "did not expect 'stopped'", ""),
    ("mode", "ramp normal to stopped over 1 h every 1 h", 1, "is for a gauge", ""),
    ("mode", "flat normal for 1 h every 1 min noise 1", 39, "only a gauge has noise", ""),
    ("mode", "reset", 1, "'reset' is for a counter", ""),
    ("trips", "reset 3", 7, "did not expect '3'", "write 'reset'"),
    ("mode", "again", 1, "nothing was said yet", ""),
    ("mode", "gap", 1, "'gap' needs a time", "write 'gap TIME'"),
    ("mode", "offline 3 hours", 9, "use ms, s, min, h, d or w", "did"),
    ("mode", "gap 3000 d, gap 3000 d", 13, "longer than ten years", ""),
    ("temp", "flat 3 degC for 10 d every 1 s", 1, "a test has at most 200,000", "longer 'every'"),
    ("tmp", "once 3 degC", 0, "the kind 'elevator' has no signal 'tmp'", "did you mean 'temp'?"),
    ("temp@3", "once 3 degC", 0, "'temp' has no parts", ""),
    ("a b temp", "once 3 degC", 0, "does not name a signal", "signal@part"),
    ("", "once 3 degC", 0, "does not name a signal", ""),
]


@pytest.mark.parametrize(("name", "text", "column", "message", "hint"), BAD)
def test_a_mistake_is_answered(
    kind: Kind, name: str, text: str, column: int, message: str, hint: str
) -> None:
    series, mistakes = read_series(name, text, kind)
    assert series is None
    found = mistakes[0]
    assert message in found.message
    assert hint in found.hint or hint in found.message
    assert found.column == column


def test_every_segment_with_a_mistake_is_named(kind: Kind) -> None:
    _, mistakes = read_series("mode", "once nomal, gap 1 h, onec normal, gap", kind)
    assert [mistake.column for mistake in mistakes] == [6, 22, 35]


def test_the_room_is_for_all_lines_together(kind: Kind) -> None:
    assert line(kind, "level", "flat 3 for 10 s every 1 s", room=10)
    series, mistakes = read_series("level", "flat 3 for 10 s every 1 s, once 4", kind, room=10)
    assert series is None and [mistake.column for mistake in mistakes] == [28]


WORDS = [
    *FORMS, "for", "every", "noise", "to", "over", "after", "per", "up", "from", "_", ",", ",", "3", "-2.5e3",
    "3s", "3 degC", "10 min", "2 h", "1 d", "1 s", "normal", "stopped", "break", "'out of order'", "'", '"',
]  # fmt: skip


@settings(deadline=None)
@given(
    name=st.sampled_from(
        ["temp", "close@2", "level", "trips", "mode", "b fault", "said", "online", "nosuch"]
    ),
    text=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)),
)
def test_whatever_is_written_is_played_or_answered(name: str, text: str) -> None:
    kind, _ = read_kind("elevator", KIND, "kind.yaml")
    assert kind is not None
    series, mistakes = read_series(name, text, kind, room=3000)
    assert (series is None) == bool(mistakes)
    for mistake in mistakes:
        assert 0 <= mistake.column <= len(text) + 1
    if series is not None:
        assert [each.arrives for each in series.sent] == sorted(each.arrives for each in series.sent)
        assert all(each.at <= each.arrives for each in series.sent)
        assert read_series(name, text, kind, room=3000)[0] == series


NUMBERS = st.integers(1, 9).map(lambda number: f"{number} s")
TIMES = st.sampled_from(["1 min", "10 min", "1 h", "90 s"])


@settings(deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([form.spelt for form in FORMS.values() if "count" not in form.spelt]),
        min_size=1,
        max_size=6,
    ),
    values=st.data(),
)
def test_every_form_as_it_is_spelt_is_understood(parts: list[str], values: st.DataObject) -> None:
    """What the hints tell people to write is what is read: nothing in a form may be wrong but its order."""
    kind, _ = read_kind("elevator", KIND, "kind.yaml")
    assert kind is not None

    def filled(form: str) -> str:
        form = re.sub(r"\[([^]]*)\]", lambda found: found[1] if values.draw(st.booleans()) else "", form)
        form = form.replace("after TIME", "after 30 s").replace("…", "")
        form = re.sub("VALUE", lambda _: values.draw(NUMBERS), form)
        return re.sub("TIME", lambda _: values.draw(TIMES), form)

    text = ", ".join(filled(form) for form in ["once VALUE", *parts] if form != "reset")
    series, mistakes = read_series("close", text, kind)
    assert series is not None, (text, mistakes)


def test_a_sign_of_a_chinese_keyboard_is_named_and_nothing_else(kind: Kind) -> None:
    line, mistakes = read_series("temp", "flat 30 degC for 2 h every 10 min，flat 40 degC for 1 h", kind)
    assert line is None
    assert [(each.column, each.message) for each in mistakes] == [(34, "'，' is a Chinese sign: write ', '")]

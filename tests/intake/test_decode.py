"""A message to readings: what is right is read right, and no bytes in the world raise."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foretell.engine.facts import Reading
from foretell.intake.decode import NAME_MAX, PAYLOAD_MAX_BYTES, decode
from foretell.intake.profiles import Profiles, Route
from tests.intake.plant import NOW, profile, read

PROFILE = profile()
TIMED = {form: profile(time=f"{{field: t, format: {form}}}") for form in ("unix", "unix_ms", "iso8601")}


def values(payload: bytes | str) -> dict[str, Any]:
    decoded = read(payload)
    assert decoded.rejects == []
    return {f"{r.signal} {r.part}".strip(): r.value for r in decoded.readings}


def rejects(payload: bytes | str, **more: Any) -> list[str]:
    return [reject.reason for reject in read(payload, **more).rejects]


# -- what is right ------------------------------------------------------------------------------------


def test_a_whole_message() -> None:
    body = {
        "p": 2500,
        "f": [{"v": 1}, {"v": 7.25}],
        "n": 88210,
        "temp": {"de": 61.5, "nde": 58},
        "m": 1,
        "a": "overload",
    }
    assert values(json.dumps(body)) == {
        "pressure": 2.5,
        "flow": 7.25,
        "starts": 88210.0,
        "bearing drive": 61.5,
        "bearing free": 58.0,
        "mode": "standby",
        "alarm": "overload",
    }


def test_a_reading_is_whole() -> None:
    (reading,) = read('{"n": 3}').readings
    assert reading == Reading("p-1", "pump", "starts", "", 3.0, NOW, 30.0, False)
    (route,) = Profiles((PROFILE,)).routes("plant/x/p-1/data")
    assert decode(route, b'{"n": 3}', NOW, retained=True).readings[0].retained


@pytest.mark.parametrize(
    ("payload", "mode"),
    [
        ('{"m": 0}', "normal"),
        ('{"m": "0"}', "normal"),
        ('{"m": 1.0}', "standby"),
        ('{"m": true}', "fault"),
        ('{"m": "fault"}', "fault"),
    ],
)
def test_a_word_is_found_however_it_is_written(payload: str, mode: str) -> None:
    assert values(payload) == {"mode": mode}


@pytest.mark.parametrize(
    "payload",
    ['{"p": 65535, "n": 1}', '{"p": 65535.0, "n": 1}', '{"p": "n/a", "n": 1}', '{"p": null, "n": 1}'],
)
def test_no_value_is_no_reading_and_no_fault(payload: str) -> None:
    assert values(payload) == {"starts": 1.0}


@pytest.mark.parametrize(("said", "heard"), [("up", "online"), ("down", "offline")])
def test_liveness(said: str, heard: str) -> None:
    (reading,) = read(said, "plant/n/p-1/status").readings
    assert (reading.signal, reading.value, reading.at, reading.holds) == ("online", heard, NOW, math.inf)


# -- what is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b'{"n": NaN}', "not_json"),
        (b'{"n": -Infinity}', "not_json"),
        (b'{"n": 1e999}', "not_json"),
        (b'{"a": "\\ud800"}', "not_json"),
        (b'{"a": "\xff\xfe"}', "not_json"),
        (b'{"n": 1} trailing', "not_json"),
        (b"[" * 100_000, "too_large"),
        (b"[" * 30_000, "too_deep"),
        (b'{"n":' * 6_000, "too_deep"),
        (b" " * PAYLOAD_MAX_BYTES + b"1", "too_large"),
        (b"[1," * 3_000_000, "too_large"),
        (b"{}", "no_signal"),
        (b"[]", "no_signal"),
        (b"7", "no_signal"),
        (b'"n"', "no_signal"),
        (b"null", "no_signal"),
        (b'{"N": 1}', "no_signal"),
        (b'{"n": "7"}', "wrong_type"),
        (b'{"n": true}', "wrong_type"),
        (b'{"n": [1]}', "wrong_type"),
        (b'{"n": {"v": 1}}', "wrong_type"),
        (b'{"m": ["0"]}', "wrong_type"),
        (b'{"p": 30000}', "out_of_range"),
        (b'{"p": -1}', "out_of_range"),
        (b'{"n": 1' + b"0" * 400 + b"}", "out_of_range"),
        (b'{"n": -1' + b"0" * 4000 + b"}", "out_of_range"),
        (b'{"p": 1.7e308}', "out_of_range"),
        (b'{"m": 9}', "unknown_value"),
        (b'{"m": ""}', "unknown_value"),
        (b'{"a": "x\\u0000y"}', "unknown_value"),
        (b'{"a": "red\\u001b[31m"}', "unknown_value"),
        (b'{"a": "' + b"x" * 121 + b'"}', "unknown_value"),
    ],
    ids=lambda each: str(each)[:24],
)
def test_a_fault_is_counted_by_its_reason(payload: bytes, reason: str) -> None:
    decoded = read(payload)
    assert [reject.reason for reject in decoded.rejects] == [reason]
    assert decoded.readings == []


def test_one_bad_value_does_not_spoil_its_neighbours() -> None:
    decoded = read('{"p": "high", "n": 4, "m": 77}')
    assert [(r.signal, r.value) for r in decoded.readings] == [("starts", 4.0)]
    assert [r.reason for r in decoded.rejects] == ["wrong_type", "unknown_value"]
    assert decoded.rejects[0].detail == "pressure: 'high' is not a number"


def test_the_last_of_two_equal_keys_counts() -> None:
    assert values('{"n": 1, "n": 2}') == {"starts": 2.0}


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\u202eb", "x" * (NAME_MAX + 1), "\x1b[2J"])
def test_a_device_with_an_odd_name_is_not_met(name: str) -> None:
    assert rejects('{"n": 1}', topic=f"plant/n/{name}/data") == ["bad_device_name"]


def test_a_liveness_that_says_something_else() -> None:
    for said in ("UP", "", "\ud7ff" * 9000, "1"):
        assert rejects(said, topic="plant/n/p-1/status") == ["unknown_value"]
    assert rejects(b"\xff", topic="plant/n/p-1/status") == ["unknown_value"]


# -- the part -----------------------------------------------------------------------------------------

PARTED = profile('kind: pump\ntopic: "plant/{device}"\nsignals: {bearing: {field: t, part: where.end}}\n')


@pytest.mark.parametrize(
    ("end", "part"), [('"drive"', "drive"), ("7", "7"), ("7.0", "7"), ("null", ""), ("true", "true")]
)
def test_a_part_is_a_word(end: str, part: str) -> None:
    (reading,) = read(f'{{"t": 1, "where": {{"end": {end}}}}}', "plant/p", of=PARTED).readings
    assert reading.part == part


@pytest.mark.parametrize("end", ["[]", "{}", '"' + "x" * 41 + '"', '"a\\u0000"', "1" + "0" * 50])
def test_a_part_that_is_no_name_is_rejected(end: str) -> None:
    assert rejects(f'{{"t": 1, "where": {{"end": {end}}}}}', topic="plant/p", of=PARTED) == ["wrong_type"]


# -- the time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("unix", str(NOW - 60)),
        ("unix", str(int(NOW) - 60)),
        ("unix_ms", str(int(NOW - 60) * 1000)),
        ("iso8601", '"2025-10-09T08:52:20Z"'),
        ("iso8601", '"2025-10-09T16:52:20+08:00"'),
        ("iso8601", '"2025-10-09 08:52:20"'),
    ],
)
def test_the_device_s_own_time_counts(form: str, written: str) -> None:
    decoded = read(f'{{"n": 1, "t": {written}}}', of=TIMED[form])
    assert decoded.rejects == []
    assert decoded.readings[0].at == NOW - 60


@pytest.mark.parametrize(
    ("form", "written", "reason"),
    [
        ("unix", "null", "no_time"),
        ("unix", '"soon"', "bad_time"),
        ("unix", "true", "bad_time"),
        ("unix", "[]", "bad_time"),
        ("unix", "1" + "0" * 400, "bad_time"),
        ("unix", "1e308", "clock_skew"),
        ("unix", "0", "clock_skew"),
        ("unix", str(NOW + 301), "clock_skew"),
        ("unix", str(NOW - 7 * 86400 - 1), "clock_skew"),
        ("unix_ms", str(NOW), "clock_skew"),
        ("iso8601", str(NOW), "bad_time"),
        ("iso8601", '"tomorrow"', "bad_time"),
        ("iso8601", '"0001-01-01T00:00:00"', "clock_skew"),
        ("iso8601", '"9999-12-31T23:59:59-23:59"', "clock_skew"),
        ("iso8601", '"' + "2" * 9000 + '"', "bad_time"),
    ],
)
def test_a_time_that_cannot_be_believed_is_counted_and_arrival_taken(
    form: str, written: str, reason: str
) -> None:
    decoded = read(f'{{"n": 1, "t": {written}}}', of=TIMED[form])
    assert [reject.reason for reject in decoded.rejects] == [reason]
    assert [(reading.value, reading.at) for reading in decoded.readings] == [(1.0, NOW)]


def test_a_local_time_is_read_in_its_zone() -> None:
    shanghai = profile(time="{field: t, format: iso8601, zone: Asia/Shanghai}")
    assert read('{"n": 1, "t": "2025-10-09T16:52:20"}', of=shanghai).readings[0].at == NOW - 60


# -- anything at all ----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([10**399, -(10**18), "\0", "65535", 65535, "n/a", "2025-01-01", NOW]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["p", "f", "n", "temp", "m", "a", "t", "v", "de", "1"]) | st.text(), inner
        )
    ),
    max_leaves=25,
)
ROUTES = [
    Route(each, device, live)
    for each in (PROFILE, PARTED, *TIMED.values())
    for device in ("p-1", "", "\0", "门" * 200)
    for live in (False, True)
]


def is_sound(reading: Reading) -> bool:
    value = reading.value
    named = reading.device.isprintable() and reading.part.isprintable()
    return named and math.isfinite(reading.at) and (isinstance(value, str) or math.isfinite(value))


@settings(max_examples=600, deadline=None)
@given(payload=st.binary(max_size=200), route=st.sampled_from(ROUTES), arrived=st.floats(0, 4e9))
@example(payload=b"\xef\xbb\xbf{}", route=ROUTES[0], arrived=NOW)
def test_no_bytes_raise(payload: bytes, route: Route, arrived: float) -> None:
    decoded = decode(route, payload, arrived, False)
    assert decoded.readings or decoded.rejects
    assert all(is_sound(reading) for reading in decoded.readings)


@settings(max_examples=800, deadline=None)
@given(body=JSON, route=st.sampled_from(ROUTES), arrived=st.floats(0, 4e9))
def test_no_json_raises(body: Any, route: Route, arrived: float) -> None:
    payload = json.dumps(body).encode()
    decoded = decode(route, payload, arrived, False)
    assert all(is_sound(reading) for reading in decoded.readings)
    assert all(len(reject.detail) < 500 and reject.detail.isprintable() for reject in decoded.rejects)


@settings(max_examples=300, deadline=None)
@given(topic=st.text(), payload=st.binary(max_size=50))
def test_no_topic_raises(topic: str, payload: bytes) -> None:
    for shape in (topic, f"plant/n/{topic}/data", f"plant/{topic}/status"):
        for route in Profiles((PROFILE, PARTED)).routes(shape):
            decoded = decode(route, payload, NOW, False)
            assert all(is_sound(reading) for reading in decoded.readings)


@pytest.mark.parametrize(
    "payload", [b"x" * 10_000_000, b"[" * PAYLOAD_MAX_BYTES, b'{"a":' * 6000, b"9" * 32_000]
)
def test_what_is_hostile_is_refused_quickly(payload: bytes) -> None:
    began = time.process_time()
    assert read(payload).readings == []
    assert time.process_time() - began < 0.25

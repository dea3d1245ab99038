"""Profiles: what a file says becomes topics, fields and units, or a problem with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.intake.examples import example_problems
from foretell.intake.profiles import Profiles, canonical, fill, read_profile
from tests.intake.plant import kind, profile

KINDS = {"pump": kind()}
BASE = 'kind: pump\ntopic: "plant/{device}/data"\nsignals: {pressure: {field: p}}\n'


def problems(text: str) -> list[str]:
    found, wrong = read_profile("pump/box", text, "box.yaml", KINDS)
    assert (found is None) == bool(wrong)
    return [str(problem) for problem in wrong]


# -- topics -------------------------------------------------------------------------------------------


def routes(topic: str, *texts: str) -> list[tuple[str, bool]]:
    profiles = Profiles(tuple(profile(text)._replace(id=str(n)) for n, text in enumerate(texts or (BASE,))))
    assert profiles.routes(topic) == profiles.routes(topic), "the second answer comes from memory"
    return [(route.device, route.liveness) for route in profiles.routes(topic)]


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("plant/p-1/data", "p-1"),
        ("plant/门 1/data", "门 1"),
        ("plant/a.b*c/data", "a.b*c"),
        ("plant/\n/data", "\n"),
    ],
)
def test_a_topic_names_the_device(topic: str, device: str) -> None:
    assert routes(topic) == [(device, False)]


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "plant",
        "plant//data",
        "plant/p-1/data/",
        "/plant/p-1/data",
        "plant/a/b/data",
        "Plant/p/data",
        "$SYS/x",
    ],
)
def test_another_topic_is_not_ours(topic: str) -> None:
    assert routes(topic) == []


def test_a_device_is_named_from_several_levels() -> None:
    text = 'device: "{line}-{device}"\n' + BASE.replace("plant/{device}", "plant/{line}/{device}")
    assert routes("plant/north/p-1/data", text) == [("north-p-1", False)]


def test_a_placeholder_that_stands_twice_is_read_where_it_stands_first() -> None:
    assert routes("plant/a/b/data", BASE.replace("{device}", "{device}/{device}")) == [("a", False)]


def test_what_looks_like_a_pattern_is_only_a_topic() -> None:
    text = BASE.replace("plant/{device}/data", "plant.(x)/{device}/d[1]")
    assert routes("plant.(x)/p/d[1]", text) == [("p", False)]
    assert routes("plant-(x)/p/d[1]", text) == []


def test_two_profiles_may_read_one_topic() -> None:
    assert len(routes("plant/p/data", BASE, BASE.replace("field: p", "field: q"))) == 2


def test_filters_are_what_the_broker_is_asked_for() -> None:
    live = BASE + 'liveness: {topic: "plant/{device}/status"}\n'
    profiles = Profiles((profile(live), profile(BASE)._replace(id="other")))
    assert profiles.filters() == ["plant/+/data", "plant/+/status"]


def test_memory_of_topics_is_bounded() -> None:
    profiles = Profiles((profile(BASE),))
    profiles.CACHE_MAX = 10  # type: ignore[misc]
    for number in range(100):
        assert profiles.routes(f"plant/{number}/data")
        assert not profiles.routes(f"other/{number}/data")
    assert len(profiles._cache) == 10


@given(device=st.text(min_size=1).filter(lambda name: "/" not in name))
def test_a_filled_topic_is_read_back(device: str) -> None:
    """What a recording is published under names the device that it was filled with."""
    assert routes(fill("plant/{device}/data", {"device": device})) == [(device, False)]


# -- fields -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "steps"),
    [
        ("p", ("p",)),
        ("a.b", ("a", "b")),
        ("v[0]", ("v", 0)),
        ("v[0][12].x", ("v", 0, 12, "x")),
        ("data.0.x", ("data", 0, "x")),
        ("1234567", ("1234567",)),
        ("a².b", ("a²", "b")),
        ("²", ("²",)),
    ],
)
def test_the_way_to_a_field(field: str, steps: tuple[str | int, ...]) -> None:
    (extract,) = profile(BASE.replace("field: p", f'field: "{field}"')).extracts
    assert extract.steps == steps


@pytest.mark.parametrize("field", ["", ".", "a..b", ".a", "a."])
def test_a_way_with_a_hole_in_it_is_refused(field: str) -> None:
    assert "is not a field" in problems(BASE.replace("field: p", f'field: "{field}"'))[0]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (True, "true"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        ("", ""),
    ],
)
def test_one_spelling_for_a_scalar(value: object, word: str) -> None:
    assert canonical(value) == word


def test_units_are_converted_when_the_file_is_read() -> None:
    (extract,) = profile(BASE.replace("field: p", "field: p, unit: kPa")).extracts
    assert (extract.scale, extract.offset) == (0.01, 0.0)


# -- problems -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "fault", "said"),
    [
        (
            "{field: p}",
            "{field: p, fields: {a: p}}",
            "box.yaml:3:11: signals.pressure: needs one of 'field' and 'fields'",
        ),
        (
            "plant/{device}/data",
            "$share/g/{device}",
            "box.yaml:2:1: topic: '$share/g/{device}' is not a topic",
        ),
        ("plant/{device}/data", "plant/data", "box.yaml:2:1: topic: the topic has no placeholder '{device}'"),
        ("plant/{device}/data", "plant/{Device}", "box.yaml:2:1: topic: 'plant/{Device}' is not a topic"),
        ("plant/{device}/data", "", "box.yaml:2:1: topic: '' is not a topic"),
        (
            "{field: p}",
            "{field: p, map: {1: high}}",
            "signals.pressure.map: 'pressure' is a gauge: it has numbers",
        ),
        (
            "kind: pump",
            "kind: pump\ndevice: fixed",
            "box.yaml:2:1: device: every device would have the same name",
        ),
    ],
)
def test_a_fault_is_said_with_its_place(sound: str, fault: str, said: str) -> None:
    assert sound in BASE
    assert said in problems(BASE.replace(sound, fault))[0]


@given(st.text())
def test_no_text_raises(text: str) -> None:
    read_profile("pump/box", text, "box.yaml", KINDS)
    read_profile("pump/box", BASE + f"source: {text}\n", "box.yaml", KINDS)


@given(field=st.text(), topic=st.text(), payload=st.text(), reads=st.text())
def test_no_word_in_a_profile_raises(field: str, topic: str, payload: str, reads: str) -> None:
    def quoted(text: str) -> str:
        return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'

    text = BASE.replace("field: p", f"field: {quoted(field)}").replace('"plant/{device}/data"', quoted(topic))
    example = (
        f"examples:\n  - {{topic: plant/p/data, payload: {quoted(payload)}, reads: {{{quoted(reads)}: 1}}}}\n"
    )
    found, _ = read_profile("pump/box", text + example, "box.yaml", KINDS)
    if found is None:
        found, wrong = read_profile("pump/box", BASE + example, "box.yaml", KINDS)
        assert found is not None or wrong
    if found is not None:
        example_problems(found, KINDS["pump"])

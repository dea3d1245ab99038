"""Every problem at once, each with its place and, where it can be guessed, what was meant."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from foretell.authored.document import read
from foretell.authored.validate import Duration, Strict, Text, check


class Inner(Strict):
    count: int = Field(default=1, ge=1, le=9)
    word: str | list[str] | None = None


class Outer(Strict):
    title: Text
    limit: str | float | None = None
    wait: Duration | None = None
    mode: Literal["live", "off"] = "live"
    rows: list[Inner] = Field(default=[], max_length=3)
    by_name: dict[str, Inner] = Field(default={})
    names: list[str] | None = None
    done: bool | None = None


TITLE = "title: {en: a, zh: b}\n"


def problems(text: str) -> list[str]:
    document, wrong = read(text, "f.yaml")
    assert wrong == []
    return [str(problem) for problem in check(document, Outer)[1]]


def test_a_good_value_passes() -> None:
    document, _ = read(TITLE + "limit: 5\nwait: 2 h\nrows: [{word: [a]}]", "f")
    model, wrong = check(document, Outer)
    assert wrong == []
    assert model is not None
    assert (model.limit, model.wait, model.rows[0].word) == (5.0, 7200.0, ["a"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limit: [1]", "f.yaml:2:1: limit: must be text or a number, not a list"),
        ("limit: true", "f.yaml:2:1: limit: must be text or a number, not true"),
        (
            "wait: 5 days",
            "f.yaml:2:1: wait: 'days' is no unit of time here: use ms, s, min, h, d or w; did you mean 'd'?",
        ),
        ("mode: lvie", "f.yaml:2:1: mode: 'lvie' is not one of 'live' or 'off' (did you mean 'live'?)"),
        ("rows: [{cuont: 2}]", "f.yaml:2:9: rows.0.cuont: unknown key 'cuont' (did you mean 'count'?)"),
        ("rows: [{zzz: 2}]", "f.yaml:2:9: rows.0.zzz: unknown key 'zzz' (known here: count, word)"),
        ("rows: [{}, {word: {}}]", "f.yaml:2:13: rows.1.word: must be text or a list, not a mapping"),
        (
            "rows: [{word: [a, 3]}]",
            "f.yaml:2:19: rows.0.word.1: must be text, not '3' (put it in quotes: \"3\")",
        ),
        (
            "rows: [{word: true}]",
            'f.yaml:2:9: rows.0.word: must be text or a list, not true (put it in quotes: "true")',
        ),
        ("done：[a: 1]", "f.yaml:2:1: done：[a: unknown key 'done：[a' ('：' is a Chinese sign: write ': ')"),
        ("done: yes", "f.yaml:2:1: done: must be true or false, not 'yes' (write true)"),
        ("done: Off", "f.yaml:2:1: done: must be true or false, not 'Off' (write false)"),
        ("done: often", "f.yaml:2:1: done: must be true or false, not 'often'"),
        ("rows: [{count: 99}]", "f.yaml:2:9: rows.0.count: '99' must be at most 9"),
        ("rows: [{count: 1.5}]", "f.yaml:2:9: rows.0.count: must be a whole number, not '1.5'"),
        ("rows: [{}, {}, {}, {}]", "f.yaml:2:1: rows: a list takes at most 3 entries, not 4"),
        ("by_name: {x: {wrod: y}}", "f.yaml:2:15: by_name.x.wrod: unknown key 'wrod' (did you mean 'word'?)"),
        ("rows: hello", "f.yaml:2:1: rows: must be a list, not 'hello'"),
        ("by_name: [1]", "f.yaml:2:1: by_name: must be a mapping of keys to values, not a list"),
        (
            "str: 1",
            "f.yaml:2:1: str: unknown key 'str' "
            "(known here: by_name, done, limit, mode, names, rows, title, wait)",
        ),
    ],
)
def test_one_mistake_is_one_problem(text: str, said: str) -> None:
    assert problems(TITLE + text) == [said]


def test_all_problems_are_told_at_once() -> None:
    assert problems("title: {en: a}\nlimt: 3\nmode: 7") == [
        "f.yaml:1:1: title: the key 'zh' is required",
        "f.yaml:3:1: mode: '7' is not one of 'live' or 'off'",
        "f.yaml:2:1: limt: unknown key 'limt' (did you mean 'limit'?)",
    ]


@pytest.mark.parametrize("root", ["- 1", "hello", "3"])
def test_the_root_must_be_a_mapping(root: str) -> None:
    [problem] = problems(root)
    assert problem.startswith("f.yaml:1:1: must be a mapping of keys to values, not ")

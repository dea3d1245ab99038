"""Plain values with their places come out, and nothing hostile gets far in."""

from __future__ import annotations

import time
import warnings

import pytest

from foretell.authored.document import read


def refusal(text: str) -> str:
    _, problems = read(text, "f.yaml")
    assert len(problems) == 1
    return str(problems[0])


def test_scalars_are_read_as_people_mean_them() -> None:
    document, problems = read(
        "{a: 1, b: 2.5, c: true, d: null, e: no, f: 2020-01-01, g: 0x1F, h: .nan, "
        "i: '7', j: 5 %, k: 1:30, l: -3}",
        "f",
    )
    assert problems == []
    assert document.value == {
        "a": 1,
        "b": 2.5,
        "c": True,
        "d": None,
        "e": "no",
        "f": "2020-01-01",
        "g": "0x1F",
        "h": ".nan",
        "i": "7",
        "j": "5 %",
        "k": "1:30",
        "l": -3,
    }


def test_every_value_knows_its_place() -> None:
    document, _ = read("\ufeffa:\n  - b: 1\n    c: [2, 3]\n", "f.yaml")
    assert document.position(("a", 0, "c")) == (3, 5)
    assert document.position(("a", 0, "c", 1)) == (3, 12)
    assert document.position(("a", 0, "c", 9, "no such thing")) == (3, 5)
    assert str(document.problem_at(("a", 0), "bad", "fix it")) == "f.yaml:2:5: a.0: bad (fix it)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml:1:1: file is empty"),
        ("# nothing\n", "f.yaml:1:1: file is empty"),
        ("a: &x 1", "1:4: anchors and aliases"),
        ("a: *x", "1:4: anchors and aliases"),
        ("&k a: 1", "1:1: anchors and aliases"),
        ("a: {<<: {b: 1}}", "1:5: merge keys (<<)"),
        ("a: !!python/object:os.system x", "1:4: tags (!)"),
        ("a: !x {b: 1}", "1:4: tags (!)"),
        ('a: 1\n"a": 2', "2:1: the key 'a' is given twice"),
        ("? [a]\n: 1", "1:3: a key must be a word"),
        ("a:\n\tb: 1", "2:1: not YAML: a tab cannot indent: use spaces"),
        ('a: "x\x00"', "not YAML: unacceptable character"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "2:1: a second document (---)"),
        ("a: 1e999", "1:4: a number must be finite"),
        ("x" * 300 * 1024, "file is larger than 256 KiB"),
    ],
)
def test_refusals_point_at_the_place(text: str, said: str) -> None:
    assert said in refusal(text)


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n",
    "merges": "a: &a {x: 1}\nb: {<<: [*a, *a]}\n",
    "brackets": "[" * 20_000,
    "braces": "{a: " * 20_000,
    "dashes": "- " * 20_000,
    "indents": "".join(" " * depth + "a:\n" for depth in range(400)),
    "anchors": "a: [" + "&a 1," * 20_000 + "]",
    "items": "a: [" + "1," * 100_000 + "]",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_bombs_do_not_go_off(text: str) -> None:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refusal(text)
    assert time.perf_counter() - started < 3.0

"""Plain values with their places come out, and nothing hostile gets far in."""

from __future__ import annotations

import warnings

import pytest

from foretell.authored.document import LINES_MAX, NODES_MAX, read


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
        ('a: "x\x00"', "1:6: a character that nobody sees (U+0000)"),
        ("a: b: c", "1:5: not YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "2:1: a second document (---)"),
        ("a: 1e999", "1:4: a number must be finite"),
        ("x" * 300 * 1024, "file is larger than 256 KiB"),
    ],
)
def test_refusals_point_at_the_place(text: str, said: str) -> None:
    assert said in refusal(text)


HOSTILE = {
    # name: text, what is said of it, and the most events that may have been read until then
    "aliases": (
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n",
        "anchors and aliases",
        5,
    ),
    "laughs in flow": ("{a: &a [lol, lol], b: &b [*a, *a], c: [*b, *b]}", "anchors and aliases", 5),
    "merges": ("a: &a {x: 1}\nb: {<<: [*a, *a]}\n", "anchors and aliases", 5),
    "anchors": ("a: [" + "&a 1,\n" * 9_000 + "]", "anchors and aliases", 6),
    "brackets": ("[\n" * 15_000, "nested deeper than 24 levels", 40),
    "braces": ("{a:\n" * 15_000, "nested deeper than 24 levels", 70),
    "dashes": ("- " * 8_000, "nested deeper than 24 levels", 40),
    "indents": ("".join(" " * depth + "a:\n" for depth in range(400)), "nested deeper than 24 levels", 70),
    "complex keys": ("? " * 8_000, "a key must be a word", 5),
    "tags": ("!" * 16_000, "tags (!) are not accepted", 5),
    "tag directives": ("".join(f"%TAG !a{i}! x\n" for i in range(12_000)) + "--- 1", "directives (%)", 0),
    "version": ("%YAML 1.1\n---\na: yes", "1:1: directives (%)", 0),
    "items": ("a: [" + "1," * 100_000 + "]", f"more than {NODES_MAX} values", 0),
    "items by line": (
        "".join(f"- [{i}, 1]\n" for i in range(12_000)),
        f"more than {NODES_MAX} values",
        2 * NODES_MAX,
    ),
    "keys": ("".join(f"k{i}: 1\n" for i in range(25_000)), f"more than {LINES_MAX} lines", 0),
    "100,000 keys": ("".join(f"k{i}: 1\n" for i in range(100_000)), "file is larger than 256 KiB", 0),
    "flow keys": ("{" + ",".join(f"k{i}: 1" for i in range(25_000)) + "}", "a line is longer than 16384", 0),
    "long text": ("a: " + "x" * 250_000, "1:16385: a line is longer than 16384 characters", 0),
    "long key": ("x" * 250_000 + ": 1", "a line is longer than 16384", 0),
    "long number": ("a: " + "1" * 250_000, "a line is longer than 16384", 0),
    "a lesser number": ("a: " + "1" * 5_000, "a number must be finite", 5),
    "escapes": ('a: "' + "\\x41" * 60_000 + '"', "a line is longer than 16384", 0),
    "lines of one text": ("a: |\n" + "  x\n" * 60_000, f"more than {LINES_MAX} lines", 0),
    "blank": ("a: 1" + " " * 250_000, "a line is longer than 16384", 0),
    "blank lines": ("a: 1" + "\n" * 250_000, f"more than {LINES_MAX} lines", 0),
    "documents": ("---\n" * 15_000, "a second document", 6),
    "line separator": ("a: 1\nb: x\u2028c: 2\n", "2:5: a character that nobody sees (U+2028)", 0),
    "next line": ("a: 1\x85b: 2\n", "1:5: a character that nobody sees (U+0085)", 0),
    "reading direction": ("a: \u202e1\n", "1:4: a character that nobody sees (U+202E)", 0),
    "zero width": ("a\u200b: 1\n", "1:2: a character that nobody sees (U+200B)", 0),
    "a second byte order mark": ("a: \ufeff1\n", "1:4: a character that nobody sees (U+FEFF)", 0),
    "half a surrogate": ("a: \ud800\n", "1:4: a character that nobody sees (U+D800)", 0),
    "escape to the terminal": ("a: \x1b[2J\n", "1:4: a character that nobody sees (U+001B)", 0),
}


@pytest.mark.parametrize(("text", "said", "events"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_is_refused_before_it_is_read_through(text: str, said: str, events: int) -> None:
    """Counted in events of the parser, because a clock would say more of the machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document, problems = read(text, "f.yaml")
    assert [said in str(problem) for problem in problems] == [True], problems
    assert document.events <= events


def test_what_is_large_but_honest_is_read() -> None:
    text = "".join(f"k{i}: {{a: 1, b: [x, y]}}\n" for i in range(3_000))
    document, problems = read(text, "f.yaml")
    assert problems == []
    assert len(document.value) == 3_000


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1\r\nb: [1,\r\n  2]\r\n", "a: 1\nb: [1,\n  2]", "a: 1\rb: [1,\r  2]\r"]
)
def test_line_ends_of_every_system_and_a_byte_order_mark_are_fine(text: str) -> None:
    document, problems = read(text, "f.yaml")
    assert problems == []
    assert document.value == {"a": 1, "b": [1, 2]}
    assert document.position(("b", 1)) == (3, 3)


@pytest.mark.parametrize("word", ["off", "Off", "on", "yes", "no", "y", "N"])
def test_booleans_of_old_are_words(word: str) -> None:
    assert read(f"mode: {word}", "f")[0].value == {"mode": word}


def test_chinese_signs_are_told_where_the_parser_stumbles() -> None:
    assert refusal("title: {en: a}\nkind：pump\n").endswith("('：' is a Chinese sign: write ': ')")
    assert refusal("title: {en: a，zh: b\nkind: [").endswith("('，' is a Chinese sign: write ', ')")
    assert read("title: 一：二，三\n", "f")[0].value == {"title": "一：二，三"}

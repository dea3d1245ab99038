"""What was found, as text in two languages, as JSON, and as annotations of a pull request."""

from __future__ import annotations

import json

from foretell.authored.problems import Problem
from foretell.lab.rendering import failed, render, summary

ERROR = Problem("rules/a.yaml", 3, 8, "when.signal", "unknown key 'x'", "did you mean 'y'?")
WARNING = Problem("rules/a.yaml", 1, 1, "", "this rule has no tests", "", "warning")


def test_text_in_both_languages() -> None:
    assert render([ERROR, WARNING]) == (
        "rules/a.yaml:3:8: when.signal: unknown key 'x' (did you mean 'y'?)\n"
        "rules/a.yaml:1:1: warning: this rule has no tests"
    )
    assert render([ERROR, WARNING], language="zh") == (
        "rules/a.yaml:3:8: when.signal：未知的键“x”（您是否想写“y”？）\n"
        "rules/a.yaml:1:1: 警告：这条规则没有测试"
    )
    assert render([]) == ""


def test_json_has_the_same_keys_in_both_languages() -> None:
    for language, said in (("en", "unknown key 'x'"), ("zh", "未知的键“x”")):
        (problem,) = json.loads(render([ERROR], "json", language))  # type: ignore[arg-type]
        assert problem["message"] == said
        assert set(problem) == {"file", "line", "column", "where", "message", "hint", "severity"}
        assert (problem["file"], problem["line"], problem["column"]) == ("rules/a.yaml", 3, 8)
    assert json.loads(render([], "json")) == []


def test_annotations() -> None:
    assert render([ERROR, WARNING], "github").splitlines() == [
        "::error file=rules/a.yaml,line=3,col=8,title=when.signal::unknown key 'x' (did you mean 'y'?)",
        "::warning file=rules/a.yaml,line=1,col=1,title=foretell check::this rule has no tests",
    ]
    assert render([ERROR], "github", "zh").endswith("::未知的键“x”（您是否想写“y”？）")


def test_what_would_end_an_annotation_is_escaped() -> None:
    """As actions/toolkit escapes it: the message and the properties apart."""
    tricky = Problem("a,b:c%d.yaml", 1, 2, "x:y,z", "50 %, of: it\r\nor ::error::more", "")
    assert render([tricky], "github") == (
        "::error file=a%2Cb%3Ac%25d.yaml,line=1,col=2,title=x%3Ay%2Cz::50 %25, of: it%0D%0Aor ::error::more"
    )


def test_a_sentence_without_a_translation_stays() -> None:
    assert render([ERROR._replace(message="the moon is cheese", hint="")], language="zh").endswith(
        "the moon is cheese"
    )


def test_the_summary_counts_both() -> None:
    assert summary([], 3) == "3 files, all fine"
    assert summary([ERROR], 1) == "1 file, 1 error"
    assert summary([ERROR, ERROR, WARNING], 3) == "3 files, 2 errors, 1 warning"
    assert summary([WARNING], 3, "zh") == "3 个文件，1 个警告"
    assert summary([], 3, "zh") == "3 个文件，全部正常"


def test_warnings_fail_only_where_it_is_strict() -> None:
    assert not failed([])
    assert not failed([], strict=True)
    assert not failed([WARNING])
    assert failed([WARNING], strict=True)
    assert failed([WARNING, ERROR])

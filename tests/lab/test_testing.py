"""`foretell test`: which rules it finds, what it reports, and what `foretell check` is told of tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretell.lab.testing import FAILED, PASSED, SKIPPED, test_paths, test_problems
from tests.lab.rules import KIND_TEXT, KINDS, ZONE, document, rule, text_of

TESTS = """
for: 30 min
tests:
  - name: a warm day
    series: {temp: "flat 30 degC for 1 d every 10 min"}
    expect: {opens: never}
  - name: a fever
    series: {temp: "step 20 degC to 70 degC after 2 h for 6 h every 10 min"}
    expect: {opens: at %s, tickets: 1, holds: true}
"""
WHEN = "{signal: temp, above: 60 degC}"


def site(folder: Path, *, opens: str = "150 min", name: str = "hot") -> Path:
    """A folder with a kind and a rule, and beside it what a test of that rule says."""
    (folder / "sensors/elevator").mkdir(parents=True, exist_ok=True)
    (folder / "rules/elevator").mkdir(parents=True, exist_ok=True)
    (folder / "sensors/elevator/kind.yaml").write_text(KIND_TEXT)
    (folder / f"rules/elevator/{name}.yaml").write_text(text_of(WHEN, TESTS % opens))
    return folder


def test_what_passes_is_one_line(tmp_path: Path) -> None:
    report = test_paths([site(tmp_path)], generated=False, only=None)
    assert not report.failed
    first, last = report.text().splitlines()
    assert first == "✓ elevator/hot  2 of 2 passed"
    assert last.startswith("1 rule, 2 tests (0 generated): 2 passed, 0 failed, 0 skipped; ")


def test_what_fails_says_what_was_expected_and_how_it_looked(tmp_path: Path) -> None:
    report = test_paths([site(tmp_path, opens="3 h")], generated=False, only=None)
    assert report.failed
    text = report.text()
    assert "✗ a fever  " in text and "rules/elevator/hot.yaml:11" in text
    assert "opens: expected at 3 h, but it opened after 2 h 30 min" in text
    assert "━ above 60 degC" in text and "▲ opened" in text
    said = json.loads(json.dumps(report.json()))
    assert (said["passed"], said["failed"]) == (1, 1)
    assert said["results"][1]["failures"] == [
        {"what": "opens", "expected": "at 3 h", "got": "it opened after 2 h 30 min"}
    ]


def test_a_report_is_told_in_chinese(tmp_path: Path) -> None:
    text = test_paths([site(tmp_path, opens="3 h")], generated=False, only=None).text(language="zh")
    assert "✗ elevator/hot  2 个测试通过 1 个" in text
    assert "opens：应为 at 3 h，实际在 2 h 30 min 时触发" in text
    assert "━ 高于 60 degC" in text and "▲ 触发" in text
    assert text.splitlines()[-1].startswith(
        "1 条规则，2 个测试（自动生成 0 个）：通过 1，失败 1，跳过 0；用时 "
    )
    nothing = test_paths([tmp_path], generated=False, only="nosuch").text(language="zh")
    assert "没有叫“nosuch”的规则或测试" in nothing


def test_what_was_made_is_named_in_both_languages_where_chinese_is_spoken(tmp_path: Path) -> None:
    folder = site(tmp_path)
    (folder / "rules/elevator/hot.yaml").write_text(text_of("{silent: 1 h}"))
    text = test_paths([folder], generated=True, only=None).text(language="zh")
    assert "– 跳过 gap（数据中断）：它看的就是静默" in text


def test_what_to_write_is_told_where_a_test_cannot_be_read(tmp_path: Path) -> None:
    folder = site(tmp_path)
    file = folder / "rules/elevator/hot.yaml"
    file.write_text(file.read_text().replace("flat 30 degC", "flta 30 degC"))
    report = test_paths([folder], generated=False, only=None)
    assert "a segment cannot begin with 'flta' (did you mean 'flat'?)" in report.text()
    assert "（您是否想写“flat”？）" in report.text(language="zh")
    (failure,) = next(each["failures"] for each in report.json()["results"] if each["outcome"] == FAILED)
    assert failure["hint"] == "did you mean 'flat'?"


def test_colour_is_only_where_it_is_asked_for(tmp_path: Path) -> None:
    report = test_paths([site(tmp_path)], generated=False, only=None)
    assert "\x1b[" not in report.text()
    assert report.text(colour=True).startswith("\x1b[32m✓\x1b[0m elevator/hot")


def test_generated_tests_are_told_apart(tmp_path: Path) -> None:
    report = test_paths([site(tmp_path)], generated=True, only=None)
    assert not report.failed
    assert {each.test for each in report.results if each.generated} >= {"just above", "just short", "gap"}
    assert report.count(PASSED) == len(report.results) == 12


def test_what_is_skipped_says_why(tmp_path: Path) -> None:
    folder = site(tmp_path)
    (folder / "rules/elevator/hot.yaml").write_text(text_of("{silent: 1 h}"))
    report = test_paths([folder], generated=True, only=None)
    assert not report.failed
    assert "– skipped: gap: silence is what it is about" in report.text()
    assert {
        each["test"]: each["reason"] for each in report.json()["results"] if each["outcome"] == SKIPPED
    } == {
        "gap": "silence is what it is about",
        "offline": "whether the device can be heard is what it is about",
    }


@pytest.mark.parametrize(
    ("only", "found"),
    [
        ("elevator/hot", 12), ("elevator/*", 24), ("warm day", 2), ("fever", 2), ("COOL: A FEVER", 1),
        ("restart in mid", 2), ("just", 4),
    ],
)  # fmt: skip
def test_some_may_be_picked(tmp_path: Path, only: str, found: int) -> None:
    site(tmp_path)
    report = test_paths([site(tmp_path, name="cool")], generated=True, only=only)
    assert len(report.results) == found
    assert not report.failed


def test_nothing_picked_is_no_success(tmp_path: Path) -> None:
    report = test_paths([site(tmp_path)], generated=True, only="nosuch")
    assert report.failed
    assert "nothing is called 'nosuch'" in report.text()


def test_a_file_a_folder_and_a_site_are_all_paths(tmp_path: Path) -> None:
    folder = site(tmp_path)
    for path in (folder / "rules/elevator/hot.yaml", folder / "rules", folder):
        assert [each.rule for each in test_paths([path], generated=False, only=None).results] == [
            "elevator/hot"
        ] * 2
    (folder / "site.yaml").write_text(
        "site: here\nstore: store\nzone: Asia/Shanghai\nsensors: [sensors]\nrules: [rules]\n"
    )
    report = test_paths([folder, folder / "rules"], generated=False, only=None)
    assert not report.failed and len(report.results) == 2, "what was run once is not told twice"


def test_a_rule_alone_finds_the_one_that_holds_it_back(tmp_path: Path) -> None:
    (site(tmp_path) / "rules/elevator/first.yaml").write_text(text_of(WHEN))
    held = TESTS.replace("for: 30 min", "for: 30 min\nunless: [elevator/first]") % "150 min"
    file = tmp_path / "rules/elevator/hot.yaml"
    file.write_text(text_of(WHEN, held))
    report = test_paths([file], generated=False, only=None)
    assert not report.problems
    assert [(each.rule, each.outcome) for each in report.results] == [
        ("elevator/hot", PASSED), ("elevator/hot", FAILED)
    ]  # fmt: skip


def test_a_site_gives_its_hours(tmp_path: Path) -> None:
    folder = site(tmp_path)
    (folder / "site.yaml").write_text(
        "site: here\nstore: store\nzone: Asia/Shanghai\nsensors: [sensors]\nrules: [rules]\n"
        "calendars: {early: {open: [daily 04:00-05:00]}}\n"
    )
    words = TESTS.replace("for: 30 min", "for: 30 min\nduring: early")
    (folder / "rules/elevator/hot.yaml").write_text(text_of(WHEN, words % "4.5 h"))
    assert not test_paths([folder], generated=True, only=None).failed


def test_a_problem_in_a_file_is_told_instead(tmp_path: Path) -> None:
    folder = site(tmp_path)
    (folder / "rules/elevator/hot.yaml").write_text(text_of("{signal: tmp, above: 60 degC}"))
    report = test_paths([folder], generated=True, only=None)
    assert report.failed and not report.results
    assert "did you mean 'temp'?" in report.text()
    assert "there is no such file" in test_paths([tmp_path / "nosuch"], generated=True, only=None).text()


def test_a_test_that_cannot_be_read_fails(tmp_path: Path) -> None:
    folder = site(tmp_path, opens="soon")
    report = test_paths([folder], generated=False, only=None)
    assert [each.outcome for each in report.results] == [PASSED, FAILED]
    assert "expect.opens: 'soon' is not a duration" in report.text()


def test_check_is_told_where_a_test_is_wrong() -> None:
    words = TESTS % "soon" + '  - {name: a fever, series: {temp: "once 3 s"}, expect: {opens: never}}\n'
    found = test_problems(document(WHEN, words), rule(WHEN, words), KINDS, ZONE)
    assert [(each.line, each.where) for each in found] == [
        (13, "tests.1.expect.opens"), (14, "tests.2.series.temp"), (14, "tests.2.name")
    ]  # fmt: skip
    assert found[1].message == "column 6: '3 s' cannot be compared with a signal measured in degC"
    assert not test_problems(document(WHEN, TESTS % "3 h"), rule(WHEN, TESTS % "3 h"), KINDS, ZONE)

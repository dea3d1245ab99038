"""`foretell check`, through the command line: every fault, with its place and what was meant."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foretell.lab.checking import check_paths
from foretell.lab.translating import chinese

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BROKEN, SITES, DOUBTFUL = HERE / "broken", HERE / "sites", HERE / "doubtful"
SOUND = {"sensors/pump/kind.yaml"}
RULE = (BROKEN / "rules/pump/unknown-key.yaml").read_text().replace("wihtin", "within")


def check(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run it as an engineer does, where `foretell` is imported from this checkout."""
    return subprocess.run(
        [sys.executable, "-m", "foretell", "check", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT / "daemon"), "PYTHONUTF8": "1", "LC_ALL": "en_US.UTF-8"},
    )


@pytest.fixture(scope="module")
def said() -> subprocess.CompletedProcess[str]:
    return check(BROKEN)


def test_every_fault_is_named_with_its_place_and_what_was_meant(
    said: subprocess.CompletedProcess[str],
) -> None:
    """Word for word: `expected.txt` is what an engineer reads."""
    got = said.stdout.replace(f"{BROKEN.relative_to(ROOT)}/", "").splitlines()
    assert got == (HERE / "expected.txt").read_text().splitlines()
    assert said.returncode == 1
    assert "Traceback" not in said.stderr


def test_no_broken_file_is_passed_over(said: subprocess.CompletedProcess[str]) -> None:
    named = {line.split(":")[0] for line in said.stdout.splitlines()}
    files = [path for path in BROKEN.rglob("*.yaml") if str(path.relative_to(BROKEN)) not in SOUND]
    assert len(files) >= 140
    assert sorted(str(path.relative_to(ROOT)) for path in files) == sorted(named)


def test_every_place_exists(said: subprocess.CompletedProcess[str]) -> None:
    for line in said.stdout.splitlines():
        file, row, column, _ = line.split(":", 3)
        lines = (ROOT / file).read_bytes().split(b"\n")
        assert 1 <= int(row) <= len(lines)
        assert 1 <= int(column) <= len(lines[int(row) - 1]) + 1


def test_the_same_as_json() -> None:
    done = check(BROKEN, "--json")
    problems = json.loads(done.stdout)
    assert done.returncode == 1
    assert {tuple(problem) for problem in problems} == {
        ("file", "line", "column", "where", "message", "hint", "severity")
    }
    assert len(problems) == len((HERE / "expected.txt").read_text().splitlines())
    (typo,) = [p for p in problems if p["file"].endswith("unknown-signal.yaml") and "rules" in p["file"]]
    assert (typo["line"], typo["column"], typo["where"]) == (3, 8, "when.signal")
    assert typo["hint"] == "did you mean 'pressure'?"


def test_what_is_shipped_works() -> None:
    done = check()
    assert (done.returncode, wrong(done.stdout)) == (0, [])
    assert [p for p in json.loads(check("--json").stdout) if p["severity"] == "error"] == []


def wrong(said: str) -> list[str]:
    """The lines that are errors."""
    return [line for line in said.splitlines() if ": warning: " not in line]


# -- what is doubtful, and what a site says ------------------------------------------------------------


def test_what_is_sound_is_fine() -> None:
    done = check(HERE / "sound")
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_doubtful_is_said_as_a_warning_and_what_can_never_work_as_an_error() -> None:
    done = check(DOUBTFUL)
    got = done.stdout.replace(f"{HERE.relative_to(ROOT)}/", "").splitlines()
    assert got == (HERE / "expected-doubtful.txt").read_text().splitlines()
    named = {line.split(":")[0] for line in got}
    silent = {path.name for path in DOUBTFUL.glob("rules/*/*.yaml")} - {name.split("/")[-1] for name in named}
    assert silent == {"resting.yaml"}  # it is off, and only there to hold nothing back


def test_every_fault_of_a_site_is_named_with_its_place() -> None:
    files = sorted(SITES.glob("*.yaml"))
    assert len(files) >= 36
    done = check(*files)
    got = done.stdout.replace(f"{HERE.relative_to(ROOT)}/", "").splitlines()
    assert got == (HERE / "expected-sites.txt").read_text().splitlines()
    elsewhere = {"calendar-missing"}  # the fault shows in the rule that asks for the calendar
    named = {line.split(":")[0].removeprefix("sites/") for line in got}
    assert {path.name for path in files if path.stem not in elsewhere} <= named


def test_all_of_it_can_be_said_in_chinese() -> None:
    """No English is left but names, which stand in quotation marks or are words of the grammar."""
    problems = [p for path in (BROKEN, DOUBTFUL, *SITES.glob("*.yaml")) for p in check_paths([path])[0]]
    assert len(problems) > 240
    for problem in problems:
        for said in filter(None, (problem.message, problem.hint)):
            told = chinese(said)
            assert told is not None, said
            left = re.findall(r"[A-Za-z]{2,} (?:[a-z]{2,} )*(?:is|are|the|a|of|not|no|to) ", _unquoted(told))
            assert left == [], told


def _unquoted(text: str) -> str:
    return re.sub(r"“[^”]*”", "", text)


# -- a folder, a file, wherever one stands ------------------------------------------------------------


@pytest.mark.parametrize("name", ["rules/pump/unknown-signal.yaml", "sensors/pump/time-zone.yaml"])
def test_one_file_among_the_kinds_that_stand_around_it(name: str) -> None:
    wanted = [line for line in (HERE / "expected.txt").read_text().splitlines() if line.startswith(name)]
    done = check(BROKEN / name)
    assert done.returncode == 1
    assert [
        line.replace(f"{BROKEN.relative_to(ROOT)}/", "") for line in done.stdout.splitlines() if name in line
    ] == wanted


def test_a_file_by_its_bare_name_in_its_own_folder() -> None:
    done = check("box-offline.yaml", cwd=ROOT / "rules" / "elevator")
    assert (done.returncode, wrong(done.stdout)) == (0, []), done.stdout
    assert done.stderr.startswith("1 file")


def test_a_folder_of_one_kind() -> None:
    done = check("rules/elevator", "sensors/elevator", "sensors")
    assert (done.returncode, wrong(done.stdout)) == (0, [])


def test_loose_files_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "mine" / "pump").mkdir(parents=True)
    (tmp_path / "mine" / "pump" / "kind.yaml").write_text((BROKEN / "sensors/pump/kind.yaml").read_text())
    (tmp_path / "mine" / "pump" / "leaks.yaml").write_text(RULE)
    (tmp_path / "mine" / "pump" / "box.yaml").write_text(
        'kind: pump\ntopic: "a/{device}"\nsignals: {pressure: {field: p}}\n'
    )
    done = check(tmp_path / "mine")
    assert (done.returncode, wrong(done.stdout)) == (0, [])
    assert done.stderr.startswith("3 files")


def test_nothing_is_not_fine(tmp_path: Path) -> None:
    empty = check(tmp_path)
    assert empty.returncode == 1
    assert "nothing was checked" in empty.stdout
    absent = check(tmp_path / "rulse")
    assert absent.returncode == 1
    assert "no such file or folder" in absent.stdout


def test_a_problem_that_is_met_twice_is_said_once() -> None:
    name = "rules/pump/mode.yaml"
    assert check(BROKEN / name, BROKEN / name).stdout.count("lvie") == check(BROKEN / name).stdout.count(
        "lvie"
    )


# -- a site -------------------------------------------------------------------------------------------

SITE = """site: north
store: /var/lib/foretell
broker: {host: localhost, port: 1883}
devices:
  lift-1: {kind: elevator, title: {en: Lift 1, zh: 一号梯}}
"""


def site(folder: Path, text: str) -> list[str]:
    (folder / "site.yaml").write_text(text)
    done = check("site.yaml", cwd=folder)
    assert done.returncode == (1 if wrong(done.stdout) else 0)
    assert "Traceback" not in done.stderr
    return wrong(done.stdout)


def test_a_sound_site_is_fine(tmp_path: Path) -> None:
    assert site(tmp_path, SITE) == []
    assert check(tmp_path).returncode == 0


FAULTS = [
    ("port: 1883", "prot: 1883", "site.yaml:3:27: broker.prot: unknown key 'prot' (did you mean 'port'?)"),
    ("port: 1883", "port: 99999", "site.yaml:3:27: broker.port: '99999' must be at most 65535"),
    (
        "kind: elevator",
        "kind: elevater",
        "site.yaml:5:12: devices.lift-1.kind: unknown kind 'elevater' (did you mean 'elevator'?)",
    ),
    (
        "site: north",
        "site: North Gate",
        "site.yaml:1:1: site: 'North Gate' is no name that can be used here (use small letters, digits, -; "
        "it begins with a letter or digit and has at most 48 characters)",
    ),
    ("port: 1883", "keepalive: 1 s", "site.yaml:3:27: broker.keepalive: must be between 5 s and 20 min"),
    ("port: 1883", "password_file: pw", "site.yaml:3:27: broker.password_file: there is no file "),
    ("devices:", "rules: [myrules]\ndevices:", "site.yaml:4:1: rules: there is no folder "),
    ("store: /var/lib/foretell\n", "", "site.yaml:1:1: the key 'store' is required"),
    ("devices:", "web: {host: 0.0.0.0}\ndevices:", "site.yaml:4:7: web.host: '0.0.0.0' is not one of "),
    (", zh: 一号梯", "", "site.yaml:5:28: devices.lift-1.title: the key 'zh' is required"),
]


@pytest.mark.parametrize(("sound", "fault", "said"), FAULTS, ids=[fault for _, fault, _ in FAULTS])
def test_a_fault_of_the_site_is_named_with_its_place(
    tmp_path: Path, sound: str, fault: str, said: str
) -> None:
    assert sound in SITE
    (line,) = site(tmp_path, SITE.replace(sound, fault))
    assert line.startswith(said), line


def test_all_faults_of_a_site_at_once_and_those_of_its_own_rules(tmp_path: Path) -> None:
    (tmp_path / "rules" / "elevator").mkdir(parents=True)
    (tmp_path / "rules" / "elevator" / "mine.yaml").write_text(RULE.replace("kind: pump", "kind: elevator"))
    lines = site(tmp_path, SITE.replace("devices:", "rules: [rules]\ndevices:"))
    assert len(lines) == 1
    assert lines[0].startswith(
        "rules/elevator/mine.yaml:3:8: when.signal: the kind 'elevator' has no signal 'pressure'"
    )
    many = site(tmp_path, SITE.replace("port: 1883", "prot: 1, hots: x").replace("store:", "stoer:"))
    assert [line.split(": ")[0] for line in many] == [
        "site.yaml:1:1",
        "site.yaml:2:1",
        "site.yaml:3:27",
        "site.yaml:3:36",
        "rules/elevator/mine.yaml:3:8",
    ]


def test_two_profiles_that_read_the_same_are_told_apart_from_two_that_share_a_topic(tmp_path: Path) -> None:
    folder = tmp_path / "sensors" / "valve"
    folder.mkdir(parents=True)
    (folder / "kind.yaml").write_text(
        "title: {en: Valve, zh: 阀}\nsignals: {open: {type: counter}, warm: {type: gauge, unit: degC}}\n"
    )
    box = "kind: valve\ntopic: a/{device}/b\ncodec: json\nsignals: {SIGNAL: {field: x}}\n"
    (folder / "one.yaml").write_text(box.replace("SIGNAL", "open"))
    (folder / "two.yaml").write_text(
        box.replace("SIGNAL", "warm")
        .replace("{device}", "{other}/c")
        .replace("/c/b", "/b")
        .replace("kind: valve", 'kind: valve\ndevice: "{other}"')
    )
    assert check(tmp_path).returncode == 0
    (folder / "two.yaml").write_text(box.replace("SIGNAL", "open"))
    done = check(tmp_path)
    assert done.returncode == 1
    assert "two.yaml:2:1: topic: valve/one reads this topic already, and from it open" in done.stdout


def test_what_only_shows_when_rules_are_seen_together(tmp_path: Path) -> None:
    """One rule under two endings, rules that hold each other back, and one that never stands for its kind."""
    for kind in ("pump", "fan"):
        (tmp_path / "sensors" / kind).mkdir(parents=True)
        (tmp_path / "rules" / kind).mkdir(parents=True)
        (tmp_path / "sensors" / kind / "kind.yaml").write_text(
            (BROKEN / "sensors/pump/kind.yaml").read_text()
        )
    sound = RULE.replace("pressur,", "pressure,")
    for name, text in {
        "pump/twice.yaml": sound,
        "pump/twice.yml": sound,
        "pump/a.yaml": sound + "unless: [pump/b]\n",
        "pump/b.yaml": sound + "unless: [in-maintenance, pump/a]\n",
        "pump/c.yaml": sound + "unless: [fan/d]\n",
        "fan/d.yaml": sound.replace("kind: pump", "kind: fan"),
    }.items():
        (tmp_path / "rules" / name).write_text(text)
    done = check(tmp_path, cwd=tmp_path)
    assert wrong(done.stdout) == [
        "rules/pump/a.yaml:5:10: unless.0: pump/a and pump/b hold each other back in a circle",
        "rules/pump/b.yaml:5:26: unless.1: pump/b and pump/a hold each other back in a circle",
        "rules/pump/c.yaml:5:10: unless.0: fan/d is about another kind of device: "
        "it never stands for one of this",
        "rules/pump/twice.yml:1:1: 'pump/twice' stands here twice, as .yaml and as .yml (keep one of them)",
    ]

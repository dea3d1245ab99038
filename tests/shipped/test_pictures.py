"""The pictures of the handbook: drawn by the engine that is in force, one for every condition, sound."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from foretell.engine.rulebook.clauses import SPELT

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "conditions"
SAME_PICTURE = {"below": "above", "all": "logic", "any": "logic", "not": "logic"}
MAKE_ANEW = "run: python docs/pictures.py"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pictures")
    around = os.environ | {"PYTHONPATH": str(ROOT / "daemon")}
    script = [sys.executable, str(ROOT / "docs" / "pictures.py"), str(folder)]
    subprocess.run(script, check=True, env=around, capture_output=True, timeout=300)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_committed_pictures_are_what_the_engine_draws(drawn: dict[str, str]) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.iterdir()}
    assert sorted(committed) == sorted(drawn), MAKE_ANEW
    assert [name for name in drawn if drawn[name] != committed[name]] == [], MAKE_ANEW


def test_every_condition_has_a_picture(drawn: dict[str, str]) -> None:
    assert {f"{SAME_PICTURE.get(verb, verb)}.svg" for verb in SPELT} - drawn.keys() == set()


def test_every_picture_is_sound_and_says_it_in_both_languages(drawn: dict[str, str]) -> None:
    for name, text in drawn.items():
        whole = ElementTree.fromstring(text)  # ours, not a stranger's
        said = "".join(whole.itertext())
        assert "when:" in said or "A: {" in said, name
        assert re.search(r"[\u4e00-\u9fff]{5}", said) and re.search(r"[a-z]+ [a-z]+ [a-z]+", said), name
        assert "成立" in said, name


def test_nothing_sticks_out_of_a_picture(drawn: dict[str, str]) -> None:
    for name, text in drawn.items():
        width, height = map(float, re.findall(r"viewBox=\"0 0 (\S+) (\S+)\"", text)[0])
        for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text"):
            words, size = "".join(element.itertext()), float(element.get("font-size", "12"))
            letter = 0.61 if "Mono" in element.get("font-family", "") else 0.51
            length = sum(size if ord(each) > 0x2E80 else letter * size for each in words)
            start = float(element.get("x", "0"))
            start -= {"start": 0.0, "middle": length / 2, "end": length}[element.get("text-anchor", "start")]
            assert start >= -1 and start + length <= width + 2, f"{name}: {words}"
            assert 0 < float(element.get("y", "0")) < height, f"{name}: {words}"

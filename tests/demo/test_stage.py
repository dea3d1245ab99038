"""The demo as a whole, with a real daemon and either broker; two quiet days only, so that it is short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import foretell
from foretell.authored.document import read
from foretell.authored.validate import check
from foretell.config import SiteModel
from foretell.demo import broker
from foretell.demo.estate import Estate
from foretell.demo.stage import FINE, site_yaml
from tests.brokers import program

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(foretell.__file__).parents[1]), "LANG": "C.UTF-8"}
EMBEDDED = "import foretell.demo.broker as b; b.shutil.which = lambda *a, **k: None; "
PLAY = (
    "import sys; from foretell.demo.stage import run; "
    "sys.exit(run(0.2, 1, {days}, 0, open_browser=False, keep=False, language='{language}'))"
)


def play(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip


def test_the_site_of_the_demo_is_a_valid_site() -> None:
    devices = [each.device for each in Estate(1).everything]
    for running in (broker.Running(None, 1883, "auto"), broker.Running(None, 1883, "3.1.1")):  # type: ignore[arg-type]
        document, problems = read(site_yaml(devices, running, 8480, "zh"), "site.yaml")
        assert problems == []
        model, problems = check(document, SiteModel)
        assert problems == []
        assert model is not None
        assert len(model.devices) == 150


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=pytest.mark.broker), "embedded"])
def test_two_days_are_played_and_leave_nothing_behind(kind: str, tmp_path: Path) -> None:
    if kind == "mosquitto":
        program()
    code = (EMBEDDED if kind == "embedded" else "") + PLAY.format(days=2, language="zh")
    stage = play(tmp_path, code)
    out, err = stage.communicate(timeout=120)
    assert (stage.returncode, err) == (FINE, "")
    assert "http://127.0.0.1:" in out
    assert "10,0" in out
    assert "时间太短" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_at_any_time(how: signal.Signals, tmp_path: Path) -> None:
    stage = play(tmp_path, EMBEDDED + PLAY.format(days=14, language="en"))
    assert stage.stdout is not None
    timer = threading.Timer(60, stage.kill)
    timer.start()
    for line in stage.stdout:
        if "day  1" in line:
            break
    stage.send_signal(how)
    out, err = stage.communicate(timeout=60)
    timer.cancel()
    assert (stage.returncode, err) == (130, "")
    assert "Stopped." in out
    assert list(tmp_path.iterdir()) == []

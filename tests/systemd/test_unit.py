"""The shipped unit is what systemd's own tools want it to be; the broker takes the shipped settings."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "systemd"
UNIT = SHIPPED / "foretell.service"
EXPOSURE_MAX = 1.5

pytestmark = pytest.mark.systemd
needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there"
)
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


@needs_analyze
def test_the_unit_is_hardly_exposed() -> None:
    said = analyze("security", "--offline=true", "--no-pager", str(UNIT)).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= EXPOSURE_MAX


@needs_analyze
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/foretell/bin/foretell", "/bin/true"))
    said = analyze("verify", "--man=no", str(here))
    assert "foretell.service" not in said.stderr
    assert said.returncode == 0, said.stderr


def test_a_reload_checks_the_files_of_the_start_before_it_signals() -> None:
    lines = UNIT.read_text().splitlines()
    start = next(line for line in lines if line.startswith("ExecStart="))
    check, hang_up = (line for line in lines if line.startswith("ExecReload="))
    assert start.endswith(" run --config /etc/foretell/site.yaml")
    assert check == "ExecReload=/opt/foretell/bin/foretell check /etc/foretell/site.yaml"
    assert hang_up.endswith("kill -HUP $MAINPID")


@pytest.mark.broker
@pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not there")
def test_the_broker_takes_its_settings_beside_debians_own(tmp_path: Path) -> None:
    assert MOSQUITTO
    (tmp_path / "conf.d").mkdir()
    shutil.copy(SHIPPED / "mosquitto" / "foretell.conf", tmp_path / "conf.d")
    main = tmp_path / "mosquitto.conf"
    settings = ["persistence true", f"persistence_location {tmp_path}/", "include_dir conf.d"]
    main.write_text("\n".join([*settings, f"user {getpass.getuser()}", "listener 0 ear", ""]))
    said = []
    with subprocess.Popen(
        [MOSQUITTO, "-c", str(main), "-v"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as broker:
        assert broker.stderr
        for line in broker.stderr:
            said.append(line)
            if " running" in line:
                broker.kill()  # a polite signal would be lost if it came before the main loop
    assert any(" running" in line for line in said), "".join(said)

"""`python -m bench [recordings|cost|live]` (all, if none is named): print tables, write build/bench.json."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from bench import conditions, live, offline, scale
from bench.recordings import report

ROOMS = ("recordings", "cost", "live")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="|".join(ROOMS), help="what to run; all, if left out")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each live run")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    chosen = parser.parse_args()
    if unknown := set(chosen.rooms) - set(ROOMS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ROOMS)}")
    rooms = chosen.rooms or ROOMS
    written: dict[str, Any] = {
        "machine": {"python": platform.python_version(), "machine": platform.machine()}
    }
    if "recordings" in rooms:
        written["recordings"] = report.run()
        print(report.table(written["recordings"]), end="\n\n")
    if "cost" in rooms:
        written["conditions"] = conditions.run()
        print(conditions.table(written["conditions"]), end="\n\n")
    figures = (offline.run() | scale.run() if "cost" in rooms else {}) | (
        live.run(chosen.seconds) if "live" in rooms else {}
    )
    width = max(map(len, figures), default=0)
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:>12,}")
    written["figures"] = figures
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nwritten to {chosen.json}")


if __name__ == "__main__":
    main()

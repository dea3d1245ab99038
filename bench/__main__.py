"""`python -m bench`: run everything, print a table, write build/bench.json."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from bench import live, offline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each live run")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    chosen = parser.parse_args()
    figures = offline.run() | live.run(chosen.seconds)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:>12,}")
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    chosen.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    print(f"\nwritten to {chosen.json}")


if __name__ == "__main__":
    main()

"""Print the lowest version of every package that pyproject.toml allows, as requirements of pip.

python release/lowest.py                 # of gmix and its extras
python release/lowest.py --build         # of the packages that build it
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
LARGE = {"torch"}  # hundreds of megabytes, for one conversion
_REQUIREMENT = re.compile(r"([A-Za-z0-9_-]+)(\[[\w,]+\])?>=([\d.]+)")


def lowest(requirements: list[str]) -> list[str]:
    """Each requirement at its lower bound; those on gmix itself are left out."""
    found: dict[str, str] = {}
    for requirement in requirements:
        if requirement.startswith("gmix["):
            continue
        matched = _REQUIREMENT.fullmatch(requirement)
        if matched is None:
            raise SystemExit(f"{requirement!r} has no lower bound; give one in {PROJECT.name}")
        name, extras, version = matched.groups(default="")
        if name not in LARGE:
            found.setdefault(name, f"{name}{extras}=={version}")
    return list(found.values())


def main() -> None:
    document = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    if "--build" in sys.argv[1:]:
        requirements = document["build-system"]["requires"]
    else:
        extras = document["project"]["optional-dependencies"].values()
        requirements = [*document["project"]["dependencies"], *(each for extra in extras for each in extra)]
    print(*lowest(requirements), sep="\n")


if __name__ == "__main__":
    main()

"""Write what a wheel carries as a software bill of materials: JSON of CycloneDX 1.6, without times and random numbers.

The build calls it, and puts the file into the wheel's folder of metadata, as PEP 770 describes.

python release/sbom.py --nanobind FOLDER --compiler "GNU 12.2.0" --out gmix.cdx.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_DATA = {  # the tables of the examples, and where they come from
    "airquality.csv": "airquality of the R package datasets",
    "batting.csv": "mlbbat10 of the R package openintro",
    "faithful.csv": "faithful of the R package datasets",
    "penguins.csv": "penguins_raw of the R package palmerpenguins, in the public domain (CC0)",
}


def bill(nanobind: Path, compiler: str) -> dict[str, Any]:
    """The bill of materials of a wheel that was built with this nanobind."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version, licensed = project["name"], project["version"], project["license"]
    whole = _component(name, version, licensed, "library", f"pkg:pypi/{name}@{version}")
    compiled = [
        _component("nanobind", _version(nanobind, "NB_VERSION_"), "BSD-3-Clause", "library"),
        _component("robin-map", _version(nanobind, "TSL_RH_VERSION_"), "MIT", "library"),
    ]
    compiled[0]["purl"] = f"pkg:pypi/nanobind@{compiled[0]['version']}"
    compiled[1]["purl"] = f"pkg:github/Tessil/robin-map@v{compiled[1]['version']}"
    parts = [*compiled, *map(_table, sorted((ROOT / "src" / "gmix" / "data").glob("*.csv")))]
    for part in parts:
        part["scope"] = "required" if part["type"] == "library" else "optional"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": whole, "properties": [{"name": "gmix:compiler", "value": compiler}]},
        "components": parts,
        "dependencies": [
            {"ref": name, "dependsOn": ["nanobind"]},
            {"ref": "nanobind", "dependsOn": ["robin-map"]},
        ],
    }


def _component(name: str, version: str, licensed: str, kind: str, purl: str = "") -> dict[str, Any]:
    licenses = [{"license": {"id": licensed}}]
    found = {"type": kind, "bom-ref": name, "name": name, "version": version, "licenses": licenses}
    return found | ({"purl": purl} if purl else {})


def _table(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "data",
        "bom-ref": path.name,
        "name": path.name,
        "description": _DATA[path.name],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _version(nanobind: Path, prefix: str) -> str:
    """The version that three macros in a header below this folder define."""
    for header in sorted(nanobind.rglob("*.h")):
        found = dict(re.findall(rf"#define {prefix}(MAJOR|MINOR|PATCH) +(\d+)", header.read_text(encoding="utf-8")))
        if len(found) == 3:
            return f"{found['MAJOR']}.{found['MINOR']}.{found['PATCH']}"
    raise SystemExit(f"no header in {nanobind} defines {prefix}MAJOR; give the folder of nanobind's package")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanobind", type=Path, required=True, help="the folder of nanobind's package")
    parser.add_argument("--compiler", required=True, help="the compiler and its version")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args()
    options.out.write_text(json.dumps(bill(options.nanobind, options.compiler), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

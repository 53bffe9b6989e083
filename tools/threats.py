#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
  threats.py docs/threat-model.md

Every row of a table there names what shows that an attack is stopped. Fails when a row names nothing, or a test, board case,
fuzzer, model, make target or file that does not exist.
"""

import pathlib
import re
import sys

TEST_COLUMN = "Shown by"
# What may stand in the column besides tests: phrases that name a check of the build.
BUILD_CHECKS = {"the build fails"}


def known_names():
    """Cases that are registered to run (not only defined), fuzzers, and make targets."""
    cases, defined = set(), set()
    for path in pathlib.Path("tests").rglob("*.c"):
        text = path.read_text(encoding="utf-8")
        defined.update(re.findall(r"^static void (\w+)\(void \*\*state\)", text, re.M))
        # Cases stand a second time in the table of their program.
        cases.update(name for name in defined if len(re.findall(rf"\b{name}\b", text)) > 1)
    for path in pathlib.Path("tests/board").glob("*.py"):
        cases.update(re.findall(r"^\s*def (?:test_)?(\w+)\(", path.read_text(encoding="utf-8"), re.M))
    fuzzers = {path.stem.removeprefix("fuzz_") for path in pathlib.Path("tests/fuzz").glob("fuzz_*.c")}
    targets = set()
    for path in [pathlib.Path("Makefile"), *pathlib.Path("tools/make").glob("*.mk"), *pathlib.Path("tests").rglob("objects.mk")]:
        targets.update(re.findall(r"^([a-z][a-z0-9-]*):", path.read_text(encoding="utf-8"), re.M))
    return cases, fuzzers, targets


def main():
    page = pathlib.Path(sys.argv[1])
    cases, fuzzers, targets = known_names()
    faults = rows = names = 0
    column = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            column = None
            continue
        if TEST_COLUMN in cells:
            column = cells.index(TEST_COLUMN)
            continue
        if column is None or set(cells[0]) <= {"-", ":"}:
            continue
        rows += 1
        shown = cells[column]
        found = re.findall(r"(fuzz )?`([^`]+)`", shown)
        if not found and shown not in BUILD_CHECKS:
            print(f"{page}:{number}: nothing shows it")
            faults += 1
        if not cells[column - 1]:
            print(f"{page}:{number}: nothing stops it")
            faults += 1
        for fuzz, name in found:
            names += 1
            if fuzz:
                good = name in fuzzers
            elif name.startswith("make "):
                good = name.split()[1] in targets
            elif "/" in name:
                good = pathlib.Path(name).exists()
            else:
                good = name in cases
            if not good:
                print(f"{page}:{number}: {fuzz}{name} does not exist")
                faults += 1
    print(f"threats: {rows} rows name {names} tests, {faults} faults")
    return 1 if faults or rows == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

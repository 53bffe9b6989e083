#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
  coverage.py SUMMARY.JSON

What gcovr counted, line and branch, per folder and in all, and the files with the most lines that no test ran.
"""

import collections
import json
import os
import sys

WORST = 12
FIELDS = ("line_covered", "line_total", "branch_covered", "branch_total")


def row(name, counts):
    lines, line_total, branches, branch_total = counts
    return (f"{name:<28} {lines:>6} of {line_total:>6} lines {100 * lines / max(line_total, 1):5.1f} %   "
            f"{branches:>6} of {branch_total:>6} branches {100 * branches / max(branch_total, 1):5.1f} %")


def main():
    with open(sys.argv[1], encoding="utf-8") as summary:
        files = json.load(summary)["files"]
    folders = collections.defaultdict(lambda: [0] * len(FIELDS))
    for entry in files:
        for name in (os.path.dirname(entry["filename"]), "TOTAL"):
            for n, field in enumerate(FIELDS):
                folders[name][n] += entry[field]
    files.sort(key=lambda entry: entry["line_covered"] - entry["line_total"])
    for entry in files[:WORST]:
        print(row(entry["filename"], [entry[field] for field in FIELDS]))
    print()
    for name in sorted(folders, key=lambda name: (name == "TOTAL", name)):
        print(row(name, folders[name]))
    print(f"coverage: {os.path.dirname(sys.argv[1])}/index.html")


if __name__ == "__main__":
    main()

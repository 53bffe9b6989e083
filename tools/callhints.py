# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Reads tools/stack.entries; the file itself says what its lines mean."""

import fnmatch
import re
import sys


class Hints:
    """The lines of tools/stack.entries, by keyword."""

    def __init__(self, path):
        self.entries = []
        self.vcpu = []
        self.calls = []
        self.frames = {}
        self.depths = []
        self.fpsimd = []
        self.not_vcpu = []
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                words = line.split("#")[0].split()
                try:
                    self._line(words)
                except (ValueError, IndexError):
                    sys.exit(f"{path}:{number}: not understood: {line.strip()}")

    def _line(self, words):
        if not words:
            return
        keyword, rest = words[0], words[1:]
        if keyword == "entry":
            self.entries.append((rest[0], int(rest[1], 0)))
        elif keyword == "calls":
            if not rest[0].endswith(":") or not rest[1:]:
                raise ValueError
            self.calls.append((rest[0][:-1], [word for word in rest[1:] if word != "-"]))
        elif keyword == "frame":
            self.frames[rest[0]] = int(rest[1], 0)
        elif keyword == "depth":
            self.depths.append((rest[0], int(rest[1], 0)))
        elif keyword in ("vcpu", "fpsimd", "not-vcpu"):
            getattr(self, keyword.replace("-", "_")).extend(rest)
        else:
            raise ValueError

    def targets(self, title):
        """Patterns of what indirect calls in that function reach, or None where nothing is said."""
        found = [targets for caller, targets in self.calls if matches(title, caller)]
        return None if not found else [name for targets in found for name in targets]


CLONE = re.compile(r"\.(part|constprop|isra|cold|lto_priv)(\.\d+)?")


def matches(title, pattern):
    """title: NAME, or path/FILE.c:NAME of a static function. pattern: NAME or FILE.c:NAME, with wildcards.
    What the compiler split off or specialised (NAME.part.0) goes by the name it came from."""
    title = CLONE.sub("", title)
    if fnmatch.fnmatchcase(title, pattern):
        return True
    if ":" in pattern:
        return fnmatch.fnmatchcase(title, "*/" + pattern)
    return ":" in title and fnmatch.fnmatchcase(title.rsplit(":", 1)[1], pattern)

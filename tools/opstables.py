# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
What a call through an ops table may reach: found in the sources themselves.

Every "static const struct TYPE name = { .member = function, ... }" of our folders says that a call of that member of that type may
reach that function. Of a call's place (file:line:column, from the compiler's call graph) the member's name is read,
and the type where the expression before it tells: the word before ".ops" or the name of the pointer.
"""

import collections
import pathlib
import re

FOLDERS = ("core", "arch", "drivers", "net", "migration", "board")
TABLE = re.compile(r"\bstruct\s+(\w+)\s+\w+(?:\[\w*\])?\s*=\s*\{")
SETS = re.compile(r"\.(\w+)\s*=\s*&?(\w+)\b")
CALL = re.compile(r"((?:\w+(?:\([^()]*\))?(?:\[[^\]]*\])?(?:->|\.))+)(\w+)\s*\(")
LINES_MAX = 6	# of one statement

# The word of an expression that tells the table's type.
TYPES = {
    "streams": "stream_ops", "link": "link_ops", "tls": "tls_ops", "vm": "vm_ops", "host": "host_ops", "nic": "nic_ops",
    "device": "device_ops", "seal": "seal_ops", "hash": "hash_ops", "events": "stream_events", "hw": "vm_hw_ops",
}


def body_of(text, at):
    """What lies between the brace before at and its partner."""
    depth = 1
    for end in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[at:end]
    return text[at:]


class OpsTables:
    """member -> functions, by type of table."""

    def __init__(self, root="."):
        self.by_type = collections.defaultdict(set)
        self.by_member = collections.defaultdict(set)
        self.lines = {}
        for folder in FOLDERS:
            for path in sorted(pathlib.Path(root, folder).rglob("*.c")):
                text = path.read_text(encoding="utf-8")
                for found in TABLE.finditer(text):
                    for member, function in SETS.findall(body_of(text, found.end())):
                        self.by_type[found.group(1), member].add((str(path), function))
                        self.by_member[member].add((str(path), function))

    def targets(self, place):
        """(file of the table, function) that the call at file:line:column may reach; None where the sources do not tell."""
        name, line, column = place.rsplit(":", 2)
        if name not in self.lines:
            path = pathlib.Path(name)
            if not path.is_file():
                return None
            self.lines[name] = path.read_text(encoding="utf-8").splitlines()
        lines = self.lines[name]
        # The compiler names the statement's outermost call: every call by pointer within it is meant.
        text = " ".join([lines[int(line) - 1][int(column) - 1:], *lines[int(line):int(line) + LINES_MAX]]).split(";")[0]
        found = [self._of_call(call) for call in CALL.finditer(text)]
        found = [names for names in found if names is not None]
        return set().union(*found) if found else None

    def _of_call(self, call):
        words = re.findall(r"\w+", call.group(1))
        member = call.group(2)
        for word in reversed(words):
            kind = TYPES.get(word)
            if kind and self.by_type.get((kind, member)):
                return self.by_type[kind, member]
        return self.by_member.get(member)

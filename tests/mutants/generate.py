# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Mechanical mutants: small wrong edits of tables and code, all of them, in a fixed order.

Of each table (TABLES): every line deleted, every target redirected, neighbouring actions exchanged.
Of each file of code: every condition of an if negated; every check of an error or refusal dropped (what it asks is still
computed); every comparison off by one; neighbouring calls exchanged.

A mutant's key is its file, function, operator, the text it changes, and which of the same it is there: lines may move.
"""
import re

WORD = r"[A-Za-z_]\w*"
STATES = ["NONE", "OWN", "PREPARING", "HELD", "GIVEN", "GONE", "LOADING", "READY", "VOID", "TAKEN", "UNKNOWN"]
DEVICE_STATES = ["STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P"]


class Change:
    def __init__(self, path, line, function, operator, old, new, text):
        self.path, self.line, self.function, self.operator = path, line, function, operator
        self.old, self.new, self.text = old, new, text
        self.nth = 1

    def key(self):
        return f"{self.path} | {self.function} | {self.operator} | {self.old} | {self.nth}"

    def __str__(self):
        return f"{self.path}:{self.line}: {self.operator}: {self.old}" + (f"  ->  {self.new}" if self.new else "")


def flat(text):
    return " ".join(text.split())


def masked(text):
    """The same length, with comments, strings and preprocessor lines blanked."""
    out = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'',
                 lambda m: re.sub(r"[^\n]", "@" if m.group(0)[0] in "\"'" else " ", m.group(0)), text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), out, flags=re.M | re.S)


def closing(mask, at):
    """Where the parenthesis that opens at `at` closes."""
    depth = 0
    for i in range(at, len(mask)):
        depth += {"(": 1, ")": -1}.get(mask[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def functions(mask):
    """(name, begin, end) of each body."""
    for body in re.finditer(r"^\{\n.*?^\}", mask, re.M | re.S):
        head = mask[:body.start()].rstrip()
        begin = max(head.rfind("\n\n"), head.rfind(";\n"), head.rfind("}\n"))
        name = re.search(rf"({WORD})\(", head[begin + 1:])
        if name and head.endswith(")"):
            yield name.group(1), body.start(), body.end()


class Code:
    """Of one C file."""
    def __init__(self, path, text):
        self.path, self.text, self.mask = path, text, masked(text)

    def change(self, function, operator, begin, end, new):
        old = self.text[begin:end]
        line = self.text.count("\n", 0, begin) + 1
        return Change(self.path, line, function, operator, flat(old), flat(new), self.text[:begin] + new + self.text[end:])

    def guards(self, name, begin, end):
        for m in re.finditer(r"\bif \(", self.mask[begin:end]):
            at = begin + m.end() - 1
            to = closing(self.mask, at)
            condition = self.text[at + 1:to]
            yield self.change(name, "negate", at, to + 1, f"(!({condition}))")
            body = self.mask[to:to + 400]
            leaves = re.match(r"\) \{\s*(?:[^{}]*\n)?\s*(return|continue|break)\b", body)
            if leaves or "ERR_" in condition or re.search(r"\berr\b", condition):
                yield self.change(name, "drop", at, to + 1, f"(({condition}) && 0)")

    def bounds(self, name, begin, end):
        swap = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
        for m in re.finditer(r"(?<= )(<=|>=|<|>)(?= )", self.mask[begin:end]):
            a, b = begin + m.start(), begin + m.end()
            left = max(self.mask.rfind(c, 0, a) for c in "(;{}&|\n,") + 1
            right = min(x for x in (self.mask.find(c, b) for c in ";{}&|\n,?") if x > 0)
            near = flat(self.text[left:right])
            made = self.change(name, "bound", a, b, swap[m.group(1)])
            made.old, made.new = near, flat(self.text[left:a] + swap[m.group(1)] + self.text[b:right])
            yield made

    def swaps(self, name, begin, end):
        statements = [m for m in re.finditer(r"^(\t+)(?:\(void\))?[\w\->.\[\]]+(?: [|+\-]?= [^;{}=]*| ?)\((?:[^;{}])*\);\n", self.mask[begin:end], re.M)]
        for a, b in zip(statements, statements[1:]):
            if a.end() != b.start() or a.group(1) != b.group(1):
                continue
            first = self.text[begin + a.start():begin + a.end()]
            second = self.text[begin + b.start():begin + b.end()]
            if re.match(r"\s*(return|va_start|va_end|ASSERT|goto)\b", first) or re.match(r"\s*(return|va_start|va_end|ASSERT|goto)\b", second):
                continue
            yield self.change(name, "swap", begin + a.start(), begin + b.end(), second + first)

    def all(self):
        for name, begin, end in functions(self.mask):
            yield from self.guards(name, begin, end)
            yield from self.bounds(name, begin, end)
            yield from self.swaps(name, begin, end)


def next_state(name, states, n):
    others = [s for s in states if s != name]
    return others[n % len(others)]


def handover_table(path, text):
    """Deletes, redirects, exchanges actions of each arc."""
    code = Code(path, text)
    for n, m in enumerate(re.finditer(r"^HANDOVER_ARC\((\w+), (\w+), (\w+), (\w+), (\w+), (\w+), (\w+), (\w+)\)\n", text, re.M)):
        side, state, event, to, *actions = m.groups()
        where = f"{side} {state} {event}"
        yield code.change(where, "delete", m.start(), m.end(), "")
        new = next_state(to, STATES, n * 7)
        yield code.change(where, "redirect", m.start(), m.end(), m.group(0).replace(f"{event}, {to},", f"{event}, {new},"))
        for i in range(3):
            if actions[i + 1] != "NONE":
                order = actions[:]
                order[i], order[i + 1] = order[i + 1], order[i]
                yield code.change(where, "swap", m.start(), m.end(), f"HANDOVER_ARC({side}, {state}, {event}, {to}, {', '.join(order)})\n")


def device_table(path, text):
    """Deletes and redirects each arc, and takes its conditions away."""
    code = Code(path, text)
    for n, m in enumerate(re.finditer(r"^\t\{ DEVICE_(\w+), DEVICE_(\w+), (\w+), (\w+) \},\n", text, re.M)):
        a, b, needs, skips = m.groups()
        where = f"{a} {b}"
        yield code.change(where, "delete", m.start(), m.end(), "")
        states = [s for s in DEVICE_STATES if s != a]
        yield code.change(where, "redirect", m.start(), m.end(), m.group(0).replace(f"DEVICE_{b},", f"DEVICE_{next_state(b, states, n)},"))
        for what, value in (("needs", needs), ("skips", skips)):
            if value != "0":
                line = f"\t{{ DEVICE_{a}, DEVICE_{b}, {'0' if what == 'needs' else needs}, {'0' if what == 'skips' else skips} }},\n"
                yield code.change(where, what, m.start(), m.end(), line)


def cases(path, text):
    """The tables that are written as switch: each case goes the next case's way, and each is left out."""
    code = Code(path, text)
    for name, begin, end in functions(code.mask):
        body = code.mask[begin:end]
        for m in re.finditer(r"^(\t+)case (\w+):\n((?:\1\t[^\n]*\n)+)", body, re.M):
            if not re.search(r"\b(break|return\b[^\n]*);\n$", m.group(3)) or body[:m.start()].rstrip().endswith(":"):
                continue
            yield code.change(name, "delete", begin + m.start(), begin + m.end(), "")


TABLES = {"migration/handover.def": handover_table, "migration/device_plan.c": device_table}


def all_changes(path):
    """Every mutant of a file, numbered among those that read the same."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = list(TABLES[path](path, text)) if path in TABLES else []
    if path.endswith(".c"):
        found += [*Code(path, text).all(), *cases(path, text)]
    counts = {}
    for change in found:
        key = (change.function, change.operator, change.old)
        counts[key] = counts.get(key, 0) + 1
        change.nth = counts[key]
    return [c for c in found if c.text != text]

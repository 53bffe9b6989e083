#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Lists every named error that engine, session and QMP can give, for tests/sim/reached.c.

usage: named_errors.py SOURCE.c ... > named_errors.inc

A named error is a text, or the format of one, in a call that refuses or fails something. Each becomes one line:

  NAMED_ERROR(kind, "file:line", "key")

  FORMAT   the key is a format of core/base/fmt.h
  TEXT     the key is a whole text, which some format takes by %s
  FIELD    the key is a format and its %s arguments, joined by '|': a helper that names the field
"""
import re
import sys

# Where the text is in a call: FORMAT or TEXT, whatever the place of the argument.
FORMAT_CALLS = {"engine_fail", "engine_set_error", "qmp_fail"}
TEXT_CALLS = {"refuse", "handshake_fail", "handshake_drop", "epoch_fault", "epoch_end", "epoch_note_refused", "stranger_drop",
              "engine_fail_device", "note_failed_device"}
LOG_CALLS = {"engine_log", "session_log", "log"}
# Helpers that name a field: the format they use.
FIELD_CALLS = {
    "differs": "frame %s is %llu, expected %llu",
    "above": "frame %s is %llu, at most %llu",
    "bad": "%s: %s is %llu",
    "violation": "control channel: %s is %llu, expected %llu",
    "differ_u64": "%s: peer has %llu, this host %llu",
    "NUMBER": "%s: peer has %llu, this host %llu",
    "RANGE": "Parameter '%s' expects an integer in the range of %llu to %llu, not %llu",
    "differ": "totals of stream %u: %s: %llu were sent, %llu came",
}
# A message cut short is a bad length.
CUT = "cut"
# Says that all is well, or wraps what was named before.
NOT_ERRORS = {"%s", "converging", "migration: %s", "incoming: %s", "session: refused: %s", "%s%s", "closed", "finished", "GenericError",
              "CommandNotFound", ""}
TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'(?:[^\'\\\n]|\\.)+\'|//[^\n]*|/\*.*?\*/|[A-Za-z_]\w*|\S', re.S)


def tokens_of(text):
    """(kind, value, line): s a string, i a word, p anything else. Adjacent strings are one."""
    out = []
    line, at = 1, 0
    for m in TOKEN.finditer(text):
        line += text.count("\n", at, m.start())
        at = m.start()
        t = m.group(0)
        if t.startswith(("//", "/*")):
            continue
        if t[0] == '"':
            if out and out[-1][0] == "s":
                out[-1] = ("s", out[-1][1] + m.group(1), out[-1][2])
            else:
                out.append(("s", m.group(1), line))
        else:
            out.append(("i" if re.match(r"[A-Za-z_]", t) else "p", t, line))
    return out


def arguments(tokens, at):
    """Arguments of the call whose '(' is tokens[at]: a list of lists of tokens."""
    depth, args = 0, [[]]
    for t in tokens[at:]:
        if t[1] in "([{" and t[0] == "p":
            depth += 1
            if depth == 1:
                continue
        if t[1] in ")]}" and t[0] == "p":
            depth -= 1
            if depth == 0:
                return args
        if t[1] == "," and t[0] == "p" and depth == 1:
            args.append([])
        else:
            args[-1].append(t)
    return []


def strings(arg):
    return [(t[1], t[2]) for t in arg if t[0] == "s"]


def words(arg):
    return {t[1] for t in arg if t[0] == "i"}


def choices(args, first):
    """All ways to take one string of each of the arguments that have some."""
    ways = [("", 0)]
    for arg in args[first:]:
        if strings(arg):
            ways = [(f"{a}|{s}" if a else s, line) for a, _ in ways for s, line in strings(arg)]
    return ways


def errors_of(name, tokens):
    if name.endswith("json_out.c"):
        return
    for i in range(len(tokens) - 1):
        kind, word, _ = tokens[i]
        if kind != "i" or tokens[i + 1][1] != "(":
            continue
        args = arguments(tokens, i + 1)
        if word in FORMAT_CALLS:
            # A text that is chosen inside, for a %s, is no format of its own.
            found = [s for a in args for s in strings(a)][:1]
            if word == "engine_set_error" and len(strings(args[1])) > 1:
                found = strings(args[1])
            if word == "qmp_fail":
                found = strings(args[2])
            yield from (("FORMAT", s, line) for s, line in found)
        elif word == "fmt" and len(args) > 2 and any("reason" in w or w == "text" or w == "desc" for w in words(args[0])):
            yield from (("FORMAT", s, line) for s, line in strings(args[2]))
        elif word in LOG_CALLS and len(args) > 2 and words(args[1]) & {"LOG_WARN", "LOG_ERROR"}:
            yield from (("FORMAT", s, line) for s, line in strings(args[2]))
        elif word in FIELD_CALLS and any(strings(a) for a in args):
            # In the body of such a helper the message is a name: its callers are listed.
            yield from (("FIELD", f"{FIELD_CALLS[word]}|{s}", line) for s, line in choices(args, 0)
                        if s and not (word == "bad" and "|" not in s))
        elif word == CUT and len(args) == 3 and strings(args[1]):
            yield "FIELD", f"{FIELD_CALLS['bad']}|{strings(args[1])[0][0]}|length", strings(args[1])[0][1]
        elif word in TEXT_CALLS:
            yield from (("TEXT", s, line) for a in args for s, line in strings(a))
    if name.endswith(("/json.c", "/qmp.c")):
        for kind, text, line in tokens:
            if kind == "s" and (text.startswith("JSON ") or text.startswith("QMP input must") or text.startswith("Invalid JSON")):
                yield "TEXT", text, line


def main():
    seen = set()
    helpers = set(FIELD_CALLS.values())
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as f:
            tokens = tokens_of(f.read())
        for kind, key, line in errors_of(path, tokens):
            if key in NOT_ERRORS or key in helpers or (kind, key) in seen or key.isdigit():
                continue
            if kind == "TEXT" and "%" in key:
                kind = "FORMAT"
            seen.add((kind, key))
            print(f'NAMED_ERROR({kind}, "{path}:{line}", "{key}")')


main()

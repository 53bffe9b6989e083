#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Breaks the code on purpose and sees whether a test notices.

usage: run.py [--named | --sample] [--count N] [--seed N] [--files GLOB...] [--only TEXT] [--part K/N] [--list]

  --named    the mutants of tests/mutants/*.mutants: each must be caught by the check it names
  --sample   mechanical mutants (generate.py): COUNT of them, drawn by SEED, of every file its share
  --files    of these files only          --only   whose name or text contains TEXT
  --part     the Kth of N parts of the sample, so that long runs can be cut
  --list     say what would be run

Without --named and --sample: both. A mutant counts only where the check passes on the tree as it is. A survivor of the
sample must be in tests/mutants/explained.txt, with the reason. Ends with a status that is not 0 when a named
mutant survives or a survivor is unexplained.
"""
import argparse
import atexit
import fnmatch
import glob
import hashlib
import pathlib
import re
import shutil
import sys
import time

import generate
from checks import BUILD, BuildFailed, Check, Mutant

HERE = pathlib.Path("tests/mutants")
SIM_SEEDS = 40
COUNT = 40
SEED = 1

# Files, and the checks a mechanical mutant of them meets, cheapest first.
UNIT_ENGINE = ["unit tests/unit/migration/test_" + t for t in
               ("handover", "device_plan", "device_walk", "device_run", "mark", "rounds", "uri", "wire", "late", "restart", "migrate",
                "device_flow")]
UNIT_SESSION = ["unit tests/unit/session/test_" + t for t in
                ("credit", "frame", "keys", "message", "link", "recovery")]
SIM = [f"sim 1 {SIM_SEEDS}"]
AREAS = [
    ("migration/session/*.c", UNIT_SESSION + ["fast tests/unit/session/test_handshake", "fast tests/unit/session/test_faults"] + SIM),
    ("migration/handover.def", UNIT_ENGINE + SIM + ["fast tests/unit/migration/test_failures"]),
    ("migration/*.c", UNIT_ENGINE + SIM + ["fast tests/unit/migration/test_failures", "fast tests/unit/migration/test_godwit"]),
    ("core/vm/*.c", ["unit tests/unit/vm/test_dirty_log", "unit tests/unit/vm/test_stage2"]),
    ("drivers/smmuv3/*.c", ["unit tests/unit/drivers/test_smmuv3" + t for t in ("", "_on_model", "_model_mutants", "_model_dirty")]),
]
# Not in the sample: what only reports.
LEFT_OUT = ["migration/info.c"]
CODE = ["migration/*.c", "migration/session/*.c", "migration/handover.def", "core/vm/dirty_log.c", "core/vm/stage2.c",
        "drivers/smmuv3/*.c"]


# ---- named ----

class Named:
    """From a file of blocks: mutant NAME, about TEXT, check CHECK, and edits: file PATH, <<<<, old, ====, new, >>>>."""
    def __init__(self, name, file):
        self.name, self.about, self.check, self.edits, self.file = name, "", None, [], file

    def texts(self):
        """The files as edited. What is not there, or there twice, is an error."""
        texts = {}
        for path, old, new in self.edits:
            text = texts.get(path) or pathlib.Path(path).read_text()
            # Lines may have been broken elsewhere since.
            pattern = r"^[ \t]*" + r"\s+".join(map(re.escape, old.split())) + r"[ \t]*\n"
            found = re.findall(pattern, text, re.M)
            if len(found) != 1:
                raise SystemExit(f"mutants: {self.name}: in {path} the old text is there {len(found)} times, not once:\n{old}")
            texts[path] = text.replace(found[0], new)
        return texts


def read_named(path):
    found, at, part, file = [], None, None, None
    for number, line in enumerate(path.read_text().splitlines(keepends=True), 1):
        word, _, rest = line.rstrip("\n").partition(" ")
        rest = rest.strip()
        if part is not None and word not in ("====", ">>>>"):
            at[part] += line
        elif word == "mutant":
            found.append(Named(rest, path.name))
        elif word == "about":
            found[-1].about = rest
        elif word == "check":
            found[-1].check = Check(rest)
        elif word == "file":
            file = rest
        elif word == "<<<<":
            at, part = ["", ""], 0
        elif word == "====":
            part = 1
        elif word == ">>>>":
            found[-1].edits.append((file, at[0], at[1]))
            part = None
        elif line.strip() and not line.startswith("#"):
            raise SystemExit(f"mutants: {path}:{number}: not understood: {line}")
    return found


def run_named(only, listing):
    """(caught, survived)"""
    named = [m for path in sorted(HERE.glob("*.mutants")) for m in read_named(path)]
    if len({m.name for m in named}) != len(named):
        raise SystemExit("mutants: two of one name")
    for m in named:
        m.texts()
    caught = survived = 0
    for m in (m for m in named if only in f'{m.name} {m.file}'):
        if listing:
            print(f"  {m.name}: {m.about} ({m.check.text})")
            continue
        began = time.monotonic()
        passes, _ = m.check.clean()
        try:
            said = Mutant(m.texts()).caught_by(m.check) if passes else None
        except BuildFailed as error:
            raise SystemExit(f"mutants: {m.name} does not build: {error}") from error
        caught, survived = caught + bool(said), survived + (not said)
        verdict = f"caught by {m.check.text}: {said}" if said else "SURVIVED " + m.check.text if passes else \
            f"NOTHING SHOWN: {m.check.text} fails on the tree as it is"
        print(f"  {'ok  ' if said else 'FAIL'} {m.name}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
    return caught, survived


# ---- mechanical ----

def explained():
    """{key: reason}"""
    path = HERE / "explained.txt"
    rows = [line.rsplit(" || ", 1) for line in path.read_text().splitlines() if " || " in line] if path.exists() else []
    return {key.strip(): reason.strip() for key, reason in rows}


def area(path):
    return next((names for pattern, names in AREAS if fnmatch.fnmatch(path, pattern)), [])


def files(patterns):
    every = sorted({p for pattern in CODE for p in glob.glob(pattern)})
    every = [p for p in every if not any(fnmatch.fnmatch(p, x) for x in LEFT_OUT)]
    return [p for p in every if not patterns or any(fnmatch.fnmatch(p, x) for x in patterns)]


def sample(patterns, count, seed):
    """Of every file its share, at least one; drawn by the key, so that other changes do not draw others."""
    changes = {path: generate.all_changes(path) for path in files(patterns)}
    total = sum(map(len, changes.values()))
    drawn = []
    for path, found in changes.items():
        found.sort(key=lambda c: hashlib.sha256(f"{seed} {c.key()}".encode()).digest())
        drawn += sorted(found[:max(1, round(count * len(found) / total))], key=lambda c: c.line)
    return drawn, total


def kill(change, known):
    """(check that caught it and what it said) or None; ValueError when it is no mutant."""
    mutant = Mutant({change.path: change.text})
    usable = [c for c in known if c.includes(change.path)]
    if not usable:
        raise SystemExit(f"mutants: no check has {change.path} inside")
    mutant.objects("host")
    for check in usable:
        said = mutant.caught_by(check)
        if said:
            return check, said
    return None


def run_sample(args):
    """(caught, survived, explained)"""
    reasons = explained()
    drawn, total = sample(args.files, args.count, args.seed)
    drawn = [c for c in drawn if args.only in str(c)]
    part, parts = map(int, args.part.split("/"))
    drawn = drawn[(part - 1) * len(drawn) // parts:part * len(drawn) // parts]
    print(f"mechanical: {len(drawn)} of {total} mutants, seed {args.seed}", flush=True)
    known = {p: [Check(t) for t in area(p) if t.startswith("sim") or pathlib.Path(t.split()[1] + ".c").exists()]
             for p in {c.path for c in drawn}}
    counts, by, unbuilt = [0, 0, 0], {}, 0
    for change in drawn:
        if args.list:
            print(f"  {change}")
            continue
        began = time.monotonic()
        try:
            result = kill(change, known[change.path])
        except BuildFailed:
            unbuilt += 1
            print(f"  none {change}: does not build", flush=True)
            continue
        seconds = time.monotonic() - began
        if result:
            check, said = result
            counts[0] += 1
            by[check.text] = by.get(check.text, 0) + 1
            print(f"  ok   {change}: {check.text}: {said}, {seconds:.1f} s", flush=True)
            continue
        counts[1] += 1
        reason = reasons.get(change.key())
        counts[2] += reason is not None
        print(f"  {'known' if reason else 'LEFT'} {change}: {reason or change.key()}, {seconds:.1f} s", flush=True)
    if unbuilt:
        print(f"  {unbuilt:5} do not build, and count for nothing")
    for text, n in sorted(by.items(), key=lambda item: -item[1]):
        print(f"  {n:5} caught by {text}")
    return counts


def main():
    parser = argparse.ArgumentParser(description="Breaks the code on purpose and sees whether a test notices.")
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--files", nargs="*", default=[])
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()

    BUILD.mkdir(parents=True)
    atexit.register(shutil.rmtree, BUILD, ignore_errors=True)
    began = time.monotonic()
    caught = survived = known = named_survived = 0
    if args.named or not args.sample:
        caught, named_survived = run_named(args.only, args.list)
        survived = named_survived
        print(f"named: {caught} caught, {named_survived} survived", flush=True)
    if args.sample or not args.named:
        more, left, known = run_sample(args)
        caught, survived = caught + more, survived + left
    print(f"mutants: {caught} caught, {survived} survived ({known} explained), {time.monotonic() - began:.0f} s")
    sys.exit(1 if survived > known or caught == 0 and not args.list else 0)


if __name__ == "__main__":
    main()

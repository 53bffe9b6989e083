#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Checks the models with spin: every configuration must hold, every broken variant must fail.

usage: run.py [--short] [--only TEXT] [--trace]

  --short   the configurations and variants that take a few seconds (make test); results in model-short.txt
  --only    those whose name contains TEXT
  --trace   tell the steps that led to each failure, of variants too

Each is compiled and run below build/model, and leaves one line here. build/results/model.txt gets "passed failed".
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from scope import CONFIGURATIONS, PROPERTIES, VARIANTS

HERE = pathlib.Path("tests/model")
BUILD = pathlib.Path("build/model")
RUN_TIMEOUT_S = int(os.environ.get("MODEL_TIMEOUT_S", "400"))
MEMORY_MB = 1800

# Hash compaction: 64 bits of each state are kept. The chance that ten million of them hide one is about three in a million.
PAN_FLAGS = ["-O1", "-w", "-DSAFETY", "-DHC4", f"-DMEMLIM={MEMORY_MB}"]
# Every step of the hand-over touches what all share: partial order reduction would find nothing to reduce.
EXTRA_FLAGS = {"handover": ["-DNOREDUCE"], "dirty_log": []}


class Case:
    def __init__(self, model, name, defines, expect=None):
        self.model, self.name, self.expect = model, name, expect
        self.defines = [f"-D{d}" for d in defines.split()]
        if expect:
            self.defines.append(f"-DONLY={PROPERTIES[model].index(expect) + 1}")
        self.dir = BUILD / f"{model}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
        self.log = ""

    def command(self, args, timeout_s):
        with subprocess.Popen(args, cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                out, _ = process.communicate(timeout=timeout_s)
                status = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, _ = process.communicate()
                status = -1
        self.log += out.decode("utf-8", "replace")
        return status

    def run(self):
        """Sets verdict, states, seconds, broken."""
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        for file in HERE.glob(f"{self.model}*"):
            shutil.copy(file, self.dir)
        began = time.monotonic()
        self.states, self.broken = 0, None
        root = pathlib.Path.cwd()
        if self.command(["spin", "-a", *self.defines, f"{self.model}.pml"], 60) != 0:
            self.verdict = "spin did not accept it"
        elif self.command(["gcc", *PAN_FLAGS, *EXTRA_FLAGS[self.model], f"-I{root}", *self.defines, "-o", "pan", "pan.c"], 120) != 0:
            self.verdict = "gcc did not accept it"
        else:
            self.log = ""
            status = self.command(["./pan", "-m10000", "-w24"], RUN_TIMEOUT_S)
            self.verdict = self.judge(status)
        self.seconds = time.monotonic() - began
        (self.dir / "log").write_text(self.log)
        return self

    def judge(self, status):
        states = re.search(r"^ *(\d+(?:\.\d+e\+\d+)?) states, stored", self.log, re.M)
        self.states = int(float(states.group(1))) if states else 0
        failure = re.search(r"assertion violated \(bad!=(\d+)\)", self.log)
        self.broken = PROPERTIES[self.model][int(failure.group(1)) - 1] if failure else None
        if self.broken:
            return "" if self.broken == self.expect else f"breaks '{self.broken}'"
        if status == -1:
            return f"no end after {RUN_TIMEOUT_S} s"
        if status != 0 or "errors: 0" not in self.log or "max search depth too small" in self.log or \
                "Search not completed" in self.log:
            return "the search did not end in order, see log"
        return f"'{self.expect}' was not broken" if self.expect else ""

    def trace(self):
        out = subprocess.run(["./pan", "-r", f"{self.model}.pml.trail"], cwd=self.dir, stdout=subprocess.PIPE, check=False,
                             timeout=60).stdout.decode("utf-8", "replace")
        lines = out.split("\nspin: trail ends")[0].splitlines()
        return [line for line in lines if not re.match(r" *\d+:\tproc ", line)]


def unwalked(cases):
    """Arcs of the table that no configuration walked, and how many there are."""
    walked = {}
    for case in cases:
        for arc, n in re.findall(r"^arc (\w+ \w+ \w+) (\d+)$", case.log, re.M):
            walked[arc] = walked.get(arc, 0) + int(n)
    return [arc for arc, n in walked.items() if n == 0], len(walked)


def main():
    parser = argparse.ArgumentParser(description="Checks the models with spin.")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--trace", action="store_true")
    args = parser.parse_args()

    cases = [Case(model, name, defines) for model, name, short, defines in CONFIGURATIONS if short or not args.short]
    cases += [Case(model, name, f"{defines} BUG_{bug}", expect) for model, name, bug, expect, defines in VARIANTS]
    cases = [c for c in cases if args.only in f"{c.model} {c.name}"]
    began = time.monotonic()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for case in pool.map(Case.run, cases):
            said = f"fails as it must: {case.expect}" if case.expect else f"{case.states:>9} states, 0 errors"
            kind = "broken: " if case.expect else ""
            print(f"  {'FAIL' if case.verdict else 'ok  '} {case.model}: {kind}{case.name}: {case.verdict or said}, "
                  f"{case.seconds:.1f} s", flush=True)
            failed += bool(case.verdict)
            if case.broken and (args.trace or case.verdict):
                print("\n".join("       " + line for line in case.trace()), flush=True)
            elif case.verdict:
                print("\n".join("       " + line for line in case.log.splitlines()[-15:]), flush=True)
    left, arcs = unwalked([c for c in cases if not c.expect])
    name = "model-short" if args.short else "model"
    if not args.only:
        results = pathlib.Path("build/results")
        results.mkdir(parents=True, exist_ok=True)
        (results / f"{name}.txt").write_text(f"{len(cases) - failed} {failed}\n")
    if arcs:
        print(f"  {arcs - len(left)} of {arcs} arcs of the table were walked" + (f"; not: {', '.join(left)}" if left else ""))
    held = [c for c in cases if not c.expect]
    print(f"{name}: {len(cases) - failed} passed, {failed} failed: {len(held)} configurations with "
          f"{sum(c.states for c in held)} states, {len(cases) - len(held)} broken variants, "
          f"{time.monotonic() - began:.0f} s", flush=True)
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()

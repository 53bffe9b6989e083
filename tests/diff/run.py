#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Runs the same cases on QEMU's board and over the SMMUv3 model, and compares what they print.

  run.py compare [--count N] [--walks N] [--seed S] [--first F] [--verbose]
  run.py mutants          the same, over models that are broken on purpose: each must be caught
  run.py short            what `make test` runs: a fixed seed of both, and a few mutants

Where QEMU departs from the architecture DEVIATIONS says so, with the section; a difference is excused by an entry of
that list only, and only in cases that hold the oddity it is about. What follows a difference in the same case is not
compared. Leaves build/results/test-diff.txt, "passed failed".
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "diff"))
import deviations			# noqa: E402
import mutants				# noqa: E402

QEMU = "qemu-system-aarch64"
BOARD = ROOT / "build" / "diff" / "board.bin"
HOST = ROOT / "build" / "host-fast" / "tests" / "diff" / "host"
PARAMETERS = 0x47000000
SLOTS = (1, 2, 9)
TIMEOUT_S = 280
SHORT_SEED = 20240
SHORT_CASES = 400
SHORT_WALKS = 300
MUTANT_CASES = 2000
SHOWN_MAX = 6
LETTERS = {"t": "transactions", "c": "odd commands", "a": "accesses", "f": "descriptors"}
# Machine, SMMU stages: the property can be set on older boards only.
MACHINES = (("virt", None), ("virt-9.1", "1"), ("virt-9.1", "2"))


class Failed(Exception):
    pass


def board_run(machine, stage, seed, first, cases, walks):
    """The board's lines."""
    command = [QEMU, "-M", f"{machine},virtualization=on,gic-version=3,iommu=smmuv3", "-cpu", "max", "-smp", "1", "-m", "256",
               "-icount", "shift=10,sleep=off", "-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none",
               "-kernel", str(BOARD)]
    if stage is not None:
        command += ["-global", f"arm-smmuv3.stage={stage}"]
    for slot in SLOTS:
        command += ["-device", f"edu,addr={slot},dma_mask=0xffffffffffffffff"]
    for i, value in enumerate((seed, first, cases, first, walks)):
        command += ["-device", f"loader,addr={PARAMETERS + 8 * i:#x},data={value},data-len=8"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_S, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()
    if not lines or lines[-1].strip() != "i end":
        raise Failed("the board did not come to its end: " + " | ".join(lines[-2:] + done.stderr.decode(errors="replace").splitlines()[-2:]))
    return lines


def host_run(program, kind, seed, first, count, identity=()):
    done = subprocess.run([str(program), kind, str(seed), str(first), str(count), *identity], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise Failed(f"{program}: exit status {done.returncode}")
    return done.stdout.decode().splitlines()


def cases_of(lines):
    """Lines by case: ("smmu" or "walk", number); what neither side may say at all is a failure."""
    found = collections.OrderedDict()
    for line in lines:
        line = line.strip()
        if line.startswith("x "):
            raise Failed(line)
        match = re.match(r"([seczt]|[daf]) (\d+)", line)
        if match is not None:
            kind = "walk" if match[1] in "daf" else "smmu"
            found.setdefault((kind, int(match[2])), []).append(line)
    return found


class Comparison:
    def __init__(self):
        self.counts = collections.Counter()
        self.excused = collections.Counter()
        self.failures = []

    def case(self, key, board, model):
        kind = key[0]
        one, two = deviations.Case(board), deviations.Case(model)
        self.counts[f"{kind} cases"] += 1
        for i in range(max(len(one.steps), len(two.steps))):
            if i >= len(one.steps) or i >= len(two.steps):
                self.failures.append((key, i, one, two))
                return
            letter = one.steps[i].letter
            self.counts[f"{kind} {LETTERS.get(letter, 'other lines')}"] += 1
            excuse = deviations.compare(one, one.steps[i], two.steps[i])
            if excuse is None:
                continue
            name, goes_on = excuse
            if name == "":
                self.failures.append((key, i, one, two))
                return
            self.excused[name] += 1
            # Later steps go where an earlier one went through.
            if not goes_on or one.steps[i].fields.get("pa") != two.steps[i].fields.get("pa"):
                self.counts[f"{kind} cases cut short by a deviation"] += 1
                return

    def all(self, board, model):
        for key, lines in board.items():
            if key not in model:
                raise Failed(f"{key} is missing on the host")
            self.case(key, lines, model[key])
        if len(model) != len(board):
            raise Failed("the host ran other cases than the board")

    def show(self, verbose):
        for key, i, one, two in self.failures[:None if verbose else SHOWN_MAX]:
            print(f"  {key[0]} {key[1]}: {one.steps[0].lines[0]}")
            for side, case in (("board", one), ("model", two)):
                for step in case.steps[max(1, i - 3):i + 1]:
                    for line in step.lines:
                        print(f"    {side} {line}")
        for name, count in sorted(self.excused.items()):
            print(f"    {count:6} {name}")


def compare(program, args, machines=MACHINES, boards=None):
    """Both sides of every machine; yields (name, Comparison)."""
    for machine, stage in machines:
        # What the stage property is by default depends on the board; walks need one run only.
        walks = args.walks if stage is None else 0
        count = args.count if stage is None else args.count // 4
        key = (machine, stage)
        lines = boards.get(key) if boards is not None else None
        if lines is None:
            lines = board_run(machine, stage, args.seed, args.first, count, walks)
            if boards is not None:
                boards[key] = lines
        identity = next((line for line in lines if re.match(r"i [0-9a-f]+ ", line)), None)
        if identity is None:
            raise Failed("the board did not name its SMMU")
        ids = ["0x" + word for word in identity.split()[1:]]
        result = Comparison()
        board = cases_of(lines)
        model = cases_of(host_run(program, "smmu", args.seed, args.first, count, ids))
        if walks:
            model.update(cases_of(host_run(program, "walk", args.seed, args.first, walks)))
        result.all(board, model)
        yield f"{machine}, stage={stage or 'nested'}", result


def report(name, result, verbose):
    kinds = ", ".join(f"{count} {what}" for what, count in sorted(result.counts.items()))
    print(f"  {'ok  ' if not result.failures else 'FAIL'} {name}: {kinds}", flush=True)
    if result.failures or verbose:
        result.show(verbose)


def run_compare(args, boards, machines):
    passed = failed = 0
    for name, result in compare(HOST, args, machines, boards):
        report(name, result, args.verbose)
        passed += not result.failures
        failed += bool(result.failures)
        if result.failures:
            print(f"  {len(result.failures)} cases differ; make diff SEED={args.seed} FIRST={result.failures[0][0][1]} COUNT=1 WALKS=1")
    return passed, failed


def run_mutants(args, boards, chosen):
    """A model that is broken is seen to be: over the lines that the sound model agreed with."""
    passed = failed = 0
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        for mutant in chosen:
            program = mutants.build(ROOT, pathlib.Path(folder), mutant)
            differing = 0
            try:
                for _name, result in compare(program, args, MACHINES[:1], boards):
                    differing = len(result.failures)
            except Failed as error:
                differing = str(error)
            passed += bool(differing)
            failed += not differing
            print(f"  {'ok  ' if differing else 'FAIL'} mutant {mutant.name}: "
                  f"{'caught, ' + str(differing) + ' cases' if differing else 'not noticed'}", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description="The SMMUv3 model against QEMU.")
    parser.add_argument("what", choices=["compare", "mutants", "short"])
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--walks", type=int, default=None)
    parser.add_argument("--seed", type=int, default=SHORT_SEED)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    if args.count is None:
        args.count = MUTANT_CASES if args.what == "mutants" else SHORT_CASES
    if args.walks is None:
        args.walks = SHORT_WALKS if args.count == SHORT_CASES else args.count
    boards = {}
    passed = failed = 0
    try:
        # A mutant counts only where the sound model passes on the same cases.
        passed, failed = run_compare(args, boards, MACHINES[:1] if args.what == "mutants" else MACHINES)
        if args.what != "compare" and not failed:
            good, bad = run_mutants(args, boards, mutants.MUTANTS if args.what == "mutants" else mutants.SHORT)
            passed, failed = passed + good, failed + bad
    except (Failed, RuntimeError, subprocess.SubprocessError) as error:
        print(f"  FAIL {error}")
        failed += 1
    if args.what == "short":
        results = ROOT / "build" / "results"
        results.mkdir(parents=True, exist_ok=True)
        (results / "test-diff.txt").write_text(f"{passed} {failed}\n")
    print(f"test-diff: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Runs tests and sums them up.

  run-tests.py unit --name NAME PROGRAM...     cmocka programs, two at a time, each with a time limit
  run-tests.py all --make MAKE TARGET...       each target by make; then "N passed, N failed" over all of them

Every target leaves build/results/TARGET.txt: the numbers passed and failed, separated by a space.
A target that fails without such a failed number counts as one failed case.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

RESULTS = pathlib.Path("build/results")
UNIT_TIMEOUT_S = int(os.environ.get("UNIT_TIMEOUT_S", "120"))


def run_unit(program):
    """Runs one cmocka program: (passed, failed, seconds, output)."""
    began = time.monotonic()
    env = dict(os.environ)
    env.pop("CMOCKA_MESSAGE_OUTPUT", None)
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env=env, start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=UNIT_TIMEOUT_S)
            ending = "" if process.returncode == 0 else f"exit status {process.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            ending = f"no end after {UNIT_TIMEOUT_S} s"
    text = output.decode("utf-8", "replace")
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test\(s\)", text, re.M))
    failed = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) test\(s\)", text, re.M))
    if ending and failed == 0:
        failed = 1
        text += f"\n{program}: {ending}\n"
    if not ending and passed + failed == 0:
        failed = 1
        text += f"\n{program}: ran no test case\n"
    return passed, failed, time.monotonic() - began, text


def unit(name, programs):
    logs = RESULTS / "log"
    logs.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for program, (good, bad, seconds, text) in zip(programs, pool.map(run_unit, programs)):
            short = program[program.find("tests/"):]
            (logs / (short.replace("/", "-") + ".log")).write_text(text)
            passed += good
            failed += bad
            print(f"  {'ok  ' if bad == 0 else 'FAIL'} {short}: {good} passed, {bad} failed, {seconds:.1f} s", flush=True)
            if bad:
                shown = [line for line in text.splitlines() if not re.match(r"\[ (RUN|      OK) ", line)]
                print("\n".join("       " + line for line in shown[-60:]), flush=True)
    (RESULTS / f"{name}.txt").write_text(f"{passed} {failed}\n")
    print(f"{name}: {passed} passed, {failed} failed in {len(programs)} programs")
    return 1 if failed else 0


def run_all(make, targets):
    passed = failed = 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    for target in targets:
        result = RESULTS / f"{target}.txt"
        result.unlink(missing_ok=True)
        # close_fds: make hands its job server down as open files.
        status = subprocess.call([*make.split(), "--no-print-directory", target], close_fds=False)
        good, bad = map(int, result.read_text().split()[:2]) if result.exists() else (0, 0)
        if status != 0 and bad == 0:
            bad = 1
            print(f"{target}: make failed, counted as one failed case")
        passed += good
        failed += bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="Runs tests and sums them up.")
    parser.add_argument("what", choices=["unit", "all"])
    parser.add_argument("--name", default="test-unit")
    parser.add_argument("--make", default="make")
    parser.add_argument("items", nargs="*")
    args = parser.parse_intermixed_args()
    sys.exit(unit(args.name, args.items) if args.what == "unit" else run_all(args.make, args.items))


if __name__ == "__main__":
    main()

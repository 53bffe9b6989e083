#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Runs libFuzzer programs one after the other, sharing the given time, and sums them up.

  run.py --seconds N PROGRAM...    fuzz; new inputs go to build/fuzz/NAME/corpus, crashes to build/fuzz/NAME
  run.py --replay PROGRAM...       only what tests/fuzz/corpus/NAME holds, once

Ends with one line; the status is 1 when any program crashed, leaked, hung or outgrew its memory.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

KEPT = pathlib.Path("tests/fuzz/corpus")
WORK = pathlib.Path("build/fuzz")
RSS_LIMIT_MB = 1024
INPUT_TIMEOUT_S = 30
LEN_MAX = {"incoming": 2048, "outgoing": 2048, "migration": 512}


def run(program, name, seconds, replay):
    """Runs one program: (crashed, executions, coverage, features, growth in MB, output)."""
    work = WORK / name
    new = work / "corpus"
    new.mkdir(parents=True, exist_ok=True)
    kept = KEPT / name
    command = [program, f"-artifact_prefix={work}/", f"-timeout={INPUT_TIMEOUT_S}", f"-rss_limit_mb={RSS_LIMIT_MB}",
               "-print_final_stats=1"]
    if replay:
        command += ["-runs=0"]
    else:
        command += [f"-max_total_time={seconds}", "-use_value_profile=1", f"-max_len={LEN_MAX.get(name, 8192)}", str(new)]
    if kept.is_dir():
        command.append(str(kept))
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=0:quarantine_size_mb=32")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env,
                              timeout=seconds + 300, check=False)
        text, status = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        text, status = (late.stdout or b"").decode("utf-8", "replace"), -1
    (work / "log").write_text(text)
    runs = re.findall(r"number_of_executed_units:\s+(\d+)", text)
    seen = re.findall(r"cov: (\d+) ft: (\d+)", text)
    peak = re.findall(r"peak_rss_mb:\s+(\d+)", text)
    cov, features = seen[-1] if seen else (0, 0)
    return status != 0, int(runs[-1]) if runs else 0, int(cov), int(features), int(peak[-1]) if peak else 0, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--target")
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    programs = {pathlib.Path(p).name.removeprefix("fuzz_"): p for p in args.programs}
    if args.target:
        programs = {name: p for name, p in programs.items() if name == args.target}
        if not programs:
            print(f"fuzz: no target is called {args.target}")
            return 1
    share = max(1, args.seconds // len(programs))
    all_runs = crashed = 0
    print(f"{'target':<12} {'executions':>10} {'edges':>7} {'features':>9} {'peak MB':>8}")
    for name, program in programs.items():
        bad, runs, cov, features, peak, text = run(program, name, share, args.replay)
        all_runs += runs
        crashed += bad
        print(f"{name:<12} {runs:>10} {cov:>7} {features:>9} {peak:>8}{'  CRASH' if bad else ''}", flush=True)
        if bad:
            lines = text.splitlines()
            first = next((i for i, line in enumerate(lines) if re.search(r"ERROR|runtime error|does not hold", line)), -30)
            print("\n".join(lines[first:][:30]))
            print(f"fuzz: {name}: input and log are in {WORK / name}")
    print(f"fuzz: {len(programs)} targets, {all_runs} executions, {crashed} crashed")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Runs the board tests: run.py [-l] [PATTERN...]. A pattern is a part of a case's name (group.case); none means all.
Leaves build/results/test-board.txt, "passed failed". --folder and --name are for tests of boards that lie elsewhere.
"""

import argparse
import importlib
import pathlib
import re
import shutil
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness				# noqa: E402
from harness import boards		# noqa: E402


class TooLong(BaseException):
    """Past every `except Exception`: only the runner takes it."""


def on_alarm(_number, _frame):
    raise TooLong()


def run_case(case):
    """None, or the text of the failure."""
    signal.setitimer(signal.ITIMER_REAL, case.timeout_s)
    try:
        case.function()
        return None
    except TooLong:
        return f"no end after {case.timeout_s} s\n" + "".join(traceback.format_exc(limit=-4))
    except (harness.Failed, boards.BoardError, boards.QmpError) as error:
        where = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(where) if pathlib.Path(f.filename).name.startswith("test_")), where[-1])
        return f"{error}\n    at {pathlib.Path(place.filename).name}:{place.lineno}: {place.line}"
    except Exception:			# a mistake in a test is a failure of that test
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def keep_logs(case):
    """The consoles of a failed case, before the next one overwrites them."""
    kept = harness.ROOT / "build" / "board-tests" / "failed" / re.sub(r"[^A-Za-z0-9.-]+", "_", case.name)
    kept.mkdir(parents=True, exist_ok=True)
    for log in (harness.ROOT / "build" / "board-tests").glob("*.log"):
        shutil.copy(log, kept)
    print(f"       logs: {kept.relative_to(harness.ROOT)}")


def main():
    parser = argparse.ArgumentParser(description="Runs the board tests.")
    parser.add_argument("-l", "--list", action="store_true", help="only list the cases")
    parser.add_argument("-x", "--first", action="store_true", help="end at the first failure")
    parser.add_argument("--folder", type=pathlib.Path, default=HERE, help="where test_*.py lie")
    parser.add_argument("--name", default="test-board", help="of the target, for its results")
    parser.add_argument("--results", action="store_true", help="leave results although there are patterns")
    parser.add_argument("patterns", nargs="*")
    args = parser.parse_args()
    sys.path.insert(0, str(args.folder.resolve()))
    for path in sorted(args.folder.glob("test_*.py")):
        importlib.import_module(path.stem)
    chosen = [c for c in harness.CASES if not args.patterns or any(p in c.name for p in args.patterns)]
    if args.list:
        print("\n".join(c.name for c in chosen))
        return 0
    boards.end_on_signals()
    signal.signal(signal.SIGALRM, on_alarm)
    harness.pki_make()
    passed = failed = 0
    for case in chosen:
        began = time.monotonic()
        failure = run_case(case)
        print(f"  {'ok  ' if failure is None else 'FAIL'} {case.name}, {time.monotonic() - began:.1f} s", flush=True)
        if failure is None:
            passed += 1
            continue
        failed += 1
        keep_logs(case)
        print("       " + failure.rstrip().replace("\n", "\n       "), flush=True)
        if args.first:
            break
    if args.results or not args.patterns:
        results = harness.ROOT / "build" / "results"
        results.mkdir(parents=True, exist_ok=True)
        (results / f"{args.name}.txt").write_text(f"{passed} {failed}\n")
    print(f"{args.name}: {passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())

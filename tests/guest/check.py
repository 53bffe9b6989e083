#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Runs the test guests on the bare QEMU board, without a hypervisor of ours: what they check must hold there first.
Leaves build/results/test-guest.txt, "passed failed".
"""

import pathlib
import re
import select
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QEMU = "qemu-system-aarch64"
TIMEOUT_S = 60
REPORTS = 12


def lines(guest, cpu):
    """Console lines of the guest, until it powers off, the caller has enough, or time is over."""
    command = [QEMU, "-M", "virt,gic-version=3", "-cpu", cpu, "-smp", "2", "-m", "64", "-display", "none", "-monitor", "none",
               "-serial", "stdio", "-nic", "none", "-device", "edu,dma_mask=0xffffffffffffffff",
               "-kernel", str(ROOT / "build" / "guest" / f"{guest}.bin")]
    end = time.monotonic() + TIMEOUT_S
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        try:
            rest = b""
            while time.monotonic() < end:
                if not select.select([qemu.stdout], [], [], 1.0)[0]:
                    continue
                data = qemu.stdout.read1(65536)
                if not data:
                    return
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield line.decode(errors="replace").rstrip()
        finally:
            qemu.kill()


def flight(cpu):
    found = []
    for line in lines("flight", cpu):
        if line.startswith(("error", "panic")):
            return line
        if line.startswith("report "):
            found.append({key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)})
            if len(found) == REPORTS:
                break
    if [r["n"] for r in found] != list(range(REPORTS)):
        return f"reports {[r['n'] for r in found]}, wanted {REPORTS}"
    wrong = {key: value for key, value in found[-1].items() if key.endswith("_errors") and value != 0}
    still = [key for key in found[-1] if not key.endswith("_errors") and found[-1][key] <= found[1][key]]
    return f"errors {wrong}, standing still {still}" if wrong or still else None


def faults(cpu):
    end = None
    for line in lines("faults", cpu):
        if "FAILED" in line or line.startswith("panic"):
            return line
        end = re.match(r"faults ok=(\d+) failed=0$", line) or end
    return None if end is not None and int(end[1]) > 60 else "did not come to its end"


def dirty(cpu):
    phases = []
    for line in lines("dirty", cpu):
        match = re.match(r"dirty phase=(\d+) end pages=(\d+)$", line)
        if match is not None:
            phases.append(int(match[1]))
            if len(phases) == 3:
                break
    return None if phases == [1, 2, 3] else f"phases {phases}"


def main():
    passed = failed = 0
    for check in (flight, faults, dirty):
        for cpu in ("max", "cortex-a57"):
            failure = check(cpu)
            print(f"  {'ok  ' if failure is None else 'FAIL'} {check.__name__}[{cpu}]{'' if failure is None else ': ' + failure}",
                  flush=True)
            passed += failure is None
            failed += failure is not None
    results = ROOT / "build" / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "test-guest.txt").write_text(f"{passed} {failed}\n")
    print(f"test-guest: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

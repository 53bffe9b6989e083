# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The Linux guest under test: how a board boots it, and what its console says about its health."""

import pathlib
import re
import subprocess

from harness import BOOT_TIMEOUT_S, ROOT, boards, check, start

KERNEL = ROOT / "build" / "deps" / "linux" / "vmlinuz"
INITRAMFS = ROOT / "build" / "linux" / "initramfs.cpio"
RAM_MIB = 128
# The reserve for contiguous allocations would be half of this RAM.
CMDLINE = "console=ttyAMA0 panic=-1 cma=4M printk.devkmsg=on"
LOAD_MIB = 8

REPORT_RE = re.compile(r"guest: .*report (n=.*)$")
UP_RE = r"guest: init: uptime=([0-9.]+) cpus=(\d+)"
# What a kernel says that has lost time, interrupts or memory.
COMPLAINTS = re.compile(r"rcu.*stall|soft lockup|hard LOCKUP|hung_task|blocked for more than|BUG:|WARNING:|Call trace|"
                        r"Unable to handle|Oops|Kernel panic|unstable|clocksource.*(skew|Marking)|Unhandled|nobody cared|"
                        r"unexpected interrupt|segfault|load: ", re.I)
ERROR_FIELDS = ("cpu_errors", "mem_errors", "time_errors")
MOVING_FIELDS = ("n", "cpu", "mem", "timer", "moves", "mono_ms", "real_ms")


def options(vcpus=2, load=True, extra="", **more):
    """Of a board that boots Linux, or receives one of that shape."""
    words = [CMDLINE, f"LOAD={LOAD_MIB}" if load else "", extra]
    return {"ram_mib": RAM_MIB, "vcpus": vcpus, "guest": KERNEL, "initrd": INITRAMFS,
            "cmdline": " ".join(word for word in words if word), **more}


def boot(lab, name="alpha", number=1, **more):
    board = start(lab, name, number, autostart=True, **options(**more))
    match = board.wait_line(UP_RE, BOOT_TIMEOUT_S)
    board.uptime, board.cpus = float(match[1]), int(match[2])
    return board


def reports(*hosts, since=0):
    """All reports of a guest that was on these boards, by n."""
    found = []
    for host in hosts:
        with host.condition:
            texts = [text for _, text in host.lines[since:]]
        for text in texts:
            match = REPORT_RE.search(text)
            if match:
                found.append({k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", match[1])})
    return sorted(found, key=lambda report: report["n"])


def wait_reports(board, count, timeout_s=40.0, since=0):
    def ready():
        found = reports(board, since=since)
        return found if len(found) >= count else None
    return board.wait_until(f"{count} reports of Linux", ready, timeout_s)


def complaints(*hosts):
    found = []
    for host in hosts:
        with host.condition:
            found += [f"{host.name}: {text}" for _, text in host.lines if COMPLAINTS.search(text)]
    return found


def check_health(*hosts):
    """No complaint of any kernel that ran on these boards, no gap or repeat in its reports, no error counted, no clock back."""
    check(not complaints(*hosts), "; ".join(complaints(*hosts)[:5]))
    found = reports(*hosts)
    for before, after in zip(found, found[1:]):
        check(after["n"] == before["n"] + 1, f"report n={after['n']} follows n={before['n']}")
        for field in MOVING_FIELDS:
            check(after[field] >= before[field], f"n={after['n']}: {field} fell from {before[field]} to {after[field]}")
    for field in ERROR_FIELDS:
        check(not found or found[-1][field] == 0, f"{field}={found[-1][field] if found else 0}")


def check_goes_on(board, count=3, timeout_s=60.0):
    """From here on it reports, and everything it counts moves."""
    found = wait_reports(board, count, timeout_s, board.mark())
    still = [field for field in MOVING_FIELDS if found[-1][field] <= found[0][field]]
    check(not still, f"on {board.name} these stand still: {', '.join(still)}: {found[-1]}")


def shell(board, command, pattern, timeout_s=20.0):
    """The match of a line that the guest's shell answers."""
    since = board.mark()
    board.type(command)
    return board.wait_line(pattern, timeout_s, since)


def bare_uptime(vcpus=2, timeout_s=60):
    """Uptime at /init of the same kernel, command line and initramfs on the bare board."""
    command = [boards.QEMU, "-M", "virt,gic-version=3", "-cpu", boards.CPU_MAX, "-smp", str(vcpus), "-m", f"{RAM_MIB}M",
               "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot",
               "-serial", "stdio", "-kernel", str(KERNEL), "-initrd", str(INITRAMFS), "-append", f"{CMDLINE} END=poweroff"]
    text = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout_s, check=True,
                          preexec_fn=boards.die_with_parent).stdout.decode(errors="replace")
    match = re.search(UP_RE.removeprefix("guest: "), text)
    check(match is not None, f"Linux did not come up on the bare board: {text[-500:]}")
    return float(match[1])

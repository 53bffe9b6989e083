# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
The Linux guest on QEMU boards, for tools/demo_linux.py and tests/linux/: how a board boots it, what its load program
(tests/linux/load.c) reports, and what its kernel complains of.
"""

import re
import subprocess

import godwit_boards as boards

KERNEL = boards.ROOT / "build" / "deps" / "linux" / "vmlinuz"
NEWER_KERNEL = KERNEL.with_name("vmlinuz-6.12")
INITRAMFS = boards.ROOT / "build" / "linux" / "initramfs.cpio"
RAM_MIB = 128
# The reserve for contiguous allocations would be half of this RAM; the load program reports through the kernel's log.
CMDLINE = "console=ttyAMA0 panic=-1 cma=4M printk.devkmsg=on"
LOAD_MIB = 8

REPORT_RE = re.compile(r"guest: .*report (n=.*)$")
UP_RE = r"guest: init: uptime=([0-9.]+) cpus=(\d+) kernel=(\S+)"
# What a kernel says that has lost time, interrupts or memory; the last two are our program's.
COMPLAINTS = re.compile(r"rcu.*stall|soft lockup|hard LOCKUP|hung_task|blocked for more than|BUG:|WARNING:|Call trace|"
                        r"Unable to handle|Oops|Kernel panic|unstable|clocksource.*(skew|Marking)|Unhandled|nobody cared|"
                        r"unexpected interrupt|segfault|load: |stream: error", re.I)
ERROR_FIELDS = ("cpu_errors", "mem_errors", "time_errors", "debug_errors")
MOVING_FIELDS = ("n", "cpu", "mem", "timer", "moves", "debug", "mono_ms", "real_ms")


def options(vcpus=2, load=True, extra="", **more):
    """Of a board that boots Linux, or receives one of that shape."""
    words = [CMDLINE, f"LOAD={LOAD_MIB}" if load else "", extra]
    return {"ram_mib": RAM_MIB, "vcpus": vcpus, "guest": KERNEL, "initrd": INITRAMFS,
            "cmdline": " ".join(word for word in words if word), **more}


def wait_up(board, timeout_s, since=0):
    """Sets board.uptime, board.cpus and board.kernel from the first line of init."""
    match = board.wait_line(UP_RE, timeout_s, since)
    board.uptime, board.cpus, board.kernel = float(match[1]), int(match[2]), match[3]
    return board


def reports(*hosts, since=0):
    """All reports of a guest that was on these boards, by n; "at" is when the line came, by the host's clock."""
    found = []
    for host in hosts:
        with host.condition:
            lines = list(host.lines[since:])
        for at, text in lines:
            match = REPORT_RE.search(text)
            if match:
                found.append({"at": at, **{k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", match[1])}})
    return sorted(found, key=lambda report: report["n"])


def wait_reports(board, count, timeout_s=40.0, since=0):
    def ready():
        found = reports(board, since=since)
        return found if len(found) >= count else None
    return board.wait_until(f"{count} reports of Linux", ready, timeout_s)


def complaints(*hosts):
    """Lines of the kernels that ran on these boards which must not be there."""
    found = []
    for host in hosts:
        with host.condition:
            found += [f"{host.name}: {text}" for _, text in host.lines if COMPLAINTS.search(text)]
    return found


def faults(found):
    """What is wrong with reports in order: gaps, repeats, numbers that fall, errors counted. A list of texts."""
    texts = []
    for before, after in zip(found, found[1:]):
        if after["n"] != before["n"] + 1:
            texts.append(f"report n={after['n']} follows n={before['n']}")
        texts += [f"n={after['n']}: {field} fell from {before[field]} to {after[field]}"
                  for field in MOVING_FIELDS if after[field] < before[field]]
    if found:
        texts += [f"{field}={found[-1][field]}" for field in ERROR_FIELDS if found[-1][field] != 0]
    return texts


def standing_still(found):
    return [field for field in MOVING_FIELDS if found[-1][field] <= found[0][field]]


def shell(board, command, pattern, timeout_s=20.0):
    """The match of a line that the guest's shell answers."""
    since = board.mark()
    board.type(command)
    return board.wait_line(pattern, timeout_s, since)


def bare_uptime(vcpus=2, timeout_s=90):
    """Uptime at init of the same kernel, command line and initramfs on the bare board."""
    command = [boards.QEMU, "-M", "virt,gic-version=3", "-cpu", boards.CPU_MAX, "-smp", str(vcpus), "-m", f"{RAM_MIB}M",
               "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot",
               "-serial", "stdio", "-kernel", str(KERNEL), "-initrd", str(INITRAMFS), "-append", f"{CMDLINE} END=poweroff"]
    try:
        text = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout_s, check=True,
                              preexec_fn=boards.die_with_parent).stdout.decode(errors="replace")
    except (subprocess.SubprocessError, OSError) as error:
        raise boards.BoardError(f"Linux on the bare board: {error}") from error
    match = re.search(UP_RE.removeprefix("guest: "), text)
    if match is None:
        raise boards.BoardError(f"Linux did not come up on the bare board: {text[-500:]}")
    return float(match[1])

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
The Linux guest on QEMU boards, for tools/demo_linux.py and tests/linux/: how a board boots it, what its load program
(tests/linux/load.c) reports, and what its kernel complains of.
"""

import re
import subprocess
import threading

import godwit_boards as boards

KERNEL = boards.ROOT / "build" / "deps" / "linux" / "vmlinuz"
NEWER_KERNEL = KERNEL.with_name("vmlinuz-6.12")
INITRAMFS = boards.ROOT / "build" / "linux" / "initramfs.cpio"
RAM_MIB = 128
# The reserve for contiguous allocations would be half of this RAM; the load program reports through the kernel's log.
CMDLINE = "console=ttyAMA0 panic=-1 cma=4M printk.devkmsg=on"
LOAD_MIB = 8

REPORT_RE = re.compile(r"guest: .*report (n=.*)$")
STREAM_RE = re.compile(r"guest: .*stream (n=.*errors=\d+)$")
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
    """The match of a line that the guest's shell answers: through the kernel's log, or another line might cut it in two."""
    since = board.mark()
    board.type(f"{{ {command}; }} >/dev/kmsg")
    return board.wait_line(pattern.replace("guest: ", "guest: .*", 1), timeout_s, since)


class BareLinux:
    """The same Linux on the bare board: what ours is compared with, and the other end of its network."""

    def __init__(self, name, vcpus=1, extra="", nic=None):
        """nic: what -netdev says for id nic0, and a MAC address."""
        self.name = name
        self.lines = []
        self.condition = threading.Condition()
        self.ended = False
        command = [boards.QEMU, "-M", "virt,gic-version=3", "-cpu", boards.CPU_MAX, "-smp", str(vcpus), "-m", f"{RAM_MIB}M",
                   "-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot",
                   "-serial", "stdio", "-kernel", str(KERNEL), "-initrd", str(INITRAMFS), "-append", f"{CMDLINE} {extra}"]
        if nic is not None:
            command += ["-netdev", nic[0], "-device", f"e1000e,netdev=nic0,mac={nic[1]},romfile="]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True, preexec_fn=boards.die_with_parent)
        threading.Thread(target=self.run, name=name, daemon=True).start()

    def run(self):
        for line in self.process.stdout:
            with self.condition:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self.condition.notify_all()
        with self.condition:
            self.ended = True
            self.condition.notify_all()

    def wait_line(self, pattern, timeout_s):
        """The match of the first line in which the pattern is found."""
        regex, deadline, at = re.compile(pattern), boards.Deadline(timeout_s), 0
        with self.condition:
            while True:
                while at < len(self.lines):
                    match = regex.search(self.lines[at])
                    at += 1
                    if match:
                        return match
                if self.ended or deadline.passed():
                    raise boards.BoardError(f"{self.name}: no line like '{pattern}' after {timeout_s:.0f} s: {self.lines[-4:]}")
                self.condition.wait(min(1.0, deadline.left()))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(boards.QUIT_TIMEOUT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def bare_uptime(vcpus=2, timeout_s=90):
    """Uptime at init of the same kernel, command line and initramfs on the bare board."""
    with BareLinux("bare", vcpus, "END=poweroff") as bare:
        return float(bare.wait_line(UP_RE.removeprefix("guest: "), timeout_s)[1])


class Network:
    """A wire for the guest's own network card, with a Linux at its other end that echoes a TCP stream."""

    PEER, GUEST, PORT = "10.9.0.1", "10.9.0.2", 7
    PEER_MAC, GUEST_MAC = "52:54:00:67:e1:99", "52:54:00:67:e1:00"

    def __init__(self, lab):
        folder = lab.directory / "net"
        folder.mkdir()
        self.wire = boards.Wire(folder)
        self.peer = BareLinux("peer", extra=f"NET={self.PEER}/24 ECHO={self.PORT}", nic=(self.netdev("peer"), self.PEER_MAC))

    def netdev(self, name):
        return f"stream,id=nic0,server=off,addr.type=unix,addr.path={self.wire.port(name)}"

    def options(self, name):
        """Of the board of that name: its e1000e, which is the same card on every host."""
        return {"edus": 0, "nic": (self.netdev(name), self.GUEST_MAC)}

    def words(self):
        """For the command line of the guest: its address, and the stream."""
        return f"NET={self.GUEST}/24 SEND={self.PEER}:{self.PORT}"

    def close(self):
        self.peer.close()
        self.wire.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def streams(*hosts, since=0):
    """What the stream program has said on these boards, by n."""
    found = []
    for host in hosts:
        with host.condition:
            texts = [text for _, text in host.lines[since:]]
        found += [{k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", match[1])}
                  for match in map(STREAM_RE.search, texts) if match]
    return sorted(found, key=lambda one: one["n"])


def wait_streams(board, count, timeout_s=40.0, since=0):
    def ready():
        found = streams(board, since=since)
        return found if len(found) >= count else None
    return board.wait_until(f"{count} reports of the TCP stream", ready, timeout_s)

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Board tests: functions marked with @case, run one after the other by run.py, each with a time limit and its own
boards. A case that returns has passed.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import godwit_boards as boards		# noqa: E402

PORT = 4444
URI_LISTEN = f"tcp:0:{PORT}"
BOOT_TIMEOUT_S = 60.0
MIGRATE_TIMEOUT_S = 120.0
# Generous, since the machine under the boards may be busy; a tenth of the link timeout holds in the blackout.
DEFAULTS = {"downtime_limit": 2500, "x_link_timeout": 8000, "x_handover_timeout": 30000}
MIB = 1024 * 1024
PKI = ROOT / "build" / "board-pki"
CASES = []


class Failed(Exception):
    pass


class Case:
    def __init__(self, function, timeout_s):
        self.function = function
        self.name = f"{function.__module__.removeprefix('test_')}.{function.__name__}"
        self.timeout_s = timeout_s


def case(function=None, *, timeout_s=120, each=None):
    """
    Marks a test. each: (name, value) pairs; the case is run once for every one of them, with the value as its
    argument and the name behind its own.
    """
    def mark(f):
        if each is None:
            CASES.append(Case(f, timeout_s))
        else:
            for name, value in each:
                one = Case(lambda value=value: f(value), timeout_s)
                one.name = f"{f.__module__.removeprefix('test_')}.{f.__name__}[{name}]"
                CASES.append(one)
        return f
    return mark(function) if function is not None else mark


def check(truth, text):
    if not truth:
        raise Failed(text)


def check_equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r}, wanted {wanted!r}")


def check_match(pattern, text, what):
    check(text is not None and re.search(pattern, text, re.I) is not None, f"{what}: {text!r} does not say /{pattern}/")


def check_guest(reports):
    faults = boards.report_faults(reports)
    check(not faults, "guest: " + "; ".join(faults[:5]))


def all_reports(*hosts):
    """The reports of a VM that moved between these boards, in order of n; a repeat shows as a fault."""
    return sorted((r for host in hosts for r in host.reports()), key=lambda r: r["n"])


# ---- certificates ----

def pki_make():
    """Every certificate that the cases need, made once by tools/pki.sh."""
    if (PKI / "done").exists():
        return
    def pki(*args):
        subprocess.run([str(ROOT / "tools" / "pki.sh"), *map(str, args)], check=True, stdout=subprocess.DEVNULL)
    pki("ca", PKI)
    pki("ca", PKI / "other", "Another CA")
    for name in ("alpha", "beta"):
        pki("host", PKI, name)
        pki("host", PKI / "other", name)
        pki("host", PKI, f"{name}-expired", "--san", name, "--expired")
        pki("host", PKI, f"{name}-norole", "--san", name, "--role", "none")
        pki("host", PKI, f"{name}-misnamed", "--san", f"{name}2")
    pki("host", PKI, "alpha-destination", "--san", "alpha", "--role", "destination")
    pki("host", PKI, "beta-source", "--san", "beta", "--role", "source")
    (PKI / "done").touch()


# ---- pairs of boards ----

def lab(wire=False):
    return boards.Lab("board-tests", wire=wire)


def start(lab_, name, number, **options):
    options.setdefault("pki", PKI)
    return lab_.board(name, number=number, **options).start().negotiate()


def pair(lab_, alpha=None, beta=None, guest=True, **both):
    """alpha owns the VM and runs it, beta waits; both up to QMP, the guest up to its third report."""
    b = start(lab_, "beta", 2, **{**both, **(beta or {})})
    a = start(lab_, "alpha", 1, **{"autostart": True, **both, **(alpha or {})})
    if guest:
        check_guest(a.wait_reports(3, BOOT_TIMEOUT_S))
    return a, b


def listen(destination, source_name="alpha", **parameters):
    destination.set_parameters(**{**DEFAULTS, "tls_authz": source_name, **parameters})
    destination.execute("migrate-incoming", uri=URI_LISTEN)


def set_out(source, destination, **parameters):
    """The parameters of the source, and migrate; returns the place of its next event."""
    source.set_parameters(**{**DEFAULTS, "tls_hostname": destination.name, "max_bandwidth": 0, **parameters})
    events = len(source.qmp.events)
    source.execute("migrate", uri=f"tcp:{destination.address}:{PORT}")
    return events


def finish(source, destination, timeout_s=MIGRATE_TIMEOUT_S):
    """Wait for completed on the source and own on the destination; info of both."""
    info = source.wait_status("completed", "failed", "cancelled", timeout_s=timeout_s, every_s=0.1)
    check_equal(info["status"], "completed", f"migration ({info.get('error-desc')}) {source.tail(4)}{destination.tail(4)}")
    info = source.wait_owner("gone", timeout_s=30, every_s=0.1)
    incoming = destination.wait_owner("own", timeout_s=30, every_s=0.1)
    return info, incoming


def move(source, destination, **parameters):
    """One whole migration."""
    listen(destination, source.name)
    set_out(source, destination, **parameters)
    return finish(source, destination)


def cont(board):
    """`cont`, and what says that vCPUs and devices run: its answer only says that they are on their way."""
    events = len(board.qmp.events)
    board.execute("cont")
    board.qmp.event("RESUME", since=events)


def check_goes_on(board, count=4, timeout_s=30.0):
    """The guest reports on this board from now on, and everything it counts moves: both vCPUs, timer, SGIs, DMA."""
    since = board.mark()
    check_equal(board.execute("query-status"), {"status": "running", "running": True}, f"query-status of {board.name}")
    reports = board.wait_reports(count, timeout_s, since)
    still = boards.standing_still(reports)
    check(not still, f"on {board.name} these stand still: {', '.join(still)}; last report: {reports[-1]}")
    return reports


def check_silent(board, seconds=1.5):
    """The guest reports nothing on this board for a while. The one place where time itself is what is looked at."""
    since = board.mark()
    deadline = boards.Deadline(seconds)
    with board.condition:
        while not deadline.passed():
            board.condition.wait(deadline.left())
    check_equal([r["n"] for r in board.reports(since)], [], f"reports of a guest that must not run on {board.name}")


def check_attempt_failed(source, destination, pattern, timeout_s=60.0):
    """
    The attempt ended with such a reason on both sides, the VM runs on at the source, and the destination listens
    as before.
    """
    info = source.wait_status("failed", timeout_s=timeout_s, every_s=0.1)
    check_match(pattern, info.get("error-desc"), f"error-desc of {source.name}")
    check_equal(info["owner"], "own", f"owner on {source.name}")
    incoming = destination.wait_migration(lambda i: i.get("error-desc"), "told its reason", timeout_s=30)
    check_match(pattern, incoming.get("error-desc"), f"error-desc of {destination.name}")
    check_goes_on(source)
    check_guest(source.reports())

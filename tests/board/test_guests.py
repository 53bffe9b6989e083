# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Guests other than the flight guest: one that does what it should not, one that accounts for what it writes."""

import re

from harness import BOOT_TIMEOUT_S, ROOT, boards, case, check, check_equal, finish, lab, listen, set_out, start

CPUS = [("max", boards.CPU_MAX), ("cortex-a57", boards.CPU_OLD)]
TRACKERS = [("max", {"cpu": boards.CPU_MAX}),
            ("max-write-protect", {"cpu": boards.CPU_MAX, "config": {"dirty-log": "write-protect"}}),
            ("cortex-a57", {"cpu": boards.CPU_OLD})]
ROUNDS = 4
OTHER_PAGES = 16			# stack, counters and account of the guest, per round
SET_PAGES, PER_PHASE = 4096, 512	# tests/guest/dirty/main.c


@case(each=CPUS)
def what_a_guest_should_not_do_comes_back_to_that_guest(cpu):
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True, cpu=cpu, guest=ROOT / "build/guest/faults.bin")
        end = board.wait_line(r"guest: faults ok=(\d+) failed=(\d+)", BOOT_TIMEOUT_S)
        bad = [text for _, text in board.lines if "FAILED" in text or "panic" in text]
        check_equal((end[2], bad), ("0", []), "faults that were not answered as they must be")
        check(int(end[1]) >= 80, f"only {end[1]} faults")
        board.wait_line(r"guest powered off", 10)
        check_equal(board.execute("query-status")["running"], False, "running, after the guest has powered off")


def pages_of(phase):
    """The pages of the set that this phase writes: the guest's generator."""
    random = (phase * 0x9e3779b97f4a7c15 + 1) % 2**64
    pages = set()
    for _ in range(PER_PHASE):
        random = (random * 6364136223846793005 + 1442695040888963407) % 2**64
        pages.add((random >> 40) % SET_PAGES)
    return pages


def phases(board, edge, since=0):
    found = [re.search(rf"guest: dirty phase=(\d+) {edge}", text) for _, text in board.lines[since:]]
    return [int(match[1]) for match in found if match]


@case(timeout_s=240, each=TRACKERS)
def dirty_log_finds_the_pages_the_guest_says_it_wrote(options):
    with lab() as the_lab:
        dirty = {"guest": ROOT / "build/guest/dirty.bin", "shared_ram": True, **options}
        alpha = start(the_lab, "alpha", 1, autostart=True, **dirty)
        beta = start(the_lab, "beta", 2, **dirty)
        alpha.wait_line(r"guest: dirty phase=2 end", BOOT_TIMEOUT_S)
        listen(beta, x_pause_at_commit=True)
        before = max(phases(alpha, "begin"))
        # Slow, and content with any downtime: it is the rounds that are looked at.
        set_out(alpha, beta, x_round_min=ROUNDS, max_bandwidth=2 * 1024 * 1024, downtime_limit=60000)
        alpha.wait_status("active", timeout_s=60, every_s=0.05)
        active = max(phases(alpha, "begin"))
        beta.wait_owner("taken", timeout_s=180, every_s=0.1)
        check(alpha.guest_ram() == beta.guest_ram(), "RAM differs with both VMs stopped")
        beta.execute("cont")
        info, _ = finish(alpha, beta)
        done = max(phases(alpha, "end"))
        counts = [r["dirty"] for r in info["x-rounds"]]
        # Surely inside: neither the one under way when the log was switched on, nor what the last harvest may have left.
        inside = set().union(*(pages_of(p) for p in range(active + 2, done - 1)))
        begun = sum(len(pages_of(p)) for p in range(before, max(phases(alpha, "begin")) + 1))
        check(len(inside) > 0, f"no whole phase inside: {active} to {done}")
        check(sum(counts) >= len(inside), f"rounds found {counts}, the guest wrote {len(inside)} different pages")
        check(sum(counts) <= begun + OTHER_PAGES * len(counts), f"rounds found {counts}, the guest wrote {begun} pages")
        beta.wait_line(rf"guest: dirty phase={done + 3} end", 60)

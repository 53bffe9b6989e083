# SPDX-License-Identifier: BSD-2-Clause-Patent
"""What the Linux cases check again and again."""

from godwit_linux import (NEWER_KERNEL, UP_RE, Network, bare_uptime, complaints, faults, options, reports, shell, standing_still,
                          streams, wait_reports, wait_streams, wait_up)
from harness import BOOT_TIMEOUT_S, check, start

__all__ = ["NEWER_KERNEL", "Network", "UP_RE", "bare_uptime", "boot", "check_goes_on", "check_health", "check_stream",
           "complaints", "options", "shell", "streams", "wait_reports", "wait_streams"]


def boot(lab, name="alpha", number=1, **more):
    return wait_up(start(lab, name, number, autostart=True, **options(**more)), BOOT_TIMEOUT_S)


def check_health(*hosts):
    """No complaint of any kernel that ran on these boards, no gap or repeat in its reports, no error counted, no clock back."""
    check(not complaints(*hosts), "; ".join(complaints(*hosts)[:5]))
    texts = faults(reports(*hosts))
    check(not texts, "; ".join(texts[:5]))


def check_goes_on(board, count=3, timeout_s=60.0):
    """From here on it reports, and everything it counts moves."""
    found = wait_reports(board, count, timeout_s, board.mark())
    still = standing_still(found)
    check(not still, f"on {board.name} these stand still: {', '.join(still)}: {found[-1]}")


def check_stream(board, count=3, timeout_s=60.0):
    """From here on bytes come back, all as they were sent."""
    found = wait_streams(board, count, timeout_s, board.mark())
    check(found[-1]["blocks"] > found[0]["blocks"], f"the stream on {board.name} stands still: {found[-1]}")
    check(found[-1]["errors"] == 0, f"the stream on {board.name}: {found[-1]}")
    return found

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Boards with flash for the owner mark lose their power in the middle of a hand-over, and come back."""

from harness import (BOOT_TIMEOUT_S, MIGRATE_TIMEOUT_S, all_reports, boards, case, check, check_equal, check_goes_on, check_guest,
                     check_match, check_silent, finish, lab, listen, move, pair, set_out)
from test_link import PATIENT, SLOW_S, ControlChannel


def wait_mark(board, kind, timeout_s=20.0):
    """Until the flash says so; the mark."""
    board.wait_migration(lambda _info: (board.owner_mark() or {}).get("kind") == kind, f"marked {kind}", timeout_s, 0.02)
    return board.owner_mark()


def check_in_doubt(board):
    check_equal(board.migration()["owner"], "unknown", f"owner on {board.name}")
    check(board.migration().get("next-action"), f"{board.name} names the next action")
    check(board.refused("cont"), "cont is refused")
    check(board.refused("migrate", uri="tcp:10.7.0.9:4444"), "migrate is refused")
    check_silent(board)


def to_taken(alpha, beta):
    """beta has taken the VM and holds it; alpha has heard so, and keeps its image."""
    listen(beta, **PATIENT, x_pause_at_commit=True)
    set_out(alpha, beta, **PATIENT)
    alpha.wait_owner("gone", timeout_s=MIGRATE_TIMEOUT_S, every_s=0.05)
    mark = wait_mark(alpha, "away")
    check_equal((mark["gen"], mark["source"], mark["peer"], mark["address"], mark["vm"]),
                (2, True, "beta", f"{beta.address}:4444", "flight"), "alpha's mark")
    mark = beta.owner_mark()
    check_equal((mark["kind"], mark["gen"], mark["source"], mark["peer"]), ("in-doubt", 2, False, "alpha"), "beta's mark")


@case
def source_that_restarts_away_asks_its_peer_and_ends_gone():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, flash=True)
        to_taken(alpha, beta)
        the_lab.wire.cut()
        alpha.restart()
        check_in_doubt(alpha)
        the_lab.wire.join()
        alpha.wait_owner("gone", timeout_s=60)
        check(alpha.refused("cont"), "cont is refused")
        check_equal(beta.migration()["owner"], "taken", "owner on beta: it has not said that the VM runs")
        beta.execute("cont")
        beta.wait_owner("own", timeout_s=60)
        alpha.wait_status("completed", timeout_s=60)
        check_goes_on(beta)
        check_silent(alpha)
        check_equal(wait_mark(beta, "home")["gen"], 2, "gen of beta's mark")
        check_equal(alpha.owner_mark()["kind"], "away", "alpha's mark")
        listen(alpha, "beta")
        set_out(beta, alpha)
        finish(beta, alpha)
        check_goes_on(alpha)


@case(timeout_s=180)
def source_that_restarts_in_doubt_owns_the_vm_when_nobody_took_it():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, flash=True)
        control = ControlChannel("alpha")
        the_lab.wire.filter = control.watch
        listen(beta, **PATIENT)
        set_out(alpha, beta, **PATIENT, x_round_min=4, downtime_limit=20000)
        alpha.wait_migration(lambda i: i["x-round-count"] >= 2, "in its third round", MIGRATE_TIMEOUT_S, 0.02)
        # PREPARE and PREPARED take half a second: time enough to see the mark that lies before them.
        the_lab.wire.delay = lambda source, frame: SLOW_S if control.has(source, frame) else 0.0
        wait_mark(alpha, "in-doubt", MIGRATE_TIMEOUT_S)
        the_lab.wire.cut()
        check_equal(alpha.migration()["owner"], "preparing", "owner on alpha")
        check_equal(alpha.owner_mark()["source"], True, "alpha is the source by its mark")
        the_lab.wire.delay = the_lab.wire.filter = None
        alpha.restart()
        check_in_doubt(alpha)
        check_equal(beta.migration()["owner"], "loading", "owner on beta")
        since = alpha.mark()
        the_lab.wire.join()
        alpha.wait_owner("own", timeout_s=60)
        check_equal(beta.migration()["owner"], "void", "owner on beta")
        # Raised by two: before the power cut an operator may have taken the VM back, and it may have run.
        check_equal(wait_mark(alpha, "home")["gen"], 3, "gen of alpha's mark")
        check_guest(alpha.wait_reports(3, BOOT_TIMEOUT_S, since))
        check_goes_on(alpha)
        check_silent(beta)
        set_out(alpha, beta)
        finish(alpha, beta)
        check_goes_on(beta)


@case
def destination_that_loses_power_after_commit_starts_nothing():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, flash=True)
        to_taken(alpha, beta)
        beta.restart()
        check_in_doubt(beta)
        beta.execute("x-migrate-resolve", action="discard")
        listen(beta)
        info = alpha.wait_migration(lambda i: "take-back" in i.get("next-action", ""), "told that beta knows nothing", 60)
        check_equal(info["owner"], "gone", "owner on alpha")
        check_match("all-fenced", alpha.refused("x-migrate-resolve", action="take-back"), "take-back")
        alpha.execute("x-migrate-resolve", action="take-back", all_fenced=True)
        alpha.wait_owner("own", timeout_s=30)
        check_equal(wait_mark(alpha, "home")["gen"], 3, "gen of alpha's mark")
        check_goes_on(alpha)
        check_guest(alpha.reports())
        check_silent(beta)


@case
def host_whose_mark_is_home_starts_the_vm_and_one_that_is_away_does_not():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, flash=True)
        move(alpha, beta)
        check_equal(wait_mark(beta, "home")["gen"], 2, "gen of beta's mark")
        alpha.kill()
        since = beta.mark()
        beta.restart()
        check_equal(beta.migration()["owner"], "own", "owner on beta")
        check_guest(beta.wait_reports(3, BOOT_TIMEOUT_S, since))	# from its beginning, as after any power loss
        alpha.restart()
        check_in_doubt(alpha)		# its peer is no destination any more, and answers nothing
        alpha.execute("x-migrate-resolve", action="discard")
        check_equal(alpha.migration()["owner"], "none", "owner on alpha")
        wait_mark(alpha, "none")
        listen(alpha, "beta")
        set_out(beta, alpha)
        finish(beta, alpha)
        check_equal(wait_mark(alpha, "home")["gen"], 3, "gen of alpha's mark")


@case
def torn_record_leaves_the_older_one_and_two_stop_the_board():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, flash=True)
        move(alpha, beta)
        wait_mark(alpha, "away")

        def spoil():
            at = alpha.owner_mark()["block"] * boards.FLASH_BLOCK_BYTES + 100
            with alpha.flash_path.open("r+b") as file:
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ 0x10]))
        beta.kill()
        alpha.kill()
        spoil()
        check_equal(alpha.owner_mark()["kind"], "in-doubt", "the older record")
        alpha.restart()
        check_in_doubt(alpha)
        alpha.kill()
        spoil()
        check_equal(alpha.owner_mark(), None, "no record is whole")
        since = alpha.mark()
        alpha.restart(negotiate=False)
        alpha.wait_line("cannot go on: owner mark", BOOT_TIMEOUT_S, since)	# nobody knows who owns the VM

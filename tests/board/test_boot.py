# SPDX-License-Identifier: BSD-2-Clause-Patent
"""One board: boot, guest, console, SMMU."""

from harness import (BOOT_TIMEOUT_S, PKI, boards, case, check, check_equal, check_guest, check_match, lab, start)

CPUS = [("max", boards.CPU_MAX), ("cortex-a57", boards.CPU_OLD)]


@case(each=CPUS)
def guest_boots_and_every_check_of_its_own_holds(cpu):
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True, cpu=cpu)
        reports = board.wait_reports(8, BOOT_TIMEOUT_S)
        check_guest(reports)
        check_equal(reports[0]["n"] <= 1, True, "first report is the first")
        for field in ("counter0", "counter1", "dma_done", "sgi", "timer"):
            check(reports[-1][field] > reports[0][field], f"{field} stands still at {reports[-1][field]}")


@case(each=CPUS)
def fp_registers_survive_every_kind_of_exit(cpu):
    # The flight guest holds patterns in V0..V31 on both vCPUs through WFI, MMIO, page faults, SGIs and timer interrupts.
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True, cpu=cpu)
        last = board.wait_reports(15, BOOT_TIMEOUT_S)[-1]
        check_equal(last["fp_errors"], 0, "fp_errors")


@case
def a_dma_tracker_that_the_machine_lacks_is_refused_by_name():
    with lab() as the_lab:
        board = the_lab.board("alpha", number=1, pki=PKI, config={"dma-log": "smmu-httu"}).start()
        board.wait_line("passthrough: dma-log: .*records no dirty state.*IDR0.HTTU below 2", BOOT_TIMEOUT_S)
        board.wait_line("device of the slot", BOOT_TIMEOUT_S)


@case
def a_receiver_starts_no_vm():
    with lab() as the_lab:
        board = start(the_lab, "beta", 2)
        check_equal(board.execute("query-status"), {"status": "inmigrate", "running": False}, "query-status")
        check_equal(board.migration()["owner"], "none", "owner")
        check_match("owner|no vm|may not run|none", board.refused("cont"), "cont")
        check_equal(board.reports(), [], "reports")


@case
def stop_and_cont_hold_and_release_the_guest():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        board.wait_reports(2, BOOT_TIMEOUT_S)
        for _ in range(5):
            events = len(board.qmp.events)
            board.execute("stop")
            board.qmp.event("STOP", since=events)
            check_equal(board.execute("query-status"), {"status": "paused", "running": False}, "query-status")
            board.execute("stop")
            board.execute("cont")
            board.qmp.event("RESUME", since=events)
            since = board.mark()
            board.wait_reports(2, since=since)
        check_guest(board.reports())


@case
def console_takes_human_commands():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        board.wait_reports(1, BOOT_TIMEOUT_S)
        board.say("help")
        board.wait_line(r"migrate_cancel -- ")
        since = board.mark()
        board.say("info vm")
        board.wait_line(r"VM flight: running, owner own", since=since)
        since = board.mark()
        board.say("info migrate")
        board.wait_line(r"Migration status: none", since=since)
        check_match("VM status: running",
                    board.qmp.execute("human-monitor-command", {"command-line": "info status"}), "info status")


@case
def vcpus_are_pinned_to_cores_of_their_own():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        cpus = board.execute("query-cpus-fast")
        check_equal([cpu["cpu-index"] for cpu in cpus], [0, 1], "cpu-index")
        check_equal(len({cpu["thread-id"] for cpu in cpus}), 2, "cores")


@case
def quit_ends_the_board():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        board.execute("quit")
        check_equal(board.process.wait(20), 0, "exit status of QEMU")


@case
def smmu_blocks_a_device_that_is_assigned_to_nobody():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True, edus=2, config={"selftest": "smmu"})
        verdict = board.wait_line(r"godwit: selftest smmu (\w+)(.*)", BOOT_TIMEOUT_S)
        check_equal(verdict.group(1), "ok", f"selftest{verdict.group(2)}{board.tail()}")
        check_guest(board.wait_reports(3, BOOT_TIMEOUT_S))


@case(each=[("other-key", {"bogus": 1}), ("ram", {"slot.ram-mib": 3}), ("vcpus", {"slot.vcpus": 99})])
def a_bad_configuration_is_named(config):
    with lab() as the_lab:
        key, value = next(iter(config.items()))
        board = the_lab.board("alpha", number=1, autostart=True, config=config).start()
        board.wait_line(rf"config line \d+: .*{key}.*|config line \d+: .*'{value}'", BOOT_TIMEOUT_S)
        check_equal(board.reports(), [], "reports")

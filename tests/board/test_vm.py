# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The hypervisor by itself: selftests of the image (board/qemu-virt/selftest_vm.h) beside a guest that checks itself."""

from harness import BOOT_TIMEOUT_S, boards, case, check, check_equal, check_guest, check_match, lab, start

TRACKERS = [("hafdbs", (boards.CPU_MAX, "auto", "hafdbs")),
            ("write-protect", (boards.CPU_OLD, "auto", "write-protect")),
            ("write-protect-by-choice", (boards.CPU_MAX, "write-protect", "write-protect"))]
CPUS = [("max", boards.CPU_MAX), ("cortex-a57", boards.CPU_OLD)]


def run_selftest(name, cpu, **config):
    """The verdict's text; the guest goes on without an error of its own."""
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True, cpu=cpu, edus=0,
                      config={"selftest": name, "slot.device": 0, **config})
        verdict = board.wait_line(rf"godwit: selftest {name} (\w+)(.*)", BOOT_TIMEOUT_S)
        check_equal(verdict.group(1), "ok", f"selftest{verdict.group(2)}{board.tail()}")
        reports = board.wait_reports(2, since=board.mark())
        check_guest(board.reports())
        check(reports[-1]["timer"] > 0, "the guest's timer stands still")
        return verdict.group(2)


@case(each=CPUS)
def vm_state_saved_forgotten_and_loaded_is_the_same(cpu):
    run_selftest("records", cpu)


@case(each=TRACKERS)
def no_write_of_the_guest_is_missing_in_the_dirty_log(how):
    cpu, wanted, tracker = how
    text = run_selftest("dirty", cpu, **{"dirty-log": wanted})
    check_match(rf"{tracker}, \d+ rounds", text, "tracker")


@case(each=[("assert", ("panic", "assertion failed")), ("stack-guard", ("guard", "data abort"))])
def a_panic_prints_every_register_and_ends_the_host(how):
    name, what = how
    with lab() as the_lab:
        board = the_lab.board("alpha", number=1, autostart=True, config={"selftest": name}).start()
        board.wait_line(rf"panic: {what} at EL2 on core 0, pc 0x[0-9a-f]+", BOOT_TIMEOUT_S)
        board.wait_line(r"x30 [0-9a-f]{16}", BOOT_TIMEOUT_S)
        check_equal(board.process.wait(20), 0, "exit status of QEMU")

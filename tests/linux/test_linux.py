# SPDX-License-Identifier: BSD-2-Clause-Patent
"""An unmodified Linux as the guest: it boots, works, moves and ends."""

import os
import pathlib

import linux_guest as linux
from harness import boards, case, check, check_equal, lab, move, start

BOOT_RATIO_MAX = 2.5
IDLE_S = 5.0
IDLE_SHARE_MAX = 0.25
# It is the guest that is looked at: a busy machine under the boards may take its time.
PATIENT = {"downtime_limit": 8000, "x_round_min": 2}
VCPUS = [(f"{n}-vcpus", n) for n in (1, 2, 4)]


@case(each=VCPUS)
def linux_boots_works_and_powers_off(vcpus):
    with lab() as the_lab:
        board = linux.boot(the_lab, vcpus=vcpus)
        check_equal(board.cpus, vcpus, "CPUs on line")
        linux.check_goes_on(board)
        match = linux.shell(board, "echo shell=$((6*7))", r"guest: shell=(\d+)")
        check_equal(match[1], "42", "the shell on the guest's console")
        linux.check_health(board)
        board.type("poweroff -f")
        board.wait_line(r"vm flight: guest powered off", 20)
        check_equal(board.execute("query-status"), {"status": "shutdown", "running": False}, "status after power-off")


@case
def linux_boots_on_a_cpu_of_the_first_generation():
    with lab() as the_lab:
        board = linux.boot(the_lab, cpu=boards.CPU_OLD)
        linux.check_goes_on(board)
        linux.check_health(board)


@case
def linux_resets_itself():
    with lab() as the_lab:
        board = linux.boot(the_lab)
        linux.check_goes_on(board)
        linux.check_health(board)
        since = board.mark()
        board.type("reboot -f")
        board.wait_line(r"vm flight: the guest resets itself", 20, since)
        match = board.wait_line(linux.UP_RE, 60, since)
        check_equal(match[2], "2", "CPUs on line after the reset")
        check_equal(board.execute("query-status"), {"status": "running", "running": True}, "status after the reset")
        since = board.mark()
        found = linux.wait_reports(board, 3, since=since)
        check(found[0]["mono_ms"] < 30000, f"its clock began anew: {found[0]}")
        check(not linux.complaints(board), "; ".join(linux.complaints(board)[:5]))


def switch_cpu(board, cpu, online):
    linux.shell(board, f"echo {online} >/sys/devices/system/cpu/cpu{cpu}/online; echo switched=$?", r"guest: switched=0")


@case(timeout_s=240)
def linux_takes_a_cpu_off_and_on_again_on_either_host():
    with lab() as the_lab:
        beta = start(the_lab, "beta", 2, **linux.options(load=False))
        alpha = linux.boot(the_lab, load=False)
        for _ in range(2):
            switch_cpu(alpha, 1, 0)
            switch_cpu(alpha, 1, 1)
        switch_cpu(alpha, 1, 0)
        move(alpha, beta, **PATIENT)
        check_equal(linux.shell(beta, "echo cpus=$(nproc)", r"guest: cpus=(\d+)")[1], "1", "CPUs on line after the move")
        switch_cpu(beta, 1, 1)
        check_equal(linux.shell(beta, "echo cpus=$(nproc)", r"guest: cpus=(\d+)")[1], "2", "CPUs on line")
        linux.shell(beta, "taskset 2 sh -c 'echo on=$((6*7))'", r"guest: on=42")
        linux.check_health(alpha, beta)


def busy_share(board, seconds):
    """How much of one core of this machine the board takes. The one place where time itself is what is looked at."""
    def cpu_ticks():
        fields = pathlib.Path(f"/proc/{board.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    before, deadline = cpu_ticks(), boards.Deadline(seconds)
    with board.condition:
        while not deadline.passed():
            board.condition.wait(deadline.left())
    return (cpu_ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


@case
def linux_that_waits_leaves_the_machine_alone():
    with lab() as the_lab:
        board = linux.boot(the_lab, load=False)
        linux.shell(board, "echo shell=$((6*7))", r"guest: shell=42")
        share = busy_share(board, IDLE_S)
        check(share < IDLE_SHARE_MAX, f"an idle guest takes {share:.2f} of a core")


@case
def linux_is_up_about_as_soon_as_on_the_bare_board():
    with lab() as the_lab:
        ours = linux.boot(the_lab, load=False).uptime
    bare = linux.bare_uptime()
    print(f"       uptime at init: {ours} s, on the bare board {bare} s: {ours / bare:.2f}")
    check(ours <= BOOT_RATIO_MAX * bare, f"up after {ours} s, on the bare board after {bare} s")


def there_and_back(vcpus, moves, **more):
    with lab() as the_lab:
        beta = start(the_lab, "beta", 2, **linux.options(vcpus=vcpus, **more))
        alpha = linux.boot(the_lab, vcpus=vcpus, **more)
        linux.check_goes_on(alpha)
        source, destination = alpha, beta
        for _ in range(moves):
            move(source, destination, **PATIENT)
            source, destination = destination, source
            linux.check_goes_on(source)
        check_equal(linux.shell(source, "echo shell=$((6*7))", r"guest: shell=(\d+)")[1], "42", "the shell")
        check_equal(linux.shell(source, "echo cpus=$(nproc)", r"guest: cpus=(\d+)")[1], str(vcpus), "CPUs on line")
        linux.check_health(alpha, beta)
        source.type("poweroff -f")
        source.wait_line(r"vm flight: guest powered off", 20)


@case(timeout_s=240)
def linux_moves_once():
    there_and_back(vcpus=2, moves=1)


@case(timeout_s=240)
def newer_linux_moves_there_and_back():
    there_and_back(vcpus=2, moves=2, guest=linux.NEWER_KERNEL)


@case(timeout_s=400, each=[("1-vcpu", (1, 2)), ("2-vcpus", (2, 4)), ("4-vcpus", (4, 2))])
def linux_moves_there_and_back_at_work(shape):
    there_and_back(*shape)


@case(timeout_s=280)
def linux_moves_with_its_network_card_and_keeps_its_connection():
    with lab() as the_lab, linux.Network(the_lab) as net:
        words = net.words()
        beta = start(the_lab, "beta", 2, **linux.options(**net.options("beta")))
        alpha = linux.boot(the_lab, extra=words, **net.options("alpha"))
        linux.check_goes_on(alpha)
        linux.check_stream(alpha)
        move(alpha, beta, **PATIENT)
        linux.check_goes_on(beta)
        linux.check_stream(beta)
        move(beta, alpha, **PATIENT)
        linux.check_stream(alpha)
        linux.check_health(alpha, beta)
        lost = [after["n"] for before, after in zip(linux.streams(alpha, beta), linux.streams(alpha, beta)[1:])
                if after["n"] != before["n"] + 1]
        check(not lost, f"reports of the stream missing or twice before {lost}")

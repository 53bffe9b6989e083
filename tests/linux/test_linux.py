# SPDX-License-Identifier: BSD-2-Clause-Patent
"""An unmodified Linux as the guest: it boots, works, moves and ends."""

import linux_guest as linux
from harness import boards, case, check, check_equal, lab, move, start

BOOT_RATIO_MAX = 2.5
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


def there_and_back(vcpus, moves):
    with lab() as the_lab:
        beta = start(the_lab, "beta", 2, **linux.options(vcpus=vcpus))
        alpha = linux.boot(the_lab, vcpus=vcpus)
        linux.check_goes_on(alpha)
        source, destination = alpha, beta
        for _ in range(moves):
            move(source, destination)
            source, destination = destination, source
            linux.check_goes_on(source)
        check_equal(linux.shell(source, "echo shell=$((6*7))", r"guest: shell=(\d+)")[1], "42", "the shell")
        check_equal(linux.shell(source, "echo cpus=$(nproc)", r"guest: cpus=(\d+)")[1], str(vcpus), "CPUs on line")
        linux.check_health(alpha, beta)
        source.type("poweroff -f")
        source.wait_line(r"vm flight: guest powered off", 20)


@case
def linux_moves_once():
    there_and_back(vcpus=2, moves=1)


@case(timeout_s=400, each=[("1-vcpu", (1, 4)), ("2-vcpus", (2, 6)), ("4-vcpus", (4, 4))])
def linux_moves_there_and_back_at_work(shape):
    there_and_back(*shape)

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""A guest whose network card moves with it: e1000e, frames numbered both ways, every byte checked."""

import contextlib

import nic_peer
from harness import BOOT_TIMEOUT_S, ROOT, boards, case, check, check_equal, finish, lab, listen, set_out, start

CPUS = [("max", {"cpu": boards.CPU_MAX}), ("cortex-a57", {"cpu": boards.CPU_OLD})]
ERRORS = ("rx_twice", "rx_bad", "errors")
MOVING = ("counter0", "tx", "rx", "irq")


@contextlib.contextmanager
def nic_lab():
    with lab() as the_lab:
        peer = nic_peer.NicPeer(the_lab.directory)
        try:
            yield the_lab, peer
        finally:
            peer.close()


def nic_board(the_lab, peer, name, number, **options):
    return start(the_lab, name, number, guest=ROOT / "build/guest/nic.bin", edus=0, vcpus=1,
                 nic=(peer.netdev(name), nic_peer.GUEST_MAC), **options)


def check_traffic(board, peer, count=4):
    """From now on both directions work, and neither end has found a fault."""
    since = board.mark()
    reports = board.wait_reports(count, 30.0, since)
    still = [field for field in MOVING if reports[-1][field] <= reports[0][field]]
    check(not still, f"on {board.name} these stand still: {still}; {reports[-1]}")
    wrong = {field: reports[-1][field] for field in ERRORS if reports[-1][field] != 0}
    check(not wrong, f"guest on {board.name}: {wrong}{board.tail(6)}")
    _, missing, twice, bad = peer.facts()
    check_equal((missing, twice, bad, peer.order_faults), ([], [], [], []), "frames missing, twice, wrong, out of order")
    return reports[-1]


def check_no_dma_error(*hosts):
    found = [text for board in hosts for _, text in board.lines if "smmu:" in text]
    check_equal(found, [], "SMMU records")


def pair_of_nics(the_lab, peer, **options):
    beta = nic_board(the_lab, peer, "beta", 2, **options)
    alpha = nic_board(the_lab, peer, "alpha", 1, autostart=True, **options)
    alpha.wait_line(r"guest: nic: e1000e 52:54:00:67:e1:00, INTID", BOOT_TIMEOUT_S)
    check_traffic(alpha, peer)
    return alpha, beta


def move_nic(source, destination, peer, **parameters):
    listen(destination, source.name)
    set_out(source, destination, **parameters)
    info, _ = finish(source, destination)
    return info, check_traffic(destination, peer)


@case
def network_card_works_under_godwit():
    with nic_lab() as (the_lab, peer):
        alpha = nic_board(the_lab, peer, "alpha", 1, autostart=True)
        alpha.wait_line(r"guest: nic: e1000e 52:54:00:67:e1:00, INTID", BOOT_TIMEOUT_S)
        last = check_traffic(alpha, peer, 8)
        check_equal(last["rx"], last["rx_next"], "frames received, of those sent to a VM that did not move")
        check_no_dma_error(alpha)


@case(timeout_s=300, each=CPUS)
def network_card_moves_there_and_back_under_traffic(options):
    with nic_lab() as (the_lab, peer):
        alpha, beta = pair_of_nics(the_lab, peer, **options)
        for source, destination in ((alpha, beta), (beta, alpha), (alpha, beta)):
            info, last = move_nic(source, destination, peer, x_round_min=3)
            check_equal(info["status"], "completed", "status")
            # What was lost came in during the blackout; the guest knows how much.
            check(last["rx"] <= last["rx_next"] <= peer.sent, f"{last}, sent {peer.sent}")
        check_no_dma_error(alpha, beta)


@case(timeout_s=240, each=CPUS)
def ram_is_byte_equal_with_the_card_receiving_until_the_stop(options):
    with nic_lab() as (the_lab, peer):
        alpha, beta = pair_of_nics(the_lab, peer, shared_ram=True, **options)
        listen(beta, x_pause_at_commit=True)
        set_out(alpha, beta, x_round_min=4)
        beta.wait_owner("taken", timeout_s=90, every_s=0.1)
        source, destination = alpha.guest_ram(), beta.guest_ram()
        if source != destination:
            pages = [p for p in range(len(source) // 4096) if source[p * 4096:][:4096] != destination[p * 4096:][:4096]]
            check(False, f"{len(pages)} pages differ, gfn offsets {[hex(p) for p in pages[:16]]}")
        check(any(source), "the RAM is not empty")
        beta.execute("cont")
        finish(alpha, beta)
        check_traffic(beta, peer)
        check_no_dma_error(alpha, beta)

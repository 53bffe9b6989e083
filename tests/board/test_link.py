# SPDX-License-Identifier: BSD-2-Clause-Patent
"""The wire is cut, slow or dirty. Before COMMIT the VM goes on at the source; after it never two run."""

import random

from harness import (MIB, all_reports, case, check, check_attempt_failed, check_equal, check_goes_on, check_guest, cont,
                     check_silent, finish, lab, listen, pair, set_out)

SLOW_S = 0.25		# what a frame of the control channel takes each way, so that "given" can be seen
PATIENT = {"x_link_timeout": 30000, "x_handover_timeout": 60000, "x_clock": "freeze"}


def again(alpha, beta, wire):
    """With the wire mended a new attempt succeeds, and no report is lost or told twice."""
    wire.delay = None
    wire.filter = None
    wire.join()
    beta.wait_owner("none", "void", timeout_s=60)
    set_out(alpha, beta, x_round_min=0)
    finish(alpha, beta)
    check_goes_on(beta)
    check_guest(all_reports(alpha, beta))


@case(each=[("first-frame", 0), ("tcp", 2), ("tls", 6), ("hello", 16)])
def link_cut_in_setup_keeps_the_vm(frames):
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        left = frames

        def count(source, _to, frame):
            nonlocal left
            if source == "alpha" and frame[12:14] == b"\x08\x00":
                if left == 0:
                    the_lab.wire.is_cut = True
                    return []
                left -= 1
            return [frame]
        the_lab.wire.filter = count
        set_out(alpha, beta)
        info = alpha.wait_status("failed")
        check_equal(info["owner"], "own", "owner on alpha")
        check_goes_on(alpha)
        again(alpha, beta, the_lab.wire)


@case
def link_cut_in_active_keeps_the_vm():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        set_out(alpha, beta, max_bandwidth=4 * MIB, x_round_min=1000)
        alpha.wait_migration(lambda i: i["status"] == "active" and i["ram"]["transferred"] > MIB, "under way")
        the_lab.wire.cut()
        check_attempt_failed(alpha, beta, ".")
        again(alpha, beta, the_lab.wire)


@case
def link_cut_in_device_before_commit_keeps_the_vm():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        events = set_out(alpha, beta)
        alpha.qmp.event("MIGRATION", since=events, timeout_s=60, status="device")
        the_lab.wire.cut()
        info = alpha.wait_status("failed", "device", timeout_s=30)
        check(info["owner"] not in ("given", "gone"), f"owner {info['owner']}: the cut came after COMMIT")
        check_attempt_failed(alpha, beta, ".")
        again(alpha, beta, the_lab.wire)


class ControlChannel:
    """The first TCP connection from one board to another, told by the source's port."""

    def __init__(self, source):
        self.source = source
        self.port = None

    @staticmethod
    def ports(frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return None
        at = 14 + (frame[14] & 15) * 4
        return frame[at:at + 2], frame[at + 2:at + 4], frame[at + 13]

    def watch(self, source, _to, frame):
        """A filter that lets everything through."""
        found = self.ports(frame)
        if found is not None and source == self.source and self.port is None and found[2] & 0x12 == 0x02:
            self.port = found[0]
        return [frame]

    def has(self, source, frame):
        found = self.ports(frame)
        return found is not None and self.port == found[0 if source == self.source else 1]


def to_given(the_lab, alpha, beta):
    """Everything up to the moment that alpha has sent COMMIT, on a control channel slow enough to see it."""
    control = ControlChannel("alpha")
    the_lab.wire.filter = control.watch
    listen(beta, **PATIENT)
    events = set_out(alpha, beta, **PATIENT)
    alpha.qmp.event("MIGRATION", since=events, timeout_s=90, status="device")
    the_lab.wire.delay = lambda source, frame: SLOW_S if control.has(source, frame) else 0.0
    alpha.wait_owner("given", "gone", timeout_s=30, every_s=0.005)


def check_resolved(alpha, beta, wire):
    wire.delay = None
    wire.join()
    alpha.wait_owner("gone", timeout_s=60, every_s=0.1)
    alpha.wait_status("completed", timeout_s=30, every_s=0.1)
    beta.wait_owner("own", timeout_s=60, every_s=0.1)
    check_goes_on(beta)
    check_silent(alpha)
    check_guest(all_reports(alpha, beta))


@case
def commit_that_is_lost_is_sent_again_on_reconnect():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        to_given(the_lab, alpha, beta)
        the_lab.wire.cut()
        check_equal(alpha.migration()["owner"], "given", "owner on alpha")
        check_silent(alpha)
        check_equal(beta.migration()["owner"], "ready", "owner on beta")
        check_silent(beta)
        check(alpha.migration().get("next-action"), "alpha names the next action")
        check(alpha.refused("cont"), "cont is refused")
        check(beta.refused("cont"), "cont is refused")
        check(alpha.refused("migrate_cancel"), "cancel is refused")
        check_resolved(alpha, beta, the_lab.wire)


@case
def taken_that_is_lost_is_asked_for_on_reconnect():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        to_given(the_lab, alpha, beta)
        # Nothing comes back any more from the moment that alpha waits for the answer.
        the_lab.wire.filter = lambda source, _to, frame: [] if source == "beta" else [frame]
        beta.wait_owner("taken", timeout_s=10, every_s=0.01)
        the_lab.wire.cut()
        the_lab.wire.filter = None
        check_equal(alpha.migration()["owner"], "given", "owner on alpha")
        check_goes_on(beta)
        check_silent(alpha)
        check(alpha.refused("cont"), "cont is refused")
        check_resolved(alpha, beta, the_lab.wire)


@case
def link_cut_between_taken_and_running_settles_on_reconnect():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta, **PATIENT, x_pause_at_commit=True)
        set_out(alpha, beta, **PATIENT)
        alpha.wait_owner("gone", timeout_s=60, every_s=0.05)
        the_lab.wire.cut()
        check_equal(beta.migration()["owner"], "taken", "owner on beta")
        cont(beta)
        check_goes_on(beta)
        check_silent(alpha)
        check(alpha.refused("cont"), "cont is refused")
        check_resolved(alpha, beta, the_lab.wire)


@case
def recall_brings_the_vm_back_when_commit_was_lost():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        to_given(the_lab, alpha, beta)
        the_lab.wire.cut()
        beta.wait_owner("ready", timeout_s=10)
        # The old connection must be given up first: what it still holds, COMMIT, would be sent on.
        alpha.wait_migration(lambda i: i.get("next-action"), "aware of the cut", timeout_s=30)
        alpha.execute("x-migrate-resolve", action="recall")
        the_lab.wire.delay = None
        the_lab.wire.join()
        alpha.wait_owner("own", timeout_s=60)
        check_goes_on(alpha)
        check_silent(beta)
        check_guest(all_reports(alpha, beta))


@case(timeout_s=240)
def lossy_wire_only_slows_the_migration():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        chance = random.Random(20240501)
        the_lab.wire.filter = lambda _from, _to, frame: [] if chance.random() < 0.01 else [frame]
        listen(beta)
        set_out(alpha, beta)
        finish(alpha, beta)
        the_lab.wire.filter = None
        check_goes_on(beta)
        check_guest(all_reports(alpha, beta))


@case
def a_changed_frame_ends_the_attempt_and_the_destination_can_receive_again():
    # TCP checksums are made good again after the change, so that only the seal can tell.
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        sent = 0

        def change(source, _to, frame):
            nonlocal sent
            if source != "alpha" or len(frame) < 1000 or frame[12:14] != b"\x08\x00":
                return [frame]
            sent += 1
            return [flip(frame, 700)] if sent == 200 else [frame]
        the_lab.wire.filter = change
        set_out(alpha, beta, x_round_min=3)
        check_attempt_failed(alpha, beta, "tag|seal|frame|auth|record|closed|lost|reset|abort")
        again(alpha, beta, the_lab.wire)


def flip(frame, at):
    """One bit of the TCP payload changed, the checksum adjusted (RFC 1624)."""
    out = bytearray(frame)
    at &= ~1
    header = 14 + (frame[14] & 15) * 4
    old = int.from_bytes(out[at:at + 2], "big")
    out[at] ^= 0x01
    new = int.from_bytes(out[at:at + 2], "big")
    total = (~int.from_bytes(out[header + 16:header + 18], "big") & 0xffff) + (~old & 0xffff) + new
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    out[header + 16:header + 18] = (~total & 0xffff).to_bytes(2, "big")
    return bytes(out)


@case
def source_power_loss_in_active_cleans_the_destination():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        set_out(alpha, beta, max_bandwidth=4 * MIB, x_round_min=1000)
        alpha.wait_migration(lambda i: i["status"] == "active" and i["ram"]["transferred"] > MIB, "under way")
        alpha.kill()
        beta.wait_owner("none", "void", timeout_s=30)
        check_silent(beta)


@case
def destination_power_loss_in_active_keeps_the_vm():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        set_out(alpha, beta, max_bandwidth=4 * MIB, x_round_min=1000)
        alpha.wait_migration(lambda i: i["status"] == "active" and i["ram"]["transferred"] > MIB, "under way")
        beta.kill()
        info = alpha.wait_status("failed")
        check(info.get("error-desc"), "there is an error-desc")
        check_goes_on(alpha)
        check_guest(alpha.reports())

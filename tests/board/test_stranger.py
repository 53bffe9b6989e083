# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Strangers on the port of a destination: their connection closes, the migration goes on."""

import random
import ssl

from harness import (MIB, PKI, PORT, all_reports, case, check, check_goes_on, check_guest, check_match, finish, lab, listen,
                     pair, set_out, start)
from stranger import Closed, Stranger, tls_client

JOIN_BYTES = 56


def busy(the_lab):
    """A migration that is under way and will not converge before it may."""
    alpha, beta = pair(the_lab)
    listen(beta)
    set_out(alpha, beta, max_bandwidth=4 * MIB, x_round_min=1000)
    alpha.wait_migration(lambda i: i["status"] == "active" and i["ram"]["transferred"] > 0, "under way")
    return alpha, beta


def let_through(alpha, beta):
    alpha.set_parameters(max_bandwidth=0, x_round_min=0)
    finish(alpha, beta)
    check_goes_on(beta)
    check_guest(all_reports(alpha, beta))


def attempt(stranger, beta, data):
    """Connect, say that, and be gone, however the peer takes it."""
    try:
        connection = stranger.connect(beta.address, PORT)
        if data:
            connection.send(data)
            connection.wait_end(30)
        else:
            connection.reset()
    except Closed:
        pass


GARBAGE = [
    ("random", random.Random(1).randbytes(4096)),
    ("zero", bytes(64)),
    ("http", b"GET / HTTP/1.1\r\n\r\n"),
    ("join-of-noise", b"GW" + random.Random(2).randbytes(JOIN_BYTES - 2)),
    ("huge-tls-record", b"\x16\x03\x01\xff\xff" + random.Random(3).randbytes(8000)),
    ("tls-noise", b"\x16\x03\x03\x00\x40" + random.Random(4).randbytes(64)),
]


@case
def garbage_on_the_port_closes_only_that_connection():
    with lab(wire=True) as the_lab:
        alpha, beta = busy(the_lab)
        stranger = Stranger(the_lab.wire)
        for _, data in GARBAGE:
            attempt(stranger, beta, data)
        let_through(alpha, beta)


@case
def replayed_join_closes_only_that_connection():
    with lab(wire=True) as the_lab:
        joins = []

        def watch(source, to, frame):
            if source == "alpha" and to == "beta" and frame[12:14] == b"\x08\x00" and frame[23] == 6:
                header = 14 + (frame[14] & 15) * 4
                payload = frame[header + (frame[header + 12] >> 4) * 4:]
                if payload[:2] == b"GW" and len(joins) < 2:
                    joins.append(payload[:JOIN_BYTES])
            return [frame]
        the_lab.wire.filter = watch
        alpha, beta = busy(the_lab)
        check(joins, "a JOIN was seen on the wire")
        stranger = Stranger(the_lab.wire)
        for join in joins:
            attempt(stranger, beta, join)
        let_through(alpha, beta)


@case
def many_silent_strangers_do_not_keep_the_source_out():
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        strangers = [Stranger(the_lab.wire, number) for number in range(20, 28)]
        for stranger in strangers:
            try:
                stranger.connect(beta.address, PORT, 2)
            except Closed:
                pass
        set_out(alpha, beta)
        finish(alpha, beta)
        check_goes_on(beta)


CLIENTS = [
    ("no-certificate", {}, "certificate|required|alert|closed|reset"),
    ("tls-1.2", {"pki": PKI, "name": "alpha", "version": ssl.TLSVersion.TLSv1_2}, "protocol|version|alert|closed|reset"),
    ("other-ca", {"pki": PKI / "other", "name": "alpha"}, "ca|certificate|alert|closed|reset"),
    ("expired", {"pki": PKI, "name": "alpha-expired"}, "expired|certificate|alert|closed|reset"),
    ("misnamed", {"pki": PKI, "name": "alpha-misnamed"}, "up|certificate|access|alert|closed|reset"),
]
# The misnamed one is of our CA: TLS succeeds, and what it is told then is that it is refused.


@case(each=[(name, (options, words)) for name, options, words in CLIENTS])
def tls_client_without_the_right_to_is_refused(which):
    options, words = which
    with lab(wire=True) as the_lab:
        beta = start(the_lab, "beta", 2)
        listen(beta)
        stranger = Stranger(the_lab.wire)
        try:
            verdict = tls_client(stranger.connect(beta.address, PORT), **options)
        except Closed as end:
            verdict = str(end)
        check_match(words, verdict, "verdict")
        info = beta.wait_migration(lambda i: i.get("error-desc"), "told its reason", timeout_s=15)
        check(info["owner"] == "none" and info["ram"]["transferred"] == 0, f"beta is {info['owner']}")
        # the listener listens on
        alpha = start(the_lab, "alpha", 1, autostart=True)
        alpha.wait_reports(2, 60)
        set_out(alpha, beta)
        finish(alpha, beta)
        check_goes_on(beta)

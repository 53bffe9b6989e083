# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Peers that may not send or receive, and machines that do not fit: refused before any state moves."""

from harness import (PKI, boards, case, check, check_attempt_failed, check_equal, check_goes_on, check_guest, check_match,
                     all_reports, finish, lab, listen, pair, set_out, start)

SOURCES = [
    ("other-ca", {"pki": PKI / "other"}, "certificate|ca|trust|verif"),
    ("expired", {"cert": "alpha-expired"}, "certificate|expired"),
    ("misnamed", {"cert": "alpha-misnamed"}, "alpha2|name|host.?id|authz|identity"),
    ("no-role", {"cert": "alpha-norole"}, "role|usage|certificate"),
    ("destination-only", {"cert": "alpha-destination"}, "role|usage|certificate"),
]
DESTINATIONS = [
    ("other-ca", {"pki": PKI / "other"}, "certificate|ca|trust|verif"),
    ("expired", {"cert": "beta-expired"}, "certificate|expired"),
    ("misnamed", {"cert": "beta-misnamed"}, "beta2|name|host.?id|hostname|identity"),
    ("no-role", {"cert": "beta-norole"}, "role|usage|certificate"),
    ("source-only", {"cert": "beta-source"}, "role|usage|certificate"),
]


def nothing_moved(alpha, beta, pattern):
    check_attempt_failed(alpha, beta, pattern)
    check_equal(alpha.migration()["ram"]["transferred"], 0, "bytes of RAM that moved")


@case(each=[(name, (options, pattern)) for name, options, pattern in SOURCES])
def bad_source_certificate_is_refused_and_the_listener_listens_on(which):
    options, pattern = which
    with lab(wire=True) as the_lab:
        beta = start(the_lab, "beta", 2)
        impostor = start(the_lab, "alpha", 1, autostart=True, **options)
        impostor.wait_reports(2, 60)
        listen(beta)
        set_out(impostor, beta)
        nothing_moved(impostor, beta, pattern)
        impostor.close()
        alpha = start(the_lab, "alpha", 1, autostart=True)
        alpha.wait_reports(2, 60)
        set_out(alpha, beta)
        finish(alpha, beta)
        check_goes_on(beta)


@case(each=[(name, (options, pattern)) for name, options, pattern in DESTINATIONS])
def bad_destination_certificate_is_refused(which):
    options, pattern = which
    with lab(wire=True) as the_lab:
        alpha, beta = pair(the_lab, beta=options)
        listen(beta)
        set_out(alpha, beta)
        nothing_moved(alpha, beta, pattern)


@case
def source_that_is_not_on_the_list_is_refused():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta, "gamma")
        set_out(alpha, beta)
        nothing_moved(alpha, beta, "alpha|authz|list")


@case
def destination_of_another_name_is_refused():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        alpha.set_parameters(tls_hostname="gamma", downtime_limit=2000)
        alpha.execute("migrate", uri=f"tcp:{beta.address}:4444")
        nothing_moved(alpha, beta, "beta|gamma|hostname|name|identity|alert|certificate|closed")


@case
def absent_names_are_refused_by_the_command():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        check_match("tls-hostname", alpha.refused("migrate", uri=f"tcp:{beta.address}:4444"), "migrate without tls-hostname")
        check_match("tls-authz", beta.refused("migrate-incoming", uri="tcp:0:4444"), "migrate-incoming without tls-authz")


@case
def oneself_as_peer_is_refused():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        alpha.set_parameters(tls_hostname="alpha")
        try:
            alpha.execute("migrate", uri=f"tcp:{beta.address}:4444")
        except boards.QmpError as error:
            check_match("alpha|own|self", error.desc, "migrate")
        else:
            info = alpha.wait_status("failed")
            check_match("alpha|own|self|hostname", info.get("error-desc"), "error-desc")
        check_goes_on(alpha)


MISMATCHES = [
    ("ram-size", {}, {"ram_mib": 32}, r"(ram|page).*\b(64|32|16384|8192)\b.*\b(64|32|16384|8192)\b"),
    ("vcpus", {}, {"vcpus": 1}, r"vcpu.*\b[12]\b.*\b[12]\b"),
    ("device", {}, {"config": {"slot.device": 0}}, "edu|device"),
    ("timer", {"cpu": boards.CPU_MAX}, {"cpu": boards.CPU_OLD}, r"timer.*\b\d{8,}\b.*\b\d{8,}\b|CNTFRQ|ID_AA64|MIDR"),
    ("slot-name", {}, {"config": {"slot.name": "other"}}, "flight.*other|other.*flight"),
]


@case(each=[(name, (a, b, pattern)) for name, a, b, pattern in MISMATCHES])
def machine_that_differs_is_refused_at_hello_by_name(which):
    alpha_options, beta_options, pattern = which
    with lab() as the_lab:
        alpha, beta = pair(the_lab, alpha=alpha_options, beta=beta_options)
        listen(beta)
        set_out(alpha, beta)
        nothing_moved(alpha, beta, pattern)


@case(each=[("no-scheme", "10.7.0.2:4444"), ("no-port", "tcp:10.7.0.2"), ("port-0", "tcp:10.7.0.2:0"),
            ("port-70000", "tcp:10.7.0.2:70000"), ("name", "tcp:beta:4444"), ("exec", "exec:cat"), ("empty", ""),
            ("octet", "tcp:10.7.0.256:4444"), ("rest", "tcp:10.7.0.2:4444x")])
def bad_uri_is_refused_by_the_command(uri):
    with lab() as the_lab:
        alpha = start(the_lab, "alpha", 1, autostart=True)
        alpha.set_parameters(tls_hostname="beta")
        check(alpha.refused("migrate", uri=uri), "refused")
        check_equal(alpha.migration()["owner"], "own", "owner")


@case
def parameters_out_of_range_are_refused_and_change_nothing():
    with lab() as the_lab:
        alpha = start(the_lab, "alpha", 1)
        before = alpha.execute("query-migrate-parameters")
        for name, values in (("multifd-channels", (0, 256, 4294967295, -1, "2", 1.5)),
                             ("downtime-limit", (2000001, -1, "x", None)),
                             ("max-bandwidth", (-1, "1", [])),
                             ("x-clock", ("other", 1)),
                             ("tls-hostname", ("x" * 64, 7)),
                             ("x-pause-at-commit", (1, "true"))):
            for value in values:
                try:
                    alpha.qmp.execute("migrate-set-parameters", {name: value})
                except boards.QmpError as error:
                    check_equal(error.qmp_class, "GenericError", "class")
                    check_match(name.replace("-", "[-_ ]"), error.desc, f"{name}={value!r}")
                    continue
                check(False, f"{name}={value!r} was taken")
        check_equal(alpha.execute("query-migrate-parameters"), before, "parameters")


@case
def second_receiver_and_second_source_are_refused_while_one_is_under_way():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        set_out(alpha, beta, max_bandwidth=2 * 1024 * 1024, x_round_min=1000)
        alpha.wait_status("active")
        check(alpha.refused("migrate", uri=f"tcp:{beta.address}:4444"), "second migrate")
        check(alpha.refused("migrate-incoming", uri="tcp:0:4445"), "migrate-incoming on the source")
        check(beta.refused("migrate-incoming", uri="tcp:0:4445"), "second migrate-incoming")
        check(beta.refused("migrate", uri=f"tcp:{alpha.address}:4444"), "migrate on the destination")
        alpha.set_parameters(max_bandwidth=0, x_round_min=0)
        finish(alpha, beta)
        check_guest(all_reports(alpha, beta))

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Migrations that succeed, those that are cancelled, and what both leave behind."""

from harness import (URI_LISTEN, PORT, all_reports, boards, case, check, check_equal, check_goes_on, check_guest, cont,
                     check_match, check_silent, finish, lab, listen, move, pair, set_out, start)

TRACKERS = [("max", {"cpu": boards.CPU_MAX}),
            ("max-write-protect", {"cpu": boards.CPU_MAX, "config": {"dirty-log": "write-protect"}}),
            ("cortex-a57", {"cpu": boards.CPU_OLD})]


@case(each=TRACKERS)
def guest_goes_on_at_the_destination(options):
    with lab() as the_lab:
        alpha, beta = pair(the_lab, **options)
        info, incoming = move(alpha, beta, x_round_min=3)
        check_goes_on(beta, 5)
        gap, faults = boards.join_reports(alpha.reports(), beta.reports())
        check_equal((gap, faults), (0, []), "gap and faults")
        check(info["x-round-count"] >= 3, f"{info['x-round-count']} rounds")
        check(info["ram"]["duplicate"] > 0 and info["ram"]["normal"] > 0, "zero and full pages")
        check(info["vfio"]["transferred"] > 4096, "the device's buffer travelled")
        check_equal(incoming["status"], "completed", "status on beta")
        parts = info["x-downtime"]
        check(parts["total-us"] > 0 and all(value >= 0 for value in parts.values()), f"blackout {parts}")
        check_equal(alpha.execute("query-status"), {"status": "postmigrate", "running": False}, "query-status of alpha")
        check_silent(alpha)


# Nothing but the last round tells what the device wrote: it sends all that the device may write.
ALL_MAPPED = ("all-mapped", {"cpu": boards.CPU_MAX, "config": {"dma-log": "all-mapped"}})


@case(each=[*TRACKERS, ALL_MAPPED])
def ram_is_byte_equal_with_both_vms_stopped_at_commit(options):
    # What the dirty log missed would differ here: the guest writes all the time, by CPU and by DMA.
    with lab() as the_lab:
        alpha, beta = pair(the_lab, shared_ram=True, **options)
        listen(beta, x_pause_at_commit=True)
        set_out(alpha, beta, x_round_min=4, downtime_limit=20000)
        beta.wait_owner("taken", timeout_s=90, every_s=0.1)
        check_equal(alpha.migration()["owner"] in ("given", "gone"), True, "alpha has given the VM away")
        source, destination = alpha.guest_ram(), beta.guest_ram()
        if source != destination:
            pages = [p for p in range(len(source) // 4096) if source[p * 4096:][:4096] != destination[p * 4096:][:4096]]
            check(False, f"{len(pages)} pages differ, gfn offsets {[hex(p) for p in pages[:16]]}")
        check(any(source), "the RAM is not empty")
        beta.execute("cont")
        finish(alpha, beta)
        check_goes_on(beta)
        check_equal(boards.join_reports(alpha.reports(), beta.reports()), (0, []), "gap and faults")


@case(each=TRACKERS)
def dirty_log_reports_what_the_guest_writes(options):
    # Every page of the working set is written again and again: each round must find at least that many dirty.
    with lab() as the_lab:
        alpha, beta = pair(the_lab, **options)
        before = alpha.reports()[-1]
        info, _ = move(alpha, beta, x_round_min=5, max_bandwidth=16 * 1024 * 1024)
        for r in info["x-rounds"][:-1]:
            check(r["dirty"] > 0, f"round {r['round']} of {r['us']} us found nothing dirty; guest at {before}")
        check_guest(check_goes_on(beta))


@case
def host_that_was_switched_on_after_the_vm_can_take_it():
    # Its counter is behind the guest's: a "negative" CNTVOFF.
    with lab() as the_lab:
        alpha = start(the_lab, "alpha", 1, autostart=True)
        check_guest(alpha.wait_reports(10, 60))
        beta = start(the_lab, "beta", 2)
        move(alpha, beta)
        check_goes_on(beta)
        move(beta, alpha)
        check_goes_on(alpha)
        check_guest(all_reports(alpha, beta))


@case(timeout_s=900)
def vm_goes_there_and_back_ten_times():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        for n in range(10):
            for source, destination in ((alpha, beta), (beta, alpha)):
                _, incoming = move(source, destination)
                check_goes_on(destination)
        check_guest(all_reports(alpha, beta))
        check_equal(incoming["gen"], 21, "gen after twenty owners")


@case
def cancel_in_the_middle_keeps_the_vm():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        listen(beta)
        set_out(alpha, beta, max_bandwidth=2 * 1024 * 1024, x_round_min=1000)
        alpha.wait_migration(lambda i: i["status"] == "active" and i["ram"]["transferred"] > 0, "under way")
        alpha.execute("migrate_cancel")
        info = alpha.wait_status("cancelled")
        check_equal(info["owner"], "own", "owner on alpha")
        check_goes_on(alpha)
        # The destination is clean: the next attempt succeeds.
        beta.wait_migration(lambda i: i["owner"] in ("none", "void"), "clean")
        if beta.migration()["status"] != "setup":
            alpha.execute("migrate_cancel")	# nothing to cancel: no error, as QEMU
        set_out(alpha, beta, x_round_min=0)
        finish(alpha, beta)
        check_goes_on(beta)
        check_guest(all_reports(alpha, beta))


@case
def cancel_before_anything_answers_keeps_the_vm():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        set_out(alpha, beta)			# nobody listens on beta
        alpha.execute("migrate_cancel")
        info = alpha.wait_status("cancelled", "failed")
        check_equal(info["owner"], "own", "owner on alpha")
        check_goes_on(alpha)


@case
def nobody_listening_is_a_failure_with_a_reason():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        set_out(alpha, beta)
        info = alpha.wait_status("failed")
        check(info.get("error-desc"), "there is an error-desc")
        check_goes_on(alpha)


@case
def a_host_that_gave_the_vm_away_refuses_to_run_it():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        move(alpha, beta)
        check_match("gone|away|owner", alpha.refused("cont"), "cont")
        check_match("gone|owner|support", alpha.refused("system_reset"), "system_reset")
        check_match("gone|own|vm", alpha.refused("migrate", uri=f"tcp:{beta.address}:{PORT}"), "migrate")
        alpha.say("cont")
        alpha.wait_line(r"Error: ")
        check_silent(alpha)
        check_goes_on(beta)


@case
def the_owner_refuses_to_receive_its_own_vm():
    with lab() as the_lab:
        alpha, _ = pair(the_lab)
        check_match("own", alpha.refused("migrate-incoming", uri=URI_LISTEN), "migrate-incoming")


@case
def migration_events_follow_the_status():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        events = len(alpha.qmp.events)
        move(alpha, beta, x_round_min=3)
        told = alpha.qmp.events[events:]
        statuses = [e["data"]["status"] for e in told if e["event"] == "MIGRATION"]
        check_equal(statuses, ["setup", "active", "device", "completed"], "statuses of alpha")
        passes = [e["data"]["pass"] for e in told if e["event"] == "MIGRATION_PASS"]
        check(len(passes) >= 3 and passes == sorted(set(passes)), f"passes {passes}")
        names = [e["event"] for e in told]
        check_equal(names.count("STOP"), 1, "STOP events")
        check_equal(names.count("RESUME"), 0, "RESUME events")
        check_equal([e["event"] for e in beta.qmp.events].count("RESUME"), 1, "RESUME on beta")


@case
def a_paused_vm_arrives_paused():
    with lab() as the_lab:
        alpha, beta = pair(the_lab)
        alpha.execute("stop")
        last = alpha.reports()[-1]["n"]
        move(alpha, beta)
        check_equal(beta.execute("query-status")["running"], False, "running on beta")
        cont(beta)
        check_equal(check_goes_on(beta)[0]["n"], last + 1, "first report on beta")

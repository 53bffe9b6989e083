#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
The demo: two boards, a guest that counts, writes memory and drives a PCIe device by DMA on the first, moved to the
second while it runs. Shows the way, checks the guest on the other side, and writes build/demo/report.json and
build/demo/timeline.svg. Exit status 0 only if every check holds.
"""

import argparse
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import godwit_boards as boards		# noqa: E402
import timeline				# noqa: E402

MIB = 1024 * 1024
PORT = 4444
BOOT_TIMEOUT_S = 60.0
REPORTS_BEFORE = 6
REPORTS_AFTER = 12
PARTS = ("stop", "device", "last_pages", "vm_state", "load", "commit", "run")
PART_WORDS = {
    "stop": "vCPUs stopped, interrupts drained",
    "device": "edu: quiesced and read out",
    "last_pages": "last dirty pages sent and placed",
    "vm_state": "vCPUs, GIC, timer, UART saved and sent",
    "load": "loaded, validated, digest READY",
    "commit": "COMMIT to TAKEN",
    "run": "vCPUs and device running there",
}


class CheckFailed(Exception):
    pass


def check(truth, text):
    if not truth:
        raise CheckFailed(text)


class Progress:
    """One line that is drawn again on a terminal, a line every two seconds elsewhere."""

    def __init__(self, stream):
        self.stream = stream
        self.tty = stream.isatty()
        self.last_text = ""
        self.last_time = 0.0
        self.last_round = -1

    def show(self, info):
        ram = info["ram"]
        number = info.get("x-round-count", 0) + 1
        text = (f"  {info['status']:<9} round {number:>2}  sent {ram['transferred'] / MIB:7.1f} MiB  "
                f"remaining {ram['remaining'] / MIB:6.1f} MiB  {ram['mbps'] / 8:6.1f} MB/s  "
                f"forecast {info.get('expected-downtime', 0)} ms, {info.get('x-forecast', '')}")
        now = time.monotonic()
        if self.tty:
            self.stream.write("\r" + text[:118].ljust(118))
        elif number != self.last_round or now - self.last_time > 2.0:
            self.stream.write(text.rstrip(", ") + "\n")
        else:
            return
        self.stream.flush()
        self.last_time, self.last_round = now, number

    def end(self):
        if self.tty:
            self.stream.write("\n")
            self.stream.flush()


def say(text):
    print(text, flush=True)


def wait_guest(board, count, timeout_s):
    reports = board.wait_reports(count, timeout_s)
    faults = boards.report_faults(reports)
    check(not faults, f"guest on {board.name}: {'; '.join(faults[:4])}")
    return reports


def rounds_of(info):
    return [{"round": r["round"], "pages": r["pages"], "zero": r["zero"], "bytes": r["bytes"], "us": r["us"],
             "dirty": r["dirty"]} for r in info.get("x-rounds", [])]


def run(args, out):
    began = time.monotonic()
    with boards.Lab("demo") as lab:
        alpha = lab.board("alpha", number=1, flash=True, autostart=True, cpu=args.cpu, pki=args.pki)
        beta = lab.board("beta", number=2, flash=True, cpu=args.cpu, pki=args.pki)
        say(f"demo: two boards ({args.cpu.split(',')[0]}), a private link, 64 MiB and 2 vCPUs for the guest, one edu each")
        beta.start()
        alpha.start()
        alpha.negotiate()
        beta.negotiate()
        wait_guest(alpha, REPORTS_BEFORE, BOOT_TIMEOUT_S)
        say(f"demo: guest runs on alpha: {describe(alpha.reports()[-1])}")

        # Patient with a busy machine under the boards; the network itself is as quick as memory.
        patience = {"x_link_timeout": 10000, "x_handover_timeout": 30000}
        beta.set_parameters(tls_authz="alpha", **patience)
        beta.execute("migrate-incoming", uri=f"tcp:0:{PORT}")
        alpha.set_parameters(tls_hostname="beta", downtime_limit=args.downtime_limit, max_bandwidth=args.bandwidth * MIB,
                             x_round_min=args.rounds, **patience)
        say(f"demo: migrate tcp:{beta.address}:{PORT}   (downtime-limit {args.downtime_limit} ms, "
            f"max-bandwidth {args.bandwidth} MiB/s)")
        progress = Progress(sys.stdout)
        alpha.execute("migrate", uri=f"tcp:{beta.address}:{PORT}")
        try:
            info = alpha.wait_status("completed", "failed", "cancelled", timeout_s=args.timeout, on_info=progress.show)
        finally:
            progress.end()
        check(info["status"] == "completed", f"migration {info['status']}: {info.get('error-desc', 'no reason given')}")

        after = beta.wait_reports(REPORTS_AFTER, BOOT_TIMEOUT_S)
        info = alpha.wait_owner("gone", timeout_s=30)
        incoming = beta.wait_owner("own", timeout_s=30)
        before = alpha.reports()
        gap, faults = boards.join_reports(before, after)

        report = make_report(info, incoming, before, after, gap, alpha, beta)
        (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        title = f"Godwit: 64 MiB guest in {report['rounds']} rounds, stopped for {report['downtime_ms']} ms"
        (out / "timeline.svg").write_text(timeline.draw(report["rounds_detail"], report["downtime_us"], title))
        show(report, before, after)

        check(not faults, "guest: " + "; ".join(faults[:4]))
        check(gap == 0, f"guest reports: gap of {gap} between n={before[-1]['n']} and n={after[0]['n']}")
        check(report["rounds"] >= args.rounds, f"{report['rounds']} rounds, wanted at least {args.rounds}")
        still = boards.standing_still(after[len(after) // 2:])
        check(not still, f"on beta these stand still: {', '.join(still)}; last report: {after[-1]}")
        check(report["source_status"] == "postmigrate", f"alpha is {report['source_status']}, not postmigrate")
        check(report["destination_status"] == "running", f"beta is {report['destination_status']}, not running")
        refusal = alpha.refused("cont")
        say(f"demo: cont on alpha is refused: {refusal}")
        report["seconds"] = round(time.monotonic() - began, 1)
        (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        return report


def describe(report):
    return (f"report {report['n']}, counters {report['counter0']} and {report['counter1']}, "
            f"{report.get('pages', 0)} pages, {report['dma_done']} DMA transfers, {report.get('sgi', 0)} SGIs")


def make_report(info, incoming, before, after, gap, alpha, beta):
    parts = info.get("x-downtime", {})
    parts_us = {name: parts.get(name.replace("_", "-") + "-us", 0) for name in PARTS}
    errors = {field: after[-1].get(field, 0) for field in boards.ERROR_FIELDS}
    return {
        "status": info["status"],
        "rounds": info.get("x-round-count", 0),
        "total_ms": info["total-time"],
        "setup_ms": info.get("setup-time", 0),
        "downtime_ms": info.get("downtime", 0),
        "forecast_ms": info.get("expected-downtime", 0),
        "downtime": {name: round(value / 1000, 3) for name, value in parts_us.items()},
        "downtime_us": parts_us,
        "bytes": info["ram"]["transferred"],
        "pages": info["ram"]["normal"],
        "zero_pages": info["ram"]["duplicate"],
        "device_bytes": info.get("vfio", {}).get("transferred", 0),
        "source_status": alpha.execute("query-status")["status"],
        "destination_status": beta.execute("query-status")["status"],
        "source_owner": info["owner"],
        "destination_owner": incoming["owner"],
        "gen": incoming["gen"],
        "guest": {
            "counter_before": before[-1]["n"],
            "counter_after": after[0]["n"],
            "gap": gap,
            "checksum_errors": errors["checksum_errors"],
            "dma_errors": errors["dma_errors"],
            "sgi_errors": errors["sgi_errors"],
            "time_errors": errors["time_errors"],
            "fp_errors": errors["fp_errors"],
            "before": before[-1],
            "after": after[0],
            "last": after[-1],
        },
        "rounds_detail": rounds_of(info),
    }


def show(report, before, after):
    say("")
    say(f"  {'':10}{'report':>8}{'counter0':>12}{'counter1':>12}{'DMA':>8}{'SGI':>9}{'errors':>8}")
    for name, r in (("alpha, last", before[-1]), ("beta, first", after[0]), ("beta, now", after[-1])):
        errors = sum(r.get(field, 0) for field in boards.ERROR_FIELDS)
        say(f"  {name:<12}{r['n']:>6}{r['counter0']:>12}{r['counter1']:>12}{r['dma_done']:>8}{r.get('sgi', 0):>9}{errors:>8}")
    say("")
    say("  where the blackout went          ms")
    for name in PARTS:
        say(f"  {name.replace('_', ' '):<12}{report['downtime_us'][name] / 1000:>22.1f}   {PART_WORDS[name]}")
    total = sum(report["downtime_us"].values())
    say(f"  {'together':<12}{total / 1000:>22.1f}   (query-migrate: {report['downtime_ms']} ms, forecast {report['forecast_ms']} ms)")
    say("")


def main():
    parser = argparse.ArgumentParser(description="Move a running guest between two boards.")
    parser.add_argument("--out", default=str(boards.ROOT / "build" / "demo"))
    parser.add_argument("--pki", default=str(boards.ROOT / "build" / "pki"))
    parser.add_argument("--cpu", default=boards.CPU_MAX)
    parser.add_argument("--rounds", type=int, default=3, help="at least that many rounds")
    parser.add_argument("--bandwidth", type=int, default=32, help="max-bandwidth in MiB/s")
    parser.add_argument("--downtime-limit", type=int, default=2000, help="ms")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds for the migration")
    args = parser.parse_args()
    boards.end_on_signals()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("report.json", "timeline.svg"):
        (out / name).unlink(missing_ok=True)
    try:
        report = run(args, out)
    except (CheckFailed, boards.BoardError, boards.QmpError) as error:
        print(f"\ndemo: FAILED: {error}", file=sys.stderr)
        print("demo: consoles are in build/demo/*.log", file=sys.stderr)
        return 1
    guest = report["guest"]
    say(f"demo: ok in {report['seconds']:.0f} s: {report['rounds']} rounds, {report['bytes'] / MIB:.1f} MiB, stopped for "
        f"{report['downtime_ms']} ms, gap {guest['gap']}, 0 errors; build/demo/timeline.svg, build/demo/report.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
The demo with an unmodified Linux as the guest: boots Debian's kernel on the first board, with memory, CPU and timer load,
a shell on its console and a TCP connection through its own e1000e to a Linux outside, and moves it to the second. Writes
build/demo/linux.json and build/demo/linux.svg. Exit status 0 only if every check holds.
"""

import argparse
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import demo				# noqa: E402
import godwit_boards as boards		# noqa: E402
import godwit_linux as linux		# noqa: E402
import timeline				# noqa: E402
from demo import MIB, PART_WORDS, PARTS, PORT, check, say	# noqa: E402

BOOT_TIMEOUT_S = 90.0
BOOT_RATIO_MAX = 2.5
REPORTS_BEFORE, REPORTS_AFTER = 4, 6
STREAMS = 3
CLOCK_TOLERANCE_MS = 1500		# lines come late from a busy machine
# Of the kernel's own words, those that tell the machine it found; --console shows all.
SHOWN = re.compile(r"Linux version|Machine model|psci: PSCI|Address auth|GICv3: \d+ SPI|arch_timer|smp: Brought|ttyAMA0|Run /init|"
                   r"guest: (?!\[)")


def follow(board, everything):
    """Show the guest's console as it comes."""
    take = board.on_console

    def on_console(line):
        if line is not None and line.startswith("guest: ") and (everything or SHOWN.search(line)):
            say(f"  {board.name}| {line.removeprefix('guest: ')[:140]}")
        take(line)
    board.on_console = on_console


def ask(board):
    """What the guest's shell says of itself."""
    match = linux.shell(board, "echo up=$(cut -d. -f1 /proc/uptime) date=$(date +%s) cpus=$(nproc) load=$(cut -d' ' -f1 /proc/loadavg)",
                        r"guest: .*up=(\d+) date=(\d+) cpus=(\d+) load=(\S+)", 30)
    return {"uptime_s": int(match[1]), "date_s": int(match[2]), "cpus": int(match[3]), "load": match[4]}


def migrate(alpha, beta, args):
    patience = {"x_link_timeout": 10000, "x_handover_timeout": 30000}
    beta.set_parameters(tls_authz="alpha", **patience)
    beta.execute("migrate-incoming", uri=f"tcp:0:{PORT}")
    alpha.set_parameters(tls_hostname="beta", downtime_limit=args.downtime_limit, max_bandwidth=args.bandwidth * MIB,
                         x_round_min=args.rounds, **patience)
    progress = demo.Progress(sys.stdout)
    alpha.execute("migrate", uri=f"tcp:{beta.address}:{PORT}")
    try:
        info = alpha.wait_status("completed", "failed", "cancelled", timeout_s=args.timeout, on_info=progress.show)
    finally:
        progress.end()
    check(info["status"] == "completed", f"migration {info['status']}: {info.get('error-desc', 'no reason given')}")
    info = alpha.wait_owner("gone", timeout_s=30)
    beta.wait_owner("own", timeout_s=30)
    return info


def clock_check(before, after, downtime_ms):
    """The guest's clock went on as the world's did, but for the blackout at most."""
    guest_ms = after["mono_ms"] - before["mono_ms"]
    host_ms = (after["at"] - before["at"]) * 1000
    check(abs(host_ms - guest_ms) <= downtime_ms + CLOCK_TOLERANCE_MS,
          f"its clock went on by {guest_ms} ms in {host_ms:.0f} ms, stopped for {downtime_ms} ms")
    return {"guest_ms": guest_ms, "host_ms": round(host_ms)}


def show(report):
    say("")
    say("  where the blackout went          ms")
    for name in PARTS:
        say(f"  {name.replace('_', ' '):<12}{report['downtime_us'][name] / 1000:>22.1f}   "
            f"{PART_WORDS[name].replace('edu', 'e1000e')}")
    say(f"  {'together':<12}{sum(report['downtime_us'].values()) / 1000:>22.1f}   (forecast {report['forecast_ms']} ms)")
    say("")


def run(args, out):
    began = time.monotonic()
    say("demo: the same kernel on the bare board first, for its time to init")
    bare_s = linux.bare_uptime(args.vcpus)
    with boards.Lab("demo") as lab, linux.Network(lab) as net:
        shape = {"vcpus": args.vcpus, "cpu": args.cpu, "pki": args.pki, "extra": net.words()}
        alpha = lab.board("alpha", number=1, autostart=True, **linux.options(**shape, **net.options("alpha")))
        beta = lab.board("beta", number=2, **linux.options(**shape, **net.options("beta")))
        for board in (alpha, beta):
            follow(board, args.console)
        say(f"demo: two boards ({args.cpu.split(',')[0]}), a private link, {linux.RAM_MIB} MiB, {args.vcpus} vCPUs and an "
            f"e1000e for Linux, another Linux at the end of its wire ({net.PEER})")
        beta.start()
        alpha.start()
        alpha.negotiate()
        beta.negotiate()
        linux.wait_up(alpha, BOOT_TIMEOUT_S)
        ratio = alpha.uptime / bare_s
        say(f"demo: Linux {alpha.kernel} at init after {alpha.uptime:.2f} s of uptime, on the bare board {bare_s:.2f} s: {ratio:.2f}")
        before = linux.wait_reports(alpha, REPORTS_BEFORE, BOOT_TIMEOUT_S)
        linux.wait_streams(alpha, STREAMS, BOOT_TIMEOUT_S)
        told_before = ask(alpha)
        say(f"demo: migrate tcp:{beta.address}:{PORT}   (downtime-limit {args.downtime_limit} ms, "
            f"max-bandwidth {args.bandwidth} MiB/s)")
        info = migrate(alpha, beta, args)
        after = linux.wait_reports(beta, REPORTS_AFTER, BOOT_TIMEOUT_S)
        linux.wait_streams(beta, STREAMS, BOOT_TIMEOUT_S)
        told_after = ask(beta)
        streams = linux.streams(alpha, beta)
        everything = linux.reports(alpha, beta)

        parts = info.get("x-downtime", {})
        report = {
            "kernel": alpha.kernel, "vcpus": args.vcpus, "uptime_at_init_s": alpha.uptime, "bare_uptime_at_init_s": bare_s,
            "rounds": info.get("x-round-count", 0), "total_ms": info["total-time"], "downtime_ms": info.get("downtime", 0),
            "forecast_ms": info.get("expected-downtime", 0),
            "downtime_us": {name: parts.get(name.replace("_", "-") + "-us", 0) for name in PARTS},
            "bytes": info["ram"]["transferred"], "rounds_detail": demo.rounds_of(info),
            "clock": clock_check(before[0], after[-1], info.get("downtime", 0)),
            "shell_before": told_before, "shell_after": told_after, "last": everything[-1], "stream": streams[-1],
            "stream_slowest_ms": max(one["slowest_ms"] for one in streams),
            "complaints": linux.complaints(alpha, beta),
        }
        title = f"Godwit: Linux, {linux.RAM_MIB} MiB, in {report['rounds']} rounds, stopped for {report['downtime_ms']} ms"
        (out / "linux.svg").write_text(timeline.draw(report["rounds_detail"], report["downtime_us"], title))
        show(report)

        check(not report["complaints"], "; ".join(report["complaints"][:4]))
        faults = linux.faults(everything)
        check(not faults, "; ".join(faults[:4]))
        lost = [b["n"] for a, b in zip(streams, streams[1:]) if b["n"] != a["n"] + 1 or b["blocks"] < a["blocks"]]
        check(not lost, f"the TCP stream told something twice, or not, before {lost}")
        check(streams[-1]["errors"] == 0, f"the TCP stream: {streams[-1]}")
        still = linux.standing_still(after[len(after) // 2 - 1:])
        check(not still, f"on beta these stand still: {', '.join(still)}")
        check(told_before["cpus"] == told_after["cpus"] == args.vcpus, f"CPUs: {told_before} then {told_after}")
        check(told_after["date_s"] - told_before["date_s"] in range(told_after["uptime_s"] - told_before["uptime_s"] - 1,
              told_after["uptime_s"] - told_before["uptime_s"] + 2), f"date and uptime part: {told_before}, {told_after}")
        check(ratio <= BOOT_RATIO_MAX, f"Linux took {ratio:.2f} times as long to init as on the bare board")
        say(f"demo: cont on alpha is refused: {alpha.refused('cont')}")
        beta.type("poweroff -f")
        beta.wait_line(r"vm flight: guest powered off", 30)
        report["seconds"] = round(time.monotonic() - began, 1)
        (out / "linux.json").write_text(json.dumps(report, indent=2) + "\n")
        return report


def main():
    parser = argparse.ArgumentParser(description="Move a running Linux between two boards.")
    parser.add_argument("--out", default=str(boards.ROOT / "build" / "demo"))
    parser.add_argument("--pki", default=str(boards.ROOT / "build" / "pki"))
    parser.add_argument("--cpu", default=boards.CPU_MAX)
    parser.add_argument("--vcpus", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2, help="at least that many rounds")
    parser.add_argument("--bandwidth", type=int, default=32, help="max-bandwidth in MiB/s")
    parser.add_argument("--downtime-limit", type=int, default=12000, help="ms; it takes that only on a machine that is busy under the boards")
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for the migration")
    parser.add_argument("--console", action="store_true", help="show all that the guest prints")
    args = parser.parse_args()
    boards.end_on_signals()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("linux.json", "linux.svg"):
        (out / name).unlink(missing_ok=True)
    try:
        report = run(args, out)
    except (demo.CheckFailed, boards.BoardError, boards.QmpError) as error:
        print(f"\ndemo: FAILED: {error}", file=sys.stderr)
        print("demo: consoles are in build/demo/*.log", file=sys.stderr)
        return 1
    clock = report["clock"]
    stream = report["stream"]
    say(f"demo: one TCP connection, {stream['bytes'] / MIB:.1f} MiB there and back, {stream['errors']} words wrong, longest wait "
        f"{report['stream_slowest_ms']} ms")
    say(f"demo: ok in {report['seconds']:.0f} s: Linux moved in {report['rounds']} rounds, {report['bytes'] / MIB:.1f} MiB, stopped for "
        f"{report['downtime_ms']} ms, {report['last']['n']} reports without a gap or error, clock {clock['guest_ms']} of "
        f"{clock['host_ms']} ms; build/demo/linux.json, build/demo/linux.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())

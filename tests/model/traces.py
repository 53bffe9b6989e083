#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Has spin accept the hand-over traces of some simulated runs, and refuse the same traces with one event altered.

usage: traces.py SIM [SEED ...]

SIM is build/host-fast/tests/sim/sim. Each run's trace becomes Promela (tests/model/trace.pml), which takes its steps by the table of
migration/handover.def. Alterations of every trace: an event becomes one that the table does not list there; a step is left out; a
message is obeyed before it was sent. build/results/model-traces.txt gets "passed failed".
"""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path("tests/model")
BUILD = pathlib.Path("build/model/traces")
SEEDS = [2, 3, 4, 7, 9, 11, 16, 22, 42, 57, 100, 123]
HONEST = "0xf7ffffff"  # without the peer that lies behind the seal
STATES = ["NONE", "OWN", "PREPARING", "HELD", "GIVEN", "GONE", "LOADING", "READY", "VOID", "TAKEN", "UNKNOWN"]
STEPS_MAX = 1500
# What must have been sent before an event is posted.
MESSAGES = {e: [f"SEND_{e}"] for e in ("PREPARE", "PREPARED", "COMMIT", "TAKEN", "RUNNING", "RETIRED", "SETTLED", "ABORT", "DECLINED",
                                       "UNKNOWN")}
MESSAGES.update(READY_EQUAL=["SEND_READY"], READY_DIFFERS=["SEND_READY"],
                # After a lost link an ABORT is asked for by STATUS first.
                STATUS=["SEND_STATUS", "SEND_ABORT"], OLD_QUESTION=["SEND_STATUS", "SEND_ABORT", "SEND_COMMIT"])


def table():
    text = re.sub(r"/\*.*?\*/", "", pathlib.Path("migration/handover.def").read_text(encoding="utf-8"), flags=re.S)
    events = re.findall(r"^HANDOVER_EVENT\((\w+)\)", text, re.M)
    actions = re.findall(r"^HANDOVER_ACTION\((\w+)\)", text, re.M)
    arcs = [tuple(x.strip() for x in m.split(",")) for m in re.findall(r"^HANDOVER_ARC\(([^)]*)\)", text, re.M)]
    return events, actions, {(a[0], a[1], a[2]): a[3:] for a in arcs}


EVENTS, ACTIONS, ARCS = table()


def names():
    bits = {a: 1 << i for i, a in enumerate(a for a in ACTIONS if a.startswith("SEND_"))}
    out = [f"#define OWNER_{s} {i}" for i, s in enumerate(STATES)]
    out += [f"#define EV_{e} {i}" for i, e in enumerate(EVENTS)]
    out += [f"#define DO_{a} {bits.get(a, 0)}" for a in ["NONE"] + ACTIONS]
    out += ["#define SIDE_SRC 0", "#define SIDE_DST 1", "#define BOOT 0", "#define STEP 1", "#define ANSWER 2", "#define ATTEMPTS 64"]
    need = [(EVENTS.index(e), sum(bits[s] for s in sends)) for e, sends in MESSAGES.items()]
    expression = "0"
    for e, n in need:
        expression = f"((e) == {e} -> {n} : {expression})"
    out.append(f"#define NEED(e) {expression}")
    return "\n".join(out) + "\n"


def steps_text(steps):
    out = [f"#define STEPS {len(steps)}"]
    for field in ("kind", "host", "side", "event", "attempt", "next"):
        out.append(f"byte t_{field}[{max(len(steps), 1)}];")
    out.append("inline trace_load()\n{\n\td_step {")
    for i, s in enumerate(steps):
        for field, value in zip(("kind", "host", "side", "event", "attempt", "next"), s):
            if value:
                out.append(f"\t\tt_{field}[{i}] = {value};")
    out.append("\t\tskip\n\t}\n}")
    return "\n".join(out) + "\n"


def read_trace(sim, seed):
    file = BUILD / f"seed-{seed}.trace"
    run = subprocess.run([sim, "--seed", str(seed), "--mask", HONEST, "--trace", str(file)], stdout=subprocess.DEVNULL, check=False,
                         timeout=120)
    if run.returncode != 0:
        return []
    out = []
    for line in file.read_text(encoding="utf-8").splitlines():
        w = line.split()
        if w[0] == "B":
            out.append((0, int(w[1]), 0, 0, 0, STATES.index(w[2])))
        elif w[0] == "S":
            out.append((1, int(w[1]), int(w[2] == "DST"), EVENTS.index(w[4]), int(w[3]), STATES.index(w[5])))
        elif w[0] == "A":
            out.append((2, int(w[1]), 1, EVENTS.index(w[3]), int(w[2]), STATES.index(w[4])))
    return out[:STEPS_MAX]


def states_before(steps):
    own, out = [0, 0, 0], []
    for s in steps:
        state = own[s[1]]
        out.append(STATES[0 if STATES[state] == "VOID" and EVENTS[s[3]] == "HELLO" else state])
        if s[0] != 2:
            own[s[1]] = s[5]
    return out


def needed(steps, at, state):
    """Whether the next step of the same host is another one, or none, without this one."""
    later = [s for s in steps[at + 1:] if s[1] == steps[at][1] and s[0] != 2]
    if not later or later[0][0] != 1:
        return False
    _, _, side, event, _, to = later[0]
    arc = ARCS.get((("SRC", "DST")[side], state, EVENTS[event]))
    return (arc is None or STATES.index(arc[0]) != to) and not (state == "VOID" and EVENTS[event] == "HELLO")


def alterations(steps, seed):
    """(name, steps): each with one thing that never happened."""
    before = states_before(steps)
    real = [i for i, s in enumerate(steps) if s[0] == 1]
    out = []
    if not real:
        return out
    at = real[seed * 7 % len(real)]
    side = ("SRC", "DST")[steps[at][2]]
    other = next(e for k in range(len(EVENTS)) for e in [EVENTS[(seed + k) % len(EVENTS)]] if (side, before[at], e) not in ARCS)
    changed = list(steps)
    changed[at] = steps[at][:3] + (EVENTS.index(other),) + steps[at][4:]
    out.append((f"step {at} is {other} in {before[at]}", changed))
    moves = [i for i in real if STATES[steps[i][5]] != before[i]]
    missed = [i for i in moves if needed(steps, i, before[i])]
    if missed:
        at = missed[seed % len(missed)]
        out.append((f"step {at}, {EVENTS[steps[at][3]]}, is missing", steps[:at] + steps[at + 1:]))
    commits = [i for i in real if EVENTS[steps[i][3]] == "COMMIT"]
    if commits:
        at = commits[0]
        given = max(i for i in real if i < at and EVENTS[steps[i][3]] == "READY_EQUAL")
        out.append((f"COMMIT, step {at}, before it was sent", steps[:given] + [steps[at]] + steps[given:at] + steps[at + 1:]))
    return out


def spin(name, steps):
    """True: accepted. None: spin or the compiler failed."""
    where = BUILD / re.sub("[^a-z0-9]+", "-", name.lower())
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    shutil.copy(HERE / "trace.pml", where)
    (where / "trace_names.h").write_text(names(), encoding="utf-8")
    (where / "trace_steps.h").write_text(steps_text(steps), encoding="utf-8")
    root = pathlib.Path.cwd()
    # The simulation of spin itself: a straight line needs no search.
    run = subprocess.run(["spin", f"-E-I{root}", "-E-I.", f"-u{len(steps) * 400 + 10000}", "trace.pml"], cwd=where, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False, timeout=120)
    text = run.stdout.decode("utf-8", "replace")
    (where / "log").write_text(text, encoding="utf-8")
    if "assertion violated" in text:
        return False
    return True if "accepted" in text and run.returncode == 0 else None


def one_seed(sim, seed):
    lines, failed = [], 0
    steps = read_trace(sim, seed)
    verdict = spin(f"seed {seed}", steps) if steps else None
    failed += verdict is not True
    lines.append(f"  {'ok  ' if verdict else 'FAIL'} trace of seed {seed}: {len(steps)} steps{'' if verdict else ', not accepted'}")
    for k, (what, altered) in enumerate(alterations(steps, seed)):
        verdict = spin(f"seed {seed} altered {k}", altered)
        failed += verdict is not False
        lines.append(f"  {'ok  ' if verdict is False else 'FAIL'} trace of seed {seed} altered: {what}: "
                     f"{'refused' if verdict is False else 'not refused'}")
    return lines, failed


def main():
    sim = sys.argv[1]
    seeds = [int(s) for s in sys.argv[2:]] or SEEDS
    BUILD.mkdir(parents=True, exist_ok=True)
    count = failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for lines, bad in pool.map(lambda seed: one_seed(sim, seed), seeds):
            print("\n".join(lines), flush=True)
            count += len(lines)
            failed += bad
    results = pathlib.Path("build/results")
    results.mkdir(parents=True, exist_ok=True)
    (results / "model-traces.txt").write_text(f"{count - failed} {failed}\n", encoding="utf-8")
    print(f"model-traces: {count - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

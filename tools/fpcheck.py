#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Proves that EL2 code on a vCPU's core leaves the guest's FP/SIMD registers alone.

  fpcheck.py --map MAP --calls FILE --general "OBJECT..." ELF

First: no instruction of a general-register object names an FP/SIMD register, except in the functions that save and
load them ("fpsimd" lines of FILE). Second: whatever a vCPU's core may run, starting at the "vcpu" lines of FILE, lies
in those objects. Indirect calls go where the "calls" lines say.
"""

import argparse
import bisect
import re
import subprocess
import sys

import callhints
import linkmap

HEADER = re.compile(r"^([0-9a-f]+) <(.+)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
TARGET = re.compile(r"\b([0-9a-f]+) <[^>]*>")
FP_REGISTER = re.compile(r"(?<![\w.#])(?:[vqdshbz]\d{1,2}|p\d{1,2}|fpcr|fpsr)(?![\w])")
ENDS = {"ret", "br", "b", "eret", "retaa", "retab", "eretaa", "eretab", "udf", "braa", "brab"}
INDIRECT = {"blr", "br", "blraa", "blrab", "braa", "brab", "blraaz", "braaz"}


def disassemble(objdump, files):
    """Yields (file, function, address, mnemonic, operands)."""
    listing = subprocess.Popen([objdump, "-d", "--no-show-raw-insn", *files], stdout=subprocess.PIPE, text=True)
    name = file = None
    for line in listing.stdout:
        line = line.rstrip("\n")
        if ":     file format" in line:
            file = line.split(":     file format")[0]
            continue
        header = HEADER.match(line)
        if header:
            name = header.group(2)
            continue
        match = LINE.match(line)
        if match and name:
            yield file, name, int(match.group(1), 16), match.group(2), match.group(3).split("//")[0]
    if listing.wait() != 0:
        sys.exit("fpcheck: objdump failed")


def uses_fp(mnemonic, operands):
    return not mnemonic.startswith(".") and FP_REGISTER.search(TARGET.sub("", operands)) is not None


def offenders(objdump, objects, hints):
    """Lines that name functions of general-register objects which use FP/SIMD registers."""
    found = {}
    for file, name, address, mnemonic, operands in disassemble(objdump, objects):
        if uses_fp(mnemonic, operands) and not any(callhints.matches(name, pattern) for pattern in hints.fpsimd):
            found.setdefault((file, name), f"{address:x}: {mnemonic} {operands.strip()}")
    return [f"{file}: {name}: uses an FP/SIMD register ({what})" for (file, name), what in sorted(found.items())]


class Image:
    """The functions of the image, by address: whom they branch to, and whether through a pointer."""

    def __init__(self, objdump, elf):
        self.at = {}
        self.branches = {}
        self.indirect = set()
        starts, order, last = {}, [], {}
        for _, name, address, mnemonic, operands in disassemble(objdump, [elf]):
            if name not in starts:
                starts[name] = address
                order.append(name)
                self.branches[name] = set()
            target = TARGET.search(operands)
            if target and (mnemonic in ("b", "bl") or mnemonic.startswith(("b.", "cb", "tb"))):
                self.branches[name].add(int(target.group(1), 16))
            if mnemonic in INDIRECT:
                self.indirect.add(name)
            if mnemonic != "nop":       # padding
                last[name] = mnemonic
        self.starts = starts
        self.sorted = sorted((address, name) for name, address in starts.items())
        for (_, name), (following, _) in zip(self.sorted, self.sorted[1:]):
            if last.get(name) not in ENDS:
                self.branches[name].add(following)

    def function(self, address):
        i = bisect.bisect_right(self.sorted, (address, "\x7f")) - 1
        return self.sorted[i][1] if i >= 0 else None


class Places:
    """Which object an address came from."""

    def __init__(self, path):
        self.rows = sorted((address, size, obj) for _, _, address, size, obj in linkmap.pieces(path))

    def object(self, address):
        i = bisect.bisect_right(self.rows, (address, 1 << 64, "")) - 1
        if i >= 0 and address < self.rows[i][0] + self.rows[i][1]:
            return self.rows[i][2]
        return "?"


def reachable(image, places, general, hints):
    """Complaints about what the vCPU entries reach, and how many functions they reach."""
    wrong, came_from = [], {}
    todo = []
    for pattern in hints.vcpu:
        starts = [name for name in image.starts if callhints.matches(name, pattern)]
        if not starts:
            wrong.append(f"vcpu {pattern}: not in the image")
        todo.extend((name, None) for name in starts)
    while todo:
        name, caller = todo.pop()
        if name in came_from or any(callhints.matches(name, pattern) for pattern in hints.not_vcpu):
            continue
        came_from[name] = caller
        where = places.object(image.starts[name])
        if where not in general:
            wrong.append(f"{trail(came_from, name)}: {name} is in {where}, which may use FP/SIMD registers")
            continue
        todo.extend((image.function(address), name) for address in image.branches[name])
        if name in image.indirect:
            # A compiled clone (NAME.part.0) calls what its origin calls.
            patterns = hints.targets(name) if hints.targets(name) is not None else hints.targets(name.split(".")[0])
            if patterns is None:
                wrong.append(f"{trail(came_from, name)}: calls through a pointer, and no 'calls {name}:' line says whom")
                continue
            for pattern in patterns:
                todo.extend((other, name) for other in image.starts if callhints.matches(other, pattern.rsplit(":", 1)[-1]))
    return wrong, len(came_from)


def trail(came_from, name):
    steps = []
    while name is not None:
        steps.append(name)
        name = came_from.get(name)
    return " < ".join(steps)


def main():
    parser = argparse.ArgumentParser(description="No FP/SIMD registers on a vCPU's core.")
    parser.add_argument("--map", required=True)
    parser.add_argument("--calls", required=True)
    parser.add_argument("--general", required=True)
    parser.add_argument("--objdump", default="aarch64-linux-gnu-objdump")
    parser.add_argument("elf")
    args = parser.parse_args()

    hints = callhints.Hints(args.calls)
    general = set(args.general.split())
    wrong = offenders(args.objdump, sorted(general), hints)
    reach_wrong, count = reachable(Image(args.objdump, args.elf), Places(args.map), general, hints)
    if not hints.vcpu:
        reach_wrong.append(f"{args.calls} names no vcpu entry")
    wrong += reach_wrong
    for line in wrong:
        print(f"fpcheck: {line}", file=sys.stderr)
    print(f"fpcheck: {len(general)} objects keep to the general registers, {count} functions reached from vCPU cores, "
          f"{len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

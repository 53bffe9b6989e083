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
    """Yields (file, function, its address, address, mnemonic, operands)."""
    listing = subprocess.Popen([objdump, "-d", "--no-show-raw-insn", *files], stdout=subprocess.PIPE, text=True)
    name = start = file = None
    for line in listing.stdout:
        line = line.rstrip("\n")
        if ":     file format" in line:
            file = line.split(":     file format")[0]
            continue
        header = HEADER.match(line)
        if header:
            start, name = int(header.group(1), 16), header.group(2)
            continue
        match = LINE.match(line)
        if match and name:
            yield file, name, start, int(match.group(1), 16), match.group(2), match.group(3).split("//")[0]
    if listing.wait() != 0:
        sys.exit("fpcheck: objdump failed")


def uses_fp(mnemonic, operands):
    return not mnemonic.startswith(".") and FP_REGISTER.search(TARGET.sub("", operands)) is not None


def offenders(objdump, objects, hints):
    """Lines that name functions of general-register objects which use FP/SIMD registers."""
    found = {}
    for file, name, _, address, mnemonic, operands in disassemble(objdump, objects):
        if uses_fp(mnemonic, operands) and not any(callhints.matches(name, pattern) for pattern in hints.fpsimd):
            found.setdefault((file, name), f"{address:x}: {mnemonic} {operands.strip()}")
    return [f"{file}: {name}: uses an FP/SIMD register ({what})" for (file, name), what in sorted(found.items())]


class Image:
    """The functions of the image, by address (names of static ones repeat): where they branch, and if by pointer."""

    def __init__(self, objdump, elf):
        self.names = {}
        self.branches = {}
        self.indirect = set()
        last = {}
        for _, name, start, _, mnemonic, operands in disassemble(objdump, [elf]):
            self.names[start] = name
            branches = self.branches.setdefault(start, set())
            target = TARGET.search(operands)
            if target and (mnemonic in ("b", "bl") or mnemonic.startswith(("b.", "cb", "tb"))):
                branches.add(int(target.group(1), 16))
            if mnemonic in INDIRECT:
                self.indirect.add(start)
            if mnemonic != "nop":       # padding
                last[start] = mnemonic
        self.starts = sorted(self.names)
        for start, following in zip(self.starts, self.starts[1:]):
            if last[start] not in ENDS:
                self.branches[start].add(following)

    def function(self, address):
        return self.starts[bisect.bisect_right(self.starts, address) - 1]

    def named(self, pattern):
        """A hint may name a file with the function; here all of that name are meant."""
        return [start for start, name in self.names.items() if callhints.matches(name, pattern.rsplit(":", 1)[-1])]


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
    kept_out = {start for pattern in hints.not_vcpu for start in image.named(pattern)}
    todo = []
    for pattern in hints.vcpu:
        starts = image.named(pattern)
        if not starts:
            wrong.append(f"vcpu {pattern}: not in the image")
        todo.extend((start, None) for start in starts)
    while todo:
        start, caller = todo.pop()
        if start in came_from or start in kept_out:
            continue
        came_from[start] = caller
        name = image.names[start]
        where = places.object(start)
        if where not in general:
            wrong.append(f"{trail(image, came_from, start)}: {name} is in {where}, which may use FP/SIMD registers")
            continue
        todo.extend((image.function(address), start) for address in image.branches[start])
        if start in image.indirect:
            patterns = hints.targets(name)
            if patterns is None:
                wrong.append(f"{trail(image, came_from, start)}: calls through a pointer, and no 'calls {name}:' line says whom")
                continue
            todo.extend((other, start) for pattern in patterns for other in image.named(pattern))
    return wrong, len(came_from)


def trail(image, came_from, start):
    steps = []
    while start is not None:
        steps.append(image.names[start])
        start = came_from.get(start)
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

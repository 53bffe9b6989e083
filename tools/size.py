#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Text, read-only data, data and bss per folder of the image, from the linker map, and RAM of named objects.

  size.py MAP ELF

Fails when engine and session outgrow their bar of code (docs/design.md, section 9), or engine, session and network
their fixed part of RAM (docs/memory-map.md, section 3).
"""

import collections
import subprocess
import sys

import linkmap

COLUMNS = ("text", "rodata", "data", "bss")
# migration/control, the operators' QMP and human monitor, stands beside the engine.
ENGINE = ("migration", "migration/session")
ENGINE_TEXT_MAX = 80 * 1024

# docs/memory-map.md, section 3: the fixed part, and what follows the link's bandwidth x delay or the guest's size.
RAM_FIXED = ("gw", "tls_port", "transport")
RAM_LWIP = "memp_memory_"
RAM_LINK = ("memp_memory_PBUF_POOL_base", "net")
RAM_FIXED_MAX = 2 * 1024 * 1024


def ram(elf):
    """Sizes of the image's objects by name."""
    sizes = {}
    listing = subprocess.run(["aarch64-linux-gnu-nm", "-S", elf], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        field = line.split()
        if len(field) == 4 and field[2] in "bBdD":
            sizes[field[3]] = int(field[1], 16)
    missing = [name for name in (*RAM_FIXED, *RAM_LINK) if name not in sizes]
    if missing:
        sys.exit(f"size: no object named {', '.join(missing)} in the image: docs/memory-map.md and tools/size.py are out of date")
    lwip = sum(size for name, size in sizes.items() if name.startswith(RAM_LWIP) and name not in RAM_LINK)
    return sum(sizes[name] for name in RAM_FIXED) + lwip, sum(sizes[name] for name in RAM_LINK)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    kinds = linkmap.kinds(sys.argv[2])
    table = collections.defaultdict(collections.Counter)
    for output, _, _, size, obj in linkmap.pieces(sys.argv[1]):
        if output in kinds:
            table[linkmap.folder(obj)][kinds[output]] += size

    packages = ("mbedTLS", "lwIP", "newlib", "libgcc", "other")
    order = sorted(name for name in table if name not in packages) + [name for name in packages if name in table]
    total = collections.Counter()
    print(f"{'folder':24}" + "".join(f"{column:>12}" for column in COLUMNS))
    for name in order:
        total.update(table[name])
        print(f"{name:24}" + "".join(f"{table[name][column]:12}" for column in COLUMNS))
    print(f"{'all':24}" + "".join(f"{total[column]:12}" for column in COLUMNS))

    engine = sum(table[name]["text"] for name in ENGINE)
    strings = sum(table[name]["rodata"] for name in ENGINE)
    fixed, link = ram(sys.argv[2])
    holds = engine <= ENGINE_TEXT_MAX and fixed <= RAM_FIXED_MAX
    print(f"RAM of engine, session and network: {fixed} bytes fixed (bar {RAM_FIXED_MAX}), {link} for the link's window")
    print(f"size: engine and session {engine} bytes of code (bar {ENGINE_TEXT_MAX}), {strings} of tables and texts: "
          f"{'holds' if holds else 'TOO MUCH'}")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()

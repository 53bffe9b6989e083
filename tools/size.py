#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Text, read-only data, data and bss per folder of the image, from the linker map.

  size.py MAP ELF

Fails when the engine and session outgrow docs/design.md, section 9: 64 KiB of text, read-only data included.
"""

import collections
import sys

import linkmap

COLUMNS = ("text", "rodata", "data", "bss")
ENGINE = ("migration", "migration/session")
ENGINE_TEXT_MAX = 64 * 1024


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

    engine = sum(table[name][column] for name in ENGINE for column in ("text", "rodata"))
    verdict = "holds" if engine <= ENGINE_TEXT_MAX else "TOO MUCH"
    print(f"size: engine and session {engine} bytes of text, bar {ENGINE_TEXT_MAX}: {verdict}")
    sys.exit(0 if engine <= ENGINE_TEXT_MAX else 1)


if __name__ == "__main__":
    main()

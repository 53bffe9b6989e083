# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Reads what the linker says it did: the map, and the sections of the result."""

import re
import subprocess

ROW = re.compile(r"^ (\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
OUTPUT = re.compile(r"^(\.?[A-Za-z_][\w.]*)(\s+0x[0-9a-f]+\s+0x[0-9a-f]+)?")


def pieces(path):
    """Yields (output section, input section, address, size, object) of everything that was placed."""
    output = name = None
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("Linker script and memory map"):
                break
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("OUTPUT(") or line.startswith("Cross Reference"):
                break
            if line[:1] not in (" ", ""):
                match = OUTPUT.match(line)
                output = match.group(1) if match else None
                continue
            if re.match(r"^ (\.\S+|COMMON)$", line):
                name = line.strip()     # a long name has the rest on the next line
                continue
            match = ROW.match(line)
            if match and output and not line.startswith(" *"):
                section = match.group(1) or name
                size = int(match.group(3), 16)
                if section and size and re.search(r"\.(o|a\(.*\))$", match.group(4)):
                    yield output, section, int(match.group(2), 16), size, match.group(4)
            name = None


def kinds(elf, readelf="aarch64-linux-gnu-readelf"):
    """Output section name -> text, rodata, data or bss; sections that take no memory are left out."""
    found = {}
    listing = subprocess.run([readelf, "-SW", elf], check=True, capture_output=True, text=True).stdout
    for match in re.finditer(r"^\s*\[\s*\d+\] (\S+)\s+(\S+)\s+\S+ \S+ \S+ \S+\s+([A-Zop]*)\s+\d+", listing, re.M):
        name, kind, flags = match.groups()
        if "A" not in flags:
            continue
        if "X" in flags:
            found[name] = "text"
        elif "W" not in flags:
            found[name] = "rodata"
        else:
            found[name] = "bss" if kind == "NOBITS" else "data"
    return found


def folder(obj):
    """The folder, or the package, that an object of the map belongs to."""
    for mark, package in (("libmbedtls.a(", "mbedTLS"), ("liblwip.a(", "lwIP"), ("libc.a(", "newlib"), ("libgcc.a(", "libgcc")):
        if mark in obj:
            return package
    match = re.search(r"/obj/(.*)/[^/]*\.o$", obj)
    return match.group(1) if match else "other"

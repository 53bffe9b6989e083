#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Packs an initramfs: initramfs.py OUT NAME=FILE... Files become executable; the folders of their names and /dev/console are
made. The format is cpio "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). The same input gives
the same bytes, and nothing needs root.
"""

import pathlib
import sys

FOLDER, PROGRAM, CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600
CONSOLE = (5, 1)


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def entry(inode, name, mode, data=b"", device=(0, 0)):
    name_bytes = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name_bytes), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return padded(head + name_bytes) + padded(data)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    out, files = sys.argv[1], [word.split("=", 1) for word in sys.argv[2:]]
    folders = {"dev"}
    for name, _ in files:
        folders.update(str(parent) for parent in pathlib.PurePosixPath(name).parents if str(parent) != ".")
    entries = [(folder, FOLDER) for folder in sorted(folders)]
    archive = b"".join(entry(inode, *one) for inode, one in enumerate(entries, 1))
    archive += entry(len(entries) + 1, "dev/console", CHARACTER_DEVICE, device=CONSOLE)
    for inode, (name, path) in enumerate(files, len(entries) + 2):
        archive += entry(inode, name, PROGRAM, pathlib.Path(path).read_bytes())
    archive += entry(0, "TRAILER!!!", 0)
    pathlib.Path(out).write_bytes(archive)


main()

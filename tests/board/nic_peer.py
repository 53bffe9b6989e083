# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
The other end of an e1000e's wire: a station and the switch before it. Each board has a port (QEMU -netdev dgram over
UNIX sockets: one datagram, one frame). As a switch does, frames go to the port where the guest was heard last. Numbered frames as
tests/guest/nic/main.c has them.
"""

import collections
import os
import pathlib
import selectors
import socket
import struct
import threading
import time

GUEST_MAC = "52:54:00:67:e1:00"		# the same on every host: it is part of the card's identity
PEER_MAC = bytes.fromhex("525400673333")
TYPE = 0x88b5
HEADER = struct.Struct("<6s6s2sIH")
PATTERN_MIN, PATTERN_SPAN = 40, 1300
FRAME_MAX = 65536
DRAIN_MAX = 256


def pattern(number, length):
    return bytes((number * 31 + i * 7 + (i >> 8)) & 0xff for i in range(length))


class NicPeer:
    """every_s: how often it sends. Counts what it finds; nothing is judged here."""

    def __init__(self, directory, every_s=0.004):
        self.directory = pathlib.Path(directory)
        self.every_s = every_s
        self.ports = {}			# name -> socket
        self.at = None			# port of the guest
        self.lock = threading.Lock()
        self.received = collections.Counter()
        self.order_faults, self.bad = [], []
        self.announced = []		# (port, frame) that are not numbered
        self.next = 0
        self.sent = 0
        self.sent_to = collections.Counter()
        self.stopping = False
        self.sending = True
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = os.pipe()
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.run, name="nic-peer", daemon=True)
        self.thread.start()

    def netdev(self, name):
        """A port; what its board's -netdev has to say."""
        ours, theirs = self.directory / f"nic-{name}-peer.sock", self.directory / f"nic-{name}.sock"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(str(ours))
        sock.setblocking(False)
        with self.lock:
            self.ports[name] = (sock, str(theirs))
            self.selector.register(sock, selectors.EVENT_READ, name)
        os.write(self.wake_write, b"w")
        return f"dgram,id=nic0,local.type=unix,local.path={theirs},remote.type=unix,remote.path={ours}"

    def take(self, name, frame):
        if len(frame) < HEADER.size or frame[12:14] != TYPE.to_bytes(2, "big"):
            self.announced.append((name, frame))
            self.at = name
            return
        _, _, _, number, length = HEADER.unpack_from(frame)
        if frame[HEADER.size:HEADER.size + length] != pattern(number, length) or len(frame) < HEADER.size + length:
            self.bad.append(number)
            return
        self.at = name
        self.received[number] += 1
        if number != self.next:
            self.order_faults.append((self.next, number))
        self.next = number + 1

    def send(self):
        sock, path = self.ports[self.at]
        length = PATTERN_MIN + self.sent * 53 % PATTERN_SPAN
        frame = HEADER.pack(b"\xff" * 6, PEER_MAC, TYPE.to_bytes(2, "big"), self.sent, length) + pattern(self.sent, length)
        try:
            sock.sendto(frame, path)
        except OSError:
            return			# the board's queue is full, or it is gone: this number is sent later
        self.sent_to[self.at] += 1
        self.sent += 1

    def run(self):
        due = time.monotonic()
        while not self.stopping:
            for key, _ in self.selector.select(max(0.0, due - time.monotonic())):
                if key.data is None:
                    os.read(self.wake_read, 4096)
                    continue
                for _ in range(DRAIN_MAX):
                    try:
                        frame = key.fileobj.recv(FRAME_MAX)
                    except OSError:
                        break
                    with self.lock:
                        self.take(key.data, frame)
            if time.monotonic() >= due:
                due = time.monotonic() + self.every_s
                with self.lock:
                    if self.at is not None and self.sending:
                        self.send()

    def facts(self):
        """(frames taken, numbers missing below the highest, numbers that came more than once, bytes that differed)."""
        with self.lock:
            missing = [n for n in range(self.next) if n not in self.received]
            twice = [n for n, count in self.received.items() if count > 1]
            return len(self.received), missing, twice, list(self.bad)

    def close(self):
        self.stopping = True
        os.write(self.wake_write, b"w")
        self.thread.join(5)
        for sock, _ in self.ports.values():
            sock.close()

# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
A stranger on the wire: a TCP client of our own over a tap of boards.Wire, good enough for a wire that loses nothing,
and TLS over it by Python's ssl module. One connection at a time per object.
"""

import queue
import random
import ssl
import struct
import threading

from harness import boards

MSS = 1400
WINDOW = 65535
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WAIT_S = 10.0


class Closed(Exception):
    """The peer reset or closed the connection."""


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Stranger:
    """A host 10.7.0.NUMBER that nobody knows."""

    def __init__(self, wire, number=9):
        self.ip = bytes([10, 7, 0, number])
        self.mac = bytes([0x52, 0x54, 0, 0x99, 0x99, number])
        self.condition = threading.Condition()
        self.macs = {}
        self.connection = None
        # The wire's thread only queues: what answers takes our lock and then the wire's, never the other way round.
        frames = queue.SimpleQueue()
        self.send_frame = wire.tap(f"stranger{number}", frames.put)
        threading.Thread(target=self.run, args=(frames,), name=f"stranger{number}", daemon=True).start()

    def run(self, frames):
        while True:
            self.on_frame(frames.get())

    # ---- Ethernet, ARP, IPv4 ----

    def on_frame(self, frame):
        kind = frame[12:14]
        if kind == b"\x08\x06" and len(frame) >= 42:
            self.on_arp(frame[14:42])
        elif kind == b"\x08\x00" and frame[:6] == self.mac and frame[14 + 9] == 6 and frame[30:34] == self.ip:
            total = int.from_bytes(frame[16:18], "big")
            header = (frame[14] & 15) * 4
            with self.condition:
                if self.connection is not None:
                    self.connection.on_segment(frame[26:30], frame[14 + header:14 + total])
                self.condition.notify_all()

    def on_arp(self, arp):
        operation, sender_mac, sender_ip, target_ip = arp[6:8], arp[8:14], arp[14:18], arp[24:28]
        with self.condition:
            self.macs[sender_ip] = sender_mac
            self.condition.notify_all()
        if operation == b"\0\1" and target_ip == self.ip:
            self.arp(2, sender_mac, sender_ip)

    def arp(self, operation, target_mac, target_ip):
        self.send_frame(target_mac + self.mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, operation)
                        + self.mac + self.ip + target_mac + target_ip)

    def resolve(self, ip, deadline):
        while not deadline.passed():
            with self.condition:
                if ip in self.macs:
                    return self.macs[ip]
            self.arp(1, b"\xff" * 6, ip)
            with self.condition:
                self.condition.wait(0.3)
        raise boards.BoardError(f"stranger: nobody answers for {'.'.join(map(str, ip))}")

    def packet(self, ip, segment):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), random.getrandbits(16), 0, 64, 6, 0, self.ip, ip)
        header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
        self.send_frame(self.macs[ip] + self.mac + b"\x08\x00" + header + segment)

    def connect(self, address, port, wait_s=WAIT_S):
        """A Connection; Closed when it is refused."""
        deadline = boards.Deadline(wait_s)
        ip = bytes(map(int, address.split(".")))
        self.resolve(ip, deadline)
        connection = Connection(self, ip, port)
        with self.condition:
            self.connection = connection
        while not deadline.passed():
            connection.emit(SYN)
            with self.condition:
                self.condition.wait_for(lambda: connection.established or connection.ended, 1.0)
                if connection.ended:
                    raise Closed("refused")
                if connection.established:
                    return connection
        raise Closed("no answer to SYN")


class Connection:
    """Sends at once, acknowledges what comes in order, and leaves the rest to the wire that loses nothing."""

    def __init__(self, host, ip, port):
        self.host, self.ip, self.port = host, ip, port
        self.local = random.randrange(40000, 60000)
        self.first = self.next = random.getrandbits(32)
        self.acked = self.next
        self.wanted = 0
        self.established = False
        self.ended = None
        self.received = bytearray()

    def emit(self, flags, payload=b""):
        options = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
        segment = struct.pack("!HHIIBBHHH", self.local, self.port, self.first if flags & SYN else self.next & 0xffffffff,
                              self.wanted if flags & ACK else 0, (5 + len(options) // 4) << 4, flags, WINDOW, 0, 0)
        segment += options + payload
        pseudo = self.host.ip + self.ip + struct.pack("!BBH", 0, 6, len(segment))
        segment = segment[:16] + checksum(pseudo + segment).to_bytes(2, "big") + segment[18:]
        self.host.packet(self.ip, segment)

    def on_segment(self, ip, segment):
        source, target, sequence, ack, offset, flags = struct.unpack("!HHIIBB", segment[:14])
        if (ip, source, target) != (self.ip, self.port, self.local):
            return
        payload = segment[(offset >> 4) * 4:]
        if flags & RST:
            self.ended = self.ended or "reset"
            return
        if flags & SYN and flags & ACK and not self.established:
            self.wanted = (sequence + 1) & 0xffffffff
            self.next = (self.first + 1) & 0xffffffff
            self.established = True
            self.emit(ACK)
            return
        self.acked = ack
        if sequence == self.wanted and (payload or flags & FIN):
            self.received += payload
            self.wanted = (self.wanted + len(payload) + (1 if flags & FIN else 0)) & 0xffffffff
            if flags & FIN:
                self.ended = self.ended or "closed"
            self.emit(ACK)
        elif payload or flags & FIN:
            self.emit(ACK)

    def send(self, data):
        for at in range(0, len(data), MSS):
            if self.ended:
                raise Closed(self.ended)
            part = data[at:at + MSS]
            with self.host.condition:
                self.emit(ACK | PSH, part)
                self.next = (self.next + len(part)) & 0xffffffff

    def receive(self, wait_s=WAIT_S):
        """Some bytes; Closed at the end."""
        with self.host.condition:
            self.host.condition.wait_for(lambda: self.received or self.ended, wait_s)
            if self.received:
                data = bytes(self.received)
                self.received.clear()
                return data
            if self.ended:
                raise Closed(self.ended)
        raise boards.BoardError(f"stranger: nothing received in {wait_s:.0f} s")

    def wait_end(self, wait_s=WAIT_S):
        """How the peer ended the connection: "reset" or "closed"."""
        with self.host.condition:
            self.host.condition.wait_for(lambda: self.ended, wait_s)
        if not self.ended:
            raise boards.BoardError(f"stranger: still connected after {wait_s:.0f} s")
        return self.ended

    def reset(self):
        self.emit(RST | ACK)
        self.ended = "local"


def tls_client(connection, pki=None, name=None, version=None):
    """
    Handshake as a client: the verdict of the peer, "up" or the text of the refusal. A TLS 1.3 client learns that it
    was refused with its first read, so one is done.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["godwit/1"])
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if name is not None:
        context.load_cert_chain(pki / f"{name}.crt.pem", pki / f"{name}.key.pem")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)

    def turn(step):
        while True:
            try:
                value = step()
            except ssl.SSLWantReadError:
                value = None
            except ssl.SSLError as error:
                connection.send(outgoing.read())
                return error.reason or str(error)
            data = outgoing.read()
            if data:
                connection.send(data)
            if value is not None:
                return value
            try:
                incoming.write(connection.receive())
            except Closed as end:
                return str(end)

    verdict = turn(lambda: tls.do_handshake() or "up")
    if verdict != "up":
        return verdict
    verdict = turn(lambda: tls.read(1))
    return "up" if isinstance(verdict, bytes) and verdict else verdict or "closed"

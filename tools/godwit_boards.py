# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
QEMU boards under Godwit, for tools/demo.py and tests/board/: start, console, QMP, the wire between them.

Every wait has a deadline. A Board owns its process, sockets and files, and gives all of them back in close();
used as a context manager it does so in every case. Nothing outside the Python 3 standard library.
"""

import collections
import ctypes
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
QEMU = os.environ.get("GODWIT_QEMU", "qemu-system-aarch64")
BOARD_RAM_MIB = 512
BOARD_RAM_BASE = 0x4000_0000
GUEST_RAM_BASE = 0x5000_0000		# PA of slot 0, board/qemu-virt/map.c
PAGE_BYTES = 4096
VCPUS_MIN = 2				# cores are there for so many, or for more
CPU_MAX = "max,pauth-impdef=on"		# FEAT_HAFDBS
CPU_OLD = "cortex-a57"			# none: write-protect faults
QMP_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 20.0
QUIT_TIMEOUT_S = 5.0


class BoardError(Exception):
    """A board did not do what was waited for; the text says what, and ends with what it last printed."""


class QmpError(Exception):
    """A QMP error object."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error.get('desc')}")
        self.qmp_class = error.get("class")
        self.desc = error.get("desc", "")


class Deadline:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return max(0.0, self.end - time.monotonic())

    def passed(self):
        return time.monotonic() >= self.end


# ---- guest reports ----

REPORT_RE = re.compile(r"guest: report (.*)$")
ERROR_FIELDS = ("checksum_errors", "dma_errors", "sgi_errors", "time_errors", "fp_errors")
COUNTER_FIELDS = ("n", "counter0", "counter1", "dma_done", "sgi", "timer")


def parse_report(line):
    """A `guest: report key=value ...` line as a dict of integers, or None when the line is none."""
    match = REPORT_RE.search(line)
    if not match:
        return None
    report = {}
    for word in match.group(1).split():
        key, equals, value = word.partition("=")
        try:
            report[key] = int(value, 0)
        except ValueError:
            return None
        if not equals:
            return None
    return report if "n" in report else None


def report_faults(reports):
    """What is wrong with reports in order: gaps or repeats in n, counters that fall, error counts. A list of texts."""
    faults = []
    for before, after in zip(reports, reports[1:]):
        if after["n"] != before["n"] + 1:
            faults.append(f"report n={after['n']} follows n={before['n']}")
        for field in COUNTER_FIELDS:
            if after.get(field, 0) < before.get(field, 0):
                faults.append(f"n={after['n']}: {field} fell from {before[field]} to {after[field]}")
    if reports:
        last = reports[-1]
        faults += [f"n={last['n']}: {field}={last[field]}" for field in ERROR_FIELDS if last.get(field, 0) != 0]
    return faults


def standing_still(reports):
    """Counters that did not move between the first and the last of these reports: the names."""
    first, last = reports[0], reports[-1]
    return [field for field in COUNTER_FIELDS if last.get(field, 0) <= first.get(field, 0)]


# ---- owner marks ----

FLASH_BYTES = 64 * 1024 * 1024		# QEMU wants the whole flash
FLASH_BLOCK_BYTES = 256 * 1024
MARK_RECORD = struct.Struct("<4sHHQHHQQQI4sHH64s32sII")		# docs/wire-format.md, 11
MARK_KINDS = ("none", "home", "in-doubt", "away")


def read_mark(path):
    """The owner mark in a flash file as a dict, or None where neither record is whole."""
    newest = None
    with path.open("rb") as file:
        for block in range(2):
            file.seek(block * FLASH_BLOCK_BYTES)
            data = file.read(MARK_RECORD.size)
            (magic, form, size, sequence, kind, source, gen, attempt, _boot, number, address, port, _, peer, vm, _,
             crc) = MARK_RECORD.unpack(data)
            if (magic, form, size) != (b"GWMK", 1, len(data)) or crc != zlib.crc32(data[:-4]):
                continue
            if newest is None or sequence > newest["sequence"]:
                newest = {"block": block, "sequence": sequence, "kind": MARK_KINDS[kind], "source": bool(source), "gen": gen,
                          "attempt": attempt, "number": number, "vm": vm.rstrip(b"\0").decode(),
                          "peer": peer.rstrip(b"\0").decode(), "address": f"{'.'.join(map(str, address))}:{port}"}
    return newest


# ---- lines from a socket ----

class LineReader:
    """A thread that turns what a socket gives into lines, with the host's time of arrival."""

    def __init__(self, name, sock, on_line):
        self.sock = sock
        self.on_line = on_line
        self.thread = threading.Thread(target=self.run, name=name, daemon=True)
        self.thread.start()

    def run(self):
        rest = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                break
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.on_line(line.rstrip(b"\r").decode("utf-8", "replace"))
        self.on_line(None)


class Listener:
    """A UNIX socket that QEMU connects to as it starts, so that no byte is lost before we are there."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.unlink(missing_ok=True)	# of an earlier board of that name
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(str(path))
        self.sock.listen(1)

    def accept(self, process, timeout_s):
        deadline = Deadline(timeout_s)
        while not deadline.passed():
            self.sock.settimeout(0.2)
            try:
                connection, _ = self.sock.accept()
                connection.settimeout(None)
                return connection
            except TimeoutError:
                if process.poll() is not None:
                    return None
        return None

    def close(self):
        self.sock.close()


# ---- QMP ----

class Qmp:
    """A QMP client over a connected stream."""

    def __init__(self, sock, name="qmp"):
        self.sock = sock
        self.name = name
        self.condition = threading.Condition()
        self.replies = {}
        self.strays = []		# errors without an id: answers to raw()
        self.events = []
        self.greeting = None
        self.closed = False
        self.next_id = 1
        self.log = collections.deque(maxlen=200)
        self.reader = LineReader(name, sock, self.on_line)

    def on_line(self, line):
        with self.condition:
            if line is None:
                self.closed = True
            elif line.strip():
                self.log.append(line)
                try:
                    message = json.loads(line)
                except ValueError:
                    self.strays.append({"bad": line})
                    message = {}
                if "QMP" in message:
                    self.greeting = message["QMP"]
                elif "event" in message:
                    self.events.append(message)
                elif "id" in message:
                    self.replies[json.dumps(message["id"])] = message
                elif message:
                    self.strays.append(message)
            self.condition.notify_all()

    def wait(self, what, ready, timeout_s):
        deadline = Deadline(timeout_s)
        with self.condition:
            while True:
                value = ready()
                if value is not None:
                    return value
                if self.closed:
                    raise BoardError(f"{self.name}: connection closed while waiting for {what}")
                if deadline.passed():
                    raise BoardError(f"{self.name}: no {what} after {timeout_s:.0f} s")
                self.condition.wait(deadline.left())

    def negotiate(self, timeout_s=CONNECT_TIMEOUT_S):
        self.wait("QMP greeting", lambda: self.greeting, timeout_s)
        self.execute("qmp_capabilities")

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise BoardError(f"{self.name}: cannot send: {error}") from error

    def execute(self, command, arguments=None, timeout_s=QMP_TIMEOUT_S):
        """The value of "return"; QmpError for an error object."""
        with self.condition:
            ident = self.next_id
            self.next_id += 1
        request = {"execute": command, "id": ident}
        if arguments is not None:
            request["arguments"] = arguments
        self.send(json.dumps(request).encode() + b"\n")
        reply = self.wait(f"answer to {command}", lambda: self.replies.pop(str(ident), None), timeout_s)
        if "error" in reply:
            raise QmpError(command, reply["error"])
        return reply["return"]

    def raw(self, data, timeout_s=QMP_TIMEOUT_S):
        """Send bytes as they are; the next answer without an id."""
        with self.condition:
            self.strays.clear()
        self.send(data)
        return self.wait("answer", lambda: self.strays.pop(0) if self.strays else None, timeout_s)

    def event(self, name, since=0, timeout_s=QMP_TIMEOUT_S, **data):
        """Wait for an event of that name, and with that data, at or behind place `since` of self.events."""
        def ready():
            for event in self.events[since:]:
                if event["event"] == name and all(event.get("data", {}).get(k) == v for k, v in data.items()):
                    return event
            return None
        return self.wait(f"event {name} {data or ''}", ready, timeout_s)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


# ---- the wire ----

class Wire:
    """
    A hub for Ethernet frames between boards (QEMU -netdev stream: 32-bit big-endian length, frame). It can be cut,
    delay frames, or hand every frame to a filter. Its ports are sockets that boards connect to; a Python program
    can have one too (tap()).
    """

    FRAME_MAX = 65536

    class Port:
        def __init__(self, wire, name, path):
            self.wire, self.name, self.path = wire, name, path
            self.listener = Listener(path) if path is not None else None
            self.sock = None
            self.rest = b""
            self.out = bytearray()
            self.on_frame = None

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.ports = []
        self.selector = selectors.DefaultSelector()
        self.lock = threading.RLock()
        self.is_cut = False
        self.filter = None		# (from_name, to_name, frame) -> list of frames to send on
        self.delay = None		# (from_name, frame) -> seconds on the way; in order only among equal delays
        self.frames = 0
        self.bytes = 0
        self.late = collections.deque()	# (time, port, frame)
        self.stopping = False
        self.wake_read, self.wake_write = os.pipe()
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.run, name="wire", daemon=True)
        self.thread.start()

    def port(self, name):
        """A port for a board: its netdev connects to the path that this returns."""
        with self.lock:
            port = Wire.Port(self, name, self.directory / f"wire-{name}.sock")
            self.ports.append(port)
            self.selector.register(port.listener.sock, selectors.EVENT_READ, ("accept", port))
        self.wake()
        return port.path

    def tap(self, name, on_frame):
        """A port for this program: on_frame(frame) is called on the wire's thread; returns a send function."""
        port = Wire.Port(self, name, None)
        port.on_frame = on_frame
        with self.lock:
            self.ports.append(port)

        def send(frame):
            with self.lock:
                self.forward(port, frame)
            self.wake()
        return send

    def cut(self):
        with self.lock:
            self.is_cut = True
            self.late.clear()

    def join(self):
        with self.lock:
            self.is_cut = False

    def wake(self):
        os.write(self.wake_write, b"w")

    def forward(self, source, frame):
        if self.is_cut:
            return
        self.frames += 1
        self.bytes += len(frame)
        for port in self.ports:
            if port is source:
                continue
            frames = [frame] if self.filter is None else self.filter(source.name, port.name, frame)
            for one in frames:
                seconds = self.delay(source.name, one) if self.delay is not None else 0.0
                if seconds > 0:
                    self.late.append((time.monotonic() + seconds, port, one))
                else:
                    self.deliver(port, one)

    def deliver(self, port, frame):
        if port.on_frame is not None:
            port.on_frame(frame)
        elif port.sock is not None and len(port.out) < 4 * 1024 * 1024:
            port.out += len(frame).to_bytes(4, "big") + frame
            self.flush(port)

    def flush(self, port):
        try:
            while port.out:
                sent = port.sock.send(port.out)
                del port.out[:sent]
            events = selectors.EVENT_READ
        except BlockingIOError:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
        except OSError:
            self.hang_up(port)
            return
        if self.selector.get_key(port.sock).events != events:
            self.selector.modify(port.sock, events, ("data", port))

    def hang_up(self, port):
        self.selector.unregister(port.sock)
        port.sock.close()
        port.sock = None
        port.rest = b""
        port.out.clear()

    def read(self, port):
        try:
            data = port.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.hang_up(port)
            return
        buffer = port.rest + data
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at:at + 4], "big")
            if length > self.FRAME_MAX:
                self.hang_up(port)
                return
            if len(buffer) - at - 4 < length:
                break
            self.forward(port, buffer[at + 4:at + 4 + length])
            at += 4 + length
        port.rest = buffer[at:]

    def accept(self, port):
        sock, _ = port.listener.sock.accept()
        if port.sock is not None:
            self.hang_up(port)
        sock.setblocking(False)
        port.sock = sock
        self.selector.register(sock, selectors.EVENT_READ, ("data", port))

    def run(self):
        while not self.stopping:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else 1.0
            ready = self.selector.select(min(wait, 1.0))
            with self.lock:
                for key, events in ready:
                    if key.data is None:
                        os.read(self.wake_read, 4096)
                        continue
                    kind, port = key.data
                    if kind == "accept":
                        self.accept(port)
                        continue
                    if port.sock is not None and events & selectors.EVENT_WRITE:
                        self.flush(port)
                    if port.sock is not None and events & selectors.EVENT_READ:
                        self.read(port)
                now = time.monotonic()
                while self.late and self.late[0][0] <= now:
                    _, port, frame = self.late.popleft()
                    self.deliver(port, frame)

    def close(self):
        self.stopping = True
        self.wake()
        self.thread.join(5)
        with self.lock:
            for port in self.ports:
                if port.sock is not None:
                    port.sock.close()
                if port.listener is not None:
                    port.listener.close()
            self.selector.close()
            os.close(self.wake_read)
            os.close(self.wake_write)


class DirectLink:
    """Two boards joined without a program between them: the first listens, the second connects."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "link.sock"
        self.taken = 0

    def netdev(self):
        self.taken += 1
        if self.taken == 1:
            return f"stream,id=net0,server=on,addr.type=unix,addr.path={self.path}"
        return f"stream,id=net0,server=off,addr.type=unix,addr.path={self.path},reconnect-ms=200"


# ---- boards ----

def die_with_parent():
    """In the child, before exec: killed when we are, however that happens (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


def ram_folder():
    """Where the boards' RAM files lie: memory if there is enough, else the build folder."""
    shm = pathlib.Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK):
        space = os.statvfs(shm)
        if space.f_bavail * space.f_frsize > 3 * BOARD_RAM_MIB * 1024 * 1024:
            return shm
    return ROOT / "build"


class Lab:
    """A scratch folder, the boards in it and the wire between them; all go in close()."""

    def __init__(self, name, wire=False):
        # Socket paths are bounded by about 100 characters: not below the project.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="godwit-"))
        self.ram = pathlib.Path(tempfile.mkdtemp(prefix="godwit-ram-", dir=ram_folder()))
        self.logs = ROOT / "build" / name
        self.logs.mkdir(parents=True, exist_ok=True)
        self.link = None
        self.wire = Wire(self.directory) if wire else None
        self.boards = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def board(self, name, **options):
        if self.wire is None and self.link is None:
            self.link = DirectLink(self.directory)
        board = Board(self, name, **options)
        self.boards.append(board)
        return board

    def close(self):
        for board in self.boards:
            board.close()
        if self.wire is not None:
            self.wire.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.ram, ignore_errors=True)


class Board:
    """
    One QEMU process. Options:
      number      place in 10.7.0.NUMBER and the last byte of the MAC address
      autostart   True: owns the VM and starts it
      cpu         QEMU's -cpu
      pki         folder with ca.der and NAME.crt.der, NAME.key.der; cert: that NAME (default: the board's name)
      config      further lines of the configuration, a dict
      edus        how many edu devices
      nic         (what -netdev says for id nic0, MAC address) of an e1000e at the place behind them; the slot has it
      ram_mib, vcpus   shape of the slot
      shared_ram  False: no file behind the RAM
      guest       image; with cmdline it is booted as Linux is, initrd: its initramfs
      flash       True: a second flash that keeps the owner mark over restart()
    """

    def __init__(self, lab, name, number, autostart=False, cpu=CPU_MAX, pki=None, cert=None, config=None, edus=1,
                 ram_mib=64, vcpus=2, guest=None, cmdline=None, initrd=None, image=None, shared_ram=False,
                 nic=None, flash=False):
        self.lab, self.name, self.number = lab, name, number
        self.address = f"10.7.0.{number}"
        self.shared_ram = shared_ram
        self.ram_mib = ram_mib
        self.ram_path = lab.ram / f"{name}.ram"
        self.lines = []			# (time, text) of the console
        self.condition = threading.Condition()
        self.console_closed = False
        self.process = None
        self.qmp = None
        self.console = None
        self.closed = False
        pki = pathlib.Path(pki or ROOT / "build" / "pki")
        cert = cert or name
        self.settings = {
            "host.id": name, "net.ip": self.address, "net.mask": "255.255.255.0", "slot.name": "flight",
            "slot.ram-mib": ram_mib, "slot.vcpus": vcpus, "autostart": int(autostart),
        }
        self.flash_path = lab.directory / f"{name}.flash" if flash else None
        if flash:
            self.settings["mark.flash"] = 1
            with self.flash_path.open("wb") as file:
                file.truncate(FLASH_BYTES)
        self.settings.update(config or {})
        self.files = {
            "guest": pathlib.Path(guest or ROOT / "build" / "guest" / "flight.bin"),
            "ca.der": pki / "ca.der",
            "host.crt.der": pki / f"{cert}.crt.der",
            "host.key.der": pki / f"{cert}.key.der",
        }
        if initrd is not None:
            self.files["initrd"] = pathlib.Path(initrd)
        self.cmdline = cmdline
        self.vcpus = vcpus
        self.image = pathlib.Path(image or ROOT / "build" / "image" / "godwit.bin")
        self.cpu = cpu
        self.edus = edus
        self.nic = nic
        if nic is not None:
            self.settings.setdefault("slot.device", edus + 1)

    # ---- life ----

    def command(self):
        folder = self.lab.directory
        args = [QEMU, "-M", "virt,virtualization=on,gic-version=3,iommu=smmuv3", "-cpu", self.cpu,
                "-smp", str(max(self.vcpus, VCPUS_MIN) + 1),
                "-accel", "tcg,thread=multi", "-m", f"{BOARD_RAM_MIB}M", "-display", "none", "-monitor", "none",
                "-no-reboot", "-nodefaults", "-kernel", str(self.image)]
        if self.shared_ram:
            args += ["-object", f"memory-backend-file,id=ram0,size={BOARD_RAM_MIB}M,mem-path={self.ram_path},share=on",
                     "-machine", "memory-backend=ram0"]
        if self.flash_path is not None:
            args += ["-drive", f"if=pflash,unit=1,format=raw,file={self.flash_path}"]
        for channel in ("console", "qmp"):
            args += ["-chardev", f"socket,id={channel},path={folder / self.name}-{channel}.sock,"
                     f"logfile={self.lab.logs / self.name}-{channel}.log", "-serial", f"chardev:{channel}"]
        if self.lab.wire is not None:
            path = self.lab.wire.port(self.name)
            netdev = f"stream,id=net0,server=off,addr.type=unix,addr.path={path}"
        else:
            netdev = self.lab.link.netdev()
        args += ["-global", "virtio-mmio.force-legacy=false", "-netdev", netdev,
                 "-device", f"virtio-net-device,netdev=net0,mac=52:54:00:67:77:{self.number:02x}",
                 "-device", "virtio-rng-device"]
        for slot in range(1, self.edus + 1):
            args += ["-device", f"edu,bus=pcie.0,addr={slot:x}.0,dma_mask=0xffffffffffffffff"]
        if self.nic is not None:
            netdev, mac = self.nic
            args += ["-netdev", netdev, "-device", f"e1000e,bus=pcie.0,addr={self.edus + 1:x}.0,netdev=nic0,mac={mac},romfile="]
        config = folder / f"{self.name}.config"
        config.write_text("".join(f"{key}={value}\n" for key, value in self.settings.items()))
        args += ["-fw_cfg", f"name=opt/godwit/config,file={config}"]
        if self.cmdline is not None:
            cmdline = folder / f"{self.name}.cmdline"
            cmdline.write_text(self.cmdline)
            args += ["-fw_cfg", f"name=opt/godwit/cmdline,file={cmdline}"]
        for name, path in self.files.items():
            args += ["-fw_cfg", f"name=opt/godwit/{name},file={path}"]
        return args

    def start(self):
        for path in [self.image, *self.files.values()]:
            if not path.exists():
                raise BoardError(f"{self.name}: there is no {path}")
        listeners = {channel: Listener(self.lab.directory / f"{self.name}-{channel}.sock")
                     for channel in ("console", "qmp")}
        errors = (self.lab.logs / f"{self.name}-qemu.log").open("wb")
        try:
            command = self.command()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            start_new_session=True, preexec_fn=die_with_parent)
            sockets = {}
            for channel, listener in listeners.items():
                sockets[channel] = listener.accept(self.process, CONNECT_TIMEOUT_S)
                if sockets[channel] is None:
                    errors.flush()
                    said = (self.lab.logs / f"{self.name}-qemu.log").read_text(errors="replace")[-800:]
                    raise BoardError(f"{self.name}: QEMU did not start: {said}")
        finally:
            errors.close()
            for listener in listeners.values():
                listener.close()
        self.console = sockets["console"]
        LineReader(f"{self.name}-console", self.console, self.on_console)
        self.qmp = Qmp(sockets["qmp"], f"{self.name} QMP")
        return self

    def negotiate(self):
        try:
            self.qmp.negotiate()
        except BoardError as error:
            raise BoardError(f"{error}{self.tail()}") from error
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """Power loss."""
        if self.alive():
            self.process.kill()
            self.process.wait(QUIT_TIMEOUT_S)

    def restart(self, negotiate=True):
        """Power loss and, with the same files and flash, power again. negotiate False: it may not come up."""
        self.kill()
        with self.condition:	# the reader of the old console is done
            if not self.condition.wait_for(lambda: self.console_closed, QUIT_TIMEOUT_S):
                raise BoardError(f"{self.name}: the console does not end")
            self.console_closed = False
        self.qmp.close()
        self.console.close()
        self.start()
        return self.negotiate() if negotiate else self

    def owner_mark(self):
        """What the flash says, read from outside; None without a whole record."""
        return read_mark(self.flash_path)

    def close(self):
        if self.closed:
            return
        self.closed = True
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(QUIT_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(QUIT_TIMEOUT_S)
        if self.qmp is not None:
            self.qmp.close()
        if self.console is not None:
            self.console.close()
        self.ram_path.unlink(missing_ok=True)

    # ---- console ----

    def on_console(self, line):
        with self.condition:
            if line is None:
                self.console_closed = True
            else:
                self.lines.append((time.monotonic(), line))
            self.condition.notify_all()

    def tail(self, count=12):
        with self.condition:
            texts = [text for _, text in self.lines[-count:]]
        return "".join(f"\n    {self.name}| {text}" for text in texts)

    def mark(self):
        """The present end of the console, for the `since` of the waits."""
        with self.condition:
            return len(self.lines)

    def say(self, line):
        """One line to the human monitor."""
        self.console.sendall(line.encode() + b"\n")

    def type(self, line):
        """One line to the guest's UART: the terminal is switched to the guest and back."""
        self.console.sendall(b"\x01c" + line.encode() + b"\n\x01c")

    def wait_until(self, what, ready, timeout_s):
        """ready() is called whenever the console has a new line; its first value other than None is returned."""
        deadline = Deadline(timeout_s)
        with self.condition:
            while True:
                value = ready()
                if value is not None:
                    return value
                if self.console_closed or not self.alive():
                    raise BoardError(f"{self.name}: QEMU ended while waiting for {what}{self.tail()}")
                if deadline.passed():
                    raise BoardError(f"{self.name}: no {what} after {timeout_s:.0f} s{self.tail()}")
                self.condition.wait(min(1.0, deadline.left()))

    def wait_line(self, pattern, timeout_s=20.0, since=0):
        """The match of the first console line at or behind `since` in which the pattern is found."""
        regex = re.compile(pattern)

        def ready():
            nonlocal since
            while since < len(self.lines):
                match = regex.search(self.lines[since][1])
                since += 1
                if match:
                    return match
            return None
        return self.wait_until(f"line like '{pattern}'", ready, timeout_s)

    def reports(self, since=0):
        """Guest reports behind place `since` of the console, oldest first."""
        with self.condition:
            texts = [text for _, text in self.lines[since:]]
        return [report for report in map(parse_report, texts) if report is not None]

    def wait_reports(self, count, timeout_s=30.0, since=0):
        """At least that many guest reports behind `since`."""
        def ready():
            found = self.reports(since)
            return found if len(found) >= count else None
        return self.wait_until(f"{count} guest reports", ready, timeout_s)

    # ---- migration ----

    def execute(self, command, timeout_s=QMP_TIMEOUT_S, **arguments):
        """QMP, argument names with '_' for '-'."""
        args = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            return self.qmp.execute(command, args or None, timeout_s)
        except BoardError as error:
            raise BoardError(f"{error}{self.tail()}") from error

    def refused(self, command, **arguments):
        """The text of the error that the command must give."""
        try:
            result = self.execute(command, **arguments)
        except QmpError as error:
            return error.desc
        raise BoardError(f"{self.name}: {command} {arguments} was taken: {result}")

    def set_parameters(self, **parameters):
        self.execute("migrate-set-parameters", **parameters)

    def migration(self):
        return self.execute("query-migrate")

    def wait_migration(self, ready, what, timeout_s=60.0, every_s=0.2, on_info=None):
        """Ask query-migrate until ready(info); returns that info."""
        deadline = Deadline(timeout_s)
        while True:
            info = self.migration()
            if on_info is not None:
                on_info(info)
            if ready(info):
                return info
            if deadline.passed():
                raise BoardError(f"{self.name}: migration not {what} after {timeout_s:.0f} s: status {info.get('status')}, "
                                 f"owner {info.get('owner')}, {info.get('error-desc', '')}{self.tail()}")
            with self.condition:
                self.condition.wait(every_s)

    def wait_status(self, *statuses, timeout_s=60.0, **options):
        return self.wait_migration(lambda info: info["status"] in statuses, "/".join(statuses), timeout_s, **options)

    def wait_owner(self, *owners, timeout_s=60.0, **options):
        return self.wait_migration(lambda info: info["owner"] in owners, "owner " + "/".join(owners), timeout_s, **options)

    def guest_ram(self):
        """The bytes of the slot's RAM out of the shared file."""
        with self.ram_path.open("rb") as file:
            file.seek(GUEST_RAM_BASE - BOARD_RAM_BASE)
            return file.read(self.ram_mib * 1024 * 1024)


def join_reports(before, after):
    """
    Reports of the source and then of the destination: (gap, faults). gap counts the reports lost (positive) or
    repeated (negative) between the last of the one and the first of the other.
    """
    gap = after[0]["n"] - before[-1]["n"] - 1
    return gap, report_faults(before + after)


def end_on_signals():
    """SIGTERM and SIGHUP end the program as Ctrl-C does, so that context managers clean up."""
    def stop(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

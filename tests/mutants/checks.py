# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Builds a mutant beside the tree and runs a check on it.

A mutated file is written below build/mutants, which the compiler looks into first; its object is linked in front of
the archives of the ordinary host builds. Nothing in the tree, and nothing that the other builds made, is touched.
"""
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import time

BUILD = pathlib.Path(f"build/mutants/{os.getpid()}")  # several runs may go at once
OVER = BUILD / "over"
OUTPUT_MAX = 16 << 20   # bytes a check may write before it is ended
COMPILE_S = 60
SLOWER = 5              # a check may take this many times what it takes on the tree as it is ...
AT_LEAST_S = 15         # ... and always this long
ARCHIVES = "fake engine vm driver smmu base net mbedtls lwip".split()
# What is compiled when a file that is included was changed.
INCLUDED_BY = {"migration/handover.def": ["migration/handover.c"]}


class BuildFailed(Exception):
    """A mutant that does not compile or link: no mutant at all."""


def limits():
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_MAX, OUTPUT_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(args, timeout_s, log):
    """Exit status, None when it did not end in time."""
    with open(log, "wb") as out, subprocess.Popen(
            args, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=limits) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


class Check:
    """unit PROGRAM | fast PROGRAM | net PROGRAM | sim FIRST COUNT; fast: without sanitizers. A program is a path in the tree."""
    members_cache = {}
    clean_cache = {}

    def __init__(self, text):
        self.text = text
        words = text.split()
        self.kind = words[0]
        if self.kind == "sim":
            self.program, self.variant = "tests/sim/sim", "host-fast"
            self.args = ["--first", words[1], "--count", words[2], "--workers", "1", "--table", "0"]
        elif self.kind in ("unit", "fast", "net"):
            self.program, self.variant = words[1], "host-fast" if self.kind == "fast" else "host"
            self.args = []
        else:
            raise ValueError(f"no such check: {text}")

    def objects(self):
        programs = dict(pair.split("=") for pair in os.environ["MUTANTS_PROGRAMS"].split())
        src = os.environ["MUTANTS_SIM"].split() if self.kind == "sim" else programs[self.program].split(",")
        return [f"build/{self.variant}/obj/{s[:-2]}.o" for s in src]

    def link(self, objects, out, trace=False):
        libs = [f"build/{self.variant}/lib/lib{a}.a" for a in ARCHIVES]
        flags = shlex.split(os.environ["MUTANTS_SANITIZE"]) if self.variant == "host" else []
        ends = ["-Wl,--wrap=handover_post"] if self.kind == "sim" else ["-lcmocka"]
        args = ["gcc", *flags, "-o", out, *objects, *self.objects(), "-Wl,--gc-sections", "-Wl,--start-group", *libs,
                "-Wl,--end-group", *ends] + (["-Wl,-t,-t"] if trace else [])
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMPILE_S, check=False)
        if done.returncode != 0:
            raise BuildFailed(done.stdout.decode("utf-8", "replace")[-600:])
        return done.stdout.decode("utf-8", "replace")

    def includes(self, path):
        """Whether the program has that source file inside."""
        key = (self.program, self.variant)
        if key not in self.members_cache:
            said = self.link([], str(BUILD / "probe"), trace=True)
            self.members_cache[key] = set(re.findall(r"\b(\w+\.o)\b", said))
        files = INCLUDED_BY.get(path, [path])
        return any(os.path.basename(f)[:-2] + ".o" in self.members_cache[key] for f in files)

    def clean(self):
        """(passes, seconds) on the tree as it is."""
        if self.text not in self.clean_cache:
            began = time.monotonic()
            status = run([f"build/{self.variant}/{self.program}", *self.args], 300, BUILD / "clean.log")
            self.clean_cache[self.text] = (status == 0, time.monotonic() - began)
        return self.clean_cache[self.text]

    def catches(self, objects):
        """What the check says of the mutant in one line, None when it passes."""
        passes, seconds = self.clean()
        if not passes:
            raise RuntimeError(f"{self.text} fails on the tree as it is")
        program, log = str(BUILD / "mutant"), BUILD / "mutant.log"
        self.link(objects, program)
        limit = max(AT_LEAST_S, SLOWER * seconds)
        status = run([program, *self.args], limit, log)
        if status == 0:
            return None
        if status is None:
            return "no end"
        return self.reason(log.read_text("utf-8", "replace"), status)

    @staticmethod
    def reason(text, status):
        for pattern in (r"^\[  FAILED  \] (?!\d+ test|\w+: )(?P<a>.*)", r"^seed \d+: [a-zA-Z].*", r"ERROR: AddressSanitizer: .*",
                        r"runtime error: .*", r".*[Aa]ssert.*"):
            found = re.search(pattern, text, re.M)
            if found:
                return (found.groupdict().get("a") or found.group(0)).strip()[:100]
        return f"exit status {status}"


class Mutant:
    """Edits of some files: {path: text}."""
    def __init__(self, texts):
        self.texts = texts
        self.built = {}
        shutil.rmtree(OVER, ignore_errors=True)
        for path, text in texts.items():
            (OVER / path).parent.mkdir(parents=True, exist_ok=True)
            (OVER / path).write_text(text)

    def objects(self, variant):
        """Compiled for that variant, once."""
        if variant not in self.built:
            self.built[variant] = [self.compile(c, variant) for path in self.texts for c in INCLUDED_BY.get(path, [path])]
        return self.built[variant]

    @staticmethod
    def compile(path, variant):
        source = OVER / path
        if not source.exists():
            shutil.copy(path, source)
        out = str(OVER / f"{path[:-2]}-{variant}.o")
        flags = shlex.split(os.environ["MUTANTS_CFLAGS"])
        if path.startswith(("net/", "board/", "tests/")):
            flags += shlex.split(os.environ["MUTANTS_CFLAGS_PACKAGES"])
        flags += ["-O1", *shlex.split(os.environ["MUTANTS_SANITIZE"])] if variant == "host" else ["-O1"]
        done = subprocess.run(["gcc", f"-I{OVER}", *flags, "-w", "-c", "-o", out, str(source)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=COMPILE_S, check=False)
        if done.returncode != 0:
            raise BuildFailed(done.stdout.decode("utf-8", "replace")[-600:])
        return out

    def caught_by(self, check):
        return check.catches(self.objects(check.variant))

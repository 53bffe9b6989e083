#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
Worst-case stack of the image per entry point, from the call graphs that GCC writes (-fcallgraph-info=su).

  stack.py --entries FILE --elf ELF FOLDER...      FOLDERs are searched for .ci files

Fails on recursion or a variable-length array in our code, on an indirect call of ours that --entries does not
resolve, and on an entry whose worst case exceeds its stack. Recursion in packages is reported apart: it counts
as deep as a "depth" line says, and once where none does.
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

import callhints
import opstables

NODE = re.compile(r'^node: \{ title: "([^"]*)" label: "([^"]*)"( shape : ellipse)? \}', re.M)
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"(?: label: "([^"]*)")? \}', re.M)
FRAME = re.compile(r"\\n(\d+) bytes \(([a-z, ]+)\)")
INDIRECT = "__indirect_call"


class Graph:
    """Functions of the image: bytes of frame, and whom they call."""

    def __init__(self, symbols):
        self.symbols = symbols
        self.frame = {}
        self.dynamic = set()
        self.ours = set()
        self.calls = collections.defaultdict(set)
        self.places = collections.defaultdict(set)      # function -> where it calls through a pointer

    def read(self, path, ours):
        text = path.read_text(encoding="utf-8", errors="replace")
        taken = set()
        for title, label, outside in NODE.findall(text):
            name = title.rsplit(":", 1)[-1]
            frame = FRAME.search(label)
            if outside or not frame or not self.linked(name):
                continue
            taken.add(title)
            self.frame[title] = max(self.frame.get(title, 0), int(frame.group(1)))
            if frame.group(2) == "dynamic":
                self.dynamic.add(title)
            if ours:
                self.ours.add(title)
        for source, target, place in EDGE.findall(text):
            if source not in taken:
                continue
            if target == INDIRECT:
                self.places[source].add(place)
            else:
                self.calls[source].add(target)

    def linked(self, name):
        return name in self.symbols

    def resolve(self, hints, tables):
        """Adds what the hints, or else the ops tables, say of indirect calls; returns those that nothing is said of."""
        titles = collections.defaultdict(set)
        for title in self.frame:
            titles[callhints.CLONE.sub("", title).rsplit(":", 1)[-1]].add(title)
        silent = collections.defaultdict(set)
        for caller, places in self.places.items():
            patterns = hints.targets(caller)
            if patterns is not None:
                for pattern in patterns:
                    self.calls[caller].update(title for title in self.frame if callhints.matches(title, pattern))
                continue
            for place in places:
                names = tables.targets(place) if caller in self.ours else None
                if names is None:
                    silent[caller].add(place)
                for path, name in names or ():
                    # A static function of the table's own file, or a global one.
                    own = {title for title in titles.get(name, ()) if title.rsplit(":", 1)[0].endswith(path)}
                    self.calls[caller].update(own or {title for title in titles.get(name, ()) if ":" not in title})
        return silent

    def reach(self, start):
        seen, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo.extend(self.calls.get(node, ()))
        return seen


def components(nodes, calls):
    """Strongly connected components (Tarjan), callees before callers."""
    index, low, stack, on_stack, result = {}, {}, [], set(), []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(sorted(calls.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(calls.get(target, ())))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == node:
                            break
                    result.append(group)
    return result


def short(title):
    return re.sub(r"^.*/build/deps/src/|^build/deps/src/", "", title)


class Report:
    """The worst case of every function, and what stands in the way of one."""

    def __init__(self, graph, hints):
        self.graph = graph
        self.hints = hints
        self.worst = {}
        self.next = {}
        self.cycles = []
        for group in components(sorted(set(graph.frame) | set(graph.calls)), graph.calls):
            self._settle(group)

    def bytes_of(self, title):
        return self.graph.frame.get(title, self.hints.frames.get(title, 0))

    def _depth(self, group):
        counts = [count for pattern, count in self.hints.depths for title in group if callhints.matches(title, pattern)]
        return max(counts, default=1)

    def _settle(self, group):
        inside = set(group)
        outside = {target for title in group for target in self.graph.calls.get(title, ()) if target not in inside}
        deepest = max(outside, key=lambda title: self.worst.get(title, 0), default=None)
        own = sum(self.bytes_of(title) for title in group)
        if len(group) > 1 or group[0] in self.graph.calls.get(group[0], ()):
            own *= self._depth(group)
            self.cycles.append(sorted(group))
        for title in group:
            self.worst[title] = own + (self.worst.get(deepest, 0) if deepest else 0)
            self.next[title] = deepest

    def path(self, title):
        steps = []
        while title is not None and len(steps) < 64:
            steps.append(f"{short(title).rsplit(':', 1)[-1]} {self.bytes_of(title)}")
            title = self.next.get(title)
        return " > ".join(steps)


def symbols_of(elf, nm):
    listing = subprocess.run([nm, elf], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in listing.splitlines() if re.search(r" [tTwW] ", line)}


def main():
    parser = argparse.ArgumentParser(description="Worst-case stack per entry point.")
    parser.add_argument("--entries", required=True)
    parser.add_argument("--elf", required=True)
    parser.add_argument("--nm", default="aarch64-linux-gnu-nm")
    parser.add_argument("--verbose", action="store_true", help="print the deepest path of every entry")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()

    hints = callhints.Hints(args.entries)
    graph = Graph(symbols_of(args.elf, args.nm))
    for top in args.folders:
        for path in sorted(pathlib.Path(top).rglob("*.ci")):
            graph.read(path, "/obj/" in str(path))
    silent = graph.resolve(hints, opstables.OpsTables())
    report = Report(graph, hints)
    wrong = []

    print(f"{'entry':32}{'worst':>8}{'stack':>8}{'left':>8}")
    known, blind = set(), set()
    for name, limit in hints.entries:
        starts = [title for title in set(graph.frame) | set(hints.frames) if callhints.matches(title, name)]
        if not starts:
            wrong.append(f"entry {name} is not in the image")
            continue
        worst, start = max((report.worst.get(title, report.bytes_of(title)), title) for title in starts)
        reached = graph.reach(start)
        known |= reached
        open_ends = sorted(title for title in reached if title in silent)
        blind |= {title for title in reached if title not in graph.frame and title not in hints.frames}
        print(f"{name:32}{worst:8}{limit:8}{limit - worst:8}" + (f"   {len(open_ends)} open ends" if open_ends else ""))
        if args.verbose:
            print(f"    {report.path(start)}")
        if worst > limit:
            wrong.append(f"{name} needs {worst} of {limit} bytes: {report.path(start)}")

    for title in sorted(graph.dynamic):
        if title in graph.ours:
            wrong.append(f"{title}: a frame of variable size")
    package_cycles = []
    for cycle in report.cycles:
        if any(title in graph.ours for title in cycle):
            wrong.append("recursion: " + ", ".join(map(short, cycle)))
        elif known & set(cycle):
            package_cycles.append(cycle)
    for cycle in package_cycles:
        print(f"package recursion, counted {report._depth(cycle)} deep: " + ", ".join(map(short, cycle)))
    for title in sorted(silent):
        if title in graph.ours:
            wrong.append(f"{title}: calls through a pointer at {', '.join(sorted(silent[title]))}; add 'calls' to {args.entries}")
    packages = sorted(title for title in silent if title not in graph.ours and title in known)
    if packages:
        print(f"packages, calls through a pointer that nothing is said of: {', '.join(map(short, packages))}")
    if blind:
        print(f"without a frame size, counted as 0: {', '.join(sorted(map(short, blind)))}")
    if not hints.entries:
        wrong.append(f"{args.entries} names no entry")
    for line in wrong:
        print(f"stack: {line}", file=sys.stderr)
    print(f"stack: {len(hints.entries)} entries, {len(graph.frame)} functions, {len(package_cycles)} package recursions, "
          f"{len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

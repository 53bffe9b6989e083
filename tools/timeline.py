#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""
A picture of a migration: the pages each round sent, what was dirty after it, and the blackout at its end.

  timeline.py REPORT.json OUT.svg      from what tools/demo.py wrote
"""

import html
import json
import pathlib
import sys

WIDTH, HEIGHT = 900, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 64, 92
STYLE = """
  text { font-family: sans-serif; font-size: 12px; fill: #333 }
  .title { font-size: 16px; font-weight: bold }
  .axis { stroke: #888; stroke-width: 1 }
  .grid { stroke: #ddd; stroke-width: 1 }
  .sent { fill: #4a7fb5 }
  .zero { fill: #bcd3e8 }
  .dirty { fill: none; stroke: #c8642b; stroke-width: 2 }
  .dot { fill: #c8642b }
  .note { font-size: 11px; fill: #666 }
"""
PARTS = [("stop", "#5b3a8c"), ("device", "#a33b3b"), ("last_pages", "#4a7fb5"), ("vm_state", "#3f8f6b"),
         ("load", "#c8942b"), ("commit", "#666666"), ("run", "#2b2b2b")]


def nice_step(top, count=5):
    """A round step that cuts 0..top into about `count` pieces."""
    step = 1
    while top / step > count:
        for factor in (2, 2.5, 2):
            step = int(step * factor)
            if top / step <= count:
                break
    return max(1, step)


def draw(rounds, parts_us, title):
    """rounds: dicts with pages (with contents), zero, us, dirty. parts_us: the blackout by part. Returns SVG."""
    parts_us = {name: parts_us.get(name, 0) for name, _ in PARTS}
    blackout_us = sum(parts_us.values())
    total_us = max(1, sum(r["us"] for r in rounds) + blackout_us)
    top = max([1] + [r["pages"] + r["zero"] for r in rounds] + [r["dirty"] for r in rounds])
    plot_w, plot_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(us):
        return LEFT + plot_w * us / total_us

    def y(pages):
        # Square root: the first round is all of RAM, the last ones a few pages, and both are to be seen.
        return TOP + plot_h * (1 - (pages / top) ** 0.5)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
           f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text class="title" x="{LEFT}" y="26">{html.escape(title)}</text>']
    legend = LEFT
    for css, text in (("sent", "pages sent"), ("zero", "zero pages (sent as a bit)")):
        out.append(f'<rect class="{css}" x="{legend}" y="38" width="12" height="12"/>'
                   f'<text x="{legend + 18}" y="48">{text}</text>')
        legend += 40 + 7 * len(text)
    out.append(f'<line class="dirty" x1="{legend}" y1="44" x2="{legend + 14}" y2="44"/>'
               f'<text x="{legend + 20}" y="48">dirty after the round</text>')
    ticks = [0]
    for power in range(len(str(top))):
        ticks += [m * 10 ** power for m in (1, 2, 5) if m * 10 ** power <= top]
    ticks = [t for t in ticks if t == 0 or t * 60 > top]
    for pages in ticks:
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y(pages):.1f}" x2="{WIDTH - RIGHT}" y2="{y(pages):.1f}"/>'
                   f'<text x="{LEFT - 8}" y="{y(pages) + 4:.1f}" text-anchor="end">{pages}</text>')
    out.append(f'<text x="16" y="{TOP + plot_h / 2:.0f}" transform="rotate(-90 16 {TOP + plot_h / 2:.0f})" '
               f'text-anchor="middle">pages of 4 KiB (square-root scale)</text>')

    at, line = 0, []
    for number, r in enumerate(rounds):
        x0, x1 = x(at), x(at + r["us"])
        width = max(1.0, x1 - x0 - 1)
        zero_top = y(r["pages"] + r["zero"])
        sent_top = y(r["pages"])
        name = f"round {r.get('round', number) + 1}: {r['pages']} pages and {r['zero']} zero pages, {r['us'] / 1000:.0f} ms, " \
               f"{r['dirty']} dirty after"
        out.append(f'<g><title>{name}</title><rect class="zero" x="{x0:.1f}" y="{zero_top:.1f}" width="{width:.1f}" '
                   f'height="{max(0.0, sent_top - zero_top):.1f}"/><rect class="sent" x="{x0:.1f}" y="{sent_top:.1f}" '
                   f'width="{width:.1f}" height="{max(0.0, TOP + plot_h - sent_top):.1f}"/></g>')
        if x1 - x0 > 14:
            out.append(f'<text x="{(x0 + x1) / 2:.1f}" y="{TOP + plot_h + 16}" text-anchor="middle">'
                       f'{r.get("round", number) + 1}</text>')
        at += r["us"]
        line.append((x1, y(r["dirty"])))
    if line:
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in line)
        out.append(f'<polyline class="dirty" points="{points}"/>')
        out += [f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in line]

    begin = at
    out.append(f'<rect x="{x(begin):.1f}" y="{TOP}" width="{max(2.0, x(total_us) - x(begin)):.1f}" height="{plot_h}" '
               f'fill="#000" opacity="0.12"><title>blackout: {blackout_us / 1000:.1f} ms</title></rect>')
    for name, colour in PARTS:
        if parts_us[name] > 0:
            out.append(f'<rect x="{x(at):.1f}" y="{TOP + plot_h - 14}" width="{max(0.5, x(at + parts_us[name]) - x(at)):.1f}" '
                       f'height="14" fill="{colour}"><title>{name.replace("_", " ")}: {parts_us[name] / 1000:.1f} ms'
                       f'</title></rect>')
        at += parts_us[name]
    out.append(f'<line class="axis" x1="{LEFT}" y1="{TOP + plot_h}" x2="{WIDTH - RIGHT}" y2="{TOP + plot_h}"/>'
               f'<line class="axis" x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{TOP + plot_h}"/>')
    step = nice_step(int(total_us / 1000), 8)
    for ms in range(0, int(total_us / 1000) + 1, step):
        out.append(f'<text class="note" x="{x(ms * 1000):.1f}" y="{TOP + plot_h + 32}" text-anchor="middle">{ms} ms</text>')
    legend = LEFT
    out.append(f'<text x="{LEFT}" y="{HEIGHT - 34}">VM stopped for {blackout_us / 1000:.1f} ms:</text>')
    for name, colour in PARTS:
        text = f"{name.replace('_', ' ')} {parts_us[name] / 1000:.1f}"
        out.append(f'<rect x="{legend}" y="{HEIGHT - 24}" width="10" height="10" fill="{colour}"/>'
                   f'<text class="note" x="{legend + 14}" y="{HEIGHT - 15}">{text}</text>')
        legend += 26 + 7 * len(text)
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    picture = draw(report["rounds_detail"], report["downtime_us"], "Godwit: a migration, round by round")
    pathlib.Path(sys.argv[2]).write_text(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Writes how it grows, from what lowthread-scale wrote, into a document, and draws it.

In the document, what stands between `<!-- scale: begin -->` and `<!-- scale: end -->` is written anew. Pictures need
matplotlib; without --picture none is drawn.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import draw

RATES = ("M/s",)


def ratio(metric, ours, peer):
    """How many times as good ours is."""
    if not ours or not peer:
        return None
    return ours / peer if metric in RATES else peer / ours


def exponent(metric, points):
    """By which power of their number the time, or what else it costs, for each grows, from the third size to the last."""
    (n, first), (m, last) = points[len(points) // 2], points[-1]
    if not first or not last or n == m:
        return None
    return math.log((first / last if metric in RATES else last / first)) / math.log(m / n)


def table(run):
    """A line for each curve of ours; in brackets, how many times as good as POSIX, where that has the same."""
    lines = []
    sizes = None
    for row in run["rows"]:
        own = [n for n, _ in row["lines"][0]["points"]]
        if own != sizes:
            sizes = own
            lines += [""] * bool(lines)
            lines.append("| " + " | ".join(["row", "", *(f"{n:,}" for n in sizes), "grows by the power"]) + " |")
            lines.append("|---|---|" + "---:|" * (len(sizes) + 1))
        peers = {line["metric"]: line for line in row["lines"] if line["name"] != "lowthread"}
        for line in row["lines"]:
            if line["name"] != "lowthread":
                continue
            metric, peer = line["metric"], peers.get(line["metric"])
            cells = []
            for i, (_, value) in enumerate(line["points"]):
                other = ratio(metric, value, peer["points"][i][1]) if peer else None
                cells.append(draw.number(value) + (f" ({draw.number(other)})" if other else ""))
            power = exponent(metric, line["points"])
            cells.append("" if power is None else f"{power:.1f}")
            title = f"{row['title']}, {row['of']}" if line is row["lines"][0] else ""
            lines.append("| " + " | ".join([title, metric, *cells]) + " |")
    where = f"Measured {run['began']} on {run['processors']} processors, {run['system']}."
    return where + "\n\n" + "\n".join(lines)


def picture(run, path):
    pyplot = draw.plots("draw_scale.py")
    if pyplot is None:
        return

    curves = {}
    for row in run["rows"]:
        for line in row["lines"]:
            curves.setdefault((row["title"], line["metric"], row["of"]), []).append(line)
    figure, all_axes = draw.grid(pyplot, len(curves))
    for axes, ((title, metric, of), lines) in zip(all_axes, curves.items()):
        for line in lines:
            axes.plot([n for n, _ in line["points"]], [max(value, 1e-3) for _, value in line["points"]], marker=".",
                      **draw.style(line["name"]))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.set_title(f"{title}: {metric}", fontsize=7)
        axes.set_xlabel(of, fontsize=7)
        axes.legend(fontsize=5)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw.save(figure, path)
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="what lowthread-scale wrote")
    parser.add_argument("--document", type=Path, help="write the generated part of this document anew")
    parser.add_argument("--picture", type=Path, help="draw into this file")
    arguments = parser.parse_args()
    run = json.loads(arguments.results.read_text())
    if arguments.document:
        text = arguments.document.read_text()
        arguments.document.write_text(draw.replace(text, "scale", table(run)))
    if arguments.picture:
        picture(run, arguments.picture)
    if not arguments.document and not arguments.picture:
        print(table(run))


if __name__ == "__main__":
    sys.exit(main())

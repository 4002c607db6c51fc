#!/usr/bin/env python3
"""Writes how it grows, from what lowthread-scale wrote, into a document, and draws it.

In the document, what stands between `<!-- scale: begin -->` and `<!-- scale: end -->` is written anew. Pictures need
matplotlib; without --pictures none is drawn.
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


def curves(run):
    """What is drawn together: {title: lines}, each with what its sizes count."""
    found = {}
    for row in run["rows"]:
        for line in row["lines"]:
            found.setdefault(f"{row['title']}: {line['metric']}", []).append((row["of"], line))
    return found


def panel(lines):
    from matplotlib import ticker

    def fill(axes):
        for of, line in lines:
            axes.plot([n for n, _ in line["points"]], [max(value, 1e-3) for _, value in line["points"]], marker=".",
                      **draw.style(line["name"]))
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Some curves stay within one power of ten.
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=5))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axes.minorticks_off()
        axes.set_xlabel(of)
    return fill


def pictures(run, folder):
    pyplot = draw.plots("draw_scale.py")
    if pyplot is None:
        return

    folder.mkdir(parents=True, exist_ok=True)
    draw.panels(pyplot, folder, "scale", {title: panel(lines) for title, lines in curves(run).items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="what lowthread-scale wrote")
    parser.add_argument("--document", type=Path, help="write the generated part of this document anew")
    parser.add_argument("--pictures", type=Path, help="draw into this folder")
    arguments = parser.parse_args()
    run = json.loads(arguments.results.read_text())
    if arguments.document:
        text = arguments.document.read_text()
        arguments.document.write_text(draw.replace(text, "scale", f"{table(run)}\n\n{draw.shown('scale', curves(run))}"))
    if arguments.pictures:
        pictures(run, arguments.pictures)
    if not arguments.document and not arguments.pictures:
        print(table(run))


if __name__ == "__main__":
    sys.exit(main())

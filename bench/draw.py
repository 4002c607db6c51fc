#!/usr/bin/env python3
"""Writes the table of a run of lowthread-bench into a document, and draws it.

The results are what `lowthread-bench --json` wrote, in one file or in several. Pictures need matplotlib;
without --pictures none is drawn. In the document, what stands between `<!-- NAME: begin -->` and
`<!-- NAME: end -->` is written anew, for the names `run`, `locks`, `table`, `throughput` and `latencies`.
"""

import argparse
import json
import math
import re
import sys
import textwrap
from pathlib import Path


def load(paths):
    """The first file's run, with the rows of all."""
    runs = [json.loads(Path(path).read_text()) for path in paths]
    run = runs[0]
    run["rows"] = [row for each in runs for row in each["rows"]]
    return run


def number(value):
    """Three significant digits, as the bench prints them."""
    if value is None:
        return "-"
    size = abs(value)
    digits = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"


def ratio_text(ratio):
    if ratio["value"] is None:
        return "-"
    return f"{number(ratio['value'])} [{number(ratio['low'])}-{number(ratio['high'])}]"


def of_kind(row, kind):
    return [c for c in row["contestants"] if c["kind"] == kind and not c["name"].endswith("once more")]


def best(row, kind, metric=0):
    """The contestant of this kind with the best figure."""
    found = [c for c in of_kind(row, kind) if c["figures"][metric]["value"] is not None]
    if not found:
        return None
    choose = max if row["metrics"][metric]["higher is better"] else min
    return choose(found, key=lambda c: c["figures"][metric]["value"])


def verdict(ratio):
    if ratio["low"] <= 1 <= ratio["high"]:
        return "draw"
    return "ahead" if ratio["value"] > 1 else "behind"


def compared(run):
    """Each row that has us and a peer: the row, ours, the best peer, the ratio."""
    for row in run["rows"]:
        ours, peer = of_kind(row, "ours"), best(row, "peer")
        if ours and peer and peer["figures"][0]["ratio"]["value"] is not None:
            yield row, ours[0], peer, peer["figures"][0]["ratio"]


def describe(run):
    """Where and how it was measured, and what came out, in a few lines."""
    machine = run["machine"]
    verdicts = [verdict(ratio) for *_, ratio in compared(run)]
    lines = [
        f"Measured {run['began'][:10]} on {machine['processor']}, {machine['processors']} processors, "
        f"{machine['system']}, glibc {machine['glibc']}; {run['rounds']} rounds"
        f"{', quick ones' if run['quick'] else ''}. Peers: {run['peers']}. Not here: {run['missing peers']}.",
        "",
        f"Of {len(verdicts)} rows {verdicts.count('ahead')} are ahead of the best peer, "
        f"{verdicts.count('draw')} are draws, {verdicts.count('behind')} are behind.",
    ]
    others = [used for row in run["rows"] for used in row["others"]]
    lines.append(f"Other processes used {sum(others) / max(len(others), 1):.1%} of the machine meanwhile.")
    errors = sorted(abs(math.log(c["figures"][0]["ratio"]["value"])) for row in run["rows"]
                    for c in row["contestants"]
                    if c["name"].endswith("once more") and c["figures"][0]["ratio"]["value"])
    if errors:
        lines.append(f"Two copies of lowthread were apart by {math.expm1(errors[len(errors) // 2]):.1%} in the median "
                     f"row, by {math.expm1(errors[-1]):.0%} at most.")
    return "\n".join(lines)


def table(run):
    """A line for each row: ours beside the best peer and the nearest limit."""
    lines = ["| row | lowthread | best peer | | times as good | | of the limit |",
             "|---|---:|---|---:|---:|---|---:|"]
    for row, ours, peer, ratio in compared(run):
        metric = row["metrics"][0]["name"]
        limit = best(row, "limit")
        lines.append("| " + " | ".join([
            row["title"],
            f"{number(ours['figures'][0]['value'])} {metric}",
            peer["name"],
            number(peer["figures"][0]["value"]),
            ratio_text(ratio),
            verdict(ratio),
            number(limit["figures"][0]["ratio"]["value"]) if limit else "",
        ]) + " |")
    return "\n".join(lines)


def locks(run):
    """What each lock trades for what, over the cells in which threads contend."""
    cells = [row for row in run["rows"] if row["title"].startswith("lock: contended")]
    found = {}
    for row in cells:
        for c in of_kind(row, "ours") + of_kind(row, "peer"):
            found.setdefault(c["name"], []).append([figure["value"] for figure in c["figures"]])

    def mean(name, metric):
        """Geometric, as times lowthread's."""
        logs = [math.log(theirs[metric] / ours[metric])
                for theirs, ours in zip(found[name], found["lowthread"])]
        return math.exp(sum(logs) / len(logs))

    lines = [f"Over {len(cells)} cells (2, 4 and 8 threads, with 0, 50 and 500 ns inside).", "",
             "| lock | speed, times ours | CPU per operation, times ours | most / least of a thread, worst cell "
             "| longest wait, ms |", "|---|---:|---:|---:|---:|"]
    for name, figures in found.items():
        lines.append(f"| {name} | {number(mean(name, 0))} | {number(mean(name, 1))} "
                     f"| {number(max(f[2] for f in figures))} | {number(max(f[3] for f in figures))} |")
    return "\n".join(lines) if cells else "The run had no row of contended locks."


def replace(text, name, generated):
    """The text with another part of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the document has no part {name}, or more than one")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{generated}\n{end}{rest.split(end)[1]}"


def series(run):
    """Rows of which the titles differ only in how many threads there are: {title: [(threads, row)]}."""
    found = {}
    for row in run["rows"]:
        count = re.search(r"(\d+) (?:threads|producers)", row["title"])
        if count and row["metrics"][0]["higher is better"]:
            title = re.sub(r"\d+ (threads|producers|consumers)", r"n \1", row["title"])
            found.setdefault(title, []).append((int(count[1]), row))
    return {title: sorted(rows, key=lambda it: it[0]) for title, rows in found.items() if len(rows) > 1}


def distributed(run):
    """Rows that have the times of their single steps: {title: row}."""
    return {row["title"]: row for row in run["rows"] if any(c.get("latencies") for c in row["contestants"])}


def file_of(kind, title):
    return f"{kind}-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}.svg"


def shown(kind, titles):
    """Panels, one after the other: a page sets as many beside each other as it has room for."""
    return "\n".join(f"![{title}](performance/{file_of(kind, title)})" for title in titles)


def write_document(run, path):
    text = path.read_text()
    parts = {"run": describe, "locks": locks, "table": table,
             "throughput": lambda run: shown("throughput", series(run)),
             "latencies": lambda run: shown("latencies", distributed(run))}
    for name, generate in parts.items():
        text = replace(text, name, generate(run))
    path.write_text(text)


# ---- Pictures: as wide as a phone, since a page that is wider can set several beside each other ----

COLOURS = {"ahead": "#2a7f3f", "draw": "#888888", "behind": "#b03030"}
WIDTH = 3.9  # Inches, of 96 pixels.


def save(plt, figure, path):
    # The same run gives the same file.
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def groups(run):
    """What is compared, by what it is a row of: {group: [(the rest of the title, the peer's name, ratio)]}."""
    found = {}
    for row, _, peer, ratio in compared(run):
        group, _, title = row["title"].partition(": ")
        found.setdefault(group, []).append((title, peer["name"], ratio))
    return found


def draw_ratios(plt, run, path):
    """A bar for each row, under the name of what it is a row of."""
    lines = []
    for group, rows in groups(run).items():
        lines.append((group, None, None, None))
        lines += [(title, peer, ratio, verdict(ratio)) for title, peer, ratio in rows]
    bars(plt, path, lines)


def draw_overview(plt, run, path):
    """A bar for all rows of one thing: their mean, and from the worst to the best."""
    lines = []
    for group, rows in groups(run).items():
        values = [ratio["value"] for *_, ratio in rows]
        mean = math.exp(sum(map(math.log, values)) / len(values))
        lines.append((group, f"in {len(values)} row{'s' if len(values) > 1 else ''}",
                      {"value": mean, "low": min(values), "high": max(values)}, "ahead" if mean > 1 else "behind"))
    bars(plt, path, lines)


def bars(plt, path, lines):
    """Each with its words above it and a note on the right; one without a ratio is a heading."""
    top, bottom = 0.1, 0.55
    height = 0.32 * len(lines)
    figure, axes = plt.subplots(figsize=(WIDTH, top + height + bottom))
    figure.subplots_adjust(left=0.04, right=0.5, top=1 - top / (top + height + bottom),
                           bottom=bottom / (top + height + bottom))
    words = axes.get_yaxis_transform()
    axes.axvline(1, color="#bbbbbb", linewidth=0.8, zorder=0)
    for y, (title, note, ratio, how) in enumerate(lines):
        if ratio is None:
            axes.text(0, y + 0.4, title, transform=words, weight="bold")
            continue
        axes.text(0, y, title, transform=words, fontsize=8)
        axes.barh(y + 0.3, ratio["value"] - 1, left=1, color=COLOURS[how], height=0.35)
        axes.plot([ratio["low"], ratio["high"]], [y + 0.3] * 2, color="black", linewidth=0.8)
        axes.text(1.03, y + 0.32, f"{number(ratio['value'])} {note}", transform=words, va="center", color="#555555", fontsize=8)
    axes.set_yticks([])
    axes.set_ylim(len(lines), -0.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("times as good as the best peer")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    save(plt, figure, path)


def panels(plt, folder, kind, contents):
    """A picture for each title, which its function draws into. Those of other runs go."""
    for old in folder.glob(f"{kind}-*.svg"):
        old.unlink()
    for title, fill in contents.items():
        figure, axes = plt.subplots(figsize=(WIDTH, 3.3), layout="constrained")
        fill(axes)
        figure.suptitle(textwrap.fill(title, 58), fontsize=9, x=0.02, ha="left")
        figure.legend(loc="outside lower left", ncols=2, columnspacing=1, handlelength=1.4, frameon=False)
        save(plt, figure, folder / file_of(kind, title))


def style(name):
    ours = name == "lowthread"
    return {"color": "black" if ours else None, "linewidth": 1.6 if ours else 0.8, "label": name}


def throughput(rows):
    def fill(axes):
        lines = {}
        for threads, row in rows:
            for c in of_kind(row, "ours") + of_kind(row, "peer"):
                lines.setdefault(c["name"], []).append((threads, c["figures"][0]))
        for name, points in lines.items():
            x = [threads for threads, _ in points]
            drawn, = axes.plot(x, [f["value"] for _, f in points], marker=".", **style(name))
            axes.fill_between(x, [f["low"] for _, f in points], [f["high"] for _, f in points],
                              color=drawn.get_color(), alpha=0.1, linewidth=0)
        axes.set_ylabel(rows[0][1]["metrics"][0]["name"])
        axes.set_ylim(bottom=0)
        axes.set_xticks([threads for threads, _ in rows])
        axes.set_xlabel("n")
    return fill


def latencies(row):
    def fill(axes):
        for c in of_kind(row, "ours") + of_kind(row, "peer"):
            if "latencies" in c:
                quantiles = c["latencies"]["quantiles"]
                # Few enough for a small file; the end, where they are nearer to each other, is whole. A
                # logarithm knows no 0, and a picture need not know of less than 10 ns.
                quantiles = [it for i, it in enumerate(quantiles) if i % 6 == 0 or it[0] > 0.99]
                axes.plot([max(value, 10) / 1e3 for _, value in quantiles], [q for q, _ in quantiles],
                          **style(c["name"]))
        axes.set_xscale("log")
        axes.set_xlabel("us")
        axes.set_ylabel("share that took less")
    return fill


def plots(program, **settings):
    """pyplot for pictures that are the same each time; None, and a word, where there is no matplotlib."""
    try:
        import matplotlib
    except ImportError:
        print(f"{program}: no pictures: there is no matplotlib (bench/setup installs it)", file=sys.stderr)
        return None

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "lowthread", "svg.fonttype": "none", "font.size": 9,
                               "legend.fontsize": 8, **settings})
    from matplotlib import pyplot

    return pyplot


def draw(run, folder):
    pyplot = plots("draw.py", **{"path.simplify_threshold": 0.5})
    if pyplot is None:
        return

    folder.mkdir(parents=True, exist_ok=True)
    if any(compared(run)):
        draw_overview(pyplot, run, folder / "overview.svg")
        draw_ratios(pyplot, run, folder / "ratios.svg")
    panels(pyplot, folder, "throughput", {title: throughput(rows) for title, rows in series(run).items()})
    panels(pyplot, folder, "latencies", {title: latencies(row) for title, row in distributed(run).items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", help="what lowthread-bench --json wrote")
    parser.add_argument("--document", type=Path, help="write the generated parts of this document anew")
    parser.add_argument("--pictures", type=Path, help="draw into this folder")
    arguments = parser.parse_args()
    run = load(arguments.results)
    if arguments.document:
        write_document(run, arguments.document)
    if arguments.pictures:
        draw(run, arguments.pictures)
    if not arguments.document and not arguments.pictures:
        print(table(run))


if __name__ == "__main__":
    sys.exit(main())

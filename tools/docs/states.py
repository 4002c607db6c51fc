#!/usr/bin/env python3
"""Draws the state machines of the types from the tables in the module comments of src.

    tools/docs/states.py FOLDER    one SVG for each, by Graphviz' dot

A table is one of two kinds.

| state | meaning | goes on by |      what leads on, as "cause: `STATE`; another cause: `STATE`"; without a state: to the next row
| from | by | to | name |            the first state of a cell; a transition that leads to none stays where it is

What a drawing was made of stands in it: a test compares that with the source, and needs no dot.
"""

import html
import pathlib
import re
import subprocess
import sys

from api import ROOT

# The type, and whose table is its machine.
MACHINES = {
    "lt_lock": "sync/exclusion.rs",
    "lt_rlock": "sync/exclusion.rs",
    "lt_event": "sync/event.rs",
    "lt_condition": "sync/condition.rs",
    "lt_barrier": "sync/barrier.rs",
    "lt_rwlock": "sync/rwlock.rs",
    "lt_once_flag": "sync/once.rs",
    "lt_spinlock": "sync/spinlock.rs",
    "lt_thread": "thread/joinable.rs",
    "lt_timer": "exec/alarm.rs",
    "lt_watchdog": "exec/alarm.rs",
    "lt_future": "exec/future.rs",
    "lt_pool": "exec/pool.rs",
    "lt_watcher": "exec/watcher.rs",
}
# Handles without a drawing, and why.
NONE = {
    "lt_semaphore": "Its state is one number.",
    "lt_queue": "Its states are those of its cells.",
    "lt_errors": "It has errors in it, or none.",
    "lt_local": "Each thread has set it, or not.",
}
# What a cell of "from" or "to" says in other words: the state that this is.
SAYS = {
    "lt_once_flag": {"as from 0": "RUNNING", "DONE": "DONE"},
    "lt_condition": {"holds the lock again": "holds the lock"},
    "lt_rwlock": {
        "WRITER": "held",
        "WRITER for that one": "held",
        "count + 1": "held",
        "count + n": "held",
        "one holder less": "held",
        "not WRITER": "not held",
    },
}


def tables(path):
    """The tables of a module comment, as rows of cells; the first row is the heading."""
    found, rows = [], []
    for line in path.read_text().splitlines():
        if line.startswith("//! |"):
            cells = [cell.strip() for cell in line[4:].strip().strip("|").split("|")]
            if not set(cells[0]) <= {"-"} or not cells[0]:
                rows.append(cells)
        elif rows:
            found.append(rows)
            rows = []
    return found


def plain(text):
    return text.replace("`", "")


def is_machine(rows):
    return rows[0][1:3] in (["meaning", "goes on by"], ["by", "to"])


def machine(name):
    """The states, and the transitions between them: (from, to, by what)"""
    rows = next(rows for rows in tables(ROOT / "src" / MACHINES[name]) if is_machine(rows))
    if rows[0][2] == "to":
        return of_transitions([row + [""] * (4 - len(row)) for row in rows[1:]], SAYS.get(name, {}))
    return of_states(rows[1:])


def of_states(rows):
    groups = [re.findall(r"`(\w+)`", row[0]) for row in rows]
    states = [", ".join(group) for group in groups]
    group_of = {name: state for group, state in zip(groups, states) for name in group}
    found = []
    for number, row in enumerate(rows):
        way = row[2] if len(row) > 2 else ""
        if "`" not in way:
            if way:
                found.append((states[number], states[number + 1], way))
            continue
        cause = ""
        for part in way.split("; "):
            cause = f"{cause}; {part}".removeprefix("; ")
            match = re.match(r"(.*?)[:,] `(\w+)`(( if|, unless) .*)?", cause)
            if match:
                found.append((states[number], group_of[match[2]], plain(match[1] + (match[3] or ""))))
                cause = ""
    return states, found


def split_state(cell, says):
    """The states that a cell begins with, and the rest."""
    text = plain(cell).removeprefix("still ")
    match = re.match(r"([^;:,]*)[;:,]? ?(.*)", text)
    if match[2].startswith("or "):
        return [match[1], match[2].removeprefix("or ")], ""
    return [says.get(match[1], match[1])], match[2]


def of_transitions(rows, says):
    for before, row in zip(rows, rows[1:]):
        for column in (0, 1):
            row[column] = re.sub("^the same", before[column].replace("\\", ""), row[column])
    states = list(dict.fromkeys(state for row in rows for state in split_state(row[0], says)[0]))
    states += [state for state in says.values() if state not in states]
    states = [state for state in states if state not in ("any", "anything else", "WAKING")]
    found = []
    for row in rows:
        here, condition = split_state(row[0], says)
        there = split_state(row[2], says)[0][0]
        label = (f"{plain(row[3])}: " if row[3] else "") + plain(row[1]) + (f" ({condition})" if condition else "")
        for state in here:
            state = state if state in states else "in any state"
            found.append((state, there if there in states and state in states else state, label))
    return states + ["in any state"] * any(here == "in any state" for here, _, _ in found), found


def wrap(text, width=26):
    lines, current = [], ""
    for word in re.sub(r" ([<>]) ", "\u00a0\\1\u00a0", text).split(" "):
        if current and len(current) + len(word) + 1 > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}".strip()
    return "\\n".join([*lines, current]).replace('"', '\\"')


def dot(name):
    """The drawing in dot's language."""
    states, transitions = machine(name)
    lines = [
        "digraph {",
        "rankdir=TB; nodesep=0.5; ranksep=0.6; bgcolor=transparent;",
        'node [shape=box style="rounded,filled" fillcolor="#eef2fb" color="#4269d0" fontname="sans-serif" fontsize=13 margin="0.18,0.12"];',
        'edge [color="#6b7280" fontname="sans-serif" fontsize=11];',
    ]
    loops = {}
    for here, there, label in transitions:
        if here == there:
            loops.setdefault(here, []).append(label)
    for state in states:
        text = wrap(state, 30)
        if state in loops:
            text += "\\n\\nstays so:\\l" + "".join(wrap("· " + label, 44).replace("\\n", "\\l   ") + "\\l" for label in loops[state])
        lines.append(f'"{wrap(state)}" [label="{text}"];')
    for here, there, label in transitions:
        if here != there:
            lines.append(f'"{wrap(here)}" -> "{wrap(there)}" [label="{wrap(label)}"];')
    return "\n".join([*lines, "}"]) + "\n"


DARK = """<style>
@media (prefers-color-scheme: dark) {
  .node path, .node polygon { fill: #1f2937; stroke: #8fb0ff }
  text { fill: #d7dce5 }
  .edge path { stroke: #9aa4b2 }
  .edge polygon { fill: #9aa4b2; stroke: #9aa4b2 }
}
</style>"""


def draw(name):
    source = dot(name)
    svg = subprocess.run(["dot", "-Tsvg"], input=source, text=True, capture_output=True, check=True).stdout
    svg = svg[svg.index("<svg") :]
    title = f"<title>The states of {name}, from src/{MACHINES[name]}</title>"
    svg = re.sub(r"(<svg[^>]*>)", lambda m: m[1] + "\n" + title + "\n" + DARK, svg, count=1)
    svg = re.sub(r"<title>%3</title>\n|<title>[^<]*&#45;[^<]*</title>\n", "", svg)
    svg = re.sub(r"<!--.*?-->\n", "", svg, flags=re.S)
    return f"{svg.rstrip()}\n<!-- made of\n{html.escape(source).replace('--', '- -')}-->\n"


def made_of(svg):
    return html.unescape(svg.split("<!-- made of\n")[1].split("-->")[0].replace("- -", "--"))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for drawn in MACHINES:
        (folder / f"{drawn}.svg").write_text(draw(drawn))

"""The table of tools/coverage, from llvm-cov's JSON; and whether a file has lost more than chance takes."""

import json
import pathlib
import sys

# What a run reaches depends on who comes first.
CHANCE = 1.5

json_path, budget_path, *options = sys.argv[1:]
root = pathlib.Path.cwd()
budget_file = pathlib.Path(budget_path)
rows = {}
unreached = {}
for file in json.load(open(json_path))["data"][0]["files"]:
    path = pathlib.Path(file["filename"])
    name = str(path.relative_to(root) if path.is_absolute() else path)
    summary = file["summary"]
    rows[name] = tuple(round(summary[what]["percent"], 1) for what in ("lines", "regions"))
    # A segment: line, column, count, whether it has one, whether it begins a region, whether it is a gap.
    unreached[name] = sorted({s[0] for s in file["segments"] if s[3] and s[4] and not s[5] and s[2] == 0})

HEAD = "# The least that tests reach of a file, in percent: lines, regions. `tools/coverage` compares; --accept writes it.\n"
if "--accept" in options:
    lines = (f"{a:5.1f} {b:5.1f} {name}\n" for name, (a, b) in sorted(rows.items()))
    budget_file.write_text(HEAD + "".join(lines))

least = {}
for line in budget_file.read_text().splitlines():
    if line and not line.startswith("#"):
        lines, regions, name = line.split(maxsplit=2)
        least[name] = (float(lines), float(regions))

lost = []
for name, reached in sorted(rows.items()):
    less = any(is_now < was - CHANCE for is_now, was in zip(reached, least.get(name, (0, 0))))
    lost += [name] if less else []
    print(f"{reached[0]:5.1f} {reached[1]:5.1f} {name}{'   <- less than before' if less else ''}")
    if "--lines" in options and unreached[name]:
        print("           begins at", *unreached[name])
print(f"{len(rows)} files, {len(lost)} with less than abi/coverage.txt says")
sys.exit(bool(lost))

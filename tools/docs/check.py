#!/usr/bin/env python3
"""Whether the documents are whole, and what the source gives.

    tools/docs/check.py man         the pages of man/ are those that the source gives, and mandoc finds no fault
    tools/docs/check.py complete    each function and type has what its page needs; each example is in the cookbook
    tools/docs/check.py states      docs/states has the drawings of the tables in the source
"""

import difflib
import re
import shutil
import subprocess
import sys

import man
import states
from api import ROOT, Api


def check_man():
    api = Api()
    wanted = {path: text for path, text in man.pages(api).items()}
    found = {str(p.relative_to(ROOT / "man")): p.read_text() for p in (ROOT / "man").rglob("*.[137]")}
    wrong = [f"man/{path}: one too many" for path in found.keys() - wanted.keys()]
    for path, text in wanted.items():
        if found.get(path) != text:
            diff = difflib.unified_diff(found.get(path, "").splitlines(), text.splitlines(), "man/" + path, "the source", "")
            wrong.append("\n".join(list(diff)[:20]))
    if wrong:
        return [*wrong, "man/ is not what the source gives: run make header"]
    if not shutil.which("mandoc"):
        print("skipped: there is no mandoc; the pages are those that the source gives")
        return []
    files = [str(ROOT / "man" / path) for path in sorted(wanted)]
    said = subprocess.run(["mandoc", "-T", "lint", *files], capture_output=True, text=True).stdout
    # mandoc looks for others in the system's folders.
    ours = {tuple(re.search(r"man(\d)/([\w-]+)\.", path).groups()) for path in wanted}
    for line in said.splitlines():
        other = re.search(r"referenced manual not found: Xr (\w+) (\d)", line)
        if not other or (other[2], other[1]) not in ours:
            wrong.append(line)
    print(f"{len(files)} pages")
    return wrong if len(files) > 200 else [*wrong, "too few pages"]


def check_complete():
    api = Api()
    wrong = [f"{name}: no program in docs/snippets shows it" for name in [*api.functions, *api.types] if not api.snippet(name)]
    to_lt = (ROOT / "docs" / "python-to-lt.md").read_text()
    named = set(re.findall(r"lt_\w+", to_lt))
    for match in re.finditer(r"`(lt_[a-z]+_)\w+`((?:, `_\w+`(?:\([^)]*\))?)+)", to_lt):
        named.update(match[1] + form for form in re.findall(r"`_(\w+)`", match[2]))
    # Of a type that Python has not, no function.
    types = tuple(f"{kind}_" for kind in re.findall(r"`(lt_\w+)`", to_lt) if kind in api.types)
    for name in api.functions:
        if name not in named and not name.startswith(types):
            wrong.append(f"{name}: docs/python-to-lt.md does not say what it is in Python, or that it is nothing there")
    # Whoever is async-signal-safe is called in a handler by the tests.
    handler = (ROOT / "c-tests" / "test_signals.c").read_text() + (ROOT / "c-tests" / "test_dump.c").read_text()
    for name, function in api.functions.items():
        if function["async_signal_safe"] and f"{name}(" not in handler:
            wrong.append(f"{name}: async-signal-safe, says its comment, and no test calls it in a handler")
    for path in sorted((ROOT / "examples" / "c").glob("*.c")):
        if f"(../examples/c/{path.name})" not in (ROOT / "docs" / "cookbook.md").read_text():
            wrong.append(f"examples/c/{path.name}: not in docs/cookbook.md")
    for name, kind in api.types.items():
        if kind["kind"] == "handle" and (name in states.MACHINES) == (name in states.NONE):
            wrong.append(f"{name}: tools/docs/states.py draws it, or says why not")
    print(f"{len(api.functions)} functions, {len(api.types)} types")
    return wrong


def check_states():
    wrong = []
    for name in states.MACHINES:
        path = ROOT / "docs" / "states" / f"{name}.svg"
        if not path.exists() or states.made_of(path.read_text()) != states.dot(name):
            wrong.append(f"docs/states/{name}.svg is not what src/{states.MACHINES[name]} says: run tools/docs/states.py docs/states")
    print(f"{len(states.MACHINES)} drawings")
    return wrong


if __name__ == "__main__":
    found = {"man": check_man, "complete": check_complete, "states": check_states}[sys.argv[1]]()
    print(*found, sep="\n")
    sys.exit(bool(found))

#!/usr/bin/env python3
"""Compiles and runs every block of code in README.md, CONTRIBUTING.md and docs/*.md, and every program of docs/snippets,
which the man pages and the reference show.

    tools/docs/blocks.py --lib FOLDER [--cc CC] [--cxx CXX] [NAME...]     some files only

The rules, for c, cpp and python:

- A block with a main() is a program. Any other in C is the body of one, with lowthread.h, stdio.h, stdlib.h and stdint.h.
- What a line prints stands behind it, as "// -> text" ("# -> text" in Python), in the order in which it is printed.
  A program without such a comment may print anything; it ends with 0.
- "```c needs=glib-2.0": with what pkg-config knows under that name; skipped where it does not.
- "```c ignore=why": neither compiled nor run. How many there are is printed.
- "// needs: fork" as the first line of a snippet: as for the examples, left out on Windows.

Blocks in sh are read by `sh -n`, which does not run them.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```([a-z]+)([^\n]*)\n(.*?)^```$", re.S | re.M)
BODY = """#include <lowthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
%s
return 0;
}
"""
SHOWN = re.compile(r"(?://|#) -> (.*?) *$", re.M)


class Skipped(Exception):
    pass


def blocks():
    """What stands where: (place, language, what is behind it on its line, text)"""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for path in files:
        text = path.read_text()
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}", match[1], match[2].strip(), match[3]
    for path in sorted((ROOT / "docs" / "snippets").glob("*.c")):
        yield str(path.relative_to(ROOT)), "c", "", path.read_text()


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **more)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def try_block(place, language, mark, text, options, folder):
    needs = dict(word.split("=", 1) for word in mark.split() if "=" in word)
    if "ignore" in needs:
        raise Skipped("ignored: " + needs["ignore"].replace("-", " "))
    if language == "sh":
        run(["sh", "-n"], input=text)
        return
    if language == "python":
        said = run([sys.executable, "-"], input=text)
    elif language in ("c", "cpp"):
        source = pathlib.Path(folder) / f"block.{language}"
        source.write_text(text if re.search(r"\bmain\(", text) else BODY % text)
        flags = []
        if "needs" in needs:
            known = subprocess.run(["pkg-config", "--cflags", "--libs", needs["needs"]], capture_output=True, text=True)
            if known.returncode != 0:
                raise Skipped(f"there is no {needs['needs']}")
            flags = known.stdout.split()
        compiler = [options.cc, "-std=gnu11"] if language == "c" else [options.cxx, "-std=c++17"]
        program = source.with_suffix("")
        command = [*compiler, "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused", f"-I{ROOT / 'include'}", source]
        run([*command, "-o", program, f"-L{options.lib}", "-llowthread", "-pthread", *flags])
        said = run([program], env={**os.environ, "LD_LIBRARY_PATH": options.lib}, stdin=subprocess.DEVNULL)
    else:
        return
    shown = SHOWN.findall(text)
    if shown and said.splitlines() != shown:
        raise AssertionError(f"it says it prints {shown}, and prints {said.splitlines()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lib", required=True)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = [b for b in blocks() if not options.names or any(n in b[0] for n in options.names)]

    def attempt(block):
        with tempfile.TemporaryDirectory() as folder:
            try:
                if block[1] == "cpp" and not shutil.which(options.cxx):
                    raise Skipped("there is no C++ compiler")
                try_block(*block, options, folder)
            except Skipped as reason:
                return f"{block[0]}: {reason}", None
            except (AssertionError, subprocess.TimeoutExpired) as error:
                return None, f"{block[0]}: {error}"
        return None, None

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(attempt, chosen))
    left_out = [skipped for skipped, _ in results if skipped]
    wrong = [error for _, error in results if error]
    print(*left_out, *wrong, sep="\n")
    counts = {language: sum(b[1] == language for b in chosen) for language in sorted({b[1] for b in chosen})}
    print(", ".join(f"{count} in {language}" for language, count in counts.items()))
    print(f"{len(left_out)} ignored or left out, {len(wrong)} wrong")
    # Else nothing was looked at.
    return 1 if wrong or (not options.names and counts.get("c", 0) < 60) else 0


sys.exit(main())

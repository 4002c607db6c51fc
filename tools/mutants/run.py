#!/usr/bin/env python3
"""tools/mutants/run.py [OPTION...] [FILE...]: changes the source in one place at a time, and looks whether a test notices.

The changes are those that cargo-mutants knows (another result in the place of a function's body, another operator) and
those of by-hand.txt. All are built together, of which a process has the one whose number is in its environment
(together.py). Then run for each, until one fails or its time is up: the C tests of the file's row in tests.txt, its unit
tests, its models. What none of them noticed must stand in docs/mutations.md, with a reason; and the share that was noticed
must not be less than in abi/mutants.txt.

    --check        only whether each file has a row, whose tests there are, and each change by hand can be made
    --sample N     of what cargo-mutants knows N in a hundred: the same each time
    --by-hand      only the changes by hand
    --only REGEX   only those with that in their names, as they are told
    --minutes N    as many as that gives; the next run goes on where this one ends
    --no-models    only the C tests and the unit tests
    --again        forgets what is known of the files
    --accept       writes abi/mutants.txt anew, for the files that were tried
    -j N           so many at a time: 1
"""

import collections
import concurrent.futures
import datetime
import functools
import hashlib
import json
import os
import pathlib
import re
import resource
import select
import shutil
import subprocess
import sys
import time

import together

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build-mutants"
TREE = WORK / "tree"
ROWS = ROOT / "tools/mutants/tests.txt"
BY_HAND = ROOT / "tools/mutants/by-hand.txt"
REASONS = ROOT / "docs/mutations.md"
FIGURES = ROOT / "abi/mutants.txt"
RESULTS = WORK / "results.jsonl"
FOLDERS = ("src/sync", "src/exec", "src/base", "src/thread")

# A test that takes longer hangs, and one that says nothing for so long; in seconds.
PATIENCE = 120
SILENCE = 20
# What a C test says of a case.
FAILED = b"[  FAILED "
# Of each kind, of a model.
ITERATIONS = os.environ.get("LT_MODEL_ITERATIONS", "300")
# With debug assertions, which notice something too.
QUICK = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_PROFILE_DEV_OPT_LEVEL": "1", "CARGO_INCREMENTAL": "1"}
# What is built: whether it is the model checker's, and what Cargo is told. Each has a folder.
BUILDS = {
    "library": (False, ["rustc", "--lib", "--crate-type", "cdylib"]),
    "unit": (False, ["test", "--lib", "--no-run"]),
    "models": (True, ["test", "--lib", "--no-run"]),
}
# Of what was missed: it is looked at again where there are models.
NO_MODELS = "without models"
# What tells people, not programs.
NOT_ASKED = re.compile(r"Debug for|Display for")

Mutant = collections.namedtuple("Mutant", "file name genre start end text")


def rows():
    """File -> C tests, models, unit tests."""
    found = {}
    for line in ROWS.read_text().splitlines():
        if line.startswith("src/"):
            file, rest = line.split(maxsplit=1)
            found[file] = tuple(part.split() for part in rest.split("|"))
    return found


@functools.cache
def cases(test):
    """Those of a C test that are run: all but what takes too long. Which those are stands under the rows."""
    slow = re.findall(rf"^- {test}\.(\w+)$", ROWS.read_text(), re.M)
    source = next(path for path in (ROOT / "c-tests").glob(f"test_{test}.c*"))
    every = re.findall(r"^TEST\((\w+)\)", source.read_text(), re.M)
    return [case for case in every if case not in slow] if slow else []


def offset(text, place):
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: place["line"] - 1]) + place["column"] - 1


def by_hand():
    """Lines of the form `FILE FUNCTION: this => that`. What cannot be made is an error."""
    for line in BY_HAND.read_text().splitlines() if BY_HAND.exists() else []:
        if not line or line.startswith("#"):
            continue
        where, change = line.split(": ", 1)
        file, name = where.split()
        this, that = change.split(" => ")
        text = (ROOT / file).read_text()
        owner, _, function = name.rpartition("::")
        whose = re.search(rf"^impl\b.*\b{owner}\b.*{{$", text, re.M) if owner else None
        begin = re.compile(rf"^( *)[^\n/]*\bfn {re.escape(function)}\b", re.M).search(text, whose.end() if whose else 0)
        at = text.find(this, begin.end()) if begin else -1
        # In that function, not in a later one.
        end = text.find(f"\n{begin[1]}}}\n", begin.end()) if begin else 0
        if not 0 <= at < end:
            sys.exit(f"tools/mutants/by-hand.txt: cannot be made: {line}")
        yield Mutant(file, f"{file}: {this} => {that} in {name}", "by hand", at, at + len(this), that)


def by_cargo(files):
    """What cargo-mutants would do. Where a name comes again it has a number."""
    asked = [argument for file in files for argument in ("--file", file)]
    out = subprocess.run(["cargo", "mutants", "--list", "--json", *asked], cwd=ROOT, check=True, capture_output=True)
    times = collections.Counter()
    for one in json.loads(out.stdout):
        file, text = one["file"], (ROOT / one["file"]).read_text()
        name = file + re.sub(r"^.*?:\d+:\d+", "", one["name"])
        times[name] += 1
        if not NOT_ASKED.search(name):
            numbered = name if times[name] == 1 else f"{name} ({times[name]})"
            span = one["span"]
            start, end = offset(text, span["start"]), offset(text, span["end"])
            yield Mutant(file, numbered, one["genre"], start, end, one["replacement"])


def check():
    """What the table and the list lack."""
    found = rows()
    wrong = [f"{file}: no row" for folder in FOLDERS for file in files_in(folder) if file not in found]
    for file, (tests, models, units) in found.items():
        wrong += [] if (ROOT / file).exists() else [f"{file}: there is no such file"]
        for test in tests:
            if not any((ROOT / f"c-tests/test_{test}.{end}").exists() for end in ("c", "cpp")):
                wrong.append(f"{file}: there is no C test {test}")
        wrong += [f"{file}: there is no model {m}" for m in models if not (ROOT / f"tests/model/{m}.rs").exists()]
    hand = list(by_hand())
    wrong += [f"{mutant.file}: no row, but in by-hand.txt" for mutant in hand if mutant.file not in found]
    print("\n".join(["tools/mutants: " + one for one in wrong] or [f"{len(found)} files, {len(hand)} changes by hand"]))
    return bool(wrong)


def files_in(folder):
    """Those with code."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.rs") if "fn " in path.read_text())


def limits():
    """Of a test that does not know what it does."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))


def runs(command, seconds=PATIENCE, silence=SILENCE, **environment):
    """None, or how it failed: told as soon as one case has."""
    said, end, heard = b"", time.monotonic() + seconds, time.monotonic()
    with subprocess.Popen(command, cwd=TREE, env={**os.environ, **environment}, preexec_fn=limits,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            while time.monotonic() < min(end, heard + silence):
                # Not until the end of what it says: what it has left behind may hold that open.
                ended = process.poll()
                if select.select([process.stdout], [], [], 0 if ended is not None else 0.2)[0]:
                    more = os.read(process.stdout.fileno(), 1 << 16)
                    said, heard = said[-20:] + more, time.monotonic() if more else heard
                if FAILED in said or ended:
                    return "fails"
                if ended == 0:
                    return None
            return "hangs"
        finally:
            # Its children too.
            try:
                os.killpg(process.pid, 9)
            except ProcessLookupError:
                pass


class Together:
    """A copy of the source with all changes in it."""

    def __init__(self, numbers):
        self.numbers = numbers
        # What is no Rust, or cannot be built together with the others.
        self.left_out = set()
        self.files = {mutant.file for mutant in numbers.values()}

    def write(self):
        """What is as it was is not built anew."""
        sources = [path for name in ("src", "tests") for path in (ROOT / name).rglob("*") if path.is_file()]
        for path in [*sources, ROOT / "Cargo.toml", ROOT / "Cargo.lock", ROOT / "build.rs"]:
            name, text = str(path.relative_to(ROOT)), path.read_bytes()
            if name in self.files:
                inside = {n: m for n, m in self.numbers.items() if m.file == name and n not in self.left_out}
                changed, alone = together.changed(text.decode(), inside)
                self.left_out |= alone
                text = changed.encode()
            elif name == "src/lib.rs":
                text += together.MODULE.encode()
            copy = TREE / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists() or copy.read_bytes() != text:
                copy.write_bytes(text)

    def build(self, what):
        """The file that is made. Leaves out what the compiler does not take, and tries again."""
        modelled, arguments = BUILDS[what]
        flags = {"RUSTFLAGS": "-Awarnings --cfg shuttle" if modelled else "-Awarnings"}
        if modelled:
            # As in `make model`: a debug build looks at a slot that a stale thread may just have locked.
            flags["CARGO_PROFILE_DEV_DEBUG_ASSERTIONS"] = "false"
        target = WORK / ("target-model" if modelled else "target")
        while True:
            self.write()
            command = ["cargo", *arguments, "--quiet", "--locked", "--message-format=json", "--target-dir", target]
            built = subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, env={**os.environ, **QUICK, **flags})
            messages = [json.loads(line) for line in built.stdout.splitlines()]
            made = [m for m in messages if m["reason"] == "compiler-artifact" and m["target"]["name"] == "lowthread"]
            if built.returncode == 0:
                return [m.get("executable") or m["filenames"][0] for m in made][-1]
            wrong = self.to_blame(m["message"] for m in messages if m["reason"] == "compiler-message")
            if not wrong - self.left_out:
                print(built.stdout.decode()[-3000:])
                sys.exit("cannot be built, whatever is left out")
            self.left_out |= wrong
            print(f"{what}: {len(self.left_out)} left out", flush=True)

    def to_blame(self, messages):
        wrong = set()
        for message in messages:
            for span in message["spans"] if message["level"] == "error" else []:
                if span["is_primary"] and span["file_name"] in self.files:
                    text = (TREE / span["file_name"]).read_text()
                    wrong |= together.to_blame(text, span["line_start"], span["column_start"])
        return wrong


def c_test(name, number):
    folder = ROOT / "build/c-tests"
    shims = dict(LT_SHIM_DIR=str(folder / "shims"), LT_TOP=str(ROOT / "tools/lowthread-top"), LT_STRIP="strip")
    return runs([str(folder / f"test_{name}"), *cases(name)], LD_LIBRARY_PATH=str(WORK / "lib"), LT_MUTANT=str(number), **shims)


def unit_tests(program, names, number):
    return runs([program, "--quiet", *names], 60, 60, LT_MUTANT=str(number))


def model_run(program, model, number):
    environment = dict(LT_MUTANT=str(number), LT_MODEL_ITERATIONS=ITERATIONS)
    return runs([program, "--quiet", f"model::{model}::"], 300, 300, **environment)


@functools.cache
def passes(run, *what):
    """Whether a test does without a change: else it notices nothing."""
    good = run(*what, 0) is None
    if not good:
        print("fails without a change, and is left out:", *what, flush=True)
    return good


def notices(number, run, *what):
    """How a test fails with a change. Once may be chance, on a busy machine; a model knows no chance but its own."""
    how = run(*what, number)
    return how if how and (run is model_run or run(*what, number)) and passes(run, *what) else None


def judge(row, built, number, mutant, before):
    """`noticed` and by what; or `missed`, and by what that was not looked at."""
    tests, models, units = row
    for test in [] if before else tests:
        if how := notices(number, c_test, test):
            return "noticed", f"test_{test} {how}"
    own = mutant.file.removeprefix("src/").removesuffix(".rs").removesuffix("/mod").replace("/", "::")
    if not before and (how := notices(number, unit_tests, built["unit"], (f"{own}::", *units))):
        return "noticed", f"unit tests {how}"
    for model in models if "models" in built else []:
        if how := notices(number, model_run, built["models"], model):
            return "noticed", f"model {model} {how}"
    return "missed", NO_MODELS if models and "models" not in built else ""


def chosen(files, only_by_hand, named):
    made = [] if only_by_hand else [m for m in by_cargo(files) if m.genre not in ("MatchArm", "StructField")]
    return [m for m in [*by_hand(), *made] if m.file in files and named.search(m.name)]


def in_sample(mutant, percent):
    return mutant.genre == "by hand" or int(hashlib.sha256(mutant.name.encode()).hexdigest(), 16) % 100 < percent


def known():
    """What is known of the files as they are: a change of one forgets what was known of it."""
    found = {}
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else []:
        one = json.loads(line)
        if one["source"] == source(one["file"]):
            found[one["name"]] = one
    return found


def source(file):
    path = ROOT / file
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def reasons():
    """What was missed before, and stands in docs/mutations.md."""
    text = REASONS.read_text() if REASONS.exists() else ""
    return {line for line in text.splitlines() if line.startswith("src/")}


def figures():
    found = {}
    for line in FIGURES.read_text().splitlines() if FIGURES.exists() else []:
        if line and not line.startswith("#"):
            noticed, tried, file = line.split()
            found[file] = int(noticed), int(tried)
    return found


def accept(now):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    lines = ["# Of the changes that were tried in a file, how many a test noticed: noticed, tried. `tools/mutants` compares;"]
    lines += [f"# --accept writes it. {datetime.date.today()}, {commit}.", "#"]
    for folder in FOLDERS:
        inside = [figure for file, figure in now.items() if file.startswith(folder + "/")]
        noticed, tried = sum(n for n, _ in inside), sum(t for _, t in inside)
        if tried:
            lines.append(f"# {folder}: {noticed} of {tried}, {noticed / tried:.1%}")
    lines += [f"{noticed:4} {tried:4} {file}" for file, (noticed, tried) in sorted(now.items())]
    FIGURES.write_text("\n".join(lines) + "\n")


def report(mutants, results, accepting):
    tried = [results[m.name] for m in mutants if m.name in results]
    counted = [one for one in tried if one["result"] in ("noticed", "missed")]
    now = collections.defaultdict(lambda: (0, 0))
    for one in counted:
        noticed, number = now[one["file"]]
        now[one["file"]] = noticed + (one["result"] == "noticed"), number + 1
    before, told = figures(), reasons()
    missed = [one["name"] for one in counted if one["result"] == "missed"]
    new = [name for name in missed if name not in told]
    mended = [one["name"] for one in counted if one["result"] == "noticed" and one["name"] in told]
    less = [f for f, (n, t) in now.items() if f in before and n * before[f][1] < before[f][0] * t]
    for file, (noticed, number) in sorted(now.items()):
        print(f"{noticed:4} of {number:4} {file}{'   <- a smaller share than before' if file in less else ''}")
    for name in new:
        print(f"not noticed, and not in docs/mutations.md: {name}")
    for name in mended:
        print(f"noticed, though docs/mutations.md says not: {name}")
    noticed, number = sum(n for n, _ in now.values()), sum(t for _, t in now.values())
    kinds = collections.Counter(one["result"] for one in tried)
    print(f"{noticed} of {number} noticed; {kinds['no Rust']} made no Rust;"
          f" {len(mutants) - len(tried)} not tried")
    if accepting:
        accept({**before, **now})
        return False
    return bool(new or less)


def main():
    arguments, options = sys.argv[1:], {"--sample": 100, "--minutes": 1e6, "-j": 1, "--only": re.compile("")}
    for option in options:
        if option in arguments:
            at = arguments.index(option)
            options[option] = (re.compile if option == "--only" else float)(arguments[at + 1])
            del arguments[at : at + 2]
    if "--check" in arguments:
        return check()
    table = rows()
    files = [a for a in arguments if not a.startswith("-")] or [f for f in table if not f.startswith("src/thread/")]
    if check():
        return True
    install = ["cargo", "install", "--locked", "--quiet", "cargo-mutants"]
    if not shutil.which("cargo-mutants") and subprocess.run(install).returncode:
        print("skipped: mutants: cargo-mutants cannot be installed")
        return False
    end = time.monotonic() + 60 * options["--minutes"]
    # The number of a change stays, so that little is built anew.
    numbers = dict(enumerate(chosen(files, "--by-hand" in arguments, options["--only"]), 1))
    mutants = {number: mutant for number, mutant in numbers.items() if in_sample(mutant, options["--sample"])}
    results = {} if "--again" in arguments else known()
    WORK.mkdir(exist_ok=True)
    changes = Together(numbers)
    built = {}
    # Those that the models alone have not looked at come last.
    later = [name for name, one in results.items() if one["by"] == NO_MODELS and "--no-models" not in arguments]
    todo = {number: mutant for number, mutant in mutants.items() if mutant.name not in results}
    todo.update((number, mutant) for number, mutant in mutants.items() if mutant.name in later)
    changes.left_out = {n for n, m in numbers.items() if results.get(m.name, {}).get("result") == "no Rust"}
    if todo:
        for what in BUILDS:
            if what != "models" or "--no-models" not in arguments:
                built[what] = shutil.copy2(changes.build(what), WORK / what)
        (WORK / "lib").mkdir(exist_ok=True)
        shutil.copy2(built["library"], WORK / "lib/liblowthread.so.0")

    def one(number, mutant):
        if time.monotonic() > end and number not in changes.left_out:
            return
        began = time.monotonic()
        result, by = "no Rust", ""
        if number not in changes.left_out:
            result, by = judge(table[mutant.file], built, number, mutant, mutant.name in later)
        results[mutant.name] = dict(name=mutant.name, file=mutant.file, source=source(mutant.file), result=result, by=by)
        with RESULTS.open("a") as log:
            log.write(json.dumps(results[mutant.name]) + "\n")
        print(f"{number}/{len(numbers)} {time.monotonic() - began:.0f} s {result} {by}: {mutant.name}", flush=True)

    # What was left out is known then, whatever the time.
    first = sorted(todo, key=lambda number: number not in changes.left_out)
    with concurrent.futures.ThreadPoolExecutor(int(options["-j"])) as pool:
        list(pool.map(one, first, (todo[number] for number in first)))
    return report(list(mutants.values()), results, "--accept" in arguments)


sys.exit(main())

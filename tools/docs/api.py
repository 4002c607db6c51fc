"""What abi/lowthread.json says, put in the form in which pages say it: man pages and those of the site."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNIPPETS = ROOT / "docs" / "snippets"

STATUS_LIST = re.compile(r"(?:^|(?<=[.;,] )|(?<=\n))(LT_[A-Z_]+(?:(?:, or |, | or | and )LT_[A-Z_]+)*)(?![A-Z_])")
END_OF_CLAUSE = re.compile(r"; |\. (?=[A-Z`])|\.$|, LT_|\n|$")

SECONDS = (
    "`seconds` are on the monotonic clock: negative (LT_FOREVER) waits without bound, 0 never waits, and a positive time is"
    " rounded up: the wait never ends early."
)

CALLBACKS = {
    "yes": "May be called in every callback.",
    "blocks": "May be called in every callback. Since it blocks, it holds up the thread that calls back, and so the"
    " other callbacks, tasks or threads that this one serves.",
    "ends": "May be called in every callback, which it ends.",
    "refused": "Refused in the callbacks that the description names.",
}


def blocks(function):
    if function["returns_never"]:
        return "Does not return."
    if function["blocks"] == "never":
        return "Never, and waits for no other thread inside either."
    if function["blocks"] == "no":
        return "No."
    if not function["interruptible"]:
        return "Yes. No interrupt ends it."
    return "Yes. An interrupt ends it: lt_interrupt_main(), lt_interrupt(), lt_thread_interrupt()."


def handlers(function):
    if function["async_signal_safe"]:
        return "Async-signal-safe, where lt_features() has LT_FEATURE_WAKE_IN_HANDLERS."
    return "Not async-signal-safe."


def upper(text):
    return text[:1].upper() + text[1:]


def lower(text):
    """Of a sentence, unless it begins with a name."""
    return text if re.match(r"[A-Z]{2}|[A-Z]+_", text) else text[:1].lower() + text[1:]


class Api:
    def __init__(self, path=ROOT / "abi" / "lowthread.json"):
        data = json.loads(pathlib.Path(path).read_text())
        self.version = data["version"]
        self.constants = data["constants"]
        self.statuses = {c["name"]: c["about"] for c in self.constants if c["kind"] == "status"}
        self.types = {t["name"]: t for t in data["types"]}
        self.functions = {f["name"]: f for f in data["functions"]}
        # In the header's order.
        self.sections = {f["section"]: ([], []) for f in data["functions"]}
        for entry in [*data["types"], *data["functions"]]:
            self.sections[entry["section"]][entry["name"] in self.functions].append(entry["name"])
        # Without what is for the build alone.
        self.snippets = {p.name: re.sub(r"^// needs:.*\n", "", p.read_text()) for p in sorted(SNIPPETS.glob("*.c"))}

    def status_value(self, name):
        return int(next(c["value"] for c in self.constants if c["name"] == name))

    def rules(self):
        """What holds for all functions: the paragraphs of the header's first comment, (title, text)"""
        header = (ROOT / "include" / "lowthread.h").read_text()
        found, current = [], None
        for line in header[: header.index("*/")].split("\n"):
            line = line.removeprefix(" *")[1:]
            match = re.match(r"([A-Z]+) +(.*)", line)
            if match:
                current = [match[1].capitalize(), match[2]]
                found.append(current)
            elif current and line.startswith("        "):
                current[1] += " " + line.strip()
            elif line.startswith("Generated"):
                current = None
        return [(title, f"{title} {text}" if text[0].islower() else text) for title, text in found]

    # ---- Functions

    def others(self, function):
        """Those whose description holds for this one as well: what it is the same as, the form without a bound, and
        what it has the errors of."""
        name = function["name"]
        plain = name.removesuffix("_timeout").replace("try_", "")
        errors = re.findall(r"rrors as of (lt_\w+)", function["about"])
        found = dict.fromkeys([function.get("like"), plain, *errors])
        return [f for f in found if f in self.functions and f != name]

    def about(self, function):
        """The description, in paragraphs; "The same" is told of what."""
        like = function.get("like")
        text = function["about"]
        if like and text.startswith("The same") and not text.startswith("The same as"):
            text = f"The same as {like}()" + text.removeprefix("The same")
        paragraphs = text.split("\n")
        for other in self.others(function):
            if other == like or f"as of {other}()" in text:
                paragraphs.append(f"{other}(): " + self.functions[other]["about"].replace("\n", " "))
        if any(p["role"] == "seconds" for p in function["parameters"]) and "LT_TIMED_OUT" in function["statuses"]:
            paragraphs.append(SECONDS)
        kind = self.main_type(function)
        if kind:
            paragraphs.append(self.types[kind]["about"].split("\n")[0])
        return paragraphs

    def main_type(self, function):
        """The type of handle whose function it is."""
        names = [p["of"] for p in function["parameters"][:1] if p["role"] == "handle" and p["of"] != "any"]
        return names[0] if names else None

    def brief(self, name):
        """What it does, in one line."""
        if name in self.types:
            return lower(re.split(r"[.:;] |\.$", self.types[name]["about"])[0])
        function = self.functions[name]
        like = function.get("like")
        if not like:
            text = re.split(r"[.;:]( |$)|, for at most", function["about"].replace("`", ""))[0]
            return lower(text) + (", with a time-out" if name.endswith("_timeout") else "")
        text = self.brief(like).removesuffix(", with a time-out")
        if "_try_" in name and text.startswith("blocks until "):
            return "looks whether " + text.removeprefix("blocks until ")
        for part, suffix in {
            "_rlock": ", with a re-entrant lock",
            "_try_": ", without blocking",
            "_timeout": ", with a time-out",
            "_uninterruptible": ", uninterrupted",
            "_free": ", and frees it",
            "_copy": ", with a copy of its arguments",
            "_bounded": ", and a bound",
            "spawn": ", whose error goes to a container",
        }.items():
            if part in name and part not in like and suffix not in text:
                text += suffix
        return text

    def own(self, function, status):
        """What the comment says of one of its statuses."""
        told = []
        for match in STATUS_LIST.finditer(function["about"]):
            named = re.findall(r"LT_[A-Z_]+", match[1])
            rest = function["about"][match.end() :]
            rest = rest[: END_OF_CLAUSE.search(rest).start()]
            # "LT_X, LT_Y by a shutdown": of the last one, unless what follows is for all.
            of_all = rest.startswith(":") or re.search(r" (or|and) ", match[1])
            if status not in (named if of_all else named[-1:]):
                continue
            rest = rest.strip(" :,.")
            rest = re.sub(r"^(and|too|also)\b,? ?", "", rest)
            if rest and not rest.startswith("LT_"):
                told.append(upper(rest) + ".")
        return told

    def meaning(self, function, status):
        """When it returns this status."""
        if status == "LT_OK":
            return "Always." if "LT_OK, always" in function["about"] else self.statuses[status]
        told = self.own(function, status)
        for other in self.others(function):
            told = told or self.own(self.functions[other], status)
        seconds = [p["name"] for p in function["parameters"] if p["role"] == "seconds"]
        if status == "LT_INVALID":
            told += [f"`{name}` is not a number." for name in seconds]
            return " ".join(dict.fromkeys(told)) or self.statuses[status]
        if status == "LT_OVERFLOW":
            told += [f"`{name}` is above LT_TIMEOUT_MAX." for name in seconds]
            return " ".join(dict.fromkeys(told)) or self.statuses[status]
        if status == "LT_BAD_HANDLE":
            handles = [p for p in function["parameters"] if p["role"] == "handle"]
            if handles:
                names = " or ".join(f"`{p['name']}`" for p in handles)
                null = "" if all(p["optional"] for p in handles) else "NULL, "
                return " ".join([f"{names} is {null}freed, or of another type.", *told])
        return " ".join([self.statuses[status], *told])

    def returns(self, function):
        """What it returns, where that is no status of its own."""
        if function["returns"] == "void":
            return "It does not return." if function["returns_never"] else "Nothing."
        text = "As described."
        if any(p["role"] == "handle" for p in function["parameters"]):
            text += " For a bad handle 0, false or NULL; lt_last_error() says so."
        elif function["returns"].endswith("*") and "NULL when out of memory" in function["about"]:
            text = "The handle; or NULL, and lt_last_status() says why."
        elif function["returns"] == "lt_status":
            text = "The status that the description names."
        return text

    def see_also(self, name):
        """Names of functions and types, in the order of the alphabet."""
        found = set()
        if name in self.functions:
            function = self.functions[name]
            stem = self.stem(name)
            found.update(other for other in self.functions if self.stem(other) == stem)
            found.update(re.findall(r"\b(lt_\w+)\(\)", " ".join(self.about(function))))
            found.update(p["of"] for p in function["parameters"] if p.get("of"))
            found.update(re.findall(r"lt_\w+", function["returns"]))
            for parameter in function["parameters"]:
                found.update(re.findall(r"lt_\w+", parameter["type"]))
            # What makes the object, and what frees it.
            for kind in [k for k in found if k in self.types and self.types[k]["kind"] == "handle"]:
                found.update(other for other in (f"{kind}_new", f"{kind}_free") if other in self.functions)
        else:
            found.update(re.findall(r"\b(lt_\w+)", self.types[name]["about"]))
            found.update(re.findall(r"\b(lt_\w+)", str(self.types[name].get("members", ""))))
        found.discard(name)
        return sorted(n for n in found if n in self.functions or n in self.types)

    @staticmethod
    def stem(name):
        """The same for all forms of a wait."""
        return re.sub(r"_timeout$|_uninterruptible$", "", name.replace("try_", ""))

    def snippet(self, name):
        """A program that calls the function or uses the type: the one that is named after it or its type, else the
        shortest; None if there is none."""
        pattern = re.compile(rf"\b{name}\(" if name in self.functions else rf"\b{name}\b")
        if name in self.types and self.types[name]["kind"] in ("callback", "struct"):
            named = [n for n in self.snippets if re.search(rf"\b{name}\b", self.snippets[n])]
            users = self.of_type(name)
            if not named and users:
                return self.snippet(users[0])
        kind = self.main_type(self.functions[name]) if name in self.functions else None
        named = [f"{n.removeprefix('lt_')}.c" for n in (name, kind) if n]
        fitting = [
            (file not in named, text.count("\n"), file) for file, text in self.snippets.items() if pattern.search(text)
        ]
        return min(fitting)[2] if fitting else None

    # ---- Types

    def of_type(self, name):
        """The functions for a type: what makes it, takes it, or fills it."""
        def uses(function):
            mentioned = [function["returns"], *(p["type"] for p in function["parameters"])]
            return any(re.search(rf"\b{name}\b", text) for text in mentioned)

        chosen = [f["name"] for f in self.functions.values() if uses(f)]
        if self.types[name]["kind"] == "number":
            chosen = [n for n in chosen if name != "lt_status"] or [
                n for n in self.functions if n.startswith(("lt_status_", "lt_last_"))
            ]
        return chosen

    def declaration(self, name):
        """In C, as lines."""
        if name in self.functions:
            function = self.functions[name]
            parameters = ", ".join(declared(p) for p in function["parameters"]) or "void"
            return [f"{function['returns']}{'' if function['returns'].endswith('*') else ' '}{name}({parameters});"]
        kind = self.types[name]
        if kind["kind"] == "handle":
            return [f"typedef struct {name} {name};"]
        if kind["kind"] == "struct":
            lines = [f"typedef struct {name} {{"]
            for member in kind["members"]:
                lines += [f"    {declared(member)};"]
            return [*lines, f"}} {name};"]
        return [kind["c"] if kind["c"].startswith("typedef") else f"typedef {kind['c']} {name};"]


def declared(parameter):
    space = "" if parameter["type"].endswith("*") else " "
    return f"{parameter['type']}{space}{parameter['name']}"

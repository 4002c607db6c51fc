#!/usr/bin/env python3
"""Writes the man pages from abi/lowthread.json, the head of include/lowthread.h and docs/snippets.

    tools/docs/man.py FOLDER    into FOLDER/man1, FOLDER/man3 and FOLDER/man7

That of lowthread-top is what the program itself says of its options.
"""

import pathlib
import re
import runpy
import shutil
import sys

from api import CALLBACKS, ROOT, Api, blocks, declared, handlers

# Of the interface; not of the day on which a page was written, which would change all of them.
DATE = "November 26, 2026"
TOKEN = re.compile(r"`[^`]+`|\bLT_[A-Z][A-Z_0-9a-z]*\b|\b[A-Za-z_0-9]+\(\)|\blt_[a-z_0-9]+\b")
SENTENCE = re.compile(r"(?<=[.!?:;]) (?=[A-Z`(\"]|lt_)")


def escaped(text):
    text = text.replace("\\", "\\e")
    return "\\&" + text if text[:1] in (".", "'") else text


def wrapped(line):
    """Roman text in lines that editors can show."""
    out, current = [], ""
    for word in line.split():
        if current and len(current) + 1 + len(word) > 76:
            out.append(escaped(current))
            current = word
        else:
            current = f"{current} {word}".strip()
    return out + ([escaped(current)] if current else [])


class Writer:
    def __init__(self, api, name):
        self.api, self.name = api, name
        self.lines = []

    def macro(self, *words):
        self.lines.append("." + " ".join(words))

    def heading(self, title):
        self.macro("Sh", title)

    def token(self, text):
        """The macro for a name, and what it is called with; None for what is none."""
        if text.startswith("`"):
            return ["Fa", text[1:-1]] if text[1:-1].isidentifier() else ["Ql", literal(text[1:-1])]
        if text.startswith("LT_"):
            return ["Dv", text]
        name = text.removesuffix("()")
        if name == self.name:
            return ["Fn", name] if text.endswith("()") else ["Vt", name]
        if name in self.api.functions or name in self.api.types:
            return ["Xr", name, "3"]
        return ["Fn", name] if text.endswith("()") else None

    def prose(self, text):
        for sentence in SENTENCE.split(text):
            self.sentence(sentence)

    def sentence(self, text):
        roman, at = "", 0
        for match in TOKEN.finditer(text):
            macro = self.token(match[0])
            before, after = text[at : match.start()], re.match(r"[.,:;)\]]*", text[match.end() :])[0]
            glued = text[match.end() + len(after) : match.end() + len(after) + 1].strip()
            opening = before[-1:] if before[-1:] in ("(", "[") else ""
            loose = (roman + before)[: len(roman + before) - len(opening)]
            if macro is None or glued or (loose and not loose[-1:].isspace()):
                roman += before + match[0].strip("`")
                at = match.end()
                continue
            self.lines += wrapped(loose)
            self.macro(macro[0], *([opening] if opening else []), *macro[1:], *after)
            roman, at = "", match.end() + len(after)
        self.lines += wrapped(roman + text[at:])

    def paragraphs(self, texts):
        for number, text in enumerate(texts):
            if number:
                self.macro("Pp")
            self.prose(text)

    def list(self, entries, width="LT_INTERRUPTED"):
        """(how the tag is set, text)"""
        self.macro("Bl", "-tag", "-width", width)
        for tag, text in entries:
            self.macro("It", *tag)
            self.prose(text)
        self.macro("El")

    def function(self, function):
        self.macro("Ft", quoted(function["returns"]))
        parameters = [quoted(declared(p)) for p in function["parameters"]] or ["void"]
        line = ".Fn " + " ".join([function["name"], *parameters])
        if len(line) <= 78:
            self.lines.append(line)
            return
        self.macro("Fo", function["name"])
        for parameter in parameters:
            self.macro("Fa", parameter)
        self.macro("Fc")

    def code(self, text):
        self.macro("Bd", "-literal")
        self.lines += [escaped(line) for line in text.rstrip("\n").split("\n")]
        self.macro("Ed")

    def text(self, section):
        head = [
            '.\\" Generated from the source by `make header`: change it there.',
            f".Dd {DATE}",
            f".Dt {self.name.upper()} {section}",
            ".Os",
        ]
        return "\n".join(head + self.lines) + "\n"

    def head(self, name, brief):
        self.heading("NAME")
        self.macro("Nm", name)
        self.macro("Nd", brief)

    def library(self):
        self.heading("LIBRARY")
        self.lines.append("lowthread: link with")
        self.macro("Fl", "llowthread", ",")
        self.lines.append("or with what")
        self.macro("Ql", "pkg-config --cflags --libs lowthread")
        self.lines.append("prints.")

    def example(self, name):
        snippet = self.api.snippet(name)
        if snippet:
            self.heading("EXAMPLES")
            self.code(self.api.snippets[snippet])

    def see_also(self, names):
        self.heading("SEE ALSO")
        refs = [f"{name} 3" for name in names] + ([] if self.name == "lowthread" else ["lowthread 7"])
        for ref in refs[:-1]:
            self.macro("Xr", ref, ",")
        self.macro("Xr", refs[-1])


def quoted(text):
    return f'"{text}"' if " " in text else text


def function_page(api, function):
    name = function["name"]
    page = Writer(api, name)
    page.head(name, api.brief(name))
    page.library()
    page.heading("SYNOPSIS")
    page.macro("In", "lowthread.h")
    page.function(function)
    page.heading("DESCRIPTION")
    page.paragraphs(api.about(function))
    def is_told(parameter):
        return f"`{parameter['name']}` may be NULL" in function["about"]

    optional = [p for p in function["parameters"] if p["role"] in ("out", "results") and p["optional"]]
    for parameter in [p for p in optional if not is_told(p)]:
        page.macro("Pp")
        page.prose(f"`{parameter['name']}` may be NULL if it is not wanted.")
    page.heading("RETURN VALUES")
    if function["statuses"]:
        page.list([(["Dv", status], api.meaning(function, status)) for status in function["statuses"]])
        if any(api.status_value(s) < 0 for s in function["statuses"]):
            page.macro("Pp")
            page.lines.append("After an error")
            page.macro("Xr", "lt_last_error", "3")
            page.lines.append("has a sentence on it.")
            page.macro("Va", "errno")
            page.lines.append("is as it was.")
    else:
        page.prose(api.returns(function))
    page.heading("WHERE IT MAY BE CALLED")
    page.list(
        [
            (["Blocks"], blocks(function)),
            (["Signal handlers"], handlers(function)),
            (["Callbacks"], CALLBACKS[function["in_callback"]]),
        ],
        '"Signal handlers"',
    )
    if function.get("python"):
        page.heading("PYTHON")
        page.lines.append("What Python has for it:")
        for number, python in enumerate(function["python"]):
            last = number + 1 == len(function["python"])
            page.macro("Ql", literal(python), "." if last else ",")
    page.example(name)
    page.see_also(api.see_also(name))
    return page.text(3)


def literal(text):
    """As one argument of a macro, whatever it ends with."""
    text = text.replace('"', "\\(dq")
    return quoted(text + "\\&" if text[-1:] in ".,:;!?)]" else text)


def type_page(api, name):
    kind = api.types[name]
    page = Writer(api, name)
    page.head(name, api.brief(name))
    page.library()
    page.heading("SYNOPSIS")
    page.macro("In", "lowthread.h")
    functions = api.of_type(name)
    if kind["kind"] in ("handle", "number"):
        page.macro("Vt", quoted(api.declaration(name)[0].rstrip(";")), ";")
    else:
        page.code("\n".join(api.declaration(name)))
    if kind["kind"] == "handle":
        for function in functions:
            page.function(api.functions[function])
    page.heading("DESCRIPTION")
    page.paragraphs(kind["about"].split("\n"))
    if name == "lt_status":
        page.list([(["Dv", status], f"({api.status_value(status)}) {about}") for status, about in api.statuses.items()])
    members = [m for m in kind.get("members", []) if m["about"]]
    if members:
        page.list([(["Va", m["name"]], m["about"].replace("\n", " ")) for m in members], "thread_name")
    if functions:
        page.heading("FUNCTIONS")
        page.list([(["Xr", f, "3"], capital(api.brief(f)) + ".") for f in functions], "Ds")
    page.example(name)
    page.see_also(api.see_also(name))
    return page.text(3)


def capital(text):
    return text[:1].upper() + text[1:]


def overview(api):
    page = Writer(api, "lowthread")
    page.head("lowthread", "the threading of Python's _thread, for C")
    page.heading("SYNOPSIS")
    page.macro("In", "lowthread.h")
    page.macro("Pp")
    page.macro("Nm", "cc")
    page.macro("Ar", "file.c")
    page.macro("Fl", "llowthread")
    page.heading("DESCRIPTION")
    page.prose("Every object is an opaque handle, every time a double of seconds, every result a status.")
    for title, text in api.rules():
        page.macro("Ss", title)
        page.prose(text)
    page.macro("Ss", "What a status means")
    page.list([(["Dv", status], about) for status, about in api.statuses.items()])
    page.heading("FUNCTIONS AND TYPES")
    for section, (types, functions) in api.sections.items():
        page.macro("Ss", section)
        page.list([(["Xr", n, "3"], capital(api.brief(n)) + ".") for n in [*types, *functions]], "Ds")
    page.heading("ENVIRONMENT")
    page.list(
        [(["Ev", "LOWTHREAD_DUMP_SIGNAL"], "A signal, such as QUIT, that has lt_dump() write to the standard error.")],
        "LOWTHREAD_DUMP_SIGNAL",
    )
    page.heading("EXAMPLES")
    page.code((ROOT / "examples" / "c" / "hello.c").read_text())
    page.see_also([kind for kind in sorted(api.types) if api.types[kind]["kind"] == "handle"])
    return page.text(7)


def program(api, name):
    page = Writer(api, name)
    told = runpy.run_path(str(ROOT / "tools" / name))
    brief, *about = told["__doc__"].rstrip("\n").split("\n\n")
    page.head(name, brief[0].lower() + brief[1:].rstrip("."))
    page.heading("SYNOPSIS")
    page.macro("Nm")
    options, places = [], []
    for option in told["options"]()._actions:
        if not option.option_strings:
            page.macro("Ar", option.dest)
            places.append((["Ar", option.dest], capital(option.help) + "."))
        else:
            value = ["Ar", option.metavar.lower()] if option.metavar else []
            tag = [part for text in option.option_strings for part in ("Fl", text[1:].replace("-", "\\-"))]
            page.macro("Op", *tag[-2:], *value)
            options.append(([*tag, *value], capital(option.help) + "."))
    page.heading("DESCRIPTION")
    page.paragraphs([text.replace("\n", " ") for text in about])
    page.list(places + options, "Ds")
    page.heading("EXIT STATUS")
    page.prose("0, or 1 if the program tells nothing, or the terminal cannot be drawn on.")
    page.heading("EXAMPLES")
    page.code(f"LOWTHREAD_INSIGHT=contention,socket:/tmp/program.%p ./program &\n{name} /tmp/program.$!")
    page.see_also(["lt_contention", "lt_dump"])
    return page.text(1)


def pages(api):
    """Every page: its path below the folder, and its text."""
    made = {f"man3/{name}.3": function_page(api, f) for name, f in api.functions.items()}
    made.update({f"man3/{name}.3": type_page(api, name) for name in api.types})
    made["man7/lowthread.7"] = overview(api)
    made["man1/lowthread-top.1"] = program(api, "lowthread-top")
    return made


def main(folder):
    for section in ("man1", "man3", "man7"):
        shutil.rmtree(folder / section, ignore_errors=True)
        (folder / section).mkdir(parents=True)
    for path, text in pages(Api()).items():
        (folder / path).write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

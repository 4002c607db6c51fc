#!/usr/bin/env python3
"""Puts the source of the site together: what mdBook makes the pages of.

    tools/docs/site.py FOLDER

The documents of the tree as they are, in their folders; the reference, made of abi/lowthread.json; and a page for each file
of code that a document links to. On the site

- a link alone in its paragraph to a program shows that program,
- a function or type that is named in code is a link to its page,
- a link to a file of code leads to its page, and one to a folder is just its text.
"""

import os
import pathlib
import re
import shutil
import sys

import states
from api import CALLBACKS, ROOT, Api, blocks, handlers

LANGUAGES = {
    ".c": "c", ".h": "c", ".hpp": "cpp", ".cpp": "cpp", ".py": "python", ".lua": "lua", ".go": "go", ".js": "javascript",
    ".rb": "ruby", ".php": "php", ".pl": "perl", ".java": "java", ".cs": "csharp", ".zig": "zig", ".rs": "rust",
}  # fmt: skip
FENCE = re.compile(r"(^```.*?^```$)", re.S | re.M)
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")
NAMED = re.compile(r"`((lt_[a-z0-9_]+)[^`]*)`")

# The order in which the site has the documents; one that stands nowhere comes last.
LEARN = ["tutorial", "cookbook"]
GUIDES = ["from-pthreads", "from-c11", "from-python", "python-to-lt", "from-std-thread", "from-libuv-glib", "cxx", "ffi"]
TOPICS = ["errors", "signals", "fork", "select", "event-loops", "insight", "platforms", "windows", "limits"]
INSIDE = ["architecture", "testing", "mutations", "performance"]


class Site:
    def __init__(self, folder):
        self.api = Api()
        self.out = pathlib.Path(folder)
        self.code = {}  # Pages of code: the file's path, and its page.
        shutil.rmtree(self.out, ignore_errors=True)

    def write(self, path, text):
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def reference(self, name):
        return f"reference/{name}.md"

    # ---- Documents

    def document(self, path):
        """A document of the tree, at its place."""
        self.write(path.replace("README.md", "index.md"), self.rewritten(path, (ROOT / path).read_text()))

    def rewritten(self, path, text):
        parts = FENCE.split(text)
        for number in range(0, len(parts), 2):
            parts[number] = self.prose(path, parts[number])
        # mdBook takes what is behind the language for more languages.
        return "".join(re.sub(r"^```(\w+) .*", r"```\1", part) if part.startswith("```") else part for part in parts)

    def prose(self, path, text):
        text = re.sub(r"^\[[^\]]*\]\((\S+\.c)\)$", lambda m: self.shown(path, m[1]), text, flags=re.M)
        text = LINK.sub(lambda m: self.link(path, m[1], m[2]), text)
        lines = []
        for line in text.split("\n"):
            # Not in headings, whose anchors are made of their text, and not in links.
            if not line.startswith("#"):
                pieces = re.split(r"(\[(?:[^\[\]]|\[[^\]]*\])*\]\([^)]*\)|``.*?``)", line)
                pieces[::2] = [NAMED.sub(lambda m: self.named(path, m[1], m[2]), piece) for piece in pieces[::2]]
                line = "".join(pieces)
            lines.append(line)
        return "\n".join(lines)

    def relative(self, path, target):
        return os.path.relpath(target, pathlib.PurePosixPath(path).parent)

    def named(self, path, text, name):
        if name not in self.api.functions and name not in self.api.types:
            return f"`{text}`"
        return f"[`{text}`]({self.relative(path, self.reference(name))})"

    def shown(self, path, target):
        file = os.path.normpath(pathlib.PurePosixPath(path).parent / target)
        code = (ROOT / file).read_text()
        return f"<details open><summary>{file}</summary>\n\n```c\n{code}```\n\n</details>"

    def link(self, path, text, target):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            return f"{text}({target})"
        target, _, anchor = target.partition("#")
        file = os.path.normpath(pathlib.PurePosixPath(path).parent / target)
        anchor = f"#{anchor}" if anchor else ""
        source = ROOT / file
        if source.is_dir():
            return text[1:-1]
        if not source.exists():
            raise FileNotFoundError(f"{path} links to {target}, which is not there")
        if source.suffix == ".md" or source.suffix in (".svg", ".png"):
            if source.suffix != ".md":
                (self.out / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, self.out / file)
            elif file not in self.documents:
                return text[1:-1]
            return f"{text}({target.replace('README.md', 'index.md')}{anchor})"
        self.code[file] = f"sources/{file}.md"
        return f"{text}({self.relative(path, self.code[file])}{anchor})"

    # ---- The reference

    def linked(self, text, path):
        """A comment: names become links, parameters code."""
        def name(match):
            word = match[0].removesuffix("()")
            shown = f"`{match[0]}`"
            known = word in self.api.functions or word in self.api.types
            return f"[{shown}]({self.relative(path, self.reference(word))})" if known else shown

        pieces = re.split(r"(`[^`]*`)", text)
        pieces[::2] = [
            re.sub(r"\bLT_[A-Z][A-Z_0-9]*\b", lambda m: f"`{m[0]}`", re.sub(r"\blt_\w+(\(\))?", name, piece.replace("*", "\\*")))
            for piece in pieces[::2]
        ]
        return "".join(pieces)

    def table(self, heading, rows):
        lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
        lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
        return "\n".join(lines)

    def list_of(self, names, path):
        rows = [
            [f"[`{n}`]({self.relative(path, self.reference(n))})", self.linked(self.api.brief(n), path)] for n in names
        ]
        return self.table(["", ""], rows)

    def example(self, name):
        snippet = self.api.snippet(name)
        return f"## Example\n\n```c\n{self.api.snippets[snippet]}```\n\n" if snippet else ""

    def see_also(self, name, path):
        names = self.api.see_also(name)
        links = ", ".join(f"[`{n}`]({self.relative(path, self.reference(n))})" for n in names)
        return f"## See also\n\n{links}\n" if names else ""

    def function_page(self, function):
        name = function["name"]
        path = self.reference(name)
        title = function["section"]
        text = f"# {name}\n\n{words(name)}\n\n"
        text += f"```c\n{chr(10).join(broken(self.api.declaration(name)[0]))}\n```\n\n"
        text += "\n\n".join(self.linked(p, path) for p in self.api.about(function)) + "\n\n"
        text += "## What it returns\n\n"
        if function["statuses"]:
            rows = [[f"`{s}`", self.linked(self.api.meaning(function, s), path)] for s in function["statuses"]]
            text += self.table(["status", "when"], rows) + "\n\n"
        else:
            text += self.linked(self.api.returns(function), path) + "\n\n"
        text += "## Where it may be called\n\n"
        rows = [
            ["blocks", self.linked(blocks(function), path)],
            ["in a signal handler", self.linked(handlers(function), path)],
            ["in a callback", CALLBACKS[function["in_callback"]]],
        ]
        text += self.table(["", ""], rows) + "\n\n"
        text += "## In Python\n\n"
        python = ", ".join(f"`{p}`" for p in function.get("python", []))
        to_lt = self.relative(path, "docs/python-to-lt.md")
        text += f"{python or 'Nothing like it.'} [All of Python's names]({to_lt}) have a page.\n\n"
        text += self.example(name) + self.see_also(name, path)
        text += f"\nSection: [{title}]({self.relative(path, self.section_path(title))})\n"
        self.write(path, text)

    def type_page(self, name):
        kind = self.api.types[name]
        path = self.reference(name)
        text = f"# {name}\n\n```c\n{chr(10).join(self.api.declaration(name))}\n```\n\n"
        text += "\n\n".join(self.linked(p, path) for p in kind["about"].split("\n")) + "\n\n"
        if name == "lt_status":
            text += self.status_table(path) + "\n\n"
        members = [[f"`{m['name']}`", self.linked(m["about"], path)] for m in kind.get("members", []) if m["about"]]
        if members:
            text += "## Members\n\n" + self.table(["member", "what it is"], members) + "\n\n"
        if name in states.MACHINES:
            text += self.states(name)
        elif name in states.NONE:
            text += f"## States\n\n{states.NONE[name]}\n\n"
        functions = self.api.of_type(name)
        if functions:
            text += "## Functions\n\n" + self.list_of(functions, path) + "\n\n"
        text += self.example(name) + self.see_also(name, path)
        self.write(path, text)

    def states(self, name):
        file = states.MACHINES[name]
        svg = (ROOT / "docs" / "states" / f"{name}.svg").read_text()
        svg = re.sub(r"<style>.*?</style>\n|<!--.*?-->\n?", "", svg, flags=re.S)
        # No empty line, which would end it for Markdown; and as wide as there is room.
        svg = re.sub(r"\n\s*\n", "\n", svg)
        rows = next(rows for rows in states.tables(ROOT / "src" / file) if states.is_machine(rows))
        width = max(map(len, rows))
        text = "## States\n\n"
        text += f"Inside, as src/{file} has it; names in capitals are the library's own.\n\n"
        text += f'<div class="states">\n{svg.strip()}\n</div>\n\n'
        text += "<details><summary>The table in the source</summary>\n\n"
        text += self.table(rows[0] + [""] * (width - len(rows[0])), [r + [""] * (width - len(r)) for r in rows[1:]])
        return text + "\n\n</details>\n\n"

    def status_table(self, path):
        rows = [
            [f"`{s}`", str(self.api.status_value(s)), self.linked(about, path)] for s, about in self.api.statuses.items()
        ]
        return self.table(["status", "", "what it means"], rows)

    def section_path(self, title):
        return f"reference/{re.sub('[^a-z]+', '-', title.lower()).strip('-')}.md"

    def section_pages(self):
        for title, (types, functions) in self.api.sections.items():
            path = self.section_path(title)
            text = f"# {title}\n\n"
            for kind in types:
                if self.api.types[kind]["kind"] == "handle":
                    text += "\n\n".join(self.linked(p, path) for p in self.api.types[kind]["about"].split("\n")) + "\n\n"
            if types:
                text += "## Types\n\n" + self.list_of(types, path) + "\n\n"
            text += "## Functions\n\n" + self.list_of(functions, path) + "\n"
            self.write(path, text)

    def overview(self):
        path = "reference/overview.md"
        text = "# Reference\n\nOf version " + self.api.version + ". The same as man pages: `man 7 lowthread`.\n\n"
        for title, words in self.api.rules():
            text += f"## {title}\n\n{self.linked(words, path)}\n\n"
        text += "## All statuses\n\n" + self.status_table(path) + "\n\n## All sections\n\n"
        rows = [
            [f"[{title}]({self.relative(path, self.section_path(title))})", ", ".join(f"`{t}`" for t in types)]
            for title, (types, _) in self.api.sections.items()
        ]
        text += self.table(["section", "types"], rows) + "\n\n## All functions\n\n"
        rows = []
        for name, function in self.api.functions.items():
            safe = "yes" if function["async_signal_safe"] else ""
            waits = {"yes": "yes", "no": "", "never": "never"}[function["blocks"]]
            python = ", ".join(f"`{p}`" for p in function.get("python", []))
            rows.append([f"[`{name}`]({name}.md)", waits, safe, python])
        text += self.table(["function", "blocks", "in handlers", "Python"], rows) + "\n"
        self.write(path, text)

    # ---- All of it

    def build(self):
        docs = {p.stem for p in (ROOT / "docs").glob("*.md")}
        self.documents = {f"docs/{d}.md" for d in docs}
        self.documents |= {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bindings/python/README.md", "bench/README.md"}
        for path in sorted(self.documents):
            self.document(path)
        for function in self.api.functions.values():
            self.function_page(function)
        for name in self.api.types:
            self.type_page(name)
        self.section_pages()
        self.overview()
        for file, page in sorted(self.code.items()):
            language = LANGUAGES.get(pathlib.PurePosixPath(file).suffix, "text")
            self.write(page, f"# {file}\n\n````{language}\n{(ROOT / file).read_text().rstrip()}\n````\n")
        self.summary(docs)

    def summary(self, docs):
        def title(path):
            return re.search(r"^# (.*)", (self.out / path).read_text(), re.M)[1].replace("`", "")

        def entry(path, depth=0, shown=None):
            return f"{'  ' * depth}- [{shown or title(path)}]({path})"

        known = [*LEARN, *GUIDES, *TOPICS, *INSIDE]
        lines = ["# Summary", "", "[lowthread](index.md)", "", "# Learn", ""]
        lines += [entry(f"docs/{d}.md") for d in LEARN]
        lines += ["", "# Guides", ""] + [entry(f"docs/{d}.md") for d in GUIDES] + [entry("bindings/python/index.md", shown="The package for Python")]
        lines += ["", "# Topics", ""] + [entry(f"docs/{d}.md") for d in TOPICS + sorted(docs - set(known))]
        lines += ["", "# Reference", "", entry("reference/overview.md", shown="Overview")]
        for name, (types, functions) in self.api.sections.items():
            lines.append(entry(self.section_path(name)))
            lines += [entry(self.reference(n), 1) for n in [*types, *functions]]
        lines += ["", "# Inside", ""] + [entry(f"docs/{d}.md") for d in INSIDE]
        lines += [entry("bench/index.md", shown="Benchmarks"), entry("CONTRIBUTING.md"), entry("CHANGELOG.md")]
        lines += ["", "# Code", "", "- [Files that the pages name]()"]
        lines += [entry(page, 1, file) for file, page in sorted(self.code.items())]
        self.write("SUMMARY.md", "\n".join(lines) + "\n")


def words(name):
    """For the search, which takes a name for one word."""
    return f"<span hidden>{' '.join(name.split('_')[1:])}</span>"


def broken(declaration):
    """A declaration in lines that a narrow page can show."""
    if len(declaration) <= 60 or "(" not in declaration:
        return [declaration]
    head, _, rest = declaration.partition("(")
    parameters = rest.removesuffix(");").split(", ")
    return [head + "(", *(f"    {p}," for p in parameters[:-1]), f"    {parameters[-1]});"]


if __name__ == "__main__":
    Site(sys.argv[1]).build()

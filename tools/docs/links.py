#!/usr/bin/env python3
"""Whether every link of a built site leads to a page, a file or an anchor of it.

    tools/docs/links.py FOLDER
"""

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]


def main(folder):
    root = pathlib.Path(folder).resolve()
    pages = {path: Page(path) for path in sorted(root.rglob("*.html"))}
    wrong, count = [], 0
    for path, page in pages.items():
        if path.name in ("404.html", "toc.html"):
            continue  # For a server, and for who has no scripts: their links are those of the root.
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            place = f"{path.relative_to(root)}: {link}"
            if not target.exists() or not target.is_relative_to(root):
                wrong.append(f"{place}: there is no such file")
            elif parts.fragment and target in pages:
                if urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                    wrong.append(f"{place}: there is no such place in it")
    print(*wrong, sep="\n")
    print(f"{count} links on {len(pages)} pages, {len(wrong)} lead nowhere")
    # Else nothing was looked at.
    return 1 if wrong or len(pages) < 200 else 0


sys.exit(main(sys.argv[1]))

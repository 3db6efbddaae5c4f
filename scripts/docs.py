#!/usr/bin/env python3
"""What can be told of the documents by reading them: no network, a second at most.

    scripts/docs.py check           the Markdown files, as they stand
    scripts/docs.py pages FOLDER    writes them there as "make site" wants them
    scripts/docs.py site FOLDER     the pages of a site that was made

"check" knows: links lead to files that are there, and anchors to headings; what is called
"make WORD" is a target of the Makefile; a time that is said beside it is the one of "make help";
paths in the text are there; every page of docs/ is in docs/README.md; lists and tables begin
behind an empty line, without which some readers of Markdown do not see them; the newest version
of the changelog is that of the library.
"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent

NOT_OURS = {".git", "build", "node_modules", "results"}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(\s*)```(.*)$")
IMAGES = {".svg", ".png"}


# --- reading Markdown ---------------------------------------------------------------


class Page:
    """A Markdown file: its lines, of which those within fences are told apart."""

    def __init__(self, root, path):
        self.root, self.path = root, path
        self.name = path.relative_to(root).as_posix()
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.fenced = list(self._mark_fences())

    def _mark_fences(self):
        inside = False
        for line in self.lines:
            fence = FENCE.match(line)
            yield inside or fence is not None
            inside ^= fence is not None

    def text(self):
        """(number, line) of what is not code in a fence."""
        for number, (line, fenced) in enumerate(zip(self.lines, self.fenced), 1):
            if not fenced:
                yield number, line

    def links(self):
        """(number, target, is an image, text) of each link outside of code."""
        for number, line in self.text():
            for mark, text, target in LINK.findall(without_code(line)):
                yield number, target, mark == "!", text

    def anchors(self):
        """The names of the headings, as hosts of Markdown make them."""
        found, seen = set(), {}
        for _, line in self.text():
            heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
            if heading:
                slug = make_slug(heading.group(1))
                count = seen.get(slug, 0)
                seen[slug] = count + 1
                found.add(f"{slug}-{count}" if count else slug)
        return found


def without_code(line):
    """The line with its code spans emptied, but for those that are the text of a link."""
    return re.sub(r"`[^`]*`", "``", line)


def make_slug(heading):
    text = LINK.sub(lambda link: link.group(2), heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def read_pages(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - NOT_OURS)
        for name in sorted(files):
            if name.endswith(".md"):
                yield Page(root, pathlib.Path(folder, name))


def is_local(target):
    return not re.match(r"[a-z][a-z+.-]*:|//", target)


def resolve(page, target):
    """(file, anchor) that a local target leads to."""
    path, _, anchor = target.partition("#")
    path = urllib.parse.unquote(path)
    return (page.path.parent / path).resolve() if path else page.path, anchor


# --- check ------------------------------------------------------------------------------


def check_links(pages):
    anchors = {page.path: page.anchors() for page in pages}
    for page in pages:
        for number, target, is_image, text in page.links():
            where = f"{page.name}:{number}: "
            if is_image and not text:
                yield where + f"the picture {target} has no text for those who do not see it"
            if not is_local(target):
                continue
            path, anchor = resolve(page, target)
            if not path.is_file():
                yield where + f"{target} leads to no file"
            elif page.root not in path.parents:
                yield where + f"{target} leads out of the project"
            elif anchor and anchor not in anchors.get(path, ()):
                yield where + f"{target}: there is no such heading"


def check_index(pages):
    """Every page in docs/ is in the list of them."""
    index = next((page for page in pages if page.name == "docs/README.md"), None)
    if index is None:
        return
    listed = {resolve(index, target)[0] for _, target, _, _ in index.links() if is_local(target)}
    for page in pages:
        if page.name.startswith("docs/") and page is not index and page.path not in listed:
            yield f"docs/README.md: {page.name} is not listed"


NUMBERS = "a one two three four five six seven eight nine ten".split()
TIME = re.compile(r"\b(\d+|" + "|".join(NUMBERS) + r") (second|minute|hour)s?\b")
TARGET = re.compile(r"\bmake ([a-z][a-z0-9-]*)(?![\w./=-])")
CODE = re.compile(r"`([^`]+)`")


def read_time(text):
    found = TIME.search(text.replace("a second", ""))  # which is mostly not a time
    if not found:
        return None
    word, unit = found.groups()
    number = int(word) if word.isdigit() else max(1, NUMBERS.index(word))
    return number, unit


def read_targets(root):
    """{target: its line in "make help", or None}."""
    targets = {}
    for line in (root / "Makefile").read_text(encoding="utf-8").splitlines():
        rule = re.match(r"([a-z][a-z0-9 -]*):(?!=)", line)
        if rule:
            for name in rule.group(1).split():
                told = line.partition("## ")[2] or None
                targets[name] = told or targets.get(name)
    return targets


def told_targets(page):
    """(number, line, targets) where a line names any, in code spans or in fences."""
    for number, (line, fenced) in enumerate(zip(page.lines, page.fenced), 1):
        code = [line] if fenced else CODE.findall(line)
        names = [name for piece in code for name in TARGET.findall(piece)]
        if names:
            yield number, line, names


def check_make(pages, root):
    targets = read_targets(root)
    for page in pages:
        for number, line, names in told_targets(page):
            where = f"{page.name}:{number}: "
            for name in names:
                if name not in targets:
                    yield where + f"there is no target for make {name}"
            time = read_time(line)
            if time and len(names) == 1 and time != read_time(targets.get(names[0]) or ""):
                yield where + f'make help has another time for "make {names[0]}", or none'


FOLDERS = "bench cli cmd docs examples kv scripts tests xkv".split()
PATH = re.compile(r"`((?:\./)?(?:" + "|".join(FOLDERS) + r")/[\w./*-]+)[`: ]")


def check_paths(pages, root):
    """Paths in the text; capitals stand for something, as in tests/unit/NAME.c."""
    for page in pages:
        for number, line in page.text():
            for path in PATH.findall(line):
                if not re.search(r"\bNAME\b|\bKIND\b", path) and not any(root.glob(path.rstrip("/"))):
                    yield f"{page.name}:{number}: {path} is not there"


def check_version(root):
    """The newest version of the changelog is that of the library, and has a day."""
    header = root / "xkv/include/xkv.h"
    version = re.search(r'define XKV_VERSION "(.*)"', header.read_text(encoding="utf-8")).group(1)
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d.*?)\](.*)$", changes, re.MULTILINE)
    if not newest or newest.group(1) != version:
        yield f"CHANGELOG.md: the newest version is not {version}, which xkv.h has"
    elif not re.fullmatch(r" - \d{4}-\d\d-\d\d", newest.group(2)):
        yield f"CHANGELOG.md: version {version} has no day"


def check_gaps(pages):
    for page in pages:
        text = dict(page.text())
        for number, line in text.items():
            before = text.get(number - 1, "").strip()
            starts = {"list": r"\s*([-*]|\d+\.) ", "table": r"\|"}
            for kind, start in starts.items():
                if re.match(start, line) and before and not re.match(start + r"|#|\s", before):
                    if not (kind == "list" and text[number - 1].startswith("  ")):
                        yield f"{page.name}:{number}: a {kind} begins right behind other text"


def check(root):
    pages = list(read_pages(root))
    yield from check_links(pages)
    yield from check_index(pages)
    yield from check_make(pages, root)
    yield from check_paths(pages, root)
    yield from check_version(root)
    yield from check_gaps(pages)


# --- pages: what a site is made of ------------------------------------------------------

NO_PAGES = {".github", "scripts", "tests"}  # what is written there is no page for readers
LANGUAGES = {".js": "js", ".ts": "ts", ".h": "c", ".c": "c", ".yaml": "yaml", ".sh": "bash"}


def write_pages(root, folder):
    """The Markdown files, pictures, and a page for each other file that is linked."""
    shutil.rmtree(folder, ignore_errors=True)
    wrapped = set()
    for page in read_pages(root):
        if page.name.split("/")[0] in NO_PAGES:
            continue
        to = folder / page.name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text("\n".join(rewrite(page, wrapped)) + "\n", encoding="utf-8")
    for path in sorted(wrapped):
        name = path.relative_to(root)
        if path.suffix in IMAGES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        else:
            write_listing(path, name, folder)


def rewrite(page, wrapped):
    """The lines for the site: links to other files lead to their pages."""

    def lead(link):
        mark, text, target = link.groups()
        if is_local(target):
            path, anchor = resolve(page, target)
            if path.suffix != ".md":
                wrapped.add(path)
                target = target if path.suffix in IMAGES else target + ".md"
        return f"{mark}[{text}]({target})"

    for line, fenced in zip(page.lines, page.fenced):
        if fenced:
            yield re.sub(r"^(\s*```\w+) .*$", r"\1", line)  # "js fragment" is js
        else:
            yield LINK.sub(lead, line)


def write_listing(path, name, folder):
    text = path.read_text(encoding="utf-8").rstrip("\n")
    to = folder / (name.as_posix() + ".md")
    to.parent.mkdir(parents=True, exist_ok=True)
    language = LANGUAGES.get(path.suffix, "text")
    to.write_text(f"# {name.name}\n\n````{language}\n{text}\n````\n", encoding="utf-8")


# --- site -----------------------------------------------------------------------------


class Html(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.targets = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "a" and "name" in attributes:
            self.ids.add(attributes["name"])
        for name in ("href", "src"):
            if attributes.get(name):
                self.targets.append((self.getpos()[0], tag, attributes[name]))


def check_site(folder):
    """Nothing leads nowhere, what a page needs to be shown comes from the site itself, and its
    search knows every page."""
    folder = folder.resolve()
    pages = {path: Html(path) for path in sorted(folder.rglob("*.html")) if path.name != "404.html"}
    if not pages:
        yield f"there are no pages in {folder}"
    index = folder / "search/search_index.json"
    index = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {"docs": []}
    known = {entry["location"].partition("#")[0] for entry in index["docs"]}
    for path, page in pages.items():
        if path.relative_to(folder).as_posix() not in known:
            yield f"{path.relative_to(folder)}: the search does not know it"
        for number, tag, target in page.targets:
            where = f"{path.relative_to(folder)}:{number}: "
            if not is_local(target):
                if tag in ("script", "img", "link") and not target.startswith("data:"):
                    yield where + f"{target} comes from elsewhere"
                continue
            name, _, anchor = target.partition("#")
            name = urllib.parse.unquote(name.partition("?")[0])
            to = (path.parent / name).resolve() if name else path
            if to.is_dir():
                to = to / "index.html"
            if not to.is_file():
                yield where + f"{target} leads to no file"
            elif anchor and to in pages and urllib.parse.unquote(anchor) not in pages[to].ids:
                yield where + f"{target}: there is no such anchor"


# ------------------------------------------------------------------------------------


def main(arguments):
    command, *folder = arguments or [""]
    if command == "check" and not folder:
        faults = list(check(ROOT))
    elif command == "pages" and len(folder) == 1:
        write_pages(ROOT, pathlib.Path(folder[0]))
        faults = []
    elif command == "site" and len(folder) == 1:
        faults = list(check_site(pathlib.Path(folder[0])))
    else:
        sys.exit(__doc__)
    if faults:
        print("\n".join(faults))
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

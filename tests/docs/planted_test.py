#!/usr/bin/env python3
"""scripts/docs.py finds what it says that it finds: each fault is planted in a small project
that has none."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import docs  # noqa: E402

MAKEFILE = """
bench-quick: all ## measure roughly (a minute; K6=path)
setup:
"""
README = """# A project

[The guide](docs/GUIDE.md#two-words) and [again](docs/GUIDE.md#two-words-1), [here](#a-project).
![a picture](docs/picture.svg) ![`one`](docs/picture.svg)

`make bench-quick` takes about one minute. `make setup` and [code](docs/x.js), `docs/*.js`.

```sh
make bench-quick    # one minute
[not a link](nowhere.md)
```

- a list
  that goes on
- and ends

| a | table |
|---|---|
"""
GUIDE = "# Guide\n\n## Two `words`\n\n### Two *words*\n\nText.\n"
CHANGES = "# Changes\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n\n## [1.2.2]\n"
INDEX = "# Pages\n\n[guide](GUIDE.md), [project](../README.md)\n"

PLANTED = {
    "a file that is not there": ("[x](docs/nowhere.md)", "docs/nowhere.md leads to no file"),
    "a folder": ("[x](docs)", "docs leads to no file"),
    "another case": ("[x](docs/guide.md)", "docs/guide.md leads to no file"),
    "outside of the project": ("[x](../outside.md)", "leads out of the project"),
    "a heading that is not there": ("[x](docs/GUIDE.md#three)", "there is no such heading"),
    "a heading of this page": ("[x](#three)", "#three: there is no such heading"),
    "one heading too many": ("[x](docs/GUIDE.md#two-words-2)", "there is no such heading"),
    "a picture": ("![x](docs/none.svg)", "docs/none.svg leads to no file"),
    "a picture without words": ("![](docs/picture.svg)", "has no text"),
    "a link around code": ("[`x`](docs/none.md)", "docs/none.md leads to no file"),
    "a target": ("`make nonsense`", "there is no target for make nonsense"),
    "a target in a fence": ("```sh\nmake nonsense\n```", "there is no target for make nonsense"),
    "a time": ("`make bench-quick` takes two minutes", "make help has another time"),
    "a time without": ("`make setup` takes two minutes", "make help has another time"),
    "a path": ("see `scripts/none.sh`", "scripts/none.sh is not there"),
    "a list in a paragraph": ("text\n- one", "a list begins right behind"),
    "a table in a paragraph": ("text\n| a |\n|---|", "a table begins right behind"),
}


class Planted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        pathlib.Path(folder.name, "outside.md").write_text("x")
        self.root = pathlib.Path(folder.name).resolve() / "project"
        self.write("Makefile", MAKEFILE)
        self.write("README.md", README)
        self.write("docs/README.md", INDEX)
        self.write("docs/GUIDE.md", GUIDE)
        self.write("docs/picture.svg", "<svg/>")
        self.write("docs/x.js", "1;\n")
        self.write("xkv/include/xkv.h", '#define XKV_VERSION "1.2.3"\n')
        self.write("CHANGELOG.md", CHANGES)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_nothing_is_found_where_nothing_is(self):
        self.assertEqual(list(docs.check(self.root)), [])

    def test_each_planted_fault_is_found(self):
        for name, (text, fault) in PLANTED.items():
            with self.subTest(name):
                self.write("README.md", README + "\n" + text + "\n")
                found = list(docs.check(self.root))
                self.assertEqual(len(found), 1, found)
                self.assertIn(fault, found[0])

    def test_a_page_that_no_list_has_is_found(self):
        self.write("docs/OTHER.md", "# Other\n")
        self.assertEqual(list(docs.check(self.root)), ["docs/README.md: docs/OTHER.md is not listed"])

    def test_a_changelog_of_another_version_is_found(self):
        for newest in ["", "## [1.2.4] - 2026-01-02\n", "## [1.2.3]\n"]:
            self.write("CHANGELOG.md", "# Changes\n\n## [Unreleased]\n\n" + newest)
            self.assertEqual(len(list(docs.check(self.root))), 1, newest)

    def test_the_pages_of_a_site_have_what_is_linked(self):
        pages = self.root.parent / "pages"
        self.write("scripts/template.md", "# @NAME@\n")
        docs.write_pages(self.root, pages)
        self.assertIn("(docs/x.js.md)", (pages / "README.md").read_text())
        self.assertIn("````js\n1;\n````", (pages / "docs/x.js.md").read_text())
        self.assertTrue((pages / "docs/picture.svg").is_file())
        self.assertFalse((pages / "scripts").exists())

    def site(self, body):
        self.write("site/index.html", f'<h1 id="top">x</h1><a href="two/#here">x</a>{body}')
        self.write("site/two/index.html", '<b id="here"></b><a href="../index.html#top">x</a>')
        known = [{"location": "index.html"}, {"location": "two/index.html#here"}]
        self.write("site/search/search_index.json", json.dumps({"docs": known}))
        return list(docs.check_site(self.root / "site"))

    def test_a_site_is_checked(self):
        self.assertEqual(self.site('<a href="https://elsewhere">x</a>'), [])
        for body, fault in {
            '<a href="none.html">x</a>': "none.html leads to no file",
            '<a href="two/#none">x</a>': "there is no such anchor",
            '<a href="#none">x</a>': "there is no such anchor",
            '<img src="none.svg">': "none.svg leads to no file",
            '<script src="https://elsewhere/x.js"></script>': "comes from elsewhere",
            '<link href="//elsewhere/x.css">': "comes from elsewhere",
        }.items():
            with self.subTest(body):
                found = self.site(body)
                self.assertEqual(len(found), 1, found)
                self.assertIn(fault, found[0])

    def test_a_page_that_cannot_be_searched_for_is_found(self):
        self.site("")
        self.write("site/three.html", "x")
        found = list(docs.check_site(self.root / "site"))
        self.assertEqual(found, ["three.html: the search does not know it"])

    def test_an_empty_site_is_none(self):
        (self.root / "empty").mkdir()
        self.assertEqual(len(list(docs.check_site(self.root / "empty"))), 1)


if __name__ == "__main__":
    unittest.main()

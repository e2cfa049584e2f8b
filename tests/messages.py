# SPDX-License-Identifier: GPL-2.0-or-later
"""Collects the texts of the sources into po/*.po, for whoever translates: `make messages`. Needs gettext.

xgettext reads Python. It cannot read templates, whose texts jinja2 itself takes out of them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests import tools

CATALOGS = sorted((tools.ROOT / "po").glob("*.po"))
TEMPLATES = tools.ROOT / "esimshaper/web/templates"
KEYWORDS = ("_", "N_", "NN_:1,2", "Column", "gettext", "ngettext:1,2", "pgettext:1c,2", "npgettext:1c,2,3")
IN_ENGLISH = {"demo", "lab"}
"""Folders whose texts are for people who look at the program, not for those who use it."""
_HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
_BRIEF = ("--no-wrap", "--sort-by-file")


def main() -> int:
    """Brings all catalogs up to date; what nobody says any more is dropped."""
    with tempfile.TemporaryDirectory() as folder:
        template = collected(Path(folder))
        for catalog in CATALOGS:
            _run("msgmerge", "--quiet", "--update", "--backup=none", "--no-fuzzy-matching", *_BRIEF, catalog, template)
            _run("msgattrib", "--no-obsolete", "--no-wrap", "--output-file", catalog, catalog)
            lines = catalog.read_text().splitlines(keepends=True)
            catalog.write_text("".join(line for line in lines if not line.startswith('"POT-Creation-Date')))
    return 0


def collected(folder: Path) -> Path:
    """A file in `folder` with all texts of the sources, none of them translated."""
    modules, pages, both = (folder / name for name in ("python.pot", "templates.pot", "messages.pot"))
    sources = sorted(path for path in (tools.ROOT / "esimshaper").rglob("*.py") if path.parent.name not in IN_ENGLISH)
    read = ("--language=Python", "--from-code=UTF-8", "--add-location=file", "--force-po", "--keyword")
    keywords = (f"--keyword={keyword}" for keyword in KEYWORDS)
    _run(
        "xgettext", *read, *keywords, *_BRIEF, "--output", modules, *(path.relative_to(tools.ROOT) for path in sources)
    )
    modules.write_text(modules.read_text().replace("charset=CHARSET", "charset=UTF-8"))
    pages.write_text(_HEAD + "\n".join(_of_templates()))
    _run("msguniq", "--use-first", *_BRIEF, "--output-file", pages, pages)  # msgcat refuses a text that stands twice
    _run("msgcat", "--use-first", *_BRIEF, "--output-file", both, modules, pages)
    return both


def _of_templates() -> Iterator[str]:
    """Entries of a catalog. What jinja2 takes out are tuples where there is more than one text."""
    if not TEMPLATES.is_dir():
        return
    from jinja2.ext import babel_extract

    options = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"}
    for path in sorted(TEMPLATES.rglob("*.*")):
        with path.open("rb") as file:
            for _line, function, texts, _comments in babel_extract(file, _functions(), (), options):
                yield f"#: {path.relative_to(tools.ROOT)}\n" + _entry(function, texts)


def _functions() -> list[str]:
    return [keyword.partition(":")[0] for keyword in KEYWORDS]


def _entry(function: str, said: str | Sequence[str | None]) -> str:
    texts = [said] if isinstance(said, str) else [text for text in said if text is not None]
    lines = [f"msgctxt {_quoted(texts.pop(0))}"] if function in ("pgettext", "npgettext") else []
    one, *several = texts[: 2 if function in ("ngettext", "npgettext") else 1]
    forms = [f"msgid_plural {_quoted(several[0])}", 'msgstr[0] ""', 'msgstr[1] ""'] if several else ['msgstr ""']
    places = ["#, python-format"] if any("%(" in text for text in texts) else []
    return "\n".join([*places, *lines, f"msgid {_quoted(one)}", *forms, ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _run(program: str, *arguments: str | Path) -> None:
    command = [tools.find(program), *map(str, arguments)]
    subprocess.run(command, cwd=tools.ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""`make screenshots`: the pictures of the page that README shows, taken of the router of `make demo ARGS=--web`.

Two of its people ask for more, and a third one, the owner, answers: as in the tests, in real browsers. Needs root.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests import tools
from tests.web.browser.driven import drive

PICTURES = tools.ROOT / "docs"
PHONE, TV, OWNER = "alice-phone", "smart-tv", "bob-laptop"

_PASSWORD = re.compile("the owner's password is ([0-9a-f]+)")
_WINDOW = re.compile(r"  (http://\S+)  (\S+)\n")


class Story(NamedTuple):
    """Who asks, and what for, how their browser is set, and the names of the pictures by what is seen there."""

    asks: str
    text: str
    locale: str
    scheme: str
    pictures: Mapping[str, str]


STORIES = (
    Story(PHONE, "The map for the way back", "en-US", "light", {"asked": "page-phone", "home": "page-owner"}),
    Story(TV, "映画の続き", "ja-JP", "dark", {"asked": "page-japanese"}),
)


def main() -> int:
    """Writes each picture as a phone shows the top of its screen. Exit status: 1 if the demo has not come so far."""
    PICTURES.mkdir(exist_ok=True)
    with _demo() as lines:
        password, windows = _ways(lines)
        if OWNER not in windows:
            return 1
        for story in STORIES:
            _tell(story, password, windows)
    return 0


def _tell(story: Story, password: str, windows: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        urls = {"phone": windows[story.asks], "owner": windows[OWNER]}
        looks = {"text": story.text, "locale": story.locale, "scheme": story.scheme, "handy": True, "shots": folder}
        drive("story.py", **urls, password=password, **looks)
        for seen, name in story.pictures.items():
            shutil.copy(Path(folder, f"story-{seen}-{story.locale}.png"), PICTURES / f"{name}.png")


@contextlib.contextmanager
def _demo() -> Iterator[Iterable[str]]:
    """What it says. It ends as by Ctrl-C."""
    command = [sys.executable, "-u", "-m", "esimshaper", "demo", "--web"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}) as demo:
        assert demo.stdout
        try:
            yield demo.stdout
        finally:
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()


def _ways(lines: Iterable[str]) -> tuple[str, Mapping[str, str]]:
    """The owner's password, and where the page is as each device sees it."""
    password, windows = "", dict[str, str]()
    for line in lines:
        sys.stdout.write(line)
        if found := _PASSWORD.search(line):
            password = found[1]
        if password and (way := _WINDOW.fullmatch(line)):
            windows[way[2]] = way[1]
        if windows and not _WINDOW.fullmatch(line):
            break
    return password, windows


if __name__ == "__main__":
    sys.exit(main())

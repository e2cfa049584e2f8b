# SPDX-License-Identifier: GPL-2.0-or-later
"""`make screenshots`: the pictures of the page that README shows, from the documents that the tests draw."""

import shutil
import sys
import tempfile
from pathlib import Path

from tests import tools
from tests.web.browser.test_screens import audit

PICTURES = tools.ROOT / "docs"
SHOWN = {("en", "me-slow"): "page-phone", ("ja", "me"): "page-japanese", ("en", "home"): "page-owner"}
SCHEMES = {"page-japanese": "dark"}
WIDTH = 390


def main() -> int:
    """Writes each picture as a phone shows the top of its screen. Exit status: 1 if something is wrong with a page."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        wrong = audit(["en", "ja"], shots=folder, whole=False, widths=[WIDTH], only=[case for _, case in SHOWN])
        for (language, case), name in SHOWN.items():
            scheme = SCHEMES.get(name, "light")
            shutil.copy(Path(folder, f"{language}-{case}-{scheme}-{WIDTH}.png"), PICTURES / f"{name}.png")
    sys.stdout.write("".join(f"{text}\n" for text in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

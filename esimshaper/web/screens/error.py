# SPDX-License-Identifier: GPL-2.0-or-later
"""What people read in the place of a screen that cannot be shown. Pure."""

from esimshaper.web.screen import Context, Documents, Visit
from esimshaper.web.words import Words

KINDS = (*("daemon", "clock", "missing", "form", "denied", "refused", "often", "large", "host", "broken"),)
"""What can be wrong: see `_sentences`."""
_PASSING = ("daemon", "clock")
"""These go away, and then the page comes by itself."""


def build(documents: Documents, visit: Visit, words: Words) -> Context:  # noqa: ARG001 - as all screens
    """`error` is {"kind": one of KINDS, "text": a sentence of the daemon, or empty}."""
    error = documents["error"]
    title, what_to_do = _sentences(words)[error["kind"]]
    passes = [error["kind"]] if error["kind"] in _PASSING else None
    return {"title": title, "what_to_do": what_to_do, "text": error.get("text", ""), "shape": passes}


def _sentences(words: Words) -> dict[str, tuple[str, str]]:
    _ = words.gettext
    return {
        "daemon": (
            _("The meter does not answer at the moment"),
            _("It is probably starting. Counting goes on meanwhile. Try again in a few seconds."),
        ),
        "clock": (
            _("The router does not know the time yet"),
            _("Days and months begin once its clock is set. Try again in a minute."),
        ),
        "missing": (_("There is nothing here"), _("The address is wrong, or it is for the owner only.")),
        "form": (
            _("This form is too old"),
            _("Nothing was changed. Go back, load the page again, and repeat it."),
        ),
        "denied": (_("This is for the owner only"), _("Log in first. Nothing was changed.")),
        "refused": (_("That did not work"), _("Nothing was changed.")),
        "often": (_("That was too often"), _("Wait a minute, then try again.")),
        "large": (_("That was too much at once"), _("Nothing was changed. Send a shorter text.")),
        "host": (
            _("The address is not one of this router"),
            _("Open the page by the address that your Wi-Fi names as its router."),
        ),
        "broken": (
            _("The page has made a mistake"),
            _("Counting and limits do not depend on it. Try again, or look at the journal of esimshaper-web."),
        ),
    }

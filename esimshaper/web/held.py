# SPDX-License-Identifier: GPL-2.0-or-later
"""What is held back or paced, in words: for the device concerned, and for the owner. Pure."""

from esimshaper.languages.texts import N_
from esimshaper.web.screen import Context
from esimshaper.web.states import Now
from esimshaper.web.words import Document, Words

CATEGORIES = {
    "updates": N_("Updates"),
    "cloud-sync": N_("Backups and clouds"),
    "ads": N_("Advertising"),
    "telemetry": N_("Reports to makers of programs"),
    "app-stores": N_("App stores"),
    "video": N_("Video"),
    "music": N_("Music"),
    "games": N_("Games"),
    "social": N_("Social networks"),
    "messaging": N_("Messages"),
    "calls": N_("Calls"),
    "mail": N_("Mail"),
    "maps": N_("Maps and weather"),
    "web": N_("Other web pages"),
    "work": N_("Work"),
    "ai": N_("Assistants"),
    "shopping": N_("Shops and payment"),
    "antivirus": N_("Protection from viruses"),
    "file-sharing": N_("File sharing"),
    "push": N_("Signals for messages"),
    "hidden": N_("Hidden by the device"),
}


def name_of(words: Words, what: str, entry: Document) -> str:
    """A service by its title, a category by its words, anything else as it is called."""
    if not entry.get("titles") and what in CATEGORIES:
        return words.gettext(CATEGORIES[what])
    return words.service({"service": what, "titles": entry.get("titles")})


def of_device(words: Words, entry: Document, now: Now) -> Context:
    """A `held` of /v1/me."""
    if entry["decision"] == "pace":
        sentence = words.gettext("It gets %(rate)s.", rate=words.rate(entry["rate_bits_per_second"]))
    else:
        sentence = words.gettext("Nothing of it passes.")
    why = {
        "low-data": words.gettext("Data is being saved."),
        "hand": words.gettext("The owner has decided so."),
        "rules": words.gettext("So it stands in the rules."),
    }
    said = [sentence, *([why[entry["layer"]]] if entry["layer"] in why else [])]
    if entry["until"]:
        said.append(words.gettext("Until %(until)s.", until=words.until(entry["until"], now.time, now.city)))
    return {"what": entry["what"], "name": name_of(words, entry["what"], entry), "sentence": words.joined(said)}

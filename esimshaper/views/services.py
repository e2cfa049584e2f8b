# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of services (core/report/services.py has its shape) -> a page. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from esimshaper.core.model.units import format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import N_, _, pgettext, spoken
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table, bar
from esimshaper.views.words import NAMELESS, Document, rate, said_of, share, who

_COLUMNS = (
    Column("SERVICE"),
    Column("CATEGORY", rank=4),
    Column("NOW", right=True, rank=5),
    Column("DOWN", right=True, tone=Tone.DOWN, rank=3),
    Column("UP", right=True, tone=Tone.UP, rank=3),
    Column("TOTAL", right=True),
    Column("SHARE", right=True, rank=1),
    Column(tone=Tone.DOWN, bar=True, rank=2),
)
_MOSTLY = Column("MOSTLY BY", rank=6)
_NAME = Column("IN SETTINGS", tone=Tone.QUIET, rank=7)
_CLIENTS = (
    Column("CLIENT"),
    Column("DOWN", right=True, tone=Tone.DOWN, rank=2),
    Column("UP", right=True, tone=Tone.UP, rank=2),
    Column("TOTAL", right=True),
    Column("SHARE", right=True, rank=1),
)
UNNAMED, HIDDEN, OTHER = "unnamed", "hidden", "other"
MEANING = {
    UNNAMED: N_("unnamed: nobody could say what these bytes were for"),
    HIDDEN: N_("hidden: a VPN, a relay or an encrypted name hides what these bytes were for"),
    OTHER: N_("other: these bytes have the name of a host that no service of the catalogue has"),
}
MOST_ABOUT = 5
"""Of one client, so many services are explained."""


def services_page(document: Document, language: str = "en") -> Page:
    """`esimshaper services`: a row for each service, most bytes first."""
    if not document["counted"]:
        text = _(
            "Services are not counted: `services: {names: off}` stands in the configuration, or nothing was read yet."
        )
        return [Line(text, Tone.WARNING)]
    entries = document["services"]
    if not any(entry["total_bytes"] for entry in entries):
        return [Line(_("Nothing of that was used since {moment}.", moment=_since(document)))]
    page: list[Line | Table] = [Line(_title(document, language), Tone.TITLE), _table(document, language)]
    if document["service"]:
        page += [Line(), _clients_table(entries[0])]
    elif document["client"] is None:
        page += [Line(_(MEANING[name]), Tone.QUIET) for name in MEANING if any(e["service"] == name for e in entries)]
    return [*page, *_about(document, language)]


def title_of(entry: Document, language: str) -> str:
    """What people call a service."""
    titles = entry["titles"]
    if entry["service"] in NAMELESS:
        return _(NAMELESS[entry["service"]])
    return str(titles.get(language) or titles.get(language.partition("_")[0]) or titles.get("en") or entry["service"])


def _title(document: Document, language: str) -> str:
    entries = document["services"]
    whose = _("the bytes of {name}", name=document["client"]) if document["client"] else _("all bytes")
    since = _since(document)
    if document["service"]:
        return _("{what}, of {whose} since {since}", what=title_of(entries[0], language), whose=whose, since=since)
    total = document["total"]["total_bytes"]
    if document["category"]:
        of = sum(entry["total_bytes"] for entry in entries)
        what = _("{what}, of {whose} since {since}", what=document["category"], whose=whose, since=since)
        part = _("{size} of {all} ({share})", size=format_size(of), all=format_size(total), share=share(of, total))
        return said_of(what, part)
    parts = [f"{_(NAMELESS[name])} {share(size, total)}" for name in NAMELESS if (size := _bytes_of(entries, name))]
    also = f"; {', '.join(parts)}" if parts else ""
    what = _("What {whose} were for since {since}", whose=whose, since=since)
    return said_of(what, format_size(total) + also)


def _bytes_of(entries: Sequence[Document], service: str) -> int:
    return sum(entry["total_bytes"] for entry in entries if entry["service"] == service)


def _since(document: Document) -> str:
    since, now = (datetime.fromisoformat(document[name]) for name in ("since", "time"))
    return (
        pgettext("since", "midnight")
        if since.date() == now.date() and not (since.hour or since.minute)
        else _moment(since, now)
    )


def _moment(since: datetime, now: datetime) -> str:
    if since.year == now.year:
        return moments.short(since, now, spoken())
    return moments.full_day(since, spoken())


def _table(document: Document, language: str) -> Table:
    entries = [entry for entry in document["services"] if entry["total_bytes"]]
    total, largest = document["total"]["total_bytes"], max(entry["total_bytes"] for entry in entries)
    of_all = document["client"] is None and not document["service"]
    named = any(title_of(entry, language) != entry["service"] for entry in entries)
    rows: list[list[str | Cell]] = []
    for entry in entries:
        now = entry["now"]["down_bits_per_second"] + entry["now"]["up_bits_per_second"]
        sizes = [format_size(entry[key]) for key in ("down_bytes", "up_bytes", "total_bytes")]
        part = entry["total_bytes"]
        row = [title_of(entry, language), entry["category"] or "-", rate(now), *sizes, share(part, total)]
        mostly = [who(entry["clients"][0])] if of_all else []
        rows.append([*row, bar(part, largest), *mostly, *([entry["service"]] if named else [])])
    if len(rows) > 1:
        sums = [format_size(sum(entry[key] for entry in entries)) for key in ("down_bytes", "up_bytes", "total_bytes")]
        of = share(sum(entry["total_bytes"] for entry in entries), total)
        more = [""] * (of_all + named)
        rows.append([Cell(text, Tone.TITLE) for text in (_("all together"), "", "", *sums, of, "", *more)])
    return Table((*_COLUMNS, *([_MOSTLY] if of_all else []), *([_NAME] if named else [])), rows)


def _clients_table(entry: Document) -> Table:
    """Who used a service, most first."""
    total = entry["total_bytes"]
    return Table(
        _CLIENTS,
        [
            [
                who(client),
                *(format_size(client[key]) for key in ("down_bytes", "up_bytes", "total_bytes")),
                share(client["total_bytes"], total),
            ]
            for client in entry["clients"]
        ],
    )


def _about(document: Document, language: str) -> Iterator[Line]:
    """What else goes with the services, where a person looks at one service or at one client."""
    if not (document["client"] or document["service"]):
        return
    for entry in [each for each in document["services"] if each["about"] or each["service"] in MEANING][:MOST_ABOUT]:
        sentence = f"{title_of(entry, language)}: {entry['about']}" if entry["about"] else _(MEANING[entry["service"]])
        yield Line(sentence, Tone.QUIET)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of `explain` (core/services/explained.py has its shape) -> a page. Pure."""

from collections import Counter

from esimshaper.core.model.units import format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table, bar
from esimshaper.views.words import HOW, Document

_SERVICES = (
    Column("SERVICE", whole=True),
    Column("CATEGORY", rank=3),
    Column("BYTES", right=True),
    Column("SHARE", right=True, rank=1),
    Column(tone=Tone.DOWN, rank=2, bar=True),
    Column("CONVERSATIONS", right=True, rank=4),
)
_FLOWS = (
    Column("NAME"),
    Column("SERVICE", rank=1),
    Column("KNOWN BY", rank=2),
    Column("DOWN", right=True, tone=Tone.DOWN),
    Column("UP", right=True, tone=Tone.UP),
    Column("CLIENT", rank=3, whole=True),
    Column("REMOTE", rank=4, whole=True),
    Column("PROTOCOL", rank=5),
)


def explain_page(document: Document) -> Page:
    """`esimshaper explain`: the services with their sums, then each conversation; the largest first."""
    flows = sorted(document["flows"], key=_bytes, reverse=True)
    if not flows:
        return [Line(_("The capture holds no IP packet."))]
    page: list[Line | Table] = [Line(_("What the bytes were for"), Tone.TITLE), _services(flows)]
    title = ngettext("{n} conversation, the largest first", "{n} conversations, the largest first", len(flows))
    page += [Line(), Line(title, Tone.TITLE)]
    page.append(Table(_FLOWS, [_row(flow) for flow in flows]))
    if left_out := document.get("packets_left_out"):
        text = ngettext(
            "{n} packet of further conversations had no room here.",
            "{n} packets of further conversations had no room here.",
            left_out,
        )
        page.append(Line(text, Tone.WARNING))
    return page


def _bytes(flow: Document) -> int:
    return int(flow["down_bytes"] + flow["up_bytes"])


def _services(flows: list[Document]) -> Table:
    sums, conversations = Counter[str](), Counter[str]()
    for flow in flows:
        sums[flow["service"]] += _bytes(flow)
        conversations[flow["service"]] += 1
    categories = {flow["service"]: flow["category"] or "-" for flow in flows}
    total, largest = max(1, sum(sums.values())), max(sums.values())
    return Table(
        _SERVICES,
        [
            (
                service,
                categories[service],
                format_size(size),
                f"{100 * size / total:.1f}%",
                bar(size, largest),
                str(conversations[service]),
            )
            for service, size in sums.most_common()
        ],
    )


def _row(flow: Document) -> tuple[str, ...]:
    return (
        flow["name"] or "-",
        flow["service"],
        _(HOW[flow["how"]]),
        format_size(flow["down_bytes"]),
        format_size(flow["up_bytes"]),
        _end(flow["client"], flow["client_port"]),
        _end(flow["remote"], flow["remote_port"]),
        flow["protocol"],
    )


def _end(address: str, port: int) -> str:
    shown = f"[{address}]" if ":" in address and port else address
    return f"{shown}:{port}" if port else shown

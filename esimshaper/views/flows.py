# SPDX-License-Identifier: GPL-2.0-or-later
"""The document of flows (core/report/documents.py has its shape) -> a page. Pure."""

from esimshaper.core.model.units import format_endpoint, format_size
from esimshaper.languages.texts import _, ngettext
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Line, Page, Table
from esimshaper.views.words import HOW, Document, lasted, who


def flows_page(document: Document) -> Page:
    """`esimshaper flows`."""
    flows = document["flows"]
    if not flows:
        return [Line(_("No conversation is on record."))]
    rows = [
        [
            who(flow),
            flow["protocol"],
            flow["service"],
            flow["name"] or "-",
            _(HOW[flow["how"]]),
            remote(flow),
            format_size(flow["down_bytes"]),
            format_size(flow["up_bytes"]),
            lasted(flow["age_seconds"]),
            lasted(flow["idle_seconds"]),
            format_endpoint(flow["client_address"], flow["client_port"]),
        ]
        for flow in flows
    ]
    columns = (
        Column("CLIENT"),
        Column("PROTO", rank=4),
        Column("SERVICE", rank=1),
        Column("NAME", rank=2),
        Column("KNOWN BY", tone=Tone.QUIET, rank=6),
        Column("REMOTE", whole=True),
        Column("DOWN", right=True, tone=Tone.DOWN),
        Column("UP", right=True, tone=Tone.UP),
        Column("AGE", right=True, rank=3),
        Column("IDLE", right=True, rank=3),
        Column("FROM", tone=Tone.QUIET, rank=5),
    )
    page: list[Line | Table] = [Table(columns, rows)]
    if document["count"] > len(flows):
        text = ngettext(
            "{shown} of {n} flow; --limit shows more",
            "{shown} of {n} flows; --limit shows more",
            document["count"],
            shown=len(flows),
        )
        page.append(Line(text, Tone.QUIET))
    return page


def remote(flow: Document) -> str:
    """The far end of a flow."""
    return format_endpoint(flow["remote_address"], flow["remote_port"])

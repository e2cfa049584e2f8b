# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents of the control socket (core/report/documents.py has their shapes) -> pages. Pure."""

from collections.abc import Sequence
from datetime import datetime

from esimshaper.core.model.units import format_rate, format_size
from esimshaper.languages import moments
from esimshaper.languages.texts import _, ngettext, spoken
from esimshaper.views import plans, quotas
from esimshaper.views.core_texts import said, whole
from esimshaper.views.fit import Column, Tone
from esimshaper.views.page import Cell, Line, Page, Table
from esimshaper.views.saver import saved_line
from esimshaper.views.words import (
    NAMELESS,
    Document,
    is_by_hand,
    lasted,
    rate,
    reason_lines,
    said_of,
    share,
    state_cell,
    who,
)

MANY_STRAYS = 1_000_000  # bytes; fewer may be of a device that has changed its address
MOST_WASTING = 5
"""So many devices have a line of their own about what came after a block."""
NEARLY_FULL = 0.8  # part of a kernel table that is in use: worth a warning

_BUSIEST = Column("MOSTLY", rank=3)
_CLIENT_COLUMNS = (
    Column("CLIENT"),
    Column("STATE"),
    Column("DOWN NOW", right=True, tone=Tone.DOWN, rank=5),
    Column("UP NOW", right=True, tone=Tone.UP, rank=5),
    Column("DOWN TODAY", right=True, tone=Tone.DOWN, rank=4),
    Column("UP TODAY", right=True, tone=Tone.UP, rank=4),
    Column("TODAY", right=True),
    Column("MONTH", right=True),
    _BUSIEST,
    Column("MAC", tone=Tone.QUIET, whole=True, rank=2),
    Column("ADDRESSES", tone=Tone.QUIET, rank=6),
)


def status_page(status: Document) -> Page:
    """`esimshaper status`."""
    program = status["program"]
    clients = status["clients"]
    running = lasted(program["uptime_seconds"])
    page: list[Line | Table] = [
        Line(_("esimshaper {version}, running for {time}", version=program["version"], time=running), Tone.TITLE),
        *_wan_lines(status),
        Line(),
        _totals_table(status),
        *_nameless_lines(status["today"]["total_bytes"], [status["services"]]),
        *plans.glance(status["plans"], status["time"]),
        *quotas.glance(status),
        *saved_line(status["saved"]),
        Line(),
    ]
    if clients["top"]:
        page += [
            Line(ngettext("Most today (of {n} client)", "Most today (of {n} clients)", clients["count"]), Tone.TITLE),
            clients_table(clients["top"]),
            # Overrides stand among the quotas above already.
            *reason_lines([entry for entry in clients["top"] if not is_by_hand(entry["state"])], status["time"]),
        ]
    else:
        text = ngettext("{n} client, nothing used today", "{n} clients, nothing used today", clients["count"])
        page.append(Line(text))
    return [*page, *_kernel_lines(status)]


def verbose_status_page(status: Document) -> Page:
    """`esimshaper status --verbose`: with what the kernel part has counted beside bytes."""
    return [*status_page(status), *_kernel_events(status)]


def _wan_lines(status: Document) -> list[Line]:
    wan = status["wan"]
    lines = [_uplink_line(status), *_other_uplinks(status["uplinks"]), *map(_modem_line, status["modems"])]
    lines += [Line(f"  {whole(each['sentence'])}", Tone.WARNING) for each in status["slow"]]
    lines += [Line(f"  {said}.", Tone.QUIET) for said in wan["stacked"]]
    if wan["detour"]["problem"]:
        lines.append(Line(f"  {whole(wan['detour']['problem'])}", Tone.WARNING))
    lines += [Line(f"  {said(problem)}", Tone.BAD) for problem in wan["problems"]]
    if status["uplink_drops"]["sentence"]:
        lines.append(Line(f"  {status['uplink_drops']['sentence']}", Tone.QUIET))
    if status["tunnels"]["problem"]:
        lines.append(Line(said_of(_("Tunnels"), status["tunnels"]["problem"]), Tone.BAD))
    if not status["configuration"]["accepted"]:
        since = moments.date_and_time(datetime.fromisoformat(status["configuration"]["loaded"]), spoken())
        text = _("The configuration has a mistake; that of {moment} is in force (see: esimshaper check)", moment=since)
        lines.append(Line(text, Tone.BAD))
    if status["clock"]["problem"]:
        lines.append(Line(said_of(_("Clock"), status["clock"]["problem"]), Tone.WARNING))
    if status["storage"]["problem"]:
        unsaved = format_size(status["storage"]["unsaved_bytes"])
        text = _(
            "History is not being saved: {problem} ({size} waiting)",
            problem=status["storage"]["problem"],
            size=unsaved,
        )
        lines.append(Line(text, Tone.BAD))
    lines += [Line(said_of(_("Notices"), each), Tone.WARNING) for each in status["notices"]["problems"]]
    if status["metrics"]["problem"]:
        lines.append(Line(f"Prometheus: {status['metrics']['problem']}", Tone.BAD))
    return lines


def _uplink_line(status: Document) -> Line:
    wan = status["wan"]
    notes = [wan["device"]] if wan["device"] != wan["interface"] else []
    notes += [_("by {what}", what=wan["found_by"])] if wan["found_by"] else []
    name = wan["interface"] + (f" ({', '.join(notes)})" if notes else "")
    if not wan["attached"]:
        return Line(_("WAN {name}: NOT METERING", name=name), Tone.BAD)
    if any(each["problem"] for each in status["programs"] if each["interface"] == wan["interface"]):
        return Line(_("WAN {name}: metering what another program leaves", name=name), Tone.BAD)
    others = ", ".join(wan["detour"]["interfaces"])
    if others:
        return Line(_("WAN {name}: metering, but devices go out by {others}", name=name, others=others), Tone.WARNING)
    return Line(_("WAN {name}: metering", name=name), Tone.GOOD)


def _other_uplinks(uplinks: Sequence[Document]) -> list[Line]:
    """Of several, what each carried: `  hotel (wlan1), which no quota looks at: 1.20 GB since counting began`."""
    if len(uplinks) == 1:
        return []
    lines = []
    for each in uplinks:
        free = "" if each["metered"] else _(", which no quota looks at")
        here = "" if each["attached"] else _(", not here now")
        carried = _("{size} since counting began", size=format_size(each["total"]["total_bytes"]))
        text = said_of(f"{each['name']} ({each['interface']}){free}{here}", carried)
        lines.append(Line(f"  {text}", Tone.QUIET))
    return lines


def _modem_line(modem: Document) -> Line:
    """Which SIM is in use, and where: `  SIM ...8905 at wwan0, roaming at SoftBank`."""
    sim = f"SIM ...{modem['sim_end']}" if modem["sim_end"] else _("a SIM that the modem does not tell yet")
    at = _(" at {uplinks}", uplinks=modem["interface"]) if modem["interface"] else ""
    network = modem["operator"] or modem["operator_code"]
    words = {"home": _(", at home"), "roaming": _(", roaming"), "none": _(", in no network")}
    where = words.get(modem["registration"], "")
    by = _(" at {network}", network=network) if network and where else ""
    return Line(f"  {sim}{at}{where}{by}", Tone.QUIET)


def _totals_table(status: Document) -> Table:
    now = status["now"]
    down, up = now["down_bits_per_second"], now["up_bits_per_second"]
    rows = [[_("now"), format_rate(down), format_rate(up), format_rate(down + up)]]
    for name, title in (("today", _("today")), ("month", _("this month")), ("total", _("since counting began"))):
        usage = status[name]
        rows.append([title, *(format_size(usage[key]) for key in ("down_bytes", "up_bytes", "total_bytes"))])
    columns = (
        Column("WHEN"),
        Column("DOWN", right=True, tone=Tone.DOWN, rank=1),
        Column("UP", right=True, tone=Tone.UP, rank=2),
        Column("TOTAL", right=True),
    )
    return Table(columns, rows)


def _kernel_lines(status: Document) -> list[Line | Table]:
    lines: list[Line | Table] = [
        Line(
            _(
                "Table {table}: {n} of {all} entries used",
                table=table["name"],
                n=table["entries"],
                all=table["max_entries"],
            ),
            Tone.WARNING,
        )
        for table in status["tables"]
        if table["entries"] >= NEARLY_FULL * table["max_entries"] > 0
    ]
    if any(event["reason"] == "lan_clients_full" for event in status["events"]):
        lines += _two_lines(
            _(
                "No room for more clients: further devices are counted and limited together,\n"
                "  as one client called others (journalctl -x -u esimshaper)"
            )
        )
    lines += [
        Line(
            _(
                "Downloads that {name} asked for went to {other}: {size}",
                name=each["client_called"],
                other=each["to_called"],
                size=format_size(each["bytes"]),
            ),
            Tone.BAD,
        )
        for each in status["strays"]
        if each["bytes"] >= MANY_STRAYS
    ]
    unbilled = sum(event["bytes"] for event in status["events"] if event["reason"] == "unbilled")
    if unbilled:
        size = format_size(unbilled)
        text = _("Moved between here and the modem itself (wan.unbilled), not billed: {size}", size=size)
        lines.append(Line(text, Tone.QUIET))
    if any(event["reason"] in ("account_lost", "mark_foreign") for event in status["events"]):
        lines += _two_lines(
            _(
                "Uploads have lost their device inside this box: they are counted and limited\n"
                "  together, as one client called others (sudo esimshaper doctor says why)"
            )
        )
    return [*lines, *_unattributed_lines(status)]


def _two_lines(text: str) -> list[Line]:
    return [Line(line, Tone.BAD) for line in text.split("\n")]


def _unattributed_lines(status: Document) -> list[Line | Table]:
    """What the carrier bills though it belongs to no device, in words."""
    parts = [
        f"{format_size(event['bytes'])} {said(event['words'])}"
        for event in sorted(status["events"], key=lambda event: -event["bytes"])
        if event["words"]
    ]
    return [Line(_("Billed, and of no device: {parts}", parts="; ".join(parts)), Tone.QUIET)] if parts else []


def _kernel_events(status: Document) -> list[Line | Table]:
    rows = [[event["reason"], str(event["packets"]), format_size(event["bytes"])] for event in status["events"]]
    columns = (Column("KERNEL EVENT"), Column("PACKETS", right=True), Column("BYTES", right=True))
    return [
        Line(),
        Table(columns, rows) if rows else Line(_("The kernel part has nothing out of the ordinary to tell.")),
    ]


def clients_page(document: Document) -> Page:
    """`esimshaper clients`."""
    entries = document["clients"]
    if not entries:
        return [Line(_("Nothing has moved yet.")), *quotas.coming_lines(document)]
    page: list[Line | Table] = [*quotas.plan_lines(document["quotas"], document["time"])]
    page += [
        clients_table(entries, in_all=len(entries) > 1),
        *reason_lines(entries, document["time"]),
        *quotas.coming_lines(document),
        *_wasted_lines(entries),
        *_nameless_lines(
            sum(entry["today"]["total_bytes"] for entry in entries), [entry["services"] for entry in entries]
        ),
    ]
    if any(entry["key"] == "unattributed" and entry["total"]["total_bytes"] for entry in entries):
        text = _("unattributed: billed, and of no device; `esimshaper status` says what it was")
        page.append(Line(text, Tone.QUIET))
    return page


def _nameless_lines(today: int, services: Sequence[Document]) -> list[Line]:
    """How much of `today` nobody can say the service of; `services` as of clients, or of all."""
    sizes = {word: sum(entry[f"{word}_bytes"] or 0 for entry in services) for word in ("unnamed", "hidden")}
    parts = ", ".join(f"{_(NAMELESS[word])} {share(size, today)}" for word, size in sizes.items() if size)
    return [Line(_("Of today: {parts} (esimshaper services)", parts=parts), Tone.QUIET)] if parts else []


def _wasted_lines(entries: Sequence[Document]) -> list[Line]:
    """What came after a block: of the devices that wasted most, and of the rest together."""
    wasting = sorted((entry for entry in entries if entry["wasted_bytes"]), key=lambda entry: -entry["wasted_bytes"])
    shares = [(who(entry), entry["wasted_bytes"]) for entry in wasting[:MOST_WASTING]]
    rest = sum(entry["wasted_bytes"] for entry in wasting[MOST_WASTING:])
    if rest:
        n = len(wasting) - MOST_WASTING
        shares.append((ngettext("{n} other", "{n} others", n), rest))
    return [
        Line(said_of(name, _("{size} came after a block: billed, and wasted", size=format_size(size))), Tone.QUIET)
        for name, size in shares
    ]


def clients_table(entries: Sequence[Document], *, in_all: bool = False) -> Table:
    """One row per client; `in_all`: and one for their sum."""
    # Who has no services, since the settings say so, has no column of dashes for them.
    served = any(entry["services"]["today"] for entry in entries)
    rows: list[list[str | Cell]] = [
        [
            who(entry),
            state_cell(entry["state"]),
            rate(entry["now"]["down_bits_per_second"]),
            rate(entry["now"]["up_bits_per_second"]),
            format_size(entry["today"]["down_bytes"]),
            format_size(entry["today"]["up_bytes"]),
            format_size(entry["today"]["total_bytes"]),
            format_size(entry["month"]["total_bytes"]),
            *([entry["services"]["today"] or "-"] if served else []),
            entry["mac"],
            ", ".join(entry["addresses"]),
        ]
        for entry in entries
    ]
    columns = [each for each in _CLIENT_COLUMNS if served or each is not _BUSIEST]
    return Table(tuple(columns), [*rows, *([_in_all(entries, served=served)] if in_all else [])])


def _in_all(entries: Sequence[Document], *, served: bool) -> list[str | Cell]:
    texts = [
        rate(sum(entry["now"][key] for entry in entries)) for key in ("down_bits_per_second", "up_bits_per_second")
    ]
    parts = (("today", "down_bytes"), ("today", "up_bytes"), ("today", "total_bytes"), ("month", "total_bytes"))
    texts += [format_size(sum(entry[when][key] for entry in entries)) for when, key in parts]
    return [Cell(text, Tone.TITLE) for text in (_("all together"), "", *texts, *([""] if served else []), "", "")]

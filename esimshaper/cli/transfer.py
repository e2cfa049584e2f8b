# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verbs `export` and `import`: the history out into a file, and files of others into it."""
# ruff: noqa: PLC0415, T201 - as in main.py

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esimshaper.cli.base import DONE, Verbs, add_client, add_json, add_socket, add_verb, command, fetch, progress, whose
from esimshaper.cli.parser import reject
from esimshaper.cli.past import SINCE
from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.typed import typed_size
from esimshaper.core.model.units import format_size, parse_size

if TYPE_CHECKING:
    from esimshaper.core.model.transfer import Transferred
    from esimshaper.edge.imports.lines import Context

ROWS_AT_ONCE = 1000
LARGEST_BODY = 200_000
"""Bytes of rows that are sent at once; the daemon takes a quarter more."""
TOLD_EACH = 20_000
"""Rows after which the progress is shown again."""


def add_verbs(verbs: Verbs) -> None:
    """`export` and `import`."""
    export = add_verb(
        verbs,
        "export",
        _export,
        "writes the history as CSV, or as JSON lines: every row, for other programs and to be imported again",
        "esimshaper export --since 2026-11-01 >november.csv",
    )
    add_client(export)
    export.add_argument("--since", metavar="WHEN", help=SINCE)
    export.add_argument("--until", metavar="WHEN", help="only rows that begin before then, written as for --since")
    export.add_argument("--uplink", metavar="NAME", help="only what passed this way to the Internet, by its name")
    export.add_argument("--names", action="store_true", help="also how devices are called, in a column of its own")
    add_json(export, "JSON lines instead of CSV")
    add_socket(export)
    taken = add_verb(
        verbs,
        "import",
        _import,
        "takes use that was recorded elsewhere into the history: our own export, vnStat, nlbwmon, totals of months",
        "esimshaper import --month 2026-10 --client alice-phone 3.4GB",
    )
    text = "our own export; JSON of vnStat; CSV or JSON of nlbw; CSV with month,client,used; or, with --month, a size"
    taken.add_argument("file", metavar="FILE", help=text)
    taken.add_argument("--month", metavar="MONTH", help="for a size, and for nlbwmon: the month that it is of: 2026-10")
    taken.add_argument("--client", metavar="NAME", help="whose it is, where the file does not say it")
    taken.add_argument("--uplink", metavar="NAME", help="the way that it passed, where the file does not say it")
    taken.add_argument(
        "--as", dest="source", metavar="WORD", help="a name for where it comes from: one for each router"
    )
    taken.add_argument(
        "--zone", metavar="ZONE", help="the time zone of dates in it (default: that of the configuration)"
    )
    taken.add_argument("--dry-run", action="store_true", help="only say what is in it, or what is wrong with it")
    add_socket(taken)


def _export(options: argparse.Namespace) -> int:
    from esimshaper.edge.imports.own import NAME, csv_header, csv_line, json_line

    wanted = {"since": options.since, "until": options.until, "uplink": options.uplink}
    params = {**{name: value for name, value in wanted.items() if value}, **whose(options)}
    called = _names(options) if options.names else None
    write = json_line if options.json else csv_line
    if not options.json:
        sys.stdout.write(csv_header(*([NAME] if options.names else [])))
    while True:
        page = fetch(options, "/v1/export", params)
        rows = (_transferred(row) for row in page["rows"])
        sys.stdout.writelines(write(row, *([called.get(row.client, "")] if called is not None else [])) for row in rows)
        if page["next"] is None:
            return DONE
        params["after"] = page["next"]


def _names(options: argparse.Namespace) -> dict[str, str]:
    """How people call each device, by its key."""
    clients = fetch(options, "/v1/clients")["clients"]
    return {each["key"]: each["client"] if each["client"] != each["key"] else each["hostname"] for each in clients}


def _transferred(values: list[Any]) -> "Transferred":
    from esimshaper.core.model.history import Resolution
    from esimshaper.core.model.transfer import Transferred

    return Transferred(Resolution(values[0]), *values[1:])


def _import(options: argparse.Namespace) -> int:
    from esimshaper.edge import imports

    context = _context(options)
    typed = _typed(options, context)
    path = Path(options.file)
    kind = f"a total of {options.month}" if typed else imports.format_of(path)

    def rows() -> "Iterable[Transferred]":
        return [typed] if typed else imports.read(path, kind, context)

    with progress(f"reading {path.name}") as say:
        count, size = _looked_at(rows(), say)
    if not count:
        raise Unusable(f"{path} has no rows", "is it the right file?")
    said = f"{count:,} row{'s' if count > 1 else ''} of {kind}, {format_size(size)} of bytes"
    if options.dry_run:
        print(f"{said}: nothing is wrong with it")
        return DONE
    with progress("importing") as say:
        done = 0
        for batch in _batches(rows()):
            _send(options, batch, done, path)
            done += len(batch)
            say(f"{done * 100 // count} %")
    print(f"{said}: imported. Quotas and the counts of today are as they were.")
    if typed or kind in imports.FOREIGN:
        print("In reports it is added to what this router has counted of the same time itself.")
    return DONE


def _typed(options: argparse.Namespace, context: "Context") -> "Transferred | None":
    """The row of a size that was typed in place of a file."""
    if context.month is None or Path(options.file).exists():
        return None
    from esimshaper.edge.imports.totals import total_of

    try:
        size = parse_size(typed_size(options.file))
    except ValueError as error:
        raise Unusable(f"{options.file} is neither a file nor a size: {error}", "write it as 3.4GB") from None
    return total_of(int(context.month.timestamp()), size, context.client, context.uplink, context.source)


def _context(options: argparse.Namespace) -> "Context":
    from esimshaper.edge.host import clock
    from esimshaper.edge.imports.lines import Context
    from esimshaper.edge.imports.totals import parse_month

    zone = _zone(options)
    try:
        month = parse_month(options.month, zone) if options.month else None
    except ValueError as error:
        reject(options, f"--month: {error}")
    now = clock.now()
    if month and month.timestamp() > now:
        reject(options, f"--month: {options.month} is still to come")
    return Context(now, zone, month, uplink=options.uplink or "", source=options.source or "")


def _zone(options: argparse.Namespace) -> tzinfo:
    from esimshaper.edge.settings_file.zones import known

    if options.zone:
        zone = known(options.zone)
        if zone is None:
            reject(options, f"--zone: `{options.zone}` is not a time zone as in Asia/Tokyo")
        return zone
    page = fetch(options, "/v1/export", {"since": "today", "client": "router"})
    return known(page["zone"]) or datetime.fromisoformat(page["time"]).tzinfo or UTC


def _looked_at(rows: "Iterable[Transferred]", say: Callable[[str], None]) -> tuple[int, int]:
    """How many rows there are, and their bytes; raises Unusable at the first mistake, before anything is imported."""
    count = size = 0
    for row in rows:
        count += 1
        size += 0 if row.service else row.down_bytes + row.up_bytes
        if count % TOLD_EACH == 0:
            say(f"{count:,} rows")
    return count, size


def _batches(rows: "Iterable[Transferred]") -> Iterator[list[list[Any]]]:
    """The rows as they are sent, as many at a time as the daemon takes."""
    batch: list[list[Any]] = []
    length = 0
    for row in rows:
        values = [row.resolution.value, *row[1:]]
        size = len(json.dumps(values, separators=(",", ":")))
        if batch and (len(batch) == ROWS_AT_ONCE or length + size > LARGEST_BODY):
            yield batch
            batch, length = [], 0
        batch.append(values)
        length += size + 1
    if batch:
        yield batch


def _send(options: argparse.Namespace, batch: list[list[Any]], done: int, path: Path) -> None:
    body = {"rows": batch, **({"client": options.client} if options.client else {})}
    try:
        command(options, "/v1/import", body)
    except Unusable as error:
        if not done:
            raise
        again = f"{done:,} rows of {path} are imported; import it once more then: no row counts twice"
        raise type(error)(error.message, "; ".join(filter(None, (error.hint, again)))) from None

# SPDX-License-Identifier: GPL-2.0-or-later
"""A history as large as it gets: all that is kept of five years, by SQL; for tests and for the benchmark."""

import sqlite3
from contextlib import closing
from pathlib import Path

from esimshaper.core.model.history import Resolution
from esimshaper.edge.history.database import KEPT, History

START = 1_800_000_000
SECONDS = {Resolution.FIVE_MINUTES: 300, Resolution.HOUR: 3600, Resolution.DAY: 86400, Resolution.MONTH: 30 * 86400}
FIVE_YEARS = """
WITH RECURSIVE
    bucket(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM bucket WHERE n + 1 < :buckets),
    client(c) AS (SELECT 1 UNION ALL SELECT c + 1 FROM client WHERE c < :clients),
    uplink(u) AS (SELECT 1 UNION ALL SELECT u + 1 FROM uplink WHERE u < 3)
"""
SERVICES_OF_FIVE_YEARS = f"""
{FIVE_YEARS}, service(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM service WHERE s < 15)
INSERT INTO service_usage
SELECT :r, :start + n * :step, c, u, (c * 7 + s * 3) % 80 + 1, n * 1000003 % 9999991, s * 100003
FROM bucket, client, uplink, service WHERE true ON CONFLICT DO NOTHING
"""  # noqa: S608 - no words of others
BYTES_OF_FIVE_YEARS = f"""
{FIVE_YEARS} INSERT INTO usage SELECT :r, :start + n * :step, c, u, 300000000, 4000000, 9, 9, 0
FROM bucket, client, uplink
"""  # noqa: S608


def write_five_years(path: Path, clients: int, *, until: int | None = None) -> None:
    """So many clients that use each of 3 uplinks for 15 services, all the time: all that is kept of five years.

    It begins at START; with `until`, it ends then.
    """
    with closing(History(path)):
        pass
    with closing(sqlite3.connect(path)) as raw:
        raw.executemany("INSERT INTO services VALUES (?, ?)", [(n, f"service-{n}") for n in range(1, 81)])
        keys = [(n, f"02:00:00:00:00:{n:02x}") for n in range(1, clients + 1)]
        raw.executemany("INSERT INTO usage_clients VALUES (?, ?)", keys)
        raw.executemany("INSERT INTO uplinks VALUES (?, ?, '')", [(2, "cellular"), (3, "hotel")])
        for number, resolution in enumerate(Resolution, 1):
            kept, step = KEPT.get(resolution, 60), SECONDS[resolution]
            start = START if until is None else until // step * step - (kept - 1) * step
            values = {"r": number, "buckets": kept, "start": start, "step": step, "clients": clients}
            raw.execute(SERVICES_OF_FIVE_YEARS, values)
            raw.execute(BYTES_OF_FIVE_YEARS, values)
        raw.commit()

# SPDX-License-Identifier: GPL-2.0-or-later
"""The database of used bytes, by client and time.

database.py                 bookings in; rows, sums and the saved half of the State out
usage_tables.py             rows of used bytes; row_numbers.py: the numbers in them that stand for names
schema.py, versions.py      the file, and the tables that each version of it adds
baseline.py, *_tables.py    the saved half of the State, a module for the tables of each slice; rows.py: what they share
happening_table.py          what people look up afterwards

A new column is a new version in `SCHEMAS`; CONTRIBUTING.md names all places on its way.
"""

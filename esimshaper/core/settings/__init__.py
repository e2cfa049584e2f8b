# SPDX-License-Identifier: GPL-2.0-or-later
"""The plain values of the configuration -> settings, or all problems with them. Pure.

`tree.py` reads the whole configuration. Each block of the file has a module of its own that makes its value, named as
the block is: `wan.py`, `clients.py`, `quotas.py` ... The values themselves are in `values.py`.
A new setting begins in esimshaper.schema.json: its shape, default and help.
"""

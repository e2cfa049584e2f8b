# SPDX-License-Identifier: GPL-2.0-or-later
"""The database of used bytes, by client and time."""

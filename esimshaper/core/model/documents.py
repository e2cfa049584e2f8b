# SPDX-License-Identifier: GPL-2.0-or-later
"""The version of all JSON that this program prints or sends. Pure: a value only."""

DOCUMENT_VERSION = 1
"""Goes up when a name vanishes or changes its meaning; new names may come at any time."""

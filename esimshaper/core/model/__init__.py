# SPDX-License-Identifier: GPL-2.0-or-later
"""The words: what the rooms of the core and the edges hand to each other. Pure: values, and how they are written."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The languages that people are answered in: which one, its catalog, its dates. Command line and page share it."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""Decides, from values alone: no module below touches a file, a socket, a clock or a log (R21 in DESIGN.md)."""

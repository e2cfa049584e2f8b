# SPDX-License-Identifier: GPL-2.0-or-later
"""What the page may do and remembers: the owner's sessions, guessed passwords, asks of devices, names. Pure.

It writes the slice PageSlice. Conductor is core/page_commands.py; what devices and the owner see is in core/report.
"""

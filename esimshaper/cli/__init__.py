# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: verbs -> requests to the daemon, or one part of the program.

A new verb stands in ask.py, past.py, limits.py or a module of its own, which `build_parser` in main.py calls. The
manual page and the completion of shells are made from that parser.
"""

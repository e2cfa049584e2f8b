# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that tells people: asks the daemon for notices, and delivers each in a child with a deadline."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel part: compiled, pinned, opened and read."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine below: systemd, its journal, clocks, paths, memory."""

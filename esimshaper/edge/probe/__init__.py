# SPDX-License-Identifier: GPL-2.0-or-later
"""The probes of `doctor`: each finds out facts about the box, and decides nothing."""

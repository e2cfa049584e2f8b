# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line shows: documents of the control socket -> pages -> terminal or pipe. cli/ calls it."""

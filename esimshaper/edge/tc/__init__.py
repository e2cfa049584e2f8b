# SPDX-License-Identifier: GPL-2.0-or-later
"""The traffic control of the kernel: filters and queueing disciplines of ours."""

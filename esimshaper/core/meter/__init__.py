# SPDX-License-Identifier: GPL-2.0-or-later
"""Readings of the kernel -> usage of each client, booked for history. Pure."""

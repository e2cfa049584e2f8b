# SPDX-License-Identifier: GPL-2.0-or-later
"""Rates -> the classes of tc that hold them, and the order in which classes and policies are written. Pure."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The plain values of the configuration -> settings, or all problems with them. Pure."""

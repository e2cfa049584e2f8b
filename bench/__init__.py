# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of `make bench`: is the bill true, and what does counting cost. Start reading at __main__.py."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of the daemon -> documents, metrics and the status line of systemd. Pure."""

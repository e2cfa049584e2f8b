# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what dnsmasq reads of ours. files.py: lists and names; server.py: its configuration, by root alone."""

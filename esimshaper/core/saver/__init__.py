# SPDX-License-Identifier: GPL-2.0-or-later
"""Room: what saves data beyond limits. name_lists.py: block lists; withheld_services.py: names of blocked services."""

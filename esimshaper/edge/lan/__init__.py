# SPDX-License-Identifier: GPL-2.0-or-later
"""What the router knows of its clients: leases, neighbours, tracked connections."""

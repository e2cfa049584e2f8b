# SPDX-License-Identifier: GPL-2.0-or-later
"""Sources that know the clients: leases, neighbours, tracked connections."""

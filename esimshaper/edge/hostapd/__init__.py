# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: hostapd by its control sockets. An element of beacons goes in; for root, as these sockets are its own."""

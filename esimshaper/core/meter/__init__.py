# SPDX-License-Identifier: GPL-2.0-or-later
"""Readings of the kernel -> usage of each client, booked for history. Pure.

metering.py                              the room as the pipeline calls it
usage.py, tunnels.py, queue_drops.py     what was used; shares of the router's VPN; uploads that our queue lost
services.py                              what it was for
clock.py, rates.py, identities.py        the time that counts; bytes per second; names of clients
"""

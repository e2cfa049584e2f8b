# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: ModemManager and NetworkManager on D-Bus, by jeepney; and the file by which the daemon hears of modems."""

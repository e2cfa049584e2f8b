# SPDX-License-Identifier: GPL-2.0-or-later
"""What ModemManager tells on D-Bus -> the modems that the program knows. Pure."""

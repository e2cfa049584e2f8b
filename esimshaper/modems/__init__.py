# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that watches modems: follows ModemManager on D-Bus, and tells the daemon by a file. It drives nothing."""

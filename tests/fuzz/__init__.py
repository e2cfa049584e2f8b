# SPDX-License-Identifier: GPL-2.0-or-later
"""Random bytes, near to real ones, for everything that reads what strangers write: `make fuzz`."""

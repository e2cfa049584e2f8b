# SPDX-License-Identifier: GPL-2.0-or-later
"""What was seen of a box -> the findings of `doctor`. Pure."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""Touches the world: a room for each thing of it, with one library; no module below decides anything (R21, R24)."""

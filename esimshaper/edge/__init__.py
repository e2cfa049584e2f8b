# SPDX-License-Identifier: GPL-2.0-or-later
"""One module for each thing of the world, with the one library made for it; no module below decides anything."""

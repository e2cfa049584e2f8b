# SPDX-License-Identifier: GPL-2.0-or-later
"""nftables, by its program `nft`: what is not forwarded to the carrier."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: what naming conversations needs of the world: AES of libcrypto, and files of captures."""

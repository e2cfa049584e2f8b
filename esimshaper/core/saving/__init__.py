# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage and notices that are not saved yet -> what one transaction saves. Pure; writes the slice `saving`."""

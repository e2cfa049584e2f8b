# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage and quotas -> tallies, policies for the kernel, the state of each client, notices. Pure."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The two HTTP servers: the control socket, and the metrics."""

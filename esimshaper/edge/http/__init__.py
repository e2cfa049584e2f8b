# SPDX-License-Identifier: GPL-2.0-or-later
"""What others ask by HTTP: the control socket, and the metrics."""

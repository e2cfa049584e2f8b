# SPDX-License-Identifier: GPL-2.0-or-later
"""The page: a process of its own, which shows people what web.sock answers, and may do nothing else."""

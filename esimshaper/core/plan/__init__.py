# SPDX-License-Identifier: GPL-2.0-or-later
"""The terms of a plan and usage over time -> what holds, what it costs, when it ends. Pure.

spans.py      where lengths end, and the windows of a meter's cycle
count.py      one meter: what its window used, has left and costs
course.py     a whole plan: lifetimes, meters, lots, rounding, free bytes
terms.py      the terms as a document
"""

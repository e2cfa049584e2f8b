# SPDX-License-Identifier: GPL-2.0-or-later
"""The terms of a plan and usage over time -> what holds, what it costs, when it ends. Pure.

spans.py      where lengths end, and the windows of a meter's cycle
count.py      one meter: what its window used, has left and costs
course.py     a whole plan: lifetimes, meters, lots, rounding, free bytes
lived.py      recorded use under a plan: its steps, with their times
recommend.py  use against a list of plans: the best one, the best two
terms.py, advice.py    the terms, and what to buy, as documents
"""

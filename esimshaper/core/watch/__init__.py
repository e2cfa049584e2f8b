# SPDX-License-Identifier: GPL-2.0-or-later
"""The room that notices abnormal use: what clients move, beside the day's allowance and what is normal for them. Pure.

    usage --> traces (5 s, minutes, an hour) --> detectors --> episodes --> notices
    quotas, plan --> allowance of a day -----------^              |
                                  learned peaks <-----------------'  unless it was cut

`constants.py` has all numbers; `watching.py` is one tick of it.
"""

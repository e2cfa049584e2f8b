# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage and quotas -> tallies, policies for the kernel, the state of each client, notices. Pure.

limiting.py                the room as the pipeline calls it: tally -> notices -> states -> policy
tally.py, notices.py       what was used of each quota in its window; what people should hear of
hierarchy.py, states.py    who is above whom; how each client stands, and why
policy.py                  the thresholds that the kernel holds by itself
recovery.py                limits out of the policies in the kernel, for a start without a history
"""

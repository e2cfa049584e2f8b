# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices -> messages on channels: what waits, what is folded, what nobody needs any more. Pure; writes `notices`.

taking.py               a notice becomes an entry, with a delivery for each channel that is to tell it
worth.py                which deliveries nobody needs: undone, silenced by something graver
times.py                quiet hours, mornings, the time of the next try
forming.py              deliveries -> jobs: groups, digests, caps
jobs.py                 the life of a job: lease, result, what nobody knows
stage.py                all of it once a tick
choosing.py             what the owner chooses by hand in place of the settings
weekly.py               when the digest of a week is due, and what is in it

What becomes of each pair of notice and channel is decided here alone; esimshaper-notify only carries it out.
"""

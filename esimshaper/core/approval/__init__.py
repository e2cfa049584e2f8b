# SPDX-License-Identifier: GPL-2.0-or-later
"""Room: which services of which clients wait for the owner's word, and what was said. Pure.

waiting    each tick: usage by service -> uses, what begins to wait
answers    what holds for whom; what ends
audit      what is to be looked at again, once a week
notices    what people hear of it
"""

# SPDX-License-Identifier: GPL-2.0-or-later
"""All numbers of the watch, each with its unit and where it is from. Pure: values only.

They were measured on made-up lives of 200 client-weeks; `make bench ARGS="--only watch"` repeats it. A is the allowance
of a day. Shares of A in a time are burn rates (Google, SRE Workbook, chapter 5): 5 % in a minute is 72 times
the pace that just lasts, 10 % in five is 29 times, 15 % in an hour is 3.6 times.
"""

from esimshaper.core.model.watch import WatchLevel

STEP_SECONDS = 5
"""Seconds that are summed up before anybody looks."""
STEPS = 60 // STEP_SECONDS
MINUTES = 60
BUSY_TICK = 20_000
"""Bytes of a tick from which on it is remembered what they were for: slower than any surge, which lasts a minute."""

DEFAULT_DAY = 1_000_000_000
"""Bytes of a day where no quota and no plan says any."""
LEAST_SHARE = 4
"""A is at least this part of what a day would have from the start: else all is an alarm when little is left."""

FACTORS = {WatchLevel.CALM: 2.0, WatchLevel.NORMAL: 1.0, WatchLevel.STRICT: 0.6}
"""All thresholds, times this."""

SURGE_MINUTE, SURGE_FIVE, SURGE_HOUR = 0.05, 0.10, 0.15
"""Shares of A. 3 to 6 % in a minute made little difference (1.07 to 0.95 false alarms, 22 to 35 s)."""
SURGE_MINUTE_FLOOR, SURGE_FIVE_FLOOR, SURGE_HOUR_FLOOR = 15_000_000, 30_000_000, 60_000_000
"""Bytes: less is a page, a song, an app, on any plan."""

UPLOAD_FIVE, UPLOAD_FLOOR = 0.025, 12_000_000
"""Share of A and bytes that were sent in five minutes."""
UPLOAD_RATIO, ACKNOWLEDGED = 4, 0.03
"""So many times what came; acknowledgements of what was sent come to some 3 % of it. A video call is 1:1."""

NAMELESS_FIVE, NAMELESS_FLOOR = 0.0125, 6_000_000
"""Share of A and bytes that were sent within five minutes to addresses that nobody named: half of an upload, as backups
and clouds are called by a name, and a program that hides is not. Not measured: no made-up life has names."""

TRICKLE_FIVE, TRICKLE_FLOOR = 0.15 / 288, 300_000
"""Share of A and bytes in each five minutes of an hour: nobody browses so flat. 288 of these are a day."""
TRICKLE_FLAT, TRICKLE_MOST = 2.0, 8 / 288
"""The mean five minutes has at most so many times the least; and of A so much, else it is a surge."""

ASLEEP_TEN, ASLEEP_FLOOR = 0.01, 10_000_000
"""Share of A and bytes in ten minutes of the night. 5 MB of floor are 0.1 false alarms a week more."""
AWAKE_TEN = 1_500_000
"""Bytes in ten minutes by which somebody else is awake."""

NEWCOMER, NEWCOMER_FLOOR = 0.05, 50_000_000
"""Share of A and bytes: 93 % of guests move less in their first half hour, a phone that restores itself never does."""

LARGEST_PACKET = 65_536
"""Bytes: as large as the kernel merges them."""

ALONE_HOUR, ALONE_FLOOR, SILENCE = 0.01, 2_000_000, 100_000
"""Share of A and bytes of the router itself in an hour, in which all clients together moved less than the last."""

RATCHET = 2
"""People are told of so many times the most of the last week: by construction a few times a week."""
DAYS = 8
"""Days whose peaks count, the running one with them: seven at least."""
LEARNING_FACTOR = 2.0
"""What surges count by until a client is known, see LEARNING_HOURS."""

CALM_SECONDS = 15 * 60
"""An episode ends when nothing was abnormal for so long."""
AGAIN_FACTOR, AGAIN_SHARE = 2, 0.05
"""People are told again when it has grown so many times, and by so much of A."""
UNSURE_TOLD, UNSURE_SECONDS = 2, 7 * 86400
"""People are told of so many surges and trickles of a client in such a time; of the rest the list knows."""
EPISODES = 256
"""So many of the last ones are kept."""
MUTES = 64

PACE_USED = 0.30
"""Of the limit: what is used at least."""
PACE_DEVIATIONS = 1.0
"""So many deviations less than the forecast, and the quota would still not last. By a normal distribution 84 % of those
who are told are right; with 0.85 of them 4 % more days are told of, and 4 % fewer are right."""
PACE_MOOD, PACE_LUMP = 0.2, 0.06
"""The variance of days, of a plain one (a lognormal spread of 0.43), and the size of what comes at once, of the
allowance of a day: a song, an app, a clip. Half and twice of each differ little, as their product counts."""
PACE_SOONER = 0.5
"""Part of the time to that moment by which it must come sooner until people are told again."""
DAY_HALVES = 3
"""Days after which a day counts half."""
PRIOR_DAYS, PRIOR_TOTAL = 2, 0.7
"""What is assumed of a day before any was seen weighs as much as so many days, and has such a share of A."""
PRIOR_HOURS = (2, 1, 0.5, 0.5, 0.5, 0.8, 1.5, 3, 4.5, 4.5, 4.5, 4.5, 5, 5, 5, 5, 5, 5.5, 6.5, 7.5, 8, 8, 6.5, 4)
"""A plain day, by hour of the clock; only the proportions count."""
PROFILES = 64
"""Quotas and subjects whose pace is watched: the first ones."""

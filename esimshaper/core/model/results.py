# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what becomes of a try to tell something, for the daemon and for the sender. Pure: values only."""

from enum import StrEnum

MOST_STEPS, MOST_CHARACTERS = 40, 300
"""Steps of a try, and characters of each and of an error: people read them."""


class Result(StrEnum):
    """What the sender says of a try; the value is the word of documents.

    FAILED: it may be tried again. REFUSED: never. IMPOSSIBLE: nor may any other by that channel.
    """

    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"

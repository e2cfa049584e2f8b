# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences behind a verb become its options where they can mean one thing only; all else is left as it was typed."""

import pytest

from esimshaper.cli.asked import question
from esimshaper.cli.prose import options_of

VALUED = ("--for", "--until", "--at", "--since", "--client", "--socket", "--by", "--last")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("block tv for 2h", ["tv", "--for", "2h"]),
        ("block tv 2 hours", ["tv", "--for", "2 hours"]),
        ("block for 1 hour and 30 minutes tv", ["--for", "1 hour and 30 minutes", "tv"]),
        ("block tv --for 2 hours --json", ["tv", "--for", "2 hours", "--json"]),
        ("block --for 2 hours tv", ["--for", "2 hours", "tv"]),
        ("block tv from 11 pm to 7 am", ["tv", "--at", "11 pm", "--until", "7 am"]),
        ("block tv at tue 23:00 until tomorrow 07:00", ["tv", "--at", "tue 23:00", "--until", "tomorrow 07:00"]),
        ("block tv until morning", ["tv", "--until", "morning"]),
        ("block tv 23:00-07:00", ["tv", "23:00-07:00"]),
        ("block tv", ["tv"]),
        ("allow --for=2h tv", ["--for=2h", "tv"]),
        ("unblock for 2h", ["for", "2h"]),
        ("grant tv 300M", ["tv", "300M"]),
        ("grant tv 300 MB", ["tv", "300", "MB"]),
        ("grant 5 GB to everyone", ["everyone", "5", "GB"]),
        ("grant 5GB tv for 2h", ["tv", "5GB", "--for", "2h"]),
        ("grant tv 1GB --at 18:00", ["tv", "1GB", "--at", "18:00"]),
        ("grant 5GB", ["5GB"]),
        ("grant 5GB --clear", ["5GB", "--clear"]),
        ("grant tv -300MB", ["tv", "-300MB"]),
        ("correct 1.5GB plan", ["plan", "1.5GB"]),
        ("history yesterday", ["--since", "yesterday"]),
        ("history of tv last week", ["tv", "--since", "last week"]),
        ("history tv since yesterday 12:00 until today", ["tv", "--since", "yesterday 12:00", "--until", "today"]),
        ("history --since last month --by day", ["--since", "last month", "--by", "day"]),
        ("history --client week --by hour", ["--client", "week", "--by", "hour"]),
        ("history last 7 days", ["--since", "last 7 days"]),
        ("history alice-phone", ["alice-phone"]),
        ("history 02:00:00:00:00:10", ["02:00:00:00:00:10"]),
        ("history 192.168.8.20", ["192.168.8.20"]),
        ("events tv last night", ["tv", "--since", "last night"]),
        ("events 2h", ["--since", "2h"]),
        ("status for 2h", ["for", "2h"]),
        ("allow tv forever", ["tv", "--always"]),
        ("block tv forever", ["tv"]),
        ("block tv today", ["tv", "--until", "24:00"]),
        ("unblock tv now", ["tv"]),
        ("clients today", []),
        ("clients --client today", ["--client", "today"]),
        ("history tv by hour each since monday", ["tv", "--by", "hour", "--each", "--since", "monday"]),
        ("history by fortnight", ["--by", "fortnight"]),
        ("correct plan to 3.2 GB", ["plan", "3.2", "GB"]),
        ("name alice-phone to Eva's phone", ["alice-phone", "Eva's", "phone"]),
        ("name alice-phone To", ["alice-phone", "To"]),
    ],
)
def test_a_sentence_is_read_as_options(typed, meant):
    verb, *words = typed.split()
    assert options_of(verb, words, VALUED) == meant


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        ("how much data do I have left", "esimshaper quotas"),
        ("will it last", "esimshaper quotas"),
        ("when does my plan renew?", "esimshaper quotas"),
        ("what is using my data", "esimshaper top"),
        ("who used most yesterday", "esimshaper history --by hour --each --since yesterday"),
        ("why is alice-phone slow", "esimshaper quotas alice-phone"),
        ("is tv blocked?", "esimshaper quotas tv"),
        ("is vpn counted", "man esimshaper.yaml"),
        ("which devices are online", "esimshaper clients"),
        ("what happened", "esimshaper events"),
        ("what does tv watch", "esimshaper services tv"),
        ("alert me at 80%", "esimshaper notify"),
        ("who is alice-phone", "esimshaper clients alice-phone"),
        ("why is everything slow", "esimshaper quotas"),
    ],
)
def test_a_question_is_answered_with_a_command(asked, command):
    assert question(asked.split())[1] == command


@pytest.mark.parametrize("asked", ["who", "show", "block tv", "who --json now", "what are tv and kindle"])
def test_what_is_no_question_is_none(asked):
    assert question(asked.split()) is None

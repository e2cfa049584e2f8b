# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences of the daemon about plans, uplinks and alarms, as the journal has them, for core_texts.KNOWN. Pure."""

from esimshaper.languages.texts import N_

PLANS = (
    N_("unlimited data"),
    N_("plan {plan} has begun with {size}, until {moment}"),
    N_("plan {plan} has begun with {size}"),
    N_("plan {plan} has begun, until {moment}"),
    N_("plan {plan} has begun"),
    N_("plan {plan} is over since {moment}; `esimshaper plan` shows what it gave and cost"),
    N_("plan {plan} has bought {what} by itself for {price}"),
    N_("plan {plan} has no data left until {moment}: nothing passes"),
    N_("plan {plan} has no data left: nothing passes"),
    N_("`esimshaper plan` shows what can be bought"),
    N_("plan {plan} has used up its fast data: the carrier holds it to {rate} until {moment}"),
    N_("plan {plan} has used up its fast data: the carrier holds it to {rate}"),
    N_("plan {plan} has used up its data: each {size} costs {price} until {moment}"),
    N_("plan {plan} has used up its data: each {size} costs {price}"),
    N_("plan {plan} has {size} left; then nothing passes (until {moment})"),
    N_("plan {plan} has {size} left; then nothing passes"),
    N_("plan {plan} has {size} left; then it is held to {rate} (until {moment})"),
    N_("plan {plan} has {size} left; then it is held to {rate}"),
    N_("plan {plan} has {size} left; then each {used} costs {price} (until {moment})"),
    N_("plan {plan} has {size} left; then each {used} costs {price}"),
    N_(
        "plan {plan} has {size} left at this price: the byte after that costs {more}, from {before} to {price} "
        "(until {moment})"
    ),
    N_("plan {plan} has {size} left at this price: the byte after that costs {more}, from {before} to {price}"),
    N_("plan {plan} costs {price} now, {more} more than a moment ago: beyond {size} its price has a step"),
    N_("plan {plan} ends {moment} with {size} unused"),
    N_("plan {plan} ends {moment}"),
    N_("{uplink} has plan {plan} now, no longer {before}"),
    N_(
        "the eSIM ...{sim} at {uplink} is of no plan: its bytes wait until `esimshaper plan switch NAME` says which it "
        "is, or a plan of the configuration has its iccid"
    ),
    N_(
        "{size} passed {uplink} while esimshaper did not run and its eSIM was changed: nobody knows of which plan they "
        "are; `esimshaper plan correct` takes the carrier's figure"
    ),
    N_("plan {plan} begins anew, from {moment} on ({event})"),
    N_("plan {plan} begins anew, from {moment} on"),
    N_("{uplink} has plan {plan} from now on"),
    N_("plan {plan} has {what} more"),
    N_("plan {plan} has used nothing of its fast data from now on"),
    N_("plan {plan} counts {size} more: the carrier says {used}"),
    N_("plan {plan} counts {size} less: the carrier says {used}"),
    N_(
        "the carrier says {size} less than plan {plan} counts, which is noted; a limit gets no looser by that alone: "
        "add --lower to count less"
    ),
    N_("the carrier's figure and the count of plan {plan} are the same, as far as it is rounded"),
    N_("taken back: {text}"),
    N_("done again: {text}"),
)
"""What core/plan/notices.py and core/plan_commands.py say."""

LINKS = (
    N_(
        "the carrier gives {uplink} {rate} up, as measured for a minute, though nothing written says so: the link is "
        "held to {used}, so that packets wait here"
    ),
    N_(
        "the carrier gives {uplink} {rate} down, as measured for a minute, though nothing written says so: the link is "
        "held to {used}, so that packets wait here"
    ),
)

PACES = (
    N_("{what}: {used} are used; {size} a day would last until {moment}"),
    N_("{what}: {used} are used; {size} are left until {moment}"),
    N_("will have used up {size} of {quota} about {moment}, sooner than it looked"),
    N_("will have used up {size} of {quota} about {moment}"),
    N_("{who} will have used up {size} of {quota} about {moment}, sooner than it looked"),
    N_("{who} will have used up {size} of {quota} about {moment}"),
    N_("`esimshaper top` shows who uses it"),
)
"""What core/watch/pacing.py says of a quota that will not last."""

ALARMS = (
    N_("{who} moved {size} in the last hour, in which no device moved anything"),
    N_("{who} sent {size} in the last five minutes, and received little"),
    N_("{who} sent {size} in the last five minutes, most of it to addresses that nobody named"),
    N_("{who} is new here and moved {size} at once"),
    N_("{who} moved {size} in the last minute"),
    N_("{who} moved {size} in the last five minutes"),
    N_("{who} moves {size} and more in each five minutes of an hour"),
    N_("{who} moved {size} in ten minutes of the night, while all others sleep"),
    N_("{who} moved {size} in the last hour"),
    N_("{who} goes on: {size} since {moment} ({kinds})"),
    N_("{who} is quiet again: {size} in {time} since {moment} ({kinds}), which was fine"),
    N_("{who} is quiet again: {size} in {time} since {moment} ({kinds}), which was cut"),
    N_("{who} is quiet again: {size} in {time} since {moment} ({kinds})"),
    N_("It is blocked until {moment}; `esimshaper alarms fine {n}` if it is fine"),
    N_("It is held to {rate} until {moment}; `esimshaper alarms fine {n}` if it is fine"),
    N_("Stop it: `esimshaper block {name} --for 1h`; it is fine: `esimshaper alarms fine {n}`"),
    N_("`esimshaper flows` shows where to; it is fine: `esimshaper alarms fine {n}`"),
)
"""What core/watch/words.py says in the journal."""

NO_DEVICES = ("", "router", "unattributed", "others")
"""Whom nobody can slow or stop: everyone together, and those of the daemon's own making."""

KINDS = {
    "surge": N_("much of the day at once"),
    "upload": N_("much was sent"),
    "nameless": N_("sent to unknown addresses"),
    "trickle": N_("the same amount all hour long"),
    "asleep": N_("while all others sleep"),
    "newcomer": N_("a new device"),
    "pace": N_("a quota will not last"),
    "nobody-home": N_("the router alone"),
}
"""What each kind is, in a few words."""

ALL = (*PACES, *ALARMS, *PLANS, *LINKS)

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several uplinks: which one a packet passes, whether quotas look at it, and what each of them carried for whom.
 *
 *   metered: yes   added to `used` of the account and of those above it, and compared with all their limits
 *   metered: no    added to nothing that a limit is compared with; blocks by hand and by hours hold all the same
 *
 * Billed bytes are added to `by_uplink` in either case, and there user space has them from. The loader defines UPLINKS:
 * how many there are, or 0 for one alone, and then nothing of this is there.
 */
#pragma once

#include "size.h"

/* An uplink as limits see it. Both words are all ones or 0, and are used without a jump: the verifier would walk all that
 * follows once more for each. */
struct at_uplink {
	u32 slot;
	u64 is_free;   /* no threshold is compared */
	u64 uncounted; /* nothing is added to `used` */
	u32 compared;  /* by bit: the scopes whose thresholds are compared, see scopes.h */
	u32 counted;   /* by bit: the scopes to whose accounts it is added */
};

/* The uplink with this interface. One that user space has not listed is metered: user space lists each before it attaches
 * our programs, so that is one which went a moment ago. */
ALWAYS_INLINE struct at_uplink uplink_at(struct __sk_buff *skb, u32 link)
{
	struct at_uplink at = {};
#if UPLINKS
	struct uplink *known = uplinks.lookup(&link);
	u32 flags = UPLINK_METERED | ALL_SCOPES << UPLINK_SCOPES;

	if (known) {
		at.slot = known->slot;
		flags = known->flags;
	}
	at.slot = hide_range(skb, at.slot);
	flags = hide_range(skb, flags);
	at.is_free = at.uncounted = (u64)(flags & UPLINK_METERED) - 1;
	at.compared = at.counted = flags >> UPLINK_SCOPES & ALL_SCOPES;
#endif
	return at;
}

/* The uplink that carried the last packet of the router itself, or of its tunnels. What passes on its way to the router, or
 * into a tunnel, is held as that uplink is: nobody knows yet by which one it will leave. */
ALWAYS_INLINE struct at_uplink uplink_of_own(struct __sk_buff *skb, u32 whose)
{
	struct at_uplink at = {};
#if UPLINKS
	u32 *link = own_uplinks.lookup(&whose);

	at = uplink_at(skb, link ? *link : 0);
	/* Claims inside tunnels are added to `used` whatever uplink it is: user space takes all claims off again, and adds
	 * what metered uplinks carried. */
	at.uncounted = 0;
	at.counted = ALL_SCOPES;
#endif
	return at;
}

/* Remembers by which interface the router itself, or its tunnels, left last. */
ALWAYS_INLINE void note_own_uplink(u32 whose, u32 number)
{
#if UPLINKS
	u32 *link = own_uplinks.lookup(&whose);

	/* Written where it changes only, so that CPUs do not fight for the line. */
	if (link && *link != number)
		*link = number;
#endif
}

/* Adds a billed packet to what an uplink carried for an account. */
ALWAYS_INLINE void count_at_uplink(struct at_uplink at, u32 account, enum direction direction, struct size size)
{
#if UPLINKS
	u32 row = at.slot * ACCOUNTS_ALL + account;
	struct counters *carried = by_uplink.lookup(&row);

	if (carried)
		add(carried, direction, size);
#endif
}

/* Adds an upload to those of an uplink that no tap compares, before it is charged, or, by the tap, to what left it. */
ALWAYS_INLINE void count_queue_of_uplink(struct at_uplink at, u64 shaped, u64 left)
{
#if UPLINKS
	struct uplink_queue *queue = uplink_queues.lookup(&at.slot);

	if (!queue)
		return;
	if (shaped)
		__sync_fetch_and_add(&queue->shaped, shaped);
	if (left)
		__sync_fetch_and_add(&queue->left, left);
#endif
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows get the names that user space has found: it runs this by BPF_PROG_TEST_RUN, so the kernel alone writes flows. */
#pragma once

#include "pools.h"

#if NAMES

#define LINK_HEADER 14 /* which the kernel wants before what it runs a program on */
#define RENAME_TRIES 8 /* one has been enough so far: packets would have to come between each time */

/* Puts another tag into a word of a flow, and moves the bytes that stand there to the row of that. Returns whether it
 * did. Bytes that are added meanwhile find the old tag or the new one, and are on that side both here and there. */
ALWAYS_INLINE int rename_word(struct __sk_buff *skb, u64 *counter, u32 account, u32 tag, enum direction direction)
{
	u64 word = *(volatile u64 *)counter, found, bytes;
	struct usage *from, *to;

	for (int i = 0; i < RENAME_TRIES; i++) {
		u64 kept = word >> WORD_SHIFT & TAG_UNCOUNTED;

		found = __sync_val_compare_and_swap(counter, word, (tag | kept) << WORD_SHIFT | (word & WORD_COUNT));
		if (found == word)
			goto tagged;
		word = found;
	}
	return 0;
tagged:
	bytes = word & WORD_COUNT;
	from = usage_of(account, word >> WORD_SHIFT);
	to = usage_of(account, tag);
	if (!from || !to || from == to)
		return 1;
	/* First off, then on: the rows are never more than the account. */
	__sync_fetch_and_add(direction == UP ? &from->up_bytes : &from->down_bytes, -bytes);
	__sync_fetch_and_add(direction == UP ? &to->up_bytes : &to->down_bytes, bytes);
	if (has_service_policies(account))
		move_between_pools(skb, account, hide_tag(skb, word >> WORD_SHIFT), tag, direction, bytes);
	return 1;
}

/* Returns whether the flow has the tag now. */
ALWAYS_INLINE int name_flow(struct __sk_buff *skb, struct rename *wanted)
{
	struct flow *flow = flows.lookup(&wanted->key);
	u32 account = hide_range(skb, wanted->account), tag = hide_range(skb, wanted->tag);
	u64 *count = renamed.lookup(&account);
	u32 is_named;

	/* Of ESP of the router, answers are in the flow, and of another account. */
	if (!flow || flow->account != account || !count || (tag & ~(TAG_NUMBER | TAG_FINAL)) || comes_by_ipsec(&wanted->key))
		return 0;
	is_named = hide_range(skb, rename_word(skb, &flow->counted.down_bytes, account, tag, DOWN));
	is_named &= hide_range(skb, rename_word(skb, &flow->counted.up_bytes, account, tag, UP));
	__sync_fetch_and_add(count, 1);
	return is_named;
}

/* Returns how many of the entries behind a link header were not named: their flow is gone, or another one's. */
ALWAYS_INLINE int name_all(struct __sk_buff *skb)
{
	u32 failed = 0;

	for (u32 i = 0; i < RENAMES; i++) {
		struct rename wanted;

		if (bpf_skb_load_bytes(skb, LINK_HEADER + i * sizeof(wanted), &wanted, sizeof(wanted)) < 0)
			break;
		failed += hide_range(skb, !name_flow(skb, &wanted));
	}
	return failed;
}

#endif

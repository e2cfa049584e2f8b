/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas that name uplinks or a plan: each set of uplinks that some quota looks at is a scope, with a tree of accounts.
 *
 *   account of the client -> its group -> everyone     as in limits.h, for what passes uplinks that are metered
 *   the same numbers + 1 * ACCOUNTS_ALL                for what passes the uplinks of the first scope
 *   the same numbers + 2 * ACCOUNTS_ALL                of the second
 *
 * A packet is added to and compared in each tree whose scope its uplink is in, before all else is judged: while there is
 * one kind of packet for the verifier. Rates are held to by drops there, as a packet has one class only. The loader
 * defines SCOPES: how many there are, or 0, and then nothing of this is there.
 */
#pragma once

#include "compare.h"

/* The number of an account in the tree of a scope. The first scope has the number 0; the usual tree is in front of it. */
#define IN_SCOPE(scope, number) (((scope) + 1) * ACCOUNTS_ALL + (number))

#if SCOPES
/* What was found out last: for the verifier, nothing in a map is known. */
ALWAYS_INLINE struct in_scopes *in_scopes(void)
{
	u32 only = 0;

	return scope_room.lookup(&only);
}

/* 1 if both words differ, else 0, without a jump. */
ALWAYS_INLINE u32 is_other(u64 one, u64 other)
{
	u64 apart = one ^ other;

	return (apart | -apart) >> 63;
}

/* Adds a packet to one account of a scope, and notes what its limits say. Returns what is exempt above it. */
ALWAYS_INLINE u32 judge_account(struct __sk_buff *skb, struct comparison *it, u32 number, u32 place, enum direction direction,
				u32 exempt, u64 is_free, u64 counted, struct in_scopes *found, u32 *charged)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	u32 is_high = 1 - is_other(place, ACCOUNT_EVERYONE), level, flags;

	it->both = __sync_fetch_and_add(&it->account->used[ON_BOTH], it->bytes & counted);
	it->one = __sync_fetch_and_add(&it->account->used[on], it->bytes & counted);
	*charged = hide_range(skb, number & (u32)counted);
	flags = hide_range(skb, flags_of(it->policy) & ~(HELD_WHERE_BILLED & is_free));
	exempt = hide_range(skb, exempt | (flags & EXEMPTIONS));
	level = hide_range(skb, compare(it, direction, flags, exempt));
	it->news = hide_range(skb, it->news);
	if (it->news)
		announce(it->news, number, 0);
	level = hide_range(skb, level * is_held(exempt, place));
	if (level == THROTTLED)
		found->is_too_fast |= hide_range(skb, !is_in_time(number, direction, it->bytes));
	found->is_blocked |= 1 - is_other(level, BLOCKED);
	found->is_blocked_low |= (1 - is_other(level, BLOCKED)) & ~is_high;
	return exempt;
}

/* The same as judge() in limits.h, in the tree of one scope. */
ALWAYS_INLINE void judge_in_scope(struct __sk_buff *skb, u32 scope, u32 place, enum direction direction, enum vantage vantage,
				  struct at_uplink at, struct in_scopes *found)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	/* All ones, or 0. */
	u64 is_free = (u64)(at.compared >> scope & 1) - 1, counted = -(u64)(at.counted >> scope & 1);
	u32 exempt = 0;

	for (int i = 0; i < HIERARCHY; i++) {
		struct comparison it = { .bytes = found->bytes };
		u32 number = IN_SCOPE(scope, place);

		it.account = accounts.lookup(&number);
		it.policy = policies.lookup(&number);
		if (!it.account || !it.policy)
			break;
		if (vantage != ON_WAN && place == ACCOUNT_EVERYONE) {
			u64 bytes = vantage == IN_TUNNEL ? it.bytes : 0;
			u32 full = would_block(it.policy, it.account, on, bytes, exempt, is_free);

			found->is_blocked |= hide_range(skb, full) & ~(exempt / POLICY_OVER_PLAN);
			break;
		}
		exempt = judge_account(skb, &it, number, place, direction, exempt, is_free, counted, found,
				       &found->charged[scope * HIERARCHY + i]);
		place = hide_range(skb, it.policy->parent);
		if (!place)
			break;
	}
}
#endif

/* Adds `bytes` to the accounts of `number` in each scope of an uplink, and compares with their limits. */
ALWAYS_INLINE void judge_in_scopes(struct __sk_buff *skb, u32 number, enum direction direction, u64 bytes, enum vantage vantage,
				   struct at_uplink at)
{
#if SCOPES
	struct in_scopes *found = in_scopes();

	if (!found)
		return;
	__builtin_memset(found, 0, sizeof(*found));
	found->bytes = bytes;
	for (u32 scope = 0; scope < SCOPES; scope++)
		if ((at.counted | at.compared) >> scope & 1)
			judge_in_scope(skb, scope, number, direction, vantage, at, found);
#endif
}

/* `level`, or BLOCKED if a limit in a scope blocks the packet. */
ALWAYS_INLINE u32 with_scopes(struct __sk_buff *skb, u32 level)
{
#if SCOPES
	const struct in_scopes *found = in_scopes();
	u32 mask = -hide_range(skb, found ? found->is_blocked : 0);

	return (level & ~mask) | (BLOCKED & mask);
#else
	return level;
#endif
}

/* 1 if the packet comes too fast for a limit in a scope. */
ALWAYS_INLINE int is_beyond_rate(void)
{
#if SCOPES
	const struct in_scopes *found = in_scopes();

	return found && found->is_too_fast;
#else
	return 0;
#endif
}

/* 1 if a limit in a scope blocks the packet that is not on everyone. */
ALWAYS_INLINE u32 is_blocked_low(void)
{
#if SCOPES
	const struct in_scopes *found = in_scopes();

	return found && found->is_blocked_low;
#else
	return 0;
#endif
}

/* Takes a dropped upload off all accounts of scopes that it was added to. */
ALWAYS_INLINE void refund_in_scopes(void)
{
#if SCOPES
	const struct in_scopes *found = in_scopes();

	if (!found)
		return;
	for (u32 i = 0; i < SCOPES * HIERARCHY; i++) {
		u32 number = found->charged[i];
		struct account *account = number ? accounts.lookup(&number) : 0;

		if (!account)
			continue;
		__sync_fetch_and_sub(&account->used[ON_BOTH], found->bytes);
		__sync_fetch_and_sub(&account->used[ON_UP], found->bytes);
	}
#endif
}

/* Whether an account or its group would block `bytes`, in the tree that begins at `base`: a block of everyone alone does
 * not count. `is_free` is all ones where no threshold holds, else 0. */
ALWAYS_INLINE int is_blocked_in_tree(u32 base, u32 place, int on, u64 bytes, u64 is_free)
{
#pragma unroll
	for (int i = 0; i < HIERARCHY - 1; i++) {
		u32 number = base + place;
		const struct account *account = accounts.lookup(&number);
		const struct policy *policy = policies.lookup(&number);

		if (!account || !policy || place == ACCOUNT_EVERYONE || (flags_of(policy) & POLICY_EXEMPT))
			break;
		if (!(flags_of(policy) & POLICY_WITH_EVERYONE) && would_block(policy, account, on, bytes, 0, is_free))
			return 1;
		place = policy->parent;
		if (!place)
			break;
	}
	return 0;
}

/* The same, in the usual tree and in those of the scopes of an uplink. */
ALWAYS_INLINE int is_blocked_below_everyone(u32 number, int on, u64 bytes, struct at_uplink at)
{
#if SCOPES
	for (u32 scope = 0; scope < SCOPES; scope++)
		if ((at.compared >> scope & 1) && is_blocked_in_tree(IN_SCOPE(scope, 0), number, on, bytes, 0))
			return 1;
#endif
	return is_blocked_in_tree(0, number, on, bytes, at.is_free);
}

/* Moves downloaded bytes off the accounts of one number in each scope, or on to them; but not those of everyone. */
ALWAYS_INLINE void move_in_scopes(u32 number, u64 bytes, enum direction towards, struct at_uplink at)
{
#if SCOPES
	for (u32 scope = 0; scope < SCOPES; scope++) {
		u32 place = number;

		if (!(at.counted >> scope & 1))
			continue;
		for (int i = 0; i < HIERARCHY - 1; i++) {
			u32 key = IN_SCOPE(scope, place);
			struct account *account = accounts.lookup(&key);
			const struct policy *policy = policies.lookup(&key);

			if (!account || !policy || place == ACCOUNT_EVERYONE)
				break;
			__sync_fetch_and_add(&account->used[ON_BOTH], towards == DOWN ? bytes : -bytes);
			__sync_fetch_and_add(&account->used[ON_DOWN], towards == DOWN ? bytes : -bytes);
			place = policy->parent;
			if (!place)
				break;
		}
	}
#endif
}

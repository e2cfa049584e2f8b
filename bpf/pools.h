/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits by service: what a policy says of one service of one account, and pools, which count it for limits.
 *
 *   tag of the packet -> service_policies[account][service] -> blocked, paced
 *                                  `-> pools: alice x video, everyone x youtube      each: add to `used`, compare
 *
 * All of it is judged before the account is, while there is one kind of packet for the verifier, and what comes of it goes
 * on in the tag. A rename moves in pools what it moves in rows, so a pool counts what its rows do from the moment that it
 * has them. Where it is not known for sure which service an address stands for, bytes are counted, and nothing is held.
 */
#pragma once

#include "attribution.h"
#include "scopes.h"

#define TAG_VERDICT 0x100000 /* from this bit of a tag on: flags of what limits by service say */
#define TAG_BLOCKED (TAG_VERDICT * SERVICE_BLOCKED)
#define TAG_PACED (TAG_VERDICT * SERVICE_PACED)
#define SERVICE_TOO_FAST 4 /* in a tag only: beyond the rate of a pool that throttles */
#define TAG_TOO_FAST (TAG_VERDICT * SERVICE_TOO_FAST)

#if NAMES
/* The policy of the service of a tag; 0 for an account that is no client's. */
ALWAYS_INLINE const struct service_policy *service_policy_of(u32 account, u32 tag)
{
	u32 row = account * SERVICES + (tag & TAG_NUMBER);

	return service_policies.lookup(&row);
}

/* Adds a packet to one pool, and returns what its limits say: SERVICE_BLOCKED, SERVICE_TOO_FAST or 0. */
ALWAYS_INLINE u32 judge_pool(struct __sk_buff *skb, u32 number, enum direction direction, u64 bytes, struct at_uplink at)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	struct comparison it = { .bytes = bytes };
	u32 level, news;

	it.account = accounts.lookup(&number);
	it.policy = policies.lookup(&number);
	if (!it.account || !it.policy)
		return 0;
	it.both = POOL_ZERO + __sync_fetch_and_add(&it.account->used[ON_BOTH], bytes & ~at.uncounted);
	it.one = POOL_ZERO + __sync_fetch_and_add(&it.account->used[on], bytes & ~at.uncounted);
	level = hide_range(skb, compare(&it, direction, flags_of(it.policy) & ~(HELD_WHERE_BILLED & at.is_free), 0));
	news = hide_range(skb, it.news);
	if (news)
		announce(news, number, 0);
	if (level == THROTTLED)
		return is_in_time(number, direction, bytes) ? 0 : SERVICE_TOO_FAST;
	return level / BLOCKED * SERVICE_BLOCKED;
}

/* Adds a packet to all pools of its service. Returns its tag, with what limits by service say. */
ALWAYS_INLINE u32 judge_service(struct __sk_buff *skb, u32 account, u32 tag, enum direction direction, u64 bytes,
				struct at_uplink at)
{
	const struct service_policy *policy = service_policy_of(account, tag);
	const struct policy *own = policies.lookup(&account);
	u32 found, is_held;

	if (!policy || !own)
		return tag;
	is_held = 1 & ~(flags_of(own) / POLICY_EXEMPT | tag / TAG_SHARED);
	found = policy->flags & ~((policy->flags / SERVICE_METERED_ONLY & at.is_free) * (SERVICE_BLOCKED | SERVICE_PACED));
	found = hide_range(skb, found & (SERVICE_BLOCKED | SERVICE_PACED));
	is_held = hide_range(skb, is_held);
	for (u32 i = 0; i < SERVICE_POOLS; i++) {
		u32 number = hide_range(skb, policy->pools[i]);

		if (!number)
			break;
		found = hide_range(skb, found | judge_pool(skb, number, direction, bytes, at));
	}
	return hide_tag(skb, tag | TAG_LIMITED | found * is_held * TAG_VERDICT);
}

ALWAYS_INLINE void add_to_pool(struct account *pool, enum direction direction, u64 bytes)
{
	__sync_fetch_and_add(&pool->used[ON_BOTH], bytes);
	__sync_fetch_and_add(&pool->used[direction == UP ? ON_UP : ON_DOWN], bytes);
}

/* Adds to all pools of a service what was not judged, or takes it off. */
ALWAYS_INLINE void add_to_pools(struct __sk_buff *skb, u32 account, u32 tag, enum direction direction, u64 bytes)
{
	const struct service_policy *policy = service_policy_of(account, tag);

	if (!policy)
		return;
	for (u32 i = 0; i < SERVICE_POOLS; i++) {
		u32 number = hide_range(skb, policy->pools[i]);
		struct account *pool = number ? accounts.lookup(&number) : 0;

		if (!pool)
			break;
		add_to_pool(pool, direction, bytes);
	}
}
#endif

/* Not 0 if some service of an account has a policy. Of other accounts, this look is all that is done here. */
ALWAYS_INLINE u32 has_service_policies(u32 account)
{
#if NAMES
	const struct service_policy *first = service_policy_of(account, SERVICE_UNNAMED);

	return first ? first->flags & SERVICE_ANY : 0;
#else
	return 0;
#endif
}

/* Judges what has no flow, or whose flow has the tag already. Returns the tag, with what limits by service say. */
ALWAYS_INLINE u32 judge_tagged(struct __sk_buff *skb, u32 account, u32 tag, enum direction direction, u64 bytes,
			       struct at_uplink at)
{
#if NAMES
	if (has_service_policies(account))
		tag = judge_service(skb, account, tag, direction, bytes, at);
#endif
	return hide_tag(skb, tag);
}

/* Judges an upload. A known flow gets its bytes here already, since that says which service they are of, whoever renames it
 * meanwhile; a new one is not made for a packet that is dropped. */
ALWAYS_INLINE u32 judge_upload(struct __sk_buff *skb, struct packet *packet, int has_flow, u32 account, struct size size,
			       struct at_uplink at)
{
	u32 tag = SERVICE_UNNAMED;

#if NAMES
	if (!has_service_policies(account))
		return hide_tag(skb, tag);
	if (has_flow) {
		struct flow *flow = flows.lookup(&packet->key);

		if (flow && flow->account == account) {
			flow->upkeep = 0;
			tag = charge_flow(flow, UP, size) | TAG_LEARNED;
			tag |= wants_head(tag, flow->counted.up_packets);
		} else {
			tag = bound_service(&packet->key, account);
		}
	}
	tag = judge_service(skb, account, hide_tag(skb, tag), UP, size.bytes, at);
#endif
	return hide_tag(skb, tag);
}

/* Takes a dropped upload off its flow, and off the pools of the service that the flow is of by now. */
ALWAYS_INLINE void refund_service(struct __sk_buff *skb, struct packet *packet, u32 account, u32 tag, struct size size,
				  struct at_uplink at)
{
#if NAMES
	struct flow *flow;

	if (!(tag & TAG_LIMITED))
		return;
	flow = tag & TAG_LEARNED ? flows.lookup(&packet->key) : 0;
	/* Another flow may have got the entry, which has fewer bytes. */
	if (flow && flow->account == account && (flow->counted.up_bytes & WORD_COUNT) >= size.bytes) {
		u32 judged = tag;

		__sync_fetch_and_sub(&flow->counted.up_packets, size.packets);
		tag = __sync_fetch_and_sub(&flow->counted.up_bytes, size.bytes) >> WORD_SHIFT;
		/* A rename meanwhile has moved the bytes between rows that never had them. */
		if ((tag ^ judged) & TAG_NUMBER) {
			add_usage(account, tag, UP, -size.bytes);
			add_usage(account, judged, UP, size.bytes);
		}
	}
	add_to_pools(skb, account, hide_tag(skb, tag), UP, -(size.bytes & ~at.uncounted));
#endif
}

/* Counts what was dropped since its service is blocked. */
ALWAYS_INLINE void count_refused(u32 account, u32 tag, struct size size)
{
#if NAMES
	u32 row = account * SERVICES + (tag & TAG_NUMBER);

	if (tag & TAG_BLOCKED)
		add_event(refused.lookup(&row), size);
#endif
}

/* `level`, or BLOCKED if a limit by service blocks the packet. Without a jump, as with_scopes(). */
ALWAYS_INLINE u32 with_service(u32 level, u32 tag)
{
	u32 mask = -(tag / TAG_BLOCKED & 1);

	return (level & ~mask) | (BLOCKED & mask);
}

#if NAMES
/* Adds bytes to those pools of one service that another one has not. What is in both is left: a limit on both together
 * shall not see less for a moment. */
ALWAYS_INLINE void add_apart(struct __sk_buff *skb, const struct service_policy *of, const struct service_policy *other,
			     enum direction direction, u64 bytes)
{
	for (u32 i = 0; i < SERVICE_POOLS; i++) {
		u32 number = hide_range(skb, of->pools[i]), apart = 1;
		struct account *pool = number ? accounts.lookup(&number) : 0;

		if (!pool)
			break;
#pragma unroll
		for (int j = 0; j < SERVICE_POOLS; j++)
			apart *= number ^ other->pools[j] ? 1 : 0;
		add_to_pool(pool, direction, bytes * hide_range(skb, apart));
	}
}
#endif

/* Moves bytes of a flow from the pools of one service to those of another: first on, then off. */
ALWAYS_INLINE void move_between_pools(struct __sk_buff *skb, u32 account, u32 from_tag, u32 to_tag, enum direction direction,
				      u64 bytes)
{
#if NAMES
	const struct service_policy *from = service_policy_of(account, from_tag), *to = service_policy_of(account, to_tag);

	if (!from || !to || (from_tag & TAG_UNCOUNTED))
		return;
	add_apart(skb, to, from, direction, bytes);
	add_apart(skb, from, to, direction, -bytes);
#endif
}

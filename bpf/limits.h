/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: what a packet adds to the accounts of its hierarchy, and what comes of it.
 *
 *   account of the client -> its group -> everyone      each: add to `used`, compare with its limits
 *                                                       -> verdict: open, throttled or blocked, and the tc class
 *
 * A cut is exact on any number of CPUs: each adds to `used` first, and compares with what it found there before.
 */
#pragma once

#include "pools.h"

struct verdict {
	u32 level;                          /* enum level, the worst of the hierarchy */
	u32 class;                          /* tc class id, 0 to leave the packet's priority as it is */
	u32 urgent;                         /* the class instead, if the packet is urgent; 0 for none */
	struct account *owner;              /* whose class it is */
	struct account *charged[HIERARCHY]; /* accounts it was added to, the client's first; 0 behind the last */
	u32 throttled[HIERARCHY];           /* numbers of those that are throttled, 0 for the others */
	u32 outermost;                      /* the last one of `throttled` */
	u32 is_too_fast;                    /* not 0: beyond the rate of a pool */
	u32 pace;                           /* the row of its service that holds it to a rate; 0 for none */
	u32 pace_class;                     /* the tc class that does, if `class` is this one */
	u64 added;                          /* bytes that each of `charged` has of it: none at an uplink that is free */
};

/* Takes the class of the service, if this is held to a rate. The block or the rate of an account counts more. Without
 * jumps, as with_scopes(): the verifier would walk all that follows once for each. */
ALWAYS_INLINE void pace(struct __sk_buff *skb, struct verdict *verdict, u32 account, u32 tag)
{
#if NAMES
	const struct service_policy *policy = tag & TAG_PACED ? service_policy_of(account, tag) : 0;
	u32 mask, has_class;

	if (!policy)
		return;
	mask = -(1 & ~(verdict->level | verdict->level >> 1)); /* OPEN is 0, and the others 1 and 2 */
	verdict->pace = hide_range(skb, mask & (account * SERVICES + (tag & TAG_NUMBER)));
	verdict->pace_class = hide_range(skb, mask & policy->class);
	has_class = -((verdict->pace_class | -verdict->pace_class) >> 31);
	verdict->class = (verdict->class & ~has_class) | verdict->pace_class;
	verdict->urgent &= ~has_class;
#endif
}

/* Whether a packet of a service that no class holds keeps its rate. */
ALWAYS_INLINE int keeps_pace(const struct verdict *verdict, enum direction direction, u64 bytes)
{
#if NAMES
	u32 row = verdict->pace;
	const struct service_policy *policy = row ? service_policies.lookup(&row) : 0;
	struct pace *state;

	if (!policy || !policy->police_rate || (verdict->class && verdict->class == verdict->pace_class))
		return 1;
	row = row / SERVICES * SERVICE_BUCKETS + (policy->bucket & (SERVICE_BUCKETS - 1));
	state = paces.lookup(&row);
	return !state ||
	       keeps_rate(direction == UP ? &state->arrival_due[UP] : &state->arrival_due[DOWN], policy->police_rate, bytes);
#else
	return 1;
#endif
}

/* Adds `bytes` to `used` of account `number` and of those above it, and returns the verdict of their limits, and of those by
 * service that `tag` has. At an uplink that is free nothing is added, and no threshold compared. */
ALWAYS_INLINE struct verdict judge(struct __sk_buff *skb, u32 number, enum direction direction, u64 bytes,
				   enum vantage vantage, struct at_uplink at, u32 tag)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	const u32 client = number;
	const struct policy *own = 0;
	struct verdict verdict = { .added = bytes & ~at.uncounted };
	u32 exempt = 0;

	judge_in_scopes(skb, number, direction, bytes, vantage, at);

#pragma unroll
	for (int i = 0; i < HIERARCHY; i++) {
		struct comparison it = { .bytes = bytes };
		u32 level, flags;
		u64 apart;

		/* No policy has a parent that is not there; the verifier does not know that. */
		it.account = accounts.lookup(&number);
		it.policy = policies.lookup(&number);
		if (!it.account || !it.policy)
			break;
		/* Everyone is charged, and held to limits, at the WAN, where the tunnel's own packet passes. Inside, a
		 * packet is dropped only if that packet would be blocked: it would be billed in vain.
		 * At the LAN, everyone has been charged already. */
		if (vantage != ON_WAN && number == ACCOUNT_EVERYONE) {
			if (!(exempt & POLICY_OVER_PLAN) &&
			    would_block(it.policy, it.account, on, vantage == IN_TUNNEL ? bytes : 0, exempt, at.is_free))
				verdict.level = BLOCKED;
			break;
		}
		/* First add, then compare: of two CPUs at the limit, the second finds what the first has added. */
		it.both = __sync_fetch_and_add(&it.account->used[ON_BOTH], verdict.added);
		it.one = __sync_fetch_and_add(&it.account->used[on], verdict.added);
		verdict.charged[i] = it.account;
		/* An exemption holds for all accounts above as well, for everyone's only if it is over the plan. They
		 * are charged and announce their limits; only the packet is not held to them. */
		flags = hide_range(skb, flags_of(it.policy) & ~(HELD_WHERE_BILLED & at.is_free));
		exempt = hide_range(skb, exempt | (flags & EXEMPTIONS));
		level = compare(&it, direction, flags, exempt);
		if (it.news)
			announce(it.news, number, 0);
		/* While nobody is throttled, the class is that of the client. */
		if (!i) {
			own = it.policy;
			verdict.class = own->classes[CLASS_OPEN];
			verdict.urgent = own->classes[CLASS_URGENT];
			verdict.owner = it.account;
		}
		level = hide_range(skb, level * is_held(exempt, number));
		/* Small packets of a throttled account would pass by its rate. Without a jump, as in keep_class_of_link(). */
		apart = level ^ THROTTLED;
		verdict.urgent &= -(u32)((apart | -apart) >> 63);
		/* The outermost throttled account has the last word, as its rate holds for all accounts below it. The
		 * packet gets the class that this client has within that account. A client without one shares the
		 * account's own class. */
		if (level == THROTTLED) {
			verdict.throttled[i] = verdict.outermost = number;
			verdict.class = own->classes[CLASS_SELF + i];
			verdict.owner = verdict.charged[0];
			if (!verdict.class) {
				verdict.class = it.policy->classes[CLASS_SELF];
				verdict.owner = it.account;
			}
		}
		if (level > verdict.level)
			verdict.level = level;
		number = it.policy->parent;
		if (!number)
			break;
	}
	verdict.level = with_service(with_scopes(skb, verdict.level), tag);
	verdict.is_too_fast = hide_range(skb, tag & TAG_TOO_FAST);
	pace(skb, &verdict, client, tag);
	/* What stands in it is forgotten, as each path above would be walked again by all that follows. */
	verdict.level = hide_range(skb, verdict.level);
	verdict.class = hide_range(skb, verdict.class);
	verdict.urgent = hide_range(skb, verdict.urgent);
	verdict.outermost = hide_range(skb, verdict.outermost);
#pragma unroll
	for (int i = 0; i < HIERARCHY; i++)
		verdict.throttled[i] = hide_range(skb, verdict.throttled[i]);
	return verdict;
}

/* Takes a dropped upload off `used` of all accounts that it was added to: it never left. */
ALWAYS_INLINE void refund(const struct verdict *verdict)
{
	refund_in_scopes();
#pragma unroll
	for (int i = 0; i < HIERARCHY; i++) {
		struct account *account = verdict->charged[i];

		if (!account)
			break;
		__sync_fetch_and_sub(&account->used[ON_BOTH], verdict->added);
		__sync_fetch_and_sub(&account->used[ON_UP], verdict->added);
	}
}

/* Charges a judged packet to the account `number` of its client. Billed bytes meet an account nowhere else (R5). */
ALWAYS_INLINE void charge(u32 number, const struct verdict *verdict, enum direction direction, struct size size,
			  struct at_uplink at)
{
	struct account *account = verdict->charged[0];

	count_at_uplink(at, number, direction, size);
	if (!account)
		return;
	/* The bytes of a download are in used[ON_DOWN] already. */
	if (direction == UP) {
		__sync_fetch_and_add(&account->up_bytes, size.bytes);
		__sync_fetch_and_add(&account->up_packets, size.packets);
	} else {
		__sync_fetch_and_add(&account->down_packets, size.packets);
	}
}

/* Notes a download that was billed and is dropped. */
ALWAYS_INLINE void waste(const struct verdict *verdict, u64 bytes)
{
	if (verdict->charged[0])
		__sync_fetch_and_add(&verdict->charged[0]->wasted_bytes, bytes);
}

/* Takes the class out of the verdict where the interface has none of our classes. Returns whether it has any. */
ALWAYS_INLINE int keep_class_of_link(struct __sk_buff *skb, struct verdict *verdict, enum direction direction)
{
	u32 number = direction;
	u32 *link = shaped_links.lookup(&number);
	u32 is_here = link && *link == skb->ifindex;

	/* Without a jump: the verifier would walk all that follows once more for packets without a class. */
	is_here = hide_range(skb, is_here);
	verdict->class &= -is_here;
	verdict->urgent &= -is_here;
	return is_here;
}

/* Gives the packet to the class of the verdict. Without one it keeps its priority. */
ALWAYS_INLINE void classify(struct __sk_buff *skb, const struct verdict *verdict)
{
	if (verdict->class)
		skb->priority = verdict->class;
}

/* Counts an upload as given to its class, for user space to see what the queue of the class drops. */
ALWAYS_INLINE void count_queued(const struct verdict *verdict, u64 bytes)
{
	if (verdict->class && verdict->owner)
		__sync_fetch_and_add(&verdict->owner->queued_bytes, bytes);
}

/* Drops a packet of a throttled account that is beyond its police rate, if no class holds the account to its rate. */
ALWAYS_INLINE enum fate police(const struct verdict *verdict, enum direction direction, struct size size)
{
	if (is_beyond_rate() || verdict->is_too_fast || !keeps_pace(verdict, direction, size.bytes))
		goto dropped;
	if (verdict->level != THROTTLED)
		return PASSED;
	/* The innermost account comes first, so a packet that is dropped there takes nothing from its group. */
#pragma unroll
	for (int i = 0; i < HIERARCHY; i++) {
		u32 account = verdict->throttled[i];

		/* A packet is in one class only, that of the outermost account; the others are policed beside it.
		 * Without a class all are: inside a tunnel, and on uplinks where we have no classes. */
		if (!account || (verdict->class && account == verdict->outermost))
			continue;
		if (!is_in_time(account, direction, size.bytes))
			goto dropped;
	}
	return PASSED;
dropped:
	/* A dropped upload was never sent; a download was billed, whatever comes of it. */
	if (direction == UP)
		refund(verdict);
	count(REASON_POLICED, size);
	return DROPPED;
}

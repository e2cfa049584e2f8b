/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: budgets added to and compared with, client by client, group by group, and for everyone.
 *
 * Exact with any number of CPUs: each adds to `used` first and judges by what it found there before. Included by meter.c
 * behind the maps, because bcc rewrites their use in the text of one file.
 */
#pragma once

enum level { OPEN = 0, THROTTLED = 1, BLOCKED = 2 };

struct verdict {
	u32 level;                       /* enum level, the worst of the chain */
	u32 class;                       /* tc class id, 0 to leave the packet's priority as it is */
	struct account *owner;           /* whose class it is */
	struct account *charged[CHAIN];  /* those that were added to, 0 after the last; the first is who sent or got it */
	u32 throttled[CHAIN];            /* accounts of the chain that are, 0 for who is not */
	u32 outermost;                   /* of those */
};

/* Where a packet is judged: on the WAN, or before it goes into a tunnel and after it came out. */
enum place { ON_WAN, IN_TUNNEL };

ALWAYS_INLINE void announce(u32 kind, u32 account, const struct client_key *client)
{
	struct announcement announcement = { .account = account, .kind = kind };

	if (client)
		announcement.client = *client;
	if (announcements.ringbuf_output(&announcement, sizeof(announcement), 0) < 0)
		count(REASON_ANNOUNCEMENT_LOST, 1, 0);
}

/* One packet and one account. */
struct comparison {
	const struct policy *policy;
	struct account *account;
	u64 both, one; /* `used` before this packet; `one` of its own direction */
	u64 bytes;
	u32 news;      /* enum announcement_kind of what is to be told, or 0 */
};

/* Whether the packet passes `limit`, which is then to be announced, once: for downloads by the packet that passes it; a
 * refused upload is taken off again, so that the next one passes the same limit anew, and the account remembers which it
 * was. */
ALWAYS_INLINE int passes(struct comparison *it, u64 before, u64 limit, enum direction direction)
{
	if (before + it->bytes <= limit)
		return 0;
	if (direction == UP ? it->account->announced_at != limit : before <= limit) {
		it->account->announced_at = limit;
		it->news = ANNOUNCE_LIMIT;
	}
	return 1;
}

ALWAYS_INLINE int crosses(const struct comparison *it, u64 before, u64 mark)
{
	return before <= mark && before + it->bytes > mark;
}

ALWAYS_INLINE u32 level_of(struct comparison *it, enum direction direction)
{
	const struct policy *policy = it->policy;
	const int on = direction == UP ? ON_UP : ON_DOWN;

	if (policy->flags & POLICY_BLOCKED)
		return BLOCKED;
	if (!(policy->flags & POLICY_LIMITED))
		return OPEN;
	if (passes(it, it->both, policy->block_at[ON_BOTH], direction) ||
	    passes(it, it->one, policy->block_at[on], direction))
		return BLOCKED;
	if (crosses(it, it->both, policy->warn_at[ON_BOTH]) || crosses(it, it->one, policy->warn_at[on]))
		it->news = ANNOUNCE_WARN;
	if (passes(it, it->both, policy->throttle_at[ON_BOTH], direction) ||
	    passes(it, it->one, policy->throttle_at[on], direction))
		return THROTTLED;
	return OPEN;
}

/* Whether an account lets no more of `bytes` pass, without a word about it. */
ALWAYS_INLINE int is_over(const struct policy *policy, const struct account *account, int on, u64 bytes)
{
	return (policy->flags & POLICY_BLOCKED) || account->used[ON_BOTH] + bytes > policy->block_at[ON_BOTH] ||
	       account->used[on] + bytes > policy->block_at[on];
}

/* Adds `bytes` to the budgets of an account and of those above it, and says what their limits make of it.
 *
 * The outermost account that is throttled chooses the class: its rate holds for all within, each in a class of its own
 * there, or in that of who has none; to a rate of its own it is held by its pace. What is exempt is counted, here and
 * above, and nothing is in its way. What is in a tunnel is added to the budget of everyone, and held to the rate of
 * everyone, as the packet on the WAN; here it is only refused if that one would be. */
ALWAYS_INLINE struct verdict judge(struct __sk_buff *skb, u32 number, enum direction direction, u64 bytes,
				   enum place place)
{
	const int on = direction == UP ? ON_UP : ON_DOWN;
	const struct policy *own = 0;
	struct verdict verdict = {};
	u32 exempt = 0;

#pragma unroll
	for (int i = 0; i < CHAIN; i++) {
		struct comparison it = { .bytes = bytes };
		int asked_only = place == IN_TUNNEL && number == ACCOUNT_EVERYONE;
		u32 level;

		it.account = accounts.lookup(&number);
		it.policy = policies.lookup(&number);
		if (!it.account || !it.policy)
			break;
		if (asked_only) {
			if (!exempt && is_over(it.policy, it.account, on, bytes))
				verdict.level = BLOCKED;
			break;
		}
		it.both = __sync_fetch_and_add(&it.account->used[ON_BOTH], bytes);
		it.one = __sync_fetch_and_add(&it.account->used[on], bytes);
		verdict.charged[i] = it.account;
		exempt |= it.policy->flags & POLICY_EXEMPT;
		level = forget(skb, level_of(&it, direction));
		if (it.news)
			announce(it.news, number, 0);
		if (!i) {
			own = it.policy;
			verdict.class = own->classes[0];
			verdict.owner = it.account;
		}
		if (!exempt && level == THROTTLED) {
			verdict.throttled[i] = verdict.outermost = number;
			verdict.class = own->classes[1 + i];
			verdict.owner = verdict.charged[0];
			if (!verdict.class) {
				verdict.class = it.policy->classes[1];
				verdict.owner = it.account;
			}
		}
		if (!exempt && level > verdict.level)
			verdict.level = level;
		number = it.policy->parent;
		if (!number)
			break;
	}
	return verdict;
}

/* A refused upload never left: it is taken off the budgets that it was added to. */
ALWAYS_INLINE void refund(const struct verdict *verdict, u64 bytes)
{
#pragma unroll
	for (int i = 0; i < CHAIN; i++) {
		struct account *account = verdict->charged[i];

		if (!account)
			break;
		__sync_fetch_and_sub(&account->used[ON_BOTH], bytes);
		__sync_fetch_and_sub(&account->used[ON_UP], bytes);
	}
}

#define PACE_BURST_NS 250000000ULL

/* Whether a packet of who is throttled is more than a pace allows, and so dropped. TCP finds its rate by losses as well.
 * Two CPUs at once may let one packet more pass.
 *
 * `queued`: the outermost account that is throttled has a class, and so a queue, and needs no pace. Others have none: in a
 * tunnel it would need a device of its own for each direction, some uplinks have no classes, and a packet is in one only.
 * The innermost comes first, so who is dropped takes nothing from those beside it. */
ALWAYS_INLINE int outruns(const struct verdict *verdict, enum direction direction, struct size size, int queued)
{
	if (verdict->level != THROTTLED)
		return 0;
#pragma unroll
	for (int i = 0; i < CHAIN; i++) {
		u32 account = verdict->throttled[i];
		const struct policy *policy;
		struct tunnelled *paced;
		u64 now, *until;

		if (!account || (queued && account == verdict->outermost))
			continue;
		policy = policies.lookup(&account);
		paced = tunnelled.lookup(&account);
		if (!policy || !policy->police_rate || !paced)
			continue;
		now = bpf_ktime_get_ns();
		until = direction == UP ? &paced->paced_until[UP] : &paced->paced_until[DOWN];
		if (*until < now)
			*until = now;
		if (*until > now + PACE_BURST_NS)
			goto dropped;
		__sync_fetch_and_add(until, size.bytes * 1000000000ULL / policy->police_rate);
	}
	return 0;
dropped:
	if (direction == UP)
		refund(verdict, size.bytes);
	count(REASON_POLICED, size.packets, size.bytes);
	return 1;
}

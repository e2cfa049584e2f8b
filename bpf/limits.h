/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: budgets added to and compared with, client by client, group by group, and for everyone.
 *
 * Exact with any number of CPUs: each adds to `used` first and judges by what it found there before. Included by meter.c
 * behind the maps, because bcc rewrites their use in the text of one file.
 */
#pragma once

enum level { OPEN = 0, THROTTLED = 1, BLOCKED = 2 };

struct verdict {
	u32 level;           /* enum level, the worst of the chain */
	u32 class;           /* tc class id, 0 to leave the packet's priority as it is */
	u32 owner;           /* the account whose class it is */
	u32 charged[CHAIN];  /* the accounts that were added to, 0 after the last */
	u32 length;          /* how many they are */
};

ALWAYS_INLINE void announce(u32 kind, u32 account, const struct client_key *client)
{
	struct announcement announcement = { .account = account, .kind = kind };

	if (client)
		announcement.client = *client;
	if (announcements.ringbuf_output(&announcement, sizeof(announcement), 0) < 0)
		count(REASON_ANNOUNCEMENT_LOST, 1, 0);
}

/* Whether `bytes` more pass `limit`. It is announced once: for downloads by the packet that passes it; a refused upload
 * is taken off again, so that the next one passes the same limit anew, and the account remembers which it was. */
ALWAYS_INLINE int passes(struct account *account, u32 number, u64 before, u64 bytes, u64 limit, enum direction direction)
{
	if (before + bytes <= limit)
		return 0;
	if (direction == UP ? account->refused_at != limit : before <= limit) {
		account->refused_at = limit;
		announce(ANNOUNCE_LIMIT, number, 0);
	}
	return 1;
}

ALWAYS_INLINE int crosses(u64 before, u64 bytes, u64 mark)
{
	return before <= mark && before + bytes > mark;
}

struct used {
	u64 both, one; /* before this packet; `one` of its own direction */
};

ALWAYS_INLINE u32 level_of(const struct policy *policy, struct account *account, u32 number, const struct used *used,
			   u64 bytes, enum direction direction)
{
	if (policy->flags & POLICY_BLOCKED)
		return BLOCKED;
	if (passes(account, number, used->both, bytes, policy->block_at[ON_BOTH], direction) ||
	    passes(account, number, used->one, bytes, policy->block_at[direction == UP ? ON_UP : ON_DOWN], direction))
		return BLOCKED;
	if (crosses(used->both, bytes, policy->warn_at[ON_BOTH]) ||
	    crosses(used->one, bytes, policy->warn_at[direction == UP ? ON_UP : ON_DOWN]))
		announce(ANNOUNCE_WARN, number, 0);
	if (passes(account, number, used->both, bytes, policy->throttle_at[ON_BOTH], direction) ||
	    passes(account, number, used->one, bytes, policy->throttle_at[direction == UP ? ON_UP : ON_DOWN], direction))
		return THROTTLED;
	return OPEN;
}

/* Adds `bytes` to the budgets of an account and of those above it, and says what their limits make of it.
 *
 * The outermost account that is throttled chooses the class: its rate holds for all within. What is exempt is counted,
 * here and above, and nothing is in its way. */
ALWAYS_INLINE struct verdict judge(u32 number, enum direction direction, u64 bytes)
{
	struct verdict verdict = {};
	u32 exempt = 0;

#pragma unroll
	for (int i = 0; i < CHAIN; i++) {
		struct account *account = accounts.lookup(&number);
		struct policy *policy = policies.lookup(&number);
		struct used used = {};
		u32 level;

		if (!account || !policy)
			break;
		used.both = __sync_fetch_and_add(&account->used[ON_BOTH], bytes);
		used.one = __sync_fetch_and_add(&account->used[direction == UP ? ON_UP : ON_DOWN], bytes);
		verdict.charged[i] = number;
		verdict.length = i + 1;
		exempt |= policy->flags & POLICY_EXEMPT;
		level = level_of(policy, account, number, &used, bytes, direction);
		if (!i || (!exempt && level == THROTTLED)) {
			verdict.class = level == THROTTLED && !exempt ? policy->throttled_class : policy->open_class;
			verdict.owner = number;
		}
		if (!exempt && level > verdict.level)
			verdict.level = level;
		number = policy->parent;
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
		u32 number = verdict->charged[i];
		struct account *account = accounts.lookup(&number);

		if (i >= verdict->length || !account)
			break;
		__sync_fetch_and_sub(&account->used[ON_BOTH], bytes);
		__sync_fetch_and_sub(&account->used[ON_UP], bytes);
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet and one account: what its policy says now, whether the packet goes past a threshold, or comes too fast. */
#pragma once

#include "uplink.h"

enum level { OPEN = 0, THROTTLED = 1, BLOCKED = 2 };

enum fate { PASSED, DROPPED };

/* Where a packet is judged: on the WAN, inside a tunnel (before it goes in, and after it came out), or where it leaves
 * for the LAN after the WAN charged it to another account. */
enum vantage { ON_WAN, IN_TUNNEL, ON_LAN };

/* Hides all that is known of a packet from the verifier, which would walk what follows once for each kind of headers: what
 * comes out of a map is unknown. Returns 0 always, which the verifier does not know. */
ALWAYS_INLINE int hide_headers(struct packet *packet)
{
	u32 only = 0;
	struct packet *room = packet_room.lookup(&only);

	if (!room)
		return -1;
	*room = *packet;
	asm volatile("" : : : "memory");
	*packet = *room;
	return 0;
}

/* One packet and one account. */
struct comparison {
	const struct policy *policy;
	struct account *account;
	u64 both, one; /* `used` before this packet: both directions together, and its own */
	u64 bytes;
	u32 news;      /* enum announcement_kind of what is to be announced, or 0 */
};

ALWAYS_INLINE int exceeds(const struct comparison *it, u64 before, u64 limit)
{
	return before + it->bytes > limit;
}

/* Whether the packet is the one that goes past a threshold: those before it were within. */
ALWAYS_INLINE int crosses(const struct comparison *it, u64 before, u64 threshold)
{
	return before <= threshold && exceeds(it, before, threshold);
}

/* Returns whether the packet exceeds `limit`, and has the first packet announced that does. */
ALWAYS_INLINE int hold_to_limit(struct comparison *it, u64 before, u64 limit, enum direction direction)
{
	if (!exceeds(it, before, limit))
		return 0;
	/* A download stays counted, so only one crosses the limit. An upload that is dropped is taken off again, and
	 * the next one crosses the same limit anew; so the account remembers which limit was announced. */
	if (direction == UP ? it->account->announced_at != limit : before <= limit) {
		it->account->announced_at = limit;
		it->news = ANNOUNCE_LIMIT;
	}
	return 1;
}

/* The flags of a policy that hold now. Most have no switch, and need no look at the clock. The differences of times have
 * no jump, as the verifier would walk all that follows once more for each. */
ALWAYS_INLINE u32 flags_of(const struct policy *policy)
{
	u64 flags = policy->flags, now;

	if (!(flags & POLICY_SWITCHES))
		return flags;
	now = bpf_ktime_get_boot_ns();
#pragma unroll
	for (int i = 0; i < SWITCHES; i++) {
		u64 is_to_come = (now - policy->switch_at[i]) >> 63;

		flags = flags * is_to_come + policy->switch_flags[i] * (1 - is_to_come);
	}
	return flags;
}

#define EXEMPTIONS (POLICY_EXEMPT | POLICY_OVER_PLAN)
/* What holds where an uplink has a bill only. */
#define HELD_WHERE_BILLED (POLICY_LIMITED | POLICY_THROTTLED)

/* 1 if the limits of account `number` hold a packet, else 0; `exempt` are the EXEMPTIONS of the account and of those
 * below. It has no jump, as the verifier would walk all that follows once more for each. */
ALWAYS_INLINE u32 is_held(u32 exempt, u32 number)
{
	u64 other = (u64)number ^ ACCOUNT_EVERYONE;
	u32 is_other = (other | -other) >> 63;

	return 1 & ~(exempt / POLICY_OVER_PLAN | (exempt / POLICY_EXEMPT & is_other));
}

/* Whether an account is blocked by hand or by hours. An exemption below counts more. */
ALWAYS_INLINE u32 is_blocked_by_override(u32 flags, u32 exempt)
{
	return flags & POLICY_BLOCKED & ~(exempt / POLICY_EXEMPT);
}

/* Compares a packet with all thresholds of one account. Returns its level, and sets `it->news`. `exempt` as above. */
ALWAYS_INLINE u32 compare(struct comparison *it, enum direction direction, u32 flags, u32 exempt)
{
	const struct policy *policy = it->policy;
	const int on = direction == UP ? ON_UP : ON_DOWN;

	if (is_blocked_by_override(flags, exempt))
		return BLOCKED;
	/* Most accounts have no threshold: one look instead of six. */
	if (!(flags & POLICY_LIMITED))
		return flags / POLICY_THROTTLED & THROTTLED;
	/* A block goes before a warning: of what is blocked, only that is announced. */
	if (hold_to_limit(it, it->both, policy->block_at[ON_BOTH], direction) ||
	    hold_to_limit(it, it->one, policy->block_at[on], direction))
		return BLOCKED;
	if (crosses(it, it->both, policy->warn_at[ON_BOTH]) || crosses(it, it->one, policy->warn_at[on]))
		it->news = ANNOUNCE_WARN;
	if (hold_to_limit(it, it->both, policy->throttle_at[ON_BOTH], direction) ||
	    hold_to_limit(it, it->one, policy->throttle_at[on], direction))
		return THROTTLED;
	return flags / POLICY_THROTTLED & THROTTLED;
}

/* Whether an account would block `bytes`, where its limits hold: not if `is_free` is all ones. Nothing is added, and
 * nothing announced. */
ALWAYS_INLINE int would_block(const struct policy *policy, const struct account *account, int on, u64 bytes, u32 exempt,
			      u64 is_free)
{
	return is_blocked_by_override(flags_of(policy), exempt) ||
	       account->used[ON_BOTH] + bytes > (policy->block_at[ON_BOTH] | is_free) ||
	       account->used[on] + bytes > (policy->block_at[on] | is_free);
}

#define POLICE_BURST_NS 250000000ULL

/* Whether a packet is within a rate in bytes per second, of which `due` is the state; if so, it is paid for.
 *
 * This is GCRA: a packet conforms if it comes no earlier than POLICE_BURST_NS before its theoretical arrival time, and
 * moves that time on by what its bytes take at the rate. TCP finds its rate by drops as well as by a queue. */
ALWAYS_INLINE int keeps_rate(u64 *due, u64 rate, u64 bytes)
{
	u64 now = bpf_ktime_get_ns();

	/* A silent account saves up no more than the burst. Two CPUs at once may let one packet more pass. */
	if (*due < now)
		*due = now;
	if (*due > now + POLICE_BURST_NS)
		return 0;
	__sync_fetch_and_add(due, bytes * 1000000000ULL / rate);
	return 1;
}

/* The same for a packet of a throttled account, by its police rate. */
ALWAYS_INLINE int is_in_time(u32 number, enum direction direction, u64 bytes)
{
	const struct policy *policy = policies.lookup(&number);
	struct tunnelled *state = tunnelled.lookup(&number);

	if (!policy || !policy->police_rate || !state)
		return 1;
	return keeps_rate(direction == UP ? &state->arrival_due[UP] : &state->arrival_due[DOWN], policy->police_rate, bytes);
}

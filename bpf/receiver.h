/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second look at downloads, where they leave for the LAN: is who gets them the one who was charged?
 *
 *   carrier -> [wan_ingress: charged to A] -> NAT undone, fragments together -> [lan_egress: B gets it] -> B
 *
 * The WAN goes by tables that a device and its far end can influence, or that know nothing of the packet. Here the
 * address of the receiver says whose it is. Where B is not A, the bytes are moved from A to B, and the limits of B hold.
 */
#pragma once

#include "attribution.h"
#include "limits.h"

/* Who gets a download that was charged to an account. */
ALWAYS_INLINE u32 receiver_of(struct client_key *client, u32 charged)
{
	const struct client_key *owner = owners.lookup(&charged);
	u32 *known;

	/* Nearly always; and a look into an array costs less than one into a hash table. */
	if (owner && is_same_client(owner, client))
		return charged;
	known = clients.lookup(client);
	/* Of an address that never sent a frame, not even an answer to ARP, nobody honest gets anything. It is held to
	 * the limits of one device that is not listed, whoever was charged: else a device could ask as its neighbour, and
	 * listen at an address that is nobody's. No account is made for it, since made-up addresses would use them up. */
	return known ? *known : ACCOUNT_OTHERS;
}

/* Notes at the WAN that a fragment was charged to an account which may get it. */
ALWAYS_INLINE void credit_fragment(u32 number, u64 bytes)
{
	struct moved *moves = moved.lookup(&number);

	if (moves)
		__sync_fetch_and_add(&moves->fragment_credit, bytes);
}

/* Of `bytes` that the LAN sees behind a first fragment: how many the WAN charged to the same account. The others came
 * before their first fragment, or in place of another, and were nobody's. */
ALWAYS_INLINE u64 use_fragment_credit(u32 number, u64 bytes)
{
	struct moved *moves = moved.lookup(&number);
	__s64 credit = moves ? moves->fragment_credit : 0;

	if (credit <= 0)
		return 0;
	if ((u64)credit < bytes)
		bytes = credit;
	__sync_fetch_and_sub(&moves->fragment_credit, bytes);
	return bytes;
}

/* Takes downloaded bytes off one account and those above it, but everyone. Returns whether the account had them. */
ALWAYS_INLINE int take_off(u32 number, u64 bytes)
{
#pragma unroll
	for (int i = 0; i < HIERARCHY - 1; i++) {
		struct account *account = accounts.lookup(&number);
		const struct policy *policy = policies.lookup(&number);

		if (!account || !policy || number == ACCOUNT_EVERYONE)
			break;
		/* More than it has may be asked of `unattributed`, since the LAN may have more fragments than the WAN,
		 * and of a group, which the client may have joined just now. */
		if (__sync_fetch_and_add(&account->used[ON_DOWN], -bytes) >= bytes) {
			__sync_fetch_and_add(&account->used[ON_BOTH], -bytes);
		} else {
			__sync_fetch_and_add(&account->used[ON_DOWN], bytes);
			if (!i)
				return 0;
		}
		number = policy->parent;
		if (!number)
			break;
	}
	return 1;
}

/* Adds downloaded bytes to one account and those above it, but everyone. */
ALWAYS_INLINE void add_on(u32 number, u64 bytes)
{
#pragma unroll
	for (int i = 0; i < HIERARCHY - 1; i++) {
		struct account *account = accounts.lookup(&number);
		const struct policy *policy = policies.lookup(&number);

		if (!account || !policy || number == ACCOUNT_EVERYONE)
			break;
		__sync_fetch_and_add(&account->used[ON_BOTH], bytes);
		__sync_fetch_and_add(&account->used[ON_DOWN], bytes);
		number = policy->parent;
		if (!number)
			break;
	}
}

/* Moves bytes of a download from one account to another, but for `used` of the latter. Returns whether they were
 * moved. */
ALWAYS_INLINE int move_between(u32 from, u32 to, struct size size, int strayed, struct at_uplink at)
{
	struct moved *given = moved.lookup(&from), *got = moved.lookup(&to);

	if (!given || !got || !size.bytes)
		return 0;
	/* User space reads out_bytes, then accounts, then in_bytes. In the order here it never finds more than the WAN
	 * has charged, and a move that it sees half of is late, not lost. */
	if (!take_off(from, size.bytes & ~at.uncounted))
		return 0;
	move_in_scopes(from, size.bytes, UP, at);
	__sync_fetch_and_add(&given->out_bytes, size.bytes);
	__sync_fetch_and_add(&given->out_packets, size.packets);
	if (strayed) {
		u32 *last = strayed_to.lookup(&from);

		__sync_fetch_and_add(&given->strayed_bytes, size.bytes);
		if (last)
			*last = to;
	}
	__sync_fetch_and_add(&got->in_bytes, size.bytes);
	__sync_fetch_and_add(&got->in_packets, size.packets);
	return 1;
}

/* Whether the WAN tells one flow of this protocol from another, so that no answer goes astray by itself. */
ALWAYS_INLINE int has_own_flow(const struct packet *packet)
{
	return packet->fragment == FRAGMENT_NONE && packet->key.remote_port && packet->key.local_port;
}

/* Moves fragments that came before the first one of their datagram to the account of that, as the WAN sees it. */
ALWAYS_INLINE void move_earlier(struct __sk_buff *skb, const struct receiver *to, struct at_uplink at)
{
	struct moved *gives = moved.lookup((u32 *)&to->earlier_account);

	if (to->account == ACCOUNT_UNATTRIBUTED || to->account >= ACCOUNTS || !gives)
		return;
	if (!move_between(to->earlier_account, to->account, hide_size(skb, to->earlier), 0, at))
		return;
	add_on(to->account, to->earlier.bytes & ~at.uncounted);
	move_in_scopes(to->account, to->earlier.bytes, DOWN, at);
	if (to->earlier_account != ACCOUNT_UNATTRIBUTED)
		__sync_fetch_and_add(&gives->fragment_credit, -to->earlier.bytes);
	credit_fragment(to->account, to->earlier.bytes);
}

/* Of a datagram that was charged to a client: what the WAN did not charge to that client, since it came as fragments of
 * nobody. */
ALWAYS_INLINE struct size orphans(struct __sk_buff *skb, u32 charged, struct size size)
{
	u64 known = hide_range(skb, use_fragment_credit(charged, size.bytes));

	return (struct size){ .bytes = size.bytes - known, .packets = known ? 0 : size.packets };
}

/* Moves bytes to their receiver. If the other account has not as many, the limits of the receiver hold all the same. */
ALWAYS_INLINE void move_or_note(u32 from, u32 to, struct size size, int strayed, struct at_uplink at)
{
	u64 *more = surplus.lookup(&to);

	if (!move_between(from, to, size, strayed, at) && more)
		__sync_fetch_and_add(more, size.bytes);
}

/* Moves a download to its receiver. `rest` is what nobody was charged with. */
ALWAYS_INLINE void move(struct __sk_buff *skb, u32 charged, u32 receiver, struct size size, struct size rest, int strayed,
			struct at_uplink at)
{
	struct size part = { .bytes = size.bytes - rest.bytes, .packets = size.packets - rest.packets };

	if (receiver != charged && part.bytes)
		move_or_note(charged, receiver, hide_size(skb, part), strayed, at);
	if (rest.bytes)
		move_or_note(ACCOUNT_UNATTRIBUTED, receiver, hide_size(skb, rest), 0, at);
}

/* Whether a block by hand is in force for what was charged before, and has waited in our queue since. */
ALWAYS_INLINE int is_blocked_by_hand(u32 number)
{
	u32 down = DOWN, *queue = shaped_links.lookup(&down);

	if (!queue || !*queue)
		return 0;
#pragma unroll
	for (int i = 0; i < HIERARCHY; i++) {
		const struct policy *policy = policies.lookup(&number);

		if (!policy || (flags_of(policy) & POLICY_EXEMPT))
			return 0;
		if (flags_of(policy) & POLICY_BLOCKED)
			return 1;
		number = policy->parent;
		if (!number)
			return 0;
	}
	return 0;
}

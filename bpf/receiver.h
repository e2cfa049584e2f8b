/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A second look at downloads, where they leave for the LAN: is who gets them the one who was charged?
 *
 *   carrier -> [wan_ingress: charged to A] -> NAT undone, fragments together -> [lan_egress: B gets it] -> B
 *
 * The WAN goes by tables that a device and its far end can influence, or that know nothing of the packet. Here the
 * address of the receiver says whose it is. Where B is not A, the bytes are moved from A to B, and the limits of B hold.
 */
#pragma once

#include "limits.h"

/* Who gets a download that was charged to `charged`. */
ALWAYS_INLINE u32 receiver_of(struct client_key *client, u32 charged)
{
	u32 *known = clients.lookup(client);

	if (known)
		return *known;
	/* A device that gets what it never asked for, and never sends, is held to the limits of one device that is not
	 * listed. No account is made for it: whoever answers for made-up addresses would use them up. Where the WAN
	 * knew an account, it stays with that: a redundant router or a bond may get by another address than it sends. */
	return charged == ACCOUNT_UNATTRIBUTED ? ACCOUNT_OTHERS : charged;
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
		if (account->used[ON_DOWN] >= bytes && account->used[ON_BOTH] >= bytes) {
			__sync_fetch_and_sub(&account->used[ON_BOTH], bytes);
			__sync_fetch_and_sub(&account->used[ON_DOWN], bytes);
		} else if (!i) {
			return 0;
		}
		number = policy->parent;
		if (!number)
			break;
	}
	return 1;
}

/* Moves bytes of a download from one account to another, but for `used` of the latter, which is left to judge().
 * Returns whether they were moved. */
ALWAYS_INLINE int move_between(u32 from, u32 to, struct size size, int strayed)
{
	struct moved *given = moved.lookup(&from), *got = moved.lookup(&to);

	if (!given || !got || !size.bytes)
		return 0;
	/* User space reads out_bytes, then accounts, then in_bytes. In the order here it never finds more than the WAN
	 * has charged, and a move that it sees half of is late, not lost. */
	if (!take_off(from, size.bytes))
		return 0;
	__sync_fetch_and_add(&given->out_bytes, size.bytes);
	__sync_fetch_and_add(&given->out_packets, size.packets);
	if (strayed)
		__sync_fetch_and_add(&given->strayed_bytes, size.bytes);
	__sync_fetch_and_add(&got->in_bytes, size.bytes);
	__sync_fetch_and_add(&got->in_packets, size.packets);
	return 1;
}

/* Whether the WAN tells one flow of this protocol from another, so that no answer goes astray by itself. */
ALWAYS_INLINE int has_own_flow(const struct packet *packet)
{
	return packet->fragment == FRAGMENT_NONE && packet->key.remote_port && packet->key.local_port;
}

/* Moves a download to its receiver. Returns what was moved. */
ALWAYS_INLINE struct size move(struct __sk_buff *skb, u32 charged, u32 receiver, const struct packet *packet, struct size size,
			       int is_fragment)
{
	int is_client = charged >= ACCOUNT_FIRST_CLIENT && charged != ACCOUNT_OTHERS;
	struct size total = {};
	u64 known = size.bytes;

	if (is_fragment && charged != ACCOUNT_UNATTRIBUTED)
		known = hide_range(skb, use_fragment_credit(charged, size.bytes));
	if (receiver != charged) {
		struct size part = { .bytes = known, .packets = size.packets };

		if (move_between(charged, receiver, part, is_client && !is_fragment && has_own_flow(packet)))
			total = part;
		total = hide_size(skb, total);
	}
	if (known < size.bytes) {
		struct size rest = { .bytes = size.bytes - known, .packets = total.packets ? 0 : size.packets };

		if (move_between(ACCOUNT_UNATTRIBUTED, receiver, rest, 0)) {
			total.bytes += rest.bytes;
			total.packets += rest.packets;
		}
	}
	return hide_size(skb, total);
}

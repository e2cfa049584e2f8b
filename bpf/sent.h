/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What really leaves: a tap behind the queue of an uplink counts what the queue has not dropped.
 *
 *   [wan_egress: charged to A, "A" beside the packet] -> queue of somebody else -> [wan_tap: A has sent it] -> driver
 *                                                          `--> dropped: A was charged, and has not sent it
 *
 * The tap is a socket filter at a packet socket, which dev_queue_xmit_nit() in net/core/dev.c runs behind the queue. It
 * gets a clone of the packet, and lets the socket have nothing of it.
 */
#pragma once

#include "attribution.h"
#include "limits.h"

/* Counts an upload at the interface that has our tc classes: their statistics say what leaves there. */
ALWAYS_INLINE void count_shaped(u32 account, u64 bytes)
{
	struct sent *entry = sent.lookup(&account);

	/* Before up_bytes of the account is added to, which user space reads first: so it never finds a byte that was
	 * charged, and not yet taken for a shaped one. */
	if (entry)
		__sync_fetch_and_add(&entry->shaped_bytes, bytes);
}

/* EtherType of a packet that begins with its IP header; 0 for any other frame. A VLAN tag that the kernel wrote into the
 * frame on its way out stands before that header, and the packet keeps the EtherType of the tag. */
ALWAYS_INLINE u16 leaving_type(struct __sk_buff *skb, struct packet *packet)
{
	u16 type = bpf_ntohs(skb->protocol);
	u8 version;

	if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
		return type;
	if ((type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ) || load(skb, 0, &version, sizeof(version)) < 0)
		return 0;
	version >>= 4;
	if (version == 4 || version == 6)
		return version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	type = ethertype(skb, &packet->network);
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? type : 0;
}

/* Counts a packet that leaves for the driver, in the bytes that wan_egress counts. */
ALWAYS_INLINE void count_sent(struct __sk_buff *skb)
{
	u32 note = skb->tc_index, number = ACCOUNT_EVERYONE;
	struct packet packet = {};
	struct sent *entry;
	struct size size;
	u16 type;

	if ((note & TC_INDEX_LEAVES) == TC_INDEX_LEAVES) {
		if (note & TC_INDEX_UNCOMPARED)
			return;
		if ((note & TC_INDEX_ACCOUNT) != TC_INDEX_ACCOUNT)
			number = note & TC_INDEX_ACCOUNT;
	}
	type = leaving_type(skb, &packet);
	if (!type)
		return;
	/* What cannot be parsed is as long as it is, there and here. */
	parse_network(skb, type, UP, &packet);
	size = measure(skb, (struct link){ .l2 = 0 }, &packet);
	entry = sent.lookup(&number);
	if (!entry)
		return;
	__sync_fetch_and_add(&entry->bytes, size.bytes);
	__sync_fetch_and_add(&entry->frames, 1);
	count_queue_of_uplink(uplink_at(skb, skb->ifindex), 0, size.bytes);
}

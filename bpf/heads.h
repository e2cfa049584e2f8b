/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heads: the few packets that may tell what a flow is for, copied into a ring for user space to read.
 *
 *   upload     of a flow without a final tag, its first HEADS packets with payload     hellos, requests
 *   answer     DNS from outside, which a known flow has asked for                      what an address is called
 *   resolved   DNS from a resolver on this router, for a device                        the same
 *
 * Whatever becomes of a head, the packet is counted and passes as it would have. A flow whose heads are lost stays unnamed.
 */
#pragma once

#include "reserve.h"
#include "services.h"

#if NAMES

/* While user space keeps up, each head goes into the ring. Once a part of it waits there, an account adds no more than its
 * share, so that the others have the rest. */
#define HEADS_WAITING (HEADS_RING_BYTES / 2)
#define HEADS_BURST 64
#define HEADS_A_SECOND 64
#define HEAD_NS (1000000000ULL / HEADS_A_SECOND)

/* GCRA, as in police(). Two CPUs at once may add one head more. */
ALWAYS_INLINE int may_show(u64 *due)
{
	u64 now = bpf_ktime_get_coarse_ns();

	if (*due < now)
		*due = now;
	if (*due - now <= (HEADS_BURST - 1) * HEAD_NS) {
		*due += HEAD_NS;
		return 1;
	}
	return heads.ringbuf_reserve(BPF_RB_AVAIL_DATA) < HEADS_WAITING;
}

/* Whether there is anything behind the header of TCP or UDP. */
ALWAYS_INLINE int has_payload(struct __sk_buff *skb, const struct packet *packet, u32 length)
{
	u32 header = 8;
	u8 offset;

	if (packet->protocol == IP_PROTOCOL_TCP) {
		if (load(skb, packet->transport + 12, &offset, sizeof(offset)) < 0)
			return 0;
		header = (offset >> 4) * 4;
	} else if (packet->protocol != IP_PROTOCOL_UDP) {
		return 0;
	}
	return packet->transport - packet->network + header < length;
}

ALWAYS_INLINE void show(struct __sk_buff *skb, struct link link, const struct packet *packet, u32 account,
			enum head_kind kind)
{
	u32 only = 0, length = hide_range(skb, length_here(skb, link, packet));
	u64 part = length < HEAD_BYTES ? length : HEAD_BYTES, *due = heads_due.lookup(&account);
	struct head *head = head_room.lookup(&only);

	/* What carries a tunnel of the router is nobody's. */
	if (!head || !due || !has_payload(skb, packet, length))
		return;
	if (!may_show(due)) {
		count_frame(REASON_HEAD_LEFT_OUT, skb);
		return;
	}
	__builtin_memset(&head->key, 0, sizeof(head->key));
	if (kind != HEAD_RESOLVED)
		head->key = packet->key;
	head->account = account;
	head->length = length;
	head->kind = kind;
	/* From 1 to HEAD_BYTES, in one register: the compiler would compare another one than it uses, of which the verifier
	 * then knows nothing. */
	asm volatile("%[part] += -1\n"
		     "%[part] &= %[most]\n"
		     "%[part] += 1\n"
		     : [part] "+r"(part)
		     : [most] "i"(HEAD_BYTES - 1));
	/* From the frame on, as load() reads no further than the kernel has the packet in one piece. */
	if (bpf_skb_load_bytes(skb, link.l2 + packet->network, head->bytes, part) < 0 ||
	    heads.ringbuf_output(head, __builtin_offsetof(struct head, bytes) + part, 0) < 0)
		count_frame(REASON_HEAD_LOST, skb);
}

#endif

/* An upload that has passed, and whose flow was learned. */
ALWAYS_INLINE void show_upload(struct __sk_buff *skb, struct link link, const struct packet *packet, u32 account, u32 tag)
{
#if NAMES
	struct flow *flow;

	if (!(tag & TAG_WANTS_HEAD) || !has_payload(skb, packet, length_here(skb, link, packet)))
		return;
	flow = flows.lookup((struct flow_key *)&packet->key);
	if (flow)
		__sync_fetch_and_add(&flow->counted.up_packets, 1ULL << WORD_SHIFT);
	show(skb, link, packet, account, HEAD_OUT);
#endif
}

/* A download that has passed. */
ALWAYS_INLINE void show_answer(struct __sk_buff *skb, struct link link, const struct packet *packet, u32 account, u32 tag)
{
#if NAMES
	if ((tag & TAG_OF_FLOW) && packet->key.remote_port == bpf_htons(PORT_DNS))
		show(skb, link, packet, account, HEAD_ANSWER);
#endif
}

/* A packet to a device that did not cross the WAN. What another device sends is no resolver's word. */
ALWAYS_INLINE void show_resolved(struct __sk_buff *skb, struct link link, const struct packet *packet, u32 account)
{
#if NAMES
	u32 from = skb->ingress_ifindex;

	if (packet->key.remote_port == bpf_htons(PORT_DNS) && !lan_links.lookup(&from))
		show(skb, link, packet, account, HEAD_RESOLVED);
#endif
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A blocked TCP flow is ended, so that the other side stops sending what would be billed and wasted.
 *
 * The next segment of the flow is turned into a reset where it is, so its sequence number is the one that is expected
 * (RFC 9293, section 3.10.7). Upwards only a segment without data becomes one, and it is billed as what it is; a flow that
 * nobody has seen open has none, and others a few, so that no flood of them leaves. Downwards the first segment becomes a
 * reset, which closes the client's socket. The second is let through as it is: no program is there to get its data, and
 * the client's kernel answers it with the reset that the other side needs. So are a few later ones, in case that one was
 * lost, and each may have its answer. Included by meter.c.
 */
#pragma once

#define REPEAT 64 /* every so many blocked segments one is let through, to be answered by a reset */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct segment {
	__u32 offset; /* of the TCP header, from the start of the frame */
	__u32 header; /* bytes of the TCP header */
	__be16 word;  /* data offset and flags as they are */
	__u8 flags;
};

ALWAYS_INLINE int find_segment(struct __sk_buff *skb, struct link link, const struct packet *packet,
			       struct segment *segment)
{
	if (packet->key.protocol != IP_PROTOCOL_TCP || packet->fragment == FRAGMENT_LATER)
		return -1;
	if (load(skb, packet->transport + 12, &segment->word, sizeof(segment->word)) < 0)
		return -1;
	segment->offset = link.l2 + packet->transport;
	segment->header = (bpf_ntohs(segment->word) >> 12) * 4;
	segment->flags = bpf_ntohs(segment->word) & 0xff;
	return 0;
}

/* Whether the segment is a reset now. */
ALWAYS_INLINE int turn_into_reset(struct __sk_buff *skb, const struct segment *segment)
{
	__be16 word = bpf_htons((bpf_ntohs(segment->word) & 0xf000) | TCP_RST | (segment->flags & TCP_ACK));

	if (segment->flags & TCP_RST)
		return 1;
	if (bpf_l4_csum_replace(skb, segment->offset + 16, segment->word, word, sizeof(word)) < 0)
		return 0;
	return bpf_skb_store_bytes(skb, segment->offset + 12, &word, sizeof(word), 0) == 0;
}

ALWAYS_INLINE int reset_upwards(struct __sk_buff *skb, struct link link, struct packet *packet, struct size size)
{
	struct segment segment;
	struct flow *flow;
	u16 left;

	if (find_segment(skb, link, packet, &segment) < 0 || (segment.flags & (TCP_SYN | TCP_FIN)))
		return 0;
	if (size.bytes != packet->transport - packet->network + segment.header)
		return 0;
	flow = flows.lookup(&packet->key);
	left = flow ? flow->resets : 0;
	if (!left)
		return 0;
	flow->resets = left - 1;
	return turn_into_reset(skb, &segment);
}

ALWAYS_INLINE int reset_downwards(struct __sk_buff *skb, struct link link, struct packet *packet)
{
	struct segment segment;
	struct flow *flow;

	if (find_segment(skb, link, packet, &segment) < 0 || (segment.flags & TCP_SYN))
		return 0;
	flow = flows.lookup(&packet->key);
	if (!flow)
		return 0;
	flow->blocked++;
	if (flow->blocked == 1)
		return turn_into_reset(skb, &segment);
	if (flow->blocked % REPEAT != 2)
		return 0;
	flow->resets++;
	return 1;
}

/* Whether a blocked upload is dropped, and so taken off the budgets; else it goes on as a reset, which is billed. It has
 * `length` bytes; `size` is what it was added with, which in a tunnel is what it would come to on the WAN. */
ALWAYS_INLINE int drops_upload(struct __sk_buff *skb, struct link link, struct packet *packet, int parsed,
			       const struct verdict *verdict, struct size size, struct size length)
{
	if (!parsed || !reset_upwards(skb, link, packet, length)) {
		refund(verdict, size.bytes);
		count(REASON_UPLOAD_BLOCKED, size.packets, size.bytes);
		return 1;
	}
	count(REASON_FLOW_RESET, size.packets, size.bytes);
	return 0;
}

/* Whether a blocked download is dropped; else it goes on to end its flow. */
ALWAYS_INLINE int drops_download(struct __sk_buff *skb, struct link link, struct packet *packet, int parsed,
				 const struct verdict *verdict, struct size size)
{
	waste(verdict, size.bytes);
	if (!parsed || !reset_downwards(skb, link, packet)) {
		count(REASON_DOWNLOAD_BLOCKED, size.packets, size.bytes);
		return 1;
	}
	count(REASON_FLOW_RESET, size.packets, size.bytes);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A blocked TCP flow is ended, so that the other side stops sending what would be billed and wasted.
 *
 *   server -> 1st blocked segment -> made a reset -> client    closes the client's socket
 *   server -> 2nd blocked segment -> as it is     -> client    whose kernel answers with a reset: no socket is left
 *   server <- that reset          <- let through  <- client    closes the server's socket
 *
 * A segment becomes a reset where it is, with the sequence number that the receiver expects (RFC 9293, section 3.10.7).
 */
#pragma once

#include "limits.h"

#define RESET_REPEAT 64 /* one of so many blocked downloads is let through, in case that an earlier reset was lost */
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

/* Returns -1 where there is no TCP header. */
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

/* Returns whether the segment is a reset now. */
ALWAYS_INLINE int turn_into_reset(struct __sk_buff *skb, const struct segment *segment)
{
	__be16 word = bpf_htons((bpf_ntohs(segment->word) & 0xf000) | TCP_RST | (segment->flags & TCP_ACK));

	if (segment->flags & TCP_RST)
		return 1;
	if (bpf_l4_csum_replace(skb, segment->offset + 16, segment->word, word, sizeof(word)) < 0)
		return 0;
	return bpf_skb_store_bytes(skb, segment->offset + 12, &word, sizeof(word), 0) == 0;
}

/* Turns a blocked upload of `length` bytes into a reset, if it may be one. Returns whether it is one now. */
ALWAYS_INLINE int reset_upload(struct __sk_buff *skb, struct link link, struct packet *packet, u64 length)
{
	struct segment segment;
	struct flow *flow;
	u16 left;

	/* A SYN has opened nothing that could be ended, and a FIN ends the flow by itself. */
	if (find_segment(skb, link, packet, &segment) < 0 || (segment.flags & (TCP_SYN | TCP_FIN)))
		return 0;
	/* A segment with data would be billed with them. An acknowledgement without data comes soon enough. */
	if (length != packet->transport - packet->network + segment.header)
		return 0;
	/* Nothing was seen of an unknown flow, so nothing is to be ended. A known one has a few resets only: otherwise
	 * a client could send without end, in acknowledgements. */
	flow = flows.lookup(&packet->key);
	left = flow ? flow->resets : 0;
	if (!left)
		return 0;
	flow->resets = left - 1;
	return turn_into_reset(skb, &segment);
}

/* Lets some blocked downloads through, the first as a reset. Returns whether this one passes. */
ALWAYS_INLINE int reset_download(struct __sk_buff *skb, struct link link, struct packet *packet)
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
	/* The second one passes as it is, and every 64th after that. The client's kernel answers it with a reset, which
	 * must be allowed to leave. */
	if (flow->blocked % RESET_REPEAT != 2)
		return 0;
	flow->resets++;
	return 1;
}

/* Drops a blocked upload, unless it can end its flow as a reset: that is billed, as any packet that leaves.
 *
 * `size` is what was added to the accounts; `length` is the bytes of the packet itself, which inside a tunnel are
 * fewer. */
ALWAYS_INLINE enum fate reset_or_drop_upload(struct __sk_buff *skb, struct link link, struct packet *packet,
					     enum headers headers, const struct verdict *verdict, struct size size,
					     u64 length)
{
	if (headers == HEADERS_WHOLE && reset_upload(skb, link, packet, length)) {
		count(REASON_FLOW_RESET, size);
		return PASSED;
	}
	refund(verdict, size.bytes);
	count(REASON_UPLOAD_BLOCKED, size);
	return DROPPED;
}

/* Drops a blocked download, unless it goes on to end its flow. It was billed either way, and is wasted. */
ALWAYS_INLINE enum fate reset_or_drop_download(struct __sk_buff *skb, struct link link, struct packet *packet,
					       enum headers headers, const struct verdict *verdict, struct size size)
{
	waste(verdict, size.bytes);
	if (headers == HEADERS_WHOLE && reset_download(skb, link, packet)) {
		count(REASON_FLOW_RESET, size);
		return PASSED;
	}
	count(REASON_DOWNLOAD_BLOCKED, size);
	return DROPPED;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A blocked TCP flow is ended, so that the other side stops sending what would be billed and wasted.
 *
 *   server -> 1st blocked segment -> made a reset -> client    closes the client's socket
 *   server -> 2nd blocked segment -> as it is     -> client    whose kernel answers with a reset: no socket is left
 *   server <- that reset          <- let through  <- client    closes the server's socket
 *
 * Neither has data any more when it goes on, and of one flow only a few do. Of all flows of an account together, no more
 * than RESET_BYTES go on at once, both ways, and as much again in a day: whoever opens thousands gains nothing by it.
 *
 * A segment becomes a reset where it is, with the sequence number that the receiver expects (RFC 9293, section 3.10.7).
 */
#pragma once

#include "limits.h"

#define RESET_REPEAT 64 /* one of so many blocked downloads is let through, in case that an earlier reset was lost */
#define RESET_PASSES 8 /* so many blocked downloads of a flow are let through at most */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define RESET_BYTES 32000ULL
#define RESET_NS_PER_BYTE (86400000000000ULL / RESET_BYTES)

/* Whether the account may let so many bytes more through; if so, they are paid for. This is GCRA, as in police(). */
ALWAYS_INLINE int may_reset(u32 account, u64 bytes)
{
	u64 now = bpf_ktime_get_coarse_ns(), *due = resets_due.lookup(&account);
	u64 next;

	if (!due)
		return 0;
	next = (*due > now ? *due : now) + bytes * RESET_NS_PER_BYTE;
	if (next - now > RESET_BYTES * RESET_NS_PER_BYTE)
		return 0;
	*due = next;
	return 1;
}

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

struct tcp {
	__be16 source, destination;
	__be32 sequence, acknowledgement;
	__u8 offset, flags;
	__be16 window, check, urgent;
};

ALWAYS_INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* Writes the length of a packet into its IP header. */
ALWAYS_INLINE int write_length(struct __sk_buff *skb, struct link link, const struct packet *packet, u32 length)
{
	u32 ip = link.l2 + packet->network;
	__be16 before, after = bpf_htons(packet->family == 4 ? length : length - 40);

	if (packet->family == 6)
		return bpf_skb_store_bytes(skb, ip + 4, &after, sizeof(after), BPF_F_RECOMPUTE_CSUM);
	if (load(skb, packet->network + 2, &before, sizeof(before)) < 0)
		return -1;
	if (bpf_l3_csum_replace(skb, ip + 10, before, after, sizeof(after)) < 0)
		return -1;
	return bpf_skb_store_bytes(skb, ip + 2, &after, sizeof(after), 0);
}

/* Writes the checksum of a bare TCP header, RFC 9293 section 3.1. */
ALWAYS_INLINE int write_check(struct __sk_buff *skb, const struct segment *segment, const struct packet *packet,
			      struct tcp *tcp)
{
	__be32 rest[2] = { bpf_htonl(sizeof(*tcp)), bpf_htonl(IP_PROTOCOL_TCP) };
	u32 at = segment->offset + __builtin_offsetof(struct tcp, check);
	/* Both addresses, of IPv4 as well: what maps them into IPv6 is 0xffff, which adds nothing. */
	u64 pseudo = bpf_csum_diff(0, 0, (void *)&packet->key, 32, bpf_csum_diff(0, 0, (void *)rest, sizeof(rest), 0));
	__be16 check = ~fold(bpf_csum_diff(0, 0, (void *)tcp, sizeof(*tcp), pseudo)), found = 0;

	if (bpf_skb_store_bytes(skb, at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM) < 0)
		return -1;
	/* Where a device is to complete the checksum (CHECKSUM_PARTIAL), the field has the sum of the pseudo-header. No
	 * field of skb says so, but this call then changes nothing. */
	if (bpf_l4_csum_replace(skb, at, 0, bpf_htons(1), sizeof(check)) < 0 ||
	    bpf_skb_load_bytes_relative(skb, packet->transport + 16, &found, sizeof(found), BPF_HDR_START_NET) < 0)
		return -1;
	if (found == check)
		check = fold(pseudo);
	return bpf_skb_store_bytes(skb, at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

/* Cuts a segment down to a TCP header without options, so that no byte of its data goes on. Returns whether it is. */
ALWAYS_INLINE int cut_segment(struct __sk_buff *skb, struct link link, const struct packet *packet,
			      const struct segment *segment, u8 flags)
{
	struct tcp tcp;

	if (packet->fragment != FRAGMENT_NONE || load(skb, packet->transport, &tcp, sizeof(tcp)) < 0)
		return 0;
	tcp.offset = (sizeof(tcp) / 4) << 4;
	tcp.flags = flags;
	tcp.check = tcp.urgent = 0;
	return bpf_skb_change_tail(skb, segment->offset + sizeof(tcp), 0) == 0 &&
	       write_length(skb, link, packet, packet->transport - packet->network + sizeof(tcp)) == 0 &&
	       bpf_skb_store_bytes(skb, segment->offset, &tcp, sizeof(tcp), BPF_F_RECOMPUTE_CSUM) == 0 &&
	       write_check(skb, segment, packet, &tcp) == 0;
}

/* Turns a blocked upload of `length` bytes into a reset, if it may be one. Returns whether it is one now. */
ALWAYS_INLINE int reset_upload(struct __sk_buff *skb, struct link link, struct packet *packet,
			       u32 account, u64 length)
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
	if (!left || !may_reset(account, length))
		return 0;
	flow->resets = left - 1;
	return turn_into_reset(skb, &segment);
}

/* Lets a few blocked downloads through without their data, the first as a reset. Returns whether this one passes. */
ALWAYS_INLINE int reset_download(struct __sk_buff *skb, struct link link, struct packet *packet,
				 u32 account)
{
	struct segment segment;
	struct flow *flow;
	u16 blocked;

	if (find_segment(skb, link, packet, &segment) < 0 || (segment.flags & TCP_SYN))
		return 0;
	flow = flows.lookup(&packet->key);
	if (!flow)
		return 0;
	blocked = flow->blocked + 1;
	/* Counting ends with the last one that may pass. */
	if (blocked > RESET_REPEAT * (RESET_PASSES - 2) + 2)
		return 0;
	flow->blocked = blocked;
	/* The second one passes as it is, and every 64th after that. The client's kernel answers it with a reset, which
	 * must be allowed to leave. */
	if (blocked != 1 && blocked % RESET_REPEAT != 2)
		return 0;
	if (!may_reset(account, packet->transport - packet->network + sizeof(struct tcp)))
		return 0;
	if (blocked == 1)
		return cut_segment(skb, link, packet, &segment, TCP_RST | (segment.flags & TCP_ACK));
	flow->resets++;
	return cut_segment(skb, link, packet, &segment, segment.flags & ~TCP_FIN);
}

/* Drops a blocked upload, unless it can end its flow as a reset: that is billed, as any packet that leaves.
 *
 * `size` is what was added to the accounts; `length` is the bytes of the packet itself, which inside a tunnel are
 * fewer. */
ALWAYS_INLINE enum fate reset_or_drop_upload(struct __sk_buff *skb, struct link link, struct packet *packet,
					     enum headers headers, u32 account, const struct verdict *verdict, struct size size,
					     u64 length)
{
	if (headers == HEADERS_WHOLE && reset_upload(skb, link, packet, account, length)) {
		count(REASON_FLOW_RESET, size);
		return PASSED;
	}
	refund(verdict);
	count(REASON_UPLOAD_BLOCKED, size);
	return DROPPED;
}

/* Drops a blocked download, unless it goes on to end its flow. It was billed either way, and is wasted. */
ALWAYS_INLINE enum fate reset_or_drop_download(struct __sk_buff *skb, struct link link, struct packet *packet,
					       enum headers headers, u32 account, const struct verdict *verdict, struct size size)
{
	waste(verdict, size.bytes);
	if (headers == HEADERS_WHOLE && reset_download(skb, link, packet, account)) {
		count(REASON_FLOW_RESET, size);
		return PASSED;
	}
	count(REASON_DOWNLOAD_BLOCKED, size);
	return DROPPED;
}

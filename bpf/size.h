/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a packet: IP-layer bytes and packets, as the carrier bills them. */
#pragma once

#include "maps.h"
#include "segments.h"

/* A size of one skb that the verifier knows nothing of: see hide_range(). */
ALWAYS_INLINE struct size hide_size(struct __sk_buff *skb, struct size size)
{
	size.bytes = hide_range(skb, size.bytes);
	size.packets = hide_range(skb, size.packets);
	return size;
}

/* Bytes of a packet as it is here, from its IP header on. Ethernet pads short frames, so the length in the IP header counts
 * where the frame is longer. A header that states more than the frame holds is not believed. Of a merged packet that header
 * says nothing, since it is that of its first segment. */
ALWAYS_INLINE u32 length_here(struct __sk_buff *skb, struct link link, const struct packet *packet)
{
	u32 overhead = link.l2 + packet->network, length = skb->len > overhead ? skb->len - overhead : 0;

	return !skb->gso_size && packet->length && packet->length < length ? packet->length : length;
}

/* What the carrier bills for one skb. Sets `repeated` of the packet. */
ALWAYS_INLINE struct size measure(struct __sk_buff *skb, struct link link, struct packet *packet)
{
	u32 segment_size = skb->gso_size;
	u32 segments = skb->gso_segs;
	u32 length = length_here(skb, link, packet);
	struct size size = { .bytes = length, .packets = 1 };
	u32 data, jumbo;

	if (!segment_size)
		return size;
	/* GRO and GSO merge segments into one skb with one set of headers; on the wire each segment has its own. Of
	 * unknown protocols at least the IP header is repeated. */
	data = hide_range(skb, find_data(skb, packet, skb->len - link.l2));
	packet->repeated = (data ? data : packet->transport) - packet->network;
	/* virtio and tun do not count the segments that they merge. */
	if (!segments && length > packet->repeated)
		segments = (length - packet->repeated + segment_size - 1) / segment_size;
	if (segments < 2)
		return size;
	jumbo = hide_range(skb, jumbo_header(skb, packet));
	packet->repeated -= jumbo;
	size.bytes += (u64)(segments - 1) * packet->repeated - jumbo;
	size.packets = segments;
	size = hide_size(skb, size);
	/* Without the length of all headers the bytes stay too low: that is counted, and not guessed. */
	if (!data)
		count(REASON_WAN_SEGMENTS_UNKNOWN, size);
	return size;
}

/* Several CPUs may add to the same counters at once. Returns what stood in the word of bytes before. */
ALWAYS_INLINE u64 add(struct counters *counters, enum direction direction, struct size size)
{
	if (direction == UP) {
		__sync_fetch_and_add(&counters->up_packets, size.packets);
		return __sync_fetch_and_add(&counters->up_bytes, size.bytes);
	}
	__sync_fetch_and_add(&counters->down_packets, size.packets);
	return __sync_fetch_and_add(&counters->down_bytes, size.bytes);
}

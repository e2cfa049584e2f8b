/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The size of a packet: IP-layer bytes and packets, as the carrier bills them. */
#pragma once

#include "maps.h"

/* What the carrier bills for one skb. */
ALWAYS_INLINE struct size measure(struct __sk_buff *skb, struct link link, const struct packet *packet)
{
	u32 segment_size = skb->gso_size;
	u32 segments = skb->gso_segs;
	u32 overhead = link.l2 + packet->network;
	u32 length = skb->len > overhead ? skb->len - overhead : 0;
	struct size size = { .bytes = length, .packets = 1 };
	u32 transport, headers;

	/* A single packet. Ethernet pads short frames, so the length in the IP header counts where the frame is longer.
	 * A header that states more than the frame holds is not believed. */
	if (!segment_size) {
		if (packet->length && packet->length < length)
			size.bytes = packet->length;
		return size;
	}
	/* GRO and GSO merge segments into one skb with one set of headers; on the wire each segment has its own. */
	transport = transport_header(skb, packet);
	headers = packet->transport - packet->network + transport;
	/* virtio and tun do not count the segments that they merge. */
	if (!segments && length > headers)
		segments = (length - headers + segment_size - 1) / segment_size;
	if (segments < 2)
		return size;
	size.packets = segments;
	/* Without the length of the headers the bytes stay too low: that is counted, and not guessed. */
	if (transport)
		size.bytes += (u64)(segments - 1) * headers;
	else
		count(REASON_WAN_SEGMENTS_UNKNOWN, size);
	return size;
}

/* Several CPUs may add to the same counters at once. */
ALWAYS_INLINE void add(struct counters *counters, enum direction direction, struct size size)
{
	if (direction == UP) {
		__sync_fetch_and_add(&counters->up_bytes, size.bytes);
		__sync_fetch_and_add(&counters->up_packets, size.packets);
	} else {
		__sync_fetch_and_add(&counters->down_bytes, size.bytes);
		__sync_fetch_and_add(&counters->down_packets, size.packets);
	}
}

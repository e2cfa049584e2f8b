/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A frame at a hook: is it one to count, and what IP packet is in it? */
#pragma once

#include "attribution.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2
#define PACKET_OTHERHOST 3 /* include/uapi/linux/if_packet.h */
#define PACKET_OUTGOING 4
#define PACKET_LOOPBACK 5

/* Finds the IP header and returns the EtherType. Any other frame is counted as not billed, and 0 returned. */
ALWAYS_INLINE u16 find_ip_header(struct __sk_buff *skb, struct packet *packet)
{
	u16 type = ethertype(skb, &packet->network);

	if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
		return type;
	count_frame(REASON_NOT_IP, skb);
	return 0;
}

/* Returns whether the frame is to be left alone. Multicast that the router sends to a group of its own comes back to
 * the hooks from its own kernel, and without a link header: it crossed no link. */
ALWAYS_INLINE int skip_looped_back(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_LOOPBACK)
		return 0;
	count_frame(REASON_LOOPED_BACK, skb);
	return 1;
}

/* Returns whether the frame is to be left alone. A frame to another MAC is seen only because somebody made the
 * interface promiscuous; IP drops it. */
ALWAYS_INLINE int skip_not_for_us(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_OTHERHOST)
		return 0;
	count_frame(REASON_NOT_FOR_US, skb);
	return 1;
}

/* Returns whether the frame is to be left alone: it is billed already. */
ALWAYS_INLINE int skip_counted_download(struct __sk_buff *skb)
{
	if (!was_counted(skb, DOWN))
		return 0;
	note_unpacked(skb);
	count_frame(REASON_WAN_IN_AGAIN, skb);
	return 1;
}

/* Whether the flow of an upload can be learned: later fragments have no ports, and the key of an ICMP error is
 * nobody's. */
ALWAYS_INLINE int has_flow(const struct packet *packet)
{
	return packet->fragment != FRAGMENT_LATER && !packet->icmp_error;
}

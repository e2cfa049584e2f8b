/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Urgent packets: on a slow link they do not wait behind full ones, of which each takes 94 ms at 128 kbit/s.
 *
 * These are packets of DNS, and small ones: pings, acknowledgements, calls, beginnings and ends of connections. A flow
 * should not overtake itself, so of TCP only those are urgent that have room for next to no data.
 */
#pragma once

#include "limits.h"
#include "reserve.h"

#define URGENT_BYTES 256
#define URGENT_TCP_BYTES 100 /* the headers of an acknowledgement with all its options, also by IPv6 */

/* Whether a packet goes before others. One jump, as in is_for_link(). */
ALWAYS_INLINE int is_urgent(const struct packet *packet, u64 bytes)
{
	u64 tcp = differ(packet->protocol, IP_PROTOCOL_TCP), is_tcp = 1 - ((tcp | -tcp) >> 63);
	u64 most = URGENT_BYTES - (URGENT_BYTES - URGENT_TCP_BYTES) * is_tcp;
	u64 is_large = (most - bytes) >> 63;
	u64 dns = differ(packet->protocol, IP_PROTOCOL_UDP) | differ(packet->key.remote_port, bpf_htons(PORT_DNS));

	return !(is_large * dns | packet->fragment);
}

/* Takes the urgent class of the account, if it has one and the packet is urgent. */
ALWAYS_INLINE void prefer_urgent(struct __sk_buff *skb, struct verdict *verdict, const struct packet *packet,
				 struct size size)
{
	if (verdict->urgent && is_urgent(packet, size.bytes))
		verdict->class = verdict->urgent;
	verdict->class = hide_range(skb, verdict->class);
}

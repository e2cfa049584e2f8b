/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPsec by policy (strongSwan's usual way), which has no interface: what the kernel unpacks comes in at the uplink again.
 *
 *   carrier --ESP--> [wan_ingress: ACCOUNT_TUNNELS] --> unpacked --> [wan_ingress: seen before, so not billed]
 *                                                                --> [lan_egress: the receiver claims] --> phone
 *
 * All devices share the flow of the ESP packets, so whose a download is shows at the LAN only. User space shares the
 * bytes out by the claims, as for other tunnels. An upload is ESP at the uplink already, and has the mark of its device.
 */
#pragma once

#include "maps.h"

#define IP_PROTOCOL_ESP 50
#define IP_PROTOCOL_AH 51
#define PORT_NAT_TRAVERSAL 4500 /* ESP in UDP, RFC 3948 */

#define FAMILY_IPV6 10

/* struct bpf_xfrm_state in include/uapi/linux/bpf.h. */
struct unpacked {
	__u32 reqid, spi;
	__u16 family, pad;
	__be32 remote[4]; /* of IPv4 the first one */
};

/* Notes who sent an ESP packet that the kernel has unpacked into this one. */
ALWAYS_INLINE void note_unpacked(struct __sk_buff *skb)
{
#if XFRM
	struct address_key peer = {};
	struct unpacked from = {};
	u32 known = 1;

	if (bpf_skb_get_xfrm_state(skb, 0, &from, sizeof(from), 0) < 0)
		return;
	if (from.family == FAMILY_IPV6)
		__builtin_memcpy(peer.address, from.remote, sizeof(peer.address));
	else
		map_ipv4(peer.address, from.remote[0]);
	/* A look-up is cheaper than the update. A peer that cannot be stored is noted at the next packet. */
	if (!ipsec_peers.lookup(&peer))
		ipsec_peers.update(&peer, &known);
#endif
}

/* Whether packets of a flow come from such a peer, in ESP, AH, or ESP in UDP. */
ALWAYS_INLINE int comes_by_ipsec(const struct flow_key *key)
{
	if (key->protocol != IP_PROTOCOL_ESP && key->protocol != IP_PROTOCOL_AH &&
	    (key->protocol != IP_PROTOCOL_UDP || (key->remote_port != bpf_htons(PORT_NAT_TRAVERSAL) &&
						     key->local_port != bpf_htons(PORT_NAT_TRAVERSAL))))
		return 0;
	return ipsec_peers.lookup((struct address_key *)key->remote) != 0;
}

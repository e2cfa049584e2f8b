/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels that the router itself ends (WireGuard, OpenVPN; GRE, 6in4, DS-Lite, VXLAN).
 *
 *   client -> [tunnel_egress: the client claims] -> WireGuard of the router -> [wan_egress: ACCOUNT_TUNNELS] -> carrier
 *
 * On the WAN nobody can see whose such a packet is. ACCOUNT_TUNNELS counts it there, so the sum over all accounts is
 * the bill (R9). Inside, each client claims what its packets should come to on the WAN, and limits are compared with
 * the claims. A packet that the tunnel drops has claimed too much, and no client claims the packets of the tunnel
 * itself; user space corrects both (esimshaper/core/meter/tunnels.py).
 */
#pragma once

#include "services.h"
#include "size.h"

#define TUNNEL_PADDING 16
#define TUNNEL_HEADERS_IPV4 60 /* of WireGuard: IP 20, UDP 8, its own 16, tag 16 */
#define TUNNEL_HEADERS_IPV6 80

/* WireGuard pads to 16 bytes, but not beyond the MTU (calculate_skb_padding in drivers/net/wireguard/send.c). */
ALWAYS_INLINE u64 padded(u64 bytes, u32 mtu)
{
	u64 whole = (bytes + TUNNEL_PADDING - 1) & ~(u64)(TUNNEL_PADDING - 1);

	return whole > mtu && bytes <= mtu ? mtu : whole;
}

/* What a packet of size `inside` should come to on the WAN. */
ALWAYS_INLINE struct size tunnel_size(struct __sk_buff *skb, const struct packet *packet, struct size inside)
{
	u32 zero = 0, mtu = 0;
	u32 segment = packet->repeated + skb->gso_size;
	u32 *headers = tunnel_headers.lookup(&zero);
	u32 link = skb->ifindex, *fixed = tunnel_links.lookup(&link);
	u32 added;
	struct size size = inside;
	u64 whole = (inside.packets - 1) * segment;

	bpf_check_mtu(skb, 0, &mtu, 0, 0);
	/* Each segment of a merged packet is padded for itself; all but the last have the same length. */
	if (fixed)
		size.bytes = inside.bytes;
	else if (inside.packets > 1 && whole < inside.bytes)
		size.bytes = (inside.packets - 1) * padded(segment, mtu) + padded(inside.bytes - whole, mtu);
	else
		size.bytes = padded(inside.bytes, mtu);
	/* Until the first packet of the tunnel was seen on the WAN, its family is taken for IPv4. */
	added = fixed ? *fixed : headers && *headers ? *headers : TUNNEL_HEADERS_IPV4;
	size.bytes = hide_range(skb, size.bytes) + inside.packets * hide_range(skb, added);
	return size;
}

/* How the tunnel with this port carries the packet: enum tunnel_peer, or 0 if it does not. */
ALWAYS_INLINE u32 tunnel_peer(const struct packet *packet, __be16 port)
{
	struct tunnel_end end = { .port = port, .protocol = packet->protocol };
	u32 *peer = tunnel_ends.lookup(&end);

	if (!peer || (*peer & PEER_ANY))
		return peer ? *peer : 0;
	__builtin_memcpy(end.peer, packet->key.remote, 16);
	peer = tunnel_ends.lookup(&end);
	return peer ? *peer : 0;
}

/* Whether a packet of the router itself was made by one of its tunnels: enum tunnel_peer, or 0. The answers to an upload
 * are found by its flow. */
ALWAYS_INLINE u32 carries_tunnel(const struct packet *packet)
{
	u32 peer;

	if (packet->protocol == IP_PROTOCOL_ICMP || packet->protocol == IP_PROTOCOL_ICMPV6)
		return 0;
	peer = tunnel_peer(packet, packet->key.remote_port);
	return peer || packet->key.local_port == packet->key.remote_port ? peer
									  : tunnel_peer(packet, packet->key.local_port);
}

/* Remembers what the tunnel adds to each packet, by the family of its own packets. */
ALWAYS_INLINE void note_tunnel_headers(const struct packet *packet)
{
	u32 zero = 0, added = packet->family == 6 ? TUNNEL_HEADERS_IPV6 : TUNNEL_HEADERS_IPV4;
	u32 *headers = tunnel_headers.lookup(&zero);

	/* Written where it changes only, so that CPUs do not fight for the line. */
	if (headers && *headers != added)
		*headers = added;
}

ALWAYS_INLINE void claim(u32 account, enum direction direction, struct size size)
{
	struct tunnelled *claims = tunnelled.lookup(&account);

	if (claims)
		add(&claims->claimed, direction, size);
}

/* The same for what has no flow here. */
ALWAYS_INLINE void claim_unnamed(u32 account, enum direction direction, struct size size)
{
	claim(account, direction, size);
	add_usage(account, SERVICE_UNNAMED, direction, size.bytes);
}

/* Charges a packet inside a tunnel that belongs to no client to the router: on the WAN the tunnel's packets are the
 * router's. ACCOUNT_UNATTRIBUTED would not do, since its reasons speak of packets on the WAN (R3). */
ALWAYS_INLINE u32 adopt_unattributed(u32 account, struct size size)
{
	/* A tunnel within this one. */
	if (account == ACCOUNT_TUNNELS)
		return ACCOUNT_ROUTER;
	if (account != ACCOUNT_UNATTRIBUTED)
		return account;
	count(REASON_TUNNEL_UNKNOWN, size);
	return ACCOUNT_ROUTER;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels that the router itself ends (WireGuard).
 *
 *   client -> [tunnel_egress: the client claims] -> WireGuard of the router -> [wan_egress: ACCOUNT_TUNNELS] -> carrier
 *
 * On the WAN nobody can see whose such a packet is. ACCOUNT_TUNNELS counts it there, so the sum over all accounts is
 * the bill (R9). Inside, each client claims what its packets should come to on the WAN, and limits are compared with
 * the claims. A packet that the tunnel drops has claimed too much, and no client claims the packets of the tunnel
 * itself; user space corrects both (esimshaper/core/meter/tunnels.py).
 */
#pragma once

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
	u32 segment = packet->transport - packet->network + transport_header(skb, packet) + skb->gso_size;
	u32 *headers = tunnel_headers.lookup(&zero);
	struct size size = inside;
	u64 whole = (inside.packets - 1) * segment;

	bpf_check_mtu(skb, 0, &mtu, 0, 0);
	/* Each segment of a merged packet is padded for itself; all but the last have the same length. */
	if (inside.packets > 1 && whole < inside.bytes)
		size.bytes = (inside.packets - 1) * padded(segment, mtu) + padded(inside.bytes - whole, mtu);
	else
		size.bytes = padded(inside.bytes, mtu);
	/* Until the first packet of the tunnel was seen on the WAN, its family is taken for IPv4. */
	size.bytes += inside.packets * (headers && *headers ? *headers : TUNNEL_HEADERS_IPV4);
	return size;
}

/* Whether an upload of the router itself was made by one of its tunnels. (Its answers are found by its flow.) */
ALWAYS_INLINE int carries_tunnel(const struct packet *packet)
{
	struct tunnel_port remote = { packet->key.remote_port }, local = { packet->key.local_port };

	if (packet->protocol != IP_PROTOCOL_UDP && packet->protocol != IP_PROTOCOL_TCP)
		return 0;
	return tunnel_ports.lookup(&remote) || tunnel_ports.lookup(&local);
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

/* Charges a packet inside a tunnel that belongs to no client to the router: on the WAN the tunnel's packets are the
 * router's. ACCOUNT_UNATTRIBUTED would not do, since its reasons speak of packets on the WAN (R3). */
ALWAYS_INLINE u32 adopt_unattributed(u32 account, struct size size)
{
	if (account != ACCOUNT_UNATTRIBUTED)
		return account;
	count(REASON_TUNNEL_UNKNOWN, size);
	return ACCOUNT_ROUTER;
}

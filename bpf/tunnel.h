/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels that the router itself ends (WireGuard): which packets on the WAN are theirs, and what one inside comes to.
 *
 * On the WAN they are the router's own, and nobody can see whose they are; ACCOUNT_TUNNELS counts them, which keeps the
 * sum right whatever happens inside (tunnel_hooks.h). Included by meter.c.
 */
#pragma once

#define TUNNEL_PADDING 16
#define TUNNEL_HEADERS_IPV4 60 /* of WireGuard: IP 20, UDP 8, its own 16, tag 16 */
#define TUNNEL_HEADERS_IPV6 80

/* WireGuard pads to 16 bytes, but not beyond the MTU (calculate_skb_padding in drivers/net/wireguard/send.c). */
ALWAYS_INLINE u64 padded(u64 bytes, u32 mtu)
{
	u64 whole = (bytes + TUNNEL_PADDING - 1) & ~(u64)(TUNNEL_PADDING - 1);

	return whole > mtu && bytes <= mtu ? mtu : whole;
}

/* What a packet inside should come to on the WAN. The family of the tunnel's own packets was seen there. */
ALWAYS_INLINE struct size wrapped(struct __sk_buff *skb, const struct packet *packet, struct size inside)
{
	u32 zero = 0, mtu = 0, segment = packet->transport - packet->network + transport_header(skb, packet) + skb->gso_size;
	u32 *headers = tunnel_headers.lookup(&zero);
	struct size size = inside;
	u64 whole = (inside.packets - 1) * segment;

	bpf_check_mtu(skb, 0, &mtu, 0, 0);
	if (inside.packets > 1 && whole < inside.bytes)
		size.bytes = (inside.packets - 1) * padded(segment, mtu) + padded(inside.bytes - whole, mtu);
	else
		size.bytes = padded(inside.bytes, mtu);
	size.bytes += inside.packets * (headers && *headers ? *headers : TUNNEL_HEADERS_IPV4);
	return size;
}

/* Whether a packet of the router itself is one that a tunnel of it has made. Answers are known by its flow. */
ALWAYS_INLINE int carries_tunnel(const struct packet *packet)
{
	struct tunnel_port remote = { packet->key.remote_port }, local = { packet->key.local_port };
	u32 zero = 0, added = packet->family == 6 ? TUNNEL_HEADERS_IPV6 : TUNNEL_HEADERS_IPV4;
	u32 *headers;

	if (packet->protocol != IP_PROTOCOL_UDP && packet->protocol != IP_PROTOCOL_TCP)
		return 0;
	if (!tunnel_ports.lookup(&remote) && !tunnel_ports.lookup(&local))
		return 0;
	headers = tunnel_headers.lookup(&zero);
	if (headers && *headers != added)
		*headers = added;
	return 1;
}

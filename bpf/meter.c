/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meter: who used what, in the bytes that the carrier bills.
 *
 *                 client                          router                          carrier
 *   up      -> [lan_ingress] writes the mark ->  routing, NAT  -> [wan_egress] by the mark, learns the flow ->
 *   down    <-                                   routing, NAT  <- [wan_ingress] by the flow                 <-
 *   VPN     the same two, as tunnel_egress and tunnel_ingress, on the interface of a tunnel of the router (tunnel.h)
 *
 * Every hook returns TC_ACT_UNSPEC, so that filters after ours still run, or TC_ACT_SHOT to drop a packet (R6).
 * esimshaper/edge/bpf/compiler.py compiles this file by bcc, and defines the sizes and the bits of the mark.
 */
#include "attribution.h"
#include "reset.h"
#include "tunnel.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2
#define PACKET_OTHERHOST 3 /* include/uapi/linux/if_packet.h */
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

/* Whether the flow of an upload can be learned: later fragments have no ports, and the key of an ICMP error is
 * nobody's. */
ALWAYS_INLINE int has_flow(const struct packet *packet)
{
	return packet->fragment != FRAGMENT_LATER && !packet->icmp_error;
}

ALWAYS_INLINE int wan_egress(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	u16 type = find_ip_header(skb, &packet);
	enum headers headers;
	u32 account;

	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, UP, &packet);
	account = sender(skb, &packet);
	/* Packets that carry a tunnel have an account of their own: user space shares their bytes out. */
	if (account == ACCOUNT_ROUTER && carries_tunnel(&packet)) {
		note_tunnel_headers(&packet);
		account = ACCOUNT_TUNNELS;
	}
	account = hide_range(skb, account);
	size = measure(skb, link, &packet);
	verdict = judge(skb, account, UP, size.bytes, ON_WAN);
	if (verdict.level == BLOCKED &&
	    reset_or_drop_upload(skb, link, &packet, headers, &verdict, size, size.bytes) == DROPPED)
		return TC_ACT_SHOT;
	drop_class_of_another_link(skb, &verdict, UP);
	if (police(&verdict, UP, size) == DROPPED)
		return TC_ACT_SHOT;
	/* From here on the packet leaves, and is billed. */
	classify(skb, &verdict);
	count_queued(&verdict, size.bytes);
	charge(&verdict, UP, size);
	if (account == ACCOUNT_UNATTRIBUTED)
		count(REASON_WAN_OUT_UNMARKED, size);
	if (headers == HEADERS_CUT)
		count(REASON_WAN_OUT_TRUNCATED, size);
	else if (account != ACCOUNT_UNATTRIBUTED && has_flow(&packet))
		learn_flow(&packet.key, account, size);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int wan_ingress(struct __sk_buff *skb, struct link link)
{
	struct receiver to = { ACCOUNT_UNATTRIBUTED, REASON_WAN_IN_TRUNCATED };
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	enum headers headers;
	u16 type;

	if (skip_looped_back(skb) || skip_not_for_us(skb))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, DOWN, &packet);
	size = measure(skb, link, &packet);
	if (headers == HEADERS_WHOLE)
		to = attribute_download(skb, &packet, size);
	verdict = judge(skb, to.account, DOWN, size.bytes, ON_WAN);
	/* The packet has crossed the link and is billed, whatever becomes of it. */
	charge(&verdict, DOWN, size);
	if (to.account == ACCOUNT_UNATTRIBUTED)
		count(to.reason, size);
	if (verdict.level == BLOCKED &&
	    reset_or_drop_download(skb, link, &packet, headers, &verdict, size) == DROPPED)
		return TC_ACT_SHOT;
	drop_class_of_another_link(skb, &verdict, DOWN);
	if (police(&verdict, DOWN, size) == DROPPED)
		return TC_ACT_SHOT;
	classify(skb, &verdict);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int tunnel_egress(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct size inside, size;
	u16 type = find_ip_header(skb, &packet);
	enum headers headers;
	u32 account;

	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, UP, &packet);
	inside = measure(skb, link, &packet);
	size = tunnel_size(skb, &packet, inside);
	account = hide_range(skb, adopt_unattributed(sender(skb, &packet), size));
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED &&
	    reset_or_drop_upload(skb, link, &packet, headers, &verdict, size, inside.bytes) == DROPPED)
		return TC_ACT_SHOT;
	/* There are no classes inside a tunnel: they would need a device of their own for each direction. */
	verdict.class = 0;
	if (police(&verdict, UP, size) == DROPPED)
		return TC_ACT_SHOT;
	claim(account, UP, size);
	if (headers == HEADERS_WHOLE && has_flow(&packet))
		learn_flow(&packet.key, account, size);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int tunnel_ingress(struct __sk_buff *skb, struct link link)
{
	struct receiver to = { ACCOUNT_UNATTRIBUTED };
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	enum headers headers;
	u32 account;
	u16 type;

	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, DOWN, &packet);
	size = tunnel_size(skb, &packet, measure(skb, link, &packet));
	if (headers == HEADERS_WHOLE)
		to = attribute_download(skb, &packet, size);
	account = adopt_unattributed(to.account, size);
	/* First claim, then judge, which adds to `used`. User space subtracts the claims from `used` to get the bytes
	 * on the WAN, so `used` must never hold bytes that are not claimed yet. */
	claim(account, DOWN, size);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED &&
	    reset_or_drop_download(skb, link, &packet, headers, &verdict, size) == DROPPED)
		return TC_ACT_SHOT;
	verdict.class = 0;
	if (police(&verdict, DOWN, size) == DROPPED)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

int wan_egress_ethernet(struct __sk_buff *skb)
{
	return wan_egress(skb, (struct link){ .l2 = 14 });
}

int wan_egress_raw(struct __sk_buff *skb)
{
	return wan_egress(skb, (struct link){ .l2 = 0 });
}

int wan_ingress_ethernet(struct __sk_buff *skb)
{
	return wan_ingress(skb, (struct link){ .l2 = 14 });
}

int wan_ingress_raw(struct __sk_buff *skb)
{
	return wan_ingress(skb, (struct link){ .l2 = 0 });
}

int tunnel_egress_raw(struct __sk_buff *skb)
{
	return tunnel_egress(skb, (struct link){ .l2 = 0 });
}

int tunnel_ingress_raw(struct __sk_buff *skb)
{
	return tunnel_ingress(skb, (struct link){ .l2 = 0 });
}

int lan_ingress_ethernet(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_MAC };
	u8 *mac = client.address;

	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	/* No device sends from a group address or from zeros: such an address is made up. */
	if (bpf_skb_load_bytes_relative(skb, 6, mac, 6, BPF_HDR_START_MAC) < 0 || (mac[0] & 1) ||
	    !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5])) {
		count_frame(REASON_LAN_NO_SOURCE, skb);
		return TC_ACT_UNSPEC;
	}
	write_mark(skb, &client);
	return TC_ACT_UNSPEC;
}

int lan_ingress_raw(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_IP };
	struct packet packet = {};

	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	/* Parsed as an upload, so that `local` is the source. */
	if (parse_ip(skb, 0, UP, &packet) < 0) {
		count_frame(REASON_LAN_NO_SOURCE, skb);
		return TC_ACT_UNSPEC;
	}
	__builtin_memcpy(client.address, packet.key.local, 16);
	write_mark(skb, &client);
	return TC_ACT_UNSPEC;
}

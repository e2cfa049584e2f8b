/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merged packets: how many bytes of headers each of their segments has on the wire.
 *
 *   outer IP | GRE, or UDP with VXLAN, Geneve, GUE, or nothing | Ethernet, or nothing | inner IP | TCP, UDP, SCTP | data
 *   `------------------------------ in each segment ------------------------------------------------------------'
 *
 * GRO and GSO merge the segments of one connection, and inside an encapsulation that is the inner one: `gso_size` is
 * the payload of its transport. Linux merges inside one encapsulation, never inside two. A packet deeper than that
 * gets here unmerged, or else is counted under a reason.
 */
#pragma once

#include "parse.h"

#define IP_PROTOCOL_IPIP 4
#define IP_PROTOCOL_IPV6 41
#define IP_PROTOCOL_GRE 47

#define ETHERTYPE_BRIDGING 0x6558 /* a whole Ethernet frame, RFC 1701 */

#define GRE_CHECKSUM 0x8000 /* RFC 2784, RFC 2890 */
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_OTHERS 0x4fff /* routing (RFC 1701), and a version that is not 0 (PPTP) */

#define UDP_HEADER 8
#define SCTP_HEADER 12
#define JUMBO_HEADER 8 /* hop-by-hop options with one option, of this type and length (RFC 2675) */
#define JUMBO_OPTION 0xc204
#define LONGEST_STATED 65535 /* longer packets state the length 0 (BIG TCP) */

/* Where a header begins, and what it is: an EtherType, or a protocol of IP. */
struct layer {
	__u32 at;
	__u32 type;
};

/* What is found next does not depend, for the verifier, on what stood before it. */
ALWAYS_INLINE void hide_layer(struct __sk_buff *skb, struct layer *layer)
{
	layer->at = hide_range(skb, layer->at);
	layer->type = hide_range(skb, layer->type);
}

/* Skips an Ethernet header and the VLAN tags in it. */
ALWAYS_INLINE int skip_ethernet(struct __sk_buff *skb, struct layer *layer)
{
	__be16 type;

	layer->at += 14;
#pragma unroll
	for (int i = 0; i <= VLANS_MAX; i++) {
		if (load(skb, layer->at - 2, &type, sizeof(type)) < 0)
			return -1;
		layer->type = bpf_ntohs(type);
		if (layer->type != ETHERTYPE_VLAN && layer->type != ETHERTYPE_QINQ)
			break;
		layer->at += 4;
	}
	return 0;
}

/* Skips a GRE header. */
ALWAYS_INLINE int skip_gre(struct __sk_buff *skb, struct layer *layer)
{
	struct {
		__be16 flags, type;
	} gre;
	__u16 flags;

	if (load(skb, layer->at, &gre, sizeof(gre)) < 0)
		return -1;
	flags = bpf_ntohs(gre.flags);
	if (flags & GRE_OTHERS)
		return -1;
	layer->type = bpf_ntohs(gre.type);
	layer->at += sizeof(gre) + 4 * (!!(flags & GRE_CHECKSUM) + !!(flags & GRE_KEY) + !!(flags & GRE_SEQUENCE));
	return 0;
}

/* Skips a UDP header and what an encapsulation has behind it, as far as its content can tell: people choose the port.
 * Whoever calls this compares the length of the packet inside, which no other content states by chance. */
ALWAYS_INLINE int skip_udp(struct __sk_buff *skb, struct layer *layer)
{
	__u8 head[8]; /* behind the UDP header */
	__u16 type;

	if (load(skb, layer->at + UDP_HEADER, head, sizeof(head)) < 0)
		return -1;
	layer->at += UDP_HEADER;
	layer->type = 0; /* IP of either version */
	type = head[2] << 8 | head[3];
	/* IP itself (FOU, bareudp). */
	if ((head[0] >> 4) == 4 || (head[0] >> 4) == 6)
		return 0;
	/* Geneve, RFC 8926: version 0, options in words of 4 bytes. */
	if (!(head[0] >> 6) && (type == ETHERTYPE_BRIDGING || type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)) {
		layer->at += sizeof(head) + (head[0] & 0x3f) * 4;
		layer->type = type;
		return 0;
	}
	/* GUE, include/net/gue.h: version 0, no control message, length in words of 4 bytes. */
	if (!(head[0] >> 5) && (head[1] == IP_PROTOCOL_IPIP || head[1] == IP_PROTOCOL_IPV6)) {
		layer->at += 4 + (head[0] & 0x1f) * 4;
		return 0;
	}
	/* VXLAN, RFC 7348: it has an identifier, and then Ethernet behind it, or else what its extension GPE says. */
	if (!(head[0] & 0x08))
		return -1;
	layer->at += sizeof(head);
	if (!(head[0] & 0x04) || head[3] == 3)
		layer->type = ETHERTYPE_BRIDGING;
	return 0;
}

/* Skips the headers of an IP packet inside another one; both end at `end`. Returns -1 where they do not: then this is
 * not the header of the merged packet, but of its first segment, or no header at all. */
ALWAYS_INLINE int skip_inner_ip(struct __sk_buff *skb, __u32 end, struct layer *layer)
{
	__u8 ip[10];
	__u32 length;

	if (load(skb, layer->at, ip, sizeof(ip)) < 0)
		return -1;
	if ((ip[0] >> 4) == 4) {
		length = ip[2] << 8 | ip[3];
		layer->type = ip[9];
	} else if ((ip[0] >> 4) == 6) {
		length = ip[4] << 8 | ip[5];
		length += length ? 40 : 0;
		layer->type = ip[6];
	} else {
		return -1;
	}
	if (length ? layer->at + length != end : layer->at + LONGEST_STATED >= end)
		return -1;
	if ((ip[0] >> 4) == 4) {
		layer->at += (ip[0] & 0xf) * 4;
		return 0;
	}
	layer->at += 40;
	for (int i = 0; i < IPV6_EXTENSIONS_MAX && is_extension(layer->type); i++) {
		__u8 extension[2];

		if (load(skb, layer->at, extension, sizeof(extension)) < 0)
			return -1;
		layer->at += extension_size(layer->type, extension[1]);
		layer->type = extension[0];
		hide_layer(skb, layer);
	}
	return 0;
}

/* Where the data behind a transport header begins; 0 if the protocol is none that is merged. */
ALWAYS_INLINE __u32 skip_transport(struct __sk_buff *skb, const struct layer *layer)
{
	__u8 offset;

	if (layer->type == IP_PROTOCOL_UDP)
		return layer->at + UDP_HEADER;
	if (layer->type == IP_PROTOCOL_SCTP)
		return layer->at + SCTP_HEADER;
	if (layer->type != IP_PROTOCOL_TCP || load(skb, layer->at + 12, &offset, sizeof(offset)) < 0)
		return 0;
	return layer->at + (offset >> 4) * 4;
}

/* Skips to the transport header of a packet inside this one. Returns -1 if none is known to be there. */
ALWAYS_INLINE int skip_encapsulation(struct __sk_buff *skb, __u32 end, struct layer *layer)
{
	if (layer->type == IP_PROTOCOL_UDP) {
		if (skip_udp(skb, layer) < 0)
			return -1;
	} else if (layer->type == IP_PROTOCOL_GRE) {
		if (skip_gre(skb, layer) < 0)
			return -1;
	} else if (layer->type == IP_PROTOCOL_IPIP || layer->type == IP_PROTOCOL_IPV6) {
		layer->type = 0;
	} else {
		return -1;
	}
	hide_layer(skb, layer);
	if (layer->type == ETHERTYPE_BRIDGING && skip_ethernet(skb, layer) < 0)
		return -1;
	if (layer->type && layer->type != ETHERTYPE_IPV4 && layer->type != ETHERTYPE_IPV6)
		return -1;
	hide_layer(skb, layer);
	return skip_inner_ip(skb, end, layer);
}

/* Where the data behind all headers of a merged packet begins, which ends at `end`; 0 if that is unknown. */
ALWAYS_INLINE __u32 find_data(struct __sk_buff *skb, const struct packet *packet, __u32 end)
{
	struct layer outer = { packet->transport, packet->protocol }, inner;

	/* Most packets. */
	if (outer.type == IP_PROTOCOL_TCP)
		return skip_transport(skb, &outer);
	hide_layer(skb, &outer);
	inner = outer;
	if (skip_encapsulation(skb, hide_range(skb, end), &inner) == 0)
		outer = inner;
	hide_layer(skb, &outer);
	return skip_transport(skb, &outer);
}

/* Bytes of the header that Linux writes into an IPv6 packet beyond 65,535 bytes to state its length; 0 if it has none.
 * It takes the header out again before it makes segments (ipv6_gso_segment in net/ipv6/ip6_offload.c). */
ALWAYS_INLINE __u32 jumbo_header(struct __sk_buff *skb, const struct packet *packet)
{
	__be16 option;
	__u8 next;

	if (packet->family != 6 || packet->length)
		return 0;
	if (load(skb, packet->network + 6, &next, sizeof(next)) < 0 || next != IPV6_HOPOPTS)
		return 0;
	if (load(skb, packet->network + 42, &option, sizeof(option)) < 0 || option != bpf_htons(JUMBO_OPTION))
		return 0;
	return JUMBO_HEADER;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing: packet in, `struct packet` out. No map is touched.
 *
 * Offsets count from the network header. `load`, `skip_...` and `parse_...` return 0, or -1 where the packet ends too
 * early or contradicts itself.
 */
#pragma once

#include "contract.h"

#define IP_PROTOCOL_ICMP 1
#define IP_PROTOCOL_TCP 6
#define IP_PROTOCOL_UDP 17
#define IP_PROTOCOL_DCCP 33
#define IP_PROTOCOL_ICMPV6 58
#define IP_PROTOCOL_SCTP 132
#define IP_PROTOCOL_UDPLITE 136

#define IPV6_HOPOPTS 0
#define IPV6_ROUTING 43
#define IPV6_FRAGMENT 44
#define IPV6_AUTH 51
#define IPV6_DSTOPTS 60
#define IPV6_EXTENSIONS_MAX 8

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLANS_MAX 2

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum direction { DOWN = 0, UP = 1 };

/* Who sent the request of a ping. It is part of the key: a ping of ours and one of theirs may share an identifier. */
enum echo_role { ECHO_WE_ASK = 0, ECHO_THEY_ASK = 1 };

enum fragment_part { FRAGMENT_NONE = 0, FRAGMENT_FIRST = 1, FRAGMENT_LATER = 2 };

/* Whether all headers of a packet are there. */
enum headers { HEADERS_CUT = 0, HEADERS_WHOLE = 1 };

/* What kind of link a hook is at. */
struct link {
	__u32 l2; /* bytes of its header: 14 for Ethernet, 0 for raw IP. They are not billed. */
};

struct packet {
	struct flow_key key;
	__u32 network;     /* offset of the IP header: 0, or what VLAN tags in the frame take */
	__u32 transport;   /* offset of the transport header */
	__u32 length;      /* of the packet, as its IP header states it; 0 if it does not */
	__u32 fragment_id;
	__u32 fragment;    /* enum fragment_part */
	__u32 offset;      /* of a fragment's payload in its datagram */
	__u32 is_last;     /* 1 for the fragment at the end of its datagram */
	__u32 repeated;    /* bytes of headers that each segment of a merged packet has; set by measure() */
	__u32 icmp_error;  /* 1 for an ICMP error, whose payload is a packet of ours */
	__u8 protocol;     /* of the transport header */
	__u8 family;       /* 4 or 6 */
} __attribute__((aligned(8))); /* so that it is copied in few steps */

/* The network header is where the kernel found it, and not behind 14 bytes: modems are raw IP, and VLANs are in
 * between. */
ALWAYS_INLINE int load(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET);
}

/* Returns `number` with its range hidden from the verifier, which prunes verifier states.
 *
 * The verifier walks each branch once for each set of ranges that it knows. After a hidden number, branches that differ
 * in that number only are one state, and are walked once. */
ALWAYS_INLINE __u32 hide_range(struct __sk_buff *skb, __u64 number)
{
	__u64 before;

	/* What comes back from the context is unknown to the verifier. The word in cb[] is one that filters may use,
	 * and is put back as it was, since a filter after ours may use it too. */
	asm volatile("%[before] = *(u32 *)(%[skb] + %[word])\n"
		     "*(u32 *)(%[skb] + %[word]) = %[number]\n"
		     "%[number] = *(u32 *)(%[skb] + %[word])\n"
		     "*(u32 *)(%[skb] + %[word]) = %[before]\n"
		     : [number] "+r"(number), [before] "=&r"(before)
		     : [skb] "r"(skb), [word] "i"(__builtin_offsetof(struct __sk_buff, cb) + 16)
		     : "memory");
	return number;
}

/* EtherType of the packet behind the VLAN tags that the driver left in the frame; 0 where the frame is cut short. Sets
 * `network` to the bytes of these tags. */
ALWAYS_INLINE __u16 ethertype(struct __sk_buff *skb, __u32 *network)
{
	__u16 type = bpf_ntohs(skb->protocol);
	__be16 inner;

	*network = 0;
#pragma unroll
	for (int i = 0; i < VLANS_MAX; i++) {
		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
			break;
		if (load(skb, *network + 2, &inner, sizeof(inner)) < 0)
			return 0;
		type = bpf_ntohs(inner);
		*network += 4;
	}
	return type;
}

ALWAYS_INLINE void map_ipv4(__u8 *to, __be32 address)
{
	__u32 *words = (__u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

ALWAYS_INLINE int parse_ipv4(struct __sk_buff *skb, __u32 at, enum direction direction, struct packet *packet)
{
	struct {
		__u8 version_ihl, tos;
		__be16 length, id, fragment;
		__u8 ttl, protocol;
		__u16 check;
		__be32 source, destination;
	} ip;
	__u16 fragment;

	if (load(skb, at, &ip, sizeof(ip)) < 0 || (ip.version_ihl >> 4) != 4 || (ip.version_ihl & 0xf) < 5)
		return -1;
	packet->family = 4;
	packet->protocol = ip.protocol;
	packet->transport = at + (ip.version_ihl & 0xf) * 4;
	packet->length = bpf_ntohs(ip.length);
	/* The field has the flag "more fragments" and the offset, RFC 791. All zeros: the packet is whole. */
	fragment = bpf_ntohs(ip.fragment) & 0x3fff;
	packet->fragment = !fragment ? FRAGMENT_NONE : (fragment & 0x1fff) ? FRAGMENT_LATER : FRAGMENT_FIRST;
	packet->fragment_id = bpf_ntohs(ip.id);
	packet->offset = (fragment & 0x1fff) * 8;
	packet->is_last = fragment && !(fragment & 0x2000);
	map_ipv4(packet->key.remote, direction == UP ? ip.destination : ip.source);
	map_ipv4(packet->key.local, direction == UP ? ip.source : ip.destination);
	return 0;
}

/* Whether a header of IPv6 is an extension header. A packet with another one, or with more than are walked, is counted
 * all the same; only its ports are unknown. */
ALWAYS_INLINE int is_extension(__u32 type)
{
	return type == IPV6_HOPOPTS || type == IPV6_ROUTING || type == IPV6_DSTOPTS || type == IPV6_AUTH ||
	       type == IPV6_FRAGMENT;
}

/* Bytes of an extension header, by the field that states them. */
ALWAYS_INLINE __u32 extension_size(__u32 type, __u8 length)
{
	if (type == IPV6_FRAGMENT)
		return 8;
	/* The authentication header counts in words of 4 bytes and leaves out two, RFC 4302 section 2.2. */
	return type == IPV6_AUTH ? ((__u32)length + 2) * 4 : ((__u32)length + 1) * 8;
}

/* Walks the extension headers to the transport header, RFC 8200 section 4. */
ALWAYS_INLINE int skip_extensions(struct __sk_buff *skb, __u8 next, struct packet *packet)
{
	struct {
		__u8 next, length;
		__be16 fragment;
		__be32 id;
	} extension;

	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		/* Anything else is the transport header. */
		if (!is_extension(next))
			break;
		if (load(skb, packet->transport, &extension, sizeof(extension)) < 0)
			return -1;
		packet->transport += extension_size(next, extension.length);
		if (next == IPV6_FRAGMENT) {
			__u16 fragment = bpf_ntohs(extension.fragment);

			packet->fragment_id = bpf_ntohl(extension.id);
			packet->offset = fragment & 0xfff8;
			packet->is_last = !(fragment & 1);
			if (fragment & 0xfff8)
				packet->fragment = FRAGMENT_LATER;
			else if (fragment & 1)
				packet->fragment = FRAGMENT_FIRST;
		}
		next = extension.next;
		/* Behind the header of a later fragment is payload, which must not be taken for headers. */
		if (packet->fragment == FRAGMENT_LATER)
			break;
	}
	packet->protocol = next;
	return 0;
}

ALWAYS_INLINE int parse_ipv6(struct __sk_buff *skb, __u32 at, enum direction direction, struct packet *packet)
{
	struct {
		__be32 version_flow;
		__be16 length;
		__u8 next, hops;
		__u8 source[16], destination[16];
	} ip;

	if (load(skb, at, &ip, sizeof(ip)) < 0 || (((__u8 *)&ip)[0] >> 4) != 6)
		return -1;
	packet->family = 6;
	packet->transport = at + sizeof(ip);
	/* Length 0 is that of a jumbogram, RFC 2675. */
	packet->length = ip.length ? bpf_ntohs(ip.length) + sizeof(ip) : 0;
	packet->fragment = FRAGMENT_NONE;
	__builtin_memcpy(packet->key.remote, direction == UP ? ip.destination : ip.source, 16);
	__builtin_memcpy(packet->key.local, direction == UP ? ip.source : ip.destination, 16);
	return skip_extensions(skb, ip.next, packet);
}

/* `type` is that of IPv4 or IPv6. A header whose version is another is refused. */
ALWAYS_INLINE int parse_network(struct __sk_buff *skb, __u16 type, enum direction direction, struct packet *packet)
{
	return type == ETHERTYPE_IPV4 ? parse_ipv4(skb, packet->network, direction, packet)
				      : parse_ipv6(skb, packet->network, direction, packet);
}

/* Where no EtherType says which version the packet has: inside an ICMP error, and on raw-IP links. */
ALWAYS_INLINE int parse_ip(struct __sk_buff *skb, __u32 at, enum direction direction, struct packet *packet)
{
	__u8 first;

	if (load(skb, at, &first, sizeof(first)) < 0)
		return -1;
	return (first >> 4) == 6 ? parse_ipv6(skb, at, direction, packet) : parse_ipv4(skb, at, direction, packet);
}

ALWAYS_INLINE int parse_ping(const __u8 *icmp, __u8 request, enum direction direction, struct flow_key *key)
{
	__u32 asks = icmp[0] == request;

	key->local_port = *(__be16 *)(icmp + 4);
	key->remote_port = (direction == UP) == asks ? ECHO_WE_ASK : bpf_htons(ECHO_THEY_ASK);
	return 0;
}

/* ICMP: pings are told apart by their identifier, and errors are marked, RFC 792, RFC 4443. */
ALWAYS_INLINE int parse_icmp(struct __sk_buff *skb, enum direction direction, struct packet *packet)
{
	__u8 icmp[8];

	if (load(skb, packet->transport, icmp, sizeof(icmp)) < 0)
		return -1;
	if (packet->protocol == IP_PROTOCOL_ICMPV6) {
		/* Types below 128 are errors; echo request and reply are the first two that are not. */
		if (icmp[0] == 128 || icmp[0] == 129)
			return parse_ping(icmp, 128, direction, &packet->key);
		packet->icmp_error = icmp[0] < 128;
		return 0;
	}
	if (icmp[0] == 8 || icmp[0] == 0)
		return parse_ping(icmp, 8, direction, &packet->key);
	/* Unreachable, source quench, redirect, time exceeded, parameter problem: these carry the packet they are
	 * about. */
	packet->icmp_error = icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12;
	return 0;
}

/* Whether the transport header begins with two ports (RFC 9293, 768, 3828, 9260, 4340). */
ALWAYS_INLINE int has_ports(__u8 protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP || protocol == IP_PROTOCOL_UDPLITE ||
	       protocol == IP_PROTOCOL_SCTP || protocol == IP_PROTOCOL_DCCP;
}

/* Fills the rest of the key from the transport header. */
ALWAYS_INLINE int parse_transport(struct __sk_buff *skb, enum direction direction, struct packet *packet)
{
	struct {
		__be16 source, destination;
	} ports;

	packet->key.protocol = packet->protocol;
	/* A later fragment has no transport header. */
	if (packet->fragment == FRAGMENT_LATER)
		return 0;
	if (packet->protocol == IP_PROTOCOL_ICMP || packet->protocol == IP_PROTOCOL_ICMPV6)
		return parse_icmp(skb, direction, packet);
	if (!has_ports(packet->protocol))
		return 0;
	if (load(skb, packet->transport, &ports, sizeof(ports)) < 0)
		return -1;
	packet->key.remote_port = direction == UP ? ports.destination : ports.source;
	packet->key.local_port = direction == UP ? ports.source : ports.destination;
	return 0;
}

/* Whether the destination is link-local or multicast. Such a packet ends at the router, and no client asked for it. */
ALWAYS_INLINE int is_for_router(const struct packet *packet)
{
	const __u8 *local = packet->key.local;
	const __u8 *ipv4 = local + 12;

	if (packet->family == 6)
		return local[0] == 0xff || (local[0] == 0xfe && (local[1] & 0xc0) == 0x80);
	return ipv4[0] >= 224 || (ipv4[0] == 169 && ipv4[1] == 254);
}

/* Parses all headers that are there and says whether any is missing. */
ALWAYS_INLINE enum headers parse_headers(struct __sk_buff *skb, __u16 type, enum direction direction,
					 struct packet *packet)
{
	enum headers headers = HEADERS_CUT;

	if (parse_network(skb, type, direction, packet) == 0 && parse_transport(skb, direction, packet) == 0)
		headers = HEADERS_WHOLE;
	/* What follows is the same for most headers, so the verifier need not walk it once for each kind of them. */
	packet->icmp_error = hide_range(skb, packet->icmp_error);
	return hide_range(skb, headers);
}

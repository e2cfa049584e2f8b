/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing helpers: they read the packet, write `struct packet`, and touch no map.
 *
 * Offsets are relative to the network header, which is found by the kernel and not assumed behind 14 bytes of Ethernet
 * (raw-IP modems, VLANs). `load`, `skip_...` and `parse_...` return 0, or -1 where the packet ends too early or is not
 * what it says.
 */
#pragma once

#include "contract.h"

#define IP_PROTOCOL_ICMP 1
#define IP_PROTOCOL_TCP 6
#define IP_PROTOCOL_UDP 17
#define IP_PROTOCOL_ICMPV6 58

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

/* Who asked in a ping, so that ours and theirs with one identifier are two flows. */
enum echo_role { ECHO_WE_ASK = 0, ECHO_THEY_ASK = 1 };

enum fragment_part { FRAGMENT_NONE = 0, FRAGMENT_FIRST = 1, FRAGMENT_LATER = 2 };

struct link {
	__u32 l2; /* bytes before the network header that are not billed */
};

struct packet {
	struct flow_key key;
	__u32 network;     /* offset of the IP header, from the network header (VLAN tags in the frame) */
	__u32 transport;   /* offset of the transport header, likewise */
	__u32 length;      /* what the IP header says that the packet has, 0 if it does not say */
	__u32 fragment_id;
	__u32 fragment;    /* enum fragment_part */
	__u32 icmp_error;  /* the payload is a packet of ours */
	__u8 protocol;     /* of the transport header */
	__u8 family;       /* 4 or 6 */
};

ALWAYS_INLINE int load(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, size, BPF_HDR_START_NET);
}

/* The same number, of which the verifier knows nothing any more. It walks every way through a program with every number
 * that it knows; ways that differ only in what is forgotten are walked once from here on. The word is one that filters may
 * use; it is left as it was. */
ALWAYS_INLINE __u32 forget(struct __sk_buff *skb, __u64 number)
{
	__u64 before;

	asm volatile("%[before] = *(u32 *)(%[skb] + %[word])\n"
		     "*(u32 *)(%[skb] + %[word]) = %[number]\n"
		     "%[number] = *(u32 *)(%[skb] + %[word])\n"
		     "*(u32 *)(%[skb] + %[word]) = %[before]\n"
		     : [number] "+r"(number), [before] "=&r"(before)
		     : [skb] "r"(skb), [word] "i"(__builtin_offsetof(struct __sk_buff, cb) + 16)
		     : "memory");
	return number;
}

/* The EtherType of what the network header of a frame points at, behind tags that the driver left in the frame. */
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
	fragment = bpf_ntohs(ip.fragment) & 0x3fff; /* more-fragments flag and offset */
	packet->fragment = !fragment ? FRAGMENT_NONE : (fragment & 0x1fff) ? FRAGMENT_LATER : FRAGMENT_FIRST;
	packet->fragment_id = bpf_ntohs(ip.id);
	map_ipv4(packet->key.remote, direction == UP ? ip.destination : ip.source);
	map_ipv4(packet->key.local, direction == UP ? ip.source : ip.destination);
	return 0;
}

/* Walks the extension headers to the transport header. RFC 8200 section 4; AH counts in words of 4, RFC 4302. */
ALWAYS_INLINE int skip_extensions(struct __sk_buff *skb, __u8 next, struct packet *packet)
{
	struct {
		__u8 next, length;
		__be16 fragment;
		__be32 id;
	} extension;

	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		__u32 size;

		if (next != IPV6_HOPOPTS && next != IPV6_ROUTING && next != IPV6_DSTOPTS && next != IPV6_AUTH &&
		    next != IPV6_FRAGMENT)
			break;
		if (load(skb, packet->transport, &extension, sizeof(extension)) < 0)
			return -1;
		size = ((__u32)extension.length + 1) * 8;
		if (next == IPV6_AUTH)
			size = ((__u32)extension.length + 2) * 4;
		if (next == IPV6_FRAGMENT) {
			__u16 fragment = bpf_ntohs(extension.fragment);

			size = sizeof(extension);
			packet->fragment_id = bpf_ntohl(extension.id);
			if (fragment & 0xfff8)
				packet->fragment = FRAGMENT_LATER;
			else if (fragment & 1)
				packet->fragment = FRAGMENT_FIRST;
		}
		next = extension.next;
		packet->transport += size;
		if (packet->fragment == FRAGMENT_LATER)
			break; /* what follows is payload */
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
	packet->length = ip.length ? bpf_ntohs(ip.length) + sizeof(ip) : 0; /* 0: a jumbogram, RFC 2675 */
	packet->fragment = FRAGMENT_NONE;
	__builtin_memcpy(packet->key.remote, direction == UP ? ip.destination : ip.source, 16);
	__builtin_memcpy(packet->key.local, direction == UP ? ip.source : ip.destination, 16);
	return skip_extensions(skb, ip.next, packet);
}

/* A header whose version is not that of its EtherType is refused. Anything but IPv4 is taken for IPv6. */
ALWAYS_INLINE int parse_network(struct __sk_buff *skb, __u16 type, enum direction direction, struct packet *packet)
{
	return type == ETHERTYPE_IPV4 ? parse_ipv4(skb, packet->network, direction, packet)
				      : parse_ipv6(skb, packet->network, direction, packet);
}

/* Where no EtherType says which version it is. */
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

/* ICMP: pings are told apart by their identifier, errors are marked as such. RFC 792, RFC 4443. */
ALWAYS_INLINE int parse_icmp(struct __sk_buff *skb, enum direction direction, struct packet *packet)
{
	__u8 icmp[8];

	if (load(skb, packet->transport, icmp, sizeof(icmp)) < 0)
		return -1;
	if (packet->protocol == IP_PROTOCOL_ICMPV6) {
		if (icmp[0] == 128 || icmp[0] == 129)
			return parse_ping(icmp, 128, direction, &packet->key);
		packet->icmp_error = icmp[0] < 128;
		return 0;
	}
	if (icmp[0] == 8 || icmp[0] == 0)
		return parse_ping(icmp, 8, direction, &packet->key);
	packet->icmp_error = icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12;
	return 0;
}

/* Fills the rest of the key from the transport header; a later fragment has none. */
ALWAYS_INLINE int parse_transport(struct __sk_buff *skb, enum direction direction, struct packet *packet)
{
	struct {
		__be16 source, destination;
	} ports;

	packet->key.protocol = packet->protocol;
	if (packet->fragment == FRAGMENT_LATER)
		return 0;
	if (packet->protocol == IP_PROTOCOL_ICMP || packet->protocol == IP_PROTOCOL_ICMPV6)
		return parse_icmp(skb, direction, packet);
	if (packet->protocol != IP_PROTOCOL_TCP && packet->protocol != IP_PROTOCOL_UDP)
		return 0;
	if (load(skb, packet->transport, &ports, sizeof(ports)) < 0)
		return -1;
	packet->key.remote_port = direction == UP ? ports.destination : ports.source;
	packet->key.local_port = direction == UP ? ports.source : ports.destination;
	return 0;
}

/* Bytes of the transport header that each segment of a merged packet repeats; 0 if unknown. */
ALWAYS_INLINE __u32 transport_header(struct __sk_buff *skb, const struct packet *packet)
{
	__u8 offset;

	if (packet->protocol == IP_PROTOCOL_UDP)
		return 8;
	if (packet->protocol != IP_PROTOCOL_TCP || load(skb, packet->transport + 12, &offset, sizeof(offset)) < 0)
		return 0;
	return (offset >> 4) * 4;
}

/* Link-local and multicast: it ends at the router itself and no client can have asked for it. */
ALWAYS_INLINE int is_for_router(const struct packet *packet)
{
	const __u8 *local = packet->key.local;
	const __u8 *ipv4 = local + 12;

	if (packet->family == 6)
		return local[0] == 0xff || (local[0] == 0xfe && (local[1] & 0xc0) == 0x80);
	return ipv4[0] >= 224 || (ipv4[0] == 169 && ipv4[1] == 254);
}

/* Whether all headers are there. What follows is the same for most of what they can say. */
ALWAYS_INLINE int has_headers(struct __sk_buff *skb, __u16 type, enum direction direction, struct packet *packet)
{
	int parsed = parse_network(skb, type, direction, packet) == 0 && parse_transport(skb, direction, packet) == 0;

	packet->icmp_error = forget(skb, packet->icmp_error);
	return forget(skb, parsed);
}

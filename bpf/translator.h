/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translators on the router: a packet goes into an interface, and another one, of the other IP family, comes out of it.
 *
 *   phone -> br0 -> [translator_egress: notes the account] clat -> tayga -> clat [translator_ingress: finds it] -> WAN
 *   phone <- br0 <- [translator_ingress: finds it] clat <- tayga <- clat [translator_egress: notes what the WAN wrote]
 *
 * A translator takes over the IPv4 address of the far end, the protocol and both ports (RFC 7915). Its packets come out
 * in the order in which they went in, so each finds what was noted for itself.
 */
#pragma once

#include "attribution.h"

enum translated_owner {
	TRANSLATED_UPLOAD = 0x10000,   /* beside an account */
	TRANSLATED_DOWNLOAD = 0x20000, /* beside tc_index as the WAN wrote it */
	TRANSLATED_NUMBER = 0xffff,
};

/* Fills the key for a packet, which was parsed as an upload. Returns -1 where its headers are cut short. */
ALWAYS_INLINE int fill_translated_key(struct __sk_buff *skb, const struct packet *packet, enum direction direction,
				      struct translated_key *key)
{
	const struct flow_key *flow = &packet->key;
	u32 is_upload = direction == UP;
	struct packet inner = {};
	__u8 ping;

	key->direction = direction;
	/* An ICMP error is about a packet on its way in the other direction, by which both sides know it. */
	if (packet->icmp_error) {
		if (parse_ip(skb, packet->transport + 8, UP, &inner) < 0 || parse_transport(skb, UP, &inner) < 0)
			return -1;
		flow = &inner.key;
		is_upload = !is_upload;
	}
	ping = flow->protocol == IP_PROTOCOL_ICMP || flow->protocol == IP_PROTOCOL_ICMPV6;
	key->protocol = ping ? IP_PROTOCOL_ICMP : flow->protocol;
	key->remote = *(__be32 *)((is_upload ? flow->remote : flow->local) + 12);
	if (packet->fragment == FRAGMENT_LATER) {
		key->is_fragment = 1;
		key->id = packet->fragment_id & 0xffff; /* IPv4 has 16 bits of it */
		return 0;
	}
	/* A ping has its identifier in the one, and who asked in the other. Seen from the other side, the other asked. */
	key->local_port = is_upload || ping ? flow->local_port : flow->remote_port;
	key->remote_port = is_upload ? flow->remote_port : flow->local_port;
	if (ping)
		key->remote_port = is_upload ? flow->remote_port : bpf_htons(ECHO_THEY_ASK) - flow->remote_port;
	return 0;
}

/* Notes whose the rest of a fragmented datagram is, at its first fragment. */
ALWAYS_INLINE void note_fragments(const struct packet *packet, const struct translated_key *first, u32 owner)
{
	struct translated_key key = {
		.remote = first->remote,
		.id = packet->fragment_id & 0xffff,
		.protocol = first->protocol,
		.direction = first->direction,
		.is_fragment = 1,
	};

	translated.update(&key, &owner);
}

/* What a packet that goes into a translator is to have again when it comes out. */
ALWAYS_INLINE u32 translated_owner(struct __sk_buff *skb, const struct packet *packet)
{
	u32 crossing = noted_crossing(skb);

	return crossing ? TRANSLATED_DOWNLOAD | crossing : TRANSLATED_UPLOAD | (sender(skb, packet) & SENDER_ACCOUNT);
}

/* Gives a packet that came out of a translator what the one that went in had. */
ALWAYS_INLINE void take_owner(struct __sk_buff *skb, u32 owner)
{
	u32 account = owner & TRANSLATED_NUMBER;

	if (owner & TRANSLATED_DOWNLOAD) {
		put_crossing(skb, account);
		return;
	}
	/* What came from no LAN interface carries no account: the WAN has a reason for it. */
	if (account != ACCOUNT_UNATTRIBUTED)
		carry_sender(skb, account);
}

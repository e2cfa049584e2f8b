/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At a translator of the router (464XLAT, NAT64): who went in is noted, and who came out is found by that. */
#pragma once

#include "frame.h"
#include "translator.h"

/* A packet goes into a translator of the router. */
ALWAYS_INLINE int translator_egress(struct __sk_buff *skb)
{
	struct translated_key key = {};
	struct packet packet = {};
	u16 type = find_ip_header(skb, &packet);
	u32 owner, is_download;

	if (!type || parse_headers(skb, type, UP, &packet) == HEADERS_CUT)
		return TC_ACT_UNSPEC;
	owner = hide_range(skb, translated_owner(skb, &packet));
	is_download = hide_range(skb, !!(owner & TRANSLATED_DOWNLOAD));
	if (fill_translated_key(skb, &packet, is_download ? DOWN : UP, &key) < 0)
		return TC_ACT_UNSPEC;
	if (translated.update(&key, &owner) < 0)
		count_frame(REASON_TRANSLATED_NOT_STORED, skb);
	if (packet.fragment == FRAGMENT_FIRST)
		note_fragments(&packet, &key, owner);
	return TC_ACT_UNSPEC;
}

/* A packet has come out of a translator of the router. Whether it is an upload shows where its key is found. */
ALWAYS_INLINE int translator_ingress(struct __sk_buff *skb)
{
	u32 *found = 0, owner = TRANSLATED_UPLOAD | ACCOUNT_OTHERS;
	struct translated_key key = {};
	struct packet packet = {};
	u16 type;

	/* The packet that went in may be the same one, where the translator is a program of the kernel. */
	forget_carried(skb);
	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	if (parse_headers(skb, type, UP, &packet) == HEADERS_WHOLE) {
#pragma unroll
		for (int turn = 0; turn < 2 && !found; turn++) {
			__builtin_memset(&key, 0, sizeof(key));
			if (fill_translated_key(skb, &packet, turn ? DOWN : UP, &key) == 0)
				found = translated.lookup(&key);
		}
	}
	/* Nobody gains by what cannot be found: `others` is held to the limits of one device. */
	if (found)
		owner = *found;
	else
		count_frame(REASON_TRANSLATED_UNKNOWN, skb);
	owner = hide_range(skb, owner);
	/* A translator takes a packet apart that is too long for IPv6. */
	if (found && packet.fragment == FRAGMENT_FIRST)
		note_fragments(&packet, &key, owner);
	take_owner(skb, owner);
	return TC_ACT_UNSPEC;
}

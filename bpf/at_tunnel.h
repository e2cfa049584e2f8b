/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At a tunnel of the router: before a packet goes in, after it came out. Both are judged here, and charged at the uplink. */
#pragma once

#include "frame.h"
#include "heads.h"
#include "receiver.h"
#include "reserve.h"
#include "reset.h"
#include "tunnel.h"

ALWAYS_INLINE int tunnel_egress(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct size inside, size;
	u16 type = find_ip_header(skb, &packet);
	enum headers headers;
	u32 from, account, upkeep = NO_UPKEEP, tag;
	struct at_uplink at;

	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, UP, &packet);
	from = hide_range(skb, sender(skb, &packet));
	packet.fragment = hide_range(skb, packet.fragment);
	inside = measure(skb, link, &packet);
	size = tunnel_size(skb, &packet, inside);
	account = hide_range(skb, adopt_unattributed(from & SENDER_ACCOUNT, size));
	if (hide_headers(&packet) < 0)
		return TC_ACT_SHOT;
	count_lost_sender(from, size);
	at = uplink_of_own(skb, OWN_TUNNELS);
	tag = judge_upload(skb, &packet, headers == HEADERS_WHOLE && has_flow(&packet), account, size, at);
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL, at, tag);
	if (verdict.level == BLOCKED) {
		upkeep = hide_range(skb, spare_upload(skb, &packet, headers, account, size, IN_TUNNEL, tag));
		if (!upkeep &&
		    reset_or_drop_upload(skb, link, &packet, headers, account, &verdict, size, inside.bytes) == DROPPED)
			goto dropped;
	}
	/* There are no classes inside a tunnel: they would need a device of their own for each direction. */
	verdict.class = 0;
	if (police(&verdict, UP, size) == DROPPED)
		goto dropped;
	claim(account, UP, size);
	if (headers == HEADERS_WHOLE && has_flow(&packet))
		tag = hide_tag(skb, learn_flow(&packet.key, account, size, upkeep, tag));
	add_usage(account, tag, UP, size.bytes);
	show_upload(skb, link, &packet, account, tag);
	return TC_ACT_UNSPEC;
dropped:
	refund_service(skb, &packet, account, tag, size, at);
	count_refused(account, tag, size);
	return TC_ACT_SHOT;
}

ALWAYS_INLINE int tunnel_ingress(struct __sk_buff *skb, struct link link)
{
	struct receiver to = { ACCOUNT_UNATTRIBUTED };
	struct packet packet = {};
	struct verdict verdict;
	struct at_uplink at;
	struct size size;
	enum headers headers;
	u32 account, tag;
	u16 type;

	/* What came out of a tunnel is no packet of the WAN, though the kernel may have taken it out of one in place. */
	forget_carried(skb);
	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, DOWN, &packet);
	size = hide_size(skb, tunnel_size(skb, &packet, measure(skb, link, &packet)));
	if (headers == HEADERS_WHOLE)
		to = attribute_download(skb, &packet, size);
	if (hide_headers(&packet) < 0)
		return TC_ACT_SHOT;
	account = hide_range(skb, adopt_unattributed(to.account, size));
	if (packet.fragment != FRAGMENT_NONE)
		credit_fragment(account, size.bytes);
	add_usage(account, to.tag, DOWN, size.bytes);
	show_answer(skb, link, &packet, account, to.tag);
	note_crossing(skb, &packet, account, TC_INDEX_APART);
	account = hide_range(skb, account);
	packet.fragment = hide_range(skb, packet.fragment);
	/* First claim, then judge, which adds to `used`. User space subtracts the claims from `used` to get the bytes
	 * on the WAN, so `used` must never hold bytes that are not claimed yet. */
	claim(account, DOWN, size);
	at = uplink_of_own(skb, OWN_TUNNELS);
	tag = judge_tagged(skb, account, to.tag, DOWN, size.bytes, at);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL, at, tag);
	if (verdict.level == BLOCKED && !is_spared_download(skb, &packet, headers, account, size, IN_TUNNEL, tag)) {
		if (reset_or_drop_download(skb, link, &packet, headers, account, &verdict, size) == DROPPED) {
			count_refused(account, tag, size);
			return TC_ACT_SHOT;
		}
		/* It ends a flow at whoever has it. */
		forget_carried(skb);
	}
	verdict.class = 0;
	if (police(&verdict, DOWN, size) == DROPPED)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

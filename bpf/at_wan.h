/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At the uplink: a packet in either direction is counted, judged, charged, and learned from. */
#pragma once

#include "frame.h"
#include "heads.h"
#include "receiver.h"
#include "reserve.h"
#include "reset.h"
#include "sent.h"
#include "tunnel.h"
#include "unbilled.h"
#include "urgent.h"

/* A packet to the modem itself is counted by its reason only. A device that is blocked does not get there, but a plan of
 * everyone that is used up does not count: the page of the modem is where people buy more. Of the router nothing is held,
 * as it may lose its address. */
ALWAYS_INLINE int pass_unbilled_upload(struct __sk_buff *skb, u32 account, struct size size, struct at_uplink at)
{
	if (account != ACCOUNT_ROUTER && is_blocked_below_everyone(account, ON_UP, 1, at)) {
		count(REASON_UPLOAD_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	count(REASON_UNBILLED, size);
	note_counted_upload(skb, account, 0);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int wan_egress(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct at_uplink at;
	struct size size;
	enum headers headers;
	u32 from, account;
	int is_shaped;
	u32 upkeep = NO_UPKEEP, tag;
	u16 type;

	if (was_counted(skb, UP))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, UP, &packet);
	from = sender(skb, &packet);
	size = measure(skb, link, &packet);
	from = hide_range(skb, from);
	packet.fragment = hide_range(skb, packet.fragment);
	account = from & SENDER_ACCOUNT;
	at = uplink_at(skb, skb->ifindex);
	if (is_unbilled(packet.key.remote))
		return pass_unbilled_upload(skb, account, size, at);
	/* Packets that carry a tunnel have an account of their own: user space shares their bytes out. */
	if (account == ACCOUNT_ROUTER && carries_tunnel(&packet)) {
		note_tunnel_headers(&packet);
		note_own_uplink(OWN_TUNNELS, skb->ifindex);
		account = ACCOUNT_TUNNELS;
	} else if (account == ACCOUNT_ROUTER) {
		note_own_uplink(OWN_PACKETS, skb->ifindex);
	}
	account = hide_range(skb, account);
	count_lost_sender(from, size);
#if SCOPES || NAMES /* without both, the verifier has few ways to walk from here, and the copy would cost each upload 8 ns */
	if (hide_headers(&packet) < 0)
		return TC_ACT_SHOT;
	size = hide_size(skb, size);
#endif
	tag = judge_upload(skb, &packet, headers != HEADERS_CUT && has_flow(&packet), account, size, at);
	verdict = judge(skb, account, UP, size.bytes, ON_WAN, at, tag);
	if (verdict.level == BLOCKED) {
		upkeep = hide_range(skb, spare_upload(skb, &packet, headers, account, size, ON_WAN, tag));
		if (!upkeep && reset_or_drop_upload(skb, link, &packet, headers, account, &verdict, size, size.bytes) == DROPPED)
			goto dropped;
	}
	is_shaped = keep_class_of_link(skb, &verdict, UP);
	if (police(&verdict, UP, size) == DROPPED)
		goto dropped;
	/* From here on the packet leaves, and is billed unless a queue behind this hook drops it. */
	prefer_urgent(skb, &verdict, &packet, size);
	classify(skb, &verdict);
	count_queued(&verdict, size.bytes);
	if (is_shaped | (int)(at.is_free & 1)) {
		count_shaped(account, size.bytes);
		count_queue_of_uplink(at, size.bytes, 0);
	}
	charge(account, &verdict, UP, size, at);
	note_counted_upload(skb, account, !(is_shaped | (int)(at.is_free & 1)));
	if (account == ACCOUNT_UNATTRIBUTED)
		count(REASON_WAN_OUT_UNMARKED, size);
	if (headers == HEADERS_CUT)
		count(REASON_WAN_OUT_TRUNCATED, size);
	else if (account != ACCOUNT_UNATTRIBUTED && has_flow(&packet))
		tag = hide_tag(skb, learn_flow(&packet.key, account, size, upkeep, tag | (at.uncounted & TAG_UNCOUNTED)));
	add_usage(account, tag, UP, size.bytes);
	show_upload(skb, link, &packet, account, tag);
	return TC_ACT_UNSPEC;
dropped:
	refund_service(skb, &packet, account, tag, size, at);
	count_refused(account, tag, size);
	return TC_ACT_SHOT;
}

ALWAYS_INLINE int wan_ingress(struct __sk_buff *skb, struct link link)
{
	struct receiver to;
	struct packet packet = {};
	struct verdict verdict;
	struct at_uplink at;
	struct size size;
	enum headers headers;
	u16 type;

	if (skip_looped_back(skb) || skip_not_for_us(skb) || skip_counted_download(skb))
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, DOWN, &packet);
	size = measure(skb, link, &packet);
	if (is_unbilled(packet.key.remote)) {
		count(REASON_UNBILLED, size);
		note_crossing(skb, &packet, ACCOUNT_UNATTRIBUTED, TC_INDEX_APART);
		return TC_ACT_UNSPEC;
	}
	if (headers == HEADERS_WHOLE)
		to = attribute_download(skb, &packet, size);
	else
		to = attribute_cut_download(&packet);
	to.account = hide_range(skb, to.account);
	to.reason = hide_range(skb, to.reason);
	to.tag = hide_tag(skb, to.tag);
	size = hide_size(skb, size);
	headers = hide_range(skb, headers);
	packet.fragment = hide_range(skb, packet.fragment);
	if (hide_headers(&packet) < 0)
		return TC_ACT_SHOT;
	/* Where no interface is between, the LAN sees what was in it, and claims. */
	if (to.account == ACCOUNT_TUNNELS)
		put_crossing(skb, TC_INDEX_CROSSED | TC_INDEX_APART | ACCOUNT_ROUTER);
	else
		note_crossing(skb, &packet, to.account, 0);
	at = uplink_at(skb, skb->ifindex);
	if (to.earlier.bytes)
		move_earlier(skb, &to, at);
	/* Here, and not behind the verdict, of which there are many kinds: the verifier would walk this once for each. */
	add_usage(to.account, to.tag, DOWN, size.bytes);
	show_answer(skb, link, &packet, to.account, to.tag);
	to.tag = judge_tagged(skb, to.account, to.tag, DOWN, size.bytes, at);
	verdict = judge(skb, to.account, DOWN, size.bytes, ON_WAN, at, to.tag);
	/* The packet has crossed the link and is billed, whatever becomes of it. */
	charge(to.account, &verdict, DOWN, size, at);
	if (to.account == ACCOUNT_UNATTRIBUTED)
		count(to.reason, size);
	else if (packet.fragment != FRAGMENT_NONE)
		credit_fragment(to.account, size.bytes);
	if (verdict.level == BLOCKED && !is_spared_download(skb, &packet, headers, to.account, size, ON_WAN, to.tag)) {
		if (reset_or_drop_download(skb, link, &packet, headers, to.account, &verdict, size) == DROPPED) {
			count_refused(to.account, to.tag, size);
			return TC_ACT_SHOT;
		}
		/* It ends a flow at whoever has it. */
		forget_carried(skb);
	}
	keep_class_of_link(skb, &verdict, DOWN);
	if (police(&verdict, DOWN, size) == DROPPED)
		return TC_ACT_SHOT;
	prefer_urgent(skb, &verdict, &packet, size);
	classify(skb, &verdict);
	return TC_ACT_UNSPEC;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At the LAN: the account of an upload is written beside it; who gets a download is looked at again. */
#pragma once

#include "frame.h"
#include "names.h"
#include "receiver.h"
#include "tunnel.h"

/* Returns whether `mac` is an address that a device can have: no group, and not zeros. */
ALWAYS_INLINE int is_device(const u8 *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

ALWAYS_INLINE int lan_ingress_by_mac(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_MAC };
	u32 account = ACCOUNT_OTHERS;

	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	/* Only what is made up comes from an address that no device can have, and it is not to gain anything by it. */
	if (bpf_skb_load_bytes_relative(skb, 6, client.address, 6, BPF_HDR_START_MAC) == 0 && is_device(client.address))
		account = account_of(skb, &client);
	else
		count_frame(REASON_LAN_NO_SOURCE, skb);
	name_sender(skb, account);
	return is_refused_question(skb, account) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

ALWAYS_INLINE int lan_ingress_by_address(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_IP };
	struct packet packet = {};
	u32 account = ACCOUNT_OTHERS;

	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	/* Parsed as an upload, so that `local` is the source. It stands before headers that may be cut short. */
	parse_ip(skb, 0, UP, &packet);
	if (packet.family) {
		__builtin_memcpy(client.address, packet.key.local, 16);
		account = account_of(skb, &client);
	} else {
		count_frame(REASON_LAN_NO_SOURCE, skb);
	}
	name_sender(skb, account);
	return is_refused_question(skb, account) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* What a download adds to the limits of its receiver, to which it is moved. */
ALWAYS_INLINE struct size new_to_receiver(struct __sk_buff *skb, u32 crossing, u32 receiver, const struct packet *packet,
					  struct size size, struct at_uplink at)
{
	u32 charged = crossing & TC_INDEX_ACCOUNT, is_fragment = crossing & TC_INDEX_FRAGMENT;
	int is_client = charged >= ACCOUNT_FIRST_CLIENT && charged != ACCOUNT_OTHERS;
	struct size rest = {}, news;

	if (crossing & TC_INDEX_APART)
		size = hide_size(skb, tunnel_size(skb, packet, size));
	if (is_fragment && charged != ACCOUNT_UNATTRIBUTED)
		rest = hide_size(skb, orphans(skb, charged, size));
	news = hide_size(skb, receiver != charged ? size : rest);
	/* Of a tunnel, both claim, and user space shares out. A claim is never taken back. */
	if (crossing & TC_INDEX_APART)
		claim_unnamed(receiver, DOWN, news);
	else
		move(skb, charged, receiver, size, rest, is_client && !is_fragment && has_own_flow(packet), at);
	return news;
}

ALWAYS_INLINE int drop_unbilled(struct __sk_buff *skb)
{
	count_frame(REASON_LAN_BLOCKED, skb);
	return TC_ACT_SHOT;
}

ALWAYS_INLINE int lan_egress(struct __sk_buff *skb, struct link link, u32 crossing, struct client_key *client)
{
	u32 charged = crossing & TC_INDEX_ACCOUNT, receiver = hide_range(skb, receiver_of(client, charged));
	int is_known = receiver == charged && !(crossing & TC_INDEX_FRAGMENT);
	struct size size, news = {};
	struct packet packet = {};
	struct verdict verdict;
	struct at_uplink at;
	u16 type;

	/* Anybody far away may write the address of the modem into what he sends. */
	if ((crossing & ~TC_INDEX_FRAGMENT) == (TC_INDEX_CROSSED | TC_INDEX_APART))
		return is_blocked_below_everyone(receiver, ON_DOWN, 1, uplink_at(skb, skb->ingress_ifindex))
			       ? drop_unbilled(skb)
			       : TC_ACT_UNSPEC;
	/* The WAN was right, or knew better: tunnels of the router are shared out by user space. */
	if ((is_known && !is_blocked_by_hand(receiver)) || charged >= ACCOUNTS)
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	parse_headers(skb, type, DOWN, &packet);
	if (hide_headers(&packet) < 0)
		return TC_ACT_SHOT;
	size = hide_size(skb, measure(skb, link, &packet));
	packet.repeated = hide_range(skb, packet.repeated);
	/* What is out of a tunnel came in by that; all else by its uplink. */
	if (crossing & TC_INDEX_APART)
		at = uplink_of_own(skb, OWN_TUNNELS);
	else
		at = uplink_at(skb, skb->ingress_ifindex);
	if (!is_known) {
		news = new_to_receiver(skb, crossing, receiver, &packet, size, at);
		if (!news.bytes)
			return TC_ACT_UNSPEC;
	}
	verdict = judge(skb, receiver, DOWN, news.bytes, ON_LAN, at, SERVICE_UNNAMED);
	if (verdict.level == BLOCKED) {
		waste(&verdict, size.bytes);
		count(REASON_LAN_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	count(REASON_LAN_MOVED, news);
	/* Its queue was chosen at the WAN, so that drops are all that is left. */
	verdict.class = 0;
	return police(&verdict, DOWN, news) == DROPPED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

ALWAYS_INLINE int lan_egress_by_mac(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_MAC };
	u32 crossing = take_crossing(skb);

	if (bpf_skb_load_bytes_relative(skb, 0, client.address, 6, BPF_HDR_START_MAC) < 0)
		return TC_ACT_UNSPEC;
	if (!crossing)
		return is_refused_answer(skb, (struct link){ .l2 = 14 }, &client) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	return lan_egress(skb, (struct link){ .l2 = 14 }, crossing, &client);
}

ALWAYS_INLINE int lan_egress_by_address(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_IP };
	u32 crossing = take_crossing(skb);
	struct packet packet = {};

	parse_ip(skb, 0, DOWN, &packet);
	__builtin_memcpy(client.address, packet.key.local, 16);
	if (!crossing)
		return is_refused_answer(skb, (struct link){ .l2 = 0 }, &client) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	return lan_egress(skb, (struct link){ .l2 = 0 }, crossing, &client);
}

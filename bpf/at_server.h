/* SPDX-License-Identifier: GPL-2.0-or-later */
/* At a VPN of the router by which devices far away exit: both halves of what they move are theirs. */
#pragma once

#include "at_lan.h"

/* The address of a device behind a VPN of the router: MAC or IP, as its link has it. */
ALWAYS_INLINE int fill_remote_client(struct __sk_buff *skb, struct link link, enum direction direction,
				     struct client_key *client)
{
	__be32 ipv4;

	if (link.l2) {
		client->kind = CLIENT_MAC;
		return bpf_skb_load_bytes_relative(skb, direction == UP ? 6 : 0, client->address, 6, BPF_HDR_START_MAC);
	}
	client->kind = CLIENT_IP;
	if (bpf_ntohs(skb->protocol) == ETHERTYPE_IPV6)
		return load(skb, direction == UP ? 8 : 24, client->address, 16);
	if (load(skb, direction == UP ? 12 : 16, &ipv4, sizeof(ipv4)) < 0)
		return -1;
	map_ipv4(client->address, ipv4);
	return 0;
}

/* What a packet of a device behind a VPN of the router comes to outside. Returns the size 0 where it is no IP. */
ALWAYS_INLINE struct size remote_size(struct __sk_buff *skb, struct link link, enum direction direction)
{
	struct packet packet = {};
	struct size size = {};
	u16 type = find_ip_header(skb, &packet);

	if (type) {
		parse_headers(skb, type, direction, &packet);
		/* What the verifier need not know of the headers, it need not tell apart: see hide_range(). */
		packet.network = hide_range(skb, packet.network);
		packet.transport = hide_range(skb, packet.transport);
		packet.length = hide_range(skb, packet.length);
		packet.protocol = hide_range(skb, packet.protocol);
		packet.family = hide_range(skb, packet.family);
		size = tunnel_size(skb, &packet, hide_size(skb, measure(skb, link, &packet)));
	}
	return hide_size(skb, size);
}

/* A device far away exits by this router: its packet came in by a VPN of the router, of which it is a client. Outside that
 * was a download, and what it asks the Internet for is an upload beside it: both halves are the device's. */
ALWAYS_INLINE int server_ingress(struct __sk_buff *skb, struct link link)
{
	struct client_key client = {};
	struct verdict verdict;
	struct at_uplink at;
	struct size size;
	u32 account = ACCOUNT_OTHERS, tag;

	forget_carried(skb);
	if (skip_looped_back(skb))
		return TC_ACT_UNSPEC;
	size = remote_size(skb, link, UP);
	if (fill_remote_client(skb, link, UP, &client) == 0)
		account = account_of(skb, &client);
	else
		count_frame(REASON_LAN_NO_SOURCE, skb);
	account = hide_range(skb, account);
	name_sender(skb, account);
	/* First claim, then judge: as in tunnel_ingress. */
	claim_unnamed(account, DOWN, size);
	at = uplink_of_own(skb, OWN_TUNNELS);
	tag = judge_tagged(skb, account, SERVICE_UNNAMED, DOWN, size.bytes, at);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL, at, tag);
	verdict.class = 0;
	if (verdict.level == BLOCKED) {
		waste(&verdict, size.bytes);
		count_refused(account, tag, size);
		count(REASON_DOWNLOAD_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	return police(&verdict, DOWN, size) == DROPPED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* A packet for a device far away: outside it is an upload. Who sends to a peer that is no client pays for that. */
ALWAYS_INLINE int server_egress(struct __sk_buff *skb, struct link link)
{
	u32 crossing = take_crossing(skb), account, tag, *known;
	struct size size = remote_size(skb, link, DOWN);
	struct client_key client = {};
	struct packet none = {};
	struct verdict verdict;
	struct at_uplink at;

	if (fill_remote_client(skb, link, DOWN, &client) < 0)
		return TC_ACT_UNSPEC;
	if (crossing && hide_range(skb, lan_egress(skb, link, crossing, &client)) == TC_ACT_SHOT)
		return TC_ACT_SHOT;
	known = clients.lookup(&client);
	account = known ? *known : noted_sender(skb);
	account = hide_range(skb, account ? account : ACCOUNT_ROUTER);
	at = uplink_of_own(skb, OWN_TUNNELS);
	tag = judge_tagged(skb, account, SERVICE_UNNAMED, UP, size.bytes, at);
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL, at, tag);
	verdict.class = 0;
	if (verdict.level == BLOCKED) {
		refund(&verdict);
		count(REASON_UPLOAD_BLOCKED, size);
		goto dropped;
	}
	if (police(&verdict, UP, size) == DROPPED)
		goto dropped;
	claim_unnamed(account, UP, size);
	return TC_ACT_UNSPEC;
dropped:
	refund_service(skb, &none, account, tag, size, at);
	count_refused(account, tag, size);
	return TC_ACT_SHOT;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meter: who used what, in the bytes that the carrier bills.
 *
 *                 client                          router                          carrier
 *   up      -> [lan_ingress] names the sender -> routing, NAT  -> [wan_egress] by that, learns the flow ->
 *   down    <- [lan_egress] looks again          routing, NAT  <- [wan_ingress] by the flow                 <-
 *                                       behind the queue of the uplink, before its driver: [wan_tap] counts what leaves
 *   VPN     the same two, as tunnel_egress and tunnel_ingress, on the interface of a tunnel of the router (tunnel.h)
 *   CLAT    translator_egress and translator_ingress, on the interface of a translator of the router (translator.h)
 *
 * Every hook returns TC_ACT_UNSPEC, so that filters after ours still run, or TC_ACT_SHOT to drop a packet (R6).
 * esimshaper/edge/bpf/compiler.py compiles this file by bcc, and defines the sizes and the bits of the mark.
 */
#include "attribution.h"
#include "names.h"
#include "receiver.h"
#include "reserve.h"
#include "reset.h"
#include "sent.h"
#include "translator.h"
#include "tunnel.h"
#include "unbilled.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2
#define PACKET_OTHERHOST 3 /* include/uapi/linux/if_packet.h */
#define PACKET_OUTGOING 4
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

/* Returns whether the frame is to be left alone: it is billed already. */
ALWAYS_INLINE int skip_counted_download(struct __sk_buff *skb)
{
	if (!was_counted(skb, DOWN))
		return 0;
	note_unpacked(skb);
	count_frame(REASON_WAN_IN_AGAIN, skb);
	return 1;
}

/* A packet to the modem itself is counted by its reason only. A device that is blocked does not get there, but a plan of
 * everyone that is used up does not count: the page of the modem is where people buy more. Of the router nothing is held,
 * as it may lose its address. */
ALWAYS_INLINE int pass_unbilled_upload(struct __sk_buff *skb, u32 account, struct size size)
{
	if (account != ACCOUNT_ROUTER && is_blocked_below_everyone(account, ON_UP, 1)) {
		count(REASON_UPLOAD_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	count(REASON_UNBILLED, size);
	note_counted_upload(skb, account, 0);
	return TC_ACT_UNSPEC;
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
	enum headers headers;
	u32 from, account;
	int is_shaped;
	u32 upkeep = NO_UPKEEP;
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
	if (is_unbilled(packet.key.remote))
		return pass_unbilled_upload(skb, account, size);
	/* Packets that carry a tunnel have an account of their own: user space shares their bytes out. */
	if (account == ACCOUNT_ROUTER && carries_tunnel(&packet)) {
		note_tunnel_headers(&packet);
		account = ACCOUNT_TUNNELS;
	}
	account = hide_range(skb, account);
	count_lost_sender(from, size);
	verdict = judge(skb, account, UP, size.bytes, ON_WAN);
	if (verdict.level == BLOCKED) {
		upkeep = hide_range(skb, spare_upload(skb, &packet, headers, account, size, ON_WAN));
		if (!upkeep && reset_or_drop_upload(skb, link, &packet, headers, account, &verdict, size, size.bytes) == DROPPED)
			return TC_ACT_SHOT;
	}
	is_shaped = keep_class_of_link(skb, &verdict, UP);
	if (police(&verdict, UP, size) == DROPPED)
		return TC_ACT_SHOT;
	/* From here on the packet leaves, and is billed unless a queue behind this hook drops it. */
	classify(skb, &verdict);
	count_queued(&verdict, size.bytes);
	if (is_shaped)
		count_shaped(account, size.bytes);
	charge(&verdict, UP, size);
	note_counted_upload(skb, account, !is_shaped);
	if (account == ACCOUNT_UNATTRIBUTED)
		count(REASON_WAN_OUT_UNMARKED, size);
	if (headers == HEADERS_CUT)
		count(REASON_WAN_OUT_TRUNCATED, size);
	else if (account != ACCOUNT_UNATTRIBUTED && has_flow(&packet))
		learn_flow(&packet.key, account, size, upkeep);
	return TC_ACT_UNSPEC;
}

ALWAYS_INLINE int wan_ingress(struct __sk_buff *skb, struct link link)
{
	struct receiver to;
	struct packet packet = {};
	struct verdict verdict;
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
	packet.fragment = hide_range(skb, packet.fragment);
	/* Where no interface is between, the LAN sees what was in it, and claims. */
	if (to.account == ACCOUNT_TUNNELS)
		put_crossing(skb, TC_INDEX_CROSSED | TC_INDEX_APART | ACCOUNT_ROUTER);
	else
		note_crossing(skb, &packet, to.account, 0);
	if (to.earlier.bytes)
		move_earlier(skb, &to);
	verdict = judge(skb, to.account, DOWN, size.bytes, ON_WAN);
	/* The packet has crossed the link and is billed, whatever becomes of it. */
	charge(&verdict, DOWN, size);
	if (to.account == ACCOUNT_UNATTRIBUTED)
		count(to.reason, size);
	else if (packet.fragment != FRAGMENT_NONE)
		credit_fragment(to.account, size.bytes);
	if (verdict.level == BLOCKED && !is_spared_download(skb, &packet, headers, to.account, size, ON_WAN)) {
		if (reset_or_drop_download(skb, link, &packet, headers, to.account, &verdict, size) == DROPPED)
			return TC_ACT_SHOT;
		/* It ends a flow at whoever has it. */
		forget_carried(skb);
	}
	keep_class_of_link(skb, &verdict, DOWN);
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
	u32 from, account, upkeep = NO_UPKEEP;

	if (!type)
		return TC_ACT_UNSPEC;
	headers = parse_headers(skb, type, UP, &packet);
	from = hide_range(skb, sender(skb, &packet));
	packet.fragment = hide_range(skb, packet.fragment);
	inside = measure(skb, link, &packet);
	size = tunnel_size(skb, &packet, inside);
	account = hide_range(skb, adopt_unattributed(from & SENDER_ACCOUNT, size));
	count_lost_sender(from, size);
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED) {
		upkeep = hide_range(skb, spare_upload(skb, &packet, headers, account, size, IN_TUNNEL));
		if (!upkeep &&
		    reset_or_drop_upload(skb, link, &packet, headers, account, &verdict, size, inside.bytes) == DROPPED)
			return TC_ACT_SHOT;
	}
	/* There are no classes inside a tunnel: they would need a device of their own for each direction. */
	verdict.class = 0;
	if (police(&verdict, UP, size) == DROPPED)
		return TC_ACT_SHOT;
	claim(account, UP, size);
	if (headers == HEADERS_WHOLE && has_flow(&packet))
		learn_flow(&packet.key, account, size, upkeep);
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
	account = hide_range(skb, adopt_unattributed(to.account, size));
	if (packet.fragment != FRAGMENT_NONE)
		credit_fragment(account, size.bytes);
	note_crossing(skb, &packet, account, TC_INDEX_APART);
	account = hide_range(skb, account);
	packet.fragment = hide_range(skb, packet.fragment);
	/* First claim, then judge, which adds to `used`. User space subtracts the claims from `used` to get the bytes
	 * on the WAN, so `used` must never hold bytes that are not claimed yet. */
	claim(account, DOWN, size);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL);
	if (verdict.level == BLOCKED && !is_spared_download(skb, &packet, headers, account, size, IN_TUNNEL)) {
		if (reset_or_drop_download(skb, link, &packet, headers, account, &verdict, size) == DROPPED)
			return TC_ACT_SHOT;
		/* It ends a flow at whoever has it. */
		forget_carried(skb);
	}
	verdict.class = 0;
	if (police(&verdict, DOWN, size) == DROPPED)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

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

/* What a download adds to the limits of its receiver, to which it is moved. */
ALWAYS_INLINE struct size new_to_receiver(struct __sk_buff *skb, u32 crossing, u32 receiver, const struct packet *packet,
					  struct size size)
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
		claim(receiver, DOWN, news);
	else
		move(skb, charged, receiver, size, rest, is_client && !is_fragment && has_own_flow(packet));
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
	u16 type;

	/* Anybody far away may write the address of the modem into what he sends. */
	if ((crossing & ~TC_INDEX_FRAGMENT) == (TC_INDEX_CROSSED | TC_INDEX_APART))
		return is_blocked_below_everyone(receiver, ON_DOWN, 1) ? drop_unbilled(skb) : TC_ACT_UNSPEC;
	/* The WAN was right, or knew better: tunnels of the router are shared out by user space. */
	if ((is_known && !is_blocked_by_hand(receiver)) || charged >= ACCOUNTS)
		return TC_ACT_UNSPEC;
	type = find_ip_header(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	parse_headers(skb, type, DOWN, &packet);
	hide_packet(skb, &packet);
	size = hide_size(skb, measure(skb, link, &packet));
	packet.repeated = hide_range(skb, packet.repeated);
	if (!is_known) {
		news = new_to_receiver(skb, crossing, receiver, &packet, size);
		if (!news.bytes)
			return TC_ACT_UNSPEC;
	}
	verdict = judge(skb, receiver, DOWN, news.bytes, ON_LAN);
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

/* A socket filter, for any kind of link: the kernel shows it the packet from its IP header on. It keeps none. */
int wan_tap(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_OUTGOING)
		count_sent(skb);
	return 0;
}

int tunnel_egress_ethernet(struct __sk_buff *skb)
{
	return tunnel_egress(skb, (struct link){ .l2 = 14 });
}

int tunnel_egress_raw(struct __sk_buff *skb)
{
	return tunnel_egress(skb, (struct link){ .l2 = 0 });
}

int tunnel_ingress_ethernet(struct __sk_buff *skb)
{
	return tunnel_ingress(skb, (struct link){ .l2 = 14 });
}

int tunnel_ingress_raw(struct __sk_buff *skb)
{
	return tunnel_ingress(skb, (struct link){ .l2 = 0 });
}

int translator_egress_ethernet(struct __sk_buff *skb)
{
	return translator_egress(skb);
}

int translator_egress_raw(struct __sk_buff *skb)
{
	return translator_egress(skb);
}

int translator_ingress_ethernet(struct __sk_buff *skb)
{
	return translator_ingress(skb);
}

int translator_ingress_raw(struct __sk_buff *skb)
{
	return translator_ingress(skb);
}

/* Returns whether `mac` is an address that a device can have: no group, and not zeros. */
ALWAYS_INLINE int is_device(const u8 *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

int lan_ingress_ethernet(struct __sk_buff *skb)
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

int lan_ingress_raw(struct __sk_buff *skb)
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

int lan_egress_ethernet(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_MAC };
	u32 crossing = take_crossing(skb);

	if (bpf_skb_load_bytes_relative(skb, 0, client.address, 6, BPF_HDR_START_MAC) < 0)
		return TC_ACT_UNSPEC;
	if (!crossing)
		return is_refused_answer(skb, &client) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	return lan_egress(skb, (struct link){ .l2 = 14 }, crossing, &client);
}

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
	struct size size;
	u32 account = ACCOUNT_OTHERS;

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
	claim(account, DOWN, size);
	verdict = judge(skb, account, DOWN, size.bytes, IN_TUNNEL);
	verdict.class = 0;
	if (verdict.level == BLOCKED) {
		waste(&verdict, size.bytes);
		count(REASON_DOWNLOAD_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	return police(&verdict, DOWN, size) == DROPPED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* A packet for a device far away: outside it is an upload. Who sends to a peer that is no client pays for that. */
ALWAYS_INLINE int server_egress(struct __sk_buff *skb, struct link link)
{
	u32 crossing = take_crossing(skb), account, *known;
	struct size size = remote_size(skb, link, DOWN);
	struct client_key client = {};
	struct verdict verdict;

	if (fill_remote_client(skb, link, DOWN, &client) < 0)
		return TC_ACT_UNSPEC;
	if (crossing && hide_range(skb, lan_egress(skb, link, crossing, &client)) == TC_ACT_SHOT)
		return TC_ACT_SHOT;
	known = clients.lookup(&client);
	account = known ? *known : noted_sender(skb);
	account = hide_range(skb, account ? account : ACCOUNT_ROUTER);
	verdict = judge(skb, account, UP, size.bytes, IN_TUNNEL);
	verdict.class = 0;
	if (verdict.level == BLOCKED) {
		refund(&verdict, size.bytes);
		count(REASON_UPLOAD_BLOCKED, size);
		return TC_ACT_SHOT;
	}
	if (police(&verdict, UP, size) == DROPPED)
		return TC_ACT_SHOT;
	claim(account, UP, size);
	return TC_ACT_UNSPEC;
}

int server_ingress_ethernet(struct __sk_buff *skb)
{
	return server_ingress(skb, (struct link){ .l2 = 14 });
}

int server_ingress_raw(struct __sk_buff *skb)
{
	return server_ingress(skb, (struct link){ .l2 = 0 });
}

int server_egress_ethernet(struct __sk_buff *skb)
{
	return server_egress(skb, (struct link){ .l2 = 14 });
}

int server_egress_raw(struct __sk_buff *skb)
{
	return server_egress(skb, (struct link){ .l2 = 0 });
}

int lan_egress_raw(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_IP };
	u32 crossing = take_crossing(skb);
	struct packet packet = {};

	parse_ip(skb, 0, DOWN, &packet);
	__builtin_memcpy(client.address, packet.key.local, 16);
	if (!crossing)
		return is_refused_answer(skb, &client) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	return lan_egress(skb, (struct link){ .l2 = 0 }, crossing, &client);
}

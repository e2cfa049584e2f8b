/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The account of a packet: packet in, account out.
 *
 *   LAN    source MAC or address -> account, which the packet carries through routing and NAT (carried.h)
 *   up     account that the packet carries; the flow as the carrier sees it is learned
 *   down   flow -> account
 */
#pragma once

#include "carried.h"
#include "ipsec.h"
#include "services.h"
#include "size.h"

/* Who sent an upload, in one number, which costs the verifier one state and not two: the account, and above it the
 * enum reason why the client is not known, or 0. */
#define SENDER_ACCOUNT 0x00ffffff
#define SENDER_REASON_SHIFT 24

ALWAYS_INLINE int is_client(u32 account)
{
	return account >= ACCOUNT_FIRST_CLIENT && account < ACCOUNTS;
}

ALWAYS_INLINE int is_same_client(const struct client_key *one, const struct client_key *other)
{
	const u32 *left = (const u32 *)one->address, *right = (const u32 *)other->address;

	return !((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) | (left[3] ^ right[3]) |
		 (one->kind ^ other->kind));
}

/* The client in the mark of an upload, if the mark is ours and the client is there; 0 otherwise. */
ALWAYS_INLINE u32 believable_mark(const struct __sk_buff *skb)
{
	u32 marked = marked_sender(skb);
	const struct client_key none = {}, *owner;

	/* Bits of somebody else make a number that nobody has: such an account would have no limits of its own. */
	if (!is_client(marked))
		return 0;
	owner = owners.lookup(&marked);
	return owner && !is_same_client(owner, &none) ? marked : 0;
}

/* The sender of an upload that carries no account, or only in its mark. Few packets come here. */
ALWAYS_INLINE u32 sender_by_tables(struct __sk_buff *skb, const struct packet *packet)
{
	u32 link = skb->ingress_ifindex, number = believable_mark(skb), crossing = noted_crossing(skb), *account = 0;
	enum reason reason = marked_sender(skb) ? REASON_MARK_FOREIGN : REASON_ACCOUNT_LOST;
	struct flow *flow;

	if (number)
		return number;
	/* It came from afar and goes back there: a loop, or the answer to somebody whose address a device has written. Who
	 * was charged for it on its way in has made it. */
	if (!(crossing & TC_INDEX_APART) && is_client(crossing & TC_INDEX_ACCOUNT))
		return crossing & TC_INDEX_ACCOUNT;
	if (!lan_links.lookup(&link))
		return REASON_WAN_OUT_UNMARKED << SENDER_REASON_SHIFT | ACCOUNT_UNATTRIBUTED;
	/* It came by a LAN, where each packet gets an account, so somebody took that away. */
	flow = flows.lookup((struct flow_key *)&packet->key);
	if (flow)
		number = flow->account;
	else if (packet->family == 6)
		account = addresses.lookup((struct address_key *)packet->key.local);
	if (account)
		number = *account;
	if (is_client(number) && number != ACCOUNT_OTHERS)
		return number;
	/* Whoever it is, it is held to what a device that is not listed may use. */
	return reason << SENDER_REASON_SHIFT | ACCOUNT_OTHERS;
}

/* The sender of an upload. */
ALWAYS_INLINE u32 sender(struct __sk_buff *skb, const struct packet *packet)
{
	/* tc_index goes before the mark, which wg-quick and firewalls write as well. */
	u32 number = noted_sender(skb);
	int is_fragment6 = packet->family == 6 && packet->fragment != FRAGMENT_NONE;

	if (number >= ACCOUNTS)
		number = 0;
	/* What the router itself sends has no ingress_ifindex, and its mark may be anybody's. IPv6 fragments of clients
	 * may lack it too: where conntrack has put a packet together and the kernel must copy it to take it apart again
	 * (with a tcpdump running, say), ip6_copy_metadata in net/ipv6/ip6_output.c keeps mark and tc_index only. */
	if (!skb->ingress_ifindex) {
		if (is_fragment6 && !is_client(number))
			number = believable_mark(skb);
		return is_fragment6 && number ? number : ACCOUNT_ROUTER;
	}
	/* Of the router's own packets, those that a translator made anew have come in by an interface. */
	return number ? number : sender_by_tables(skb, packet);
}

/* Counts an upload that lost its account, also one that a limit of `others` will stop. */
ALWAYS_INLINE void count_lost_sender(u32 from, struct size size)
{
	if (from >> SENDER_REASON_SHIFT && (from & SENDER_ACCOUNT) == ACCOUNT_OTHERS)
		count(from >> SENDER_REASON_SHIFT, size);
}

/* Returns the tag under which the bytes were added. */
ALWAYS_INLINE u32 charge_flow(struct flow *flow, enum direction direction, struct size size)
{
	flow->last_seen = bpf_ktime_get_coarse_ns();
	return add(&flow->counted, direction, size) >> WORD_SHIFT;
}

/* Stores the flow of an upload, by which its answers find their account; and whether a block let it pass, and why. `judged`:
 * the tag that it was judged by, if it was. Returns the tag under which its bytes were added, and beside it whether user
 * space is to see the packet. */
ALWAYS_INLINE u32 learn_flow(struct flow_key *key, u32 account, struct size size, u8 upkeep, u32 judged)
{
	struct flow *known;
	u32 tag;

	if (judged & TAG_LEARNED) {
		/* A spared upload is rare, and any other one has found the flow as it shall be. */
		known = upkeep ? flows.lookup(key) : 0;
		if (known)
			known->upkeep = upkeep;
		return judged;
	}
	known = flows.lookup(key);
	/* NAT may give a port to another client: that is a new flow, which begins at 0. */
	if (known && known->account == account) {
		known->upkeep = upkeep;
		tag = charge_flow(known, UP, size);
		tag |= wants_head(tag, known->counted.up_packets);
	} else {
		u64 now = bpf_ktime_get_coarse_ns(), word;
		struct flow flow = {
			.account = account,
			.resets = RESETS,
			.upkeep = upkeep,
			.counted = { .up_packets = size.packets },
			.first_seen = now,
			.last_seen = now,
		};

		tag = judged & TAG_LIMITED ? judged & (TAG_NUMBER | TAG_SHARED) : bound_service(key, account);
		word = (u64)(tag | (judged & TAG_UNCOUNTED)) << WORD_SHIFT;
		flow.counted.down_bytes = word;
		flow.counted.up_bytes = word | size.bytes;
		tag |= wants_head(tag, 0);
		if (flows.update(key, &flow) < 0) {
			count(REASON_FLOW_NOT_STORED, size);
			tag = judged & TAG_LIMITED ? tag : SERVICE_UNNAMED;
		}
	}
	return tag;
}

struct receiver {
	u32 account;
	enum reason reason; /* why no client was found, if account is ACCOUNT_UNATTRIBUTED */
	u32 tag;            /* of its flow, with TAG_OF_FLOW; 0 without a flow */
	u32 earlier_account;  /* to which the fragments were charged that came before the first one of their datagram */
	struct size earlier;  /* what they came to, if that is another account; else zeros */
};

ALWAYS_INLINE void fill_fragment_key(const struct packet *packet, struct fragment_key *key)
{
	__builtin_memcpy(key->remote, packet->key.remote, 16);
	__builtin_memcpy(key->local, packet->key.local, 16);
	key->id = packet->fragment_id;
	key->protocol = packet->key.protocol;
}

#define FRAGMENT_NS 30000000000ULL /* as long as Linux waits for the rest of a datagram: net.ipv4.ipfrag_time */

/* The entry of a datagram, or 0. An older one is of another datagram, which had the same number. */
ALWAYS_INLINE struct fragment *living_fragment(struct fragment_key *key)
{
	struct fragment *known = fragments.lookup(key);

	return known && bpf_ktime_get_coarse_ns() - known->began < FRAGMENT_NS ? known : 0;
}

/* Notes that a fragment came, and whose the datagram is; forgets the datagram once all of it came. */
ALWAYS_INLINE void track_fragment(const struct packet *packet, struct fragment_key *key, struct receiver *to,
				  struct size size)
{
	u32 account = to->account == ACCOUNT_UNATTRIBUTED ? FRAGMENT_OF_NOBODY : to->account;
	u32 header = packet->transport - packet->network;
	u32 payload = packet->length > header ? packet->length - header : 0;
	struct fragment *known = living_fragment(key);
	struct fragment fragment = {
		.began = bpf_ktime_get_coarse_ns(),
		.account = account,
		.got = payload,
		.total = packet->is_last ? packet->offset + payload : 0,
		.bytes = size.bytes,
		.packets = size.packets,
	};

	if (!known) {
		if (fragments.update(key, &fragment) < 0)
			count(REASON_FRAGMENT_NOT_STORED, size);
		return;
	}
	/* NAT goes by the first fragment, so whoever gets that gets all. */
	if (packet->fragment == FRAGMENT_FIRST && known->account != account) {
		to->earlier_account = known->account == FRAGMENT_OF_NOBODY ? ACCOUNT_UNATTRIBUTED : known->account;
		to->earlier = (struct size){ known->bytes, known->packets };
		known->account = account;
	}
	known->bytes += size.bytes;
	known->packets += size.packets;
	if (fragment.total)
		known->total = fragment.total;
	known->got += payload;
	if (known->total && known->got >= known->total)
		fragments.delete(key);
}

/* The flow that an ICMP error is about. The packet inside the error is one that we sent, and is parsed as an upload. */
ALWAYS_INLINE struct flow *flow_of_icmp_error(struct __sk_buff *skb, const struct packet *packet)
{
	struct packet inner = {};

	if (parse_ip(skb, packet->transport + 8, UP, &inner) < 0 || parse_transport(skb, UP, &inner) < 0)
		return 0;
	return flows.lookup(&inner.key);
}

/* The flow of an upload that comes back, since its address is of this side and nobody has it: the carrier returns it, this
 * router sends it out again, and so on until its hops are used up. */
ALWAYS_INLINE struct flow *flow_that_returns(const struct packet *packet)
{
	struct flow_key key = packet->key;

	__builtin_memcpy(key.remote, packet->key.local, 16);
	__builtin_memcpy(key.local, packet->key.remote, 16);
	key.remote_port = ECHO_WE_ASK;
	if (has_ports(packet->protocol)) {
		key.remote_port = packet->key.local_port;
		key.local_port = packet->key.remote_port;
	}
	return flows.lookup(&key);
}

/* Whether a download that no flow knows is of a tunnel of the router: where the ports of a tunnel are not mirrored
 * (VXLAN), or its far end begins. The peer is not looked at: nobody can prove who has sent such a packet. */
ALWAYS_INLINE int carries_unasked_tunnel(const struct packet *packet)
{
	struct tunnel_end end = { .port = packet->key.local_port, .protocol = packet->protocol };
	u32 *peer = packet->fragment == FRAGMENT_LATER ? 0 : tunnel_ends.lookup(&end);

	return peer && (*peer & PEER_UNASKED);
}

/* Finds the account of a download, charges its flow, and remembers the account for later fragments. */
ALWAYS_INLINE struct receiver attribute_download(struct __sk_buff *skb, struct packet *packet, struct size size)
{
	struct receiver nobody = { .account = ACCOUNT_UNATTRIBUTED, .reason = REASON_WAN_IN_FLOW_MISSING };
	struct receiver found = { .account = ACCOUNT_ROUTER };
	struct fragment_key fragment = {};
	struct fragment *datagram = 0;
	struct flow *flow = 0;
	u32 *account = 0;

	if (packet->fragment == FRAGMENT_LATER) {
		/* A later fragment has no ports: it belongs to the client of the first fragment. */
		nobody.reason = REASON_WAN_IN_FRAGMENT_ORPHAN;
		fill_fragment_key(packet, &fragment);
		datagram = living_fragment(&fragment);
		if (datagram && datagram->account != FRAGMENT_OF_NOBODY)
			account = &datagram->account;
	} else if (packet->icmp_error) {
		/* The error comes from any host on the way: it belongs to the client of the packet inside it. */
		nobody.reason = REASON_WAN_IN_ICMP_ERROR_ORPHAN;
		flow = flow_of_icmp_error(skb, packet);
	} else {
		flow = flows.lookup(&packet->key);
		if (!flow)
			flow = flow_that_returns(packet);
	}
	if (flow) {
		found.tag = charge_flow(flow, DOWN, size) | TAG_OF_FLOW;
		account = &flow->account;
	}
	/* IPv6 has no NAT: the address tells whose it is where the flow is forgotten, or was begun from outside. */
	if (!account && packet->family == 6)
		account = addresses.lookup((struct address_key *)packet->key.local);
	/* A packet without flow and address is the router's if it can be for no client; else it is unattributed. */
	if (account)
		found.account = *account;
	else if (carries_unasked_tunnel(packet))
		found.account = ACCOUNT_TUNNELS;
	else if (!is_for_router(packet))
		found = nobody;
	/* The flow is that of whoever sent last through the same tunnel. */
	if (comes_by_ipsec(&packet->key)) {
		found.account = ACCOUNT_TUNNELS;
		found.reason = 0;
	}
	found.account = hide_range(skb, found.account);
	found.reason = hide_range(skb, found.reason);
	found.tag = hide_tag(skb, found.tag);
	if (packet->fragment == FRAGMENT_FIRST)
		fill_fragment_key(packet, &fragment);
	if (packet->fragment != FRAGMENT_NONE)
		track_fragment(packet, &fragment, &found, size);
	return found;
}

/* Finds the account of a download whose headers are cut short: an IPv6 address stands before those that lie. */
ALWAYS_INLINE struct receiver attribute_cut_download(const struct packet *packet)
{
	struct receiver found = { .account = ACCOUNT_UNATTRIBUTED, .reason = REASON_WAN_IN_TRUNCATED };
	u32 *account = packet->family == 6 ? addresses.lookup((struct address_key *)packet->key.local) : 0;

	if (account)
		found.account = *account;
	return found;
}

#define LOOPBACK 1 /* the number of `lo`, which is no uplink: dry runs are there, and repeat one and the same packet */

/* Whether a packet in this direction was counted at an uplink already: at one which stands on this one or below it, or
 * at this one, before it was unpacked. */
ALWAYS_INLINE int was_counted(const struct __sk_buff *skb, enum direction direction)
{
	return is_noted_as_counted(skb, direction) && skb->ifindex != LOOPBACK;
}

/* Gives a client that was never seen the next free account, at its first packet: no other client is charged (R4). */
ALWAYS_INLINE u32 new_client(struct __sk_buff *skb, struct client_key *client)
{
	u32 number = 0, *known;

	/* Clients without an account are held to the limits of one client together, so whoever makes up addresses gains
	 * nothing by it. */
	if (free_accounts.pop(&number) < 0) {
		count_frame(REASON_LAN_CLIENTS_FULL, skb);
		return ACCOUNT_OTHERS;
	}
	/* The insert fails where another CPU was first with the same client, or the table is full. The number goes
	 * back, since nobody has it. */
	if (clients.insert(client, &number) < 0) {
		free_accounts.push(&number, 0);
		known = clients.lookup(client);
		if (known)
			return *known;
		count_frame(REASON_LAN_CLIENTS_FULL, skb);
		return ACCOUNT_OTHERS;
	}
	owners.update(&number, client);
	announce(ANNOUNCE_CLIENT, number, client);
	return number;
}

/* Stores the IPv6 source address of a client, by which downloads find it before it has sent anything on their flow. */
ALWAYS_INLINE void learn_address(struct __sk_buff *skb, u32 account)
{
	struct address_key key;
	u32 *known;

	if (load(skb, 8, &key, sizeof(key)) < 0)
		return;
	/* Global (2000::/3) and unique local (fc00::/7) addresses only: others do not reach a client from the WAN, and
	 * every client may have the same link-local one. */
	if ((key.address[0] & 0xe0) != 0x20 && (key.address[0] & 0xfe) != 0xfc)
		return;
	/* A look-up is cheaper than the update, which takes a lock. */
	known = addresses.lookup(&key);
	if (known && *known == account)
		return;
	if (addresses.update(&key, &account) < 0)
		count_frame(REASON_ADDRESS_NOT_STORED, skb);
}

/* The account of the client that sent a frame. */
ALWAYS_INLINE u32 account_of(struct __sk_buff *skb, struct client_key *client)
{
	u32 *known = clients.lookup(client);

	return known ? *known : new_client(skb, client);
}

/* Gives an upload its account, where it comes in from the LAN. */
ALWAYS_INLINE void name_sender(struct __sk_buff *skb, u32 account)
{
	carry_sender(skb, account);
	if (bpf_ntohs(skb->protocol) == ETHERTYPE_IPV6)
		learn_address(skb, account);
}

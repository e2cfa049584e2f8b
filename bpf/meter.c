/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meter: who used what, in the bytes that the carrier bills.
 *
 *   lan_ingress   source MAC -> account, carried in the packet mark through routing and NAT
 *   wan_egress    account from the mark; the tuple as the carrier sees it is learned
 *   wan_ingress   account from the tuple
 *   tunnel_*      the same two inside a VPN of the router, whose packets on the WAN are the router's (tunnel.h)
 *
 * Every hook returns TC_ACT_UNSPEC, so that filters after ours still run, or TC_ACT_SHOT for what a limit blocks.
 * Compiled by bcc in esimshaper/edge/bpf/compiler.py, which defines MARK_MASK, MARK_SHIFT, ACCOUNTS, FLOWS and PIN (a folder
 * in bpffs, as a string literal).
 */
#include "parse.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2
#define PACKET_OTHERHOST 3 /* include/uapi/linux/if_packet.h */
#define PACKET_LOOPBACK 5
#define FRAGMENTS 4096
#define ADDRESSES 4096
#define TC_INDEX_OURS 0x8000 /* beside an account; tc's own are numbers of classes, which few choose so high */
#define RING_BYTES 65536
#define TUNNEL_PORTS 16

BPF_TABLE_PINNED("array", u32, struct meta, meta, 1, PIN "/meta");
BPF_TABLE_PINNED("array", u32, struct account, accounts, ACCOUNTS_ALL, PIN "/accounts");
BPF_TABLE_PINNED("array", u32, struct policy, policies, ACCOUNTS_ALL, PIN "/policies");
BPF_TABLE_PINNED("hash", struct group_key, u32, groups, GROUPS, PIN "/groups");
BPF_TABLE_PINNED("array", u32, struct tunnelled, tunnelled, ACCOUNTS_ALL, PIN "/tunnelled");
BPF_TABLE_PINNED("hash", struct tunnel_port, u32, tunnel_ports, TUNNEL_PORTS, PIN "/tunnel_ports");
/* What tunnels add to each packet inside, as seen last. */
BPF_TABLE_PINNED("array", u32, u32, tunnel_headers, 1, PIN "/tunnel_headers");
/* By enum direction, written by user space only: the number of the interface that has the tc classes, 0 for none. */
BPF_TABLE_PINNED("array", u32, u32, shaped_links, 2, PIN "/shaped_links");
BPF_TABLE_PINNED("array", u32, struct event, events, REASON_COUNT, PIN "/events");
BPF_TABLE_PINNED("hash", struct client_key, u32, clients, ACCOUNTS, PIN "/clients");
BPF_TABLE_PINNED("lru_hash", struct flow_key, struct flow, flows, FLOWS, PIN "/flows");
BPF_TABLE_PINNED("lru_hash", struct fragment_key, u32, fragments, FRAGMENTS, PIN "/fragments");
BPF_TABLE_PINNED("lru_hash", struct address_key, u32, addresses, ADDRESSES, PIN "/addresses");
/* Account numbers that no client has. The loader fills it, before anything is attached. */
BPF_QUEUESTACK_PINNED("queue", free_accounts, u32, ACCOUNTS, 0, PIN "/free_accounts");
/* bcc has no macro for a pinned ring. */
struct announcements_table_t {
	int key;
	u32 leaf;
	int (*ringbuf_output)(void *, u64, u64);
	u32 max_entries;
};
__attribute__((section("maps/ringbuf:" PIN "/announcements")))
struct announcements_table_t announcements = { .max_entries = RING_BYTES };

ALWAYS_INLINE void count(u32 reason, u64 packets, u64 bytes)
{
	struct event *event = events.lookup(&reason);

	if (!event)
		return;
	__sync_fetch_and_add(&event->packets, packets);
	__sync_fetch_and_add(&event->bytes, bytes);
}

struct size {
	u64 bytes;   /* IP-layer bytes of all segments */
	u64 packets; /* segments on the wire */
};

/* What the carrier bills for one skb.
 *
 * GRO and GSO merge segments into one skb with one set of headers; on the wire each has its own. The packet is taken
 * at the length that its IP header states when that is less than the frame: Ethernet pads short frames.
 */
ALWAYS_INLINE struct size measure(struct __sk_buff *skb, struct link link, const struct packet *packet)
{
	u32 segment_size = skb->gso_size;
	u32 segments = skb->gso_segs;
	u32 overhead = link.l2 + packet->network;
	u32 length = skb->len > overhead ? skb->len - overhead : 0;
	struct size size = { .bytes = length, .packets = 1 };
	u32 transport, headers;

	if (!segment_size) {
		if (packet->length && packet->length < length)
			size.bytes = packet->length;
		return size;
	}
	transport = transport_header(skb, packet);
	headers = packet->transport - packet->network + transport;
	if (!segments && length > headers) /* not counted by its maker: virtio and tun */
		segments = (length - headers + segment_size - 1) / segment_size;
	if (segments < 2)
		return size;
	size.packets = segments;
	if (transport)
		size.bytes += (u64)(segments - 1) * headers;
	else
		count(REASON_WAN_SEGMENTS_UNKNOWN, segments, length);
	return size;
}

#include "limits.h"

/* The one place where billed bytes meet an account. Those of a download are in `used` already. */
ALWAYS_INLINE void charge(const struct verdict *verdict, enum direction direction, struct size size)
{
	struct account *account = verdict->charged[0];

	if (!account)
		return;
	if (direction == UP) {
		__sync_fetch_and_add(&account->up_bytes, size.bytes);
		__sync_fetch_and_add(&account->up_packets, size.packets);
	} else {
		__sync_fetch_and_add(&account->down_packets, size.packets);
	}
}

/* Where classes are not, a packet has none. Whether it is dropped because no queue holds it to a rate. */
ALWAYS_INLINE int drops_unqueued(struct __sk_buff *skb, struct verdict *verdict, enum direction direction, struct size size)
{
	u32 number = direction;
	u32 *link = shaped_links.lookup(&number);

	if (!link || *link != skb->ifindex)
		verdict->class = 0;
	return outruns(verdict, direction, size, verdict->class != 0);
}

/* Takes the class of the verdict, if there is one. */
ALWAYS_INLINE void classify(struct __sk_buff *skb, const struct verdict *verdict)
{
	if (verdict->class)
		skb->priority = verdict->class;
}

ALWAYS_INLINE void enqueue(const struct verdict *verdict, u64 bytes)
{
	if (verdict->class && verdict->owner)
		__sync_fetch_and_add(&verdict->owner->queued_bytes, bytes);
}

ALWAYS_INLINE void waste(const struct verdict *verdict, u64 bytes)
{
	if (verdict->charged[0])
		__sync_fetch_and_add(&verdict->charged[0]->wasted_bytes, bytes);
}

ALWAYS_INLINE void add(struct counters *counters, enum direction direction, struct size size)
{
	if (direction == UP) {
		__sync_fetch_and_add(&counters->up_bytes, size.bytes);
		__sync_fetch_and_add(&counters->up_packets, size.packets);
	} else {
		__sync_fetch_and_add(&counters->down_bytes, size.bytes);
		__sync_fetch_and_add(&counters->down_packets, size.packets);
	}
}

ALWAYS_INLINE void charge_flow(struct flow *flow, enum direction direction, struct size size)
{
	add(&flow->moved, direction, size);
	flow->last_seen = bpf_ktime_get_coarse_ns();
}

/* Uploads: whose they are is in the mark; ingress_ifindex is 0 for what the router itself sends.
 *
 * It is also 0 for IPv6 fragments that the kernel had to copy when it took a packet apart again after conntrack had put
 * it together (with a tcpdump running, say): ip6_copy_metadata in net/ipv6/ip6_output.c keeps the mark only.
 *
 * Where somebody took the mark away it is still in tc_index, which no firewall writes: with a default route into WireGuard,
 * wg-quick sets the mark of every UDP packet to that of its connection. (The mark goes first: a filter of tc that
 * somebody has at the LAN after ours sets tc_index, to 0 or to a class of its own, which has not our bit.)
 */
ALWAYS_INLINE u32 sender(struct __sk_buff *skb, const struct packet *packet)
{
	u32 marked = (skb->mark & MARK_MASK) >> MARK_SHIFT;
	u32 kept = skb->tc_index & TC_INDEX_OURS ? skb->tc_index & ~TC_INDEX_OURS : 0;
	u32 number = marked ? marked : kept;
	int has_client = number >= ACCOUNT_FIRST_CLIENT && number < ACCOUNTS;
	int is_copy = packet->family == 6 && packet->fragment != FRAGMENT_NONE;

	if (!skb->ingress_ifindex)
		return has_client && is_copy ? number : ACCOUNT_ROUTER;
	return has_client ? number : ACCOUNT_UNATTRIBUTED;
}

/* Learns the tuple as the carrier sees it, so that wan_ingress knows the answer's account. */
ALWAYS_INLINE void learn(struct flow_key *key, u32 account, struct size size)
{
	struct flow *known = flows.lookup(key);

	if (known && known->account == account) {
		charge_flow(known, UP, size);
	} else {
		u64 now = bpf_ktime_get_coarse_ns();
		struct flow flow = {
			.account = account,
			.resets = RESETS,
			.moved = { .up_bytes = size.bytes, .up_packets = size.packets },
			.first_seen = now,
			.last_seen = now,
		};

		if (flows.update(key, &flow) < 0)
			count(REASON_FLOW_NOT_STORED, size.packets, size.bytes);
	}
}

/* EtherType of an IP packet, whose header it finds; 0 for anything else. */
ALWAYS_INLINE u16 ip_type(struct __sk_buff *skb, struct packet *packet)
{
	u16 type = ethertype(skb, &packet->network);

	if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
		return type;
	count(REASON_NOT_IP, 1, skb->len);
	return 0;
}

#include "reset.h"

#include "tunnel.h"

ALWAYS_INLINE int wan_out(struct __sk_buff *skb, struct link link)
{
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	u16 type = ip_type(skb, &packet);
	u32 account;
	int parsed;

	if (!type)
		return TC_ACT_UNSPEC;
	parsed = has_headers(skb, type, UP, &packet);
	account = sender(skb, &packet);
	if (account == ACCOUNT_ROUTER && carries_tunnel(&packet))
		account = ACCOUNT_TUNNELS;
	account = forget(skb, account);
	size = measure(skb, link, &packet);
	verdict = judge(skb, account, UP, size.bytes, ON_WAN);
	if (verdict.level == BLOCKED && drops_upload(skb, link, &packet, parsed, &verdict, size, size))
		return TC_ACT_SHOT;
	if (drops_unqueued(skb, &verdict, UP, size))
		return TC_ACT_SHOT;
	classify(skb, &verdict);
	enqueue(&verdict, size.bytes);
	charge(&verdict, UP, size);
	if (account == ACCOUNT_UNATTRIBUTED)
		count(REASON_WAN_OUT_UNMARKED, size.packets, size.bytes);
	if (!parsed)
		count(REASON_WAN_OUT_TRUNCATED, size.packets, size.bytes);
	else if (account != ACCOUNT_UNATTRIBUTED && packet.fragment != FRAGMENT_LATER && !packet.icmp_error)
		learn(&packet.key, account, size);
	return TC_ACT_UNSPEC;
}

struct receiver {
	u32 account;
	u32 reason; /* why nobody was found, if account is ACCOUNT_UNATTRIBUTED */
};

ALWAYS_INLINE void fragment_key(const struct packet *packet, struct fragment_key *key)
{
	__builtin_memcpy(key->remote, packet->key.remote, 16);
	__builtin_memcpy(key->local, packet->key.local, 16);
	key->id = packet->fragment_id;
	key->protocol = packet->key.protocol;
}

/* An ICMP error belongs to whom the packet inside it belonged to: one that we sent, seen from its own side. */
ALWAYS_INLINE struct flow *flow_of_icmp_error(struct __sk_buff *skb, const struct packet *packet)
{
	struct packet inner = {};

	if (parse_ip(skb, packet->transport + 8, UP, &inner) < 0 || parse_transport(skb, UP, &inner) < 0)
		return 0;
	return flows.lookup(&inner.key);
}

/* Downloads: by flow, by first fragment, by the packet inside an ICMP error, by address, or the router's own. */
ALWAYS_INLINE struct receiver receiver(struct __sk_buff *skb, struct packet *packet, struct size size)
{
	struct receiver nobody = { ACCOUNT_UNATTRIBUTED, REASON_WAN_IN_FLOW_MISSING };
	struct receiver found = { ACCOUNT_ROUTER, 0 };
	struct fragment_key fragment = {};
	struct flow *flow = 0;
	u32 *account = 0;

	if (packet->fragment == FRAGMENT_LATER) {
		nobody.reason = REASON_WAN_IN_FRAGMENT_ORPHAN;
		fragment_key(packet, &fragment);
		account = fragments.lookup(&fragment);
	} else if (packet->icmp_error) {
		nobody.reason = REASON_WAN_IN_ICMP_ERROR_ORPHAN;
		flow = flow_of_icmp_error(skb, packet);
	} else {
		flow = flows.lookup(&packet->key);
	}
	if (flow) {
		charge_flow(flow, DOWN, size);
		account = &flow->account;
	}
	if (!account && packet->family == 6)
		account = addresses.lookup((struct address_key *)packet->key.local);
	if (account)
		found.account = *account;
	else if (!is_for_router(packet))
		return nobody;
	if (packet->fragment == FRAGMENT_FIRST) {
		fragment_key(packet, &fragment);
		if (fragments.update(&fragment, &found.account) < 0)
			count(REASON_FRAGMENT_NOT_STORED, size.packets, size.bytes);
	}
	return found;
}

/* Multicast that the router sends to a group of its own comes back to it, at the hooks and without a link header. */
ALWAYS_INLINE int is_looped_back(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_LOOPBACK)
		return 0;
	count(REASON_LOOPED_BACK, 1, skb->len);
	return 1;
}

/* What goes to another MAC is seen only because somebody made the interface promiscuous; IP drops it. */
ALWAYS_INLINE int is_for_another(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_OTHERHOST)
		return 0;
	count(REASON_NOT_FOR_US, 1, skb->len);
	return 1;
}

ALWAYS_INLINE int wan_in(struct __sk_buff *skb, struct link link)
{
	struct receiver to = { ACCOUNT_UNATTRIBUTED, REASON_WAN_IN_TRUNCATED };
	struct packet packet = {};
	struct verdict verdict;
	struct size size;
	u16 type;
	int parsed;

	if (is_looped_back(skb) || is_for_another(skb))
		return TC_ACT_UNSPEC;
	type = ip_type(skb, &packet);
	if (!type)
		return TC_ACT_UNSPEC;
	parsed = has_headers(skb, type, DOWN, &packet);
	size = measure(skb, link, &packet);
	if (parsed)
		to = receiver(skb, &packet, size);
	verdict = judge(skb, to.account, DOWN, size.bytes, ON_WAN);
	charge(&verdict, DOWN, size);
	if (to.account == ACCOUNT_UNATTRIBUTED)
		count(to.reason, size.packets, size.bytes);
	if (verdict.level == BLOCKED && drops_download(skb, link, &packet, parsed, &verdict, size))
		return TC_ACT_SHOT;
	if (drops_unqueued(skb, &verdict, DOWN, size))
		return TC_ACT_SHOT;
	classify(skb, &verdict);
	return TC_ACT_UNSPEC;
}

#include "tunnel_hooks.h"

/* A client that was never seen gets the next free account here and now, so that no byte is booked to another. When none
 * is left it is one of the others, who are held to the limits of one client: who makes up addresses gains nothing. */
ALWAYS_INLINE u32 new_client(struct __sk_buff *skb, struct client_key *client)
{
	u32 number = 0, *known;

	if (free_accounts.pop(&number) < 0) {
		count(REASON_LAN_CLIENTS_FULL, 1, skb->len);
		return ACCOUNT_OTHERS;
	}
	if (clients.insert(client, &number) < 0) { /* another CPU was first, or the table is full */
		free_accounts.push(&number, 0);
		known = clients.lookup(client);
		if (known)
			return *known;
		count(REASON_LAN_CLIENTS_FULL, 1, skb->len);
		return ACCOUNT_OTHERS;
	}
	announce(ANNOUNCE_CLIENT, number, client);
	return number;
}

/* So that native IPv6 finds its client before the client has sent anything on that flow. */
ALWAYS_INLINE void learn_address(struct __sk_buff *skb, u32 account)
{
	struct address_key key;
	u32 *known;

	if (load(skb, 8, &key, sizeof(key)) < 0)
		return;
	if ((key.address[0] & 0xe0) != 0x20 && (key.address[0] & 0xfe) != 0xfc) /* global and unique local only */
		return;
	known = addresses.lookup(&key);
	if (known && *known == account)
		return;
	if (addresses.update(&key, &account) < 0)
		count(REASON_ADDRESS_NOT_STORED, 1, skb->len);
}

ALWAYS_INLINE int mark(struct __sk_buff *skb, struct client_key *client)
{
	u32 *known = clients.lookup(client);
	u32 account = known ? *known : new_client(skb, client);
	/* volatile: LLVM would narrow the store to the bytes of the mask, which the verifier refuses for the context */
	volatile u32 mark = (skb->mark & ~MARK_MASK) | (account << MARK_SHIFT);

	skb->mark = mark;
	skb->tc_index = TC_INDEX_OURS | account;
	if (bpf_ntohs(skb->protocol) == ETHERTYPE_IPV6)
		learn_address(skb, account);
	return TC_ACT_UNSPEC;
}

int wan_egress_ethernet(struct __sk_buff *skb)
{
	return wan_out(skb, (struct link){ .l2 = 14 });
}

int wan_egress_raw(struct __sk_buff *skb)
{
	return wan_out(skb, (struct link){ .l2 = 0 });
}

int wan_ingress_ethernet(struct __sk_buff *skb)
{
	return wan_in(skb, (struct link){ .l2 = 14 });
}

int wan_ingress_raw(struct __sk_buff *skb)
{
	return wan_in(skb, (struct link){ .l2 = 0 });
}

int tunnel_egress_raw(struct __sk_buff *skb)
{
	return tunnel_out(skb, (struct link){ .l2 = 0 });
}

int tunnel_ingress_raw(struct __sk_buff *skb)
{
	return tunnel_in(skb, (struct link){ .l2 = 0 });
}

int lan_ingress_ethernet(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_MAC };
	u8 *mac = client.address;

	if (is_looped_back(skb))
		return TC_ACT_UNSPEC;
	if (bpf_skb_load_bytes_relative(skb, 6, mac, 6, BPF_HDR_START_MAC) < 0 || (mac[0] & 1) ||
	    !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5])) {
		count(REASON_LAN_NO_SOURCE, 1, skb->len);
		return TC_ACT_UNSPEC;
	}
	return mark(skb, &client);
}

int lan_ingress_raw(struct __sk_buff *skb)
{
	struct client_key client = { .kind = CLIENT_IP };
	struct packet packet = {};

	if (is_looped_back(skb))
		return TC_ACT_UNSPEC;
	if (parse_ip(skb, 0, UP, &packet) < 0) {
		count(REASON_LAN_NO_SOURCE, 1, skb->len);
		return TC_ACT_UNSPEC;
	}
	__builtin_memcpy(client.address, packet.key.local, 16);
	return mark(skb, &client);
}

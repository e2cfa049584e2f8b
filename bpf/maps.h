/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps, pinned in bpffs, and the two things that every part does with them: count a reason, announce an event.
 *
 * contract.h has their keys, values and writers. The loader, esimshaper/edge/bpf/compiler.py, defines ACCOUNTS, FLOWS
 * and PIN (the folder in bpffs, as a string literal).
 */
#pragma once

#include "parse.h"

#define FRAGMENTS 4096
#define ADDRESSES 4096
#define IPSEC_PEERS 64
#define RING_BYTES 65536
#define UNBILLED 32
#define TUNNEL_ENDS 128
#define TUNNEL_LINKS 16
#define TRANSLATED 8192
#define LAN_LINKS 256
#define UPLINK_LINKS 256
#define BINDINGS 16384
#define FLOW_NAMES 8192
#define HEADS_RING_BYTES 524288

BPF_TABLE_PINNED("array", u32, struct meta, meta, 1, PIN "/meta");
BPF_TABLE_PINNED("array", u32, struct account, accounts, POOLS_FIRST + POOLS, PIN "/accounts", BPF_F_MMAPABLE);
BPF_TABLE_PINNED("array", u32, struct policy, policies, POOLS_FIRST + POOLS, PIN "/policies");
BPF_TABLE_PINNED("hash", struct group_key, u32, groups, GROUPS, PIN "/groups");
BPF_TABLE_PINNED("array", u32, struct tunnelled, tunnelled, POOLS_FIRST + POOLS, PIN "/tunnelled");
BPF_TABLE_PINNED("array", u32, struct moved, moved, ACCOUNTS, PIN "/moved");
BPF_TABLE_PINNED("hash", struct tunnel_end, u32, tunnel_ends, TUNNEL_ENDS, PIN "/tunnel_ends");
BPF_TABLE_PINNED("hash", u32, u32, tunnel_links, TUNNEL_LINKS, PIN "/tunnel_links");
BPF_TABLE_PINNED("lru_hash", struct translated_key, u32, translated, TRANSLATED, PIN "/translated");
/* By account: the one that got bytes last which strayed from it (struct moved). */
BPF_TABLE_PINNED("array", u32, u32, strayed_to, ACCOUNTS, PIN "/strayed_to");
/* By account: bytes in its `used` that the LAN saw and that no other account had: the WAN did not charge them again. */
BPF_TABLE_PINNED("array", u32, u64, surplus, ACCOUNTS, PIN "/surplus");
/* By account: CLOCK_MONOTONIC_COARSE, ns, when all its resets are paid for (reset.h). */
BPF_TABLE_PINNED("array", u32, u64, resets_due, ACCOUNTS_ALL, PIN "/resets_due");
BPF_TABLE_PINNED("array", u32, struct sent, sent, ACCOUNTS_ALL, PIN "/sent");
BPF_TABLE_PINNED("array", u32, struct reserve, reserve, 1, PIN "/reserve");
BPF_TABLE_PINNED("lpm_trie", struct network, u32, reachable, REACHABLE, PIN "/reachable", BPF_F_NO_PREALLOC);
BPF_TABLE_PINNED("array", u32, struct leeway, leeway, ACCOUNTS_ALL, PIN "/leeway");
/* One entry: the bytes that a tunnel adds to each packet inside, as seen last on the WAN; 0 before that. */
BPF_TABLE_PINNED("array", u32, u32, tunnel_headers, 1, PIN "/tunnel_headers");
/* By enum direction, written by user space only: the index of the interface that has our tc classes, 0 for none. */
BPF_TABLE_PINNED("array", u32, u32, shaped_links, 2, PIN "/shaped_links");
BPF_TABLE_PINNED("array", u32, u32, unbilled_in_use, 1, PIN "/unbilled_in_use");
BPF_TABLE_PINNED("lpm_trie", struct network, u32, unbilled, UNBILLED, PIN "/unbilled", BPF_F_NO_PREALLOC);
#if UPLINKS
BPF_TABLE_PINNED("hash", u32, struct uplink, uplinks, UPLINK_LINKS, PIN "/uplinks");
BPF_TABLE_PINNED("hash", struct uplink_name, u32, uplink_names, UPLINKS, PIN "/uplink_names");
BPF_TABLE_PINNED("array", u32, struct counters, by_uplink, UPLINKS * ACCOUNTS_ALL, PIN "/by_uplink", BPF_F_MMAPABLE);
BPF_TABLE_PINNED("array", u32, struct uplink_queue, uplink_queues, UPLINKS, PIN "/uplink_queues");
BPF_TABLE_PINNED("array", u32, u32, own_uplinks, OWN_KINDS, PIN "/own_uplinks");
#endif
/* Neither holds anything from one packet to the next. */
BPF_TABLE("percpu_array", u32, struct packet, packet_room, 1);
#if SCOPES
BPF_TABLE_PINNED("hash", struct scope_name, u32, scope_names, SCOPES, PIN "/scope_names");
BPF_TABLE("percpu_array", u32, struct in_scopes, scope_room, 1);
#endif
BPF_TABLE_PINNED("array", u32, struct event, events, REASON_COUNT, PIN "/events");
BPF_TABLE_PINNED("hash", struct client_key, u32, clients, ACCOUNTS, PIN "/clients");
/* By account: the client that has it; zeros for none, as no client has. */
BPF_TABLE_PINNED("array", u32, struct client_key, owners, ACCOUNTS, PIN "/owners");
/* The indices of interfaces of the LAN, written by user space only. The value has no meaning. */
BPF_TABLE_PINNED("hash", u32, u32, lan_links, LAN_LINKS, PIN "/lan_links");
BPF_TABLE_PINNED("lru_hash", struct flow_key, struct flow, flows, FLOWS, PIN "/flows");
BPF_TABLE_PINNED("lru_hash", struct fragment_key, struct fragment, fragments, FRAGMENTS, PIN "/fragments");
BPF_TABLE_PINNED("lru_hash", struct address_key, u32, addresses, ADDRESSES, PIN "/addresses");
BPF_TABLE_PINNED("lru_hash", struct address_key, u32, ipsec_peers, IPSEC_PEERS, PIN "/ipsec_peers");
/* Account numbers that no client has. The loader fills the queue before any program is attached. */
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

#if NAMES
BPF_TABLE_PINNED("array", u32, struct usage, usage, ACCOUNTS * SERVICES, PIN "/usage", BPF_F_MMAPABLE);
/* By account: how often bytes of it got another name. User space reads again the rows of accounts whose count rose. */
BPF_TABLE_PINNED("array", u32, u64, renamed, ACCOUNTS, PIN "/renamed", BPF_F_MMAPABLE);
BPF_TABLE_PINNED("hash", struct service_name, u32, service_numbers, SERVICES, PIN "/service_numbers");
BPF_TABLE_PINNED("array", u32, struct service_policy, service_policies, ACCOUNTS * SERVICES, PIN "/service_policies",
		 BPF_F_MMAPABLE);
BPF_TABLE_PINNED("array", u32, struct event, refused, ACCOUNTS * SERVICES, PIN "/refused", BPF_F_MMAPABLE);
BPF_TABLE_PINNED("array", u32, struct pace, paces, ACCOUNTS * SERVICE_BUCKETS, PIN "/paces");
BPF_TABLE_PINNED("hash", struct pool_key, u32, pool_numbers, POOLS, PIN "/pool_numbers");
BPF_TABLE_PINNED("lru_hash", struct binding_key, u32, bindings, BINDINGS, PIN "/bindings");
BPF_TABLE_PINNED("lru_hash", struct flow_key, struct flow_name, flow_names, FLOW_NAMES, PIN "/flow_names");
/* By account: CLOCK_MONOTONIC_COARSE, ns, when all its heads are paid for (heads.h). */
BPF_TABLE_PINNED("array", u32, u64, heads_due, ACCOUNTS, PIN "/heads_due");
/* Where a head is put together, which is larger than a stack. It holds nothing from one packet to the next. */
BPF_TABLE("percpu_array", u32, struct head, head_room, 1);
struct heads_table_t {
	int key;
	u32 leaf;
	int (*ringbuf_output)(void *, u64, u64);
	u64 (*ringbuf_reserve)(u64);
	u32 max_entries;
};
/* bcc knows of no way to ask a ring how much waits in it. It writes the number of the map into this call, which nobody
 * else makes, and compiles what comes of that once more. */
#define bpf_ringbuf_reserve(ring, what, flags) bpf_ringbuf_query(ring, what)
__attribute__((section("maps/ringbuf:" PIN "/heads")))
struct heads_table_t heads = { .max_entries = HEADS_RING_BYTES };
#endif

/* The size of a packet on the wire. */
struct size {
	u64 bytes;   /* IP-layer bytes of all segments */
	u64 packets; /* segments */
};

/* Adds a packet to an event, if there is one. */
ALWAYS_INLINE void add_event(struct event *event, struct size size)
{
	if (!event)
		return;
	__sync_fetch_and_add(&event->packets, size.packets);
	__sync_fetch_and_add(&event->bytes, size.bytes);
}

ALWAYS_INLINE void count(enum reason reason, struct size size)
{
	u32 number = reason;

	add_event(events.lookup(&number), size);
}

/* Counts a frame that a path gives up before the size of the packet is known. */
ALWAYS_INLINE void count_frame(enum reason reason, const struct __sk_buff *skb)
{
	count(reason, (struct size){ .bytes = skb->len, .packets = 1 });
}

/* `client` for ANNOUNCE_CLIENT only, else 0. */
ALWAYS_INLINE void announce(enum announcement_kind kind, u32 account, const struct client_key *client)
{
	struct announcement announcement = { .account = account, .kind = kind };

	if (client)
		announcement.client = *client;
	if (announcements.ringbuf_output(&announcement, sizeof(announcement), 0) < 0)
		count(REASON_ANNOUNCEMENT_LOST, (struct size){ .packets = 1 });
}

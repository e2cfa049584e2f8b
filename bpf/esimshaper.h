/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract between the kernel part and user space: keys, values, accounts, reasons.
 *
 * Layouts are padded by hand and asserted right after each struct; esimshaper/edge/layouts.py has the same bytes, and
 * tests/bpf/test_contract.py compares both. A change of any layout or map is a new SCHEMA in esimshaper/edge/compiler.py.
 */
#pragma once

#include <linux/types.h>

/* Accounts that are there from the start. 0 is also "no mark". */
#define ACCOUNT_UNATTRIBUTED 0
#define ACCOUNT_ROUTER 1
#define ACCOUNT_FIRST_CLIENT 2

/* Why a path ended early or gave up: one list for the enum here and for `Reason` in esimshaper/core/model.py.
 * The bytes of each packet of ACCOUNT_UNATTRIBUTED are counted under exactly one of those marked U. */
#define REASONS(X)                                                                                                     \
	X(NOT_IP)                   /* a frame without IP on the WAN (ARP): never billed */                            \
	X(LOOPED_BACK)              /* the router's own multicast, handed back to it: it crossed no link */            \
	X(NOT_FOR_US)               /* to another MAC, seen because the WAN is promiscuous: not ours, not billed */        \
	X(WAN_IN_TRUNCATED)         /* U: headers of a download cut short */                                           \
	X(WAN_IN_FLOW_MISSING)      /* U: a download that nobody here asked for */                                     \
	X(WAN_IN_FRAGMENT_ORPHAN)   /* U: a later fragment whose first one was not seen */                             \
	X(WAN_IN_ICMP_ERROR_ORPHAN) /* U: an ICMP error about a packet that we do not know */                          \
	X(WAN_OUT_UNMARKED)         /* U: an upload forwarded from an interface that is not in lan.interfaces */       \
	X(WAN_OUT_TRUNCATED)        /* headers of an upload cut short: counted by its mark, no flow learned */         \
	X(WAN_SEGMENTS_UNKNOWN)     /* a merged packet of an unknown protocol: its repeated headers are not counted */ \
	X(FLOW_NOT_STORED)          /* the flow table refused an entry */                                              \
	X(FRAGMENT_NOT_STORED)      /* the fragment table refused an entry */                                          \
	X(ADDRESS_NOT_STORED)       /* the address table refused an entry */                                           \
	X(LAN_CLIENTS_FULL)         /* no account left for a new client: its bytes go to `unattributed` */             \
	X(LAN_NO_SOURCE)            /* a LAN frame without a usable source address */                                  \
	X(ANNOUNCEMENT_LOST)        /* the ring was full: the daemon finds the new client at its next reading */

enum reason {
#define REASON_ENUM(name) REASON_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
	REASON_COUNT
};

/* Map `meta`, one entry, written by the loader before anything is attached. */
struct meta {
	__u64 epoch; /* random; readings are comparable within one epoch only */
	__u32 schema;
	__u32 mark_mask;
};
_Static_assert(sizeof(struct meta) == 8 + 4 + 4, "struct meta");

/* Map `accounts`, written by the kernel only. Monotonic: never reset, never written by user space. */
struct account {
	__u64 down_bytes; /* IP-layer bytes as billed, towards the clients */
	__u64 up_bytes;
	__u64 down_packets; /* as on the wire, after segmentation */
	__u64 up_packets;
};
_Static_assert(sizeof(struct account) == 4 * 8, "struct account");

/* Map `events`, indexed by enum reason, written by the kernel only. */
struct event {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct event) == 2 * 8, "struct event");

/* Who is a client. Map `clients`: this -> account number. Written by the kernel only; nothing is ever removed. */
enum client_kind {
	CLIENT_MAC = 0, /* address[0..5] */
	CLIENT_IP = 1,  /* address[0..15], IPv4 mapped into IPv6: LAN links without MACs */
};
struct client_key {
	__u8 address[16];
	__u32 kind; /* enum client_kind */
};
_Static_assert(sizeof(struct client_key) == 16 + 4, "struct client_key");

/* Map `flows` (LRU): detail only, never the base of a total. The tuple as the carrier sees it, from our side. */
struct flow_key {
	__u8 remote[16]; /* IPv4 mapped into IPv6 */
	__u8 local[16];
	__be16 remote_port; /* 0 without ports; for ping enum echo_role */
	__be16 local_port;  /* 0 without ports; for ping the echo identifier */
	__u8 protocol;
	__u8 pad[3];
};
_Static_assert(sizeof(struct flow_key) == 16 + 16 + 2 + 2 + 1 + 3, "struct flow_key");

struct flow {
	__u64 down_bytes;
	__u64 up_bytes;
	__u64 down_packets;
	__u64 up_packets;
	__u64 first_seen; /* CLOCK_MONOTONIC_COARSE, ns */
	__u64 last_seen;
	__u32 account;
	__u32 pad;
};
_Static_assert(sizeof(struct flow) == 6 * 8 + 4 + 4, "struct flow");

/* Map `fragments` (LRU): first fragment of a download -> account, for those that follow it. */
struct fragment_key {
	__u8 remote[16];
	__u8 local[16];
	__u32 id;
	__u32 protocol;
};
_Static_assert(sizeof(struct fragment_key) == 16 + 16 + 4 + 4, "struct fragment_key");

/* Map `addresses` (LRU): IPv6 address of a client -> account, for downloads that come before any upload. */
struct address_key {
	__u8 address[16];
};
_Static_assert(sizeof(struct address_key) == 16, "struct address_key");

/* Ring `announcements`. */
struct announcement {
	struct client_key client;
	__u32 account;
};
_Static_assert(sizeof(struct announcement) == 20 + 4, "struct announcement");

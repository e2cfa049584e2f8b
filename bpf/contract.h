/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract between the kernel part and user space: keys, values, accounts, reasons.
 *
 * Layouts are padded by hand and asserted right after each struct; esimshaper/edge/bpf/layouts.py has the same bytes, and
 * tests/bpf/test_contract.py compares both. A change of any layout or map is a new SCHEMA in esimshaper/edge/bpf/compiler.py.
 */
#pragma once

#include <linux/types.h>

/* Accounts that are there from the start. 0 is also "no mark". */
#define ACCOUNT_UNATTRIBUTED 0
#define ACCOUNT_ROUTER 1
#define ACCOUNT_FIRST_CLIENT 2

/* Why a path ended early or gave up: one list for the enum here and for `Reason` in esimshaper/core/model/counts.py.
 * The bytes of each packet of ACCOUNT_UNATTRIBUTED are counted under exactly one of those marked U. */
#define REASONS(X)                                                                                                     \
	X(NOT_IP)                   /* a frame without IP (ARP): never billed */                                       \
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
	X(UPLOAD_BLOCKED)           /* refused by a limit or by hand: not billed */                                     \
	X(DOWNLOAD_BLOCKED)         /* dropped by a limit or by hand: billed, and wasted */                            \
	X(FLOW_RESET)               /* a blocked TCP segment that was turned into a reset */                           \
	X(LAN_CLIENTS_FULL)         /* no account left for a new client: it shares that of `others` */                  \
	X(LAN_NO_SOURCE)            /* a LAN frame without a usable source address */                                  \
	X(ANNOUNCEMENT_LOST)        /* the ring was full: the daemon finds the new client at its next reading */      \
	X(TUNNEL_UNKNOWN)           /* inside a tunnel and nobody's: the router stands for it */                       \
	X(POLICED)                    /* more than a throttled client may send or get where there are no classes: dropped */

enum reason {
#define REASON_ENUM(name) REASON_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
	REASON_COUNT
};

/* Sizes: ACCOUNTS is defined by the loader, as many as the bits of the mark can number at most. */
#define GROUPS 32
#define CHAIN 3 /* a client, its group, everyone */
#define ACCOUNT_OTHERS (ACCOUNTS - 1) /* all clients that no account was left for, as one */
#define ACCOUNT_EVERYONE ACCOUNTS
#define ACCOUNT_TUNNELS (ACCOUNTS + 1 + GROUPS) /* packets of the router that carry those of tunnels */
#define ACCOUNTS_ALL (ACCOUNT_TUNNELS + 1)

/* Map `meta`, one entry, written by the loader before anything is attached. */
struct meta {
	__u64 epoch; /* random; readings are comparable within one epoch only */
	__u32 schema;
	__u32 mark_mask;
};
_Static_assert(sizeof(struct meta) == 8 + 4 + 4, "struct meta");

/* What passed: IP-layer bytes as billed, packets as on the wire, after segmentation. */
struct counters {
	__u64 down_bytes;
	__u64 up_bytes;
	__u64 down_packets;
	__u64 up_packets;
};
_Static_assert(sizeof(struct counters) == 4 * 8, "struct counters");

/* Directions that a limit can be on: both together, downloads, uploads. */
enum limit_on { ON_BOTH = 0, ON_DOWN = 1, ON_UP = 2, LIMITS_ON = 3 };

/* Map `accounts`, written by the kernel only, never reset. The accounts of clients come first, then those of everyone
 * and of groups, which have `used`, `announced_at` and `queued_bytes` only; that of ACCOUNT_TUNNELS is the last.
 *
 * `used` is what limits are compared with, in IP-layer bytes as billed. used[ON_DOWN] is also the count of downloads,
 * with those inside tunnels. An upload is added before it is decided on, and taken off again if it is refused; the
 * other counters only rise. */
struct account {
	__u64 used[LIMITS_ON];
	__u64 up_bytes;
	__u64 down_packets; /* as on the wire, after segmentation */
	__u64 up_packets;
	__u64 wasted_bytes; /* billed, then dropped by a block */
	__u64 announced_at; /* the limit that was announced as passed last */
	__u64 queued_bytes; /* uploads, of whomever, that were given to a tc class of this account: what it has not sent,
			     * and does not hold, its queue dropped */
};
_Static_assert(sizeof(struct account) == 9 * 8, "struct account");

/* Map `policies`, indexed by account, written by user space only. Limits are absolute values of `used`: to pass one is
 * to have counted more; all ones is none. A new period, a grant or a correction writes another value; nothing is read
 * and written back. */
enum policy_flag {
	POLICY_BLOCKED = 1, /* by hand, whatever was used */
	POLICY_EXEMPT = 2,  /* by hand: counted, but nothing is in the way, here or above */
	POLICY_LIMITED = 4, /* some limit or mark is set: without it none is looked at */
};
struct policy {
	__u64 block_at[LIMITS_ON];
	__u64 throttle_at[LIMITS_ON];
	__u64 warn_at[LIMITS_ON];
	__u64 police_rate;   /* bytes per second past a throttle limit, where it has no class */
	__u32 parent; /* account of the group, then of everyone; 0 for none */
	__u32 flags;  /* enum policy_flag */
	__u32 classes[1 + CHAIN]; /* tc class ids: while nobody is throttled; while the outermost who is throttled is this
				   * account; its parent; that one's parent. 0: none of its own */
};
_Static_assert(sizeof(struct policy) == 10 * 8 + (3 + CHAIN) * 4, "struct policy");

/* Map `tunnelled`, indexed by account, written by the kernel only, never reset: what passed inside tunnels, in bytes that
 * it should come to on the WAN. It is in `used`, but for that of everyone, where the packets on the WAN are added.
 *
 * What they do come to is counted there, under ACCOUNT_TUNNELS; user space shares that out by these claims. */
struct tunnelled {
	struct counters claimed;
	__u64 paced_until[2]; /* by enum direction, CLOCK_MONOTONIC in ns: when the pace allows what has passed, in tunnels
			       * or where else it has no class */
};
_Static_assert(sizeof(struct tunnelled) == 4 * 8 + 2 * 8, "struct tunnelled");

/* Map `tunnel_ports`, written by user space only: which UDP and TCP packets of the router carry tunnels. The value says
 * nothing. */
struct tunnel_port {
	__be16 port; /* of either side */
};
_Static_assert(sizeof(struct tunnel_port) == 2, "struct tunnel_port");

/* Map `events`, indexed by enum reason, written by the kernel only. */
struct event {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct event) == 2 * 8, "struct event");

/* Who is a client. Map `clients`: this -> account number. The kernel inserts who comes, user space
 * who is known before that to have a limit of its own; nothing is ever removed or changed. */
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

#define RESETS 8 /* see reset.h */

struct flow {
	struct counters moved;
	__u64 first_seen; /* CLOCK_MONOTONIC_COARSE, ns */
	__u64 last_seen;
	__u32 account;
	__u16 blocked; /* downloaded TCP segments that a limit stopped */
	__u16 resets;  /* so many uploaded ones may still leave, as resets, when a limit stops them; RESETS at first */
};
_Static_assert(sizeof(struct flow) == 4 * 8 + 2 * 8 + 4 + 2 + 2, "struct flow");

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

/* Map `groups`, written by user space only: name, padded with zeros -> account. It lives with the counters. */
struct group_key {
	char name[32];
};
_Static_assert(sizeof(struct group_key) == 32, "struct group_key");

/* Ring `announcements`: something that the daemon should not hear of at its next reading only. */
enum announcement_kind {
	ANNOUNCE_CLIENT = 0, /* seen for the first time */
	ANNOUNCE_LIMIT = 1,  /* a block or throttle limit was passed */
	ANNOUNCE_WARN = 2,   /* a warn mark was passed */
};
struct announcement {
	struct client_key client; /* for ANNOUNCE_CLIENT, else zeros */
	__u32 account;
	__u32 kind; /* enum announcement_kind */
};
_Static_assert(sizeof(struct announcement) == 20 + 4 + 4, "struct announcement");

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract between the kernel part and user space: keys and values of the maps, account numbers, reasons.
 *
 * Each struct is padded by hand, and its size is asserted right after it. esimshaper/edge/bpf/layouts.py has the same
 * bytes; tests/bpf/test_contract.py compares the two. A change of a layout or of a map needs a new SCHEMA in
 * esimshaper/edge/bpf/compiler.py.
 */
#pragma once

#include <linux/types.h>

/* Accounts that exist from the start. A packet that carries no account has 0, and so is unattributed. */
#define ACCOUNT_UNATTRIBUTED 0
#define ACCOUNT_ROUTER 1
#define ACCOUNT_FIRST_CLIENT 2

/* Why a path ended early or gave up: one list for the enum here and for `Reason` in esimshaper/core/model/counts.py.
 * Each packet of ACCOUNT_UNATTRIBUTED is counted under exactly one of the reasons marked U (R3 in DESIGN.md). */
#define REASONS(X)                                                                                                     \
	X(NOT_IP)                  /* a frame without IP (ARP): never billed */                                        \
	X(LOOPED_BACK)             /* multicast of the router, handed back to it by the kernel: it crossed no link */  \
	X(NOT_FOR_US)              /* to another MAC, seen because the WAN is promiscuous: not billed to us */         \
	X(WAN_IN_TRUNCATED)        /* U: a download whose headers are cut short */                                     \
	X(WAN_IN_FLOW_MISSING)     /* U: a download that no client or program here asked for */                        \
	X(WAN_IN_FRAGMENT_ORPHAN)  /* U: a later fragment whose first fragment was not seen */                         \
	X(WAN_IN_ICMP_ERROR_ORPHAN)/* U: an ICMP error about a packet of no known flow */                              \
	X(WAN_OUT_UNMARKED)        /* U: an upload forwarded from an interface that is not in lan.interfaces */        \
	X(WAN_OUT_TRUNCATED)       /* an upload whose headers are cut short: charged by its mark, no flow learned */   \
	X(WAN_SEGMENTS_UNKNOWN)    /* a merged packet of an unknown protocol: only its IP header is repeated */        \
	X(FLOW_NOT_STORED)         /* the flow table refused an entry */                                               \
	X(FRAGMENT_NOT_STORED)     /* the fragment table refused an entry */                                           \
	X(ADDRESS_NOT_STORED)      /* the address table refused an entry */                                            \
	X(UPLOAD_BLOCKED)          /* dropped by a limit or an override: not billed */                                 \
	X(DOWNLOAD_BLOCKED)        /* dropped by a limit or an override: billed, and wasted */                         \
	X(FLOW_RESET)              /* a blocked TCP segment that went on, to end its flow */                           \
	X(LAN_CLIENTS_FULL)        /* no account left for a new client: it shares that of `others` */                  \
	X(LAN_NO_SOURCE)           /* a LAN frame without a usable source address */                                   \
	X(ANNOUNCEMENT_LOST)       /* the ring was full: the daemon finds out at its next reading */                   \
	X(TUNNEL_UNKNOWN)          /* a packet inside a tunnel, of no known client: charged to the router */           \
	X(POLICED)                 /* dropped: beyond the police rate of a throttled account without a class */        \
	X(LAN_MOVED)               /* a download moved from the account that was charged to the one that gets it */    \
	X(LAN_BLOCKED)             /* the same, but dropped by a limit of the latter: billed, and wasted */            \
	X(UNBILLED)                /* to or from an address that ends in the modem (wan.unbilled): not billed */       \
	X(TRANSLATED_UNKNOWN)      /* it came out of a translator, and went in by nobody: charged to `others` */       \
	X(TRANSLATED_NOT_STORED)   /* the table of translated packets refused an entry */                              \
	X(ACCOUNT_LOST)            /* an upload whose account a filter of somebody else took away: of `others` */      \
	X(MARK_FOREIGN)            /* the same, with bits of somebody else where the mark is ours: of `others` */             \
	X(SPARED)                  /* passed though a limit blocks it: upkeep of the router, or a listed address */    \
	X(NAMES_REFUSED)           /* DNS of the router for a device that is blocked or throttled: beyond its share */  \
	X(WAN_IN_AGAIN)            /* a download that was billed when it came in, as ESP or at another uplink */       \
	X(HEAD_LOST)               /* the ring of heads was full: what its flow is for is perhaps never known */      \
	X(HEAD_LEFT_OUT)           /* the same, since its account had its share of a ring that fills up */

enum reason {
#define REASON_ENUM(name) REASON_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
	REASON_COUNT
};

/* Sizes: ACCOUNTS is defined by the loader, as many as a packet can carry the number of at most. */
#define GROUPS 32
#define HIERARCHY 3 /* accounts that one packet is charged to at most: its client's, its group's, everyone's */
#define ACCOUNT_OTHERS (ACCOUNTS - 1) /* shared by all clients for whom no account was left */
#define ACCOUNT_EVERYONE ACCOUNTS
#define ACCOUNT_TUNNELS (ACCOUNTS + 1 + GROUPS) /* packets of the router that carry those inside its tunnels */
#define ACCOUNTS_ALL (ACCOUNT_TUNNELS + 1)
/* Behind the accounts of all trees are those of pools (pools.h). NAMES is defined by the loader. */
#define POOLS (NAMES ? 1024 : 0)
#define POOLS_FIRST (ACCOUNTS_ALL * (1 + SCOPES))

/* Map `meta`, one entry, written by the loader before anything is attached. */
struct meta {
	__u64 epoch; /* random; readings are comparable within one epoch only */
	__u32 schema;
	__u32 mark_mask; /* 0 if the mark is left alone */
};
_Static_assert(sizeof(struct meta) == 8 + 4 + 4, "struct meta");

/* What was counted: IP-layer bytes as billed, packets as on the wire, after segmentation. */
struct counters {
	__u64 down_bytes;
	__u64 up_bytes;
	__u64 down_packets;
	__u64 up_packets;
};
_Static_assert(sizeof(struct counters) == 4 * 8, "struct counters");

/* What a limit is on: uploads and downloads together, downloads, uploads. */
enum limit_on { ON_BOTH = 0, ON_DOWN = 1, ON_UP = 2, LIMITS_ON = 3 };

/* Map `accounts`, indexed by account, written by the kernel only, never reset (R1). Clients come first, then everyone,
 * then groups, and ACCOUNT_TUNNELS last. Of everyone and of groups only `used`, `announced_at` and `queued_bytes` are
 * counted. */
struct account {
	/* Limits are compared with `used`: IP-layer bytes as billed, also those inside tunnels. used[ON_DOWN] is also
	 * the only count of downloaded bytes. An upload is added before it is judged, and taken off again if it is
	 * dropped; all other counters only rise. */
	__u64 used[LIMITS_ON];
	__u64 up_bytes;
	__u64 down_packets; /* as on the wire, after segmentation */
	__u64 up_packets;
	__u64 wasted_bytes; /* downloads that were billed and then dropped by a block */
	__u64 announced_at; /* the limit whose crossing was announced last */
	/* Uploads of any client that were given to a tc class of this account. Of these, the bytes that the class has
	 * neither sent nor still holds were dropped by its queue. */
	__u64 queued_bytes;
};
_Static_assert(sizeof(struct account) == 9 * 8, "struct account");

/* Which tc class a packet gets. The outermost throttled account of its hierarchy decides, since its rate holds for all
 * accounts below it. A client without a group has everyone as its parent, and then no grandparent. */
enum class_place {
	CLASS_OPEN = 0,           /* no account of the hierarchy is throttled */
	CLASS_SELF = 1,           /* the account itself is the outermost throttled one */
	CLASS_IN_PARENT = 2,      /* its parent is: a class of this client within that account's rate */
	CLASS_IN_GRANDPARENT = 3, /* its parent's parent is: likewise */
	/* No account is throttled, the link is slow, and the packet is urgent (urgent.h). */
	CLASS_URGENT = 1 + HIERARCHY,
	CLASSES,
};

/* Map `policies`, indexed by account, written by user space only. Limits are absolute values of `used`, and are
 * exceeded by a higher count; all ones is no limit. A new period, a grant or a correction writes another value, so that
 * nothing has to be read and written back while packets pass. */
enum policy_flag {
	POLICY_BLOCKED = 1, /* an override: nothing passes, whatever was used */
	POLICY_EXEMPT = 2,  /* an override: counted, but held neither here nor by its group, nor by a block of everyone */
	POLICY_LIMITED = 4, /* at least one threshold is set; without this flag none is compared */
	POLICY_WITH_EVERYONE = 8, /* beside POLICY_BLOCKED: only because everyone is blocked by an override */
	POLICY_UNLISTED = 16, /* a device that is not listed: what passes in spite of a block, all these share */
	POLICY_OVER_PLAN = 32, /* beside POLICY_EXEMPT: the quotas of everyone hold it neither */
	POLICY_SWITCHES = 64, /* at least one switch is to come */
	POLICY_THROTTLED = 128, /* an override: past a throttle limit, whatever was used */
};
#define SWITCHES 2 /* of a policy: the beginning of a block, and its end */
#define SWITCH_NEVER 0x7fffffffffffffffULL

struct policy {
	__u64 block_at[LIMITS_ON];
	__u64 throttle_at[LIMITS_ON];
	__u64 warn_at[LIMITS_ON];
	__u64 police_rate; /* bytes per second beyond a throttle limit, for packets that no class holds; 0: any rate */
	__u32 parent;      /* account of the group, or of everyone; 0 for none */
	__u32 flags;       /* enum policy_flag */
	__u32 classes[CLASSES]; /* tc class ids, by enum class_place; 0: no class of its own */
	__u32 pad;
	/* CLOCK_BOOTTIME, ns, rising: from each of them on, these flags hold instead of `flags`. */
	__u64 switch_at[SWITCHES];
	__u32 switch_flags[SWITCHES];
};
_Static_assert(sizeof(struct policy) == 10 * 8 + (2 + CLASSES + 1) * 4 + SWITCHES * (8 + 4), "struct policy");

/* Map `tunnelled`, indexed by account, written by the kernel only, never reset.
 *
 * An account claims for each packet inside a tunnel what the packet should come to on the WAN; it is in `used` of all
 * accounts of the hierarchy but everyone. The true packets on the WAN are counted for ACCOUNT_TUNNELS and everyone;
 * user space shares them out in proportion to the claims. */
struct tunnelled {
	struct counters claimed;
	/* By enum direction, CLOCK_MONOTONIC in ns: the theoretical arrival time of the next packet, as GCRA has it
	 * (ITU-T I.371). It is used wherever no class holds a throttled account, also outside tunnels. */
	__u64 arrival_due[2];
};
_Static_assert(sizeof(struct tunnelled) == 4 * 8 + 2 * 8, "struct tunnelled");

/* Map `moved`, indexed by account of a client, written by the kernel only, never reset: downloads that the WAN charged to
 * one account and the LAN saw go to another. A move takes the bytes off `used` of the first and adds them to `used` of
 * the second, so that limits hold whoever gets them. What the WAN charged to an account, which is what was billed, is
 * used[ON_DOWN] - in_bytes + out_bytes. */
struct moved {
	__u64 in_bytes;
	__u64 in_packets;
	__u64 out_bytes;
	__u64 out_packets;
	__u64 strayed_bytes; /* of out_bytes: those of flows, which no honest device lets another one have */
	/* Bytes of fragments that the WAN charged to this account and the LAN has not seen yet. No counter: it falls. */
	__s64 fragment_credit;
};
_Static_assert(sizeof(struct moved) == 6 * 8, "struct moved");

/* Map `reserve`, one entry, written by user space only: what passes though everyone is blocked (reserve.h). Ends are
 * absolute values of `taken` of everyone's entry in the map `leeway`; zeros let nothing pass. */
#define REACHABLE 16 /* entries of the map `reachable` (LPM trie), written by user space only: listed networks */

struct reserve {
	__u64 until;
	__u64 listed_until; /* for the networks of `reachable` */
};
_Static_assert(sizeof(struct reserve) == 2 * 8, "struct reserve");

/* Map `leeway`, indexed by account, written by the kernel only: what passed in spite of a limit. */
struct leeway {
	__u64 taken;       /* bytes from the reserve; of everyone's entry all of them, and it never falls for long */
	__u64 taken_until; /* of a device: the end of the reserve that `taken` is for */
	__u64 names_due;   /* CLOCK_MONOTONIC, ns: theoretical arrival time of the next packet of DNS (names.h) */
};
_Static_assert(sizeof(struct leeway) == 3 * 8, "struct leeway");

/* Map `sent`, indexed by account, written by the kernel only, never reset: what became of uploads behind wan_egress.
 *
 * What is up_bytes and not shaped_bytes was given to an uplink without tc classes of ours. Of these bytes, those that the
 * tap has not seen leave the queue wait there still, or were dropped. The entry of everyone has what left by an uplink
 * without a word whose it was. */
struct sent {
	__u64 bytes;        /* that left the queue of an uplink, as the tap saw them */
	__u64 frames;       /* the same as the driver gets them: before its own segmentation */
	__u64 shaped_bytes; /* uploads at the interface that has our classes, with or without a class */
};
_Static_assert(sizeof(struct sent) == 3 * 8, "struct sent");

/* Several uplinks. All of these maps are there only if the loader defines UPLINKS, their number. Each uplink has a slot
 * for the life of the maps: its place in the map `uplink_names`, which the loader writes.
 *
 * Map `uplinks`, written by user space only: number of an interface -> the uplink that it belongs to. */
#define UPLINK_METERED 1 /* quotas that name no uplink count what passes it */
#define UPLINK_SCOPES 1  /* from this bit on: it is in the first scope, the second, ... (scopes.h) */
#define SCOPES_MAX 4
#define ALL_SCOPES ((1U << SCOPES) - 1) /* SCOPES is defined by the loader */

/* Map `scope_names`, there only with SCOPES, written by the loader: key of a scope -> its number, from 1 on. The accounts of
 * its tree stand so many times ACCOUNTS_ALL behind the usual ones in the maps `accounts`, `policies` and `tunnelled`. */
struct scope_name {
	char name[32]; /* padded with zeros */
};
_Static_assert(sizeof(struct scope_name) == 32, "struct scope_name");

#if SCOPES
/* Map `scope_room`: what limits in scopes say of the packet that this processor judges now, see scopes.h. */
struct in_scopes {
	__u32 is_blocked;     /* 1: by any of them */
	__u32 is_blocked_low; /* 1: also by one that is not on everyone */
	__u32 is_too_fast;    /* 1: beyond the police rate of one that throttles */
	__u32 pad;
	__u64 bytes;          /* that were added to each of `charged` */
	__u32 charged[SCOPES * HIERARCHY]; /* numbers of accounts; 0 for none */
};
#endif

struct uplink {
	__u32 slot;
	__u32 flags;
};
_Static_assert(sizeof(struct uplink) == 2 * 4, "struct uplink");

struct uplink_name {
	char name[128]; /* UTF-8, padded with zeros */
};
_Static_assert(sizeof(struct uplink_name) == 128, "struct uplink_name");

/* Map `by_uplink`, indexed by slot * ACCOUNTS_ALL + account, written by the kernel only, never reset: struct counters, of
 * what was billed at that uplink. The sum over all slots is what the WAN charged to the account.
 *
 * Map `uplink_queues`, indexed by slot, written by the kernel only, never reset: uploads of all accounts that no tap
 * compares (those at our tc classes, and at uplinks that are not metered), and what the tap saw leave of the others. */
struct uplink_queue {
	__u64 shaped;
	__u64 left;
};
_Static_assert(sizeof(struct uplink_queue) == 2 * 8, "struct uplink_queue");

/* Map `own_uplinks`, written by the kernel only: number of the interface by which these packets of the router left last. */
enum own_packets { OWN_PACKETS = 0, OWN_TUNNELS = 1, OWN_KINDS = 2 };

/* Map `tunnel_ends`, written by user space only: packets of the router of this protocol, and with this port on either
 * side, carry a tunnel. Its value is of enum tunnel_peer. */
struct tunnel_end {
	__u8 peer[16]; /* the address at the other end, IPv4 mapped into IPv6; zeros in the entry for all of them */
	__be16 port;   /* 0 for protocols without ports */
	__u8 protocol;
	__u8 pad;
};
_Static_assert(sizeof(struct tunnel_end) == 16 + 2 + 1 + 1, "struct tunnel_end");

enum tunnel_peer {
	PEER_ANY = 1,    /* whoever is at the other end */
	PEER_LISTED = 2, /* only peers that have an entry of their own */
	PEER_UNASKED = 4, /* beside one of these: also a download that no flow knows, and with this port here, is one */
};

/* Map `tunnel_links`, written by user space only: number of an interface -> bytes that its tunnel adds to each packet.
 * A tunnel that is not there adds what WireGuard adds. */

/* Map `translated` (LRU): what both sides of a translator (464XLAT, NAT64) have in common of one conversation, or of one
 * fragmented datagram -> whose it is, as `enum translated_owner` beside an account or beside tc_index. */
struct translated_key {
	__be32 remote; /* IPv4 address; the end of the IPv6 address, RFC 6052 section 2.2 with a prefix of 96 bits */
	__u32 id;      /* of a fragmented datagram, else 0 */
	__be16 remote_port;
	__be16 local_port;
	__u8 protocol; /* that of ICMP for ICMPv6 as well */
	__u8 direction;
	__u8 is_fragment; /* 1 for a later fragment, which has no ports */
	__u8 pad;
};
_Static_assert(sizeof(struct translated_key) == 4 + 4 + 2 + 2 + 4, "struct translated_key");

/* Map `unbilled` (LPM trie), written by user space only: networks that end in the modem. The value has no meaning. The
 * one entry of `unbilled_in_use` is the number of networks, so that most packets need no look at the trie. */
struct network {
	__u32 length; /* of the prefix, in bits */
	__u8 address[16];
};
_Static_assert(sizeof(struct network) == 4 + 16, "struct network");

/* Map `events`, indexed by enum reason, written by the kernel only. */
struct event {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct event) == 2 * 8, "struct event");

/* Map `clients`: identity of a client -> account number. The kernel inserts each client at its first packet, user space
 * before that the clients with limits of their own. No entry is ever changed or removed. */
enum client_kind {
	CLIENT_MAC = 0, /* address[0..5] */
	CLIENT_IP = 1,  /* address[0..15], IPv4 mapped into IPv6: on LAN links without MACs */
};
struct client_key {
	__u8 address[16];
	__u32 kind; /* enum client_kind */
};
_Static_assert(sizeof(struct client_key) == 16 + 4, "struct client_key");

/* Map `flows` (LRU): one conversation as the carrier sees it, behind NAT. No total is made from it (R2). */
struct flow_key {
	__u8 remote[16]; /* IPv4 mapped into IPv6 */
	__u8 local[16];
	__be16 remote_port; /* enum echo_role for pings, 0 for other protocols without ports */
	__be16 local_port;  /* the echo identifier for pings, 0 for other protocols without ports */
	__u8 protocol;
	__u8 pad[3];
};
_Static_assert(sizeof(struct flow_key) == 16 + 16 + 2 + 2 + 1 + 3, "struct flow_key");

#define RESETS 8 /* of a new flow: see reset.h */

/* The bits of a word of `counted` from 48 on are no count. Those of a word of bytes are its tag: which service its bytes
 * were added to in `usage`. So one atomic addition counts a packet and says for what, and a rename moves exactly what
 * stands there. Those of `up_packets` count the heads that user space was shown. */
#define WORD_SHIFT 48
#define WORD_COUNT ((1ULL << WORD_SHIFT) - 1)
#define TAG_NUMBER (SERVICES - 1)
#define TAG_FINAL 0x8000 /* nothing more will be known of this flow, so nobody looks at its packets */
#define TAG_SHARED 0x4000 /* of a binding with BINDING_SHARED: no limit by service holds the flow */
#define TAG_UNCOUNTED 0x2000 /* the flow began at an uplink that is not metered, so no pool has counted it */

struct flow {
	struct counters counted;
	__u64 first_seen; /* CLOCK_MONOTONIC_COARSE, ns */
	__u64 last_seen;
	__u32 account;
	__u16 blocked; /* downloaded TCP segments that came while a limit was reached */
	__u8 resets;   /* so many uploaded segments may still leave as resets; RESETS at first */
	__u8 upkeep;   /* enum upkeep of reserve.h: an upload passed a block for this, and so may the answers */
};
_Static_assert(sizeof(struct flow) == 4 * 8 + 2 * 8 + 4 + 2 + 1 + 1, "struct flow");

/* Map `fragments` (LRU): a fragmented download -> its account, as later fragments have no ports. */
struct fragment_key {
	__u8 remote[16];
	__u8 local[16];
	__u32 id;
	__u32 protocol;
};
_Static_assert(sizeof(struct fragment_key) == 16 + 16 + 4 + 4, "struct fragment_key");

/* A datagram has an account once its first fragment came; its entry ends with its last byte, or after a time. */
#define FRAGMENT_OF_NOBODY 0xffffffff

struct fragment {
	__u64 began;   /* CLOCK_MONOTONIC_COARSE, ns, of the fragment that came first */
	__u32 account; /* or FRAGMENT_OF_NOBODY */
	__u32 got;     /* bytes of payload so far */
	__u32 total;   /* bytes of payload of the datagram; 0 until its last fragment came */
	__u32 bytes;   /* IP-layer bytes and packets that were charged so far, to this account or to nobody's */
	__u32 packets;
	__u32 pad;
};
_Static_assert(sizeof(struct fragment) == 8 + 6 * 4, "struct fragment");

/* Map `addresses` (LRU): IPv6 address of a client -> account, for downloads before the first upload of their flow. */
struct address_key {
	__u8 address[16];
};
_Static_assert(sizeof(struct address_key) == 16, "struct address_key");

/* Map `ipsec_peers` (LRU), a set: addresses whose ESP packets this router unpacks, by policy. The key is a struct
 * address_key, and the value has no meaning. */

/* Map `groups`, written by user space only: name, padded with zeros -> account. It is as old as the counters, so that a
 * restarted daemon gives each group its own account again. */
struct group_key {
	char name[32];
};
_Static_assert(sizeof(struct group_key) == 32, "struct group_key");

/* Services: what bytes were for. All of these maps are there only if the loader defines NAMES as 1. */
#define SERVICES 256 /* numbers of services; a power of two */
#define SERVICE_UNNAMED 0
#define SERVICE_HIDDEN 1
#define SERVICE_OTHER 2 /* the name is known, and in no catalogue, or there was no number left for its service */
#define SERVICE_FIRST 3

/* Map `service_numbers`, written by user space only, which adds entries and never changes one: name, padded with zeros
 * -> number, from SERVICE_FIRST on. */
struct service_name {
	char name[32];
};
_Static_assert(sizeof(struct service_name) == 32, "struct service_name");

/* Map `usage`, indexed by account of a client * SERVICES + number, written by the kernel only: what the WAN charged to
 * the account, and what it claimed inside tunnels. At rest the sum of its rows is just that, in both directions. A row
 * falls when bytes get another name; while packets pass it may be below 0 for a moment. */
struct usage {
	__s64 down_bytes;
	__s64 up_bytes;
};
_Static_assert(sizeof(struct usage) == 2 * 8, "struct usage");

/* What the program `name_flows` is given, behind a link header of zeros: up to RENAMES of these. */
#define RENAMES 12
struct rename {
	struct flow_key key;
	__u32 account; /* a flow that another one has by now is left */
	__u16 tag;     /* number of the service, perhaps with TAG_FINAL */
	__u16 pad;
};
_Static_assert(sizeof(struct rename) == 40 + 4 + 2 + 2, "struct rename");

/* Map `bindings` (LRU), written by user space only: which service a client means by an address, as DNS and hellos said
 * -> number, perhaps with BINDING_SHARED. New flows begin with it; no flow is final by it. */
#define BINDING_SHARED 0x10000 /* other services have the address as well: enough for a name, not for a limit */
struct binding_key {
	__u8 address[16]; /* of the far end */
	__u32 account;
};
_Static_assert(sizeof(struct binding_key) == 16 + 4, "struct binding_key");

/* Map `service_policies`, indexed as `usage`, written by user space only: limits of one service of one account. */
#define SERVICE_POOLS 6   /* at most: one service and one category, each of a client, its group and everyone */
#define SERVICE_BUCKETS 8 /* for each account: so many rates that services without a class are held to */

enum service_flag {
	SERVICE_BLOCKED = 1,      /* nothing passes */
	SERVICE_PACED = 2,        /* held to a class or, where that is not, to `police_rate` */
	SERVICE_METERED_ONLY = 4, /* both hold at metered uplinks only */
	SERVICE_ANY = 8, /* in the row of SERVICE_UNNAMED: the account has a policy of some service; else none is looked at */
};

struct service_policy {
	__u16 flags;       /* enum service_flag */
	__u16 bucket;      /* of the account: services with the same one share their rate */
	__u32 class;       /* tc class id, 0 for none */
	__u32 police_rate; /* bytes per second, for packets that no class holds; 0: any rate */
	__u16 pools[SERVICE_POOLS]; /* accounts that count its bytes as well, 0 behind the last */
};
_Static_assert(sizeof(struct service_policy) == 2 * 2 + 2 * 4 + SERVICE_POOLS * 2, "struct service_policy");

/* Pools have entries in `accounts`, of which the kernel writes `used` and `announced_at` only, and in `policies`. A rename
 * may take more off a pool than it has counted, if the flow is older than the pool. So thresholds of pools are
 * absolute values of `used` plus POOL_ZERO. */
#define POOL_ZERO (1ULL << 62)

/* Map `pool_numbers`, written by user space only: whose pool it is -> its account. It is as old as the counters. */
struct pool_key {
	__u32 holder; /* account of a client, a group or everyone */
	__u32 pad;
	__u64 services; /* which set of services, as a number */
};
_Static_assert(sizeof(struct pool_key) == 2 * 4 + 8, "struct pool_key");

/* Map `paces`, indexed by account * SERVICE_BUCKETS + bucket, written by the kernel only: as `arrival_due` of `tunnelled`. */
struct pace {
	__u64 arrival_due[2];
};
_Static_assert(sizeof(struct pace) == 2 * 8, "struct pace");

/* Map `refused`, indexed as `usage`, written by the kernel only, never reset: struct event, of what was dropped since its
 * service, or a pool of it, was blocked. */

/* Map `flow_names` (LRU), written and read by user space only: key of a flow -> the name of its far end, for people. */
struct flow_name {
	__u32 account;
	__u8 how;       /* place in `How` of esimshaper/core/model/services.py */
	char name[123]; /* UTF-8, padded with zeros */
};
_Static_assert(sizeof(struct flow_name) == 4 + 1 + 123, "struct flow_name");

/* Ring `heads`: packets that may tell what a flow is for. */
enum head_kind {
	HEAD_OUT = 0,      /* an upload, one of the first HEADS with payload of a flow whose tag is not final */
	HEAD_ANSWER = 1,   /* at the uplink or out of a tunnel: DNS that a known flow has asked for */
	HEAD_RESOLVED = 2, /* at the LAN: DNS for a client by a resolver on this router */
};
#define HEADS 10
#define HEAD_BYTES 2048
struct head {
	struct flow_key key; /* zeros for HEAD_RESOLVED */
	__u32 account;
	__u32 length;        /* bytes of the packet from its IP header on, without padding; of a merged one as it is */
	__u8 kind;           /* enum head_kind */
	__u8 pad[3];
	__u8 bytes[HEAD_BYTES]; /* the packet; a record ends with `length` or HEAD_BYTES of them */
};
_Static_assert(sizeof(struct head) == 40 + 4 + 4 + 1 + 3 + HEAD_BYTES, "struct head");

/* Ring `announcements`: what the daemon should hear of at once, and not only at its next reading. */
enum announcement_kind {
	ANNOUNCE_CLIENT = 0, /* a client was seen for the first time */
	ANNOUNCE_LIMIT = 1,  /* a block or throttle limit was crossed */
	ANNOUNCE_WARN = 2,   /* a warn threshold was crossed */
};
struct announcement {
	struct client_key client; /* for ANNOUNCE_CLIENT, else zeros */
	__u32 account;
	__u32 kind; /* enum announcement_kind */
};
_Static_assert(sizeof(struct announcement) == 20 + 4 + 4, "struct announcement");

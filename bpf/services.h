/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services: what the bytes of an account were for, in rows of the map `usage`.
 *
 *   flow.counted.up_bytes   | tag: 16 bits | bytes: 48 bits |
 *                                |                ^
 *                                |                `-- packet: one atomic addition, which gives back the tag ...
 *                                `-----------------> ... and under that the same bytes are added to `usage`
 *
 * name_flows (rename.h) puts another tag into the word and moves the bytes that stand there, which are those that were
 * added under the old one. So all rows of an account are always what it used, whoever adds on another CPU meanwhile. What
 * has no flow has no name.
 *
 * The loader defines NAMES: 1 if bytes are named, else 0, and nothing of this is there.
 */
#pragma once

#include "maps.h"

/* Beside a tag, above its bits. */
#define TAG_OF_FLOW 0x10000   /* it is of a flow */
#define TAG_WANTS_HEAD 0x20000 /* user space is to see the packet, if it has payload */
#define TAG_LEARNED 0x40000 /* the flow has the bytes of this upload already (pools.h) */
#define TAG_LIMITED 0x80000 /* pools of the service have them */

/* The row of an account and a service; 0 for an account that is no client's. */
ALWAYS_INLINE struct usage *usage_of(u32 account, u32 tag)
{
#if NAMES
	u32 row = account * SERVICES + (tag & TAG_NUMBER);

	return usage.lookup(&row);
#else
	return 0;
#endif
}

/* See hide_range(). Without names there is nothing to hide. */
ALWAYS_INLINE u32 hide_tag(struct __sk_buff *skb, u32 tag)
{
	return NAMES ? hide_range(skb, tag) : 0;
}

/* Adds bytes that an account is charged with, or claims: for an upload behind that, for a download a moment before it. */
ALWAYS_INLINE void add_usage(u32 account, u32 tag, enum direction direction, u64 bytes)
{
	struct usage *row = usage_of(account, tag);

	if (row)
		__sync_fetch_and_add(direction == UP ? &row->up_bytes : &row->down_bytes, bytes);
}

/* The tag of a new flow: what its client is known to mean by the far end. */
ALWAYS_INLINE u32 bound_service(const struct flow_key *key, u32 account)
{
#if NAMES
	struct binding_key binding = { .account = account };
	u32 *known;

	__builtin_memcpy(binding.address, key->remote, 16);
	known = bindings.lookup(&binding);
	return known ? (*known & TAG_NUMBER) | (*known & BINDING_SHARED) / (BINDING_SHARED / TAG_SHARED) : SERVICE_UNNAMED;
#else
	return SERVICE_UNNAMED;
#endif
}

/* TAG_WANTS_HEAD if the tag of a flow is not final, and few of its packets were shown so far; else 0. */
ALWAYS_INLINE u32 wants_head(u32 tag, u64 up_packets)
{
	return NAMES && !(tag & TAG_FINAL) && up_packets >> WORD_SHIFT < HEADS ? TAG_WANTS_HEAD : 0;
}

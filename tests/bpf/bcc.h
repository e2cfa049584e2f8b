/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bcc puts before a source, as far as bpf/ uses it, and what the loader defines: so that a plain compiler can read
 * each header alone. For -fsyntax-only; nothing here is ever run.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#define ACCOUNTS 256
#define FLOWS 65536
#define XFRM 1
#define NAMES 1
#define UPLINKS 2
#define SCOPES 4
#define PART 3
#define MARK_MASK 0xfff00000U
#define MARK_SHIFT 20
#define PIN "/sys/fs/bpf/esimshaper"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_htonl(x) __builtin_bswap32(x)

#define BPF_TABLE_PINNED(kind, key_type, value_type, name, entries, pin, ...)                                          \
	struct name##_table_t {                                                                                        \
		value_type *(*lookup)(key_type *);                                                                     \
		int (*update)(key_type *, value_type *);                                                               \
		int (*delete)(key_type *);                                                                             \
		int (*insert)(key_type *, value_type *);                                                               \
	};                                                                                                             \
	extern struct name##_table_t name;                                                                             \
	_Static_assert(entries > 0 && sizeof(kind pin) > 0, #name)
#define BPF_TABLE(kind, key_type, value_type, name, entries) BPF_TABLE_PINNED(kind, key_type, value_type, name, entries, "")
#define BPF_QUEUESTACK_PINNED(kind, name, value_type, entries, flags, pin)                                             \
	struct name##_table_t {                                                                                        \
		int (*pop)(value_type *);                                                                              \
		int (*push)(value_type *, u64);                                                                        \
	};                                                                                                             \
	extern struct name##_table_t name;                                                                             \
	_Static_assert(entries > 0 && flags == 0 && sizeof(kind pin) > 0, #name)

int bpf_skb_load_bytes(const void *skb, u32 offset, void *to, u32 length);
int bpf_skb_load_bytes_relative(const void *skb, u32 offset, void *to, u32 length, u32 start_header);
int bpf_skb_store_bytes(struct __sk_buff *skb, u32 offset, const void *from, u32 length, u64 flags);
int bpf_skb_change_tail(struct __sk_buff *skb, u32 length, u64 flags);
int bpf_l3_csum_replace(struct __sk_buff *skb, u32 offset, u64 from, u64 to, u64 size);
__s64 bpf_csum_diff(const void *from, u32 from_size, const void *to, u32 to_size, u32 seed);
int bpf_l4_csum_replace(struct __sk_buff *skb, u32 offset, u64 from, u64 to, u64 size);
int bpf_check_mtu(void *context, u32 ifindex, u32 *mtu_length, __s32 length_difference, u64 flags);
int bpf_skb_get_xfrm_state(void *skb, u32 index, void *state, u32 size, u64 flags);
u64 bpf_ktime_get_ns(void);
u64 bpf_ktime_get_coarse_ns(void);
u64 bpf_ktime_get_boot_ns(void);

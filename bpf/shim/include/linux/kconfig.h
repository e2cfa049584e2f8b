/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bcc wants a kernel source tree. Our programs use nothing of the kernel but bpf.h, which bcc brings itself, so this
 * folder (BCC_KERNEL_SOURCE) has just the names that bcc includes. No kernel headers are needed. */
#pragma once
#define CONFIG_BPF_SYSCALL 1

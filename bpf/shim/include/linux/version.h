/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oldest kernel that is supported (Debian 12); programs for tc are loaded whatever is stated here. */
#pragma once
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(6, 1, 0)

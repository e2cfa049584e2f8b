#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots a Debian tree, in the network namespace that it is started in: boot.sh TREE PLACE NAME [option of systemd-nspawn ...]
# What the system writes is kept in memory, so TREE stays as it is. All mounts are in a namespace of their own and end with
# the processes; of the groups, which the kernel does not remove, NAME says whose they are. PLACE is an empty folder.
set -eu
tree=$1 place=$2 name=$3
shift 3

# systemd-nspawn uses the groups beside it: without one of its own it would be the root of all.
awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd/) { print $2 }' /proc/mounts | while read -r groups; do
	mkdir "$groups/$name"
	echo $$ >"$groups/$name/cgroup.procs"
done

mount -t tmpfs -o mode=755 system "$place"
mkdir "$place/written" "$place/work" "$place/root" "$place/bpf"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/written,workdir=$place/work" system "$place/root"
mount -t bpf -o mode=700 bpf "$place/bpf" # as systemd does, but not in a container
mkdir -p /run/systemd/nspawn
mount -t tmpfs nspawn /run/systemd/nspawn # its locks

# All capabilities that a router needs; this machine keeps its clock, which can be asked, and its modules.
# network: /proc/sys/net, which is that of the namespace, is writable. The other settings are those of this machine.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
exec systemd-nspawn --quiet --boot --directory="$place/root" --machine="$name" --register=no --keep-unit \
	--capability=all --drop-capability=CAP_SYS_MODULE,CAP_SYS_TIME,CAP_SYS_RAWIO \
	--system-call-filter="bpf adjtimex clock_adjtime" --bind="$place/bpf:/sys/fs/bpf" --link-journal=no --timezone=off \
	--resolv-conf=off --console=pipe "$@"

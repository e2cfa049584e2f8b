#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes a Debian 12 or 13 what it is to be. The system tests and the Vagrantfile use the same steps.
#   provision.sh router WAN              forwards, with NAT
#   provision.sh install DEB WAN LAN     what the README tells people to do: install, setup, enable
#   provision.sh client ROUTER           goes out by that address
set -eu
export DEBIAN_FRONTEND=noninteractive
role=$1
shift

case $role in
router)
	apt-get -q update # for the packages that the next step needs as well
	apt-get -qy install --no-install-recommends nftables
	echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/60-router.conf
	sysctl -q -p /etc/sysctl.d/60-router.conf
	cat >/etc/nftables.conf <<-END
		flush ruleset
		table ip router {
		    chain postrouting {
		        type nat hook postrouting priority srcnat
		        oifname "$1" masquerade
		    }
		}
	END
	systemctl enable nftables
	systemctl restart nftables
	;;
install)
	deb=$1 wan=$2 lan=$3
	apt-get -qy install --no-install-recommends "$deb"
	# While a disk is made, what doctor looks at is another box.
	esimshaper setup --yes --wan "$wan" --lan "$lan" || test ! -d /run/systemd/system
	grep -q "interface: $wan\$" /etc/esimshaper/esimshaper.yaml # it was written
	esimshaper name 02:00:00:00:00:10 alice-phone
	esimshaper name 02:00:00:00:00:11 tv
	systemctl enable esimshaper
	test ! -d /run/systemd/system || systemctl start esimshaper # there is none while a disk is made
	;;
client)
	ip route replace default via "$1"
	;;
*)
	echo "provision.sh: no such role: $role" >&2
	exit 2
	;;
esac

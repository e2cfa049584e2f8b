# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage `doctor`: the daemon, its systemd unit and who may ask it -> findings in plain words. Pure."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.counts import Reason

_LOG = "journalctl -u esimshaper -n 50"


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """All findings about the daemon. Events and complaints are known only if it answers, and us."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def _service(facts: BoxFacts) -> Findings:
    unit = facts.service
    if unit is None:
        return
    if unit.load == "not-found":
        sentence = "There is no systemd service for esimshaper: nothing starts it when the box does."
        yield Finding.note("service", sentence, "install the package: apt install ./esimshaper_*.deb")
    elif unit.load in ("masked", "error", "bad-setting"):
        yield Finding.problem("service", f"systemd will not start it: its unit is {unit.load}.", f"{_STATUS}; {_LOG}")
    elif unit.active == "failed" or (unit.active != "active" and unit.result not in ("", "success")):  # tried again
        sentence = f"The service failed ({unit.result}): nothing new is booked, and no limit is renewed."
        yield Finding.problem("service", sentence, _LOG)
    elif not unit.enabled.startswith("enabled"):
        sentence = "The service is not enabled: after the next start of the box nothing is counted."
        yield Finding.warning("service", sentence, "systemctl enable --now esimshaper")
    else:
        yield Finding.ok("service", "It starts with the box.")


_STATUS = "systemctl status esimshaper"


def _daemon(facts: BoxFacts) -> Findings:
    running = facts.running
    if facts.daemon is False:
        yield Finding.note(
            "daemon", "The daemon is not running: nobody reads the counters.", "systemctl start esimshaper"
        )
    elif running and facts.version and running.version != facts.version:
        sentence = f"Version {running.version} is running, but {facts.version} is installed."
        yield Finding.warning("daemon", sentence, "systemctl restart esimshaper; counting goes on meanwhile")
    elif facts.daemon:
        yield Finding.ok("daemon", "The daemon is running.")
    if running:
        for words in (*running.detached, *running.problems):
            yield Finding.warning("daemon", f"It says: {words.rstrip('.')}.", _LOG)


def _events(facts: BoxFacts) -> Findings:
    """Of all that the programs have names for, what an owner can do something about."""
    events = facts.running.events if facts.running else {}
    if size := events.get(Reason.WAN_OUT_UNMARKED.label):
        sentence = (
            f"{size:,} bytes were uploaded by devices on an interface that is not under lan.interfaces: they are "
            "booked to `unattributed`, and so are the answers."
        )
        yield Finding.warning("daemon", sentence, "ip -br link; name the interface under lan.interfaces")
    if Reason.LAN_CLIENTS_FULL.label in events:
        sentence = "There were more devices than there is room for: those without room are one client, `others`."
        yield Finding.warning("daemon", sentence, "raise meter.max_clients; a wider lan.mark_mask makes room for more")


def _group(facts: BoxFacts) -> Findings:
    if facts.member is False:
        sentence = "You may not ask the daemon without sudo: you are not in the group esimshaper."
        yield Finding.note("group", sentence, "sudo usermod -aG esimshaper $USER, then log in again")
    elif facts.member is None and facts.service and facts.service.load == "loaded":
        sentence = "There is no group esimshaper: only root may ask the daemon."
        yield Finding.note("group", sentence, "groupadd --system esimshaper, then: systemctl restart esimshaper")


def _files(facts: BoxFacts) -> Findings:
    user = facts.service.user if facts.service else ""
    for path in facts.unreadable or ():
        hint = f"namei -l {path} shows where it ends; for example: chmod o+r {path}"
        if facts.wanted and path in facts.wanted.files:
            sentence = f"{path}: the daemon runs as {user}, who may not read it, and so it does not start."
            yield Finding.problem("configuration", sentence, hint)
        elif facts.wanted and path in facts.wanted.certificates:
            sentence = f"{path}: the daemon runs as {user}, who may not read it: nobody gets the metrics."
            yield Finding.warning("metrics", sentence, f"chgrp {user} {path} && chmod g+r {path}")
        else:
            sentence = f"{path}: the daemon runs as {user}, who may not read it: clients have no names from there."
            yield Finding.warning("leases", sentence, hint)


CHECKS = (_service, _daemon, _events, _group, _files)

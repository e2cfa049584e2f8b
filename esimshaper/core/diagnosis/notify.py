# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on how people are told: a line for each channel, and for what is read of carriers. Pure."""

from collections.abc import Iterator

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.channels import Channel, ChannelKind
from esimshaper.core.model.notify_facts import Messaging, NotifyFacts

_CHECK = "notices"
_RUNNING = "active"
_IN_JOURNAL = "Notices wait in the outbox, and are in the journal."

_PACKAGES = {"apprise": "apprise", "paho": "python3-paho-mqtt", "jeepney": "python3-jeepney"}

_MODEM = {
    Messaging.NO_BUS: ("nobody answers on the system bus", "systemctl status dbus; apt install python3-jeepney"),
    Messaging.NO_MANAGER: ("ModemManager does not run", "apt install modemmanager; systemctl start ModemManager"),
    Messaging.NO_MODEM: ("ModemManager has found no modem", "mmcli --list-modems"),
    Messaging.NOT_READY: (
        "the modem takes no messages, as its SIM is not ready, or by its kind",
        "mmcli -m any; mmcli -i any --pin=1234",
    ),
    Messaging.DENIED: (
        "polkit does not let esimshaper-notify send messages",
        "apt install --reinstall esimshaper, which brings /usr/share/polkit-1/rules.d/esimshaper.rules",
    ),
}


def _notices(facts: BoxFacts) -> Findings:
    wanted, there = (facts.wanted.notices if facts.wanted else None), facts.notify
    if wanted is None or there is None or not (wanted.channels or wanted.read):
        return
    if there.active != _RUNNING:
        sentence = f"esimshaper-notify does not run, so nobody is told. {_IN_JOURNAL}"
        yield Finding.warning(_CHECK, sentence, "systemctl start esimshaper-notify; journalctl -u esimshaper-notify")
    for channel in wanted.channels:
        problem = next(_problems(channel, there), None)
        if problem:
            yield Finding.warning(_CHECK, f"By {channel.name} nobody is told: {problem[0]}.", problem[1])
        else:
            sentence = f"The channel {channel.name} has what it needs, as far as can be seen without sending."
            yield Finding.ok(_CHECK, sentence)
    if wanted.read and there.messaging in _MODEM:
        why, hint = _MODEM[there.messaging]
        yield Finding.warning(_CHECK, f"What the carrier says is not read: {why}.", hint)


def _problems(channel: Channel, there: NotifyFacts) -> Iterator[tuple[str, str]]:
    """What is wrong with a channel and what to do, the first thing first."""
    module = channel.kind.module
    if module in there.missing:
        yield f"{_PACKAGES[module]} is not installed", f"apt install {_PACKAGES[module]}"
    for name in (str(each.get("file") or each.get("credential")) for each in channel.secrets):
        if why := (there.secrets or {}).get(name):
            yield f"its secret {name} is of no use, {why}", _secret_hint(name)
    if channel.kind is ChannelKind.COMMAND and (program := str(channel.settings["command"][0])) in there.programs:
        yield f"{program} cannot be run", f"ls -l {program}"
    if channel.name in there.hosts:
        host, why = there.hosts[channel.name]
        yield f"{host} has no address, {why}", f"getent ahosts {host}"
    if channel.kind is ChannelKind.SMS and there.messaging in _MODEM:
        yield _MODEM[there.messaging]


def _secret_hint(name: str) -> str:
    if name.startswith("/"):
        return f"chown esimshaper-notify {name}; chmod 400 {name}"
    return f"sudo install -D -m 600 /dev/stdin /etc/credstore/{name}; systemctl restart esimshaper-notify"


CHECKS = (_notices,)

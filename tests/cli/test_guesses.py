# SPDX-License-Identifier: GPL-2.0-or-later
"""What people type before they have read anything: it does what was meant, or the answer says the right command."""

import re
import shlex

import pytest

from esimshaper.cli import guesses
from esimshaper.cli import main as cli
from esimshaper.cli.parser import verbs_of
from tests.cli import test_main as test_cli

server = test_cli.server  # a fixture: this module gets a server of its own

SHOWN = {
    "devices": "MAC",
    "list": "MAC",
    "who": "MAC",
    "CLIENTS": "MAC",
    "clients alice-phone": "alice-phone",
    "devices alice-phone": "alice-phone",
    "clients --client alice-phone": "alice-phone",
    "limits": "QUOTA",
    "limit": "QUOTA",
    "quota": "QUOTA",
    "left": "LEFT",
    "remaining": "LEFT",
    "balance": "LEFT",
    "quotas alice-phone": "alice-trip",
    "left everyone": "plan",
    "usage": "Usage of all clients",
    "usage alice-phone": "Usage of alice-phone",
    "stats": "Usage of all clients",
    "history alice-phone": "Usage of alice-phone",
    "history living-room": "Nothing is on record yet of living-room",
    "history group/unknown": "Usage of group/unknown",
    "clients unknown": "Pixel-7",
    "block living-room": "group/living-room is blocked by hand",
    "unblock living-room": "no longer blocked",
    "online": "MAC",
    "block tv for 2h": "until Monday 20:30",
    "block tv 2 hours": "until Monday 20:30",
    "allow tv for 30 min": "until Monday 19:00",
    "block tv from 11 pm until 7 am": "from Monday 23:00 until Tuesday 07:00",
    "grant 5 GB to everyone": "5.00 GB more",
    "correct 1.5GB plan": "1.5",
    "history yesterday": "Sun 22 Nov",
    "history alice-phone last week": "Mon 16 Nov",
    "events last night": "tv has used up",
    "status -v": "wan_in_flow_missing",
    "history --client alice-phone": "Usage of alice-phone",
    "history 02:00:00:00:00:10 --by hour": "Usage of",
    "history --since yesterday": "Sun 22 Nov",
    "history --by hour --each --since 17:00": "alice-phone",
    "history --by week": "Mon 16 Nov",
    "history --by day": "a day on average, over 30 whole days",
    "history --since 2026-11-02 --until 2026-11-16": "a day on average, over 14 whole days",
    "history tv --calendar": "Nothing is on record yet of tv",
    "history --calendar": "· none",
    "status --verbose": "wan_in_flow_missing",
    "flows alice-phone": "198.51.100.7",
    "connections alice-phone": "198.51.100.7",
    "info": "WAN wwan0",
    "overview": "WAN wwan0",
    "live --count 1": "wwan0",
    "log": "tv has used up",
    "events tv": "tv has used up",
    "events --since yesterday": "Monday 23 November",
    "help": "Counts the bytes",
    "mac": "MAC",
    "most": "MAC",
    "alert": "tv has used up",
    'history --by hour --since "yesterday 12:00"': "Sun 22 Nov 12:00",
    "help grant": "usage: esimshaper grant",
    "help devices": "usage: esimshaper clients",
    "version": "esimshaper ",
    "block tv": "esimshaper unblock tv",
    "unblock tv": "no longer blocked",
    "block Pixel-7-of-somebody-with-a-long-name": "Pixel-7-of-somebody-with-a-long-name (00:1f) is blocked",
    "clear 02:00:00:00:00:1f": "Pixel-7-of-somebody-with-a-long-name (00:1f) is no longer blocked",
    "clear tv": "no longer blocked",
    "allow tv": "until Monday 20:30; of all limits only what is for everyone still holds (plan)",
    "allow tv --for 30m": "until Monday 19:00",
    "allow tv --always": "tv is allowed by hand; of all limits",
    "allow tv --over-plan": "that of the plan neither",
    "grant alice-phone 300 MB": "300 MB more",
    "grant alice-phone -100MB": "taken back",
    "grant alice-phone --clear": "taken back",
    "grant everyone 30GB": "more than the whole limit",
    "grant --clear everyone": "taken back",
    "grant alice-phone 300M": "300 MB more",
    "grant alice-phone 300mb": "300 MB more",
    "grant alice-phone 0.3gb": "300 MB more",
    "grant alice-phone 0,3 GB": "300 MB more",
    "grant alice-phone 300 megabytes": "300 MB more",
    "block tv --for 30min": "until Monday 19:00",
    "block tv --for '2 hours'": "until Monday 20:30",
    "block tv --until 7am": "until Tuesday 07:00",
    "block tv --at 11pm --until '7:30 am'": "from Monday 23:00 until Tuesday 07:30",
    "history --since 'yesterday noon' --by hour": "Sun 22 Nov 12:00",
}
ANSWERED = {
    "": "VERB",
    "stauts": "did you mean `status`?",
    "clinets tv": "esimshaper clients tv",
    "hystory --by hour": "esimshaper history --by hour",
    "devcies": "did you mean `clients`?",
    "pause tv": "esimshaper block tv",
    "kick tv": "esimshaper block tv",
    "ban tv": "esimshaper block tv",
    "off": "esimshaper block tv",
    "unlimit tv": "esimshaper allow tv",
    "exempt tv": "esimshaper allow tv",
    "give alice-phone 1GB": "esimshaper grant alice-phone 1GB",
    "topup": "esimshaper grant",
    "config": "esimshaper.yaml",
    "set plan 10GB": "esimshaper.yaml",
    "tariff": "esimshaper plan check plans.yaml",
    "throttle tv 1mbit": "throttle:",
    "slow tv": "throttle:",
    "rename tv": "say how `tv` is to be called",
    "name": "required: DEVICE",
    "start": "systemctl",
    "restart": "systemctl",
    "reset plan": "esimshaper restart plan",
    "new-sim": "esimshaper restart plan",
    "oops": "sudo esimshaper undo",
    "revert": "sudo esimshaper undo",
    "adjust plan 1.5GB": "esimshaper correct plan 1.5GB",
    "sync": "esimshaper correct plan 1.5GB",
    "correct plan": "SIZE",
    "grant plan 1GB": "it is that of `everyone`",
    "upgrade": "apt install",
    "csv": "esimshaper export",
    "dump": "esimshaper export",
    "schedule tv 23:00-07:00": "`blocks: [{for: tv, hours:",
    "bedtime": "esimshaper.yaml",
    "block tv 23:00-07:00": "`blocks: [{for: tv, hours:",
    "block tv --hours 23:00-07:00": "`blocks: [{for: tv, hours:",
    "block everyone except alice-phone": "first `block everyone`, then `allow --always`",
    "block everyone --except alice-phone": "first `block everyone`, then `allow --always`",
    "block all": "did you mean `everyone`?",
    "block tv alice-phone": "name one device",
    "block guests": "did you mean `group/unknown`?",
    "only alice-phone": "sudo esimshaper block everyone\n",
    "disallow tv": "sudo esimshaper block tv\n",
    "stop tv": "sudo esimshaper block tv\n",
    "pause the tv": "sudo esimshaper block tv\n",
    "add device": "`name` gives a new device a name",
    "guests": "group/unknown",
    "limit tv 1GB": "; `esimshaper grant` adds bytes",
    "cap tv 1GB": "esimshaper.yaml",
    "restart daily alice-phone": "`--client alice-phone` says whose",
    "status alice-phone": "`esimshaper quotas alice-phone`",
    "new sim": "esimshaper restart plan\n",
    "carrier 1.5GB": "doctor --bill",
    "how much left": "esimshaper quotas\n",
    "why is alice-phone slow": "esimshaper quotas alice-phone\n",
    "average": "esimshaper history",
    "yesterday": "esimshaper history --by hour --each --since yesterday",
    "history --today": "--since yesterday",
    "history --at noon": '--since "yesterday 12:00"',
    "events --today": "--since yesterday",
    "who used it": "begins with who used most",
    "clients --month": "history --by month --each",
    "quotas --csv": "`--json`",
    "block tv --dry-run": "`esimshaper undo` takes it back",
    "purge": "apt purge",
    "history --csv": "`--json`",
    "capture x.pcap": "esimshaper explain x.pcap",
    "youtube": "esimshaper services",
    "telegram": "esimshaper notify",
    "grafana": "19473/metrics",
    "hotel": "esimshaper status",
    "test": "doctor --self-test",
    "backup": "man esimshaper",
    "uninstall": "apt remove",
    "grant alice-phone 300MB today": "`300MB today`",
    "xyzzy": "esimshaper help",
    "alice-phone": "esimshaper quotas alice-phone",
    "tv block": "esimshaper block tv\n",
    "kindle grant 300MB": "esimshaper grant kindle 300MB\n",
    "ipad devices": "esimshaper clients ipad\n",
    "tv off": "sudo esimshaper block tv\n",
    "forget tv": "sudo esimshaper name --clear tv\n",
    "delete tv": "takes its name back",
    "remove": "apt remove",
    "grant alice-phone 1h": "`esimshaper allow alice-phone --for 1h` lifts limits",
    "grant 5GB": "say for whom: `grant everyone 5GB`",
    "bought 5GB": "sudo esimshaper grant everyone 5GB\n",
    "extend plan 5 GB": "sudo esimshaper grant everyone 5 GB\n",
    "take 100MB from alice-phone": "sudo esimshaper grant alice-phone -100MB\n",
    "turn off tv": "sudo esimshaper block tv\n",
    "stop blocking tv": "sudo esimshaper unblock tv\n",
    "block tv for homework": "`homework` is not a length of time",
    "block 02:00:00:00:00:99": "`sudo esimshaper name MAC NAME` lists one before it comes",
    "top 10": "begins with who used most today",
    "clients --top 10": "it lists all",
    "events -f": "`journalctl -f -u esimshaper`",
    "history --last 7d": "`--since 7d` looks back",
    "list guests": "did you mean `group/unknown`?",
    "reboot": "systemctl reboot",
    "man": "man esimshaper\n",
    "vpn": "wan.tunnels",
    "limit alice-phone to 1GB a day": "limit: 1GB, period: day, then: block}`",
    "correct 3.2 GB": "say which quota: `correct plan 3.2GB`",
    "give tv 1 hour": "sudo esimshaper grant tv 1 hour\n",
    "give alice-phone 1 gb more": "sudo esimshaper grant alice-phone 1 gb\n",
    "switch sim": "for a new SIM",
    "sim changed": "sudo esimshaper restart plan\n",
    "cancel": "sudo esimshaper undo\n",
    "history --by year": "`year` is not one of 5min, hour, day, week, month",
    "history Evas phone": "a name with spaces stands in quotes",
    "block Evas phone": "in quotes if it has spaces",
    "undo 2": "one act at a time",
    "block netflix on tv": "not a site or an app",
    "topup 5GB": "sudo esimshaper grant everyone 5GB\n",
    "topup 5 GB": "sudo esimshaper grant everyone 5 GB\n",
    "give alice-phone": "sudo esimshaper grant alice-phone\n",
    "restart esimshaper": "systemctl restart esimshaper",
    "forecast": "esimshaper quotas\n",
    "block youtube": "sites and apps are in `esimshaper services` only",
    "redo": "sudo esimshaper undo --redo\n",
    "restart alice-phone": "`daily --client alice-phone`",
    "block kids": "`group: kids` beside the name",
    "block group/kids": "`group: kids` beside the name",
    "help pause": "esimshaper block",
    "grant alice-phone": "how much",
    "grant alice-phone 300": "300MB",
    "grant alice-phone 300MB --clear": "not both",
    "grant alice-phone -5MB --for 2h": "does not come again",
    "history alice-phone tv": "one word too many: `tv`",
    "history alice-phone --client tv": "one client at a time",
    "flows --cleint tv": "did you mean `--client`?",
    "status --jsno": "did you mean `--json`?",
    "block": "esimshaper block --help",
    "clients nobody-here": "nobody-here",
    "quotas nobody-here": "nobody-here",
}


def typed(line: str, path, capsys) -> tuple[int, str]:
    """Exit status, and all that a person sees."""
    words = shlex.split(line)
    known = guesses.understood(words[0], verbs_of(cli.build_parser())) if words else ""
    asks = known not in ("", "help", "version")
    try:
        status = cli.main([*words, *(("--socket", str(path)) if asks else ())])
    except SystemExit as end:
        status = int(end.code or 0)
    shown = capsys.readouterr()
    return status, shown.out + shown.err


@pytest.mark.parametrize("line", SHOWN)
def test_what_people_guess_is_done(server, capsys, line):
    if line.startswith("grant alice-phone -") or "--clear" in line:
        typed(f"grant {line.replace('--clear', '').split()[1]} 1GB", server, capsys)
    status, shown = typed(line, server, capsys)
    assert status == 0, shown
    assert SHOWN[line] in shown


@pytest.mark.parametrize("line", ANSWERED)
def test_other_guesses_are_answered_with_the_right_command(server, capsys, line):
    status, shown = typed(line, server, capsys)
    assert status in (1, 2)
    assert ANSWERED[line] in shown


def test_a_guess_never_blocks_or_grants_anything():
    for word in guesses.MEANT:
        assert not guesses.understood(word, verbs_of(cli.build_parser()))
    assert set(guesses.SAME.values()) <= {*verbs_of(cli.build_parser())}
    assert not {"block", "allow", "grant", "unload", "demo"} & set(guesses.SAME.values())


def test_no_word_hides_a_verb():
    assert not {*guesses.SAME, *guesses.MEANT} & {*verbs_of(cli.build_parser())}


@pytest.mark.parametrize("line", ["bedtime", "block", "block youtube"])
def test_on_a_phone_the_sentence_comes_first_and_breaks_at_words(server, line):
    shown, status = test_cli.on_terminal(*line.split(), *(["--socket", server] if " " in line else []), columns=48)
    assert status in (1, 2)
    sentence = re.split(r"\n  (?:try|example|hint): ", shown)[0].splitlines()
    assert sentence[0].startswith("esimshaper")
    assert max(map(len, sentence)) <= 48

# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that people try in place of a verb -> the verb, or the command to type. Pure.

A word that only shows something is carried out. A word that changes something is answered with the right command, so
that nobody is blocked by a guess.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from esimshaper.languages.texts import _

SAME: Mapping[str, str] = {
    **dict.fromkeys(("devices", "device", "list", "ls", "hosts", "users", "who", "people", "client"), "clients"),
    **dict.fromkeys(("mac", "macs", "most", "biggest", "online", "connected", "active", "leases", "arp"), "clients"),
    **dict.fromkeys(("find", "search", "lookup", "whois"), "clients"),
    **dict.fromkeys(("limits", "limit", "quota", "left", "remaining", "rest", "balance", "budget", "used"), "quotas"),
    **dict.fromkeys(("spent", "spend"), "quotas"),
    **dict.fromkeys(("reports", "accounting", "breakdown"), "report"),
    **dict.fromkeys(("usage", "use", "days", "months", "stats", "statistics", "consumption"), "history"),
    **dict.fromkeys(("connections", "connection", "flow", "conversations", "sessions", "netstat"), "flows"),
    **dict.fromkeys(("service", "apps", "app", "sites", "websites", "domains", "categories", "category"), "services"),
    **dict.fromkeys(("purposes", "purpose", "names"), "services"),
    **dict.fromkeys(("live", "monitor", "watch", "htop", "iftop", "now"), "top"),
    **dict.fromkeys(("info", "state", "show", "summary", "overview", "dashboard"), "status"),
    **dict.fromkeys(("diagnose", "diagnostics", "diag", "health", "self-test", "selftest"), "doctor"),
    **dict.fromkeys(("validate", "verify", "lint", "checkconfig"), "check"),
    **dict.fromkeys(("apply", "refresh", "reconfigure"), "reload"),
    **dict.fromkeys(("configure", "wizard", "init", "assistant"), "setup"),
    **dict.fromkeys(("rename", "alias", "label", "nickname"), "name"),
    **dict.fromkeys(("daemon", "serve"), "run"),
    **dict.fromkeys(("page", "webpage", "website", "browser", "url", "portal", "gui", "ui", "qr"), "web"),
    **dict.fromkeys(("log", "logs", "event", "journal", "notifications", "alerts", "messages", "news"), "events"),
    **dict.fromkeys(("alert", "warning", "notice"), "events"),
    **dict.fromkeys(("approvals", "approval", "audit", "waiting", "pending"), "review"),
    **dict.fromkeys(("saved", "saving", "savings", "saves"), "saver"),
    **dict.fromkeys(("notices", "warnings", "happened", "what", "timeline"), "events"),
    **dict.fromkeys(("clear", "unpause", "unban", "release", "resume", "unlock", "wake", "unallow"), "unblock"),
}
"""Each word means exactly what the verb does."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a word probably means, and the command for it; `words` stand behind it where the person wrote none."""

    meaning: str
    command: str
    words: str = ""

    def for_words(self, written: Iterable[str]) -> str:
        """The command to type, with what the person wrote behind the word."""
        kept = [each for each in written if each.lower() not in _FILLERS]
        amounts = [each for each in kept if _AMOUNT.fullmatch(each)]
        names = [each for each in kept if each not in amounts]
        if self in (_GRANT, _ADD, _BOUGHT) and kept:  # what was bought is for all
            kept = ["everyone" if each == "plan" else each for each in kept]
            kept = kept if names else ["everyone", *kept]
        elif self is _BACK_AGAIN and names and amounts:
            return shlex.join(("sudo", "esimshaper", "grant", *names, f"-{''.join(amounts)}"))
        return f"{self.command} {shlex.join(kept) or self.words}" if self.words else self.command


_AMOUNT = re.compile(r"[0-9.,]+ ?[a-z]*|[kmgt]i?b", re.IGNORECASE)
_FILLERS = frozenset(
    {
        *("a", "an", "the", "my", "is", "are", "was", "did", "does", "so", "to", "of", "from", "device", "please"),
        *("turn", "switch", "put", "make", "down", "up", "slow", "blocked", "using", "use", "used", "online", "here"),
        *("more", "extra", "another", "changed", "change", "swap", "new", "sim"),
    }
)
"""Words of a sentence that no command takes."""


_FILE = "sudo editor /etc/esimshaper/esimshaper.yaml && sudo esimshaper reload"
_BLOCK = Advice("`block` does it, and `unblock` ends it", "sudo esimshaper block", "tv --for 2h")
_UNLIMIT = Advice(
    "`allow` lifts the limits of a device, the plan's with --over-plan", "sudo esimshaper allow", "tv --for 2h"
)
_GRANT = Advice("`grant` adds bytes until the period ends", "sudo esimshaper grant", "alice-phone 300MB")
_ADD = Advice("`grant` adds bytes, and `name` gives a new device a name", "sudo esimshaper grant", "alice-phone 300MB")
_BOUGHT = Advice(
    "`grant` adds what was bought to a plan, and `restart` begins one anew for a new SIM",
    "sudo esimshaper grant",
    "everyone 5GB",
)
_BACK_AGAIN = Advice("`grant --clear` takes back what was granted", "sudo esimshaper grant --clear", "alice-phone")
_RATES = Advice("`top` shows who is busy now, and `clients` begins with who used most today", "esimshaper top")
_MANUAL = Advice(
    "`man esimshaper` is the manual, and `man esimshaper.yaml` that of the configuration", "man esimshaper"
)
_BOX = Advice("that is of the box and not of esimshaper", "sudo systemctl reboot")
_VPN = Advice("a VPN of the router itself is a line of the configuration, `wan.tunnels`", "man esimshaper.yaml")
_STRANGERS = Advice(
    "`clients` lists every device; those that are not in the configuration are `group/unknown`", "esimshaper clients"
)
_WRITTEN = Advice("it is written in the configuration, and `reload` puts it in force", _FILE)
_LIMIT = Advice(
    "a limit is a line of the configuration under `quotas`: "
    "`- {name: eva, for: alice-phone, limit: 1GB, period: day, then: block}`",
    _FILE,
)
_HOURS = Advice(
    'every night is a line of the configuration, `blocks: [{for: tv, hours: "23:00-07:00"}]`; '
    "one night is `block tv --at 23:00 --until 07:00`",
    _FILE,
)
_ONLY = Advice("first `block everyone`, then `allow --always` whom you leave out", "sudo esimshaper block everyone")
_RATE = Advice(
    "a quota holds to a rate; it is a line of the configuration under `quotas`: "
    "`- {name: slow, for: tv, limit: 100MB, period: day, then: {throttle: 256kbit}}`",
    _FILE,
)
_UNDO = Advice("`undo` takes back what was last done by hand", "sudo esimshaper undo")
_CORRECT = Advice("`correct` sets what is used to the carrier's figure", "sudo esimshaper correct", "plan 1.5GB")
_RESTART = Advice("`restart` begins a quota anew, for a new SIM", "sudo esimshaper restart", "plan")
_NEW = Advice("`restart` is for a new SIM; a new device is there by itself", "sudo esimshaper restart plan")
_BILL = Advice(
    "`doctor --bill` says why the carrier's figure differs, and `correct` takes it over", "esimshaper doctor --bill"
)
_LEFT = Advice("`quotas` says how much is left, and for how many days", "esimshaper quotas")
_WHY = Advice("`quotas` says what holds a device", "esimshaper quotas", "alice-phone")
_AVERAGE = Advice("`history` has the average below, and `quotas` what is left a day", "esimshaper history --by day")
_TODAY = Advice("`history` looks back", "esimshaper history --by hour --each --since today")
_YESTERDAY = Advice("`history` looks back", "esimshaper history --by hour --each --since yesterday")
_MONTH = Advice("`history` looks back", "esimshaper history --by month")
_CAPTURE = Advice("`explain` says what a capture of tcpdump or Wireshark was for", "esimshaper explain", "phone.pcap")
_SITES = Advice("`flows` lists conversations, and `services` what they were for", "esimshaper flows", "alice-phone")
_SERVICE = Advice("`services` says what the bytes were for", "esimshaper services --since month")
_CATEGORY = Advice("`services` says what the bytes were for, by kind too", "esimshaper services --category video")
_TERMS = Advice("`plan check` says what the terms of a plan mean", "esimshaper plan check plans.yaml")
_TRIAL = Advice("`replay` says what a configuration would have done", "esimshaper replay usage.csv --config trial.yaml")
_BUY = Advice("`recommend` says which plan of a price list to buy", "esimshaper recommend --prices plans.yaml")
_NOTIFY = Advice("`notify` says how people are told, by mail, SMS and others; `notices` sets it", "esimshaper notify")
_METRICS = Advice(
    "Prometheus and Grafana show all of it, as in contrib/prometheus", "curl http://127.0.0.1:19473/metrics"
)
_UPLINK = Advice("the uplink of the configuration is counted; `status` says if another is used", "esimshaper status")
_PROOF = Advice("`doctor --self-test` proves that it counts truthfully", "sudo esimshaper doctor --self-test")
_FILES = Advice("history and configuration are files, which the manual lists", "man esimshaper")
_START = Advice("systemd starts and stops the service", "sudo systemctl start esimshaper")
_STOP = Advice(
    "`block` stops a device, and `sudo systemctl stop esimshaper` the service", "sudo esimshaper block", "tv --for 2h"
)
_PACKAGE = Advice("esimshaper is a package", "sudo apt install ./esimshaper_*.deb")
_REMOVE = Advice("esimshaper is a package; history and configuration stay", "sudo apt remove esimshaper")
_FORGET = Advice(
    "what a device used stays on record, as it was billed; `name --clear` takes its name back, and "
    "`sudo apt remove esimshaper` the program",
    "sudo esimshaper name --clear",
    "tv",
)
_REDO = Advice("`undo --redo` does again what was undone", "sudo esimshaper undo --redo")
_PURGE = Advice("esimshaper is a package; history and configuration go too", "sudo apt purge esimshaper")
_EXPORT = Advice("every row is there for programs too", "esimshaper export >usage.csv")

MEANT: Mapping[str, Advice] = {
    **dict.fromkeys(("pause", "kick", "ban", "deny", "cut", "disable", "off", "drop", "suspend", "halt"), _BLOCK),
    **dict.fromkeys(("disallow", "forbid", "prohibit", "lock", "mute", "restrict", "shut"), _BLOCK),
    **dict.fromkeys(("schedule", "bedtime", "night", "sleep", "timer", "curfew", "hours", "parental"), _HOURS),
    **dict.fromkeys(("only", "except", "lockdown"), _ONLY),
    **dict.fromkeys(("unlimit", "unlimited", "exempt", "whitelist", "permit", "enable", "on", "free"), _UNLIMIT),
    **dict.fromkeys(("give", "more", "topup", "top-up", "extend", "bonus", "boost"), _GRANT),
    "add": _ADD,
    **dict.fromkeys(("guest", "guests", "stranger", "strangers", "unknown"), _STRANGERS),
    **dict.fromkeys(("config", "configuration", "edit", "settings", "set"), _WRITTEN),
    **dict.fromkeys(("group", "groups", "timezone", "zone", "clock", "where"), _WRITTEN),
    **dict.fromkeys(("cap", "max", "maximum"), _LIMIT),
    **dict.fromkeys(("throttle", "slow", "shape", "pace", "ratelimit", "rate-limit", "speed"), _RATE),
    "start": _START,
    "stop": _STOP,
    **dict.fromkeys(("revert", "back", "oops", "rollback", "takeback", "undone", "cancel"), _UNDO),
    **dict.fromkeys(("adjust", "fix", "sync", "calibrate", "set-used", "setused"), _CORRECT),
    **dict.fromkeys(("reset", "renew", "new-sim", "newsim", "sim", "new-plan", "zero"), _RESTART),
    "new": _NEW,
    **dict.fromkeys(("carrier", "bill", "billing", "invoice", "difference", "mismatch"), _BILL),
    **dict.fromkeys(("how", "how-much", "howmuch", "forecast", "predict", "estimate", "enough", "eta", "cost"), _LEFT),
    **dict.fromkeys(("data", "gb", "mb", "gigabytes"), _LEFT),
    **dict.fromkeys(("bought", "buy", "purchase", "purchased"), _BOUGHT),
    **dict.fromkeys(("take", "revoke", "ungrant", "deduct", "subtract"), _BACK_AGAIN),
    **dict.fromkeys(("bandwidth", "rates", "busy", "speedtest", "mbps", "fast"), _RATES),
    **dict.fromkeys(("man", "manual", "docs", "guide", "documentation", "readme"), _MANUAL),
    **dict.fromkeys(("reboot", "shutdown", "poweroff"), _BOX),
    **dict.fromkeys(("vpn", "wireguard", "tunnel", "tailscale"), _VPN),
    **dict.fromkeys(("why", "reason", "because"), _WHY),
    **dict.fromkeys(("average", "mean", "per", "daily", "per-day"), _AVERAGE),
    **dict.fromkeys(("today", "day", "hour", "hourly"), _TODAY),
    "yesterday": _YESTERDAY,
    **dict.fromkeys(("month", "monthly", "week", "weekly"), _MONTH),
    **dict.fromkeys(("simulate", "what-if", "whatif", "trial", "backtest"), _TRIAL),
    **dict.fromkeys(("buy", "compare", "cheapest", "suggest", "advise"), _BUY),
    **dict.fromkeys(("tariff", "tariffs", "price", "prices", "terms", "contract"), _TERMS),
    **dict.fromkeys(("pcap", "capture", "tcpdump", "wireshark", "record", "sniff"), _CAPTURE),
    "traffic": _SITES,
    **dict.fromkeys(("youtube", "netflix", "icloud", "facebook", "instagram", "whatsapp", "tiktok", "line"), _SERVICE),
    **dict.fromkeys(("updates", "video", "videos", "ads", "games", "music"), _CATEGORY),
    **dict.fromkeys(("notification", "email", "mail", "sms", "telegram", "push"), _NOTIFY),
    **dict.fromkeys(("prometheus", "metrics", "grafana", "api", "graph"), _METRICS),
    **dict.fromkeys(("wifi", "wlan", "hotel", "uplink", "modem"), _UPLINK),
    **dict.fromkeys(("test", "prove"), _PROOF),
    **dict.fromkeys(("backup", "restore", "save", "files"), _FILES),
    **dict.fromkeys(("install", "update", "upgrade"), _PACKAGE),
    "uninstall": _REMOVE,
    **dict.fromkeys(("forget", "remove", "delete", "del", "rm"), _FORGET),
    **dict.fromkeys(("redo", "again", "repeat"), _REDO),
    "purge": _PURGE,
    **dict.fromkeys(("csv", "dump", "download"), _EXPORT),
}
"""Words that no verb has; none of them is carried out."""


def understood(word: str, verbs: Iterable[str]) -> str:
    """The verb that `word` means; empty if it means none, or one that changes something."""
    lower = word.lower()
    return lower if lower in verbs else SAME.get(lower, "")


_HOURS_WRITTEN = re.compile(r"\d\d?(:\d\d)?-\d\d?(:\d\d)?")
_ENDS = {
    **dict.fromkeys(("for", "until", "at", "from"), "`--for 2h`, `--until 07:00` and `--at 23:00` say when"),
    "dry-run": "`esimshaper undo` takes it back",
}
_QUOTED = {"": "a name with spaces stands in quotes"}
_ONE = {"": "name one device (in quotes if it has spaces), one group or everyone; `--for 2h` says how long"}
_OF_ONE = {"": "`esimshaper clients {word}` and `esimshaper quotas {word}` are of one device"}
_BACK = {
    **dict.fromkeys(("today", "yesterday"), "`--since yesterday` looks back to a moment"),
    "at": '`--since "yesterday 12:00"` looks back to a moment',
}
BEHIND: Mapping[str, Mapping[str, str]] = {
    "block": {
        "on": "a device is blocked as a whole, and not a site or an app on it",
        **dict.fromkeys(("except", "but", "without", "besides"), _ONLY.meaning),
        **dict.fromkeys(("hours", "every", "daily", "nightly", "each", "night", "tonight"), _HOURS.meaning),
        **_ENDS,
        **_ONE,
    },
    "allow": {**_ENDS, **_ONE},
    "history": {
        **_BACK,
        **_QUOTED,
        **dict.fromkeys(("service", "services", "app", "apps"), "`--by-service` says what the bytes were for"),
    },
    "services": {**_BACK, **_QUOTED},
    **dict.fromkeys(("flows", "unblock"), _QUOTED),
    "events": {
        **_BACK,
        **_QUOTED,
        **dict.fromkeys(("f", "follow"), "`journalctl -f -u esimshaper` follows what is said"),
        "me": _NOTIFY.meaning,
    },
    "clients": {
        **dict.fromkeys(("month", "sort", "since", "by"), "`esimshaper history --by month --each` looks back"),
        **dict.fromkeys(("top", "n", "limit", "last", "all"), "it lists all, with who used most today first"),
        "": "`esimshaper clients` alone begins with who used most today",
    },
    "status": _OF_ONE,
    "top": {"limit": "`esimshaper clients` begins with who used most today", **_OF_ONE},
    "quotas": {"": f"{_LIMIT.meaning}; `esimshaper grant` adds bytes"},
    "undo": {"": "it undoes one act at a time; type it once more for the one before"},
    "reload": {"check": "`--dry-run` only says what would change"},
    "restart": {"": "`--client {word}` says whose"},
}
"""Verb -> a word or option that it does not take ("": any word) -> what to type in its place."""


def behind(verb: str, word: str) -> str:
    """What to type in place of `word`, which `verb` does not take; empty if nothing is known of it."""
    known = {"csv": "`--json` is for programs", **BEHIND.get(verb, {})}
    if verb == "top" and word.isdigit():
        return "`esimshaper clients` begins with who used most today"
    if verb == "block" and _HOURS_WRITTEN.fullmatch(word):
        return _HOURS.meaning
    said = known.get(word.lstrip("-").lower(), "" if word.startswith("-") else known.get("", ""))
    return said.replace("{word}", shlex.quote(word))


def answer(word: str, verbs: Iterable[str], others: Sequence[str] = ()) -> tuple[str, str]:
    """What is wrong with `word`, and the command to type; `others` are the words behind it."""
    verbs, wrong, lower = tuple(verbs), _("there is no verb `{word}`", word=word), word.lower()
    if lower == "stop" and others and others[0].lower().endswith("ing"):
        return f"{wrong}: `unblock` ends a block or an allow", f"sudo esimshaper unblock {shlex.join(others[1:])}"
    near = [lower] if lower in MEANT else _nearest(lower, verbs)
    if not near and (later := [each for each in others if understood(each, verbs) or each.lower() in MEANT]):
        rest = [word, *(each for each in others if each != later[0])]
        advice = MEANT.get(later[0].lower(), Advice("", f"esimshaper {understood(later[0], verbs)}", word))
        why = f": {advice.meaning}" if lower in _FILLERS and advice.meaning else ""
        return wrong + (why or _("; if it is a device, it stands behind the verb")), advice.for_words(rest)
    near = near or _nearest(lower, [*SAME, *MEANT])
    if not near:
        device = wrong + _("; if it is a device, it stands behind the verb")
        return device, f"esimshaper quotas {shlex.quote(word)}" + _(", or esimshaper help")
    if near[0] in MEANT:
        advice = MEANT[near[0]]
        return f"{wrong}: {advice.meaning}", advice.for_words(others)
    verb = SAME.get(near[0], near[0])
    return wrong + _("; did you mean `{option}`?", option=verb), f"esimshaper {verb} {shlex.join(others) or '--help'}"


_SHORT = 3


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    # Of short words each is near to some other one.
    return get_close_matches(word, list(known), n=1, cutoff=0.78) if len(word) > _SHORT else []

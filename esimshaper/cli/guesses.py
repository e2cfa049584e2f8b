# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that people try in place of a verb -> the verb, or the command to type. Pure.

A word that only shows something is carried out. A word that changes something is answered with the right command, so
that nobody is blocked by a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

SAME: Mapping[str, str] = {
    **dict.fromkeys(("devices", "device", "list", "ls", "hosts", "users", "who", "people", "client"), "clients"),
    **dict.fromkeys(("limits", "limit", "quota", "left", "remaining", "rest", "balance", "budget", "used"), "quotas"),
    **dict.fromkeys(("usage", "use", "days", "months", "stats", "statistics", "consumption"), "history"),
    **dict.fromkeys(("connections", "connection", "flow", "conversations", "sessions", "netstat"), "flows"),
    **dict.fromkeys(("live", "monitor", "watch", "htop", "iftop", "now"), "top"),
    **dict.fromkeys(("info", "state", "show", "summary", "overview", "dashboard"), "status"),
    **dict.fromkeys(("diagnose", "diagnostics", "diag", "health", "self-test", "selftest"), "doctor"),
    **dict.fromkeys(("validate", "verify", "lint", "checkconfig"), "check"),
    **dict.fromkeys(("apply", "refresh", "reconfigure"), "reload"),
    **dict.fromkeys(("configure", "wizard", "init", "assistant"), "setup"),
    **dict.fromkeys(("rename", "alias", "label", "nickname"), "name"),
    **dict.fromkeys(("daemon", "serve"), "run"),
    **dict.fromkeys(("log", "logs", "event", "journal", "notifications", "alerts", "messages", "news"), "events"),
    **dict.fromkeys(("notices", "warnings", "happened", "what", "timeline"), "events"),
    **dict.fromkeys(("clear", "unpause", "unban", "release", "resume"), "unblock"),
}
"""Each word means exactly what the verb does."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a word probably means, and the command for it; `words` stand behind it where the person wrote none."""

    meaning: str
    command: str
    words: str = ""

    def for_words(self, written: str) -> str:
        """The command to type."""
        return f"{self.command} {written or self.words}" if self.words else self.command


_FILE = "sudo editor /etc/esimshaper/esimshaper.yaml && sudo esimshaper reload"
_BLOCK = Advice("`block` does it, and `unblock` ends it", "sudo esimshaper block", "tv --for 2h")
_UNLIMIT = Advice(
    "`allow` lifts the limits of a device, the plan's with --over-plan", "sudo esimshaper allow", "tv --for 2h"
)
_GRANT = Advice("`grant` adds bytes until the period ends", "sudo esimshaper grant", "alice-phone 300MB")
_WRITTEN = Advice("it is written in the configuration, and `reload` puts it in force", _FILE)
_RATE = Advice("a quota holds to a rate, `then: {throttle: 256kbit}` in the configuration", "man esimshaper.yaml")
_UNDO = Advice("`undo` takes back what was last done by hand", "sudo esimshaper undo")
_CORRECT = Advice("`correct` sets what is used to the carrier's figure", "sudo esimshaper correct", "plan 1.5GB")
_RESTART = Advice("`restart` begins a quota anew, for a new SIM", "sudo esimshaper restart", "plan")
_SERVICE = Advice("systemd starts and stops the service", "sudo systemctl restart esimshaper")
_PACKAGE = Advice("esimshaper is a package", "sudo apt install ./esimshaper_*.deb")
_EXPORT = Advice("every table is there for programs too", "esimshaper history --by day --json")

MEANT: Mapping[str, Advice] = {
    **dict.fromkeys(("pause", "kick", "ban", "deny", "cut", "disable", "off", "drop", "suspend", "halt"), _BLOCK),
    **dict.fromkeys(("unlimit", "unlimited", "exempt", "whitelist", "permit", "enable", "on", "free"), _UNLIMIT),
    **dict.fromkeys(("give", "more", "add", "topup", "top-up", "extend", "bonus", "boost"), _GRANT),
    **dict.fromkeys(("config", "configuration", "edit", "settings", "set", "plan"), _WRITTEN),
    **dict.fromkeys(("throttle", "slow", "shape", "pace", "ratelimit", "rate-limit", "speed"), _RATE),
    **dict.fromkeys(("start", "stop"), _SERVICE),
    **dict.fromkeys(("revert", "back", "oops", "rollback", "takeback", "undone"), _UNDO),
    **dict.fromkeys(("adjust", "fix", "sync", "calibrate", "set-used", "setused"), _CORRECT),
    **dict.fromkeys(("reset", "renew", "new-sim", "newsim", "sim", "new-plan", "zero"), _RESTART),
    **dict.fromkeys(("install", "update", "upgrade", "uninstall", "remove", "purge"), _PACKAGE),
    **dict.fromkeys(("export", "csv", "dump", "report"), _EXPORT),
}
"""Words that no verb has; none of them is carried out."""


def understood(word: str, verbs: Iterable[str]) -> str:
    """The verb that `word` means; empty if it means none, or one that changes something."""
    lower = word.lower()
    return lower if lower in verbs else SAME.get(lower, "")


def answer(word: str, verbs: Iterable[str], others: str = "") -> tuple[str, str]:
    """What is wrong with `word`, and the command to type; `others` are the words behind it."""
    wrong, lower = f"there is no verb `{word}`", word.lower()
    near = [lower] if lower in MEANT else _nearest(lower, verbs) or _nearest(lower, [*SAME, *MEANT])
    if not near:
        return wrong, "esimshaper help"
    if near[0] in MEANT:
        advice = MEANT[near[0]]
        return f"{wrong}: {advice.meaning}", advice.for_words(others)
    verb = SAME.get(near[0], near[0])
    return f"{wrong}; did you mean `{verb}`?", f"esimshaper {verb} {others or '--help'}"


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(word, list(known), n=1, cutoff=0.7)

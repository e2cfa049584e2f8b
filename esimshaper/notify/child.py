# SPDX-License-Identifier: GPL-2.0-or-later
"""`python3 -m esimshaper.notify.child`: delivers one job, which comes as JSON on standard input, and ends.

deliveries.py has the lines that it says. Whatever goes wrong here is one delivery that has failed.
"""

import contextlib
import importlib
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from esimshaper.core.model.results import Result
from esimshaper.notify import secrets
from esimshaper.notify.channels import MODULES
from esimshaper.notify.letter import SEVERITIES, Document, Letter, Report, UndeliveredError
from esimshaper.notify.texts import text_of

SIZES = {"sms": "sms", "apprise": "short", "mqtt": "short", "command": "short", "webhook": "short", "email": "long"}


def main() -> int:
    """Exit status 0: what became of the job is said on standard output."""
    _be_the_first_to_go()
    given = json.load(sys.stdin)
    signal.alarm(int(given["seconds"]))  # also where nobody is left to kill it
    report = Report()
    try:
        deliver(given["job"], given["channel"], report)
        report.result(Result.SENT)
    except UndeliveredError as error:
        report.result(error.result, str(error))
    except secrets.UnreadableError as error:
        report.result(Result.IMPOSSIBLE, str(error))
    except ImportError as error:
        report.result(Result.IMPOSSIBLE, f"a library is missing: {error}")
    except Exception as error:  # noqa: BLE001 - a library may raise anything, and its text is shown to people
        result = Result.UNKNOWN if report.is_handed_over else Result.FAILED
        report.result(result, f"{type(error).__name__}: {error}")
    return 0


def deliver(job: Document, channel: Document, report: Report) -> None:
    """Delivers a job by its channel. Raises UndeliveredError, UnreadableError, and what libraries raise."""
    kind = str(channel["kind"])
    if kind not in MODULES:
        raise UndeliveredError(Result.IMPOSSIBLE, f"there is no channel of the kind {kind}")
    letter = letter_of(job, SIZES[kind])
    importlib.import_module(f"esimshaper.notify.channels.{MODULES[kind]}").deliver(letter, channel, report)


def letter_of(job: Document, size: str) -> Letter:
    """The job in words, in the language of its recipient."""
    text = text_of(job, str(job.get("language") or "en"), size)
    notices: list[Document] = job.get("notices") or []
    moments = [datetime.fromisoformat(str(each["at"])) for each in notices]
    worst = max((SEVERITIES.index(each["severity"]) for each in notices), default=0)
    at = min(moments, default=datetime.fromtimestamp(0, UTC))
    return Letter(str(job["key"]), at, text.subject, text.body, SEVERITIES[worst], job)


def _be_the_first_to_go() -> None:
    """Where memory gets scarce, the kernel takes a delivery and not the process that knows of all."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())

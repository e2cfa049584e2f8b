# SPDX-License-Identifier: GPL-2.0-or-later
"""A command of the owner: run without a shell, with the letter as JSON on standard input."""

import errno
import subprocess
import tempfile

from esimshaper.core.model.results import Result
from esimshaper.notify.letter import Document, Letter, Report, UndeliveredError

MOST_SAID = 200
REFUSED = 65
"""EX_DATAERR of sysexits.h."""
_OF_THIS_MOMENT = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EIO)


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Exit status 0 is sent, 65 never again, any other failed. Raises UndeliveredError."""
    command = [str(each) for each in channel["command"]]
    # Files, as pipes would wait for one another, or for what the command leaves running.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(letter.as_json().encode())
        given.seek(0)
        report.hand_over()
        try:
            process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=said, cwd="/")
        except OSError as error:
            # No memory, or no process more, is of this moment; that there is no such file is of the settings.
            result = Result.FAILED if error.errno in _OF_THIS_MOMENT else Result.IMPOSSIBLE
            raise UndeliveredError(result, f"{command[0]} cannot be run: {error.strerror}") from None
        report.step(f"{command[0]} runs")
        status = process.wait()
        said.seek(0)
        words = said.read(MOST_SAID).decode(errors="replace").strip()
    report.step(f"it has ended with status {status}")
    if status:
        why = f"{command[0]} has ended with status {status}{words and f': {words}'}"
        raise UndeliveredError(Result.REFUSED if status == REFUSED else Result.FAILED, why)

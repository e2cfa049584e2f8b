# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, verb `explain`: names and services of a capture's conversations. Needs no daemon and no rights."""
# ruff: noqa: PLC0415 - as in main.py

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from esimshaper.cli.base import Verbs, add_json, add_verb, progress, show_document
from esimshaper.core.model.errors import Unusable

if TYPE_CHECKING:
    from esimshaper.core.services.flows import Flows

NOBODY = 65534
PACKETS_A_STEP = 20_000


def add_verb_explain(verbs: Verbs) -> None:
    """`explain`."""
    explain = add_verb(
        verbs,
        "explain",
        _explain,
        "says what a captured conversation was for; sends nothing, asks nobody",
        "esimshaper explain phone.pcap",
    )
    explain.add_argument("capture", type=Path, metavar="CAPTURE", help="a file of tcpdump or Wireshark: pcap or pcapng")
    add_json(explain)


def _explain(options: argparse.Namespace) -> int:
    from esimshaper.core.services.explained import explained

    flows = _read(options.capture)
    document = explained(flows.flows(), flows.left_out)
    return show_document(options, "explain", "explain_page", document, paged=True)


def _read(capture: Path) -> "Flows":
    from esimshaper.core.services.catalogue import catalogue_of
    from esimshaper.core.services.flows import Flows
    from esimshaper.core.services.octets import UnreadableError
    from esimshaper.core.services.packet import read_packet
    from esimshaper.edge.names.aes import Aes
    from esimshaper.edge.names.captures import CaptureError, packets
    from esimshaper.edge.settings_file.catalogue import CatalogueError, read_services

    try:
        catalogue = catalogue_of(read_services())
        with capture.open("rb") as file, progress("reading") as step:
            flows = Flows(catalogue, Aes())
            _give_up_rights()
            for number, (data, length) in enumerate(packets(file)):
                if number % PACKETS_A_STEP == 0:
                    step(f"packet {number:,}")
                try:
                    flows.take(read_packet(data, length))
                except UnreadableError:
                    continue  # a packet that is cut off, or none
    except CatalogueError as error:
        raise Unusable(str(error.problems[0]), "") from None
    except CaptureError as error:
        raise Unusable(f"{capture}: {error}", "tcpdump -w FILE, Wireshark and phones write such files") from None
    except OSError as error:
        raise Unusable(f"{capture}: {error.strerror}", "") from None
    return flows


def _give_up_rights() -> None:
    """What is in a capture was written by strangers: it is not read as root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

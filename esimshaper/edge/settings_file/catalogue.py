# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the catalogue: the owner's services.d and ours go in, Services or all mistakes with places come out."""

from pathlib import Path

from esimshaper.core.model.services import Service
from esimshaper.core.settings.services import services_from
from esimshaper.edge.settings_file.errors import SettingsError
from esimshaper.edge.settings_file.schema import judge, read_schema, with_defaults
from esimshaper.edge.settings_file.yaml_file import PlacedProblem, placed, read, read_ours

OURS = Path(__file__).parent.parent.parent / "catalogue"
FOLDER = "services.d"
"""Beside the configuration: the owner's own files."""

OWNERS = Path("/etc/esimshaper") / FOLDER
SCHEMA_FILE = OURS / "catalogue.schema.json"


class CatalogueError(SettingsError):
    """The files of the catalogue cannot be used."""


def read_services(folder: Path | None = OWNERS) -> tuple[Service, ...]:
    """The services of `folder` (*.yaml, in the order of their names), then ours. Raises CatalogueError."""
    owners = sorted(folder.glob("*.yaml")) if folder and folder.is_dir() else []
    problems: list[PlacedProblem] = []
    services = [each for file in owners for each in read_file(file, problems)]
    if problems:
        raise CatalogueError(problems)
    return (*services, *(each for file in sorted(OURS.glob("*.yaml")) for each in _read_ours(file)))


def _read_ours(file: Path) -> tuple[Service, ...]:
    # Its checks would take longer than all that `explain` does.
    return services_from(with_defaults(read_ours(file), SCHEMA_FILE))[0]


def read_file(file: Path, problems: list[PlacedProblem]) -> tuple[Service, ...]:
    """The services of one file; `problems` gets what is wrong with it."""
    item = read(file, problems)
    if item is None:
        return ()
    plain, misshapen = judge([item], item, complete=True, schema=read_schema(SCHEMA_FILE))
    problems += misshapen
    services, wrong = services_from(plain)
    problems += (placed(item.at(each.path).place, each.message, each.hint) for each in wrong)
    return services

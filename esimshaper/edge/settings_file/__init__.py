# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file and its conf.d: a path goes in, Settings or all mistakes with their places come out.

yaml_file.py reads values with their places, schema.py compares them with esimshaper.schema.json, and core/settings
makes Settings of them. No file stays open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from esimshaper.core.settings.periods import Zones
from esimshaper.core.settings.plans import parse_plans, unknown_plans
from esimshaper.core.settings.problem import Path as KeyPath
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.service_quotas import wrong_services
from esimshaper.core.settings.service_rules import unknown_words
from esimshaper.core.settings.tree import parse_settings
from esimshaper.core.settings.values import Settings
from esimshaper.edge.http.tls import Certificates, UnusableFileError
from esimshaper.edge.settings_file.catalogue import FOLDER, CatalogueError, read_services
from esimshaper.edge.settings_file.errors import SettingsError
from esimshaper.edge.settings_file.schema import judge
from esimshaper.edge.settings_file.yaml_file import Item, PlacedProblem, Position, placed, read
from esimshaper.edge.settings_file.zones import StandIns, known, of_the_box, rules_or_utc

__all__ = [
    "Loaded",
    "PlacedProblem",
    "SettingsError",
    "drop_ins",
    "load",
    "of_the_box",
    "read_settings",
    "read_to_start",
    "rules_or_utc",
]

_ENDINGS = (".yaml", ".yml")
"""The endings of the files in conf.d that are read, in letters of any size."""

_JOINED = (("clients",), ("quotas",), ("blocks",), ("plans",), ("trips",), ("rules",))
"""The lists that are joined from all files."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the values of the files that they were made of, with their places.

    stand_ins: the names of time zones that this box does not know, and the zones that were taken for them.
    """

    settings: Settings
    merged: Item
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def placed(self, problem: Problem) -> PlacedProblem:
        """The place in the files of a problem that the box has shown, and not the files."""
        return placed(self.merged.at(problem.path).place, problem.message, problem.hint)

    def check_files(self) -> None:
        """Raises SettingsError if files that the settings name (certificates) cannot be used now.

        They may become usable later, so the daemon starts without them: a bad certificate must not stop the counting.
        """
        tls = self.settings.metrics.tls
        if tls is None:
            return
        try:
            Certificates(tls.certificate, tls.key, tls.client_ca).check()
        except UnusableFileError as error:
            problem = Problem(("metrics", "tls", error.setting), error.message, error.hint)
            raise SettingsError([self.placed(problem)]) from None


def load(path: Path) -> Settings:
    """The Settings of the file at `path`, as by `read_settings`. Raises SettingsError."""
    return read_settings(path).settings


def read_to_start(path: Path) -> Loaded:
    """As `read_settings`, but an unknown time zone is no mistake (see `stand_ins`), and an unknown service is none.

    An upgrade of the box may take them away, and a daemon that does not start for it would count nothing.
    """
    zones = StandIns()
    try:
        loaded = read_settings(path, zones, services=False)
    except SettingsError:
        return read_settings(path)  # raises all mistakes, the unknown zone too
    return replace(loaded, stand_ins=zones.found)


def read_settings(path: Path, zones: Zones = known, *, services: bool = True) -> Loaded:
    """Reads the file at `path` and its `drop_ins`, in the order of their names.

    Blocks of keys are merged, the lists of _JOINED are joined; of any other value the last one counts. services: those
    that settings name have to be in the catalogue. Raises SettingsError.
    """
    problems: list[PlacedProblem] = []
    folder = path.parent / "conf.d"
    files = [path, *_listed(path, folder, problems)]
    all_listed = not problems
    trees = [tree for file in files if (tree := read(file, problems))]
    merged = Item({}, Position(path), Position(path))
    for tree in trees:
        merged = _merge(merged, tree) if isinstance(tree.content, dict) else merged
    plain, misshapen = judge(trees, merged, complete=all_listed and len(trees) == len(files))
    problems += misshapen
    plain.setdefault("timezone", of_the_box())
    parsed = parse_settings(plain, zones)
    plans, wrong = parse_plans(plain, (plain["timezone"], rules_or_utc(plain["timezone"])), zones)
    of_services = _wrong_services(path, plain, parsed.settings) if services else ()
    of_values = (*parsed.problems, *wrong, *unknown_plans(plain, plans), *of_services)
    problems += (placed(merged.at(each.path).place, each.message, each.hint) for each in of_values)
    if problems or parsed.settings is None:
        order = {file: number for number, file in enumerate((folder, *files))}
        raise SettingsError(sorted(set(problems), key=lambda each: (order[each.file], each.line, each.column)))
    return Loaded(replace(parsed.settings, plans=plans), merged)


def _wrong_services(path: Path, plain: Mapping[str, Any], settings: Settings | None) -> list[Problem]:
    """What is wrong with the services that settings name; nothing while the owner's catalogue has mistakes itself."""
    in_quotas = any(quota and "service" in quota for quota in plain.get("quotas", ()))
    if not (in_quotas or plain.get("rules") or plain.get("low_data") or plain["saver"].get("pace")):
        return []
    try:
        found = read_services(path.parent / FOLDER)
    except CatalogueError:
        return []
    categories = {each.name: each.category for each in reversed(found)}
    return [*wrong_services(plain, settings, categories), *unknown_words(plain, categories)]


def drop_ins(path: Path) -> list[Path]:
    """The files of conf.d beside `path` that are read: *.yaml and *.yml, none that is hidden. Raises OSError."""
    try:
        found = list((path.parent / "conf.d").iterdir())
    except FileNotFoundError:
        return []
    return sorted(file for file in found if file.suffix.lower() in _ENDINGS and not file.name.startswith("."))


def _listed(path: Path, folder: Path, problems: list[PlacedProblem]) -> list[Path]:
    try:
        return drop_ins(path)
    except OSError as error:
        problems.append(
            placed(Position(folder), f"cannot be listed: {error.strerror}", "Make conf.d a readable folder.")
        )
        return []


def _merge(old: Item, new: Item, path: KeyPath = ()) -> Item:
    """`old` with the values of `new` over it. Each value keeps its place."""
    if isinstance(old.content, dict) and isinstance(new.content, dict):
        content = dict(old.content)
        for key, item in new.content.items():
            content[key] = _merge(content[key], item, (*path, key)) if key in content else item
        return replace(old, content=content)
    if path in _JOINED and isinstance(old.content, list) and isinstance(new.content, list):
        return replace(old, content=[*old.content, *new.content])
    return new

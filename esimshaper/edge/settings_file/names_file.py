# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of conf.d in which `esimshaper name` keeps names of devices. Keys and names go in, the file is written.

Names that stand in another file are a person's own work: they are never changed here. Owns conf.d/names.yaml.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.settings.values import Client
from esimshaper.edge.settings_file import Loaded, SettingsError, drop_ins, read_settings
from esimshaper.edge.settings_file.yaml_file import Item

HEAD = "# Written by `esimshaper name`, which changes names in this file only.\n"


def names_file(config: Path) -> Path:
    """Where the names are that belong to the configuration at `config`."""
    return config.parent / "conf.d" / "names.yaml"


def write_name(config: Path, key: ClientKey, name: str) -> str:
    """The device `key` is called `name` from now on, or has no name any more (empty); returns the name that it had.

    Raises SettingsError where the whole configuration would be refused with it, and changes nothing then. Raises
    Unusable where another file has its name, or where the file cannot be written.
    """
    loaded = read_settings(config)
    _refuse_names_of_others(loaded, names_file(config), key)
    mine = {client.key: client for client in _mine(loaded, names_file(config))}
    old = mine.pop(key, None)
    if not name and old is None:
        raise Unusable(f"{key} has no name that could be taken back", "esimshaper clients")
    if name:
        mine[key] = replace(old, name=name) if old else Client(name, key)
    text = _text(mine.values())
    _try(config, text)
    _put(names_file(config), text)
    return old.name if old else ""


def _items(loaded: Loaded) -> list[Item]:
    listed = loaded.merged.content.get("clients")
    return list(listed.content) if listed else []


def _mine(loaded: Loaded, file: Path) -> list[Client]:
    # Items and settings have the same order, as each item of a good configuration is a client.
    pairs = zip(_items(loaded), loaded.settings.clients, strict=True)
    return [client for item, client in pairs if item.place.file == file]


def _refuse_names_of_others(loaded: Loaded, file: Path, key: ClientKey) -> None:
    for item, client in zip(_items(loaded), loaded.settings.clients, strict=True):
        if client.key == key and item.place.file != file:
            where = f"{item.place.file}, line {item.place.line}"
            raise Unusable(
                f"the name `{client.name}` is written in {where}",
                f"sudo editor {item.place.file} && sudo esimshaper reload",
            )


def _text(clients: Iterable[Client]) -> str:
    lines = [f"  - {{name: {_quoted(each.name)}, {_address(each)}{_group(each)}}}\n" for each in clients]
    return f"{HEAD}clients:\n{''.join(lines)}" if lines else HEAD


def _address(client: Client) -> str:
    return f'{"mac" if client.key.count(":") == 5 and len(client.key) == 17 else "address"}: "{client.key}"'


def _group(client: Client) -> str:
    return f", group: {_quoted(client.group)}" if client.group else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _try(config: Path, text: str) -> None:
    """Raises SettingsError if the configuration would have a mistake with this file; tried on copies."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / config.name
        names = names_file(place)
        names.parent.mkdir()
        shutil.copy(config, place)
        for path in drop_ins(config):
            shutil.copy(path, names.parent)
        names.write_text(text, encoding="utf-8")
        try:
            read_settings(place)
        except SettingsError as error:
            there = config.parent
            raise SettingsError(
                replace(each, file=there / each.file.relative_to(place.parent)) for each in error.problems
            ) from None


def _put(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)  # the daemon reads it as a user of its own, whatever our umask is
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Unusable(f"{file} cannot be written: {error.strerror}", "run it with sudo") from None

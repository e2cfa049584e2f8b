# SPDX-License-Identifier: GPL-2.0-or-later
"""The libraries that the program needs, by the names that Python, PyPI and Debian give them. Pure: values only."""

from typing import NamedTuple

DEBIAN_PYTHON = "/usr/bin/python3"
"""The only interpreter that sees Debian's bcc."""


class Library(NamedTuple):
    """A library by three names: Python's module, PyPI's distribution, Debian's package.

    needed: the daemon cannot start without it.
    """

    module: str
    distribution: str
    package: str
    needed: bool = True


LIBRARIES = (
    Library("cheroot", "cheroot", "python3-cheroot"),
    Library("jeepney", "jeepney", "python3-jeepney", needed=False),
    Library("jinja2", "Jinja2", "python3-jinja2", needed=False),
    Library("jsonschema", "jsonschema", "python3-jsonschema"),
    Library("prometheus_client", "prometheus-client", "python3-prometheus-client"),
    Library("pyroute2", "pyroute2", "python3-pyroute2"),
    Library("yaml", "PyYAML", "python3-yaml"),
    Library("rich", "rich", "python3-rich"),
    Library("systemd", "systemd-python", "python3-systemd"),
)
"""All that the program imports. A virtual environment or another interpreter does not see Debian's packages."""

# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of the code, held by its syntax trees: who imports whom, a core that touches nothing, sizes, words."""

import ast
import io
import re
import statistics
import sys
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.retired import RETIRED

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "esimshaper").rglob("*.py"))
}
TESTS = {str(path.relative_to(ROOT)): path for top in ("tests", "bench") for path in sorted((ROOT / top).rglob("*.py"))}
SOURCES = [*MODULES.values(), *TESTS.values(), *sorted((ROOT / "bpf").rglob("*.[ch]"))]

BINDINGS = {
    f"esimshaper.edge.{name}"
    for name in (
        *("bpf.libbpf", "bpf.layouts", "bpf.syscall", "netlink", "nft.program", "nft.proxies", "nft.scripts"),
        *(
            "http.server",
            "http.inherited",
            "http.tls",
            "host.clock",
            "lan.leases",
            "modems.report_file",
            "names.report_file",
            "modems.bus",
        ),
    )
}
"""They stand for a library, the C header or a kind of file and decide nothing, so that several edges may share them."""

_COMMANDS = ("plan", "page", "watch", "notice", "service", "approval")
_CONDUCT = ("pipeline", "commands", *(f"{one}_commands" for one in _COMMANDS), "replay")
CONDUCTORS = {f"esimshaper.core.{one}" for one in _CONDUCT}
"""What stands above the rooms of the core and knows all of them."""

CORE_LIBRARY = {
    "array", "bisect", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "errno", "fractions", "functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "math", "operator",
    "random", "re", "string", "types", "typing", "unicodedata", "zoneinfo",
}  # fmt: skip
"""What of Python itself a module of the core may import: nothing here asks the world anything (`random` has a seed)."""

DAEMON_KNOWS = {
    "pipeline", "commands", "plan_commands", "watch_commands", "saving.booking", "log_limit", "diagnosis.explain",
    "services.compiled", "saver.withheld_services", "saver.allowing", "saver.refusals", "saver.queries",
    "page_commands", "approval_commands", "notice_commands", "service_commands", "modems.own_counts",
    "shaping.plan", "shaping.steps", "shaping.tree",
}  # fmt: skip
"""What the daemon uses of the core beside words, documents and settings; it executes, and decides nothing."""

CLOCK = "esimshaper.edge.host.clock"
WATCHES = {"now", "utcnow", "today"}  # of datetime and date

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "now", "utcnow", "today"}

SLICES = {
    "approval": {"ApprovalSlice"},
    "limits": {"LimitsSlice"},
    "meter": {"ClockSlice", "MeterSlice", "NamesSlice", "RatesSlice"},
    "notices": {"NoticesSlice"},
    "page": {"PageSlice"}, "plan": {"PlansSlice"}, "rules": {"RulesSlice"},
    "shaping": {"CeilingSlice", "PacingSlice"}, "watch": {"WatchSlice"},
}  # fmt: skip
"""The parts of the State that a room writes. It is handed no other, and never the State: conductors join them."""

HEADERS = (
    "contract.h",
    "parse.h",
    "segments.h",
    "maps.h",
    "services.h",
    "size.h",
    "uplink.h",
    "carried.h",
    "ipsec.h",
    "attribution.h",
    "translator.h",
    "tunnel.h",
    *("compare.h", "scopes.h", "pools.h"),
    "limits.h",
    "receiver.h",
    "sent.h",
    "reserve.h",
    "heads.h",
    "names.h",
    "reset.h",
    "unbilled.h",
    "urgent.h",
    "frame.h",
    "rename.h",
    "at_wan.h",
    "at_tunnel.h",
    "at_translator.h",
    "at_lan.h",
    "at_server.h",
    "meter.c",
)
"""The kernel part from the bottom to the top: a file includes only what stands before it."""
SIBLINGS = {"attribution.h", "tunnel.h", "limits.h"}
"""They stand on the same floor of the kernel part, and none includes another."""

IMPORT_IN_TEXT = re.compile(r"\bfrom (esimshaper[\w.]*) import ([\w, ]+)|\bimport (esimshaper[\w.]*)")

MAX_LINES, WARN_LINES = 400, 350
MAX_FUNCTION, MEDIAN_FUNCTION = 56, 7


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(module: str, nodes: Iterator[ast.AST] | list[ast.stmt]) -> set[str]:
    """Names of the modules that import statements among `nodes` name; `from package import module` is the module."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively in line {node.lineno}"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in inner}
    return found


def imports(module: str) -> set[str]:
    """Everything that a module imports, anywhere in it."""
    return imported(module, ast.walk(tree(MODULES[module])))


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0] == "esimshaper"}


def third_party(names: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in names}
    return tops - sys.stdlib_module_names - {"esimshaper", "_typeshed"}


def within(*packages: str) -> list[str]:
    return [name for name in MODULES for package in packages if f"{name}.".startswith(f"esimshaper.{package}.")]


def room(module: str) -> str:
    """The folder of a module, or the module itself where it lies in none: `esimshaper.core.limits`."""
    return ".".join(module.split(".")[:3])


@pytest.mark.parametrize("room_of_all", ["core.model", "languages"])
def test_what_all_may_import_needs_nothing_but_itself(room_of_all):
    for module in within(room_of_all):
        assert ours(imports(module)) <= {"esimshaper", *within(room_of_all)}


@pytest.mark.parametrize("module", within("core"))
def test_a_room_of_the_core_knows_the_words_and_itself(module):
    assert not third_party(imports(module))
    if module not in CONDUCTORS:
        assert ours(imports(module)) <= {"esimshaper.core", *within("core.model"), *within(room(module)[11:])}


@pytest.mark.parametrize("module", within("core"))
def test_core_touches_nothing(module):
    library = {name for name in imports(module) if name.partition(".")[0] in sys.stdlib_module_names}
    assert library <= CORE_LIBRARY
    for node in ast.walk(tree(MODULES[module])):
        called = node.func if isinstance(node, ast.Call) else None
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
        assert name not in IMPURE_CALLS, f"{name}() in line {node.lineno}: pass its result in"


@pytest.mark.parametrize("module", within(*(f"core.{name}" for name in SLICES)))
def test_a_room_writes_its_own_slices_of_the_state(module):
    names = {node.id for node in ast.walk(tree(MODULES[module])) if isinstance(node, ast.Name)}
    slices = {name for name in names if name.endswith("Slice") or name == "State"}
    assert slices <= SLICES[room(module).rpartition(".")[2]]


@pytest.mark.parametrize("module", within("daemon", "cli", "views"))
def test_nobody_else_takes_the_state_apart(module):
    made = {
        node.func.id
        for node in ast.walk(tree(MODULES[module]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not {name for name in made if name.endswith("Slice")}


@pytest.mark.parametrize("module", within("edge"))
def test_edge_has_one_library_and_knows_no_room_of_the_core_and_no_other_edge(module):
    assert len(third_party(imports(module))) <= 1
    allowed = {"esimshaper", "esimshaper.edge", *BINDINGS, *within("core.model"), *within(room(module)[11:])}
    also = {"settings_file": "core.settings", "control_client": "languages"}.get(room(module).rpartition(".")[2])
    allowed |= set(within(also)) if also else set()
    assert ours(imports(module)) <= allowed


def test_the_daemon_loads_no_pyroute2():
    """It takes 10 MiB of memory, which a daemon would keep; a doctor is gone within a second."""
    probes = set(within("edge.probe"))
    assert {module for module in MODULES if "pyroute2" in third_party(imports(module))} <= probes
    helpers = {"esimshaper.doctor", "esimshaper.setup"}
    assert {module for module in set(MODULES) - probes if probes & imports(module)} == helpers
    assert not helpers & {name for module in within("daemon", "edge") for name in imports(module)}


@pytest.mark.parametrize("module", within("daemon"))
def test_the_daemon_knows_few_rooms_of_the_core(module):
    known = {f"esimshaper.core.{name}" for name in DAEMON_KNOWS}
    allowed = {"esimshaper.core", *known, *within("core.model"), *within("core.report"), *within("core.settings")}
    assert {name for name in ours(imports(module)) if name.startswith("esimshaper.core")} <= allowed


@pytest.mark.parametrize("module", sorted(set(MODULES) - {CLOCK, *within("demo"), *within("lab")}))
def test_one_module_asks_for_the_time(module):
    """The demo and the lab play the world around the program, on a time of their own."""
    assert "time" not in imports(module)
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Attribute) and node.attr in WATCHES and isinstance(node.value, ast.Name):
            assert node.value.id not in {"datetime", "date"}, f"line {node.lineno} asks for the time: use {CLOCK}"


@pytest.mark.parametrize("module", within("names"))
def test_who_reads_what_strangers_send_knows_little(module):
    edges = [
        f"edge.{name}" for name in ("bpf.libbpf", "bpf.names", "host.clock", "host.paths", "host.resident", "names")
    ]
    assert ours(imports(module)) <= {"esimshaper", *within("core.model", "core.services", "names", *edges)}


@pytest.mark.parametrize("module", within("modems"))
def test_who_reads_what_anybody_may_send_on_the_bus_knows_little(module):
    edges = [f"edge.{name}" for name in ("host.clock", "host.paths", "modems")]
    assert ours(imports(module)) <= {"esimshaper", *within("core.model", "core.modems", "modems", *edges)}


@pytest.mark.parametrize("module", within("web"))
def test_who_answers_everybody_in_the_wi_fi_knows_little(module):
    words = [f"core.model.{name}" for name in ("units", "documents", "money", "errors")]
    edges = [f"edge.{name}" for name in ("http.server", "http.inherited", "http.tls", "host", "control_client")]
    views = [f"views.{name}" for name in ("core_texts", "notice_texts", "report_csv", "report_html")]
    assert ours(imports(module)) <= {"esimshaper", *within("web", "languages", *words, *edges, *views)}


@pytest.mark.parametrize("module", within("notify"))
def test_who_speaks_to_the_world_knows_little(module):
    edges = [f"edge.{name}" for name in ("host.clock", "host.paths", "host.malloc", "host.resident", "control_client")]
    words = [f"core.model.{name}" for name in ("units", "documents", "money", "errors", "results", "host_names")]
    allowed = within("notify", "languages", "edge.modems.bus", *edges, *words)
    assert ours(imports(module)) <= {"esimshaper", "esimshaper.edge", *allowed}


@pytest.mark.parametrize("module", within("lab"))
def test_lab_knows_the_words_but_not_the_program(module):
    servers = {"aiosmtpd"} if module.endswith(".post_office") else set()
    assert third_party(imports(module)) <= {"pyroute2"} | servers
    assert ours(imports(module)) <= {"esimshaper", *within("core.model"), *within("lab")}


@pytest.mark.parametrize("module", within("views"))
def test_views_know_documents_and_neither_core_nor_edge(module):
    assert ours(imports(module)) <= {
        "esimshaper",
        *(f"esimshaper.core.model.{name}" for name in ("units", "money", "documents")),
        *within("languages", "views"),
    }


def test_no_module_needs_itself():
    """Nor by an import that is deferred into a function, or made for the type checker only."""
    needs = {module: ours(imports(module)) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"import cycle: {' -> '.join((*way, module))}"
        if module not in done:
            for name in sorted(needs.get(module, set()) - {module}):
                visit(name, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def included(text: str) -> list[str]:
    return re.findall(r'^#include "(.+)"', text, flags=re.MULTILINE)


def test_the_list_of_headers_has_all_of_the_kernel_part():
    assert set(HEADERS) == {path.name for path in (ROOT / "bpf").glob("*.[ch]")}


@pytest.mark.parametrize("name", HEADERS)
def test_kernel_part_includes_only_what_is_below(name):
    below = set(HEADERS[: HEADERS.index(name)]) - (SIBLINGS if name in SIBLINGS else set())
    assert set(included((ROOT / "bpf" / name).read_text())) <= below


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", [*MODULES.values(), *TESTS.values()], ids=lambda path: str(path.relative_to(ROOT)))
def test_module_and_functions_are_short(path):
    lines = len(path.read_text().splitlines())
    assert lines < MAX_LINES
    if lines > WARN_LINES:
        text = f"{path.relative_to(ROOT)} has {lines} of {MAX_LINES} lines: cut it in two before the next feature must"
        warnings.warn(text, stacklevel=1)
    assert {each.name: each.lineno for each in functions(path) if lines_of(each) > MAX_FUNCTION} == {}


def test_half_of_the_functions_have_a_few_lines():
    assert statistics.median(lines_of(each) for path in MODULES.values() for each in functions(path)) <= MEDIAN_FUNCTION


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_each_function_says_what_it_returns(path):
    assert {each.name: each.lineno for each in functions(path) if each.returns is None} == {}


def names_in(text: str) -> set[str]:
    """All names that Python code uses; what stands in texts and comments does not count."""
    return {
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.NAME
    }


@pytest.mark.parametrize("path", [*MODULES.values(), *TESTS.values()], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_idea_has_its_old_name(path):
    old = {path.stem, *names_in(path.read_text())} & RETIRED.keys()
    assert {name: RETIRED[name] for name in old} == {}, "the word on the right is the name of today"


@pytest.mark.parametrize("name", HEADERS)
def test_no_idea_of_the_kernel_part_has_its_old_name(name):
    code = re.sub(r"/\*.*?\*/|//.*?$", "", (ROOT / "bpf" / name).read_text(), flags=re.DOTALL | re.MULTILINE)
    old = set(re.findall(r"\w+", code)) & RETIRED.keys()
    assert {name: RETIRED[name] for name in old} == {}, "the word on the right is the name of today"


@pytest.mark.parametrize("path", TESTS.values(), ids=TESTS)
def test_programs_that_tests_hold_as_text_import_what_there_is(path):
    texts = [
        node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for package, names, module in (match.groups() for text in texts for match in IMPORT_IN_TEXT.finditer(text)):
        assert (package or module) in MODULES
        known = names_in(MODULES[package].read_text()) if package else set()
        wanted = {each.split()[0] for each in (names or "").split(",") if each.strip()}
        assert not {each for each in wanted if each not in known and f"{package}.{each}" not in MODULES}


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_module_says_what_it_is(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.stat().st_size], ids=lambda path: str(path.relative_to(ROOT))
)
def test_source_names_its_licence(path):
    assert "SPDX-License-Identifier: GPL-2.0-or-later" in "".join(path.read_text().splitlines(keepends=True)[:2])

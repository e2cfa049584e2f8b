# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of the code, held by its syntax trees: who imports whom, a core that touches nothing, sizes, licences."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "esimshaper").rglob("*.py"))
}
TESTS = {str(path.relative_to(ROOT)): path for top in ("tests", "bench") for path in sorted((ROOT / top).rglob("*.py"))}
SOURCES = [*MODULES.values(), *TESTS.values(), *sorted((ROOT / "bpf").rglob("*.[ch]"))]

BINDINGS = {
    f"esimshaper.edge.{name}"
    for name in ("bpf.libbpf", "bpf.layouts", "netlink", "nft.program", "nft.scripts", "http.server", "http.tls")
}
"""They stand for a library or the C header and decide nothing, so that several edges may share them."""

CONDUCTORS = {f"esimshaper.core.{name}" for name in ("pipeline", "commands", "saving")}
"""What stands above the rooms of the core and knows all of them."""

CORE_LIBRARY = {
    "bisect", "collections", "collections.abc", "dataclasses", "datetime", "difflib", "enum", "errno", "fractions",
    "functools", "heapq", "ipaddress", "itertools", "math", "operator", "re", "string", "types", "typing", "zoneinfo",
}  # fmt: skip
"""What of Python itself a module of the core may import: nothing here asks the world anything."""

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "now", "utcnow", "today"}


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


@pytest.mark.parametrize("module", within("core.model"))
def test_the_words_need_nothing_but_words(module):
    assert ours(imports(module)) <= set(within("core.model"))


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


@pytest.mark.parametrize("module", within("edge"))
def test_edge_has_one_library_and_knows_no_room_of_the_core_and_no_other_edge(module):
    assert len(third_party(imports(module))) <= 1
    allowed = {"esimshaper", "esimshaper.edge", *BINDINGS, *within("core.model"), *within(room(module)[11:])}
    if room(module) == "esimshaper.edge.settings_file":
        allowed |= set(within("core.settings"))
    assert ours(imports(module)) <= allowed


@pytest.mark.parametrize("module", within("lab"))
def test_lab_knows_the_words_but_not_the_program(module):
    assert third_party(imports(module)) <= {"pyroute2"}
    assert ours(imports(module)) <= {"esimshaper", *within("core.model"), *within("lab")}


@pytest.mark.parametrize("module", within("views"))
def test_views_know_documents_and_neither_stage_nor_edge(module):
    assert ours(imports(module)) <= {"esimshaper", "esimshaper.core.model.units", *within("views")}


def test_no_module_needs_itself_to_be_imported():
    def top_level(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in statements:
            if isinstance(node, ast.Try):
                yield from top_level(node.body)
            elif not isinstance(node, ast.If):  # what stands under `if TYPE_CHECKING` is not run
                yield node

    needs = {module: ours(imported(module, list(top_level(tree(path).body)))) for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"import cycle: {' -> '.join((*way, module))}"
        if module not in done:
            for name in sorted(needs.get(module, set()) - {module}):
                visit(name, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("path", [*MODULES.values(), *TESTS.values()], ids=lambda path: str(path.relative_to(ROOT)))
def test_module_and_functions_are_short(path):
    assert len(path.read_text().splitlines()) < 400
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 < 60, f"{node.name} in line {node.lineno}"


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES)
def test_module_says_what_it_is(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.stat().st_size], ids=lambda path: str(path.relative_to(ROOT))
)
def test_source_names_its_licence(path):
    assert "SPDX-License-Identifier: GPL-2.0-or-later" in "".join(path.read_text().splitlines(keepends=True)[:2])

"""The tree's own rules, read off its imports: who may know whom, who prints, and that importing does nothing."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.pages import section

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "etl").rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
PRINTERS = {"etl/cli/console.py", "etl/simulator/command.py"}

MAY_IMPORT = {
    "etl.errors": set(),
    "etl.package_files": set(),
    "etl.child_environment": set(),
    "etl.file_access": set(),
    "etl.core": {"etl.core"},
    "etl.logs": {"etl.core.text"},
    "etl.waits": {"etl.core.timeline", "etl.logs"},
    "etl.settings": {
        *("etl.settings", "etl.core.hosts", "etl.core.markets", "etl.core.text", "etl.errors", "etl.file_access"),
    },
    "etl.accounts": {
        *("etl.accounts", "etl.settings", "etl.core.text", "etl.errors", "etl.exchange.signing", "etl.file_access"),
        "etl.logs",
    },
    "etl.embedded": {"etl.embedded", "etl.child_environment", "etl.errors", "etl.file_access", "etl.waits"},
    "etl.exchange": {"etl.exchange", "etl.core", "etl.errors", "etl.logs", "etl.waits"},
    "etl.store": {
        *("etl.store", "etl.core", "etl.embedded.server", "etl.errors", "etl.file_access", "etl.logs"),
        *("etl.package_files", "etl.waits"),
    },
    "etl.runs": {
        *("etl.runs", "etl.accounts.credentials", "etl.core", "etl.errors", "etl.exchange", "etl.logs", "etl.settings"),
        *("etl.store", "etl.waits"),
    },
    "etl.monitoring": {
        *("etl.monitoring", "etl.core", "etl.errors", "etl.exchange.clock", "etl.file_access", "etl.logs"),
        *("etl.runs.from_settings", "etl.settings", "etl.store"),
    },
    "etl.reporting": {
        *(
            "etl.reporting",
            "etl.core",
            "etl.errors",
            "etl.file_access",
            "etl.monitoring.accounts",
            "etl.monitoring.gaps",
            "etl.monitoring.status",
            "etl.runs",
        ),
        *("etl.store", "etl.waits"),
    },
    "etl.notifications": {
        *("etl.notifications", "etl.accounts.secret_files", "etl.child_environment", "etl.core", "etl.errors"),
        "etl.exchange.clock",
        *("etl.monitoring.status", "etl.runs.from_settings", "etl.runs.summary", "etl.settings", "etl.store"),
    },
    "etl.notifications.delivery": set(),
    "etl.fleet": {
        *("etl.fleet", "etl.accounts", "etl.core", "etl.errors", "etl.exchange", "etl.file_access", "etl.logs"),
        "etl.monitoring",
        *("etl.notifications", "etl.reporting.lines", "etl.runs", "etl.settings", "etl.store"),
    },
    "etl.fleet.jobs": {"etl.core", "etl.errors", "etl.runs.spans"},
    "etl.commands": {
        *("etl.commands", "etl.accounts", "etl.core", "etl.embedded", "etl.errors", "etl.exchange", "etl.file_access"),
        "etl.logs",
        *("etl.notifications", "etl.package_files", "etl.reporting", "etl.runs", "etl.settings", "etl.simulator"),
        *("etl.store", "etl.waits"),
    },
    "etl.api": {"etl.commands", "etl.core", "etl.errors", "etl.logs", "etl.runs", "etl.settings"},
    "etl.simulator": {"etl.simulator"},
}
"""What each room may import of ours, from the bottom up. The command line may import everything."""


def module_of(file: Path) -> str:
    names = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def is_within(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def modules() -> set[str]:
    return {module_of(file) for file in (*FILES, *TEST_FILES)}


def imported_by(file: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else str(node.module)


def ours(file: Path) -> set[str]:
    return {name for name in imported_by(file) if is_within(name, "etl")}


def shown(files: list[Path]) -> list[str]:
    return [str(file.relative_to(ROOT)) for file in files]


def test_there_is_a_tree_to_read() -> None:
    assert {"etl.core.walking", "etl.exchange.client", "etl.store.orders", "etl.cli.backfill"} <= {
        module_of(f) for f in FILES
    }
    assert "etl.core.timeline" in ours(ROOT / "etl/core/walking.py")
    assert "etl.fleet.queue" in ours(ROOT / "etl/cli/backfill.py"), "imports inside functions are read as well"
    rooms = {".".join(module_of(file).split(".")[:2]) for file in FILES} - {"etl", "etl.__main__", "etl.cli"}
    assert rooms <= MAY_IMPORT.keys()


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_no_more_of_ours_than_it_may(part: str) -> None:
    files = [file for file in FILES if is_within(module_of(file), part)]
    strays = {
        f"{module_of(file)} imports {name}"
        for file in files
        for name in ours(file)
        if not any(is_within(name, allowed) for allowed in MAY_IMPORT[part])
    }
    assert files
    assert strays == set()


def test_the_page_on_architecture_shows_the_rooms_and_what_each_may_import() -> None:
    rooms = {file.parent.name for file in FILES if file.name == "__init__.py" and file.parents[1] == ROOT / "etl"}
    table = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section("docs/architecture.md", "The rooms"), re.MULTILINE)
    shown = {room: set(re.findall(r"\w+", imports)) for room, imports in table}
    allowed = {
        room: {name.split(".")[1] for name in MAY_IMPORT[f"etl.{room}"]} & rooms - {room} for room in rooms - {"cli"}
    }
    assert shown == allowed | {"cli": {"all"}}


@pytest.mark.parametrize("part", ["etl.core", "etl.simulator"])
def test_the_core_and_the_simulator_need_the_standard_library_only(part: str) -> None:
    allowed = sys.stdlib_module_names | {"etl"} | ({"cryptography"} if part == "etl.simulator" else set())
    foreign = {
        f"{module_of(file)} imports {name}"
        for file in FILES
        if is_within(module_of(file), part)
        for name in imported_by(file)
        if name.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_the_core_has_no_clock_no_environment_and_no_input_or_output() -> None:
    worldly = {
        "os",
        "sys",
        "time",
        "socket",
        "pathlib",
        "io",
        "logging",
        "threading",
        "subprocess",
        "asyncio",
    }
    found = {
        f"{module_of(file)} imports {name}"
        for file in FILES
        if is_within(module_of(file), "etl.core")
        for name in imported_by(file)
        if name.split(".")[0] in worldly
    }
    assert found == set()


def test_every_program_that_is_started_gets_an_environment_made_for_it() -> None:
    """Without one it inherits ours, with every key and password in it."""
    starts = re.compile(r"subprocess\.(run|Popen|call|check_\w+)|os\.(exec|spawn|posix_spawn|system|popen)\w*")
    calls = [
        (f"{module_of(file)}:{node.lineno}", {given.arg: ast.unparse(given.value) for given in node.keywords})
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and starts.fullmatch(ast.unparse(node.func))
    ]
    assert calls
    assert [where for where, given in calls if "environ" in given.get("env", "os.environ").split(".")] == []


def test_nothing_but_main_imports_the_command_line() -> None:
    assert shown([file for file in FILES if "etl.cli" in ours(file)]) == ["etl/__main__.py"]


def test_nothing_but_the_demo_and_the_command_line_knows_the_simulator() -> None:
    knows = [file for file in FILES if any(is_within(name, "etl.simulator") for name in ours(file))]
    outside = [file for file in knows if not is_within(module_of(file), "etl.simulator")]
    assert set(shown(outside)) <= {"etl/cli/simulator.py", "etl/commands/demo.py"}


def test_nobody_looks_into_another_part_s_private_names() -> None:
    private = {
        f"{module_of(file)} imports {alias.name} of {node.module}"
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ImportFrom) and is_within(str(node.module), "etl")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    }
    assert private == set()


def test_tests_import_helpers_from_helper_modules() -> None:
    strays = {
        f"{module_of(file)} imports {name}"
        for file in TEST_FILES
        for name in imported_by(file)
        if re.search(r"^tests\..*\b(conftest|test_\w+)\b", name)
    }
    assert TEST_FILES
    assert strays == set()


def test_only_the_command_lines_print() -> None:
    printing = [
        file
        for file in FILES
        if any(isinstance(node, ast.Name) and node.id == "print" for node in ast.walk(tree_of(file)))
    ]
    assert set(shown(printing)) == PRINTERS


def test_status_codes_are_looked_at_in_one_place() -> None:
    codes = {403, 404, 408, 418, 429, 451, 503}
    looking = {
        module_of(file)
        for file in FILES
        if not is_within(module_of(file), "etl.simulator")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in codes
    }
    assert looking == {"etl.exchange.error_table"}


def test_every_file_is_named_for_what_it_is_about() -> None:
    assert [str(file) for file in FILES if NAMELESS & {*file.relative_to(ROOT).with_suffix("").parts}] == []


def test_every_module_says_what_it_is() -> None:
    assert [str(file) for file in FILES if not ast.get_docstring(tree_of(file))] == []


IMPORT_ALL = """
import contextlib, importlib, logging, sys, threading

def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.mkdir",
                         "os.remove", "signal.")):
        raise SystemExit(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"{event} {arguments}")

for foreign in FOREIGN:
    with contextlib.suppress(ImportError):  # an optional one
        importlib.import_module(foreign)
threads, handlers = threading.active_count(), list(logging.getLogger().handlers)
sys.addaudithook(refuse)
sys.dont_write_bytecode = True
for name in sys.argv[1:]:
    importlib.import_module(name)
logs = [logging.getLogger(), *(logging.getLogger(one) for one in logging.root.manager.loggerDict if one[:3] == "etl")]
if threading.active_count() != threads or [one for log in logs for one in log.handlers] != handlers:
    raise SystemExit("a thread or a handler was made")
if any(log.level for log in logs[1:]):
    raise SystemExit("a level was set")
"""


def test_importing_any_module_opens_starts_and_configures_nothing() -> None:
    modules = [module_of(file) for file in FILES if file.name != "__main__.py"]
    foreign = sorted({name for file in FILES for name in imported_by(file) if not is_within(name, "etl")})
    script = f"FOREIGN = {foreign!r}\n{IMPORT_ALL}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["status", "report", "metrics", "export"])
def test_a_command_that_only_reads_loads_nothing_that_sends_requests(command: str) -> None:
    script = f"import sys, etl.cli.{command}, etl.runs.arguments, etl.runs.from_settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    names = set(loaded.stdout.split())
    assert f"etl.cli.{command}" in names
    assert names & {"requests", "urllib3", "cryptography", "etl.exchange.client", "etl.runs.composition"} == set()


def test_no_module_makes_an_engine_or_settings_at_import() -> None:
    makers = {"create_engine", "engine_for", "Settings", "load", "open_database", "Session", "basicConfig", "configure"}
    made = {
        f"{module_of(file)} calls {name}"
        for file in FILES
        for node in calls_at_import(tree_of(file))
        if (name := node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in makers
    }
    assert made == set()


def calls_at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that happen while a module is imported: outside of every function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from calls_at_import(node)

"""Who may import whom. To add an arrow, change the tables here, on purpose."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A room may import from itself and from these.
ROOMS = {
    "core": set(),  # errors, settings, resources
    "core.lyrics": {"core"},
    "core.rnn": {"core", "core.lyrics"},
    "core.arena": {"core", "core.lyrics"},
    "core.retrain": {"core", "core.lyrics", "core.rnn", "core.arena"},
    "bot": {"core", "core.lyrics", "core.arena", "core.retrain", "bot"},
    "migrations": {"core.arena"},
}
# A library may be imported in these places only.
LIBRARIES = {
    "telegram": {"bot"},
    "torch": {"core.rnn"},
    "sqlalchemy": {
        "core.arena.schema",
        "core.arena.store",
        "core.arena.access",
        "core.arena.announcements",
        "core.arena.answers",
        "core.arena.backup",
        "core.arena.boards",
        "core.arena.contest",
        "core.arena.counting",
        "core.arena.corpora",
        "core.arena.export",
        "core.arena.inbox",
        "core.arena.limits",
        "core.arena.migrate",
        "core.arena.people",
        "core.arena.privacy",
        "core.arena.pruning",
        "core.arena.releases",
        "core.arena.restore",
        "core.arena.rooms",
        "core.arena.standings",
        "core.arena.top",
        "core.arena.use",
        "core.retrain.engine",
        "core.retrain.jobs",
        "core.retrain.watches",
        "core.retrain.workers",
        "migrations",
    },
    "dbos": {"core.retrain.engine", "core.retrain.worker"},  # slow to load: never at import
    "alembic": {"core.arena.migrate", "migrations"},
    "fsspec": {"core.arena.files"},
    "pydantic_settings": {"core.settings"},
    "starlette": {"core.monitor", "bot.health", "bot.webhook"},
    "uvicorn": {"core.monitor"},
    "prometheus_client": {"core.monitor", "bot.metrics"},
    "pypinyin": {"core.lyrics.rhyme"},  # slow to load: never at import
    "opencc": {"core.lyrics.script"},
    "ahocorasick_rs": {"core.lyrics.words"},
    "pyarrow": {"core.arena.export"},
    "matplotlib": {"bot.pictures"},  # slow to import: only when something is drawn
}
# bot shows training events; it sees their type, and never runs the network itself.
ONLY_FOR_TYPES = {
    ("bot.training_view", "core.rnn"),
    ("core.retrain.trainer", "core.rnn"),
    ("core.retrain.child", "core.rnn"),
}


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ("bot", "core", "migrations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def room(module: str) -> str:
    return max((one for one in ROOMS if within(module, one)), key=len)


def within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_imports_follow_the_arrows(module: str, path: Path) -> None:
    here = room(module)
    for imported in imports(path):
        if imported.split(".")[0] in ("bot", "core", "migrations"):
            there = room(imported)
            allowed = there == here or there in ROOMS[here]
            assert allowed or (module, there) in ONLY_FOR_TYPES, f"{module} imports {imported}"
        for library, places in LIBRARIES.items():
            if within(imported, library):
                assert any(within(module, one) for one in places), f"{module} imports {imported}"


def test_every_listed_place_is_still_needed() -> None:
    used = {
        library: {
            place
            for place in places
            for module, path in modules()
            if within(module, place) and any(within(i, library) for i in imports(path))
        }
        for library, places in LIBRARIES.items()
    }
    assert used == LIBRARIES


@pytest.mark.parametrize(
    "statement",
    ["import bot.cli", "import bot.app", "import bot.console", "import core.retrain.trainer"],
)
def test_the_bot_starts_without_torch_and_without_what_draws(statement: str) -> None:
    check = (
        f"import sys; {statement}; sys.exit(bool({{'torch', 'matplotlib'}} & {{*sys.modules}}))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_importing_the_command_line_imports_neither_telegram_nor_numpy_nor_a_database() -> None:
    heavy = "{'telegram', 'numpy', 'sqlalchemy', 'alembic', 'matplotlib'} & set(sys.modules)"
    check = f"import sys, bot.cli; sys.exit(str({heavy}) if {heavy} else 0)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)

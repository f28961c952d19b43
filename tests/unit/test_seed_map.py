"""The map from the seed's words to this code is true, symbol by symbol."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ignite_adapters.postgres.migrate import shipped

ROOT = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("seed_map", ROOT / "docs" / "seed_map.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SEED_MAP = _load()


@pytest.mark.parametrize(("word", "module"), [(word, module) for word, module, _ in SEED_MAP.CLASSES])
def test_each_word_of_the_seed_is_a_class_where_the_map_says(word: str, module: str) -> None:
    assert isinstance(getattr(importlib.import_module(module), word), type)


@pytest.mark.parametrize("table", [table for table, _ in SEED_MAP.TABLES])
def test_each_table_of_the_seed_is_in_the_schema(table: str) -> None:
    assert any(f"create table {table} (" in migration.sql for migration in shipped())


@pytest.mark.parametrize("path", [path for _, path in SEED_MAP.FILES])
def test_each_file_of_the_seed_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("module", [one for _, here in SEED_MAP.PACKAGES for one in here.split(", ")])
def test_each_package_of_the_seed_has_its_room(module: str) -> None:
    assert importlib.util.find_spec(module) is not None


def test_the_page_is_what_the_table_says() -> None:
    assert (ROOT / "docs" / "seed-map.md").read_text(encoding="utf-8") == SEED_MAP.page()

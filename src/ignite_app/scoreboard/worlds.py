"""Where the fixed worlds lie, and how they are loaded: as they are, from their folder, never changed.

They are not part of the installed package: a scoreboard is run from a checkout, or from a copy of that folder.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from ignite_domain.errors import BadInput

DEFAULT: Final = Path("tests/fixtures/generators")


def load(folder: Path, name: str) -> ModuleType:
    """The module `name` of the folder of worlds. Raises `BadInput` if it is not there or numpy is missing."""
    if not (folder / f"{name}.py").is_file():
        raise BadInput(f"--worlds {folder}: no {name}.py there; run it from a checkout, or name the folder")
    sys.path.insert(0, str(folder))  # the worlds import each other by plain name
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise BadInput(f"the worlds need {missing.name}: pip install 'ignite-platform[dev]'") from missing
    finally:
        sys.path.remove(str(folder))
    return module

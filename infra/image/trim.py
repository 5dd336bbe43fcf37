"""Take out of an environment what no job needs: python trim.py ENVIRONMENT. Prints what each rule has saved.

Runs while the image is built, with the standard library alone.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

RULES: dict[str, tuple[str, ...]] = {
    "installers": ("pip", "pip-*.dist-info", "setuptools", "setuptools-*.dist-info", "pkg_resources", "_distutils_hack", "*.pth"),
    "tests": ("**/tests", "**/test", "**/*.pytest.ini"),
    "sources of extensions": (
        "**/*.pyx",
        "**/*.pxd",
        "**/*.pxi",
        "**/*.c",
        "**/*.cpp",
        "**/*.h",
        "**/*.hpp",
        "**/*.f",
        "**/*.pyf",
    ),
    "static libraries": ("**/*.a", "**/*.lib"),
    "type stubs": ("**/*.pyi",),
    "Arrow's headers": ("pyarrow/include", "pyarrow/src"),
    "Arrow's RPC": ("pyarrow/libarrow_flight.so*", "pyarrow/libarrow_python_flight.so*", "pyarrow/_flight*.so"),
    "sample data": ("matplotlib/mpl-data/sample_data", "sklearn/datasets/data", "sklearn/datasets/images"),
    "pages of libraries": ("sklearn/**/*.rst", "matplotlib/backends/web_backend"),
}
KEPT = ("numpy/testing", "pandas/testing.py", "numpy/_core/tests/_natype.py")
"""What other modules import although its name is that of a rule."""


def main() -> None:
    environment = Path(sys.argv[1])
    for packages in environment.glob("lib/python3*/site-packages"):
        for name, patterns in RULES.items():
            saved = sum(_remove(path) for path in list(_matching(packages, patterns)))
            sys.stdout.write(f"{name}: {saved / 1e6:.1f} MB\n")
    for script in sorted((environment / "bin").iterdir()):
        if not script.name.startswith("python"):
            script.unlink()
    (environment / "pyvenv.cfg").chmod(0o644)


def _matching(packages: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    kept = [packages / path for path in KEPT]
    for pattern in patterns:
        for path in packages.glob(pattern):
            if not any(path == each or path in each.parents for each in kept):
                yield path


def _remove(path: Path) -> int:
    """Delete a file or a folder; answers its size in bytes."""
    if not path.exists():
        return 0
    if path.is_dir() and not path.is_symlink():
        size = sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
        shutil.rmtree(path)
        return size
    size = path.lstat().st_size
    path.unlink()
    return size


if __name__ == "__main__":
    main()

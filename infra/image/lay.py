"""Lay out what the image adds to its base: python lay.py ENVIRONMENT COMMANDS PACKAGES ROOT.

Runs while the image is built. No file carries the time of the build, so that two builds give equal layers.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

from sbom import bill

USER = "sagelens:x:1000:1000::/tmp:/usr/sbin/nologin"
GROUP = "sagelens:x:1000:"
VERIFIER = "usr/local/lib/sagelens/verified.py"
SBOM = "usr/share/sbom/sagelens.cdx.json"
WRITABLE = (
    "opt/matplotlib",
    "opt/ml",
    "opt/ml/checkpoints",
    "opt/ml/config",
    "opt/ml/input",
    "opt/ml/input/config",
    "opt/ml/input/data",
    "opt/ml/model",
    "opt/ml/output",
    "opt/ml/output/data",
    "opt/ml/processing",
    "opt/ml/processing/input",
    "opt/ml/processing/output",
)
"""What SageMaker mounts over or a job writes to, under whatever user it runs."""


def main() -> None:
    environment, commands, debian, root = map(Path, sys.argv[1:5])
    (packages,) = environment.glob("lib/python3*/site-packages")
    for folder in WRITABLE:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(0o777)
    _list_fonts(environment, root / "opt/matplotlib")
    _compile(environment)
    _write(root / SBOM, bill(packages, debian))
    _write(root / "etc/passwd", _with_line(Path("/etc/passwd"), USER))
    _write(root / "etc/group", _with_line(Path("/etc/group"), GROUP))
    shutil.copytree(commands, root / "usr/local/bin", dirs_exist_ok=True)
    for command in (root / "usr/local/bin").iterdir():
        command.chmod(0o755)
    _write(root / VERIFIER, (commands.parent / "lib" / "verified.py").read_text(encoding="utf-8"))
    shutil.copytree(environment, root / environment.relative_to("/"), symlinks=True)
    for path in (root, *root.rglob("*")):
        os.utime(path, (0, 0), follow_symlinks=False)


def _list_fonts(environment: Path, folder: Path) -> None:
    """Matplotlib looks for fonts once and keeps the list; that takes a second, which no job shall wait."""
    command = [str(environment / "bin/python"), "-B", "-c", "import matplotlib.font_manager"]
    subprocess.run(command, check=True, env={**os.environ, "MPLCONFIGDIR": str(folder)})
    for path in folder.iterdir():
        fonts = json.loads(path.read_text(encoding="utf-8"))
        for kind in ("afmlist", "ttflist"):  # found in no order
            fonts[kind].sort(key=lambda font: json.dumps(font, sort_keys=True))
        _write(path, json.dumps(fonts, sort_keys=True))


def _compile(environment: Path) -> None:
    """Bytecode that is taken without a look at its source, whose time is not that of the installation any more."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(environment, quiet=2, invalidation_mode=mode, maxlevels=30, workers=0)


def _with_line(path: Path, line: str) -> str:
    return f"{path.read_text(encoding='utf-8').rstrip()}\n{line}\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


if __name__ == "__main__":
    main()

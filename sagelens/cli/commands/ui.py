"""`ui`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sagelens.errors import BadInput
from sagelens.project import find_root, load_project
from sagelens.wiring import quiet

__all__ = ["serve_ui"]


def serve_ui(*, environment: str, port: int) -> int:
    """Serve MLflow's own pages on loopback until interrupted; the reports of the runs are among their artifacts."""
    quiet()
    project = load_project(find_root(Path.cwd()), environment=environment)
    state = project.root / ".sagelens"
    uri = project.environment.tracking.uri or f"sqlite:///{state / 'mlflow.db'}"
    if uri.startswith(("http://", "https://")):
        raise BadInput(f"Environment '{environment}' tracks at {uri}, which has pages of its own. Open them in a browser.")
    artifacts = state / "mlartifacts"
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--default-artifact-root", str(artifacts)]
    sys.stderr.write(f"MLflow at http://127.0.0.1:{port} (Ctrl-C ends it); reports are in {state / 'reports'}.\n")
    try:
        return subprocess.run([*command, "--host", "127.0.0.1", "--port", str(port)], env=os.environ, check=False).returncode
    except KeyboardInterrupt:
        return 0

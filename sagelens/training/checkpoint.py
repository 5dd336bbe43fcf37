"""Checkpoints of boosting: one file, from which a run that was interrupted goes on to the same model.

The file is XGBoost's own format and carries, as attributes, the metrics so far and the fingerprint of what is trained. It is
named after the fingerprint, so that runs on other data or with other settings, which may share the folder, leave it alone.
"""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Checkpoint", "History", "checkpoint_folder"]

History = dict[str, dict[str, list[float]]]
_FOLDER = "/opt/ml/checkpoints"
_HISTORY, _FINGERPRINT = "sagelens_history", "sagelens_fingerprint"


def checkpoint_folder() -> Path | None:
    """Where SageMaker keeps a training job's checkpoints; None for a job without CheckpointConfig, which has no such folder."""
    folder = Path(f"{os.environ.get('SAGELENS_ROOT', '')}{_FOLDER}")
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class Checkpoint:
    """Of one run, told by the fingerprint of its inputs and parameters."""

    folder: Path
    fingerprint: str

    @property
    def file(self) -> Path:
        return self.folder / f"{self.fingerprint}.ubj"

    def keep(self, booster: Any, history: History) -> None:
        """Write it whole or not at all."""
        marked = booster.copy()
        marked.set_attr(**{_HISTORY: json.dumps(history), _FINGERPRINT: self.fingerprint})
        draft = self.folder / f".{self.fingerprint}.draft"
        draft.write_bytes(marked.save_raw("ubj"))
        draft.replace(self.file)

    def restore(self, booster: Any) -> History | None:
        """Load the kept rounds into a booster; None, and the booster as it was, where there are none that can be used."""
        import xgboost

        if not self.file.is_file():
            return None
        kept = xgboost.Booster()
        try:
            kept.load_model(self.file)
            history: History = json.loads(kept.attr(_HISTORY) or "")
        except (xgboost.core.XGBoostError, ValueError) as error:
            warnings.warn(f"Checkpoint {self.file.name} cannot be read, so training begins anew: {error}", stacklevel=2)
            return None
        if kept.attr(_FINGERPRINT) != self.fingerprint:
            warnings.warn(f"Checkpoint {self.file.name} is of another run, so training begins anew.", stacklevel=2)
            return None
        booster.load_model(self.file)
        booster.set_attr(**{_HISTORY: None, _FINGERPRINT: None})
        return history

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)

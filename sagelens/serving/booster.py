"""XGBoost models scored through the library's own C API.

The Python package takes 2 s to import and 0.2 ms for one row, of which the trees need a third; a server needs neither pandas nor
scipy. A process that has run OpenMP on several threads must not fork a server: loading would wait for threads that the fork lost.
Only functions of the documented C API are called: https://xgboost.readthedocs.io/en/stable/c.html
"""

from __future__ import annotations

import ctypes
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sagelens.errors import BadData, Refused

__all__ = ["Booster"]

_LIBRARIES = ("libxgboost.so", "libxgboost.dylib", "xgboost.dll")
_CONFIG = json.dumps(
    {
        "type": 0,
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,
        "missing": float("nan"),
        "strict_shape": False,
        "cache_id": 0,
    }
).encode()
_MATRIX = '{"data":[%d,true],"shape":[%d,%d],"strides":null,"typestr":"<f4","version":3}'


class Booster:
    """One trained model. `predict` may be called from several threads; each call uses one core."""

    def __init__(self, path: Path) -> None:
        self._library = _load_library()
        self._handle = ctypes.c_void_p()
        self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        try:
            self._call("XGBoosterLoadModel", self._handle, str(path).encode())
        except BadData as error:
            raise BadData(f"XGBoost cannot load '{path.name}': {error.message}") from error
        # One thread: no team of threads to wake for a row.
        self._call("XGBoosterSetParam", self._handle, b"nthread", b"1")
        self._predict = self._library.XGBoosterPredictFromDense

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Empty where the model was trained on a plain array."""
        count, names = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_char_p)()
        self._call("XGBoosterGetStrFeatureInfo", self._handle, b"feature_name", ctypes.byref(count), ctypes.byref(names))
        return tuple((names[index] or b"").decode() for index in range(count.value))

    @property
    def feature_count(self) -> int:
        count = ctypes.c_uint64()
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(count))
        return count.value

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One score a row; NaN is a missing value. The columns must be those of the model, which the caller has checked."""
        rows, columns = features.shape
        if not rows:
            return np.empty(0, dtype=np.float32)
        matrix = np.ascontiguousarray(features, dtype=np.float32)
        shape, dimensions, scores = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()
        described = (_MATRIX % (matrix.ctypes.data, rows, columns)).encode()
        out = (ctypes.byref(shape), ctypes.byref(dimensions), ctypes.byref(scores))
        if self._predict(self._handle, described, _CONFIG, None, *out) != 0:
            raise BadData(self._reason())
        if rows == 1:
            return np.array((scores[0],), dtype=np.float32)
        # The buffer belongs to XGBoost and is used again by the next call of this thread.
        return np.ctypeslib.as_array(scores, shape=(rows,)).copy()

    def _call(self, function: str, *arguments: Any) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            raise BadData(self._reason())

    def _reason(self) -> str:
        text: bytes = self._library.XGBGetLastError()
        return text.decode(errors="replace").partition("Stack trace")[0].strip()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.XGBoosterFree(self._handle)


def _load_library() -> Any:
    spec = find_spec("xgboost")
    folders = [Path(folder) / "lib" for folder in (spec.submodule_search_locations or ())] if spec else []
    path = next((folder / name for folder in folders for name in _LIBRARIES if (folder / name).is_file()), None)
    if path is None:
        raise Refused("The XGBoost library is not installed, and this model needs it. Install the package `xgboost`.")
    library = ctypes.CDLL(str(path))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library

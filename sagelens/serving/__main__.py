"""`python -m sagelens.serving`: a model server, by the code that came with the model or by an installed one.

A folder does not check itself: unless somebody else has (see `verified.py`), what lies in the served folder hands over to the
library of the interpreter, and ends where there is none.
"""

import os
import sys
from pathlib import Path

from sagelens.serving.verified import VERIFIED

if __name__ == "__main__":
    served = Path(f"{os.environ.get('SAGELENS_ROOT', '')}/opt/ml/model").resolve()
    if VERIFIED not in os.environ and Path(__file__).resolve().is_relative_to(served):
        os.execv(sys.executable, [sys.executable, "-I", "-m", "sagelens.serving"])  # noqa: S606  no shell is wanted

    from sagelens.serving.server import main

    main()

"""`python3 -m sagelens.job`."""

import sys

from sagelens.job.main import main

if __name__ == "__main__":
    sys.exit(main())

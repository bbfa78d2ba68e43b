"""Performance tests use what the tests of the parts stand on."""

import sys
from pathlib import Path

for part in ("local", "unit"):
    sys.path.insert(0, str(Path(__file__).parents[1] / part))

"""The simulation under benchmarks/ is what the rule is tested on as a whole: make it importable from any folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

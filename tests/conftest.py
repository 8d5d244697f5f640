"""Fixtures for the whole suite: a PostgreSQL server of the session's own, and a store on either database."""

import sys
from pathlib import Path

# The tests import their shared parts (`parts`) from this folder.
sys.path.insert(0, str(Path(__file__).parent))

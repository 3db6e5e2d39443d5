"""Starting an instance costs nothing that a request may not need."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LATE = {
    *("pandas", "pyarrow", "sklearn", "matplotlib"),
    *("firebase_admin", "google.cloud.firestore", "google.cloud.storage"),
}


def test_importing_main_loads_nothing_heavy_and_needs_no_environment() -> None:
    code = "import json, sys, main; print(json.dumps([sorted(sys.modules), sorted(main.__all__)]))"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True
    )
    modules, names = json.loads(found.stdout)
    assert not LATE & set(modules)
    assert names == ["api", "event", "interaction", "monitor", "retrain"]
    assert found.stderr == ""

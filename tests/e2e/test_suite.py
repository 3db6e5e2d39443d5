"""End-to-end test of the emulator suite itself; after the others, since an export keeps Firestore busy for seconds."""

from pathlib import Path

import pytest

from tests.e2e.client import App, sign_in

pytestmark = pytest.mark.e2e


def test_an_export_has_accounts_documents_and_objects(app: App, tmp_path: Path) -> None:
    sign_in(app.suite, app.regulars[8])
    app.suite.export(tmp_path / "export")
    paths = {path.relative_to(tmp_path / "export").as_posix() for path in (tmp_path / "export").rglob("*")}
    assert paths >= {"firebase-export-metadata.json", "auth_export/accounts.json", "firestore_export"}
    assert [path for path in paths if path.endswith(f"models/{app.model_version}/model.npz")]
    assert [path for path in paths if path.endswith("keys/ring.json")]

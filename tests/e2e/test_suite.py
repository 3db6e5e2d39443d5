"""End-to-end tests of the emulator suite itself; after the others, since an export keeps Firestore busy for seconds."""

from pathlib import Path

import pytest
import requests

from tests.e2e.client import App, log_in, sign_in
from tools.emulators.suite import ADMIN

pytestmark = pytest.mark.e2e


def test_the_admin_of_the_suite_sees_the_numbers(app: App) -> None:
    # Twice, as in a suite that begins with the export of another.
    app.suite.add_admin()
    admin = log_in(app.suite, ADMIN, app.suite.add_admin())
    for account, status in ((admin, 200), (sign_in(app.suite, "no_admin"), 403)):
        headers = {"Authorization": f"Bearer {account.token}"}
        assert requests.get(f"{app.suite.hosting}/api/v1/report", headers=headers, timeout=60).status_code == status


def test_an_export_has_accounts_documents_and_objects(app: App, tmp_path: Path) -> None:
    sign_in(app.suite, app.regulars[8])
    app.suite.export(tmp_path / "export")
    paths = {path.relative_to(tmp_path / "export").as_posix() for path in (tmp_path / "export").rglob("*")}
    assert paths >= {"firebase-export-metadata.json", "auth_export/accounts.json", "firestore_export"}
    assert [path for path in paths if path.endswith(f"models/{app.model_version}/model.npz")]
    assert [path for path in paths if path.endswith("keys/ring.json")]

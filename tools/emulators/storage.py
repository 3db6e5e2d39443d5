"""Cloud Storage emulator: fake-gcs-server, which supports generation preconditions on uploads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from tools.emulators import programs
from tools.emulators.process import free_port, running


@contextmanager
def storage_emulator(*, port: int = 0, data: Path | None = None) -> Iterator[str]:
    """Cloud Storage emulator in memory, on a free port for 0; yields "http://127.0.0.1:PORT".

    `data` is a folder with a folder for each bucket, as `export_bucket` writes it; None begins without buckets.
    """
    port = port or free_port()
    address = f"127.0.0.1:{port}"
    command = [str(programs.storage_binary()), "-scheme", "http", "-backend", "memory"]
    command += ["-host", "127.0.0.1", "-port", str(port), "-public-host", address, "-log-level", "error"]
    command += ["-data", str(data)] if data else []
    with running(command, answers=f"http://{address}/storage/v1/b?project=any"):
        yield f"http://{address}"


def export_bucket(storage: str, bucket: str, to: Path) -> None:
    """Copy of all objects of a bucket of the emulator at the URL `storage`, in a folder of its name below `to`."""
    objects = f"{storage}/storage/v1/b/{quote(bucket, safe='')}/o"
    query: dict[str, str] = {}
    (to / bucket).mkdir(parents=True)
    while True:
        with urlopen(f"{objects}?{urlencode(query)}", timeout=60) as answer:  # noqa: S310  # ours
            page = json.load(answer)
        for item in page.get("items", ()):
            file = to / bucket / item["name"]
            file.parent.mkdir(parents=True, exist_ok=True)
            with urlopen(f"{objects}/{quote(item['name'], safe='')}?alt=media", timeout=60) as answer:  # noqa: S310  # ours
                file.write_bytes(answer.read())
        if not page.get("nextPageToken"):
            return
        query = {"pageToken": page["nextPageToken"]}

"""Vendoring of uPlot, the dashboard's charts, with its licence: `python -m tools.vendor_uplot`."""

import sys
from typing import Final

from tools.vendor_firebase import FOLDER, packed

VERSION: Final = "1.6.32"
FILES: Final = {
    "dist/uPlot.esm.js": "uplot.js",
    "dist/uPlot.min.css": "uplot.css",
    "LICENSE": "uplot-LICENSE.txt",
}
"""Files of the package, and their names here."""


def main() -> int:
    """Vendor the files in the version that is pinned here, as they are; returns the exit status."""
    for name, data in packed(f"uplot@{VERSION}", FILES).items():
        (FOLDER / FILES[name]).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())

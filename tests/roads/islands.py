"""A map of islands, each a grid of streets, with no way between them. Smaller ones than this OSRM takes for a fault of
the map, and answers with the nearest road elsewhere. To Valhalla the first two are one region, being in one tile of a
quarter of a degree; the third is another, and the fourth is farther away than it goes."""

SIDE = 45
STEP = 0.001
ISLANDS = ((10.0, 20.0), (10.0, 20.2), (10.0, 21.0), (14.5, 20.0))

print('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="islands">')


def number(island, row, column):
    return island * 1_000_000 + row * 1_000 + column + 1


for island, (lat, lon) in enumerate(ISLANDS):
    for row in range(SIDE):
        for column in range(SIDE):
            at = f'lat="{lat + row * STEP:.4f}" lon="{lon + column * STEP:.4f}"'
            print(f'<node id="{number(island, row, column)}" version="1" {at}/>')
for island in range(len(ISLANDS)):
    for line in range(SIDE):
        rows = [number(island, line, column) for column in range(SIDE)]
        columns = [number(island, row, line) for row in range(SIDE)]
        for way, nodes in ((1, rows), (2, columns)):
            print(f'<way id="{island * 1_000 + line * 2 + way}" version="1"><tag k="highway" v="residential"/>')
            print("".join(f'<nd ref="{node}"/>' for node in nodes), "</way>", sep="")
print("</osm>")

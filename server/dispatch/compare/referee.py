"""An independent judge: takes a day and who visits whom in which order, finds the times itself, and counts.

A route is what a solver says about order alone: a list of visits, with "break" where the break is taken. Whatever breaks
a rule ends the comparison; nobody is scored by his own arithmetic.
"""

from collections import namedtuple

Verdict = namedtuple("Verdict", "dropped_weight dropped travel_s")


def judge(day, routes):
    """`routes`: by engineer, the ids of visits in order."""
    matrix = day["travel"]["seconds"]
    visits = {visit["id"]: visit for visit in day["visits"]}
    seen, travel_s = set(), 0
    for engineer in day["engineers"]:
        route = routes.get(engineer["id"], [])
        ids = [stop for stop in route if stop != "break"]
        if not ids:
            continue
        for visit_id in ids:
            assert visit_id not in seen, f"{visit_id} is visited twice"
            seen.add(visit_id)
            _check_may(engineer, visits[visit_id])
        load = sum(visits[visit_id].get("load", 0) for visit_id in ids)
        assert load <= engineer.get("capacity", load), f"{engineer['id']} carries {load}"
        stops = [visits[visit_id] for visit_id in ids]
        assert _is_possible(matrix, engineer, stops), f"{engineer['id']} cannot do {route}"
        nodes = [engineer["home"]["index"], *(stop["place"]["index"] for stop in stops)]
        nodes.append(engineer["shifts"][0]["to"]["index"])
        travel_s += sum(matrix[a][b] for a, b in zip(nodes, nodes[1:]))
    left = [visit for visit in day["visits"] if visit["id"] not in seen]
    weights = day["policy"].get("unserved_weight", [16, 8, 4, 2, 1])
    return Verdict(sum(weights[visit.get("priority", 3) - 1] for visit in left), len(left), travel_s)


def _check_may(engineer, visit):
    for skill, level in visit.get("skills", {}).items():
        assert engineer["skills"].get(skill, 0) >= level, f"{engineer['id']} has no {skill} for {visit['id']}"
    pinned = visit.get("pinned_engineer")
    assert pinned in (None, engineer["id"]), f"{visit['id']} is pinned to {pinned}"


def _is_possible(matrix, engineer, stops):
    """Whether there are times: with the break before, between or after any of the stops, driving interrupted or not."""
    shift = engineer["shifts"][0]
    breaks = shift.get("breaks", [])
    assert len(breaks) <= 1, "the referee knows one break"
    # The earliest moment to leave, without and with the break taken.
    free, rested = shift["start"], None
    node = engineer["home"]["index"]
    legs = [(stop["place"]["index"], stop) for stop in stops] + [(shift["to"]["index"], None)]
    for target, stop in legs:
        drive = matrix[node][target]
        ways = []
        if rested is not None:
            ways.append(rested + drive)
        if free is not None and breaks:
            pause = breaks[0]
            if max(free, pause["earliest"]) <= pause["latest"]:
                ways.append(max(free + drive, pause["earliest"]) + pause["duration_s"])
        rested = _serve(stop, min(ways)) if ways else None
        free = _serve(stop, free + drive) if free is not None else None
        if free is None and rested is None:
            return False
        node = target
    ends = []
    if rested is not None:
        ends.append(rested)
    if free is not None and (not breaks or free <= breaks[0]["latest"]):
        ends.append(free)
    return bool(ends) and min(ends) <= shift["end"]


def _serve(stop, arrive):
    if stop is None:
        return arrive
    windows = stop.get("windows") or [[arrive, arrive]]
    starts = [max(arrive, first) for first, last in windows if arrive <= last]
    return min(starts) + stop["duration_s"] if starts else None

"""The solvers behind one face: a day, seconds and a seed in; by engineer, the ids of visits in order, out.

Each gets one thread. Peers come from PyPI; `compare.py` says which versions. callout-plan and PyVRP stop after so many
seconds on the processor, so that a busy machine takes nothing from them. VROOM and OR-tools know only the clock, and get
`patience` times as much of it.
"""

import json
import subprocess
import tempfile


def callout(program):
    def solve(day, seconds, seed):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(day, file)
            file.flush()
            command = [program, file.name, "--seconds", str(seconds), "--cpu", "--threads", "1", "--seed", str(seed)]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return {route["engineer"]: [stop["visit"] for stop in route["stops"]] for route in answer["routes"]}

    return solve


def patient(solve, patience):
    return lambda day, seconds, seed: solve(day, seconds * patience, seed)


def vroom(day, seconds, seed):
    """VROOM has no seed: it always finds the same."""
    import datetime

    import numpy
    import vroom as library

    problem = library.Input()
    problem.set_durations_matrix("car", numpy.array(day["travel"]["seconds"], dtype=numpy.uint32))
    levels = {}
    number = lambda skill, level: levels.setdefault((skill, level), len(levels) + 1)
    for position, engineer in enumerate(day["engineers"]):
        shift = engineer["shifts"][0]
        known = {number(s, n) for s, level in engineer.get("skills", {}).items() for n in range(1, level + 1)}
        known.add(number("pinned to", engineer["id"]))
        breaks = [
            library.Break(n, [library.TimeWindow(one["earliest"], one["latest"])], one["duration_s"])
            for n, one in enumerate(shift.get("breaks", []))
        ]
        capacity = {"capacity": [engineer["capacity"]]} if "capacity" in engineer else {}
        problem.add_vehicle(
            library.Vehicle(
                position,
                start=engineer["home"]["index"],
                end=shift["to"]["index"],
                skills=known,
                time_window=library.TimeWindow(shift["start"], shift["end"]),
                breaks=breaks,
                **capacity,
            )
        )
    weights = day["policy"].get("unserved_weight", [16, 8, 4, 2, 1])
    for position, visit in enumerate(day["visits"]):
        needed = {number(skill, level) for skill, level in visit.get("skills", {}).items()}
        if "pinned_engineer" in visit:
            needed.add(number("pinned to", visit["pinned_engineer"]))
        windows = {"time_windows": [library.TimeWindow(*w) for w in visit["windows"]]} if visit.get("windows") else {}
        load = {"delivery": [visit["load"]]} if "load" in visit else {}
        problem.add_job(
            library.Job(
                position,
                location=visit["place"]["index"],
                default_service=visit["duration_s"],
                skills=needed,
                priority=weights[visit.get("priority", 3) - 1],
                **windows,
                **load,
            )
        )
    limit = datetime.timedelta(seconds=seconds)
    solution = problem.solve(exploration_level=5, nb_threads=1, timeout=limit).to_dict()
    routes = {}
    for route in solution["routes"]:
        jobs = [step["id"] for step in route["steps"] if step["type"] == "job"]
        routes[day["engineers"][route["vehicle"]]["id"]] = [day["visits"][job]["id"] for job in jobs]
    return routes


def pyvrp(day, seconds, seed):
    """Days without skills, breaks, pins and second windows only: PyVRP has no words for those."""
    import time

    import numpy
    from pyvrp import Client, Depot, Location, ProblemData, VehicleType, solve

    matrix = numpy.array(day["travel"]["seconds"], dtype=numpy.int64)
    homes = sorted({engineer["home"]["index"] for engineer in day["engineers"]})
    kinds = {}
    for engineer in day["engineers"]:
        shift = engineer["shifts"][0]
        key = (homes.index(engineer["home"]["index"]), shift["start"], shift["end"], engineer.get("capacity", 0))
        kinds.setdefault(key, []).append(engineer["id"])
    vehicle_types = [
        VehicleType(len(ids), capacity=[capacity], start_depot=home, end_depot=home, tw_early=start, tw_late=end)
        for (home, start, end, capacity), ids in kinds.items()
    ]
    weights = day["policy"].get("unserved_weight", [16, 8, 4, 2, 1])
    required = all("load" in visit for visit in day["visits"])
    clients = []
    for visit in day["visits"]:
        window = visit["windows"][0] if visit.get("windows") else (0, 10**8)
        clients.append(
            Client(
                visit["place"]["index"],
                delivery=[visit.get("load", 0)],
                service_duration=visit["duration_s"],
                tw_early=window[0],
                tw_late=window[1],
                prize=0 if required else 100_000 * weights[visit.get("priority", 3) - 1],
                required=required,
            )
        )
    places = [Location(0, 0) for _ in range(len(matrix))]
    data = ProblemData(places, clients, [Depot(home) for home in homes], vehicle_types, [matrix], [matrix])
    began = []

    def is_over(_):
        began or began.append(time.thread_time())
        return time.thread_time() - began[0] > seconds

    best = solve(data, is_over, seed=seed, display=False).best
    routes, spare = {}, [list(ids) for ids in kinds.values()]
    for route in best.routes():
        stops = [activity.idx for activity in route.schedule() if activity.is_client()]
        routes[spare[route.vehicle_type()].pop()] = [day["visits"][stop]["id"] for stop in stops]
    return routes


def ortools(day, seconds, seed):
    """Guided local search. Its own seed changes nothing in it."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    matrix, engineers, visits = day["travel"]["seconds"], day["engineers"], day["visits"]
    count = len(visits)
    starts = [count + 2 * n for n in range(len(engineers))]
    nodes = [visit["place"]["index"] for visit in visits]
    for engineer in engineers:
        nodes += [engineer["home"]["index"], engineer["shifts"][0]["to"]["index"]]
    manager = pywrapcp.RoutingIndexManager(len(nodes), len(engineers), starts, [start + 1 for start in starts])
    routing = pywrapcp.RoutingModel(manager)
    service = [visit["duration_s"] for visit in visits] + [0] * (2 * len(engineers))
    node = manager.IndexToNode
    drive = routing.RegisterTransitCallback(lambda a, b: matrix[nodes[node(a)]][nodes[node(b)]])
    spend = routing.RegisterTransitCallback(lambda a, b: matrix[nodes[node(a)]][nodes[node(b)]] + service[node(a)])
    routing.SetArcCostEvaluatorOfAllVehicles(drive)
    horizon = max(engineer["shifts"][0]["end"] for engineer in engineers)
    routing.AddDimension(spend, horizon, horizon, False, "time")
    time = routing.GetDimensionOrDie("time")
    if any("capacity" in engineer for engineer in engineers):
        load = routing.RegisterUnaryTransitCallback(lambda a: visits[node(a)].get("load", 0) if node(a) < count else 0)
        routing.AddDimensionWithVehicleCapacity(load, 0, [engineer["capacity"] for engineer in engineers], True, "load")
    solver = routing.solver()
    weights = day["policy"].get("unserved_weight", [16, 8, 4, 2, 1])
    for position, visit in enumerate(visits):
        index = manager.NodeToIndex(position)
        windows = visit.get("windows")
        if windows:
            time.CumulVar(index).SetRange(windows[0][0], windows[-1][1])
            for (_, last), (first, _) in zip(windows, windows[1:]):
                time.CumulVar(index).RemoveInterval(last + 1, first - 1)
        may = [n for n, engineer in enumerate(engineers) if _may(engineer, visit)]
        if len(may) < len(engineers):
            routing.VehicleVar(index).SetValues([-1, *may])
        routing.AddDisjunction([index], 100_000 * weights[visit.get("priority", 3) - 1])
    for vehicle, engineer in enumerate(engineers):
        shift = engineer["shifts"][0]
        time.CumulVar(routing.Start(vehicle)).SetRange(shift["start"], shift["end"])
        time.CumulVar(routing.End(vehicle)).SetRange(shift["start"], shift["end"])
        if shift.get("breaks"):
            pauses = [
                solver.FixedDurationIntervalVar(one["earliest"], one["latest"], one["duration_s"], False, "break")
                for one in shift["breaks"]
            ]
            busy = [service[manager.IndexToNode(i)] if i < len(service) else 0 for i in range(routing.Size())]
            time.SetBreakIntervalsOfVehicle(pauses, vehicle, busy)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(int(seconds * 1000))
    found = routing.SolveWithParameters(parameters)
    routes = {}
    if not found:
        return routes
    for vehicle, engineer in enumerate(engineers):
        index, order = routing.Start(vehicle), []
        while not routing.IsEnd(index):
            if manager.IndexToNode(index) < count:
                order.append(visits[manager.IndexToNode(index)]["id"])
            index = found.Value(routing.NextVar(index))
        routes[engineer["id"]] = order
    return routes


def _may(engineer, visit):
    has = all(engineer.get("skills", {}).get(skill, 0) >= level for skill, level in visit.get("skills", {}).items())
    return has and visit.get("pinned_engineer", engineer["id"]) == engineer["id"]

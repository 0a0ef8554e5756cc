"""`make bench-plan`: callout-plan beside VROOM, PyVRP and OR-tools, one thread each, judged by `referee.py`.

The days come from seeds. With VRPTW=folder the public instances in it are planned too, whose best known distances stand
in `.sol` files beside them. Prints tables and writes every result to a JSON file as soon as it is there; what the file
has already is not run again, so that a comparison can be continued.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import resource
import statistics
import sys
import time

import instances
import referee
import solvers

DAYS = [(200, 20), (1000, 80)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("program", help="the callout-plan binary")
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--days", type=int, default=5, help="instance seeds")
    arguments.add_argument("--seeds", type=int, default=3, help="solver seeds, for solvers that have any")
    arguments.add_argument("--patience", type=float, default=1, help="for solvers that know only the clock")
    arguments.add_argument("--only", default="callout,vroom,ortools,pyvrp")
    arguments.add_argument("--vrptw", help="a folder of .txt or .vrp instances")
    arguments.add_argument("--out", default="bench-plan.json")
    options = arguments.parse_args()
    solve = {
        "callout": (solvers.callout(options.program), True),
        "vroom": (solvers.patient(solvers.vroom, options.patience), False),
        "ortools": (solvers.patient(solvers.ortools, options.patience), False),
        "pyvrp": (solvers.pyvrp, True),
    }
    solve = {name: solve[name] for name in options.only.split(",")}
    version = versions(options.program)
    print(version)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.seconds:g} s, one thread each")
    results = known(options.out)
    for name, day in _days(options):
        for solver, (run, has_seed) in solve.items():
            if solver == "pyvrp" and "plain" not in name and "vrptw" not in name:
                continue
            for seed in range(1, 1 + (options.seeds if has_seed else 1)):
                one = {"day": name, "solver": solver, "seed": seed, "seconds": options.seconds}
                one["version"] = version[solver]
                if not any(one.items() <= done.items() for done in results):
                    results.append({**one, **run_once(run, day, options.seconds, seed)})
                    print(results[-1], flush=True)
                    write(options.out, results)
    _tables([one for one in results if one["version"] == version[one["solver"]]])


def versions(program):
    """What each solver is today: what another one has found is not its result."""
    with open(program, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    packages = {"vroom": "pyvroom", "ortools": "ortools", "pyvrp": "pyvrp"}
    return {"callout": digest, **{solver: importlib.metadata.version(name) for solver, name in packages.items()}}


def known(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return json.load(file)


def write(path, results):
    """At once or not at all, whatever happens meanwhile."""
    with open(path + ".new", "w") as file:
        json.dump(results, file, indent=1)
    os.replace(path + ".new", path)


def _days(options):
    for visits, engineers in DAYS:
        for kind in ("normal", "overloaded", "plain"):
            for seed in range(options.days):
                day = instances.field_day(engineers, visits, seed, kind == "overloaded", kind != "plain")
                if kind == "plain":
                    only_what_pyvrp_knows(day)
                yield f"{visits} × {engineers} {kind} {seed}", day
    if options.vrptw:
        for file in sorted(os.listdir(options.vrptw)):
            if file.endswith((".txt", ".vrp")) and not file.startswith(("README", "LICENSE")):
                path = os.path.join(options.vrptw, file)
                yield f"vrptw {file} best {instances.best_known(path)}", instances.vrptw(path)


def only_what_pyvrp_knows(day):
    for engineer in day["engineers"]:
        engineer["skills"] = {}
    for visit in day["visits"]:
        visit["skills"] = {}


def run_once(run, day, seconds, seed):
    began, spent = time.time(), _cpu_s()
    try:
        verdict = referee.judge(day, run(day, seconds, seed))
    except Exception as why:  # A peer that fails is told, and the others go on.
        return {"failed": f"{type(why).__name__}: {why}"[:300]}
    return {**verdict._asdict(), "wall_s": round(time.time() - began, 1), "cpu_s": round(_cpu_s() - spent, 1)}


def _cpu_s():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _tables(results):
    groups = {}
    for one in results:
        if "failed" not in one:
            group = groups.setdefault(f"{_group(one['day'])}, {one['seconds']:g} s", {})
            group.setdefault(one["solver"], []).append(one)
    for group, by_solver in sorted(groups.items()):
        print(f"\n{group}: mean of dropped weight, visits dropped, travel (h), CPU seconds, runs")
        for solver, runs in by_solver.items():
            mean = lambda key: statistics.mean(run[key] for run in runs)
            line = f"  {solver:8} {mean('dropped_weight'):8.1f} {mean('dropped'):7.1f} "
            line += f"{mean('travel_s') / 3600:9.2f} {mean('cpu_s'):6.1f} {len(runs):4}"
            if group.startswith("vrptw"):
                gaps = [100 * (run["travel_s"] / 10 / float(run["day"].split()[-1]) - 1) for run in runs]
                line += f"   mean gap to best known {statistics.mean(gaps):+.2f} %, worst {max(gaps):+.2f} %"
            print(line)


def _group(day):
    """Days of one kind; public instances by their families: C1 for C101, C1_10 for C1_10_1."""
    family = re.match(r"vrptw [A-Z]+[12](_\d+)?", day)
    return family[0] if family else day.rsplit(" ", 1)[0]


if __name__ == "__main__":
    sys.exit(main())

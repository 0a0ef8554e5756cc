"""`make bench-growth`: how long it takes to plan as well when there is more to plan.

For days of 100 to 3000 visits the best known plan is the shortest that any run ever found, a long one of callout-plan
included. Each solver gets a quarter of a second, half a second, and so on, until it comes within 2 % of that. The time is
read off between the last run that did not and the first that did. Days are plain, without skills, breaks, pins and second
windows, so that PyVRP can take part. Results are kept as `compare.py` keeps them; the picture is drawn from them, always
the same.
"""

import argparse
import math
import statistics

import compare
import instances
import solvers

SIZES = [100, 300, 1000, 3000]
VISITS_AN_ENGINEER = 12.5
WITHIN = 0.02
SHORTEST_S = 0.25
NAMES = {"callout": "callout-plan", "pyvrp": "PyVRP", "vroom": "VROOM"}
COLOURS = {"callout": "#0b6e4f", "pyvrp": "#c8553d", "vroom": "#3d5a98"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("program", help="the callout-plan binary")
    arguments.add_argument("--most", type=float, default=64, help="seconds after which a solver is given up")
    arguments.add_argument("--long", type=float, default=120, help="seconds of the run that says what is best known")
    arguments.add_argument("--seeds", type=int, default=1, help="solver seeds; their median counts")
    arguments.add_argument("--patience", type=float, default=1, help="for VROOM, as in compare.py")
    arguments.add_argument("--only", default="callout,pyvrp,vroom")
    arguments.add_argument("--out", default="bench-growth.json")
    arguments.add_argument("--picture", default="growth.svg")
    options = arguments.parse_args()
    vroom = solvers.patient(solvers.vroom, options.patience)
    runs = {"callout": solvers.callout(options.program), "pyvrp": solvers.pyvrp, "vroom": vroom}
    version = compare.versions(options.program)
    results = [one for one in compare.known(options.out) if one["version"] == version[one["solver"]]]
    for visits in SIZES:
        name = f"growth {visits}"
        day = instances.field_day(round(visits / VISITS_AN_ENGINEER), visits, 0, extras=False)
        compare.only_what_pyvrp_knows(day)
        for solver in options.only.split(","):
            budgets = [SHORTEST_S * 2**n for n in range(1 + int(math.log2(options.most / SHORTEST_S)))]
            # VROOM is as good as it gets when it has ended, and more time changes nothing.
            budgets = budgets[-1:] if solver == "vroom" else budgets
            if solver == "callout":
                long = {"day": name, "solver": solver, "seed": 1, "seconds": options.long, "version": version[solver]}
                _once(results, {**long, "long": True}, day, runs, options)
            for seconds in budgets:
                if _time_to(results, name, solver) is not None:
                    break
                for seed in range(1, 1 + (1 if solver == "vroom" else options.seeds)):
                    one = {"day": name, "solver": solver, "seed": seed, "seconds": seconds, "version": version[solver]}
                    _once(results, one, day, runs, options)
    _table(results)
    _draw(results, options.picture)


def _once(results, one, day, runs, options):
    if not any(one.items() <= done.items() for done in results):
        results.append({**one, **compare.run_once(runs[one["solver"]], day, one["seconds"], one["seed"])})
        print(results[-1], flush=True)
        compare.write(options.out, results)


def _gaps(results, day, solver):
    """By seconds, how much longer the plans are than the best known; without those that leave anything out."""
    whole = [one for one in results if one["day"] == day and one.get("dropped") == 0]
    if not whole:
        return {}
    best = min(one["travel_s"] for one in whole)
    by_seconds = {}
    for one in whole:
        if one["solver"] == solver and not one.get("long"):
            by_seconds.setdefault(one["seconds"], []).append(one["travel_s"] / best - 1)
    return {seconds: statistics.median(gaps) for seconds, gaps in sorted(by_seconds.items())}


def _time_to(results, day, solver):
    """Seconds until it is near enough, read off on a logarithmic scale; `None` if no run was."""
    before = None
    for seconds, gap in _gaps(results, day, solver).items():
        if gap <= WITHIN:
            if before is None:
                return seconds
            share = (before[1] - WITHIN) / (before[1] - gap)
            return before[0] * (seconds / before[0]) ** share
        before = (seconds, gap)
    return None


def _table(results):
    print(f"\nseconds to within {WITHIN:.0%} of the best known, or the gap that is left after the longest run")
    for solver, name in NAMES.items():
        cells = []
        for visits in SIZES:
            seconds, gaps = _time_to(results, f"growth {visits}", solver), _gaps(results, f"growth {visits}", solver)
            cells.append(f"{seconds:8.2f} s" if seconds else f"({min(gaps.values()):+.1%})" if gaps else "-")
        print(f"  {name:14}" + "".join(f"{cell:>12}" for cell in cells))


def _draw(results, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "font.size": 11, "axes.spines.top": False})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.2, 4.4), layout="constrained")
    axes.spines["right"].set_visible(False)
    left_out = []
    for solver, name in NAMES.items():
        points = [(visits, _time_to(results, f"growth {visits}", solver)) for visits in SIZES]
        reached = [(visits, seconds) for visits, seconds in points if seconds is not None]
        if reached:
            axes.plot(*zip(*reached), "o-", color=COLOURS[solver], linewidth=2, markersize=7)
            visits, seconds = reached[-1]
            axes.annotate(name, (visits, seconds), (8, -4), textcoords="offset points", color=COLOURS[solver])
        for visits, seconds in points:
            gaps = _gaps(results, f"growth {visits}", solver)
            if seconds is None and gaps:
                left_out.append(f"{name}, {visits} visits: still {min(gaps.values()):.1%} longer after {max(gaps):g} s")
    axes.set(xscale="log", yscale="log", xlabel="visits of the day", ylabel="seconds on one thread")
    axes.set_title(f"Time until a plan is within {WITHIN:.0%} of the best known", loc="left", fontsize=12)
    axes.set_xticks(SIZES, [str(visits) for visits in SIZES])
    axes.set_xlim(80, 6500)
    axes.minorticks_off()
    ticks = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    if left_out:
        figure.text(0.01, -0.02, "Never so near: " + "\n".join(left_out), fontsize=8.5, color="#555555", va="top")
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()

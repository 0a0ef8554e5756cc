"""Days to plan, the same for every solver: made from a seed, or read from public benchmark files.

A day is the JSON that `callout-plan` reads, with a matrix, so that all solvers drive equally fast.
"""

import math
import random

HOUR = 3600
WEIGHTS = [16, 8, 4, 2, 1]
CITY_KM = 30.0


def field_day(engineers, visits, seed, overloaded=False, extras=True):
    """A day of a company in a city: engineers with homes, skills and a lunch break, visits with windows.

    `extras` are breaks, pinned visits and second windows. An overloaded day has some 40 % more work than fits.
    """
    dice = random.Random(f"{engineers} {visits} {seed} {overloaded}")
    km = lambda: (dice.uniform(0, CITY_KM), dice.uniform(0, CITY_KM))
    # Half of all visits lie in a few quarters, as customers do.
    quarters = [km() for _ in range(8)]

    def site():
        if dice.random() < 0.5:
            return km()
        x, y = dice.choice(quarters)
        return min(max(dice.gauss(x, 1.5), 0), CITY_KM), min(max(dice.gauss(y, 1.5), 0), CITY_KM)

    places = [km() for _ in range(engineers)] + [site() for _ in range(visits)]
    skills = [f"s{n}" for n in range(6)]
    crew = []
    for number in range(engineers):
        known = {skill: dice.randint(1, 3) for skill in dice.sample(skills, 3)}
        shift = {"start": 8 * HOUR, "end": 16 * HOUR, "to": {"index": number}, "breaks": []}
        if extras:
            shift["breaks"] = [{"earliest": 41400, "latest": 46800, "duration_s": 1800}]
        crew.append({"id": f"e{number}", "home": {"index": number}, "skills": known, "shifts": [shift]})
    # With 12.5 visits an engineer, 20 minutes each leave a good day's slack; 38 are too much.
    minutes = (28, 60) if overloaded else (10, 30)
    work = []
    for number in range(visits):
        skill = dice.choice(skills)
        visit = {
            "id": f"v{number}",
            "place": {"index": engineers + number},
            "duration_s": 60 * dice.randint(*minutes),
            "skills": {skill: dice.choice([1, 1, 1, 2])},
            "priority": dice.choice([1, 2, 3, 3, 3, 3, 4, 4, 5, 5]),
        }
        kind = dice.random()
        if kind < 0.5:
            start = dice.choice([8, 9, 10, 11, 12, 13])
            visit["windows"] = [[start * HOUR, (start + dice.choice([2, 3])) * HOUR]]
        elif kind < 0.6 and extras:
            visit["windows"] = [[8 * HOUR, 10 * HOUR], [13 * HOUR, 15 * HOUR]]
        if extras and dice.random() < 0.03:
            able = [one["id"] for one in crew if one["skills"].get(skill, 0) >= visit["skills"][skill]]
            if able:
                visit["pinned_engineer"] = dice.choice(able)
        work.append(visit)
    seconds = [[math.ceil(math.dist(a, b) * 1000 * 1.4 / 8) for b in places] for a in places]
    policy = {"full_load_s": 0, "wait_permille": [0] * 5, "overskilled_s": 0, "unserved_weight": WEIGHTS}
    return {"travel": {"kind": "matrix", "seconds": seconds}, "engineers": crew, "visits": work, "policy": policy}


def vrptw(path):
    """A Solomon (.txt) or Gehring-Homberger (.vrp) instance; times and distances in tenths, cut, as CVRPLIB counts."""
    text = open(path).read()
    vehicles, capacity, rows = _solomon(text) if path.endswith(".txt") else _vrplib(text)
    seconds = [[int(math.dist(a[:2], b[:2]) * 10) for b in rows] for a in rows]
    depot = rows[0]
    shift = {"start": depot[3] * 10, "end": depot[4] * 10, "to": {"index": 0}}
    van = {"home": {"index": 0}, "shifts": [shift], "capacity": capacity}
    visits = [
        {
            "id": f"v{n}",
            "place": {"index": n},
            "duration_s": row[5] * 10,
            "windows": [[row[3] * 10, row[4] * 10]],
            "load": row[2],
        }
        for n, row in enumerate(rows)
        if n > 0
    ]
    return {
        "travel": {"kind": "matrix", "seconds": seconds},
        "engineers": [{"id": f"e{n}", **van} for n in range(vehicles)],
        "visits": visits,
        "policy": {"full_load_s": 0, "wait_permille": [0] * 5},
    }


def best_known(path):
    """The shortest distance known, from the `.sol` file beside the instance."""
    for line in open(path.rsplit(".", 1)[0] + ".sol"):
        if line.startswith("Cost"):
            return float(line.split()[1])
    raise ValueError(f"{path}: no cost in its solution")


def _solomon(text):
    rows = [[int(word) for word in line.split()] for line in text.splitlines() if line.strip()[:1].isdigit()]
    head, stops = rows[0], rows[1:]
    return head[0], head[1], [(x, y, demand, ready, due, service) for _, x, y, demand, ready, due, service in stops]


def _vrplib(text):
    fields, sections, section = {}, {}, None
    for line in text.splitlines():
        line = line.strip()
        if line.endswith("SECTION"):
            section = sections.setdefault(line, [])
        elif ":" in line:
            name, value = line.split(":", 1)
            fields[name.strip()] = value.strip()
        elif section is not None and line[:1].isdigit():
            section.append([int(float(word)) for word in line.split()])
    xy = [row[1:] for row in sections["NODE_COORD_SECTION"]]
    demand = [row[1] for row in sections["DEMAND_SECTION"]]
    windows = [row[1:] for row in sections["TIME_WINDOW_SECTION"]]
    service = int(fields.get("SERVICE_TIME", 0))
    rows = [(*xy[n], demand[n], *windows[n], service if n else 0) for n in range(len(xy))]
    return int(fields["VEHICLES"]), int(fields["CAPACITY"]), rows

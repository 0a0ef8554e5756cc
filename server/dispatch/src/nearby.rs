//! Which engineers pass near a place: their legs in a tree of H3 cells, searched outwards.
//!
//! A leg lies in the cell of its midpoint at the resolution that suits its length, so that one long leg does not make
//! a whole town look near. Every node knows, from the legs themselves and not from the shape of its cell, how far they
//! reach from its centre and how long the longest is. By the triangle inequality a visit at distance `d` from the
//! centre is at least `d - reach` away from every end of a leg, and costs a closed leg at least `2(d - reach) -
//! longest` metres of detour. That holds for pentagons, poles and the antimeridian alike; distance to the nearest
//! *stop* would be no bound.
//!
//! Legs are also kept apart by when they begin. Otherwise the long free afternoons of a town would hide that nobody there
//! has an hour in the morning, and a visit that hardly anybody has time for would be looked for in all of the country.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;

use h3o::{CellIndex, Resolution};

use crate::atlas::Atlas;
use crate::duty::Duty;
use crate::engineer::EngineerIndex;
use crate::place::Place;
use crate::route::{Ground, Route};
use crate::travel::Travel;

/// An index over legs, each owned by an engineer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nearby {
    nodes: Vec<Node>,
    roots: usize,
    owners: Vec<EngineerIndex>,
}

/// A search that yields owners in the order of the least that any of their legs in the group could cost.
pub(crate) struct Search<'a, F> {
    nearby: &'a Nearby,
    place: Place,
    least_cost: F,
    heap: BinaryHeap<Found>,
}

/// What is known of every leg in a group, for a given visit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// At least so far is the visit from both ends.
    pub away_m: f64,
    /// At least so much further is it through the visit.
    pub detour_m: f64,
    /// Nobody sets out earlier, has to be somewhere later, or has more time between.
    pub soonest: i64,
    pub reached_by: i64,
    pub longest_gap_s: i64,
    /// Whether any leg leads nowhere in particular.
    pub has_open: bool,
    /// Nobody has less to do, and nobody more time.
    pub least_busy_s: i64,
    pub most_capacity_s: i64,
}

#[derive(Clone, Debug)]
struct Node {
    centre: Place,
    /// Of the legs kept at this node itself.
    own: Extent,
    owners: Range<usize>,
    /// Of those kept further down.
    below: Extent,
    children: Range<usize>,
}

/// What is common to some legs, seen from a centre.
#[derive(Clone, Copy, Debug)]
struct Extent {
    reach_m: f64,
    longest_m: f64,
    has_open: bool,
    soonest: i64,
    reached_by: i64,
    longest_gap_s: i64,
    least_busy_s: i64,
    most_capacity_s: i64,
}

struct Found {
    least_cost: i64,
    node: usize,
    is_own: bool,
}

#[derive(Clone, Copy)]
struct Leg {
    owner: EngineerIndex,
    from: Place,
    to: Option<Place>,
    length_m: f64,
    departs: i64,
    reached_by: i64,
    busy_s: i64,
    capacity_s: i64,
}

impl Nearby {
    pub fn of_routes(travel: &Travel, atlas: &Atlas, duties: &[Duty], routes: &[Route]) -> Nearby {
        let mut legs: Vec<(CellIndex, Leg)> = Vec::new();
        for (duty, route) in duties.iter().zip(routes) {
            let (owner, busy_s, capacity_s) = (duty.engineer, route.busy_s + duty.forecast_s, duty.capacity_s);
            for leg in route.legs(Ground { duty, atlas, travel }) {
                let crate::route::Leg { from, to, departs, reached_by } = leg;
                let (middle, length_m) = to.map_or((from, 0.0), |to| (from.midpoint(to), from.distance_m(to)));
                let leg = Leg { owner, from, to, length_m, departs, reached_by, busy_s, capacity_s };
                legs.push((middle.cell(resolution_for(length_m)), leg));
            }
        }
        let begins = slots(legs.iter().map(|(_, leg)| leg.departs).collect());
        let mut by_cell: BTreeMap<SlotCell, Vec<Leg>> = BTreeMap::new();
        for (cell, leg) in legs {
            let slot = begins.partition_point(|begin| *begin <= leg.departs);
            by_cell.entry((slot, cell)).or_default().push(leg);
        }
        Nearby::of_cells(&by_cell)
    }

    fn of_cells(by_cell: &BTreeMap<SlotCell, Vec<Leg>>) -> Nearby {
        let mut children: BTreeMap<SlotCell, BTreeSet<SlotCell>> = BTreeMap::new();
        let mut roots = BTreeSet::new();
        for &(slot, leaf) in by_cell.keys() {
            let mut cell = leaf;
            while let Some(parent) = cell.resolution().pred().and_then(|coarser| cell.parent(coarser)) {
                children.entry((slot, parent)).or_default().insert((slot, cell));
                cell = parent;
            }
            roots.insert((slot, cell));
        }
        // Breadth first, so that the children of a node lie side by side.
        let mut order: Vec<SlotCell> = roots.into_iter().collect();
        let mut nearby = Nearby { roots: order.len(), ..Nearby::default() };
        let mut next = 0;
        while let Some(&cell) = order.get(next) {
            let first_child = order.len();
            order.extend(children.get(&cell).into_iter().flatten());
            let legs = by_cell.get(&cell).map_or(&[][..], Vec::as_slice);
            let centre = Place::centre_of(cell.1);
            let first_owner = nearby.owners.len();
            let owners: BTreeSet<EngineerIndex> = legs.iter().map(|leg| leg.owner).collect();
            nearby.owners.extend(owners);
            nearby.nodes.push(Node {
                centre,
                own: Extent::of(centre, legs),
                owners: first_owner..nearby.owners.len(),
                below: Extent::NOTHING,
                children: first_child..order.len(),
            });
            next += 1;
        }
        nearby.measure_below(&order, by_cell);
        nearby
    }

    /// Every leg widens the extents of all the nodes above its own.
    fn measure_below(&mut self, order: &[SlotCell], by_cell: &BTreeMap<SlotCell, Vec<Leg>>) {
        let mut above = vec![None; self.nodes.len()];
        for (parent, node) in self.nodes.iter().enumerate() {
            node.children.clone().for_each(|child| above[child] = Some(parent));
        }
        for (index, cell) in order.iter().enumerate() {
            let Some(legs) = by_cell.get(cell) else { continue };
            let mut parent = above[index];
            while let Some(node) = parent {
                let extent = Extent::of(self.nodes[node].centre, legs);
                self.nodes[node].below = self.nodes[node].below.with(extent);
                parent = above[node];
            }
        }
    }

    /// Searches outwards from a place, by what `least_cost` makes of the bounds; it must not fall when a bound rises
    /// (or, for the capacity, falls).
    pub fn search<F: Fn(Bounds) -> i64>(&self, place: Place, least_cost: F) -> Search<'_, F> {
        let mut search = Search { nearby: self, place, least_cost, heap: BinaryHeap::new() };
        (0..self.roots).for_each(|root| search.push(root, i64::MIN));
        search
    }
}

impl<'a, F: Fn(Bounds) -> i64> Iterator for Search<'a, F> {
    /// A cost that never falls, and owners of legs that cost at least so much.
    type Item = (i64, &'a [EngineerIndex]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = self.heap.pop()?;
            let node = &self.nearby.nodes[found.node];
            if found.is_own {
                return Some((found.least_cost, &self.nearby.owners[node.owners.clone()]));
            }
            node.children.clone().for_each(|child| self.push(child, found.least_cost));
        }
    }
}

impl<F: Fn(Bounds) -> i64> Search<'_, F> {
    /// A child costs at least what its parent does, also where rounding says otherwise.
    fn push(&mut self, index: usize, parent_cost: i64) {
        let node = &self.nearby.nodes[index];
        let distance_m = node.centre.distance_m(self.place);
        let cost = |extent: &Extent| (self.least_cost)(extent.bounds(distance_m)).max(parent_cost);
        if !node.owners.is_empty() {
            self.heap.push(Found { least_cost: cost(&node.own), node: index, is_own: true });
        }
        if !node.children.is_empty() {
            self.heap.push(Found { least_cost: cost(&node.below), node: index, is_own: false });
        }
    }
}

impl Extent {
    const NOTHING: Extent = Extent {
        reach_m: 0.0,
        longest_m: 0.0,
        has_open: false,
        soonest: i64::MAX,
        reached_by: i64::MIN,
        longest_gap_s: i64::MIN,
        least_busy_s: i64::MAX,
        most_capacity_s: 1,
    };

    fn of(centre: Place, legs: &[Leg]) -> Extent {
        let of_leg = |leg: &Leg| {
            let far_m = |place: Place| centre.distance_m(place);
            Extent {
                reach_m: leg.to.map_or(0.0, far_m).max(far_m(leg.from)),
                longest_m: leg.length_m,
                has_open: leg.to.is_none(),
                soonest: leg.departs,
                reached_by: leg.reached_by,
                longest_gap_s: leg.reached_by.saturating_sub(leg.departs),
                least_busy_s: leg.busy_s,
                most_capacity_s: leg.capacity_s,
            }
        };
        legs.iter().map(of_leg).fold(Extent::NOTHING, Extent::with)
    }

    fn with(self, other: Extent) -> Extent {
        Extent {
            reach_m: self.reach_m.max(other.reach_m),
            longest_m: self.longest_m.max(other.longest_m),
            has_open: self.has_open || other.has_open,
            soonest: self.soonest.min(other.soonest),
            reached_by: self.reached_by.max(other.reached_by),
            longest_gap_s: self.longest_gap_s.max(other.longest_gap_s),
            least_busy_s: self.least_busy_s.min(other.least_busy_s),
            most_capacity_s: self.most_capacity_s.max(other.most_capacity_s),
        }
    }

    fn bounds(&self, distance_m: f64) -> Bounds {
        let away_m = (distance_m - self.reach_m - ROUNDING_M).max(0.0);
        let closed_m = (2.0 * away_m - self.longest_m).max(0.0);
        let detour_m = if self.has_open { closed_m.min(away_m) } else { closed_m };
        let Extent { soonest, reached_by, longest_gap_s, has_open, least_busy_s, most_capacity_s, .. } = *self;
        Bounds { away_m, detour_m, soonest, reached_by, longest_gap_s, has_open, least_busy_s, most_capacity_s }
    }
}

/// The cheapest first out of the heap; equal costs in the order of the nodes, so that a search can be repeated.
impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        other.least_cost.cmp(&self.least_cost).then(other.node.cmp(&self.node)).then(other.is_own.cmp(&self.is_own))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Found {}

/// A cell in one slot of time.
type SlotCell = (usize, CellIndex);

/// The moments that divide legs into slots of about equally many by when they begin.
fn slots(mut departs: Vec<i64>) -> Vec<i64> {
    departs.sort_unstable();
    let mut begins: Vec<i64> =
        (1..SLOTS).filter_map(|slot| departs.get(slot * departs.len() / SLOTS).copied()).collect();
    begins.dedup();
    begins
}

/// The finest cells, about a kilometre across, or the finest that are about as wide as the leg is long.
fn resolution_for(length_m: f64) -> Resolution {
    let mut wide_enough =
        Resolution::range(Resolution::Zero, Resolution::Eight).filter(|cell| cell.edge_length_m() * 2.0 >= length_m);
    wide_enough.next_back().unwrap_or(Resolution::Zero)
}

/// Into how many parts legs are divided by time. More would not pay: each has a tree of its own.
const SLOTS: usize = 6;
/// More than the error of any distance here.
const ROUNDING_M: f64 = 1.0;

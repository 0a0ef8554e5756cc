//! What two routes do from a point on, changing hands.

use super::{Ground, Route, Stop};

impl Route {
    /// Where a visit stands on the route.
    pub fn position_of(&self, visit: u32) -> Option<usize> {
        let nodes = self.nodes.get(1..=self.stops.len())?;
        nodes.iter().position(|node| *node == visit)
    }

    /// How much longer the drives become if two routes change what they do from these positions on, each ending where
    /// it always does.
    pub fn tails_longer_s(&self, ground: Ground<'_>, at: usize, other: (&Route, Ground<'_>, usize)) -> i64 {
        let (that, that_ground, that_at) = other;
        self.longer_with_tail_s(ground, at, that, that_at) + that.longer_with_tail_s(that_ground, that_at, self, at)
    }

    /// How much longer this route's own drives to the joint and home become, drives within the tails left aside.
    fn longer_with_tail_s(&self, ground: Ground<'_>, at: usize, that: &Route, that_at: usize) -> i64 {
        let home_s = |from: u32| ground.duty.to_node.map_or(0, |home| ground.drive(from, home));
        let old_s = self.drives[at] + if at < self.stops.len() { self.drives[self.stops.len()] } else { 0 };
        let before = self.nodes[at];
        match (that.stops.get(that_at), that.stops.last()) {
            (Some(first), Some(last)) => ground.drive(before, first.node) + home_s(last.node) - old_s,
            _ => home_s(before) - old_s,
        }
    }

    /// Takes out everything from a position on; the route is of no use until [`Route::append`] has been called.
    pub fn cut_off(&mut self, position: usize) -> Vec<Stop> {
        self.stops.split_off(position)
    }

    /// Puts stops behind all others; `terms` says by when each must have ended here, and what speaks against it. False
    /// if that cannot be done; the route is then of no use.
    #[must_use]
    pub fn append(&mut self, ground: Ground<'_>, tail: Vec<Stop>, terms: impl Fn(u32) -> Option<(i64, i64)>) -> bool {
        for mut stop in tail {
            let Some((deadline, bias_s)) = terms(stop.node) else { return false };
            (stop.deadline, stop.bias_s) = (deadline, bias_s);
            self.stops.push(stop);
        }
        self.measure(ground);
        self.refresh(ground) && self.load <= ground.duty.room
    }
}

//! What things are worth: the soft side of every decision, in seconds of travel.

use crate::engineer::{Engineer, EngineerIndex};
use crate::visit::{Priority, Visit};

/// The weights. All are "so many seconds of travel"; none can be negative, so more travel is never better.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How many of the best engineers a ranking holds, and how many alternatives an explanation names.
    pub shortlist: usize,
    /// How many of those who cannot take a visit the explanation of a plan names, each with the reason.
    pub refusals: usize,
    /// For how many of the visits that a plan leaves out it says what would help, the heaviest first.
    pub relaxed: usize,
    /// What a second of additional travel costs, in thousandths.
    pub travel_permille: u32,
    /// What a shift filled to the brim costs in seconds; the cost grows with the square of the filling, so that work
    /// goes to those who have little.
    pub full_load_s: u32,
    /// What each second costs by which a visit starts later than it could, in thousandths, from priority 1 to 5.
    pub wait_permille: [u32; 5],
    /// What each second costs by which a visit ends after its SLA is due, in thousandths, from priority 1 to 5.
    pub late_permille: [u32; 5],
    /// What it is worth to send a preferred engineer.
    pub preferred_s: u32,
    /// What each level costs that an engineer has above what is asked for: the best are kept for what only they can.
    pub overskilled_s: u32,
    /// What it costs that an engineer has to fetch a part that is not in the van.
    pub missing_part_s: u32,
    /// What it costs to change the engineer of a published appointment, or to move it by more than
    /// `moved_tolerance_s`.
    pub moved_s: u32,
    pub moved_tolerance_s: u32,
    /// What a second of overtime costs, in thousandths of a second of travel.
    pub overtime_permille: u32,
    /// What it weighs to leave a visit out of a plan, from priority 1 to 5.
    pub unserved_weight: [u32; 5],
}

/// What it costs to give a visit to an engineer, in seconds-equivalents; lower is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// The additional driving.
    pub travel_s: i64,
    /// The work the engineer has that day already.
    pub load_s: i64,
    /// The priority: how much later than possible the visit starts, and how late it ends, itself and those after it.
    pub urgency_s: i64,
    /// Negative for a preferred engineer.
    pub preference_s: i64,
    /// The skills that would be wasted on it.
    pub skill_s: i64,
    /// The parts that would have to be fetched.
    pub parts_s: i64,
    /// What has been published and would change.
    pub change_s: i64,
}

/// What speaks for and against an engineer whenever the visit takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Liking {
    pub preference_s: i64,
    pub skill_s: i64,
    pub parts_s: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            shortlist: 5,
            refusals: 100,
            relaxed: 100,
            travel_permille: 1000,
            full_load_s: 3600,
            wait_permille: [200, 80, 30, 15, 8],
            late_permille: [16_000, 8000, 4000, 2000, 1000],
            preferred_s: 900,
            overskilled_s: 60,
            missing_part_s: 1800,
            moved_s: 1800,
            moved_tolerance_s: 900,
            overtime_permille: 1500,
            unserved_weight: [16, 8, 4, 2, 1],
        }
    }
}

impl Policy {
    pub(crate) fn travel_cost(&self, travel_s: i64) -> i64 {
        weighed(travel_s, self.travel_permille)
    }

    /// What it adds to have `more_s` of work on top of `busy_s` in a shift of `capacity_s`.
    pub(crate) fn load_cost(&self, busy_s: i64, more_s: i64, capacity_s: i64) -> i64 {
        let full = |busy_s: i64| i128::from(busy_s) * i128::from(busy_s);
        let more = full(busy_s + more_s) - full(busy_s);
        capped(i128::from(self.full_load_s) * more / full(capacity_s))
    }

    pub(crate) fn wait_cost(&self, priority: Priority, wait_s: i64) -> i64 {
        weighed(wait_s, self.wait_permille[priority.level()])
    }

    pub(crate) fn late_cost(&self, priority: Priority, late_s: i64) -> i64 {
        weighed(late_s, self.late_permille[priority.level()])
    }

    pub(crate) fn overtime_cost(&self, overtime_s: i64) -> i64 {
        weighed(overtime_s, self.overtime_permille)
    }

    /// What is the same at every time.
    pub(crate) fn liking(&self, visit: &Visit, index: EngineerIndex, engineer: &Engineer) -> Liking {
        let above = |has: Option<u8>, needs: u8| i64::from(has.unwrap_or(needs).saturating_sub(needs));
        let above: i64 = visit.skills.iter().map(|needed| above(engineer.level(needed.skill), needed.level)).sum();
        let missing = visit.parts.iter().filter(|parts| engineer.carries(parts.part) < u64::from(parts.count)).count();
        Liking {
            preference_s: if visit.preferred.contains(&index) { -i64::from(self.preferred_s) } else { 0 },
            skill_s: above * i64::from(self.overskilled_s),
            parts_s: missing as i64 * i64::from(self.missing_part_s),
        }
    }

    /// What it costs that a published appointment is with this engineer at this time.
    pub(crate) fn change_cost(&self, visit: &Visit, engineer: EngineerIndex, start: i64) -> i64 {
        let is_moved = visit.published.is_some_and(|published| {
            published.engineer != engineer || (published.start - start).abs() > i64::from(self.moved_tolerance_s)
        });
        if is_moved { i64::from(self.moved_s) } else { 0 }
    }

    pub(crate) fn weight(&self, priority: Priority) -> i64 {
        i64::from(self.unserved_weight[priority.level()])
    }
}

impl Liking {
    pub fn total_s(self) -> i64 {
        self.preference_s + self.skill_s + self.parts_s
    }
}

impl Score {
    /// The sum of the parts, by which engineers are ordered.
    pub fn total_s(&self) -> i64 {
        self.travel_s + self.load_s + self.urgency_s + self.preference_s + self.skill_s + self.parts_s + self.change_s
    }
}

fn weighed(seconds: i64, permille: u32) -> i64 {
    match seconds.checked_mul(i64::from(permille)) {
        Some(product) => (product / 1000).clamp(-CAP, CAP),
        None if seconds < 0 => -CAP,
        None => CAP,
    }
}

/// Far above anything real, and small enough that sums of it cannot overflow.
fn capped(cost: i128) -> i64 {
    cost.clamp(-i128::from(CAP), i128::from(CAP)) as i64
}

const CAP: i64 = 1 << 52;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_costs_more_the_fuller_the_day() {
        let policy = Policy::default();
        let hour = |busy_s| policy.load_cost(busy_s, 3600, 8 * 3600);
        assert_eq!(hour(0), 56);
        assert!(hour(0) < hour(3600) && hour(3600) < hour(6 * 3600));
        assert_eq!(policy.load_cost(0, 8 * 3600, 8 * 3600), 3600, "a full day costs what the policy says");
    }

    #[test]
    fn absurd_numbers_are_capped_and_do_not_overflow() {
        let policy = Policy { late_permille: [u32::MAX; 5], full_load_s: u32::MAX, ..Policy::default() };
        let late = policy.late_cost(Priority::ORDINARY, i64::MAX);
        let load = policy.load_cost(1 << 40, 1 << 40, 1);
        assert!(late == 1 << 52 && load == 1 << 52);
        let (travel_s, load_s, urgency_s) = (late, load, late);
        let score =
            Score { travel_s, load_s, urgency_s, preference_s: 0, skill_s: late, parts_s: late, change_s: late };
        assert!(score.total_s() > 0);
    }
}

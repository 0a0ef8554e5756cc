//! What things are worth: the soft side of every decision, in seconds of travel.

use crate::visit::Priority;

/// The weights. All are "so many seconds of travel"; none can be negative, so more travel is never better.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How many of the best engineers a ranking holds, and how many alternatives an explanation names.
    pub shortlist: usize,
    /// How many of those who cannot take a visit the explanation of a plan names, each with the reason.
    pub refusals: usize,
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
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            shortlist: 5,
            refusals: 100,
            travel_permille: 1000,
            full_load_s: 3600,
            wait_permille: [200, 80, 30, 15, 8],
            late_permille: [16_000, 8000, 4000, 2000, 1000],
            preferred_s: 900,
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

    pub(crate) fn weight(&self, priority: Priority) -> i64 {
        i64::from(self.unserved_weight[priority.level()])
    }
}

impl Score {
    /// The sum of the parts, by which engineers are ordered.
    pub fn total_s(&self) -> i64 {
        self.travel_s + self.load_s + self.urgency_s + self.preference_s
    }
}

fn weighed(seconds: i64, permille: u32) -> i64 {
    capped(i128::from(seconds) * i128::from(permille) / 1000)
}

/// Far above anything real, and small enough that sums of it cannot overflow.
fn capped(cost: i128) -> i64 {
    cost.clamp(-CAP, CAP) as i64
}

const CAP: i128 = 1 << 52;

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
        assert!(Score { travel_s: late, load_s: load, urgency_s: late, preference_s: 0 }.total_s() > 0);
    }
}

//! Which engineer, and when: the best, or the one a dispatcher wishes if no hard rule refuses him or the dispatcher
//! breaks the rule knowingly.

use callout_dispatch::{EngineerIndex, Visit, assess};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::UserId;

use super::assign::Wish;
use super::clock::seconds_from;
use super::considered::{Candidate, Reason};
use super::rank::Ranked;
use super::{PlanningError, Terms};

/// An engineer and a time.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub engineer: UserId,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// How the engine sees it; none where rules had to be broken.
    pub candidate: Option<Candidate>,
    /// Names of the hard rules that were broken knowingly.
    pub overridden: Vec<String>,
}

/// Chooses from a ranking.
pub fn choose(ranked: &Ranked, wish: Wish, terms: &Terms) -> Result<Chosen, PlanningError> {
    let Some(engineer) = wish.engineer else {
        let best = ranked.considered.best().cloned();
        return best.map(Chosen::from).ok_or_else(|| PlanningError::NobodyCan(Box::new(ranked.considered.clone())));
    };
    let Some(index) = ranked.board.index_of(engineer) else {
        return match (ranked.board.is_homeless(engineer), wish.override_rules) {
            (false, _) => Err(PlanningError::NoSuchEngineer),
            (true, false) => Err(PlanningError::HardRule(Reason::NoHome)),
            (true, true) => Ok(whenever(ranked, engineer, wish, vec![Reason::NoHome.rule().to_owned()])),
        };
    };
    let fits = match wish.starts_at {
        Some(at) if ranked.window.is_some_and(|(from, to)| !(from..=to).contains(&at)) => Err(Reason::Window),
        at => ranked.assess(&starting(ranked.wanted(), at), index, terms),
    };
    match fits {
        Ok(candidate) => Ok(candidate.into()),
        Err(reason) if !wish.override_rules => Err(PlanningError::HardRule(reason)),
        Err(_) => Ok(force(ranked, index, wish, terms)),
    }
}

/// Breaks rule after rule until the engineer can take the visit, or only time stands in the way.
fn force(ranked: &Ranked, index: EngineerIndex, wish: Wish, terms: &Terms) -> Chosen {
    let mut wanted = starting(ranked.wanted(), wish.starts_at);
    let mut overridden = Vec::new();
    if let (Some(at), Some((from, to))) = (wish.starts_at, ranked.window)
        && !(from..=to).contains(&at)
    {
        overridden.push(Reason::Window.rule().to_owned());
    }
    loop {
        let reason = match assess(&ranked.board.engine, &wanted, index, &terms.policy) {
            Ok(candidate) => {
                let candidate = ranked.board.candidate(&candidate);
                return Chosen { candidate: None, overridden, ..Chosen::from(candidate) };
            }
            Err(reason) => reason,
        };
        let rule = reason.rule().as_str().to_owned();
        if !overridden.contains(&rule) {
            overridden.push(rule);
        }
        if !is_waived(&mut wanted, reason, ranked) {
            return whenever(ranked, ranked.board.engineer(index), wish, overridden);
        }
    }
}

/// When the dispatcher says; else as soon as the visit may begin and the engineer is not booked.
fn whenever(ranked: &Ranked, engineer: UserId, wish: Wish, overridden: Vec<String>) -> Chosen {
    let duration = TimeDelta::seconds(i64::from(ranked.wanted().duration_s));
    let earliest = ranked.window.map_or(ranked.board.horizon.from, |(from, _)| from.max(ranked.board.horizon.from));
    let starts_at = wish.starts_at.unwrap_or_else(|| ranked.board.first_free(engineer, earliest, duration));
    Chosen { engineer, starts_at, ends_at: starts_at + duration, candidate: None, overridden }
}

/// Drops from the visit what the rule asks for; false for the rules that are about time.
fn is_waived(wanted: &mut Visit, reason: callout_dispatch::Reason, ranked: &Ranked) -> bool {
    use callout_dispatch::Reason;
    match reason {
        Reason::Pinned { .. } => wanted.pinned_engineer = None,
        Reason::Barred => wanted.barred.clear(),
        Reason::Territory => wanted.territory = None,
        Reason::Skill { skill, has, .. } => {
            wanted.skills.retain(|needed| needed.skill != skill);
            // Whoever does not have the skill has no certificate for it either: that is the same rule, not one more.
            wanted.certificates.retain(|needed| has.is_some() || !ranked.board.is_for(*needed, skill));
        }
        Reason::Certificate { certificate, .. } => wanted.certificates.retain(|needed| *needed != certificate),
        Reason::Capacity => wanted.load = 0,
        Reason::Shift | Reason::TimeOff | Reason::Window | Reason::DoubleBooking => return false,
    }
    true
}

/// The visit at exactly this time, whatever its window says.
fn starting(visit: Visit, at: Option<DateTime<Utc>>) -> Visit {
    match at {
        Some(at) => Visit { pinned_start: Some(seconds_from(at)), ..visit },
        None => visit,
    }
}

impl From<Candidate> for Chosen {
    fn from(candidate: Candidate) -> Self {
        Self {
            engineer: UserId(candidate.engineer_id),
            starts_at: candidate.starts_at,
            ends_at: candidate.ends_at,
            candidate: Some(candidate),
            overridden: Vec::new(),
        }
    }
}

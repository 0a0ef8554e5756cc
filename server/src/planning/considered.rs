//! Who was considered for a visit: the best with their scores in parts, the others each with the rule that refused them.
//!
//! This is what is shown to a dispatcher and, word for word, what is kept with the assignment.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::travel::TravelUsed;

/// Everybody who was looked at for one visit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    /// The best, and the one chosen; best first.
    pub candidates: Vec<Candidate>,
    /// How many engineers could take it.
    pub able: u32,
    /// Those who could not, who live nearest first; at most [`Considered::LONGEST`].
    pub refused: Vec<Refused>,
    /// How many each rule refused, all of them counted.
    pub refused_by_rule: BTreeMap<String, u32>,
    /// Engineers not looked at because they live and work too far away.
    pub passed_over: u32,
    /// Where the travel times came from: not in what was kept before there were several sources.
    #[serde(default)]
    pub travel: TravelUsed,
}

/// An engineer who can take the visit, and how it would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub engineer_id: Uuid,
    pub arrives_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The drive to the visit, at its hour.
    pub drive_s: i64,
    /// How much longer the engineer drives in all, at his usual speed.
    pub detour_s: i64,
    pub score: Score,
}

/// What it costs to send this engineer, in seconds-equivalents; lower is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    pub travel_s: i64,
    pub load_s: i64,
    pub urgency_s: i64,
    pub preference_s: i64,
    /// Skills above what is asked for, parts to be fetched, changes to what was published: not in what was kept before.
    #[serde(default)]
    pub skill_s: i64,
    #[serde(default)]
    pub parts_s: i64,
    #[serde(default)]
    pub change_s: i64,
    pub total_s: i64,
}

/// An engineer who cannot take the visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub engineer_id: Uuid,
    #[serde(flatten)]
    pub reason: Reason,
}

/// The hard rule that refuses, with what it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reason {
    /// The visit is pinned to somebody else.
    Pinned {
        to: Uuid,
    },
    /// He has declined it, or it is being taken from him.
    Barred,
    Territory,
    /// The skill is missing, or its level too low.
    Skill {
        skill: String,
        needs: u8,
        has: Option<u8>,
    },
    /// The certificate for the skill ends before the visit would.
    Certificate {
        skill: String,
        expires_at: Option<DateTime<Utc>>,
    },
    /// It is more than his van takes.
    Capacity,
    Shift,
    TimeOff,
    /// It would fit, but he cannot be there in time.
    Window,
    /// It would fit, but for what he has to do already.
    DoubleBooking,
    /// Nobody has entered where he sets out.
    NoHome,
}

impl Considered {
    /// How many refusals are kept one by one.
    pub const LONGEST: usize = 200;

    pub fn best(&self) -> Option<&Candidate> {
        self.candidates.first()
    }

    /// Puts a candidate among the others if he is not there.
    pub fn include(&mut self, candidate: &Candidate) {
        if self.candidates.iter().all(|other| other.engineer_id != candidate.engineer_id) {
            let place = self.candidates.partition_point(|better| better.score.total_s <= candidate.score.total_s);
            self.candidates.insert(place, candidate.clone());
        }
    }

    /// If nobody can, the rule that stopped those who came furthest.
    pub fn main_refusal(&self) -> Option<&'static str> {
        let last = Reason::IN_ORDER.iter().rev().find(|rule| self.refused_by_rule.contains_key(**rule));
        last.copied().filter(|_| self.able == 0)
    }

    pub(super) fn refuse(&mut self, engineer_id: Uuid, reason: Reason) {
        *self.refused_by_rule.entry(reason.rule().to_owned()).or_default() += 1;
        self.refused.push(Refused { engineer_id, reason });
    }
}

impl Reason {
    /// The rules in the order in which they are tested.
    const IN_ORDER: [&'static str; 11] = [
        "no_home",
        "pinned",
        "barred",
        "territory",
        "skill",
        "certificate",
        "capacity",
        "shift",
        "time_off",
        "window",
        "double_booking",
    ];

    /// The rule's stable name.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Pinned { .. } => "pinned",
            Self::Barred => "barred",
            Self::Territory => "territory",
            Self::Skill { .. } => "skill",
            Self::Certificate { .. } => "certificate",
            Self::Capacity => "capacity",
            Self::Shift => "shift",
            Self::TimeOff => "time_off",
            Self::Window => "window",
            Self::DoubleBooking => "double_booking",
            Self::NoHome => "no_home",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_they_are_named() {
        let reasons = [
            Reason::Pinned { to: Uuid::nil() },
            Reason::Skill { skill: "lift".into(), needs: 3, has: None },
            Reason::Certificate { skill: "lift".into(), expires_at: None },
            Reason::TimeOff,
            Reason::DoubleBooking,
            Reason::NoHome,
        ];
        for reason in reasons {
            let refused = Refused { engineer_id: Uuid::nil(), reason };
            let json = serde_json::to_value(&refused).unwrap();
            assert_eq!(json["rule"], refused.reason.rule());
            assert_eq!(serde_json::from_value::<Refused>(json).unwrap(), refused);
            assert!(Reason::IN_ORDER.contains(&refused.reason.rule()));
        }
        let engine = callout_dispatch::Rule::ALL.map(|rule| rule.as_str());
        assert_eq!(Reason::IN_ORDER[1..], engine, "the engine's rules, in its order");
    }

    #[test]
    fn the_chosen_one_stands_where_his_score_puts_him() {
        let at = DateTime::UNIX_EPOCH;
        let candidate = |engineer: u128, total_s| Candidate {
            engineer_id: Uuid::from_u128(engineer),
            arrives_at: at,
            starts_at: at,
            ends_at: at,
            drive_s: 0,
            detour_s: 0,
            score: Score { travel_s: total_s, total_s, ..Score::default() },
        };
        let mut considered = Considered { candidates: vec![candidate(1, 10), candidate(2, 30)], ..Default::default() };
        considered.include(&candidate(3, 20));
        considered.include(&candidate(2, 5));
        let order: Vec<u128> = considered.candidates.iter().map(|one| one.engineer_id.as_u128()).collect();
        assert_eq!(order, [1, 3, 2]);
    }
}

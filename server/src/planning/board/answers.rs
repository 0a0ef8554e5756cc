//! What the engine answered, in our words.

use std::collections::BTreeMap;

use callout_dispatch::{Place, Ranking};

use super::Board;
use crate::planning::clock::moment;
use crate::planning::considered::{Candidate, Considered, Reason, Refused, Score};

impl Board {
    /// A ranking in our words.
    pub fn considered(&self, ranking: &Ranking, place: Place) -> Considered {
        let looked_at = self.engine.engineers().len() - ranking.passed_over;
        let mut refusals = ranking.refused.clone();
        refusals.sort_by_cached_key(|refused| self.engine.engineer(refused.engineer).home.distance_m(place) as i64);
        let mut considered = Considered {
            candidates: ranking.candidates.iter().map(|candidate| self.candidate(candidate)).collect(),
            able: u32::try_from(looked_at - refusals.len()).unwrap_or(u32::MAX),
            travel: self.travel.clone(),
            ..Considered::default()
        };
        for refused in &refusals {
            considered.refuse(self.engineer(refused.engineer).0, self.reason(refused.reason));
        }
        for engineer in &self.homeless {
            considered.refuse(engineer.0, Reason::NoHome);
        }
        considered.refused.truncate(Considered::LONGEST);
        considered
    }

    /// Why a planned visit went where it went, in our words.
    pub fn explained(&self, explanation: &callout_dispatch::Explanation) -> Considered {
        let chosen = self.candidate(&explanation.chosen);
        let refused = explanation.refusals.iter().map(|refused| Refused {
            engineer_id: self.engineer(refused.engineer).0,
            reason: self.reason(refused.reason),
        });
        let mut considered = Considered {
            candidates: explanation.alternatives.iter().map(|candidate| self.candidate(candidate)).collect(),
            able: explanation.able,
            refused: refused.collect(),
            refused_by_rule: by_rule(&explanation.refused),
            passed_over: 0,
            travel: self.travel.clone(),
        };
        considered.include(&chosen);
        considered
    }

    pub fn candidate(&self, candidate: &callout_dispatch::Candidate) -> Candidate {
        let score = candidate.score;
        Candidate {
            engineer_id: self.engineer(candidate.engineer).0,
            arrives_at: moment(candidate.arrive),
            starts_at: moment(candidate.start),
            ends_at: moment(candidate.end),
            drive_s: candidate.drive_s,
            detour_s: candidate.detour_s,
            score: Score {
                travel_s: score.travel_s,
                load_s: score.load_s,
                urgency_s: score.urgency_s,
                preference_s: score.preference_s,
                skill_s: score.skill_s,
                parts_s: score.parts_s,
                change_s: score.change_s,
                total_s: score.total_s(),
            },
        }
    }

    pub fn reason(&self, reason: callout_dispatch::Reason) -> Reason {
        use callout_dispatch::Reason as Engine;
        match reason {
            Engine::Pinned { to } => Reason::Pinned { to: self.engineer(to).0 },
            Engine::Barred => Reason::Barred,
            Engine::Territory => Reason::Territory,
            Engine::Skill { skill, needs, has } => {
                Reason::Skill { skill: self.words.skills[usize::from(skill.0)].clone(), needs, has }
            }
            Engine::Certificate { certificate, expires } => Reason::Certificate {
                skill: self.words.certificates[usize::from(certificate.0)].0.clone(),
                expires_at: expires.map(moment),
            },
            Engine::Capacity => Reason::Capacity,
            Engine::Shift => Reason::Shift,
            Engine::TimeOff => Reason::TimeOff,
            Engine::Window => Reason::Window,
            Engine::DoubleBooking => Reason::DoubleBooking,
        }
    }
}

/// The counts of the engine by the names of its rules.
pub fn by_rule(counts: &callout_dispatch::RuleCounts) -> BTreeMap<String, u32> {
    counts.iter().map(|(rule, count)| (rule.as_str().to_owned(), count)).collect()
}

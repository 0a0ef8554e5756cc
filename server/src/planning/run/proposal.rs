//! What a plan would do, visit by visit, in our words: who gets it, what changes for whom, what is left and what would
//! help.

use std::collections::BTreeMap;

use callout_dispatch::{Change as Engine, Plan, Relaxation};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sync_core::ids::{TicketId, VisitId};
use uuid::Uuid;

use super::held::Held;
use crate::planning::PlanningError;
use crate::planning::assign::Give;
use crate::planning::board::{Board, by_rule};
use crate::planning::choose::Chosen;
use crate::planning::clock::moment;
use crate::planning::considered::Considered;

/// One visit of a plan.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Of a visit that is dropped: who has it and when.
    pub give: Give,
    pub change: Change,
    pub held: Option<Held>,
}

/// What becomes of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nobody had it.
    New,
    Moved,
    Unchanged,
    /// It is taken from who has it, and given to nobody.
    Dropped,
}

/// A visit that a plan gave to nobody.
#[derive(Debug, Clone)]
pub struct Left {
    pub visit: VisitId,
    pub ticket: TicketId,
    pub reason: &'static str,
    pub refused: BTreeMap<String, u32>,
    pub relaxed: Vec<Relaxed>,
}

/// With one thing changed, this engineer could take the visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relaxed {
    /// `earlier`, `later`, `overtime`, `skill`, `certificate`, `territory`, `barred` or `pinned`.
    pub change: String,
    pub engineer_id: Uuid,
    pub starts_at: DateTime<Utc>,
    /// By how many seconds it begins earlier or later, or the shift lasts longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_s: Option<i64>,
    /// The skill or certificate, the level asked for, and the level the engineer has, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<u8>,
}

/// What a plan gives to whom, by ticket: everybody who locks several tickets does so in this order.
pub fn proposals(board: &Board, plan: &Plan, held: &[Held]) -> Vec<Proposal> {
    let held: BTreeMap<VisitId, Held> = held.iter().map(|held| (held.visit, *held)).collect();
    let given = plan.explanations.iter().map(|explanation| {
        let (visit, ticket) = board.visit(explanation.visit);
        let chosen: Chosen = board.candidate(&explanation.chosen).into();
        let held = held.get(&visit).copied();
        let change = match held {
            None => Change::New,
            Some(held)
                if (held.engineer, held.from, held.to) == (chosen.engineer, chosen.starts_at, chosen.ends_at) =>
            {
                Change::Unchanged
            }
            Some(_) => Change::Moved,
        };
        let (instead_of, considered) = (held.map(|held| held.grant), board.explained(explanation));
        Proposal { give: Give { ticket, visit, instead_of, chosen, considered }, change, held }
    });
    let dropped = plan.unserved.iter().filter_map(|unserved| {
        let held = held.get(&board.visit(unserved.visit).0).copied()?;
        let (engineer, starts_at, ends_at) = (held.engineer, held.from, held.to);
        let chosen = Chosen { engineer, starts_at, ends_at, candidate: None, overridden: Vec::new() };
        let (ticket, visit, instead_of) = (held.ticket, held.visit, Some(held.grant));
        let give = Give { ticket, visit, instead_of, chosen, considered: Considered::default() };
        Some(Proposal { give, change: Change::Dropped, held: Some(held) })
    });
    let mut proposals: Vec<Proposal> = given.chain(dropped).collect();
    proposals.sort_by_key(|proposal| (proposal.give.ticket, proposal.give.visit));
    proposals
}

/// What a plan leaves, why, and what would help.
pub fn left(board: &Board, plan: &Plan) -> Vec<Left> {
    let left = plan.unserved.iter().map(|unserved| {
        let (visit, ticket) = board.visit(unserved.visit);
        let reason = unserved.main.map_or("no_engineer", |rule| rule.as_str());
        let relaxed = unserved.relaxations.iter().map(|relaxation| relaxed(board, relaxation)).collect();
        Left { visit, ticket, reason, refused: by_rule(&unserved.refused), relaxed }
    });
    left.collect()
}

fn relaxed(board: &Board, relaxation: &Relaxation) -> Relaxed {
    let plain = |change: &str| Relaxed {
        change: change.to_owned(),
        engineer_id: board.engineer(relaxation.engineer).0,
        starts_at: moment(relaxation.start),
        by_s: None,
        skill: None,
        needs: None,
        has: None,
    };
    match relaxation.change {
        Engine::Earlier { by_s } => Relaxed { by_s: Some(by_s), ..plain("earlier") },
        Engine::Later { by_s } => Relaxed { by_s: Some(by_s), ..plain("later") },
        Engine::Overtime { by_s } => Relaxed { by_s: Some(by_s), ..plain("overtime") },
        Engine::Skill { skill, needs, has } => {
            Relaxed { skill: Some(board.skill(skill).to_owned()), needs: Some(needs), has, ..plain("skill") }
        }
        Engine::Certificate { certificate } => {
            Relaxed { skill: Some(board.certificate(certificate).to_owned()), ..plain("certificate") }
        }
        Engine::Territory => plain("territory"),
        Engine::Barred => plain("barred"),
        Engine::Pinned => plain("pinned"),
    }
}

impl Change {
    /// As it stands in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Moved => "moved",
            Self::Unchanged => "unchanged",
            Self::Dropped => "dropped",
        }
    }

    pub fn of(stored: &str) -> Result<Self, PlanningError> {
        let all = [Self::New, Self::Moved, Self::Unchanged, Self::Dropped];
        let change = all.into_iter().find(|change| change.as_str() == stored);
        change.ok_or(PlanningError::Corrupt("what becomes of a planned visit"))
    }
}

impl Left {
    /// Left for a reason that no engineer has to do with.
    pub fn because((visit, ticket): (VisitId, TicketId), reason: &'static str) -> Self {
        Self { visit, ticket, reason, refused: BTreeMap::new(), relaxed: Vec::new() }
    }
}

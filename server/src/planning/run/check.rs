//! Whether what was drafted may still be done: the visit is as it was, and no hard rule speaks against the engineer now.
//!
//! The rules are the engine's. It is asked of the engineer standing at the site with nothing else to do: whether the rest of
//! his day leaves him the time is for the bookings to say. So nobody drives, and no routing engine is asked.

use std::collections::BTreeMap;

use callout_dispatch::{Engineer, EngineerIndex, Shift, Visit, VisitIndex, assess};
use chrono::{DateTime, TimeDelta, Utc};
use sync_core::ids::{UserId, VisitId};
use sync_core::workflow::Status;
use uuid::Uuid;

use super::planned_store::{self, Planned};
use super::proposal::Change;
use crate::planning::board::{Board, place_of};
use crate::planning::board_store::{self as rows, Horizon, VisitRow};
use crate::planning::clock::seconds_from;
use crate::planning::travel::Roads;
use crate::planning::{PlanningError, Terms};
use crate::tenancy::TenantTx;

/// What speaks against which of these, as codes; the tickets are locked.
pub async fn conflicts(
    tx: &mut TenantTx,
    run: Uuid,
    planned: &[Planned],
    now: DateTime<Utc>,
    terms: &Terms,
) -> Result<BTreeMap<VisitId, &'static str>, PlanningError> {
    let (Some(from), Some(to)) = (
        planned.iter().map(|one| one.give.chosen.starts_at).min(),
        planned.iter().map(|one| one.give.chosen.ends_at).max(),
    ) else {
        return Ok(BTreeMap::new());
    };
    let ids: Vec<Uuid> = planned.iter().map(|one| one.give.visit.0).collect();
    let visits = rows::visits(tx, &ids).await?;
    let lost = planned_store::not_held(tx, run, &ids).await?;
    let engineers: Vec<Uuid> = planned.iter().map(|one| one.give.chosen.engineer.0).collect();
    let engineers = rows::engineers_of(tx, &engineers).await?;
    let located: Vec<VisitRow> = visits.iter().filter(|row| place_of(row).is_some()).cloned().collect();
    let terms = &terms.clone().by(&Roads::default());
    let board = Board::load(tx, &located, engineers, Horizon { from, to: to + MARGIN }, &[], terms).await?;
    let on_board: BTreeMap<VisitId, VisitIndex> =
        (0..).map(VisitIndex).take(located.len()).map(|index| (board.visit(index).0, index)).collect();
    let mut found = BTreeMap::new();
    for one in planned {
        let visit = one.give.visit;
        let row = visits.iter().find(|row| row.visit_id == visit.0);
        let conflict = match row {
            None => Some("changed"),
            Some(row) => moved_on(one, row, now).or_else(|| lost.get(&visit).copied()).or_else(|| match one.change {
                Change::Dropped => None,
                _ => match on_board.get(&visit) {
                    None => Some("not_located"),
                    Some(index) => refused(&board, *index, one, terms),
                },
            }),
        };
        found.extend(conflict.map(|conflict| (visit, conflict)));
    }
    Ok(found)
}

/// What has become of the visit since.
fn moved_on(planned: &Planned, row: &VisitRow, now: DateTime<Utc>) -> Option<&'static str> {
    let status = row.status.parse::<Status>().ok();
    let chosen = &planned.give.chosen;
    let duration = TimeDelta::milliseconds(row.duration_ms);
    let is_outside = |from: DateTime<Utc>, to: DateTime<Utc>| !(from..=to).contains(&chosen.starts_at);
    match (status, planned.change) {
        (Some(Status::Cancelled), _) => Some("cancelled"),
        (Some(status), _) if status.is_finished() => Some("done"),
        (Some(Status::EnRoute | Status::OnSite | Status::InProgress | Status::Paused), _) => Some("begun"),
        (Some(Status::Assigned | Status::Accepted), Change::New) => Some("already_assigned"),
        (Some(Status::Created), Change::Moved | Change::Dropped) => Some("reassigned"),
        (None, _) => Some("changed"),
        (_, Change::Moved | Change::Dropped) if row.is_pinned => Some("pinned"),
        (_, Change::Dropped) => None,
        _ if chosen.starts_at < now => Some("past"),
        _ if row.starts_at.zip(row.ends_at).is_some_and(|(from, to)| is_outside(from, to)) => Some("window"),
        // Planned times are whole seconds.
        _ if (chosen.ends_at - chosen.starts_at - duration).abs() > TimeDelta::seconds(1) => Some("changed"),
        _ => None,
    }
}

/// The hard rule that refuses the engineer now.
fn refused(board: &Board, index: VisitIndex, planned: &Planned, terms: &Terms) -> Option<&'static str> {
    let engineer: UserId = planned.give.chosen.engineer;
    let Some(number) = board.index_of(engineer) else {
        return Some(if board.is_homeless(engineer) { "no_home" } else { "not_in_service" });
    };
    let visit = board.engine.visit(index);
    let only = |list: &[EngineerIndex]| if list.contains(&number) { vec![EngineerIndex(0)] } else { Vec::new() };
    let start = seconds_from(planned.give.chosen.starts_at);
    let wanted = Visit {
        pinned_start: Some(start),
        barred: only(&visit.barred),
        preferred: Vec::new(),
        published: None,
        ..visit.clone()
    };
    let known = board.engine.engineer(number);
    let shifts = known.shifts.iter().map(|shift| Shift { from: visit.place, to: None, ..shift.clone() });
    let there = Engineer {
        home: visit.place,
        position: None,
        commitments: Vec::new(),
        shifts: shifts.collect(),
        ..known.clone()
    };
    let travel = board.engine.travel().clone();
    let alone = callout_dispatch::Board::new(board.engine.now(), travel, vec![there], vec![wanted.clone()]);
    let Ok(alone) = alone else { return Some("changed") };
    assess(&alone, &wanted, EngineerIndex(0), &terms.policy).err().map(|reason| reason.rule().as_str())
}

/// Shifts that end with the last visit are loaded whole.
const MARGIN: TimeDelta = TimeDelta::days(1);

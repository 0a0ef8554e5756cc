//! The office, meanwhile: it changes the very tickets that engineers are working where no network reaches.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::json;
use sync_core::ids::TicketId;

use super::Settings;
use super::company::{Company, Planned};
use super::day::Job;
use super::steps::Steps;
use crate::answer::Answer;

/// What the office did to tickets that were being worked.
#[derive(Debug, Clone, Default)]
pub struct Edited {
    pub priorities: usize,
    pub windows: usize,
    pub notes: usize,
    pub cancelled: usize,
    pub reassigned: usize,
    /// What the server would not do: an engineer was taken at that time, say.
    pub refused: usize,
    /// The tickets.
    pub tickets: BTreeSet<TicketId>,
}

#[derive(Debug, Clone, Copy)]
enum Edit {
    Priority(i64),
    WindowEnd(i64),
    Note,
    Cancel,
    Reassign(usize),
}

/// Agrees with about every third customer of the days to be worked when the engineer comes. How many.
pub async fn agree_on_windows(company: &Company, planned: &Planned, settings: &Settings, steps: &Steps) -> usize {
    let step = steps.begin("agreeing on time windows with customers", 0);
    let until = company.opened + TimeDelta::days(settings.days);
    let mut dice = StdRng::seed_from_u64(settings.seed ^ 0xa9e3);
    let visits = company.all(&format!("/plans/{}/visits", planned.plan)).await;
    let wanted = visits.iter().filter_map(|visit| {
        let starts_at: DateTime<Utc> = visit["starts_at"].as_str()?.parse().ok()?;
        Some((visit["visit_id"].as_str()?, starts_at)).filter(|_| starts_at < until && dice.random_ratio(1, 3))
    });
    let agree = |(visit, starts_at): (&str, DateTime<Utc>)| {
        let side = |to: DateTime<Utc>| json!({ "seen": null, "value": to });
        let (start, end) = (starts_at - TimeDelta::minutes(30), starts_at + TimeDelta::minutes(60));
        let patch = company.desk.request(Method::PATCH, &format!("/visits/{visit}"));
        Answer::of(patch.json(&json!({ "start": side(start), "end": side(end) })))
    };
    let answers: Vec<Answer> =
        futures_util::stream::iter(wanted.collect::<Vec<_>>()).map(agree).buffer_unordered(4).collect().await;
    let agreed = answers.iter().filter(|answer| answer.status.is_success()).count();
    step.done(&format!("{agreed} windows of an hour and a half"));
    agreed
}

/// Edits about half of the tickets that are being worked.
pub async fn edit(company: &Company, jobs: &[Job], seed: u64) -> Edited {
    let mut dice = StdRng::seed_from_u64(seed ^ 0x0ff1ce);
    let others: Vec<usize> = (0..company.engineers.len()).collect();
    let mut edits = Vec::new();
    for job in jobs {
        let edit = match dice.random_range(0..100) {
            0..18 => Edit::Priority(if job.priority == 1 { 2 } else { job.priority - 1 }),
            18..24 => Edit::Note,
            24..30 => Edit::Cancel,
            30..36 => Edit::Reassign(*others.choose(&mut dice).unwrap_or(&0)),
            36..80 if job.window.is_some() => Edit::WindowEnd(dice.random_range(15..=90)),
            _ => continue,
        };
        edits.push((*job, edit));
    }
    let made = futures_util::stream::iter(edits)
        .map(|(job, edit)| async move { (job.ticket, edit, make(company, job, edit).await) })
        .buffer_unordered(4)
        .collect::<Vec<_>>()
        .await;
    let mut edited = Edited::default();
    for (ticket, edit, is_made) in made {
        let count = match edit {
            _ if !is_made => &mut edited.refused,
            Edit::Priority(_) => &mut edited.priorities,
            Edit::WindowEnd(_) => &mut edited.windows,
            Edit::Note => &mut edited.notes,
            Edit::Cancel => &mut edited.cancelled,
            Edit::Reassign(_) => &mut edited.reassigned,
        };
        *count += 1;
        if is_made {
            edited.tickets.insert(ticket);
        }
    }
    edited
}

/// Whether the server did it.
async fn make(company: &Company, job: Job, edit: Edit) -> bool {
    let desk = &company.desk;
    let instant = |ms: i64| DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    let request = match edit {
        Edit::Priority(to) => {
            let body = json!({ "edits": [{ "field": "priority", "seen": job.priority, "value": to }] });
            desk.request(Method::PATCH, &format!("/tickets/{}", job.ticket)).json(&body)
        }
        Edit::WindowEnd(minutes) => {
            let Some(window) = job.window else { return false };
            let end = instant(window.end().0);
            let body = json!({ "end": { "seen": end, "value": end + TimeDelta::minutes(minutes) } });
            desk.request(Method::PATCH, &format!("/visits/{}", job.visit)).json(&body)
        }
        Edit::Note => {
            let body = json!({ "text": "The customer called: please ring the bell twice." });
            desk.request(Method::POST, &format!("/tickets/{}/notes", job.ticket)).json(&body)
        }
        Edit::Cancel => {
            let body = json!({ "reason": "customer-request" });
            desk.request(Method::POST, &format!("/tickets/{}/cancel", job.ticket)).json(&body)
        }
        Edit::Reassign(to) => {
            let ticket = desk.get(&format!("/tickets/{}", job.ticket)).await.expect(200).json();
            let assignments =
                ticket["visits"].as_array().into_iter().flatten().flat_map(|visit| visit["assignments"].as_array());
            let holds = assignments.flatten().find(|one| one["ended_at"].is_null());
            let Some(assignment) = holds.and_then(|one| one["assignment_id"].as_str()) else { return false };
            let body = json!({ "engineer_id": company.engineers[to].user.0, "override": true });
            desk.request(Method::POST, &format!("/assignments/{assignment}/reassign")).json(&body)
        }
    };
    Answer::of(request).await.status.is_success()
}

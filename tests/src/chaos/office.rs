//! The office, meanwhile: it edits, reassigns and cancels the tickets that are being worked, through the same road.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::ids::UserId;

use super::{Settings, Stage};
use crate::actor::Actor;
use crate::answer::Answer;
use crate::desk::{Visit, uuid_of};

/// What the office did.
#[derive(Debug, Clone)]
pub struct Edited {
    /// Who wrote notes and nothing else.
    pub writer: UserId,
    /// Notes that she was told are written, word by word.
    pub written: Vec<String>,
    /// And those of which she never heard.
    pub unknown: Vec<String>,
    /// What was done to tickets otherwise, as far as the office was told.
    pub done: usize,
    /// Answers that were errors of the server.
    pub errors: Vec<String>,
}

/// Works until every phone has done its rounds.
pub async fn work(stage: &Stage, settings: &Settings) -> Edited {
    let mut dice = StdRng::seed_from_u64(settings.seed ^ 0x0ff1ce);
    let (mut dora, mut eve) = (stage.dora.clone(), stage.eve.clone());
    let mut edited = Edited { writer: eve.user, written: Vec::new(), unknown: Vec::new(), done: 0, errors: Vec::new() };
    for n in 0_u64.. {
        if stage.pace.finished.load(std::sync::atomic::Ordering::Relaxed) >= settings.phones {
            break;
        }
        let visit = *stage.visits.choose(&mut dice).expect("a visit");
        write(&mut eve, visit, n, settings, &mut edited).await;
        change(&mut dora, stage, visit, &mut dice, &mut edited).await;
    }
    edited
}

/// A note, sent again under the same key until its answer comes.
async fn write(eve: &mut Actor, visit: Visit, n: u64, settings: &Settings, edited: &mut Edited) {
    let (text, key) = (format!("office note {n} of {}", settings.seed), format!("note-{n}-{}", settings.seed));
    let (path, body) = (format!("/tickets/{}/notes", visit.ticket), json!({ "text": text }));
    for _ in 0..8 {
        let request = eve.request(Method::POST, &path).header("idempotency-key", &key).json(&body);
        match say(eve, request, edited).await {
            Some((200 | 201, _)) => return edited.written.push(text),
            // Somebody carries it out at this moment, or did and died: known only later.
            Some((409, problem)) if problem["type"] == "urn:callout:problem:refused" => return,
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    edited.unknown.push(text);
}

/// Anything else that happens to a ticket. Nobody tries twice.
async fn change(dora: &mut Actor, stage: &Stage, visit: Visit, dice: &mut StdRng, edited: &mut Edited) {
    let to = stage.engineers.choose(dice).expect("an engineer").user;
    let request = match dice.random_range(0..100) {
        0..40 => {
            let edit = json!({ "field": "priority", "seen": 3, "value": dice.random_range(1..=5) });
            dora.request(Method::PATCH, &format!("/tickets/{}", visit.ticket)).json(&json!({ "edits": [edit] }))
        }
        40..70 => {
            let ticket = dora.request(Method::GET, &format!("/tickets/{}", visit.ticket));
            let Some((200, ticket)) = say(dora, ticket, edited).await else { return };
            let assignments = ticket["visits"][0]["assignments"].as_array().cloned().unwrap_or_default();
            let Some(held) = assignments.iter().find(|one| one["ended_at"].is_null()) else { return };
            let path = format!("/assignments/{}/reassign", uuid_of(&held["assignment_id"]));
            dora.request(Method::POST, &path).json(&json!({ "engineer_id": to.0, "override": true }))
        }
        70..78 => {
            let body = json!({ "reason": "customer-request" });
            dora.request(Method::POST, &format!("/tickets/{}/cancel", visit.ticket)).json(&body)
        }
        _ => {
            let waiting = dora.request(Method::GET, "/quarantine?limit=1");
            let Some((200, waiting)) = say(dora, waiting, edited).await else { return };
            let Some(id) = waiting["items"][0]["quarantine_id"].as_str() else { return };
            let body = json!({ "settlement": if dice.random() { "dismissed" } else { "entered" } });
            dora.request(Method::POST, &format!("/quarantine/{id}/settle")).json(&body)
        }
    };
    edited.done += usize::from(say(dora, request, edited).await.is_some_and(|(status, _)| status < 300));
}

/// What the server said, if anything came back.
async fn say(who: &mut Actor, request: reqwest::RequestBuilder, edited: &mut Edited) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.ok()?.to_vec();
    let answer = Answer { status, headers, body };
    if status.is_server_error() && status != 503 {
        edited.errors.push(answer.to_string());
    }
    if status == 401 {
        who.try_refresh().await;
    }
    Some((status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default()))
}

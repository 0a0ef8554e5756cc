//! What happens at a desk, in its words: `desk.new_visit().at(place).assigned_to(&ana).save().await`.
//!
//! Everything goes over HTTP. Each verb fails the test when the server refuses it; the answer is there for those who
//! want to read it.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::ids::{TicketId, VisitId};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::Answer;

/// A ticket with one visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub ticket: TicketId,
    pub id: VisitId,
}

/// A visit to be.
pub struct NewVisit<'a> {
    desk: &'a Actor,
    window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    lead: Option<&'a Actor>,
}

/// The kind of ticket that tests are about.
const TICKET_TYPE: &str = "test-repair";

impl Actor {
    /// A visit that somebody will go to.
    pub fn new_visit(&self) -> NewVisit<'_> {
        NewVisit { desk: self, window: None, lead: None }
    }

    /// Gives a visit that nobody has to this engineer, whatever rules speak against it.
    pub async fn assign(&self, visit: Visit, engineer: &Actor) -> Uuid {
        self.know_engineer(engineer).await;
        let body = json!({ "engineer_id": engineer.user.0, "override": true });
        let made = self.post(&format!("/visits/{}/assignments", visit.id), &body).await.expect(201).json();
        uuid_of(&made["assignment_id"])
    }

    /// Gives a visit to somebody else.
    pub async fn reassign(&self, assignment: Uuid, engineer: &Actor) -> Uuid {
        self.know_engineer(engineer).await;
        let body = json!({ "engineer_id": engineer.user.0, "override": true });
        let made = self.post(&format!("/assignments/{assignment}/reassign"), &body).await.expect(201).json();
        uuid_of(&made["assignment_id"])
    }

    /// Takes a visit back.
    pub async fn unassign(&self, assignment: Uuid) {
        Answer::of(self.request(Method::DELETE, &format!("/assignments/{assignment}"))).await.expect(204);
    }

    /// Who has the visit now: the assignment that has not ended.
    pub async fn assignment_of(&self, visit: Visit) -> Uuid {
        let ticket = self.ticket(visit).await;
        let assignments = ticket["visits"][0]["assignments"].as_array().expect("assignments");
        uuid_of(&assignments.iter().find(|one| one["ended_at"].is_null()).expect("one that holds")["assignment_id"])
    }

    /// Calls the ticket off.
    pub async fn cancel(&self, visit: Visit) {
        let body = json!({ "reason": "customer-request" });
        self.post(&format!("/tickets/{}/cancel", visit.ticket), &body).await.expect(200);
    }

    /// Moves the latest start of a visit.
    pub async fn move_end(&self, visit: Visit, seen: DateTime<Utc>, to: DateTime<Utc>) {
        let body = json!({ "end": { "seen": seen, "value": to } });
        Answer::of(self.request(Method::PATCH, &format!("/visits/{}", visit.id)).json(&body)).await.expect(200);
    }

    /// Changes one field of a ticket.
    pub async fn edit(&self, visit: Visit, field: &str, seen: Value, to: Value) {
        let body = json!({ "edits": [{ "field": field, "seen": seen, "value": to }] });
        Answer::of(self.request(Method::PATCH, &format!("/tickets/{}", visit.ticket)).json(&body)).await.expect(200);
    }

    /// The ticket with its whole story.
    pub async fn ticket(&self, visit: Visit) -> Value {
        self.get(&format!("/tickets/{}", visit.ticket)).await.expect(200).json()
    }

    /// The visit as the board shows it.
    pub async fn visit(&self, visit: Visit) -> Value {
        self.get(&format!("/visits/{}", visit.id)).await.expect(200).json()
    }

    /// What was set aside and waits for a dispatcher.
    pub async fn quarantine(&self) -> Vec<Value> {
        let page = self.get("/quarantine?limit=500").await.expect(200).json();
        page["items"].as_array().expect("items").clone()
    }

    /// Hands in the file of a phone that was given up.
    pub async fn hand_in_export(&self, file: &[u8]) -> Answer {
        let post = self.request(Method::POST, "/quarantine/exports").header("content-type", "application/octet-stream");
        Answer::of(post.body(file.to_vec())).await
    }

    async fn know_ticket_type(&self) {
        let body = json!({
            "code": TICKET_TYPE, "name_en": "Repair", "name_zh": "维修", "duration_min": 30, "priority": 3,
            "dispatch_mode": "manual", "response_target_min": null, "resolution_target_min": null,
        });
        let answer = self.post("/ticket-types", &body).await;
        assert!(answer.status == 201 || answer.status == 409, "{answer}");
    }

    /// Makes an engineer of a person who is not one yet.
    async fn know_engineer(&self, engineer: &Actor) {
        let (lat, lon) = HOME;
        let body = json!({
            "user_id": engineer.user.0, "display_name": engineer.email, "home": { "lat": lat, "lon": lon },
            "speed_kmh": null, "territory": null,
        });
        let answer = self.post("/engineers", &body).await;
        assert!(answer.status == 201 || answer.status == 409, "{answer}");
    }
}

/// Where everybody lives and everything is broken.
const HOME: (f64, f64) = (52.52, 13.405);

impl<'a> NewVisit<'a> {
    /// It may start from then until then.
    #[must_use]
    pub fn between(mut self, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        self.window = Some((start, end));
        self
    }

    /// This engineer goes.
    #[must_use]
    pub fn assigned_to(mut self, engineer: &'a Actor) -> Self {
        self.lead = Some(engineer);
        self
    }

    /// Makes it.
    pub async fn save(self) -> Visit {
        let desk = self.desk;
        desk.know_ticket_type().await;
        let site = json!({
            "name": "Site", "address": "1 Main Street", "position": { "lat": HOME.0, "lon": HOME.1 },
            "time_zone": "Europe/Berlin", "customer_id": null, "external_ref": null,
        });
        let site = desk.post("/sites", &site).await.expect(201).json();
        let mut body = json!({ "ticket_type": TICKET_TYPE, "title": "No heat", "site_id": site["site_id"] });
        if let Some((start, end)) = self.window {
            body["window"] = json!({ "starts_at": start, "ends_at": end });
        }
        let made = desk.post("/tickets", &body).await.expect(201).json();
        let visit = Visit {
            ticket: TicketId(uuid_of(&made["ticket_id"])),
            id: VisitId(uuid_of(&made["visits"][0]["visit_id"])),
        };
        if let Some(engineer) = self.lead {
            desk.assign(visit, engineer).await;
        }
        visit
    }
}

/// An id in JSON.
pub fn uuid_of(value: &Value) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not an id: {value}"))
}

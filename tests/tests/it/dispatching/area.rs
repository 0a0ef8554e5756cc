//! A service area with its people and its sites, in which the stories about dispatching play.

use std::collections::BTreeMap;

use callout_server::ledger::NewTicket;
use callout_server::tenancy::TenantTx;
use callout_tests::postgres::TestDatabase;
use callout_tests::{Actor, TestApp, TestTenant};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use sync_core::ids::{SiteId, TicketId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};
use uuid::Uuid;

/// A tenant with a dispatcher. Everything happens tomorrow: shifts last from 8 to 16 o'clock UTC.
pub struct Area {
    pub app: TestApp,
    pub dora: Actor,
    midnight: DateTime<Utc>,
}

/// A visit that is wanted, and its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub ticket: TicketId,
    pub visit: VisitId,
}

/// A ticket in the making.
pub struct Asked {
    new: NewTicket,
}

/// Kilometres north and east of the middle of the area.
pub type Km = (f64, f64);

impl Area {
    pub async fn new() -> Self {
        Self::of(TestApp::start().await).await
    }

    pub async fn of(app: TestApp) -> Self {
        let dora = app.dispatcher("dora").await;
        let midnight = app.state().clock.now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        let area = Self { app, dora, midnight: midnight + TimeDelta::days(1) };
        for skill in ["lift", "gas"] {
            let skill = json!({ "code": skill, "name_en": skill, "name_zh": skill });
            area.dora.post("/skills", &skill).await.expect(201);
        }
        for mode in ["manual", "suggest", "automatic", "pool"] {
            let kind = json!({
                "code": mode, "name_en": mode, "name_zh": mode, "duration_min": 60, "priority": 3, "dispatch_mode": mode
            });
            area.dora.post("/ticket-types", &kind).await.expect(201);
        }
        area
    }

    /// Puts a copy of the database aside, as it is at this moment.
    pub async fn back_up(self) -> (Self, TestDatabase) {
        let (app, backup) = self.app.back_up().await;
        (Self { app, ..self }, backup)
    }

    /// The database is lost and this copy takes its place.
    pub async fn restore(self, backup: TestDatabase) -> Self {
        Self { app: self.app.restore(backup).await, ..self }
    }

    /// A time of tomorrow.
    pub fn at(&self, hour: f64) -> DateTime<Utc> {
        self.midnight + TimeDelta::seconds((hour * 3600.0) as i64)
    }

    pub fn today(&self) -> NaiveDate {
        self.midnight.date_naive() - TimeDelta::days(1)
    }

    /// An engineer with a shift tomorrow.
    pub async fn engineer(&self, name: &str, home: Km, skills: Value) -> Actor {
        let person = self.recruit(name, Some(home), skills).await;
        self.shift(&person, 8.0, 16.0).await;
        person
    }

    /// An engineer without a shift.
    pub async fn recruit(&self, name: &str, home: Option<Km>, skills: Value) -> Actor {
        let person = self.app.engineer(name).await;
        let new = json!({
            "user_id": person.user.0, "display_name": name, "home": home.map(position), "skills": skills
        });
        self.dora.post("/engineers", &new).await.expect(201);
        person
    }

    pub async fn shift(&self, person: &Actor, from: f64, to: f64) {
        let shift = json!({ "starts_at": self.at(from), "ends_at": self.at(to) });
        let path = format!("/engineers/{}/shifts", person.user);
        self.dora.post(&path, &json!({ "shifts": [shift] })).await.expect(201);
    }

    pub async fn time_off(&self, person: &Actor, from: f64, to: f64) {
        let off = json!({ "starts_at": self.at(from), "ends_at": self.at(to) });
        self.dora.post(&format!("/engineers/{}/time-off", person.user), &off).await.expect(201);
    }

    pub async fn site(&self, place: Option<Km>) -> SiteId {
        self.site_in(place, "UTC").await
    }

    pub async fn site_in(&self, place: Option<Km>, zone: &str) -> SiteId {
        enter_site(&self.dora, place, zone).await
    }

    /// A visit of the ordinary kind, there.
    pub async fn visit(&self, place: Km) -> Wanted {
        self.ask(Asked::at(self.site(Some(place)).await)).await
    }

    /// A visit at a site of another tenant.
    pub async fn visit_of(&self, tenant: &TestTenant, desk: &Actor, place: Km) -> Wanted {
        let site = enter_site(desk, Some(place), "UTC").await;
        self.ask_of(tenant, Asked::at(site)).await
    }

    pub async fn ask(&self, asked: Asked) -> Wanted {
        self.ask_of(self.app.tenant(), asked).await
    }

    async fn ask_of(&self, tenant: &TestTenant, asked: Asked) -> Wanted {
        let ledger = self.app.state().ledger.clone();
        let now = ServerTime(self.app.state().clock.now_ms());
        let create = async move |tx: &mut TenantTx| ledger.create(tx, asked.new, None, now).await;
        let created = tenant.system().transact(create).await.expect("a new ticket");
        Wanted { ticket: created.ticket, visit: created.visits[0] }
    }

    pub async fn candidates(&self, wanted: Wanted) -> Value {
        self.dora.get(&format!("/visits/{}/candidates", wanted.visit)).await.expect(200).json()
    }

    /// Gives a visit to somebody; answers with the explanation.
    pub async fn assign(&self, wanted: Wanted, to: &Actor) -> Value {
        self.try_assign(wanted, json!({ "engineer_id": to.user.0 })).await.expect(201).json()
    }

    pub async fn try_assign(&self, wanted: Wanted, request: Value) -> callout_tests::Answer {
        self.dora.post(&format!("/visits/{}/assignments", wanted.visit), &request).await
    }

    pub async fn plan(&self, request: Value) -> Value {
        self.dora.post("/plans", &request).await.expect(201).json()
    }

    /// Who has a visit, as the tables show it, whoever asks: engineer and start.
    pub async fn holders(&self, wanted: Wanted) -> Vec<(Uuid, Option<DateTime<Utc>>)> {
        let mut database = self.app.database().superuser().await;
        sqlx::query_as(
            "select a.user_id, b.starts_at
             from assignment a
             left join booking b on b.grant_id = a.grant_id
             where a.visit_id = $1 and a.ended_at is null
             order by a.granted_at",
        )
        .bind(wanted.visit.0)
        .fetch_all(&mut database)
        .await
        .expect("the holders")
    }

    /// How many bookings there are.
    pub async fn bookings(&self) -> i64 {
        let mut database = self.app.database().superuser().await;
        sqlx::query_scalar("select count(*) from booking").fetch_one(&mut database).await.expect("a count")
    }
}

impl Asked {
    /// An hour's work of ordinary urgency, at any time, of a type that a dispatcher assigns.
    pub fn at(site: SiteId) -> Self {
        let new = NewTicket {
            ticket_type: "manual".into(),
            title: "It does not work".into(),
            description: None,
            priority: 3,
            customer: None,
            site: Some(site),
            asset: None,
            contact: None,
            respond_by: None,
            resolve_by: None,
            skills: BTreeMap::new(),
            duration_ms: 3_600_000,
            visits: vec![None],
        };
        Self { new }
    }

    pub fn of_type(mut self, code: &str) -> Self {
        self.new.ticket_type = code.into();
        self
    }

    pub fn needing(mut self, skill: &str, level: i64) -> Self {
        self.new.skills.insert(skill.into(), level);
        self
    }

    pub fn lasting_h(mut self, hours: f64) -> Self {
        self.new.duration_ms = (hours * 3_600_000.0) as i64;
        self
    }

    pub fn priority(mut self, priority: i64) -> Self {
        self.new.priority = priority;
        self
    }

    pub fn resolve_by(mut self, at: DateTime<Utc>) -> Self {
        self.new.resolve_by = Some(ServerTime(at.timestamp_millis()));
        self
    }

    pub fn starting_between(mut self, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let time = |at: DateTime<Utc>| ServerTime(at.timestamp_millis());
        self.new.visits = vec![Some(TimeWindow::new(time(from), time(to)).expect("a window"))];
        self
    }
}

/// Some skills of an engineer, none of which expires.
pub fn skilled(skills: &[(&str, u8)]) -> Value {
    skills.iter().map(|(skill, level)| json!({ "skill": skill, "level": level, "expires_on": null })).collect()
}

pub fn no_skills() -> Value {
    json!([])
}

/// The time in a field of an answer.
pub fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("a time")
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

async fn enter_site(desk: &Actor, place: Option<Km>, zone: &str) -> SiteId {
    let site = json!({ "name": "A site", "position": place.map(position), "time_zone": zone });
    let made = desk.post("/sites", &site).await.expect(201).json();
    made["site_id"].as_str().expect("an id").parse().expect("a site id")
}

fn position((north, east): Km) -> Value {
    let (lat, lon) = (40.70 + north / 111.2, -73.95 + east / 84.3);
    json!({ "lat": lat, "lon": lon })
}

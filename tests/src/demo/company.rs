//! A company begins: its office, its engineers, its plan, its phones.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use callout_server::platform::clock::Clock;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::ids::{DeviceId, UserId};

use super::Settings;
use super::intake::Imported;
use super::people::PEOPLE;
use super::steps::Steps;
use crate::actor::{Actor, new_key};
use crate::answer::Answer;
use crate::phone::Phone;
use crate::serve::Server;

/// The password of everybody in the demo.
pub const PASSWORD: &str = "callout demo";
const ADMIN: &str = "admin@demo.example";
/// Whose desk it is.
pub const DISPATCHER: &str = "dora@demo.example";
/// Days that are planned.
pub const DAYS: i64 = 5;
const SHIFT_HOURS: i64 = 9;

/// The company of the demo.
pub struct Company {
    /// The dispatcher.
    pub desk: Actor,
    pub engineers: Vec<Engineer>,
    pub http: reqwest::Client,
    admin: Actor,
    /// When the first shift began.
    pub opened: DateTime<Utc>,
    phones: Vec<Phone>,
}

/// Somebody in the field.
#[derive(Debug, Clone)]
pub struct Engineer {
    pub name: &'static str,
    pub email: String,
    pub user: UserId,
    pub home: (f64, f64),
}

/// What the planner made of it.
#[derive(Debug, Clone)]
pub struct Planned {
    pub plan: String,
    /// Visits that the plan gave to somebody.
    pub by_plan: i64,
    /// Visits that somebody has, whoever decided.
    pub assigned: i64,
    pub mean_travel_min: Option<f64>,
    /// What is left for later, by reason.
    pub left: BTreeMap<String, i64>,
}

impl Company {
    /// Made on the command line, and everybody signs in.
    pub async fn found(server: &Server, steps: &Steps) -> anyhow::Result<Self> {
        let step = steps.begin("founding the company", 0);
        let arguments = [
            "admin",
            "create-tenant",
            "--slug",
            "demo",
            "--name",
            "New York City",
            "--admin-email",
            ADMIN,
            "--admin-name",
            "Admin",
        ];
        server.command(&arguments, &[("CALLOUT_ADMIN_PASSWORD", PASSWORD)]).await?;
        let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(300)).build()?;
        let admin = Actor::sign_in(&server.url, &http, ADMIN, PASSWORD).await;
        let dispatcher = json!({ "email": DISPATCHER, "name": "Dora", "role": "dispatcher", "password": PASSWORD });
        admin.post("/users", &dispatcher).await.expect(201);
        let desk = Actor::sign_in(&server.url, &http, DISPATCHER, PASSWORD).await;
        let opened = Clock::system().now().duration_trunc(TimeDelta::hours(1)).context("an hour")?;
        step.done("tenant, administrator and dispatcher");
        Ok(Self { desk, engineers: Vec::new(), http, admin, opened, phones: Vec::new() })
    }

    /// Engineers with homes all over the city, skills by what the work needs, and a shift on each of five days.
    pub async fn hire(&mut self, settings: &Settings, imported: &Imported, steps: &Steps) -> anyhow::Result<()> {
        let people: Vec<_> = PEOPLE.iter().cycle().take(settings.engineers).enumerate().collect();
        let step = steps.begin("engineers, skills, homes and shifts", people.len());
        let hands = deal_skills(&imported.demand, people.len(), settings.seed);
        for ((number, (name, _, lat, lon)), skills) in people.into_iter().zip(hands) {
            let email = format!("engineer{:02}@demo.example", number + 1);
            let user = json!({ "email": email, "name": name, "role": "engineer", "password": PASSWORD });
            let user = self.admin.post("/users", &user).await.expect(201).json();
            let held = |(skill, level): (&String, &i64)| json!({ "skill": skill, "level": level, "expires_on": null });
            let engineer = json!({
                "user_id": user["id"], "display_name": name, "home": { "lat": lat, "lon": lon },
                "speed_kmh": null, "territory": null, "skills": skills.iter().map(held).collect::<Vec<_>>(),
            });
            self.desk.post("/engineers", &engineer).await.expect(201);
            let id = crate::uuid_of(&user["id"]);
            let body = json!({ "shifts": self.shifts() });
            self.desk.post(&format!("/engineers/{id}/shifts"), &body).await.expect(201);
            self.engineers.push(Engineer { name, email, user: UserId(id), home: (*lat, *lon) });
            step.advance();
        }
        step.done(&format!("{} engineers, {DAYS} shifts each", self.engineers.len()));
        Ok(())
    }

    /// From the present hour on, so that there is somebody on the road whenever the demo is run.
    fn shifts(&self) -> Vec<Value> {
        let day = |day| self.opened + TimeDelta::days(day);
        let shift = |n| json!({ "starts_at": day(n), "ends_at": day(n) + TimeDelta::hours(SHIFT_HOURS) });
        (0..DAYS).map(shift).collect()
    }

    /// Five days of everything that has a place. What is dispatched by the server itself is on its way already.
    pub async fn plan(&self, settings: &Settings, steps: &Steps) -> anyhow::Result<Planned> {
        let step = steps.begin("planning five days", 0);
        let to = self.opened + TimeDelta::days(DAYS);
        let seed = u32::try_from(settings.seed % 1_000_000_007).unwrap_or(1);
        let mut plan = self.desk.post("/plans", &json!({ "to": to, "seed": seed })).await.expect_success().json();
        // A plan that takes long goes on by itself.
        while plan["finished_at"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
            let id = plan["plan_id"].as_str().context("a plan")?;
            plan = self.desk.get(&format!("/plans/{id}")).await.expect(200).json();
        }
        let count = |one: &Value| Some((one["reason"].as_str()?.to_owned(), one["count"].as_i64()?));
        let planned = Planned {
            plan: plan["plan_id"].as_str().context("a plan")?.to_owned(),
            by_plan: plan["assigned"].as_i64().context("how many were assigned")?,
            assigned: i64::try_from(self.assigned().await)?,
            mean_travel_min: plan["mean_travel_min"].as_f64(),
            left: plan["left"].as_array().into_iter().flatten().filter_map(count).collect(),
        };
        step.done(&format!("{} visits assigned", planned.assigned));
        Ok(planned)
    }

    /// How many visits somebody has.
    async fn assigned(&self) -> usize {
        let mut assigned = 0;
        for scheduled in ["", "&unscheduled=true"] {
            assigned += self.all(&format!("/visits?unassigned=false{scheduled}")).await.len();
        }
        assigned
    }

    /// A phone for everybody, enrolled with a key of its own.
    pub async fn hand_out_phones(&self, data: &Path, seed: u64, steps: &Steps) -> anyhow::Result<Vec<Phone>> {
        let step = steps.begin("enrolling phones", self.engineers.len());
        let mut phones = Vec::with_capacity(self.engineers.len());
        for (number, engineer) in (0..).zip(&self.engineers) {
            let owner = Actor::sign_in(self.desk.base(), &self.http, &engineer.email, PASSWORD).await;
            let device = owner.enrol(&new_key()).await;
            let directory = data.join("phones").join(engineer.email.split('@').next().unwrap_or_default());
            phones.push(Phone::set_up(owner, device, Clock::system(), &directory, seed.wrapping_add(number)));
            step.advance();
        }
        step.done(&format!("{} phones", phones.len()));
        Ok(phones)
    }

    /// Somebody leaves the company, and his phone, wherever it is, is to say nothing any more.
    pub async fn revoke(&self, device: DeviceId) {
        self.admin.post(&format!("/devices/{device}/revoke"), &json!({})).await.expect(200);
    }

    /// The phones go on reporting where they are.
    pub fn keep_phones(&mut self, phones: Vec<Phone>) {
        self.phones = phones;
    }

    pub fn phones_mut(&mut self) -> &mut [Phone] {
        &mut self.phones
    }

    /// Every page of a list.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.desk.request(Method::GET, path).query(&[("limit", "500")]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let mut page = Answer::of(request).await.expect(200).json();
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}

/// Deals skills so that there are about as many hands for each as there is work: everybody gets the skill whose turn it
/// is, well, and some more at a lower level.
fn deal_skills(demand: &BTreeMap<String, i64>, people: usize, seed: u64) -> Vec<BTreeMap<String, i64>> {
    let mut dice = StdRng::seed_from_u64(seed);
    let total: i64 = demand.values().sum::<i64>().max(1);
    let seats = i64::try_from(people).unwrap_or(i64::MAX);
    let mut turns: Vec<&String> = Vec::new();
    for (skill, work) in demand {
        let hands = (work * seats / total).max(1);
        turns.extend(std::iter::repeat_n(skill, usize::try_from(hands).unwrap_or(1)));
    }
    turns.shuffle(&mut dice);
    let by_work: Vec<(&String, i64)> = demand.iter().map(|(skill, work)| (skill, *work)).collect();
    (0..people)
        .map(|person| {
            let mut held = BTreeMap::new();
            if let Some(first) = turns.get(person % turns.len().max(1)) {
                held.insert((*first).clone(), 5);
            }
            for _ in 0..5 {
                if let Ok((skill, _)) = by_work.choose_weighted(&mut dice, |(_, work)| *work) {
                    held.entry((*skill).clone()).or_insert(dice.random_range(2..=4));
                }
            }
            held
        })
        .collect()
}

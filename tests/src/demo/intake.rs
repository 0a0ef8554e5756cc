//! What the company gets its work from: the catalogue of its ticket types, and a file of two thousand requests.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use callout_server::platform::clock::Clock;
use reqwest::Method;
use serde_json::Value;

use super::company::Company;
use super::steps::Steps;
use crate::answer::Answer;

const CATALOGUE: &str = include_str!("../../demo/nyc311-catalogue.json");
const MAPPING: &str = include_str!("../../demo/nyc311-mapping.json");
const REQUESTS: &[u8] = include_bytes!("../../demo/nyc311-2011.csv");

/// What became of the file.
#[derive(Debug, Clone)]
pub struct Imported {
    pub rows: i64,
    pub created: i64,
    pub needs_location: i64,
    pub wrong_rows: i64,
    /// Work that needs each skill, in tickets.
    pub demand: BTreeMap<String, i64>,
}

/// The catalogue, the mapping, a dry run, the import, and the same file once more, which changes nothing.
pub async fn import(company: &Company, steps: &Steps) -> anyhow::Result<Imported> {
    let catalogue: Value = serde_json::from_str(CATALOGUE)?;
    let step = steps.begin("skills, ticket types and the mapping", 0);
    let (skills, types) = (list(&catalogue, "skills")?, list(&catalogue, "ticket_types")?);
    for skill in skills {
        company.desk.post("/skills", skill).await.expect(201);
    }
    for ticket_type in types {
        company.desk.post("/ticket-types", ticket_type).await.expect(201);
    }
    let mapping: Value = serde_json::from_str(MAPPING)?;
    let put = company.desk.request(Method::PUT, "/import-mappings/nyc311").json(&mapping);
    Answer::of(put).await.expect(200);
    step.done(&format!("{} skills, {} ticket types", skills.len(), types.len()));

    let step = steps.begin("trying the file: a dry run", 0);
    let tried = post(company, true).await;
    let would_create = number(&tried, "would_create")?;
    step.done(&format!("{would_create} tickets to be, {} rows are wrong", tried["wrong_rows"]));

    let step = steps.begin("importing it, dates shifted to today", 0);
    let report = import_whole(company).await?;
    let (created, needs_location) = (number(&report, "created")?, number(&report, "needs_location")?);
    ensure!(created == would_create, "the dry run foresaw {would_create} tickets, the import made {created}");
    step.done(&format!("{created} tickets, {needs_location} of them need a location"));

    let step = steps.begin("importing it again", 0);
    let again = post(company, false).await;
    ensure!(number(&again, "created")? == 0, "the same file made tickets twice: {again}");
    step.done(&format!("nothing changed: {} tickets are there already", again["unchanged"]));

    let demand = demand(types, &report["ticket_types"]);
    Ok(Imported {
        rows: number(&report, "rows")?,
        created,
        needs_location,
        wrong_rows: number(&report, "wrong_rows")?,
        demand,
    })
}

/// A request enters rows for some seconds; the file is sent again until all of it is in.
async fn import_whole(company: &Company) -> anyhow::Result<Value> {
    let mut whole = post(company, false).await;
    while number(&whole, "remaining")? > 0 {
        let more = post(company, false).await;
        for count in ["created", "needs_location"] {
            whole[count] = (number(&whole, count)? + number(&more, count)?).into();
        }
        for (ticket_type, rows) in more["ticket_types"].as_object().into_iter().flatten() {
            let before = whole["ticket_types"][ticket_type].as_i64().unwrap_or(0);
            whole["ticket_types"][ticket_type] = (before + rows.as_i64().unwrap_or(0)).into();
        }
        whole["remaining"] = more["remaining"].clone();
    }
    Ok(whole)
}

async fn post(company: &Company, is_dry: bool) -> Value {
    let today = Clock::system().now().date_naive().to_string();
    let query = [("mapping", "nyc311"), ("dry_run", if is_dry { "true" } else { "false" }), ("anchor", today.as_str())];
    let request = company.desk.request(Method::POST, "/imports").query(&query);
    Answer::of(request.header("content-type", "text/csv").body(REQUESTS)).await.expect(200).json()
}

fn list<'a>(catalogue: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    catalogue[name].as_array().with_context(|| format!("no {name} in the catalogue"))
}

fn number(report: &Value, name: &str) -> anyhow::Result<i64> {
    report[name].as_i64().with_context(|| format!("no {name} in {report}"))
}

fn demand(types: &[Value], made: &Value) -> BTreeMap<String, i64> {
    let mut demand = BTreeMap::new();
    for ticket_type in types {
        let tickets = ticket_type["code"].as_str().and_then(|code| made[code].as_i64()).unwrap_or(0);
        for skill in ticket_type["skills"].as_object().into_iter().flatten().map(|(skill, _)| skill) {
            *demand.entry(skill.clone()).or_default() += tickets;
        }
    }
    demand
}

//! Tickets at the desk: making one, finding it, editing it field by field, carrying it to its end.

use callout_server::tenancy::Role;
use callout_tests::{Actor, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

async fn ready(desk: &Actor) {
    desk.post("/skills", &json!({ "code": "paving", "name_en": "Paving", "name_zh": "路面" })).await.expect(201);
    let repair = json!({
        "code": "repair", "name_en": "Repair", "name_zh": "维修", "duration_min": 60, "priority": 3,
        "dispatch_mode": "manual", "response_target_min": 60, "resolution_target_min": 120, "skills": { "paving": 2 }
    });
    desk.post("/ticket-types", &repair).await.expect(201);
}

async fn a_ticket(desk: &Actor, title: &str) -> Value {
    desk.post("/tickets", &json!({ "ticket_type": "repair", "title": title })).await.expect(201).json()
}

fn path(ticket: &Value) -> String {
    format!("/tickets/{}", ticket["ticket_id"].as_str().unwrap_or_default())
}

async fn edit(desk: &Actor, ticket: &Value, edits: Value) -> callout_tests::Answer {
    callout_tests::Answer::of(desk.request(Method::PATCH, &path(ticket)).json(&json!({ "edits": edits }))).await
}

#[tokio::test]
async fn a_ticket_made_by_hand_follows_its_type() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let customer = dora.post("/customers", &json!({ "name": "City" })).await.json();
    let site = json!({ "name": "Bridge", "time_zone": "UTC", "customer_id": customer["customer_id"], "position": { "lat": 40.7, "lon": -74.0 } });
    let site = dora.post("/sites", &site).await.expect(201).json();
    let new = json!({
        "ticket_type": "repair", "title": "Pothole", "description": "Two lines\nof it", "site_id": site["site_id"],
        "requested_at": "2026-03-02T08:00:00Z", "priority": 2,
        "window": { "starts_at": "2026-03-03T08:00:00Z", "ends_at": "2026-03-03T10:00:00Z" }
    });
    let made = dora.post("/tickets", &new).await.expect(201).json();
    assert_eq!((&made["status"], &made["priority"], &made["duration_min"]), (&json!("created"), &json!(2), &json!(60)));
    assert_eq!((&made["customer_id"], &made["skills"]), (&customer["customer_id"], &json!({ "paving": 2 })));
    assert_eq!((&made["respond_by"], &made["needs_location"]), (&json!("2026-03-02T09:00:00Z"), &json!(false)));
    assert_eq!(made["visits"][0]["starts_at"], "2026-03-03T08:00:00Z");
    assert_eq!(dora.get(&path(&made)).await.expect(200).json(), made);
    assert_eq!(
        dora.get("/tickets?q=POTHOLE&status=created,assigned").await.json()["items"][0]["ticket_id"],
        made["ticket_id"]
    );
    assert_eq!(dora.get("/tickets?status=closed").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_a_ticket_cannot_be_made_of_is_named() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let nobody = json!("00000000-0000-7000-8000-000000000000");
    for (member, value) in [
        ("ticket_type", json!("flying")),
        ("title", json!("")),
        ("title", json!("x".repeat(301))),
        ("description", json!("a\u{7}b")),
        ("priority", json!(6)),
        ("duration_min", json!(1)),
        ("skills", json!({ "paving": 0 })),
        ("site_id", nobody.clone()),
        ("customer_id", nobody.clone()),
        ("contact_id", nobody),
        ("window", json!({ "starts_at": "2026-03-03T10:00:00Z", "ends_at": "2026-03-03T08:00:00Z" })),
    ] {
        let mut bad = json!({ "ticket_type": "repair", "title": "t" });
        bad[member] = value;
        let answer = dora.post("/tickets", &bad).await;
        assert_eq!((answer.problem(422).as_str(), &answer.json()["field"]), ("invalid-field", &json!(member)));
    }
    assert_eq!(dora.post("/tickets", &json!({ "title": "t" })).await.problem(422), "invalid-body");
    let oversized = json!({ "ticket_type": "repair", "title": "t", "description": "x".repeat(10_001) });
    assert_eq!(dora.post("/tickets", &oversized).await.problem(422), "invalid-field");
}

#[tokio::test]
async fn two_dispatchers_edit_two_fields_and_both_stay() {
    let app = TestApp::start().await;
    let (dora, dan) = (app.dispatcher("dora").await, app.dispatcher("dan").await);
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Pothole").await;
    edit(&dora, &ticket, json!([{ "field": "priority", "seen": 3, "value": 1 }])).await.expect(200);
    let after = edit(&dan, &ticket, json!([{ "field": "title", "seen": "Pothole", "value": "Deep pothole" }]))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&after["priority"], &after["title"], &after["reviews"]),
        (&json!(1), &json!("Deep pothole"), &json!([]))
    );
    assert_eq!(after["needs_review"], false);
}

#[tokio::test]
async fn the_same_field_edited_twice_keeps_the_last_and_shows_the_loser() {
    let app = TestApp::start().await;
    let (dora, dan) = (app.dispatcher("dora").await, app.dispatcher("dan").await);
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Pothole").await;
    edit(&dora, &ticket, json!([{ "field": "priority", "seen": 3, "value": 1 }])).await.expect(200);
    let after = edit(&dan, &ticket, json!([{ "field": "priority", "seen": 3, "value": 5 }])).await.expect(200).json();
    assert_eq!((&after["priority"], &after["needs_review"]), (&json!(5), &json!(true)));
    let lost = after["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["fact_id"] == after["reviews"][0]["fact_id"])
        .unwrap();
    assert_eq!((&lost["kind"], &lost["body"]["old"]), (&json!("desk_edit"), &json!(1)));
    assert_eq!(dora.get("/tickets?needs_review=true").await.json()["items"][0]["ticket_id"], ticket["ticket_id"]);
    let unchanged =
        edit(&dan, &ticket, json!([{ "field": "priority", "seen": 5, "value": 5 }])).await.expect(200).json();
    assert_eq!(unchanged["version"], after["version"], "nothing was to change");
}

#[tokio::test]
async fn every_field_of_the_desk_can_be_edited_and_emptied() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Pothole").await;
    let site = dora.post("/sites", &json!({ "name": "s", "time_zone": "UTC" })).await.json();
    let contact = dora
        .post(&format!("/sites/{}/contacts", site["site_id"].as_str().unwrap()), &json!({ "name": "c" }))
        .await
        .json();
    let edits = json!([
        { "field": "description", "seen": null, "value": "more" },
        { "field": "duration_min", "seen": 60, "value": 90 },
        { "field": "resolve_by", "seen": ticket["resolve_by"], "value": "2026-12-24T12:00:00Z" },
        { "field": "respond_by", "seen": ticket["respond_by"], "value": null },
        { "field": "site_id", "seen": null, "value": site["site_id"] },
        { "field": "contact_id", "seen": null, "value": contact["contact_id"] },
        { "field": "skills.paving", "seen": 2, "value": null },
        { "field": "skills.towing", "seen": null, "value": 4 },
    ]);
    let after = edit(&dora, &ticket, edits).await.expect(200).json();
    assert_eq!(
        (&after["description"], &after["duration_min"], &after["respond_by"]),
        (&json!("more"), &json!(90), &Value::Null)
    );
    assert_eq!((&after["resolve_by"], &after["site_id"]), (&json!("2026-12-24T12:00:00Z"), &site["site_id"]));
    assert_eq!((&after["skills"], &after["contact_id"]), (&json!({ "towing": 4 }), &contact["contact_id"]));
    assert_eq!((&after["needs_review"], &after["reviews"]), (&json!(false), &json!([])));
    for (field, value) in [
        ("title", json!(null)),
        ("title", json!("")),
        ("priority", json!(9)),
        ("priority", json!("high")),
        ("status", json!("closed")),
        ("number", json!("1")),
        ("resolve_by", json!("tomorrow")),
        ("site_id", json!("here")),
        ("skills.Not A Code", json!(1)),
        ("site_id", json!("00000000-0000-7000-8000-000000000000")),
        ("visits/x/start", json!(1)),
    ] {
        let answer = edit(&dora, &ticket, json!([{ "field": field, "seen": null, "value": value }])).await;
        assert_eq!((answer.problem(422).as_str(), &answer.json()["field"]), ("invalid-field", &json!(field)));
    }
    assert_eq!(edit(&dora, &ticket, json!([])).await.problem(422), "invalid-field");
    let twice = json!([{ "field": "priority", "seen": 3, "value": 1 }, { "field": "priority", "seen": 3, "value": 2 }]);
    assert_eq!(edit(&dora, &ticket, twice).await.problem(422), "invalid-field");
}

#[tokio::test]
async fn a_ticket_is_noted_on_cancelled_and_reopened() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Pothole").await;
    let act = async |verb: &str, body: Value| dora.post(&format!("{}/{verb}", path(&ticket)), &body).await;
    let noted = act("notes", json!({ "text": "called back" })).await.expect(200).json();
    assert_eq!(noted["timeline"][0]["body"]["text"], "called back");
    assert_eq!(act("close", json!({})).await.problem(409), "refused", "nothing was done yet");
    assert_eq!(act("verify", json!({})).await.problem(409), "refused");
    assert_eq!(act("cancel", json!({ "reason": "customer-request" })).await.expect(200).json()["status"], "cancelled");
    assert_eq!(act("cancel", json!({ "reason": "customer-request" })).await.problem(409), "refused");
    assert_eq!(act("reopen", json!({ "reason": "customer-request" })).await.expect(200).json()["status"], "created");
    assert_eq!(act("cancel", json!({ "reason": "Because I say so" })).await.problem(422), "invalid-field");
    assert_eq!(act("notes", json!({ "text": " " })).await.problem(422), "invalid-field");
    assert_eq!(act("notes", json!({ "text": "x".repeat(10_001) })).await.problem(422), "invalid-field");
}

#[tokio::test]
async fn a_ticket_waits_for_its_place_until_somebody_says_it() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Somewhere").await;
    assert_eq!(dora.get("/tickets?needs_location=true").await.json()["items"][0]["ticket_id"], ticket["ticket_id"]);
    let location = format!("{}/location", path(&ticket));
    let here =
        json!({ "position": { "lat": 40.7, "lon": -74.0 }, "address": "1 Broadway", "time_zone": "America/New_York" });
    let located = dora.post(&location, &here).await.expect(200).json();
    assert_eq!((&located["needs_location"], &located["position"]), (&json!(false), &here["position"]));
    let moved = dora.post(&location, &json!({ "position": { "lat": 40.8, "lon": -74.1 } })).await.expect(200).json();
    assert_eq!((&moved["site_id"], &moved["position"]["lat"]), (&located["site_id"], &json!(40.8)));
    assert_eq!(dora.get("/tickets?needs_location=true").await.json()["items"], json!([]));
    let site = dora.post("/sites", &json!({ "name": "s", "time_zone": "UTC" })).await.json();
    let other = dora.post(&location, &json!({ "site_id": site["site_id"] })).await.expect(200).json();
    assert_eq!((&other["site_id"], &other["needs_location"]), (&site["site_id"], &json!(true)));
    for bad in [
        json!({}),
        json!({ "site_id": site["site_id"], "position": { "lat": 1, "lon": 1 } }),
        json!({ "position": { "lat": 99, "lon": 1 } }),
    ] {
        assert_eq!(dora.post(&location, &bad).await.problem(422), "invalid-field");
    }
}

#[tokio::test]
async fn a_visit_is_scheduled_side_by_side() {
    let app = TestApp::start().await;
    let (dora, dan) = (app.dispatcher("dora").await, app.dispatcher("dan").await);
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Pothole").await;
    let visit = format!("/visits/{}", ticket["visits"][0]["visit_id"].as_str().unwrap());
    let patch = async |desk: &Actor, body: Value| {
        callout_tests::Answer::of(desk.request(Method::PATCH, &visit).json(&body)).await
    };
    assert_eq!(dora.get("/visits?unscheduled=true").await.json()["items"][0]["ticket_id"], ticket["ticket_id"]);
    let (eight, nine, ten, noon) =
        ("2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z", "2026-03-03T12:00:00Z");
    let set = json!({ "start": { "seen": null, "value": eight }, "end": { "seen": null, "value": ten } });
    patch(&dora, set).await.expect(200);
    patch(&dora, json!({ "start": { "seen": eight, "value": nine } })).await.expect(200);
    let both =
        patch(&dan, json!({ "end": { "seen": ten, "value": noon }, "pinned": { "seen": false, "value": true } }))
            .await
            .expect(200)
            .json();
    assert_eq!((&both["starts_at"], &both["ends_at"], &both["is_pinned"]), (&json!(nine), &json!(noon), &json!(true)));
    assert_eq!(dora.get(&path(&ticket)).await.json()["needs_review"], false);
    let backwards = patch(&dan, json!({ "end": { "seen": noon, "value": eight } })).await;
    assert!([409, 422].contains(&backwards.status.as_u16()), "{backwards}");
    assert_eq!(patch(&dan, json!({})).await.problem(422), "invalid-field");

    let found = async |query: &str| {
        dora.get(&format!("/visits?{query}")).await.expect(200).json()["items"].as_array().unwrap().len()
    };
    assert_eq!(found("from=2026-03-03T00:00:00Z&to=2026-03-04T00:00:00Z&unassigned=true").await, 1);
    assert_eq!(found("from=2026-03-04T00:00:00Z").await, 0);
    assert_eq!(found("unscheduled=true").await, 0);
    assert_eq!(found(&format!("engineer_id={}", dora.user)).await, 0);
}

#[tokio::test]
async fn another_tenants_tickets_are_not_there_and_roles_do_what_they_may() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready(&dora).await;
    let ticket = a_ticket(&dora, "Secret").await;
    let visit = format!("/visits/{}", ticket["visits"][0]["visit_id"].as_str().unwrap());
    let gus = app.another_tenant("globex").await.dispatcher("gus").await;
    assert_eq!(gus.get(&path(&ticket)).await.problem(404), "not-found");
    assert_eq!(gus.get(&visit).await.problem(404), "not-found");
    assert_eq!(
        edit(&gus, &ticket, json!([{ "field": "priority", "seen": 3, "value": 1 }])).await.problem(404),
        "not-found"
    );
    for (verb, body) in [
        ("cancel", json!({ "reason": "x" })),
        ("notes", json!({ "text": "x" })),
        ("close", json!({})),
        ("verify", json!({})),
        ("reopen", json!({ "reason": "x" })),
        ("location", json!({ "position": { "lat": 1, "lon": 1 } })),
    ] {
        assert_eq!(gus.post(&format!("{}/{verb}", path(&ticket)), &body).await.problem(404), "not-found", "{verb}");
    }
    assert_eq!(gus.get("/tickets").await.json()["items"], json!([]));
    assert_eq!(dora.get(&path(&ticket)).await.json()["version"], ticket["version"]);
    for (role, reads) in [(Role::Engineer, 403), (Role::Customer, 403), (Role::Warehouse, 200), (Role::Auditor, 200)] {
        let person = app.tenant().person(&format!("a-{}", role.as_str()), role).await;
        assert_eq!(person.get("/tickets").await.status, reads, "{role:?}");
        assert_eq!(person.get("/visits").await.status, reads, "{role:?}");
        assert_eq!(
            edit(&person, &ticket, json!([{ "field": "priority", "seen": 3, "value": 1 }])).await.problem(403),
            "forbidden"
        );
        assert_eq!(
            person.post(&format!("{}/cancel", path(&ticket)), &json!({ "reason": "x" })).await.problem(403),
            "forbidden"
        );
        assert_eq!(person.get("/quarantine").await.problem(403), "forbidden");
        assert_eq!(
            person.post("/tickets", &json!({ "ticket_type": "repair", "title": "t" })).await.problem(403),
            "forbidden"
        );
    }
    assert_eq!(dora.get("/quarantine").await.expect(200).json()["items"], json!([]));
    assert_eq!(
        dora.post("/quarantine/00000000-0000-7000-8000-000000000000/settle", &json!({ "settlement": "dismissed" }))
            .await
            .problem(404),
        "not-found"
    );
}

//! Foreign files become tickets: New York's real requests, and files that nobody would wish for.

use callout_server::tenancy::Role;
use callout_tests::{Actor, Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const NYC: &[u8] = include_bytes!("../../demo/nyc311-2011.csv");
const HEADER: &str = "id,what,when,lat,lon\n";

async fn send(actor: &Actor, query: &str, file: impl Into<Vec<u8>>) -> Answer {
    let request = actor.request(Method::POST, &format!("/imports?{query}")).header("content-type", "text/csv");
    Answer::of(request.body(file.into())).await
}

/// Sends a file until all of it is in, and adds up what the reports say.
async fn import_whole(actor: &Actor, query: &str, file: &[u8]) -> Value {
    let mut whole = send(actor, query, file).await.expect(200).json();
    while whole["remaining"] != json!(0) {
        let more = send(actor, query, file).await.expect(200).json();
        for count in ["created", "needs_location"] {
            whole[count] = json!(whole[count].as_u64().unwrap_or(0) + more[count].as_u64().unwrap_or(0));
        }
        for (ticket_type, rows) in more["ticket_types"].as_object().into_iter().flatten() {
            let before = whole["ticket_types"][ticket_type].as_u64().unwrap_or(0);
            whole["ticket_types"][ticket_type] = json!(before + rows.as_u64().unwrap_or(0));
        }
        whole["remaining"] = more["remaining"].clone();
    }
    whole
}

async fn put_mapping(desk: &Actor, name: &str, mapping: &Value) -> Answer {
    Answer::of(desk.request(Method::PUT, &format!("/import-mappings/{name}")).json(mapping)).await
}

/// Enters the skills and ticket types of the demo and its mapping.
async fn ready_for_new_york(desk: &Actor) {
    let catalogue: Value = serde_json::from_str(include_str!("../../demo/nyc311-catalogue.json")).unwrap_or_default();
    for (path, entries) in [("/skills", &catalogue["skills"]), ("/ticket-types", &catalogue["ticket_types"])] {
        for entry in entries.as_array().into_iter().flatten() {
            desk.post(path, entry).await.expect(201);
        }
    }
    let mapping: Value = serde_json::from_str(include_str!("../../demo/nyc311-mapping.json")).unwrap_or_default();
    put_mapping(desk, "nyc311", &mapping).await.expect(200);
}

fn small() -> Value {
    json!({
        "source": "small", "time_zone": "Asia/Shanghai", "date_formats": ["%Y-%m-%d %H:%M"],
        "external_id": "id", "title": "{what}", "requested_at": "when",
        "ticket_type": { "default": { "ticket_type": "repair", "priority": 1 } },
        "customer": { "reference": "{what}", "name": "{what}" },
        "site": { "name": "Site {id}", "address": "Road {id}", "lat": "lat", "lon": "lon" }
    })
}

/// Enters the one ticket type that [`small`] names, and the mapping.
async fn ready_for_small(desk: &Actor) {
    let repair = json!({
        "code": "repair", "name_en": "Repair", "name_zh": "维修", "duration_min": 60, "priority": 3,
        "dispatch_mode": "manual", "response_target_min": 60, "resolution_target_min": 120
    });
    desk.post("/ticket-types", &repair).await.expect(201);
    put_mapping(desk, "small", &small()).await.expect(200);
}

async fn all_tickets(desk: &Actor, query: &str) -> Vec<Value> {
    let (mut tickets, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/tickets?limit=500&{query}{cursor}")).await.expect(200).json();
        tickets.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return tickets,
        }
    }
}

#[tokio::test]
async fn new_york_is_rehearsed_imported_and_imported_again() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_new_york(&dora).await;

    let rehearsed = send(&dora, "mapping=nyc311&dry_run=true", NYC).await.expect(200).json();
    assert_eq!(
        (&rehearsed["rows"], &rehearsed["would_create"], &rehearsed["created"]),
        (&json!(2000), &json!(2000), &json!(0))
    );
    assert_eq!((&rehearsed["needs_location"], &rehearsed["error_count"]), (&json!(598), &json!(0)));
    assert_eq!(dora.get("/tickets").await.json()["items"], json!([]), "a rehearsal writes nothing");
    assert_eq!(dora.get("/sites").await.json()["items"], json!([]));

    let imported = import_whole(&dora, "mapping=nyc311&anchor=2026-11-20", NYC).await;
    assert_eq!(
        (&imported["created"], &imported["needs_location"], &imported["wrong_rows"]),
        (&json!(2000), &json!(598), &json!(0))
    );
    assert_eq!((&imported["ticket_types"], &imported["skipped"]), (&rehearsed["ticket_types"], &json!({})));
    assert_eq!(imported["shift_days"], 5742);

    let again = send(&dora, "mapping=nyc311", NYC).await.expect(200).json();
    assert_eq!((&again["unchanged"], &again["created"], &again["changed"]), (&json!(2000), &json!(0), &json!(0)));
    let waiting = all_tickets(&dora, "needs_location=true").await;
    assert_eq!((waiting.len(), all_tickets(&dora, "").await.len()), (598, 2000));
    assert!(waiting.iter().all(|ticket| ticket["site_id"].is_string() && ticket["position"].is_null()));
}

#[tokio::test]
async fn a_row_becomes_the_ticket_that_the_mapping_says() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    let file = format!("{HEADER}A-1,Leak,2026-03-02 08:00,31.2304,121.4737\n");
    send(&dora, "mapping=small&shift_days=1", file).await.expect(200);
    let card = &all_tickets(&dora, "").await[0];
    assert_eq!((&card["title"], &card["priority"], &card["status"]), (&json!("Leak"), &json!(1), &json!("created")));
    assert_eq!(card["position"], json!({ "lat": 31.2304, "lon": 121.4737 }));
    assert_eq!(
        (&card["respond_by"], &card["resolve_by"]),
        (&json!("2026-03-03T01:00:00Z"), &json!("2026-03-03T02:00:00Z"))
    );
    let site = dora.get(&format!("/sites/{}", card["site_id"].as_str().unwrap())).await.json();
    assert_eq!((&site["address"], &site["external_ref"]), (&json!("Road A-1"), &json!("small:A-1")));
    let customer = dora.get(&format!("/customers/{}", card["customer_id"].as_str().unwrap())).await.json();
    assert_eq!(customer["external_ref"], "Leak");
}

#[tokio::test]
async fn wrong_rows_are_told_and_the_right_ones_come_in() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    let huge = "x".repeat(1 << 20);
    let file = format!(
        "\u{feff}id,what,when,lat,lon\r\n1,Leak,2026-03-02 08:00,,\r\n2,Leak,never,,\r\n3,Le\0ak,2026-03-02 08:00,,\r\n\
         4,{huge},2026-03-02 08:00,,\r\n5,Leak\r\n1,Again,2026-03-02 08:00,,\r\n6,\"=cmd|' /C calc'!A0\",2026-03-02 08:00,95,3\r\n\
         7,\"=cmd|' /C calc'!A0\",2026-03-02 08:00,,\r\n"
    );
    let report = send(&dora, "mapping=small", file.clone()).await.expect(200).json();
    assert_eq!((&report["rows"], &report["created"], &report["wrong_rows"]), (&json!(8), &json!(2), &json!(6)));
    let told: Vec<(u64, Option<&str>)> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["row"].as_u64().unwrap(), error["column"].as_str()))
        .collect();
    assert_eq!(
        told[..4],
        [(3, Some("when")), (4, Some("title")), (4, Some("customer.reference")), (4, Some("customer.name"))]
    );
    assert_eq!(told[4..], [(5, None), (6, None), (7, Some("id")), (8, Some("lat"))]);
    assert!(report.to_string().len() < 4000, "values are cut");
    let titles: Vec<Value> = all_tickets(&dora, "").await.into_iter().map(|ticket| ticket["title"].clone()).collect();
    assert_eq!(titles, ["=cmd|' /C calc'!A0", "Leak"]);

    // The file as mended: what came in stays, what was wrong comes in, what says something else now is told.
    let mended = format!(
        "{HEADER}1,Leak!,2026-03-02 08:00,,\n2,Leak,2026-03-02 09:00,,\n7,\"=cmd|' /C calc'!A0\",2026-03-02 08:00,,\n"
    );
    let report = send(&dora, "mapping=small", mended).await.expect(200).json();
    assert_eq!((&report["created"], &report["changed"], &report["unchanged"]), (&json!(1), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    let missing = send(&dora, "mapping=small", "id,what,when\n").await;
    assert_eq!(
        (missing.problem(422).as_str(), &missing.json()["columns"]),
        ("missing-columns", &json!(["lat", "lon"]))
    );
    assert_eq!(send(&dora, "mapping=small", "").await.problem(422), "empty-file");
    assert_eq!(send(&dora, "mapping=small", "id,id,what,when,lat,lon\n").await.problem(422), "duplicate-columns");
    assert_eq!(send(&dora, "mapping=nothing", HEADER).await.problem(404), "not-found");
    assert_eq!(send(&dora, "", HEADER).await.problem(400), "invalid-query");
    assert_eq!(send(&dora, "mapping=small&shift_days=1&anchor=2026-01-01", HEADER).await.problem(422), "invalid-field");
    assert_eq!(send(&dora, "mapping=small&shift_days=99999999999", HEADER).await.problem(422), "invalid-field");
    let as_json = dora.post("/imports?mapping=small", &json!({})).await;
    assert_eq!(as_json.problem(415), "unsupported-media-type");
    assert_eq!(send(&dora, "mapping=small", vec![b'x'; (32 << 20) + 1]).await.problem(413), "too-large");
    assert_eq!(all_tickets(&dora, "").await.len(), 0);
}

#[tokio::test]
async fn a_mapping_is_kept_by_name_and_checked() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    let kept = dora.get("/import-mappings/small").await.expect(200);
    assert_eq!((kept.header("etag"), &kept.json()["definition"]["title"]), ("\"1\"", &json!("{what}")));
    dora.put("/import-mappings/small", 1, &small()).await.expect(200);
    assert_eq!(dora.put("/import-mappings/small", 1, &small()).await.problem(412), "stale");
    assert_eq!(dora.put("/import-mappings/other", 1, &small()).await.problem(404), "not-found");
    assert_eq!(dora.get("/import-mappings").await.json()["items"], json!(["small"]));
    for (member, value) in [
        ("time_zone", json!("Mars/Olympus")),
        ("encoding", json!("klingon")),
        ("title", json!("{what")),
        ("delimiter", json!("x")),
        ("source", json!("No Code")),
    ] {
        let mut bad = small();
        bad[member] = value;
        assert_eq!(put_mapping(&dora, "bad", &bad).await.json()["field"], member);
    }
    assert_eq!(put_mapping(&dora, "bad", &json!({ "source": "x" })).await.problem(422), "invalid-body");
    let mut unknown = small();
    unknown["ticket_type"]["default"] = json!({ "ticket_type": "flying", "skills": { "wings": 2 } });
    put_mapping(&dora, "unknown", &unknown).await.expect(200);
    let refused = send(&dora, "mapping=unknown&dry_run=true", HEADER).await;
    assert_eq!(refused.problem(422), "unknown-codes");
    assert_eq!((&refused.json()["ticket_types"], &refused.json()["skills"]), (&json!(["flying"]), &json!(["wings"])));
    dora.delete("/import-mappings/unknown").await.expect(204);
    assert_eq!(dora.delete("/import-mappings/unknown").await.problem(404), "not-found");
}

#[tokio::test]
async fn the_same_file_sent_twice_at_once_comes_in_once() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    let rows: String = (0..120).map(|at| format!("{at},Leak,2026-03-02 08:00,,\n")).collect();
    let file = format!("{HEADER}{rows}");
    let (one, other) = tokio::join!(send(&dora, "mapping=small", file.clone()), send(&dora, "mapping=small", file));
    let created = [one, other].map(|answer| answer.expect(200).json()["created"].as_u64().unwrap());
    assert_eq!(created.iter().sum::<u64>(), 120);
    assert_eq!(all_tickets(&dora, "").await.len(), 120);
}

#[tokio::test]
async fn only_the_office_imports_and_only_for_itself() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    ready_for_small(&dora).await;
    for role in [Role::Engineer, Role::Warehouse, Role::Auditor, Role::Customer] {
        let person = app.tenant().person(&format!("a-{}", role.as_str()), role).await;
        assert_eq!(send(&person, "mapping=small", HEADER).await.problem(403), "forbidden", "{role:?}");
        assert_eq!(person.get("/import-mappings/small").await.problem(403), "forbidden", "{role:?}");
    }
    let gus = app.another_tenant("globex").await.dispatcher("gus").await;
    assert_eq!(send(&gus, "mapping=small", HEADER).await.problem(404), "not-found");
    assert_eq!(gus.get("/import-mappings/small").await.problem(404), "not-found");
    assert_eq!(gus.delete("/import-mappings/small").await.problem(404), "not-found");
}

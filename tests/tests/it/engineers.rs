//! Who works in the field, what they can do and when; and the kinds of work there are.

use callout_tests::{Actor, TestApp};
use serde_json::{Value, json};

async fn skills(desk: &Actor, codes: &[&str]) {
    for code in codes {
        desk.post("/skills", &json!({ "code": code, "name_en": code, "name_zh": code })).await.expect(201);
    }
}

async fn made_engineer(desk: &Actor, person: &Actor) -> Value {
    let new = json!({
        "user_id": person.user.0, "display_name": "Ana", "home": { "lat": 40.75, "lon": -73.98 },
        "skills": [{ "skill": "paving", "level": 3, "expires_on": "2030-01-31" }]
    });
    desk.post("/engineers", &new).await.expect(201).json()
}

#[tokio::test]
async fn a_user_becomes_an_engineer_with_skills() {
    let app = TestApp::start().await;
    let (dora, ana, ben) = (app.dispatcher("dora").await, app.engineer("ana").await, app.engineer("ben").await);
    skills(&dora, &["paving", "towing"]).await;
    let made = made_engineer(&dora, &ana).await;
    assert_eq!(made["engineer_id"], json!(ana.user.0));
    assert_eq!(made["skills"], json!([{ "skill": "paving", "level": 3, "expires_on": "2030-01-31" }]));

    let path = format!("/engineers/{}", ana.user);
    let held = json!({ "skills": [{ "skill": "towing", "level": 5, "expires_on": null }] });
    let changed = dora.put(&format!("{path}/skills"), 1, &held).await.expect(200).json();
    assert_eq!((&changed["skills"], &changed["version"]), (&held["skills"], &json!(2)));
    assert_eq!(dora.put(&format!("{path}/skills"), 1, &held).await.problem(412), "stale");

    dora.post("/engineers", &json!({ "user_id": ben.user.0, "display_name": "Ben" })).await.expect(201);
    let found = |answer: Value| answer["items"].as_array().unwrap().len();
    assert_eq!(found(dora.get("/engineers").await.json()), 2);
    assert_eq!(found(dora.get("/engineers?skill=towing&min_level=5").await.json()), 1);
    assert_eq!(found(dora.get("/engineers?skill=paving").await.json()), 0);
    let moved = json!({ "display_name": "Ana B", "territory": "Queens", "speed_kmh": 25.5, "archived": true });
    let moved = dora.put(&path, 2, &moved).await.expect(200).json();
    assert_eq!((&moved["home"], &moved["speed_kmh"], &moved["skills"]), (&Value::Null, &json!(25.5), &held["skills"]));
    assert_eq!(found(dora.get("/engineers").await.json()), 1);
}

#[tokio::test]
async fn only_a_user_with_the_role_becomes_one_and_only_once() {
    let app = TestApp::start().await;
    let (dora, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    skills(&dora, &["paving"]).await;
    made_engineer(&dora, &ana).await;
    let of = |user: uuid::Uuid| json!({ "user_id": user, "display_name": "x" });
    assert_eq!(dora.post("/engineers", &of(ana.user.0)).await.problem(409), "already-engineer");
    assert_eq!(dora.post("/engineers", &of(dora.user.0)).await.json()["field"], "user_id");
    let stranger = app.another_tenant("globex").await.engineer("gil").await;
    assert_eq!(dora.post("/engineers", &of(stranger.user.0)).await.json()["field"], "user_id");
    let ben = app.engineer("ben").await;
    for (member, value) in [
        ("skills", json!([{ "skill": "flying", "level": 1 }])),
        ("skills", json!([{ "skill": "paving", "level": 6 }])),
        ("skills", json!([{ "skill": "paving", "level": 1 }, { "skill": "paving", "level": 2 }])),
        ("home", json!({ "lat": 200, "lon": 0 })),
        ("speed_kmh", json!(900)),
        ("display_name", json!("")),
    ] {
        let mut bad = of(ben.user.0);
        bad[member] = value;
        let answer = dora.post("/engineers", &bad).await;
        assert_eq!((answer.problem(422).as_str(), &answer.json()["field"]), ("invalid-field", &json!(member)));
    }
    assert_eq!(dora.get(&format!("/engineers/{}", ben.user)).await.problem(404), "not-found");
}

#[tokio::test]
async fn shifts_are_added_together_or_not_at_all() {
    let app = TestApp::start().await;
    let (dora, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    skills(&dora, &["paving"]).await;
    made_engineer(&dora, &ana).await;
    let path = format!("/engineers/{}/shifts", ana.user);
    let shift = |day: u32, from: u32, to: u32| json!({ "starts_at": format!("2026-03-{day:02}T{from:02}:00:00Z"), "ends_at": format!("2026-03-{day:02}T{to:02}:00:00Z") });
    let added = dora
        .post(&path, &json!({ "shifts": [shift(2, 8, 16), shift(3, 8, 16), shift(2, 16, 18)] }))
        .await
        .expect(201)
        .json();
    assert_eq!(added.as_array().unwrap().len(), 3);
    let overlapping = json!({ "shifts": [shift(9, 8, 16), shift(3, 15, 17)] });
    assert_eq!(dora.post(&path, &overlapping).await.problem(409), "shifts-overlap");

    let listed = dora.get(&format!("{path}?limit=2")).await.expect(200).json();
    let rest = dora.get(&format!("{path}?cursor={}", listed["next_cursor"].as_str().unwrap())).await.json();
    let starts: Vec<&Value> = [&listed, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|one| &one["starts_at"])
        .collect();
    assert_eq!(starts, ["2026-03-02T08:00:00Z", "2026-03-02T16:00:00Z", "2026-03-03T08:00:00Z"]);
    let on_third = dora.get(&format!("{path}?from=2026-03-03T00:00:00Z&to=2026-03-04T00:00:00Z")).await.json();
    assert_eq!(on_third["items"].as_array().unwrap().len(), 1);

    let one = format!("{path}/{}", rest["items"][0]["shift_id"].as_str().unwrap());
    dora.delete(&one).await.expect(204);
    assert_eq!(dora.delete(&one).await.problem(404), "not-found");
    for bad in [
        json!([]),
        json!([shift(5, 9, 9)]),
        json!([shift(5, 10, 9)]),
        json!([{ "starts_at": "2026-03-05T08:00:00Z", "ends_at": "2026-03-06T09:00:00Z" }]),
    ] {
        assert_eq!(dora.post(&path, &json!({ "shifts": bad })).await.problem(422), "invalid-field");
    }
    let with = |breaks: Value| {
        let mut shift = shift(6, 8, 16);
        shift["breaks"] = breaks;
        json!({ "shifts": [shift] })
    };
    let pause = |from: &str, to: &str, duration_min: u32| {
        let at = |time: &str| format!("2026-03-06T{time}:00Z");
        json!({ "earliest_start": at(from), "latest_start": at(to), "duration_min": duration_min })
    };
    for bad in [
        json!([pause("12:00", "13:00", 0)]),
        json!([pause("15:00", "15:45", 30)]),
        json!([pause("13:00", "12:00", 30)]),
        json!([pause("12:00", "12:00", 30), pause("12:10", "12:20", 30)]),
    ] {
        assert_eq!(dora.post(&path, &with(bad)).await.problem(422), "invalid-field");
    }
    assert_eq!(dora.post(&path, &with(json!([{ "from": 12 }]))).await.problem(422), "invalid-body");
    let (lunch, coffee) = (pause("11:30", "13:00", 45), pause("09:00", "10:00", 15));
    let rested = dora.post(&path, &with(json!([lunch, coffee]))).await.expect(201).json();
    assert_eq!(rested[0]["breaks"], json!([coffee, lunch]));
    let listed = dora.get(&format!("{path}?from=2026-03-06T00:00:00Z")).await.json();
    assert_eq!(listed["items"][0]["breaks"], rested[0]["breaks"]);
    assert_eq!(added[0]["breaks"], json!([]));

    let many: Vec<Value> = (0..501).map(|_| shift(5, 8, 9)).collect();
    assert_eq!(dora.post(&path, &json!({ "shifts": many })).await.problem(422), "invalid-field");
}

#[tokio::test]
async fn time_off_is_entered_and_taken_back() {
    let app = TestApp::start().await;
    let (dora, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    skills(&dora, &["paving"]).await;
    made_engineer(&dora, &ana).await;
    let path = format!("/engineers/{}/time-off", ana.user);
    let leave = json!({ "starts_at": "2026-07-01T00:00:00Z", "ends_at": "2026-07-15T00:00:00Z", "reason": "leave" });
    let entered = dora.post(&path, &leave).await.expect(201).json();
    assert_eq!(dora.get(&path).await.expect(200).json()["items"][0]["reason"], "leave");
    dora.delete(&format!("{path}/{}", entered["time_off_id"].as_str().unwrap())).await.expect(204);
    assert_eq!(dora.get(&path).await.json()["items"], json!([]));
    let backwards = json!({ "starts_at": "2026-07-15T00:00:00Z", "ends_at": "2026-07-01T00:00:00Z" });
    assert_eq!(dora.post(&path, &backwards).await.problem(422), "invalid-field");
    let gus = app.another_tenant("globex").await.dispatcher("gus").await;
    assert_eq!(gus.get(&path).await.problem(404), "not-found");
    assert_eq!(gus.post(&path, &leave).await.problem(404), "not-found");
    assert_eq!(ana.post(&path, &leave).await.problem(403), "forbidden");
}

fn street_repair() -> Value {
    json!({
        "code": "street-repair", "name_en": "Street repair", "name_zh": "道路维修", "duration_min": 90, "priority": 2,
        "dispatch_mode": "automatic", "response_target_min": 480, "resolution_target_min": 4320, "skills": { "paving": 2 }
    })
}

#[tokio::test]
async fn a_ticket_type_says_what_follows_from_it() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    assert_eq!(dora.post("/ticket-types", &street_repair()).await.json()["field"], "skills");
    skills(&dora, &["paving"]).await;
    let entered = dora.post("/ticket-types", &street_repair()).await.expect(201).json();
    assert_eq!((&entered["workflow"], &entered["skills"]), (&json!("field-service"), &json!({ "paving": 2 })));
    assert_eq!(dora.post("/ticket-types", &street_repair()).await.problem(409), "code-taken");

    let mut replacement = street_repair();
    replacement.as_object_mut().unwrap().remove("code");
    replacement["dispatch_mode"] = json!("pool");
    replacement["skills"] = json!({});
    let replaced = dora.put("/ticket-types/street-repair", 1, &replacement).await.expect(200).json();
    assert_eq!((&replaced["dispatch_mode"], &replaced["skills"]), (&json!("pool"), &json!({})));
    assert_eq!(dora.put("/ticket-types/street-repair", 1, &replacement).await.problem(412), "stale");
    assert_eq!(dora.put("/ticket-types/no-such", 1, &replacement).await.problem(404), "not-found");
    assert_eq!(dora.get("/ticket-types/Not%20A%20Code").await.problem(404), "not-found");
    assert_eq!(dora.get("/ticket-types/%00").await.problem(404), "not-found");
    for (member, value) in [
        ("duration_min", json!(4)),
        ("priority", json!(0)),
        ("dispatch_mode", json!("magic")),
        ("skills", json!({ "paving": 9 })),
        ("response_target_min", json!(0)),
        ("name_zh", json!("")),
        ("code", json!("No Code")),
    ] {
        let mut bad = street_repair();
        bad[member] = value;
        assert_eq!(dora.post("/ticket-types", &bad).await.json()["field"], member);
    }
    let gus = app.another_tenant("globex").await.dispatcher("gus").await;
    assert_eq!(gus.get("/ticket-types/street-repair").await.problem(404), "not-found");
}

#[tokio::test]
async fn the_catalogue_of_the_demo_is_acceptable() {
    let app = TestApp::start().await;
    let dora = app.dispatcher("dora").await;
    let catalogue: Value = serde_json::from_str(include_str!("../../demo/nyc311-catalogue.json")).unwrap();
    for skill in catalogue["skills"].as_array().unwrap() {
        dora.post("/skills", skill).await.expect(201);
    }
    for ticket_type in catalogue["ticket_types"].as_array().unwrap() {
        dora.post("/ticket-types", ticket_type).await.expect(201);
    }
    let retired = json!({ "name_en": "Paving", "name_zh": "路面", "archived": true });
    dora.put("/skills/paving", 1, &retired).await.expect(200);
    assert!(dora.get("/skills/paving").await.json()["archived_at"].is_string());
    assert_eq!(dora.put("/skills/paving", 1, &retired).await.problem(412), "stale");
}

//! How fast it goes where and when, as the tenant says.

use callout_tests::Answer;
use reqwest::Method;
use serde_json::{Value, json};

use super::area::{Area, Asked, list, no_skills};

async fn put(area: &Area, version: i64, profile: &Value) -> Answer {
    let request = area.dora.request(Method::PUT, "/travel-profile").header("if-match", format!("\"{version}\""));
    Answer::of(request.json(profile)).await
}

async fn drive_s(area: &Area, from_h: f64) -> (i64, Value) {
    let window = Asked::at(area.site(Some((0.0, 0.0))).await).starting_between(area.at(from_h), area.at(from_h + 1.0));
    let seen = area.candidates(area.ask(window).await).await;
    (list(&seen["candidates"])[0]["drive_s"].as_i64().expect("a drive"), seen["travel"].clone())
}

#[tokio::test]
async fn the_hours_and_the_area_of_a_visit_say_how_fast_one_gets_there() {
    let area = Area::new().await;
    area.engineer("ana", (5.0, 0.0), no_skills()).await;
    let empty = area.dora.get("/travel-profile").await.expect(200).json();
    assert_eq!((&empty["version"], &empty["rules"]), (&json!(0), &json!([])));
    let (usual_s, travel) = drive_s(&area, 12.0).await;
    assert_eq!(travel, json!({ "source": "direct", "off_the_map": 0 }));

    let here = callout_dispatch::Place::new(40.70, -73.95).expect("a place");
    let cell = here.cell(5_u8.try_into().expect("a resolution")).to_string();
    let rules = json!([
        { "from": "13:00", "to": "16:00", "speed_kmh": 14.4 },
        { "area": cell, "from": "14:00", "to": "16:00", "speed_kmh": 7.2 },
    ]);
    let profile = put(&area, 0, &json!({ "time_zone": "UTC", "rules": rules })).await.expect(200).json();
    assert_eq!(
        profile["rules"][1],
        json!({
            "area": cell, "days": [1, 2, 3, 4, 5, 6, 7], "from": "14:00", "to": "16:00", "detour": null, "speed_kmh": 7.2
        })
    );
    let (noon_s, travel) = drive_s(&area, 10.0).await;
    assert!((noon_s - usual_s).abs() <= 3, "{noon_s} and {usual_s}");
    assert_eq!(travel, json!({ "source": "direct", "off_the_map": 0, "profile": 1 }));
    // She sets out as soon as she can, which is in the morning; who begins at two drives through what there is then.
    assert!((drive_s(&area, 15.0).await.0 - usual_s).abs() <= 3);
    let late = Area::new().await;
    let ben = late.recruit("ben", Some((5.0, 0.0)), no_skills()).await;
    late.shift(&ben, 13.75, 18.0).await;
    put(&late, 0, &json!({ "time_zone": "UTC", "rules": rules })).await.expect(200);
    // A quarter of an hour at half the speed, the rest at a quarter.
    let (afternoon_s, _) = drive_s(&late, 15.0).await;
    assert!((afternoon_s - (900 + (usual_s - 450) * 4)).abs() <= 40, "{afternoon_s} and {usual_s}");
    // A plan says so too, and so late the work begins.
    let wanted = late.visit((0.0, 0.0)).await;
    let days = json!({ "from": late.at(0.0), "to": late.at(24.0), "draft": true, "ticket_ids": [wanted.ticket.0] });
    let plan = late.plan(days).await["plan_id"].clone();
    let path = format!("/plans/{}/visits", plan.as_str().expect("an id"));
    let planned = list(&late.dora.get(&path).await.expect(200).json()["items"])[0].clone();
    let drive_s = planned["drive_s"].as_i64().expect("a drive");
    assert!((drive_s - afternoon_s).abs() <= 40, "{drive_s} and {afternoon_s}, but for the rounding of speeds");
    let starts_at: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(planned["starts_at"].clone()).expect("a time");
    assert_eq!(starts_at, late.at(13.75) + chrono::TimeDelta::seconds(drive_s));

    let wanted = area.visit((1.0, 0.0)).await;
    let made = area.try_assign(wanted, json!({})).await.expect(201).json();
    assert_eq!(made["policy"]["travel"]["profile"], 1, "what is kept says by which version");
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!(plan["policy"]["travel"]["profile"], 1);

    assert_eq!(put(&area, 0, &json!({ "time_zone": "UTC", "rules": [] })).await.problem(412), "stale");
    put(&area, 1, &json!({ "time_zone": "Asia/Shanghai", "rules": [] })).await.expect(200);
    assert_eq!(area.dora.get("/travel-profile").await.expect(200).json()["time_zone"], "Asia/Shanghai");
    assert_eq!(area.dora.get("/travel-profile?version=1").await.expect(200).json(), profile, "what was decided by");
    assert_eq!(area.dora.get("/travel-profile?version=9").await.problem(404), "not-found");
}

#[tokio::test]
async fn what_makes_no_profile_is_named_by_its_field() {
    let area = Area::new().await;
    let refused = async |rule: Value| {
        let answer = put(&area, 0, &json!({ "time_zone": "UTC", "rules": [{ "speed_kmh": 30 }, rule] })).await;
        assert_eq!(answer.problem(422), "invalid-field");
        answer.json()["field"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(json!({ "speed_kmh": 0 })).await, "rules[1].speed_kmh");
    assert_eq!(refused(json!({})).await, "rules[1].speed_kmh");
    assert_eq!(refused(json!({ "detour": 0.5 })).await, "rules[1].detour");
    assert_eq!(refused(json!({ "speed_kmh": 30, "from": "7:00" })).await, "rules[1].from");
    assert_eq!(refused(json!({ "speed_kmh": 30, "from": "07:10" })).await, "rules[1].from");
    assert_eq!(refused(json!({ "speed_kmh": 30, "from": "22:00", "to": "06:00" })).await, "rules[1].to");
    assert_eq!(refused(json!({ "speed_kmh": 30, "to": "24:15" })).await, "rules[1].to");
    assert_eq!(refused(json!({ "speed_kmh": 30, "days": [] })).await, "rules[1].days");
    assert_eq!(refused(json!({ "speed_kmh": 30, "days": [0] })).await, "rules[1].days");
    assert_eq!(refused(json!({ "speed_kmh": 30, "area": "here" })).await, "rules[1].area");
    assert_eq!(refused(json!({ "speed_kmh": 30, "area": "8f283473fffffff" })).await, "rules[1].area");
    let nowhere = put(&area, 0, &json!({ "time_zone": "Mars/Base", "rules": [] })).await;
    assert_eq!(nowhere.problem(422), "invalid-field");
    let many: Vec<Value> = (0..501).map(|_| json!({ "speed_kmh": 30 })).collect();
    assert_eq!(put(&area, 0, &json!({ "time_zone": "UTC", "rules": many })).await.problem(422), "invalid-field");
}

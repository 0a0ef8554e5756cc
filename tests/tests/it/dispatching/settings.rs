//! What a tenant says of dispatching: who decides where a type does not say, and what things are worth.

use callout_server::tenancy::Role;
use serde_json::{Value, json};

use super::area::{Area, Asked, no_skills};

const PATH: &str = "/dispatch-settings";

#[tokio::test]
async fn settings_are_the_defaults_until_somebody_changes_them() {
    let area = Area::new().await;
    let before = area.dora.get(PATH).await.expect(200);
    assert_eq!(before.header("etag"), "\"0\"");
    let before = before.json();
    assert_eq!((&before["mode"], &before["updated_at"]), (&json!("suggest"), &Value::Null));
    assert_eq!(before["weights"]["unserved_weight"], json!([16, 8, 4, 2, 1]));

    let wanted = json!({ "mode": "pool", "weights": { "unserved_weight": [1_000_000, 8, 4, 2, 1], "moved_s": 60 } });
    let changed = area.dora.put(PATH, 0, &wanted).await.expect(200).json();
    assert_eq!((&changed["mode"], &changed["version"]), (&json!("pool"), &json!(1)));
    assert_eq!(changed["weights"]["unserved_weight"], json!([1_000_000, 8, 4, 2, 1]));
    assert_eq!(changed["weights"]["late_permille"], before["weights"]["late_permille"], "what is left out is as usual");
    assert_eq!(area.dora.get(PATH).await.json(), changed);
    assert_eq!(area.dora.put(PATH, 0, &wanted).await.problem(412), "stale");
    assert_eq!(area.dora.put(PATH, 7, &wanted).await.problem(412), "stale");
    let again = area.dora.put(PATH, 1, &json!({ "mode": "manual" })).await.expect(200).json();
    assert_eq!((&again["version"], &again["weights"]), (&json!(2), &before["weights"]));

    let globex = area.app.another_tenant("globex").await;
    let sam = globex.dispatcher("sam").await;
    assert_eq!(sam.get(PATH).await.json()["version"], 0, "another tenant has its own");
    assert_eq!(sam.put(PATH, 2, &wanted).await.problem(412), "stale");
    assert_eq!(sam.put(PATH, 0, &wanted).await.expect(200).json()["version"], 1);
    assert_eq!(area.dora.get(PATH).await.json(), again);
}

#[tokio::test]
async fn of_two_who_change_them_at_once_one_is_told() {
    let area = Area::new().await;
    let change = json!({ "mode": "manual" });
    let both = tokio::join!(area.dora.put(PATH, 0, &change), area.dora.put(PATH, 0, &change));
    let mut told = [both.0.status.as_u16(), both.1.status.as_u16()];
    told.sort_unstable();
    assert_eq!(told, [200, 412]);
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let area = Area::new().await;
    for (field, request) in [
        ("mode", json!({ "mode": "magic" })),
        ("mode", json!({ "mode": "usual" })),
        ("weights.unserved_weight", json!({ "mode": "pool", "weights": { "unserved_weight": [16, 8, 4, 2] } })),
        ("weights.unserved_weight", json!({ "mode": "pool", "weights": { "unserved_weight": [16, 8, 4, 2, 0] } })),
        ("weights.wait_permille", json!({ "mode": "pool", "weights": { "wait_permille": [1, 1, 1, 1, -1] } })),
        ("weights.late_permille", json!({ "mode": "pool", "weights": { "late_permille": [1_000_001, 1, 1, 1, 1] } })),
        ("weights.travel_permille", json!({ "mode": "pool", "weights": { "travel_permille": -1 } })),
        ("weights.full_load_s", json!({ "mode": "pool", "weights": { "full_load_s": 604_801 } })),
        ("weights.moved_s", json!({ "mode": "pool", "weights": { "moved_s": i64::MAX } })),
    ] {
        let answer = area.dora.put(PATH, 0, &request).await;
        assert_eq!(answer.problem(422), "invalid-field", "{request}");
        assert_eq!(answer.json()["field"], field, "{request}");
    }
    assert_eq!(area.dora.get(PATH).await.json()["version"], 0);
}

#[tokio::test]
async fn engineers_and_auditors_only_read_them() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let auditor = area.app.tenant().person("ada", Role::Auditor).await;
    for reader in [&ana, &auditor] {
        reader.get(PATH).await.expect(200);
        assert_eq!(reader.put(PATH, 0, &json!({ "mode": "manual" })).await.problem(403), "forbidden");
    }
}

#[tokio::test]
async fn a_type_that_says_nothing_goes_by_the_settings() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    for (code, mode) in [("silent", None), ("usual", Some("usual"))] {
        let kind = json!({
            "code": code, "name_en": code, "name_zh": code, "duration_min": 60, "priority": 3, "dispatch_mode": mode
        });
        let entered = area.dora.post("/ticket-types", &kind).await.expect(201).json();
        assert_eq!(entered["dispatch_mode"], "usual");
    }
    let suggested = area.asked("silent").await;
    area.relay().await;
    assert!(area.suggestion(suggested).await.is_some(), "the default is to suggest");
    assert_eq!(area.holders(suggested).await, []);

    area.dora.put(PATH, 0, &json!({ "mode": "automatic" })).await.expect(200);
    let (silent, usual, manual) = (area.asked("silent").await, area.asked("usual").await, area.asked("manual").await);
    area.relay().await;
    for wanted in [silent, usual] {
        assert_eq!(area.holders(wanted).await[0].0, ana.user.0);
    }
    assert_eq!(area.holders(manual).await, [], "a type that says something goes by that");
}

#[tokio::test]
async fn the_weights_decide_what_is_left_out_and_are_kept_with_the_plan() {
    let area = Area::new().await;
    area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.0, 0.0))).await;
    let urgent = area.ask(Asked::at(site).priority(1).lasting_h(7.5)).await;
    for _ in 0..6 {
        area.ask(Asked::at(site).lasting_h(1.0)).await;
    }
    let order = json!({ "from": area.at(0.0), "to": area.at(24.0), "dry_run": true });
    let left = async |plan: &Value| {
        let path = format!("/plans/{}/left-for-later", plan["plan_id"].as_str().expect("an id"));
        let left = area.dora.get(&path).await.expect(200).json();
        let is_urgent = |left: &&Value| left["visit_id"] == json!(urgent.visit.0);
        super::area::list(&left["items"]).iter().filter(is_urgent).count()
    };
    let plan = area.plan(order.clone()).await;
    assert_eq!(left(&plan).await, 1, "six ordinary visits weigh more than one urgent");

    let ratio = json!({ "mode": "suggest", "weights": { "unserved_weight": [1_000_000_000, 8, 4, 2, 1] } });
    area.dora.put(PATH, 0, &ratio).await.expect(200);
    let plan = area.plan(order).await;
    assert_eq!(left(&plan).await, 0, "no urgent visit is given up for ordinary ones");
    assert_eq!(plan["policy"]["unserved_weight"], json!([1_000_000_000, 8, 4, 2, 1]));
}

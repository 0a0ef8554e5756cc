//! Assigning, reassigning, taking back, turning down; and what is kept of it.

use callout_tests::Actor;
use serde_json::{Value, json};

use super::area::{Area, Asked, list, no_skills, skilled, time};

fn id(value: &Value) -> String {
    value["assignment_id"].as_str().expect("an assignment").to_owned()
}

async fn explanation(desk: &Actor, assignment: &str) -> Value {
    desk.get(&format!("/assignments/{assignment}/explanation")).await.expect(200).json()
}

#[tokio::test]
async fn what_was_shown_is_what_is_kept() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    area.engineer("ben", (4.0, 0.0), no_skills()).await;
    area.recruit("cai", Some((0.0, 0.0)), no_skills()).await;
    // With a window, the wait that a score counts does not depend on the second in which one asks.
    let asked = Asked::at(area.site(Some((0.0, 0.0))).await);
    let wanted = area.ask(asked.starting_between(area.at(8.0), area.at(15.0))).await;
    let shown = area.candidates(wanted).await;

    let answered = area.try_assign(wanted, json!({})).await.expect(201).json();
    let best = &list(&shown["candidates"])[0];
    assert_eq!((&answered["engineer_id"], &answered["mode"]), (&json!(ana.user.0), &json!("suggested")));
    assert_eq!((&answered["starts_at"], &answered["ends_at"]), (&best["starts_at"], &best["ends_at"]));
    for part in ["candidates", "able", "refused", "refused_by_rule", "passed_over"] {
        assert_eq!(answered[part], shown[part], "{part}");
    }
    assert_eq!(list(&answered["refused"])[0]["rule"], "shift");
    assert_eq!(answered["decided_by"], json!(area.dora.user.0));
    assert_eq!(answered["policy"]["travel_permille"], 1000);

    // Later changes do not change the reasons.
    area.time_off(&ana, 0.0, 24.0).await;
    assert_eq!(explanation(&area.dora, &id(&answered)).await, answered);
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(time(&answered["starts_at"])))]);
}

#[tokio::test]
async fn a_dispatcher_may_choose_who_is_not_the_best_and_when() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (4.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let request = json!({ "engineer_id": ben.user.0, "starts_at": area.at(13.0) });
    let made = area.try_assign(wanted, request).await.expect(201).json();
    assert_eq!((&made["mode"], time(&made["starts_at"])), (&json!("manual"), area.at(13.0)));
    assert_eq!(made["overridden"], json!([]));
    let order: Vec<&Value> = list(&made["candidates"]).iter().map(|one| &one["name"]).collect();
    assert_eq!(order, ["ana", "ben"]);
    assert_eq!(area.holders(wanted).await, [(ben.user.0, Some(area.at(13.0)))]);
}

#[tokio::test]
async fn what_somebody_has_is_not_given_away_by_assigning_it_again() {
    let area = Area::new().await;
    let (ana, ben) =
        (area.engineer("ana", (1.0, 0.0), no_skills()).await, area.engineer("ben", (2.0, 0.0), no_skills()).await);
    let wanted = area.visit((0.0, 0.0)).await;
    area.assign(wanted, &ana).await;
    let again = area.try_assign(wanted, json!({ "engineer_id": ben.user.0 })).await;
    assert_eq!(again.problem(409), "already-assigned");
    assert_eq!(again.json()["engineer_id"], json!(ana.user.0));
}

#[tokio::test]
async fn reassigning_is_one_step() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let cai = area.engineer("cai", (3.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let first = area.assign(wanted, &ana).await;

    let path = format!("/assignments/{}/reassign", id(&first));
    let second = area.dora.post(&path, &json!({ "engineer_id": cai.user.0 })).await.expect(201).json();
    assert_eq!((&second["engineer_id"], &second["mode"]), (&json!(cai.user.0), &json!("manual")));
    assert_eq!(area.holders(wanted).await, [(cai.user.0, Some(time(&second["starts_at"])))]);
    assert_eq!(area.bookings().await, 1, "the time of the first is free again");
    assert_eq!(area.dora.post(&path, &json!({})).await.problem(409), "assignment-ended");
    assert_eq!(explanation(&area.dora, &id(&first)).await, first, "the reasons of the first stay");

    // With nobody named it goes to the best of the others, not back to the one who has it.
    let path = format!("/assignments/{}/reassign", id(&second));
    let third = area.dora.post(&path, &json!({})).await.expect(201).json();
    assert_eq!(third["engineer_id"], json!(ana.user.0));
    assert_ne!(third["engineer_id"], json!(ben.user.0));

    // The same engineer at another time: his own booking is not in the way.
    let path = format!("/assignments/{}/reassign", id(&third));
    let later =
        json!({ "engineer_id": ana.user.0, "starts_at": time(&third["starts_at"]) + chrono::TimeDelta::minutes(30) });
    let fourth = area.dora.post(&path, &later).await.expect(201).json();
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(time(&fourth["starts_at"])))]);
}

#[tokio::test]
async fn a_reassignment_that_fails_leaves_everything_as_it_was() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), skilled(&[("gas", 3)])).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let wanted = area.ask(Asked::at(area.site(Some((0.0, 0.0))).await).needing("gas", 1)).await;
    let first = area.assign(wanted, &ana).await;
    let refused =
        area.dora.post(&format!("/assignments/{}/reassign", id(&first)), &json!({ "engineer_id": ben.user.0 })).await;
    assert_eq!((refused.problem(409).as_str(), &refused.json()["rule"]), ("hard-rule", &json!("skill")));
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(time(&first["starts_at"])))]);
}

#[tokio::test]
async fn what_is_taken_back_is_free_again() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let first = area.assign(wanted, &ana).await;
    let path = format!("/assignments/{}", id(&first));
    area.dora.delete(&path).await.expect(204);
    assert_eq!((area.holders(wanted).await, area.bookings().await), (vec![], 0));
    assert_eq!(area.dora.delete(&path).await.problem(409), "assignment-ended");
    let again = area.assign(wanted, &ana).await;
    assert_eq!(again["starts_at"], first["starts_at"], "the same engineer may have it at the same time");
}

#[tokio::test]
async fn who_turned_it_down_is_not_asked_again() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let first = area.assign(wanted, &ana).await;
    let path = format!("/assignments/{}/decline", id(&first));
    area.dora.post(&path, &json!({ "reason": "the van has broken down" })).await.expect(204);
    assert_eq!(area.holders(wanted).await, []);

    let seen = area.candidates(wanted).await;
    assert_eq!((&list(&seen["refused"])[0]["rule"], &seen["able"]), (&json!("barred"), &json!(1)));
    let best = area.try_assign(wanted, json!({})).await.expect(201).json();
    assert_eq!(best["engineer_id"], json!(ben.user.0));

    area.dora.delete(&format!("/assignments/{}", id(&best))).await.expect(204);
    let refused = area.try_assign(wanted, json!({ "engineer_id": ana.user.0 })).await;
    assert_eq!((refused.problem(409).as_str(), &refused.json()["rule"]), ("hard-rule", &json!("barred")));
    let anyway = json!({ "engineer_id": ana.user.0, "override": true });
    assert_eq!(area.try_assign(wanted, anyway).await.expect(201).json()["overridden"], json!(["barred"]));
}

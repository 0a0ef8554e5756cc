//! The hard rules hold on every path; a dispatcher may break them knowingly, but nobody can be in two places at once.

use callout_tests::Actor;
use serde_json::{Value, json};

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

/// Nobody can take this visit: one engineer for each rule, and the rule.
async fn hopeless(area: &Area, kind: &str) -> (Wanted, Vec<(Actor, &'static str)>) {
    let lift = || skilled(&[("lift", 3)]);
    let unskilled = area.engineer("unskilled", (0.1, 0.0), no_skills()).await;
    let beginner = area.engineer("beginner", (0.2, 0.0), skilled(&[("lift", 2)])).await;
    let expired = json!([{ "skill": "lift", "level": 5, "expires_on": area.today() }]);
    let expired = area.engineer("expired", (0.3, 0.0), expired).await;
    let idle = area.recruit("idle", Some((0.4, 0.0)), lift()).await;
    let ill = area.engineer("ill", (0.5, 0.0), lift()).await;
    area.time_off(&ill, 9.0, 13.0).await;
    let remote = area.engineer("remote", (150.0, 0.0), lift()).await;
    let busy = area.engineer("busy", (0.6, 0.0), lift()).await;
    let there = area.site(Some((0.6, 0.0))).await;
    let other = Asked::at(there).lasting_h(3.0).starting_between(area.at(9.0), area.at(9.5));
    area.assign(area.ask(other).await, &busy).await;
    let asked = Asked::at(area.site(Some((0.0, 0.0))).await).needing("lift", 3).of_type(kind);
    let wanted = area.ask(asked.starting_between(area.at(10.0), area.at(11.0))).await;
    let rules = [
        (unskilled, "skill"),
        (beginner, "skill"),
        (expired, "certificate"),
        (idle, "shift"),
        (ill, "time_off"),
        (remote, "window"),
        (busy, "double_booking"),
    ];
    (wanted, rules.into())
}

#[tokio::test]
async fn a_dispatcher_is_told_which_rule_refuses() {
    let area = Area::new().await;
    let (wanted, people) = hopeless(&area, "manual").await;
    for (person, rule) in &people {
        let refused = area.try_assign(wanted, json!({ "engineer_id": person.user.0 })).await;
        if *rule == "double_booking" {
            assert_eq!(refused.problem(409), "double-booked");
        } else {
            assert_eq!(
                (refused.problem(409).as_str(), &refused.json()["rule"]),
                ("hard-rule", &json!(rule)),
                "{refused}"
            );
        }
    }
    let nobody = area.try_assign(wanted, json!({})).await;
    assert_eq!((nobody.problem(409).as_str(), &nobody.json()["reason"]), ("nobody-can", &json!("double_booking")));
    assert_eq!(area.holders(wanted).await, []);

    // Outside of the customer's window is as bad as outside of the shift.
    let able = area.engineer("able", (0.0, 1.0), skilled(&[("lift", 4)])).await;
    let late = json!({ "engineer_id": able.user.0, "starts_at": area.at(14.0) });
    let refused = area.try_assign(wanted, late).await;
    assert_eq!((refused.problem(409).as_str(), &refused.json()["rule"]), ("hard-rule", &json!("window")));
}

#[tokio::test]
async fn reassigning_breaks_no_rule_either() {
    let area = Area::new().await;
    let (wanted, people) = hopeless(&area, "manual").await;
    let able = area.engineer("able", (0.0, 1.0), skilled(&[("lift", 4)])).await;
    let made = area.assign(wanted, &able).await;
    let path = format!("/assignments/{}/reassign", made["assignment_id"].as_str().unwrap());
    for (person, _) in &people {
        area.dora.post(&path, &json!({ "engineer_id": person.user.0 })).await.expect(409);
    }
    assert_eq!(area.dora.post(&path, &json!({})).await.problem(409), "nobody-can");
    assert_eq!(area.holders(wanted).await, [(able.user.0, Some(time(&made["starts_at"])))]);
}

#[tokio::test]
async fn a_plan_breaks_no_rule_either() {
    let area = Area::new().await;
    let (wanted, _) = hopeless(&area, "manual").await;
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!((&plan["assigned"], &plan["left"]), (&json!(0), &json!([{ "reason": "double_booking", "count": 1 }])));
    let path = format!("/plans/{}/left-for-later", plan["plan_id"].as_str().unwrap());
    let left = area.dora.get(&path).await.expect(200).json();
    let counts = json!({ "skill": 2, "certificate": 1, "shift": 1, "time_off": 1, "window": 1, "double_booking": 1 });
    assert_eq!(list(&left["items"])[0]["refused_by_rule"], counts);
    assert_eq!(area.holders(wanted).await, []);
}

#[tokio::test]
async fn a_dispatcher_may_break_a_rule_and_it_is_recorded() {
    let area = Area::new().await;
    let (wanted, people) = hopeless(&area, "manual").await;
    let person = |rule: &str| people.iter().find(|(_, broken)| *broken == rule).unwrap().0.user.0;
    let force = async |engineer: uuid::Uuid, at: Option<f64>| {
        let starts_at = at.map(|hour| area.at(hour));
        let request = json!({ "engineer_id": engineer, "starts_at": starts_at, "override": true });
        let made = area.try_assign(wanted, request).await.expect(201).json();
        area.dora.delete(&format!("/assignments/{}", made["assignment_id"].as_str().unwrap())).await.expect(204);
        made
    };
    assert_eq!(force(person("skill"), None).await["overridden"], json!(["skill"]));
    assert_eq!(force(person("certificate"), None).await["overridden"], json!(["certificate"]));
    let forced = force(person("shift"), Some(10.5)).await;
    assert_eq!((&forced["overridden"], time(&forced["starts_at"])), (&json!(["shift"]), area.at(10.5)));
    assert_eq!(force(person("time_off"), Some(10.5)).await["overridden"], json!(["time_off"]));
    assert_eq!(force(person("window"), Some(10.5)).await["overridden"], json!(["window"]));
    let refused = list(&forced["refused"]).iter().any(|one| one["rule"] == "shift");
    assert!(refused, "who was refused and why is kept beside it");

    // With no time said it begins as soon as the customer allows it and nothing else is booked.
    let forced = force(person("shift"), None).await;
    assert_eq!((&forced["overridden"], time(&forced["starts_at"])), (&json!(["shift"]), area.at(10.0)));
    let forced = force(person("double_booking"), None).await;
    assert_eq!((&forced["overridden"], time(&forced["starts_at"])), (&json!(["double_booking"]), area.at(12.0)));
    let nomad = area.recruit("nomad", None, no_skills()).await;
    let refused = area.try_assign(wanted, json!({ "engineer_id": nomad.user.0 })).await;
    assert_eq!((refused.problem(409).as_str(), &refused.json()["rule"]), ("hard-rule", &json!("no_home")));
    assert_eq!(force(nomad.user.0, None).await["overridden"], json!(["no_home"]));
}

#[tokio::test]
async fn even_so_nobody_is_in_two_places_at_once() {
    let area = Area::new().await;
    let (wanted, people) = hopeless(&area, "manual").await;
    let busy = people.iter().find(|(_, rule)| *rule == "double_booking").unwrap().0.user.0;
    let request = |hour: f64| json!({ "engineer_id": busy, "starts_at": area.at(hour), "override": true });
    assert_eq!(area.try_assign(wanted, request(10.5)).await.problem(409), "double-booked");
    assert_eq!(area.holders(wanted).await, []);
    // After the other visit, too late for the drive and for the customer, but possible.
    let made = area.try_assign(wanted, request(12.75)).await.expect(201).json();
    assert!(list(&made["overridden"]).contains(&Value::from("window")));
}

#[tokio::test]
async fn who_is_not_in_service_cannot_be_sent() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let gone = json!({ "display_name": "ana", "archived": true });
    area.dora.put(&format!("/engineers/{}", ana.user), 1, &gone).await.expect(200);
    let ben = area.engineer("ben", (1.0, 0.0), no_skills()).await;
    area.app.admin().await.post(&format!("/users/{}/disable", ben.user), &json!({})).await.expect(200);
    for id in [ana.user.0, ben.user.0, area.dora.user.0, uuid::Uuid::from_u128(7)] {
        let answer = area.try_assign(wanted, json!({ "engineer_id": id, "override": true })).await;
        assert_eq!((answer.problem(422).as_str(), &answer.json()["field"]), ("invalid-field", &json!("engineer_id")));
    }
    let seen = area.candidates(wanted).await;
    assert_eq!((&seen["able"], &seen["refused"]), (&json!(0), &json!([])));
}

//! Two dispatchers at once: one gets what both wanted, the other is told.

use serde_json::json;

use super::area::{Area, no_skills};

#[tokio::test]
async fn two_visits_for_one_engineer_at_one_time() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let dan = area.app.dispatcher("dan").await;
    for round in 0..20_u32 {
        let (one, other) = tokio::join!(area.visit((0.5, 0.0)), area.visit((0.0, 0.5)));
        // Neither of the two knows of the other's; both think that the time is free.
        let starts_at = area.at(8.5 + 0.3 * f64::from(round % 20));
        let request = json!({ "engineer_id": ana.user.0, "starts_at": starts_at });
        let first = format!("/visits/{}/assignments", one.visit);
        let second = format!("/visits/{}/assignments", other.visit);
        let (first, second) = tokio::join!(area.dora.post(&first, &request), dan.post(&second, &request));
        let (won, lost) = if first.status == 201 { (first, second) } else { (second, first) };
        assert_eq!(won.status, 201, "{won} {lost}");
        assert_eq!(lost.problem(409), "double-booked");
        assert_eq!(area.bookings().await, 1);
        let assignment = won.json()["assignment_id"].as_str().unwrap().to_owned();
        area.dora.delete(&format!("/assignments/{assignment}")).await.expect(204);
    }
}

#[tokio::test]
async fn one_visit_for_two_engineers() {
    let area = Area::new().await;
    let (ana, ben) =
        (area.engineer("ana", (0.0, 0.0), no_skills()).await, area.engineer("ben", (1.0, 0.0), no_skills()).await);
    let dan = area.app.dispatcher("dan").await;
    for _ in 0..20 {
        let wanted = area.visit((0.5, 0.0)).await;
        let path = format!("/visits/{}/assignments", wanted.visit);
        let (to_ana, to_ben) = (json!({ "engineer_id": ana.user.0 }), json!({ "engineer_id": ben.user.0 }));
        let (first, second) = tokio::join!(area.dora.post(&path, &to_ana), dan.post(&path, &to_ben));
        let (won, lost) = if first.status == 201 { (first, second) } else { (second, first) };
        assert_eq!(won.status, 201, "{won} {lost}");
        assert_eq!(lost.problem(409), "already-assigned");
        let holders = area.holders(wanted).await;
        assert_eq!((holders.len(), json!(holders[0].0)), (1, won.json()["engineer_id"].clone()));
        area.dora.delete(&format!("/assignments/{}", won.json()["assignment_id"].as_str().unwrap())).await.expect(204);
    }
}

#[tokio::test]
async fn many_who_take_the_best_do_not_get_in_each_others_way() {
    let area = Area::new().await;
    for n in 0..4 {
        area.engineer(&format!("e{n}"), (f64::from(n), 0.0), no_skills()).await;
    }
    let mut visits = Vec::new();
    for n in 0..12 {
        visits.push(area.visit((0.3 * f64::from(n), 1.0)).await);
    }
    let asked = visits.iter().map(|wanted| area.try_assign(*wanted, json!({})));
    let answers = futures_util::future::join_all(asked).await;
    // Nobody is refused for long: whoever is overtaken is ranked again; a few may have to ask once more.
    for (wanted, answer) in visits.iter().zip(answers) {
        if answer.status != 201 {
            assert_eq!(answer.problem(409), "double-booked");
            area.try_assign(*wanted, json!({})).await.expect(201);
        }
    }
    assert_eq!(area.bookings().await, 12, "and the database has no two of one engineer at one time");
}

#[tokio::test]
async fn a_plan_and_a_dispatcher_and_another_plan_at_once() {
    let area = Area::new().await;
    for n in 0..3 {
        area.engineer(&format!("e{n}"), (f64::from(n), 0.0), no_skills()).await;
    }
    let mut visits = Vec::new();
    for n in 0..18 {
        visits.push(area.visit((0.2 * f64::from(n), 1.0)).await);
    }
    let order = json!({ "from": area.at(0.0), "to": area.at(24.0), "rounds": 50 });
    let by_hand = async {
        for wanted in visits.iter().rev().step_by(3) {
            let answer = area.try_assign(*wanted, json!({})).await;
            assert!([201, 409].contains(&answer.status.as_u16()), "{answer}");
        }
    };
    let (one, other, ()) = tokio::join!(area.plan(order.clone()), area.plan(order.clone()), by_hand);
    for plan in [&one, &other] {
        assert!(plan["assigned_meanwhile"].as_i64().is_some_and(|count| count >= 0), "{plan}");
        for left in plan["left"].as_array().unwrap() {
            assert_eq!(left["reason"], "double_booking", "{plan}");
        }
    }
    for wanted in &visits {
        assert!(area.holders(*wanted).await.len() <= 1);
    }
    assert!(area.bookings().await >= 17, "three engineers have time for nearly all");
}

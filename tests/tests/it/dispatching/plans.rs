//! Whole days at once.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::area::{Area, Asked, list, no_skills, skilled, time};

fn id(plan: &Value) -> &str {
    plan["plan_id"].as_str().expect("a plan")
}

#[tokio::test]
async fn a_day_is_planned_and_every_assignment_explained() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (20.0, 0.0), skilled(&[("gas", 2)])).await;
    let mut visits = Vec::new();
    for n in 0..3 {
        visits.push(area.visit((f64::from(n), 1.0)).await);
        visits.push(area.visit((20.0 - f64::from(n), 1.0)).await);
    }
    let gas = area.ask(Asked::at(area.site(Some((1.0, 1.0))).await).needing("gas", 2)).await;
    let expert = area.ask(Asked::at(area.site(Some((1.0, 1.0))).await).needing("gas", 5)).await;
    let lost = area.ask(Asked::at(area.site(None).await)).await;
    let order = |more: Value| {
        let mut order = json!({ "from": area.at(0.0), "to": area.at(24.0), "seed": 7 });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };

    let dry = area.plan(order(json!({ "dry_run": true }))).await;
    assert_eq!((&dry["dry_run"], &dry["visits"], &dry["assigned"]), (&json!(true), &json!(8), &json!(7)));
    assert_eq!(area.bookings().await, 0, "a dry run gives nothing to anybody");

    let plan = area.plan(order(json!({}))).await;
    assert_eq!((&plan["assigned"], &plan["engineers"]), (&json!(7), &json!(2)));
    assert_eq!(plan["left"], json!([{ "reason": "skill", "count": 1 }]), "what has no place is not in it at all");
    assert!(plan["mean_travel_min"].as_f64().unwrap() > 0.5);
    assert!(plan["duration_ms"].as_i64().is_some());
    assert_eq!(area.bookings().await, 7);
    assert_eq!(area.dora.get(&format!("/plans/{}", id(&plan))).await.expect(200).json(), plan);

    let mut planned = Vec::new();
    for plan in [&dry, &plan] {
        let page = area.dora.get(&format!("/plans/{}/visits", id(plan))).await.expect(200).json();
        let slot = |one: &Value| (one["visit_id"].clone(), one["engineer_id"].clone(), one["starts_at"].clone());
        planned.push(list(&page["items"]).iter().map(slot).collect::<Vec<_>>());
    }
    assert_eq!(planned[0], planned[1], "the same seed on the same data gives the same plan");

    for wanted in visits.iter().chain([&gas]) {
        let [(engineer, starts_at)] = area.holders(*wanted).await[..] else { panic!("one engineer each") };
        assert!(starts_at.is_some_and(|at| at >= area.at(8.0)));
        assert!(engineer == ana.user.0 || engineer == ben.user.0);
    }
    assert_eq!(area.holders(gas).await[0].0, ben.user.0);
    assert_eq!((area.holders(expert).await, area.holders(lost).await), (vec![], vec![]));

    let page = area.dora.get(&format!("/plans/{}/visits", id(&plan))).await.json();
    let given = list(&page["items"]).iter().find(|one| one["visit_id"] == json!(gas.visit.0)).unwrap();
    let path = format!("/assignments/{}/explanation", given["assignment_id"].as_str().unwrap());
    let why = area.dora.get(&path).await.expect(200).json();
    assert_eq!((&why["mode"], &why["plan_id"]), (&json!("plan"), &plan["plan_id"]));
    assert_eq!(list(&why["candidates"])[0]["name"], "ben");
    assert_eq!(list(&why["candidates"])[0]["starts_at"], given["starts_at"]);
    let refused = json!({ "engineer_id": ana.user.0, "name": "ana", "rule": "skill", "skill": "gas", "needs": 2 });
    assert_eq!(why["refused"], json!([refused]));
}

#[tokio::test]
async fn the_urgent_goes_first_and_what_is_due_soon_goes_early() {
    let area = Area::new().await;
    let ana = area.recruit("ana", Some((0.0, 0.0)), no_skills()).await;
    area.shift(&ana, 8.0, 10.5).await;
    let site = area.site(Some((0.5, 0.0))).await;
    let ordinary = area.ask(Asked::at(site)).await;
    let due = area.ask(Asked::at(site).resolve_by(area.at(9.5))).await;
    let urgent = area.ask(Asked::at(site).priority(1).resolve_by(area.at(10.4))).await;
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!(plan["left"], json!([{ "reason": "double_booking", "count": 1 }]));
    assert_eq!(area.holders(ordinary).await, [], "for three there is no time");
    let start = async |wanted| area.holders(wanted).await[0].1.unwrap();
    assert!(start(due).await < start(urgent).await, "the other order would make one late");

    // Alone, the urgent one takes the first time there is.
    let now = area.ask(Asked::at(site).priority(1)).await;
    area.shift(&ana, 11.0, 16.0).await;
    let seen = area.candidates(now).await;
    assert_eq!(time(&list(&seen["candidates"])[0]["starts_at"]).timestamp() / 600, area.at(11.0).timestamp() / 600);
}

#[tokio::test]
async fn nobody_works_in_his_break_and_nobody_is_sent_there() {
    let area = Area::new().await;
    let ana = area.recruit("ana", Some((0.0, 0.0)), no_skills()).await;
    let lunch = json!({ "earliest_start": area.at(12.0), "latest_start": area.at(12.0), "duration_min": 60 });
    let coffee = json!({ "earliest_start": area.at(9.0), "latest_start": area.at(10.0), "duration_min": 30 });
    let shift = json!({ "starts_at": area.at(8.0), "ends_at": area.at(16.0), "breaks": [coffee, lunch] });
    area.dora.post(&format!("/engineers/{}/shifts", ana.user), &json!({ "shifts": [shift] })).await.expect(201);
    let at_noon =
        area.ask(Asked::at(area.site(Some((0.5, 0.0))).await).starting_between(area.at(11.5), area.at(12.5))).await;
    let seen = area.candidates(at_noon).await;
    assert_eq!((&seen["able"], list(&seen["refused"]).len()), (&json!(0), 1), "{seen}");

    let mut visits = Vec::new();
    for n in 0..8 {
        visits.push(area.visit((0.1 * f64::from(n), 0.1)).await);
    }
    let plan = area.plan(json!({ "from": area.at(0.0), "to": area.at(24.0) })).await;
    assert_eq!((&plan["visits"], &plan["assigned"]), (&json!(9), &json!(5)), "six and a half hours, and the drives");
    let mut starts = Vec::new();
    for wanted in visits {
        starts.extend(area.holders(wanted).await.into_iter().filter_map(|(_, starts_at)| starts_at));
    }
    starts.sort();
    assert_eq!(starts.len(), 5);
    let is_at_lunch = |start: &&DateTime<Utc>| **start < area.at(13.0) && **start > area.at(11.0);
    assert_eq!(starts.iter().find(is_at_lunch), None);
    let longest = starts.windows(2).filter(|pair| pair[1] <= area.at(12.0)).map(|pair| pair[1] - pair[0]).max();
    assert!(longest >= Some(TimeDelta::minutes(90)), "and half an hour in the morning: {starts:?}");
}

#[tokio::test]
async fn only_the_days_and_the_tickets_that_were_asked_for() {
    let area = Area::new().await;
    area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let (one, other) = (area.visit((1.0, 0.0)).await, area.visit((2.0, 0.0)).await);
    let lost = area.ask(Asked::at(area.site(None).await)).await;
    let order = json!({ "from": area.at(12.0), "to": area.at(14.0), "ticket_ids": [one.ticket.0, lost.ticket.0] });
    let plan = area.plan(order).await;
    assert_eq!((&plan["visits"], &plan["assigned"]), (&json!(2), &json!(1)));
    assert_eq!(plan["left"], json!([{ "reason": "not_located", "count": 1 }]));
    let starts_at = area.holders(one).await[0].1.unwrap();
    assert!((area.at(12.0)..=area.at(13.0)).contains(&starts_at), "{starts_at}");
    assert_eq!(area.holders(other).await, []);

    let again = area.plan(json!({ "from": area.at(12.0), "to": area.at(14.0), "ticket_ids": [one.ticket.0] })).await;
    assert_eq!((&again["visits"], &again["assigned"]), (&json!(0), &json!(0)), "who has it keeps it");
}

#[tokio::test]
async fn what_is_left_is_read_page_by_page() {
    let area = Area::new().await;
    for n in 0..5 {
        area.visit((f64::from(n), 0.0)).await;
    }
    let plan = area.plan(json!({ "to": area.at(24.0) })).await;
    assert_eq!(plan["left"], json!([{ "reason": "no_engineer", "count": 5 }]));
    assert_eq!(plan["mean_travel_min"], Value::Null);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/plans/{}/left-for-later?limit=2{cursor}", id(&plan));
        let page = area.dora.get(&path).await.expect(200).json();
        seen.extend(list(&page["items"]).iter().map(|one| one["visit_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (5, &sorted));
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let area = Area::new().await;
    for (order, field) in [
        (json!({ "from": area.at(8.0), "to": area.at(7.0) }), "to"),
        (json!({ "to": area.at(-48.0) }), "to"),
        (json!({ "from": area.at(0.0), "to": area.at(24.0 * 40.0) }), "to"),
        (json!({ "to": area.at(24.0), "rounds": 3_000_000 }), "rounds"),
    ] {
        let answer = area.dora.post("/plans", &order).await;
        assert_eq!((answer.problem(422).as_str(), &answer.json()["field"]), ("invalid-field", &json!(field)));
    }
    assert_eq!(area.dora.post("/plans", &json!({ "to": "tomorrow" })).await.problem(422), "invalid-body");
}

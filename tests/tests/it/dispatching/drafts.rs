//! Plans as drafts: looked at, compared with today, accepted whole or in part.

use callout_tests::{Actor, Answer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

async fn draft(area: &Area, more: Value) -> Value {
    let mut order = json!({ "from": area.at(0.0), "to": area.at(24.0), "draft": true, "rounds": 300 });
    order.as_object_mut().expect("an order").extend(more.as_object().expect("more of it").clone());
    area.plan(order).await
}

fn id(plan: &Value) -> &str {
    plan["plan_id"].as_str().expect("a plan")
}

async fn accept(area: &Area, plan: &Value, part: Value) -> Answer {
    area.dora.post(&format!("/plans/{}/accept", id(plan)), &part).await
}

async fn rows(area: &Area, plan: &Value, what: &str) -> Vec<Value> {
    let path = format!("/plans/{}/{what}", id(plan));
    list(&area.dora.get(&path).await.expect(200).json()["items"]).to_vec()
}

async fn row(area: &Area, plan: &Value, wanted: Wanted) -> Value {
    let rows = rows(area, plan, "visits").await;
    rows.into_iter().find(|row| row["visit_id"] == json!(wanted.visit.0)).expect("it is in the plan")
}

/// The levels of figures, in the order in which they decide.
fn levels(figures: &Value) -> Vec<i64> {
    let names = ["unserved_weight", "lateness_s", "travel_s", "balance_s"];
    names.iter().map(|name| figures["levels"][name].as_i64().expect("a level")).collect()
}

async fn assignments(area: &Area) -> (i64, i64) {
    let mut database = area.app.database().superuser().await;
    let count = "select count(*), count(*) filter (where ended_at is null) from assignment";
    sqlx::query_as(count).fetch_one(&mut database).await.expect("counts")
}

#[tokio::test]
async fn a_draft_changes_nothing_until_it_is_accepted_whole_or_in_part() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    area.engineer("ben", (20.0, 0.0), skilled(&[("gas", 2)])).await;
    for n in 0..3 {
        area.visit((f64::from(n), 1.0)).await;
        area.visit((20.0 - f64::from(n), 1.0)).await;
    }
    let expert = area.ask(Asked::at(area.site(Some((1.0, 1.0))).await).needing("gas", 3).priority(2)).await;
    let plan = draft(&area, json!({})).await;
    assert_eq!((&plan["state"], &plan["draft"], &plan["dry_run"]), (&json!("drafted"), &json!(true), &json!(true)));
    assert_eq!((&plan["visits"], &plan["assigned"], &plan["accepted"]), (&json!(7), &json!(6), &json!(0)));
    assert!(levels(&plan["before"]) > levels(&plan["after"]), "{plan}");
    let counts = |figures: &Value| {
        (
            figures["served"].clone(),
            figures["unserved_by_priority"]["2"].clone(),
            figures["unserved_by_priority"]["3"].clone(),
        )
    };
    assert_eq!(counts(&plan["before"]), (json!(0), json!(1), json!(6)));
    assert_eq!(counts(&plan["after"]), (json!(6), json!(1), json!(0)));
    assert!(rows(&area, &plan, "visits").await.iter().all(|row| row["change"] == "new" && row["from"].is_null()));
    assert_eq!((area.bookings().await, assignments(&area).await), (0, (0, 0)), "nothing is changed");

    let left = rows(&area, &plan, "left-for-later").await;
    assert_eq!((left.len(), &left[0]["visit_id"]), (1, &json!(expert.visit.0)));
    let skill = list(&left[0]["relaxations"]).iter().find(|one| one["change"] == "skill").expect("what would help");
    assert_eq!((&skill["skill"], &skill["needs"]), (&json!("gas"), &json!(3)));

    // What is not in it, or is no draft, cannot be accepted.
    for (part, field) in [("engineer_ids", "engineer_ids"), ("visit_ids", "visit_ids")] {
        let refused = accept(&area, &plan, json!({ part: [Uuid::from_u128(1)] })).await;
        assert_eq!((refused.problem(422).as_str(), &refused.json()["field"]), ("invalid-field", &json!(field)));
    }
    let stranger = area.app.another_tenant("globex").await.dispatcher("sam").await;
    let path = format!("/plans/{}/accept", id(&plan));
    assert_eq!(stranger.post(&path, &json!({})).await.problem(404), "not-found");
    assert_eq!(ana.post(&path, &json!({})).await.problem(403), "forbidden");

    // By which weights it was searched does not change with the settings.
    let others = json!({ "mode": "suggest", "weights": { "preferred_s": 77 } });
    area.dora.put("/dispatch-settings", 0, &others).await.expect(200);
    let of_ana = accept(&area, &plan, json!({ "engineer_ids": [ana.user.0] })).await.expect(200).json();
    let given = of_ana["accepted"].as_i64().unwrap();
    assert_eq!((&of_ana["state"], &of_ana["conflicts"]), (&json!("drafted"), &json!(0)));
    assert!((1..6).contains(&given) && area.bookings().await == given, "{of_ana}");
    let again = accept(&area, &plan, json!({ "engineer_ids": [ana.user.0] })).await.expect(200).json();
    assert_eq!(again, of_ana);

    // Two dispatchers at once, for all that is left.
    let dan = area.app.dispatcher("dan").await;
    let (nothing, everything) = (json!({}), json!({}));
    let (one, other) = tokio::join!(dan.post(&path, &nothing), area.dora.post(&path, &everything));
    assert_eq!(one.expect(200).json()["accepted"], 6);
    let all = other.expect(200).json();
    assert_eq!((&all["state"], &all["accepted"], &all["conflicts"]), (&json!("applied"), &json!(6), &json!(0)));
    assert_eq!((area.bookings().await, assignments(&area).await), (6, (6, 6)));
    assert_eq!(accept(&area, &plan, json!({})).await.expect(200).json(), all, "once more changes nothing");
    for row in rows(&area, &plan, "visits").await {
        let path = format!("/assignments/{}/explanation", row["assignment_id"].as_str().unwrap());
        let why = area.dora.get(&path).await.expect(200).json();
        assert_eq!((&why["mode"], &why["starts_at"]), (&json!("plan"), &row["starts_at"]));
        assert!(why["policy"]["preferred_s"] != 77 && why["policy"] == plan["policy"], "{}", why["policy"]);
        assert!(list(&why["candidates"]).iter().any(|one| one["engineer_id"] == row["engineer_id"]));
    }

    let whole = area.plan(json!({ "to": area.at(24.0) })).await;
    assert_eq!((&whole["before"], &whole["after"]), (&Value::Null, &Value::Null));
    assert_eq!(accept(&area, &whole, json!({})).await.problem(409), "no-draft");
    let refused = area.dora.post("/plans", &json!({ "to": area.at(24.0), "replan": true })).await;
    assert_eq!((refused.problem(422).as_str(), &refused.json()["field"]), ("invalid-field", &json!("replan")));
}

#[tokio::test]
async fn what_has_changed_since_is_told_and_not_overwritten() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (40.0, 0.0), skilled(&[("gas", 2)])).await;
    let mut visits = Vec::new();
    for n in 0..4 {
        visits.push(area.visit((0.2 * f64::from(n), 1.0)).await);
    }
    let gas = area.ask(Asked::at(area.site(Some((40.0, 1.0))).await).needing("gas", 1)).await;
    let plan = draft(&area, json!({})).await;
    assert_eq!(plan["assigned"], 5);
    let of_ana = {
        let mut of_ana = Vec::new();
        for wanted in &visits {
            let row = row(&area, &plan, *wanted).await;
            assert_eq!(row["engineer_id"], json!(ana.user.0), "the other lives far away");
            of_ana.push((time(&row["starts_at"]), *wanted));
        }
        of_ana.sort_by_key(|(at, _)| *at);
        of_ana
    };
    let [(_, taken), (_, off), (at, booked), (_, free)] = of_ana[..] else { panic!("four") };

    area.try_assign(taken, json!({ "engineer_id": ben.user.0, "override": true })).await.expect(201);
    area.dora.post(&format!("/tickets/{}/cancel", off.ticket), &json!({ "reason": "customer" })).await.expect(200);
    let between = area.visit((0.0, 0.0)).await;
    let then = json!({ "engineer_id": ana.user.0, "starts_at": at, "override": true });
    area.try_assign(between, then).await.expect(201);
    area.time_off(&ben, 0.0, 24.0).await;

    let accepted = accept(&area, &plan, json!({})).await.expect(200).json();
    assert_eq!(
        (&accepted["state"], &accepted["accepted"], &accepted["conflicts"]),
        (&json!("applied"), &json!(1), &json!(4))
    );
    for (wanted, conflict) in [
        (taken, json!("already_assigned")),
        (off, json!("cancelled")),
        (booked, json!("double_booked")),
        (gas, json!("time_off")),
        (free, Value::Null),
    ] {
        let row = row(&area, &plan, wanted).await;
        assert_eq!((&row["conflict"], row["assignment_id"].is_null()), (&conflict, !conflict.is_null()), "{row}");
    }
    assert_eq!(area.holders(taken).await[0].0, ben.user.0);
    assert_eq!(area.holders(free).await[0].0, ana.user.0);
    assert_eq!((area.holders(booked).await, area.holders(gas).await), (vec![], vec![]));
    assert_eq!(accept(&area, &plan, json!({})).await.expect(200).json(), accepted);
}

/// Two engineers who have each other's visits, at the same time.
struct Crossed {
    ana: Actor,
    ben: Actor,
    /// Which ana has, and ben lives near.
    far: Wanted,
    near: Wanted,
}

async fn crossed(area: &Area) -> Crossed {
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (20.0, 0.0), no_skills()).await;
    let at_ten = |site| Asked::at(site).starting_between(area.at(10.0), area.at(10.0));
    let far = area.ask(at_ten(area.site(Some((20.0, 1.0))).await)).await;
    let near = area.ask(at_ten(area.site(Some((0.0, 1.0))).await)).await;
    area.assign(far, &ana).await;
    area.assign(near, &ben).await;
    Crossed { ana, ben, far, near }
}

#[tokio::test]
async fn who_has_set_out_is_not_called_back() {
    let area = Area::new().await;
    let Crossed { ana, ben, far, near } = crossed(&area).await;
    let plan = draft(&area, json!({ "replan": true })).await;
    assert_eq!(plan["after"]["appointments_changed"], 2);
    let mut phone = ana.phone().await;
    phone.online().await.offline();
    phone.accept(far.visit);
    phone.depart(far.visit);
    phone.online().await;
    let accepted = accept(&area, &plan, json!({})).await.expect(200).json();
    assert_eq!((&accepted["accepted"], &accepted["conflicts"]), (&json!(0), &json!(2)));
    assert_eq!(row(&area, &plan, far).await["conflict"], "begun");
    assert_eq!(row(&area, &plan, near).await["conflict"], "double_booked");
    assert_eq!((area.holders(far).await[0].0, area.holders(near).await[0].0), (ana.user.0, ben.user.0));
    assert_eq!((assignments(&area).await, area.bookings().await), ((2, 2), 2));
    let plan = draft(&area, json!({ "replan": true })).await;
    assert_eq!((&plan["visits"], &row(&area, &plan, near).await["change"]), (&json!(1), &json!("unchanged")));
}

#[tokio::test]
async fn two_engineers_swap_their_visits() {
    let area = Area::new().await;
    let Crossed { ana, ben, far, near } = crossed(&area).await;
    let holders = async || (area.holders(far).await[0].0, area.holders(near).await[0].0);

    let quiet = draft(&area, json!({})).await;
    assert_eq!(quiet["visits"], 0, "who has an appointment keeps it unless it is said that they may move");
    let plan = draft(&area, json!({ "replan": true })).await;
    assert!(levels(&plan["before"]) > levels(&plan["after"]), "{plan}");
    assert!(plan["before"]["driving_s"].as_i64() > plan["after"]["driving_s"].as_i64());
    let changed = |figures: &Value| (figures["served"].clone(), figures["appointments_changed"].clone());
    assert_eq!((changed(&plan["before"]), changed(&plan["after"])), ((json!(2), json!(0)), (json!(2), json!(2))));
    let moved = row(&area, &plan, far).await;
    assert_eq!((&moved["change"], &moved["engineer_id"]), (&json!("moved"), &json!(ben.user.0)));
    let from = json!({ "engineer_id": ana.user.0, "starts_at": moved["starts_at"], "ends_at": moved["ends_at"] });
    assert_eq!(moved["from"], from);
    assert_eq!(holders().await, (ana.user.0, ben.user.0), "nothing is changed");

    // One half of a swap alone would need the other engineer twice.
    let half = accept(&area, &plan, json!({ "visit_ids": [far.visit.0] })).await.expect(200).json();
    assert_eq!((&half["state"], &half["accepted"], &half["conflicts"]), (&json!("drafted"), &json!(0), &json!(1)));
    assert_eq!(row(&area, &plan, far).await["conflict"], "double_booked");
    assert_eq!((holders().await, area.bookings().await), ((ana.user.0, ben.user.0), 2));

    let plan = draft(&area, json!({ "replan": true })).await;
    let whole = accept(&area, &plan, json!({ "engineer_ids": [ben.user.0] })).await.expect(200).json();
    assert_eq!((&whole["state"], &whole["accepted"], &whole["conflicts"]), (&json!("applied"), &json!(2), &json!(0)));
    assert_eq!((holders().await, area.bookings().await), ((ben.user.0, ana.user.0), 2));
    assert_eq!(assignments(&area).await, (4, 2));

    // As good as it gets: nothing moves, and there is nothing to accept.
    let plan = draft(&area, json!({ "replan": true })).await;
    assert_eq!(levels(&plan["before"]), levels(&plan["after"]));
    assert!(rows(&area, &plan, "visits").await.iter().all(|row| row["change"] == "unchanged"));
    let nothing = accept(&area, &plan, json!({})).await.expect(200).json();
    assert_eq!((&nothing["accepted"], assignments(&area).await), (&json!(0), (4, 2)));
}

#[tokio::test]
async fn the_urgent_takes_the_place_of_what_can_wait_only_when_that_is_accepted() {
    let area = Area::new().await;
    let ana = area.recruit("ana", Some((0.0, 0.0)), no_skills()).await;
    area.shift(&ana, 8.0, 10.0).await;
    let site = area.site(Some((0.5, 0.0))).await;
    let can_wait = area.ask(Asked::at(site).priority(5)).await;
    area.assign(can_wait, &ana).await;
    let urgent = area.ask(Asked::at(site).priority(1)).await;
    let plan = draft(&area, json!({ "replan": true })).await;
    assert!(levels(&plan["before"]) > levels(&plan["after"]), "{plan}");
    let dropped = row(&area, &plan, can_wait).await;
    assert_eq!((&dropped["change"], &dropped["from"]["engineer_id"]), (&json!("dropped"), &json!(ana.user.0)));
    let left = rows(&area, &plan, "left-for-later").await;
    assert_eq!((left.len(), &left[0]["visit_id"]), (1, &json!(can_wait.visit.0)));
    let longer = list(&left[0]["relaxations"]).iter().find(|one| one["change"] == "overtime").expect("a longer shift");
    assert!(longer["by_s"].as_i64().is_some_and(|seconds| (1..3600).contains(&seconds)), "{longer}");
    assert_eq!(area.holders(can_wait).await.len(), 1);

    // Meanwhile somebody pins the appointment: it stays, and there is no room for the other one.
    let pin = json!({ "pinned": { "seen": false, "value": true } });
    let pinned = area.dora.request(reqwest::Method::PATCH, &format!("/visits/{}", can_wait.visit)).json(&pin);
    Answer::of(pinned).await.expect(200);
    let accepted = accept(&area, &plan, json!({})).await.expect(200).json();
    assert_eq!((&accepted["accepted"], &accepted["conflicts"]), (&json!(0), &json!(2)));
    assert_eq!(row(&area, &plan, can_wait).await["conflict"], "pinned");
    assert_eq!(row(&area, &plan, urgent).await["conflict"], "double_booked");

    let unpin = json!({ "pinned": { "seen": true, "value": false } });
    let unpinned = area.dora.request(reqwest::Method::PATCH, &format!("/visits/{}", can_wait.visit)).json(&unpin);
    Answer::of(unpinned).await.expect(200);
    let plan = draft(&area, json!({ "replan": true })).await;
    let accepted = accept(&area, &plan, json!({})).await.expect(200).json();
    assert_eq!((&accepted["accepted"], &accepted["conflicts"]), (&json!(2), &json!(0)));
    assert_eq!((area.holders(can_wait).await, area.holders(urgent).await[0].0), (vec![], ana.user.0));
}

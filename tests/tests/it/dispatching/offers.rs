//! Windows to offer a customer, and what becomes of the one that is chosen.

use serde_json::{Value, json};

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

impl Area {
    fn window(&self, from: f64, to: f64) -> Value {
        json!({ "starts_at": self.at(from), "ends_at": self.at(to) })
    }

    async fn offers(&self, wanted: Wanted, request: Value) -> Value {
        self.dora.post(&format!("/visits/{}/offers", wanted.visit), &request).await.expect(200).json()
    }

    async fn accept(&self, wanted: Wanted, request: Value) -> callout_tests::Answer {
        self.dora.post(&format!("/visits/{}/offers/accept", wanted.visit), &request).await
    }

    async fn view(&self, wanted: Wanted) -> Value {
        self.dora.get(&format!("/visits/{}", wanted.visit)).await.expect(200).json()
    }
}

#[tokio::test]
async fn the_cheapest_windows_come_first_and_the_others_say_why_not() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (12.0, 0.0), skilled(&[("gas", 2)])).await;
    area.engineer("ben", (0.0, 0.0), no_skills()).await;
    // Ana is next door from ten to eleven.
    let there = Asked::at(area.site(Some((0.1, 0.0))).await).starting_between(area.at(10.0), area.at(10.0));
    area.assign(area.ask(there).await, &ana).await;

    let wanted = area.ask(Asked::at(area.site(Some((0.0, 0.0))).await).needing("gas", 1)).await;
    let windows = [(10.0, 10.5), (13.0, 15.0), (11.0, 12.0), (15.5, 18.0), (8.0, 8.2)];
    let windows: Vec<Value> = windows.iter().map(|(from, to)| area.window(*from, *to)).collect();
    let seen = area.offers(wanted, json!({ "windows": windows })).await;

    let found: Vec<&Value> = list(&seen["offers"]).iter().map(|offer| &offer["window"]).collect();
    assert_eq!(found, [&windows[2], &windows[1]], "she is there anyway, or must come back");
    let first = &seen["offers"][0];
    assert_eq!(
        (&first["candidate"]["name"], &first["cost_s"]),
        (&json!("ana"), &first["candidate"]["score"]["total_s"])
    );
    assert!(time(&first["candidate"]["starts_at"]) >= area.at(11.0));
    let why = |window: &Value| {
        let one = list(&seen["impossible"]).iter().find(|one| one["window"] == *window).expect("an impossible window");
        (one["reason"].clone(), one["refused_by_rule"].clone())
    };
    assert_eq!(why(&windows[0]), (json!("double_booking"), json!({ "skill": 1, "double_booking": 1 })));
    assert_eq!(why(&windows[3]), (json!("shift"), json!({ "skill": 1, "shift": 1 })));
    assert_eq!(why(&windows[4]), (json!("window"), json!({ "skill": 1, "window": 1 })));
    assert_eq!(list(&seen["impossible"]).len(), 3);

    let one = area.offers(wanted, json!({ "windows": windows, "most": 1 })).await;
    assert_eq!((list(&one["offers"]).len(), list(&one["impossible"]).len()), (1, 3));
    assert_eq!(area.holders(wanted).await, [], "nothing is reserved");
}

#[tokio::test]
async fn the_slots_of_a_day_are_those_of_the_site() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let site = area.site_in(Some((0.0, 0.0)), "Asia/Tokyo").await;
    let wanted = area.ask(Asked::at(site)).await;
    let tomorrow = area.at(0.0).date_naive();
    let seen = area.offers(wanted, json!({ "days": { "from": tomorrow, "count": 1 }, "most": 10 })).await;
    // From 8 to 16 o'clock UTC it is 17 to 1 o'clock in Tokyo: only the end of the last slot is within the shift.
    assert_eq!(seen["time_zone"], "Asia/Tokyo");
    assert_eq!((list(&seen["offers"]).len(), list(&seen["impossible"]).len()), (0, 4));
    let evening = json!({ "from": tomorrow, "count": 1, "slots": [{ "from": "19:00", "to": "21:00" }] });
    let seen = area.offers(wanted, json!({ "days": evening })).await;
    assert_eq!(seen["offers"][0]["window"], area.window(10.0, 12.0));
}

#[tokio::test]
async fn work_without_a_ticket_is_offered_windows_too() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (9.0, 0.0), skilled(&[("gas", 3)])).await;
    area.engineer("ben", (0.5, 0.0), skilled(&[("gas", 1)])).await;
    let cai = area.engineer("cai", (9.5, 0.0), skilled(&[("gas", 3)])).await;
    let site = area.site(Some((0.0, 0.0))).await;
    let ask = async |more: Value| {
        let mut request = json!({ "windows": [area.window(9.0, 12.0)], "ticket_type": "manual" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        area.dora.post("/offers", &request).await
    };
    let name = |answer: Value| answer["offers"][0]["candidate"]["name"].clone();
    assert_eq!(name(ask(json!({ "site_id": site.to_string() })).await.expect(200).json()), "ben");
    let skilled = json!({ "position": { "lat": 40.70, "lon": -73.95 }, "skills": { "gas": 2 } });
    assert_eq!(name(ask(skilled.clone()).await.expect(200).json()), "ana");
    let mut preferred = skilled;
    preferred["preferred_engineer_id"] = json!(cai.user.0);
    assert_eq!(name(ask(preferred).await.expect(200).json()), "cai");
    assert_ne!(ana.user, cai.user);

    let here = json!({ "lat": 1.0, "lon": 1.0 });
    let wrong = [
        (json!({}), "site_id"),
        (json!({ "site_id": site.to_string(), "position": here }), "position"),
        (json!({ "site_id": uuid::Uuid::nil() }), "site_id"),
        (json!({ "position": { "lat": 91.0, "lon": 0.0 } }), "position"),
        (json!({ "position": here, "ticket_type": "none" }), "ticket_type"),
        (json!({ "position": here, "ticket_type": null }), "duration_min"),
        (json!({ "position": here, "priority": 9 }), "priority"),
        (json!({ "position": here, "time_zone": "Mars" }), "time_zone"),
        (json!({ "position": here, "windows": [] }), "windows"),
        (json!({ "position": here, "windows": [area.window(9.0, 8.0)] }), "windows[0]"),
        (json!({ "position": here, "days": {} }), "days"),
        (json!({ "position": here, "most": 101 }), "most"),
        (json!({ "position": here, "preferred_engineer_id": uuid::Uuid::nil() }), "preferred_engineer_id"),
    ];
    for (request, field) in wrong {
        let answer = ask(request.clone()).await;
        assert_eq!(answer.problem(422), "invalid-field", "{request}");
        assert_eq!(answer.json()["field"], field, "{request}");
    }
    let not_a_number = json!({ "position": { "lat": "NaN", "lon": 1.0 } });
    assert_eq!(ask(not_a_number).await.problem(422), "invalid-body");
}

#[tokio::test]
async fn an_offer_that_is_taken_sets_the_window_and_can_assign() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let wanted = area.visit((0.0, 0.0)).await;
    let nine = area.window(9.0, 10.0);
    let taken = area.accept(wanted, json!({ "window": nine })).await.expect(200).json();
    assert_eq!((&taken["window"], &taken["assignment"]), (&nine, &Value::Null));
    assert_eq!((time(&area.view(wanted).await["starts_at"]), area.bookings().await), (area.at(9.0), 0));

    let taken = area.accept(wanted, json!({ "window": nine, "assign": true })).await.expect(200).json();
    assert_eq!(
        (&taken["assignment"]["engineer_id"], &taken["assignment"]["mode"]),
        (&json!(ana.user.0), &json!("suggested"))
    );
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(area.at(9.0)))]);

    // The customer changes his mind: the appointment moves as a whole, although it overlaps the old one.
    let later = area.window(9.5, 10.0);
    area.accept(wanted, json!({ "window": later, "engineer_id": ana.user.0 })).await.expect(200);
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(area.at(9.5)))]);
    assert_eq!((time(&area.view(wanted).await["starts_at"]), area.bookings().await), (area.at(9.5), 1));

    let stranger = area.visit((0.0, 0.0)).await;
    area.dora.post(&format!("/tickets/{}/cancel", stranger.ticket), &json!({ "reason": "x" })).await.expect(200);
    assert_eq!(area.accept(stranger, json!({ "window": nine })).await.problem(409), "visit-not-open");
    let asked = area.dora.post(&format!("/visits/{}/offers", stranger.visit), &json!({})).await;
    assert_eq!(asked.problem(409), "visit-not-open");
}

#[tokio::test]
async fn an_offer_taken_twice_is_kept_once_and_the_other_hears_of_fresh_ones() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let (one, other) = (area.visit((0.0, 0.0)).await, area.visit((0.0, 0.1)).await);
    let (nine, noon) = (area.window(9.0, 9.2), area.window(12.0, 13.0));
    for wanted in [one, other] {
        let seen = area.offers(wanted, json!({ "windows": [nine] })).await;
        assert_eq!(list(&seen["offers"]).len(), 1, "both are offered the same");
    }
    let request = json!({ "window": nine, "assign": true, "otherwise": { "windows": [nine, noon] } });
    let (first, second) = tokio::join!(area.accept(one, request.clone()), area.accept(other, request.clone()));
    let (won, lost) = if first.status == 200 { (first, second) } else { (second, first) };
    assert_eq!((won.status.as_u16(), lost.problem(409)), (200, "offer-gone".to_owned()));
    let told = lost.json();
    assert_eq!(told["reason"], "double_booking");
    assert_eq!(told["fresh"]["offers"][0]["window"], noon);
    assert_eq!(told["fresh"]["impossible"][0]["window"], nine);
    assert_eq!(area.bookings().await, 1);
    let loser = if area.holders(one).await.is_empty() { one } else { other };
    assert_eq!(area.view(loser).await["starts_at"], Value::Null, "nothing was done to it");
}

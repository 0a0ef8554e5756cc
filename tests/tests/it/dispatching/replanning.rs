//! A day that changes: what cannot stay moves, and nothing else.

use callout_server::planning::{Happened, on_event};
use callout_server::tenancy::SystemEntry;
use callout_tests::Actor;
use serde_json::{Value, json};
use sync_core::ids::SiteId;

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

impl Area {
    /// A visit that is to begin exactly then.
    async fn at_hour(&self, site: SiteId, kind: &str, hour: f64) -> Wanted {
        self.ask(Asked::at(site).of_type(kind).starting_between(self.at(hour), self.at(hour))).await
    }

    /// From then on she is ill. Answers with the path of the entry.
    async fn falls_ill(&self, person: &Actor, hour: f64) -> String {
        let path = format!("/engineers/{}/time-off", person.user);
        let off = json!({ "starts_at": self.at(hour), "ends_at": self.at(24.0) });
        let made = self.dora.post(&path, &off).await.expect(201).json();
        format!("{path}/{}", made["time_off_id"].as_str().expect("an id"))
    }

    async fn why(&self, wanted: Wanted) -> Value {
        let path = format!("/assignments/{}/explanation", self.assignment(wanted).await);
        self.dora.get(&path).await.expect(200).json()
    }

    async fn all_suggestions(&self) -> Vec<Value> {
        list(&self.dora.get("/suggestions").await.expect(200).json()["items"]).to_vec()
    }
}

#[tokio::test]
async fn who_falls_ill_is_replaced_and_nobody_else_notices() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.5, 0.0))).await;
    let mut hers = Vec::new();
    for hour in [8.5, 11.0, 13.0] {
        hers.push(area.at_hour(site, "automatic", hour).await);
    }
    area.relay().await;
    let early = area.assignment(hers[0]).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let his = area.at_hour(area.site(Some((2.0, 0.0))).await, "automatic", 9.0).await;
    let later = area.at_hour(area.site(Some((2.0, 0.5))).await, "manual", 14.5).await;
    area.assign(later, &ben).await;
    area.relay().await;
    let before = (area.assignment(his).await, area.assignment(later).await);
    assert_eq!(area.holders(his).await[0].0, ben.user.0);

    area.falls_ill(&ana, 10.0).await;
    area.app.relayed().await;
    assert_eq!(area.assignment(hers[0]).await, early, "before ten she is there");
    assert_eq!(area.holders(hers[1]).await, [(ben.user.0, Some(area.at(11.0)))]);
    assert_eq!(area.holders(hers[2]).await, [(ben.user.0, Some(area.at(13.0)))]);
    assert_eq!((area.assignment(his).await, area.assignment(later).await), before);
    assert_eq!((area.bookings().await, area.all_suggestions().await), (5, vec![]));
    let why = area.why(hers[1]).await;
    assert_eq!(
        (&why["mode"], &why["cause"], &why["decided_by"]),
        (&json!("automatic"), &json!("time_off"), &Value::Null)
    );
    assert_ne!(why["instead_of"], Value::Null);
    assert_eq!(list(&why["refused"])[0]["rule"], "time_off");

    let moved = (area.assignment(hers[1]).await, area.assignment(hers[2]).await);
    area.relay().await;
    assert_eq!((area.assignment(hers[1]).await, area.assignment(hers[2]).await), moved, "the same events again");
}

#[tokio::test]
async fn who_has_left_or_lost_a_skill_is_replaced_and_what_a_dispatcher_decided_stays() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), skilled(&[("gas", 2)])).await;
    let site = area.site(Some((0.0, 0.0))).await;
    let asked = |hour: f64| Asked::at(site).starting_between(area.at(hour), area.at(hour)).needing("gas", 2);
    let gas = area.ask(asked(9.0).of_type("automatic")).await;
    let other = area.at_hour(site, "automatic", 11.0).await;
    area.relay().await;
    let ben = area.engineer("ben", (5.0, 0.0), skilled(&[("gas", 3)])).await;
    let knowingly = area.ask(Asked::at(site).starting_between(area.at(14.0), area.at(14.0)).needing("lift", 1)).await;
    let forced = json!({ "engineer_id": ana.user.0, "override": true });
    area.try_assign(knowingly, forced).await.expect(201);

    let version = area.dora.get(&format!("/engineers/{}", ana.user)).await.expect(200).json()["version"].clone();
    let path = format!("/engineers/{}/skills", ana.user);
    area.dora.put(&path, version.as_i64().unwrap(), &json!({ "skills": [] })).await.expect(200);
    area.app.relayed().await;
    assert_eq!(area.holders(gas).await, [(ben.user.0, Some(area.at(9.0)))]);
    assert_eq!(area.why(gas).await["cause"], "skill");
    assert_eq!(area.holders(other).await[0].0, ana.user.0);
    assert_eq!(area.holders(knowingly).await[0].0, ana.user.0, "nobody had asked for the skill there");

    let admin = area.app.admin().await;
    admin.post(&format!("/users/{}/disable", ana.user), &json!({})).await.expect(200);
    area.app.relayed().await;
    assert_eq!(area.holders(other).await, [(ben.user.0, Some(area.at(11.0)))]);
    assert_eq!(area.why(other).await["cause"], "gone");
    let [suggested] = &area.all_suggestions().await[..] else { panic!("one that a dispatcher has to look at") };
    assert_eq!((&suggested["visit_id"], &suggested["cause"]), (&json!(knowingly.visit.0), &json!("gone")));
    assert_eq!((&suggested["engineer_id"], &suggested["reason"]), (&Value::Null, &json!("skill")));
}

#[tokio::test]
async fn what_is_pinned_or_under_way_never_moves() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.5, 0.0))).await;
    let (pinned, travelled, open) = (
        area.at_hour(site, "automatic", 9.0).await,
        area.at_hour(site, "automatic", 11.0).await,
        area.at_hour(site, "automatic", 13.0).await,
    );
    area.relay().await;
    let ben = area.engineer("ben", (1.0, 0.0), no_skills()).await;
    let pin = json!({ "pinned": { "seen": false, "value": true } });
    area.dora.request(reqwest::Method::PATCH, &format!("/visits/{}", pinned.visit)).json(&pin).send().await.unwrap();
    let mut phone = ana.phone().await;
    phone.online().await;
    phone.accept(travelled.visit);
    phone.depart(travelled.visit);
    phone.online().await;
    area.falls_ill(&ana, 0.0).await;
    area.app.relayed().await;
    assert_eq!(area.holders(pinned).await, [(ana.user.0, Some(area.at(9.0)))]);
    assert_eq!(area.holders(travelled).await, [(ana.user.0, Some(area.at(11.0)))]);
    assert_eq!(area.holders(open).await, [(ben.user.0, Some(area.at(13.0)))]);
    let [suggested] = &area.all_suggestions().await[..] else { panic!("the pinned one is for a dispatcher") };
    assert_eq!((&suggested["visit_id"], &suggested["cause"]), (&json!(pinned.visit.0), &json!("time_off")));
    assert_eq!(suggested["instead_of"]["engineer_name"], "ana");
}

#[tokio::test]
async fn where_the_server_only_suggests_a_dispatcher_confirms() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (1.0, 0.0), no_skills()).await;
    let wanted = area.at_hour(area.site(Some((0.1, 0.0))).await, "suggest", 11.0).await;
    area.assign(wanted, &ana).await;
    let hers = area.assignment(wanted).await;
    let entry = area.falls_ill(&ana, 10.0).await;
    area.app.relayed().await;
    assert_eq!(area.assignment(wanted).await, hers, "nothing happens by itself");
    let suggested = area.suggestion(wanted).await.expect("a suggestion");
    assert_eq!((&suggested["engineer_id"], &suggested["cause"]), (&json!(ben.user.0), &json!("time_off")));
    assert_eq!(
        (&suggested["instead_of"]["assignment_id"], time(&suggested["starts_at"])),
        (&json!(hers), area.at(11.0))
    );

    area.dora.delete(&entry).await.expect(204);
    area.app.relayed().await;
    assert_eq!(area.suggestion(wanted).await, None, "she is well again");

    area.falls_ill(&ana, 10.0).await;
    area.app.relayed().await;
    let suggested = area.suggestion(wanted).await.expect("a suggestion");
    let confirm = json!({ "engineer_id": suggested["engineer_id"], "starts_at": suggested["starts_at"] });
    let made = area.dora.post(&format!("/assignments/{hers}/reassign"), &confirm).await.expect(201).json();
    assert_eq!((&made["mode"], &made["cause"]), (&json!("suggested"), &json!("time_off")));
    assert_eq!(made["instead_of"], json!(hers));
    assert_eq!(area.suggestion(wanted).await, None);
    area.relay().await;
    assert_eq!((area.holders(wanted).await[0].0, area.suggestion(wanted).await), (ben.user.0, None));
}

#[tokio::test]
async fn another_window_at_the_desk_moves_the_appointment() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.1, 0.0))).await;
    let wanted = area.ask(Asked::at(site).of_type("automatic")).await;
    area.relay().await;
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(time(&area.why(wanted).await["starts_at"])))]);
    let edit = json!({
        "start": { "seen": null, "value": area.at(13.0) }, "end": { "seen": null, "value": area.at(14.0) }
    });
    let path = format!("/visits/{}", wanted.visit);
    let edited = area.dora.request(reqwest::Method::PATCH, &path).json(&edit).send().await.unwrap();
    assert_eq!(edited.status(), 200);
    area.app.relayed().await;
    assert_eq!(area.holders(wanted).await, [(ana.user.0, Some(area.at(13.0)))]);
    assert_eq!((&area.why(wanted).await["cause"], area.bookings().await), (&json!("window"), 1));
}

#[tokio::test]
async fn more_work_pushes_only_what_it_must() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.1, 0.0))).await;
    let long = area.at_hour(site, "automatic", 9.0).await;
    let next = area.ask(Asked::at(site).of_type("automatic").starting_between(area.at(10.0), area.at(13.0))).await;
    let last = area.at_hour(site, "automatic", 14.0).await;
    area.relay().await;
    assert_eq!(area.holders(next).await, [(ana.user.0, Some(area.at(10.0)))]);
    let stays = (area.assignment(long).await, area.assignment(last).await);
    let edit = json!({ "edits": [{ "field": "duration_min", "seen": 60, "value": 120 }] });
    area.dora.request(reqwest::Method::PATCH, &format!("/tickets/{}", long.ticket)).json(&edit).send().await.unwrap();
    area.app.relayed().await;
    assert_eq!(area.holders(next).await, [(ana.user.0, Some(area.at(11.0)))]);
    assert_eq!((area.assignment(long).await, area.assignment(last).await), stays);
    assert_eq!(area.why(next).await["cause"], "double_booking");
}

#[tokio::test]
async fn where_nothing_else_helps_somebody_makes_room() {
    let area = Area::new().await;
    let ben = area.engineer("ben", (1.0, 0.0), no_skills()).await;
    let site = area.site(Some((1.0, 0.1))).await;
    let flexible = Asked::at(site).of_type("automatic").starting_between(area.at(9.0), area.at(13.0));
    let flexible = area.ask(flexible).await;
    area.relay().await;
    assert_eq!(area.holders(flexible).await, [(ben.user.0, Some(area.at(9.0)))]);
    let late = area.at_hour(site, "automatic", 14.0).await;
    area.relay().await;
    let stays = area.assignment(late).await;
    let ana = area.engineer("ana", (1.0, 0.5), no_skills()).await;
    let fixed = area.at_hour(site, "automatic", 9.0).await;
    area.relay().await;
    assert_eq!(area.holders(fixed).await, [(ana.user.0, Some(area.at(9.0)))]);

    area.falls_ill(&ana, 0.0).await;
    area.app.relayed().await;
    assert_eq!(area.holders(fixed).await, [(ben.user.0, Some(area.at(9.0)))]);
    assert_eq!(area.holders(flexible).await, [(ben.user.0, Some(area.at(10.0)))]);
    assert_eq!(
        (&area.why(fixed).await["cause"], &area.why(flexible).await["cause"]),
        (&json!("time_off"), &json!("makes_room"))
    );
    assert_eq!((area.assignment(late).await, area.bookings().await, area.all_suggestions().await), (stays, 3, vec![]));
}

#[tokio::test]
async fn time_that_is_given_back_goes_to_a_visit_that_had_nobody() {
    let area = Area::new().await;
    let ana = area.recruit("ana", Some((0.0, 0.0)), no_skills()).await;
    area.shift(&ana, 8.0, 9.5).await;
    let first = area.asked("automatic").await;
    area.relay().await;
    let second = area.asked("automatic").await;
    area.relay().await;
    assert_eq!((area.holders(first).await.len(), area.holders(second).await.len()), (1, 0));
    assert_eq!(area.suggestion(second).await.expect("what was found")["reason"], "double_booking");
    let called_off = json!({ "reason": "customer-request" });
    area.dora.post(&format!("/tickets/{}/cancel", first.ticket), &called_off).await.expect(200);
    area.app.relayed().await;
    assert_eq!(area.holders(second).await[0].0, ana.user.0);
    assert_eq!((area.suggestion(second).await, area.bookings().await), (None, 1));

    // What is done long before its time gives the time back as well.
    let third = area.asked("automatic").await;
    area.relay().await;
    assert_eq!(area.holders(third).await, []);
    let mut phone = ana.phone().await;
    phone.online().await;
    phone.work(second.visit);
    phone.online().await;
    area.app.relayed().await;
    assert_eq!((area.holders(third).await[0].0, area.bookings().await), (ana.user.0, 1));
}

#[tokio::test]
async fn two_servers_at_once_move_an_appointment_once_and_only_of_their_tenant() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let site = area.site(Some((0.1, 0.0))).await;
    let mut hers = Vec::new();
    for hour in [9.0, 11.0, 13.0] {
        hers.push(area.at_hour(site, "automatic", hour).await);
    }
    area.relay().await;
    for name in ["ben", "cai"] {
        area.engineer(name, (1.0, 0.0), no_skills()).await;
    }
    area.app.relayed().await;
    // Nobody tells of it: the two below are the first who hear.
    let mut database = area.app.database().superuser().await;
    sqlx::query("update engineer set archived_at = now() where engineer_id = $1")
        .bind(ana.user.0)
        .execute(&mut database)
        .await
        .unwrap();
    let (here, there) = (area.app.state().clone(), area.app.another_process().await);
    let payload = json!({ "engineer_id": ana.user.0 });
    let rival = area.app.another_tenant("rival").await;
    let stranger = here.tenancy.system(rival.id, SystemEntry::Relay);
    let event = Happened { kind: "engineer.changed", ticket: None, payload: &payload };
    on_event(&stranger, &here.ledger, &here.roads, event, here.clock.now()).await.expect("handled");
    assert_eq!(area.holders(hers[0]).await[0].0, ana.user.0, "another tenant's event is nothing to us");
    let ctx = here.tenancy.system(area.app.tenant().id, SystemEntry::Relay);
    let again = there.state().tenancy.system(area.app.tenant().id, SystemEntry::Relay);
    let (one, other) = tokio::join!(
        on_event(&ctx, &here.ledger, &here.roads, event, here.clock.now()),
        on_event(&again, &there.state().ledger, &there.state().roads, event, here.clock.now()),
    );
    one.expect("handled");
    other.expect("handled");
    for wanted in hers {
        let [(engineer, Some(_))] = area.holders(wanted).await[..] else { panic!("one engineer") };
        assert_ne!(engineer, ana.user.0);
        let given: i64 = sqlx::query_scalar("select count(*) from assignment where visit_id = $1")
            .bind(wanted.visit.0)
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(given, 2, "hers, and the one instead of it");
    }
    assert_eq!(area.bookings().await, 3);
    let desk = rival.dispatcher("rita").await;
    assert_eq!(desk.get("/suggestions").await.expect(200).json()["items"], json!([]));
}

//! What the server does by itself, by ticket type.

use callout_server::planning::{Happened, on_event};
use callout_server::tenancy::SystemEntry;
use serde_json::{Value, json};
use sync_core::ids::TicketId;

use super::area::{Area, Asked, Wanted, list, no_skills, skilled, time};

impl Area {
    /// Waits until the server has acted on every event, and then hands it all of them once more, as a relay does that
    /// has lost its place.
    pub(super) async fn relay(&self) {
        self.settled().await;
        let mut database = self.app.database().superuser().await;
        let events: Vec<(String, Option<uuid::Uuid>, Value)> =
            sqlx::query_as("select kind, ticket_id, payload from outbox order by xid, serial")
                .fetch_all(&mut database)
                .await
                .expect("the outbox");
        let state = self.app.state();
        let ctx = state.tenancy.system(self.app.tenant().id, SystemEntry::Relay);
        for (kind, ticket, payload) in events {
            let event = Happened { kind: &kind, ticket: ticket.map(TicketId), payload: &payload };
            on_event(&ctx, &state.ledger, &state.roads, event, state.clock.now())
                .await
                .expect("an event that is handled");
        }
        self.settled().await;
    }

    async fn settled(&self) {
        let state = self.app.state();
        while state.tenancy.relay_lag_s("planning", state.clock.now()).await.expect("the lag").is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn asked(&self, kind: &str) -> Wanted {
        self.ask(Asked::at(self.site(Some((0.0, 0.0))).await).of_type(kind)).await
    }

    /// The assignment by which a visit is held.
    pub(super) async fn assignment(&self, wanted: Wanted) -> String {
        let mut database = self.app.database().superuser().await;
        let id: uuid::Uuid =
            sqlx::query_scalar("select grant_id from assignment where visit_id = $1 and ended_at is null")
                .bind(wanted.visit.0)
                .fetch_one(&mut database)
                .await
                .expect("an assignment");
        id.to_string()
    }

    pub(super) async fn suggestion(&self, wanted: Wanted) -> Option<Value> {
        let answer = self.dora.get(&format!("/visits/{}/suggestion", wanted.visit)).await;
        (answer.status == 200).then(|| answer.json())
    }
}

#[tokio::test]
async fn an_automatic_ticket_gets_the_best_engineer_once() {
    let area = Area::new().await;
    area.engineer("ben", (9.0, 0.0), no_skills()).await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let wanted = area.asked("automatic").await;
    area.relay().await;
    let [(engineer, Some(starts_at))] = area.holders(wanted).await[..] else { panic!("one engineer") };
    assert_eq!(engineer, ana.user.0);

    let assignment = area.assignment(wanted).await;
    let why = area.dora.get(&format!("/assignments/{assignment}/explanation")).await.expect(200).json();
    assert_eq!((&why["mode"], &why["decided_by"]), (&json!("automatic"), &Value::Null));
    assert_eq!((time(&why["starts_at"]), list(&why["candidates"]).len()), (starts_at, 2));

    area.relay().await;
    area.relay().await;
    assert_eq!(area.assignment(wanted).await, assignment, "the same events again change nothing");
    assert_eq!(area.bookings().await, 1);
}

#[tokio::test]
async fn who_declines_is_followed_by_the_next_and_never_asked_again() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let wanted = area.asked("automatic").await;
    area.relay().await;
    assert_eq!(area.holders(wanted).await[0].0, ana.user.0);

    let decline = async || {
        let path = format!("/assignments/{}/decline", area.assignment(wanted).await);
        area.dora.post(&path, &json!({})).await.expect(204);
        area.relay().await;
    };
    decline().await;
    assert_eq!(area.holders(wanted).await[0].0, ben.user.0);
    decline().await;
    assert_eq!((area.holders(wanted).await, area.bookings().await), (vec![], 0));
    let nobody = area.suggestion(wanted).await.expect("what the server found");
    assert_eq!((&nobody["engineer_id"], &nobody["reason"]), (&Value::Null, &json!("barred")));
}

#[tokio::test]
async fn what_is_declined_on_the_phone_goes_to_the_next() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let wanted = area.asked("automatic").await;
    area.relay().await;
    let mut phone = ana.phone().await;
    phone.online().await.offline();
    phone.decline(wanted.visit, "sick");
    assert_eq!(area.holders(wanted).await[0].0, ana.user.0, "nobody knows yet");
    phone.online().await;
    area.relay().await;
    area.relay().await;
    let [(engineer, Some(_))] = area.holders(wanted).await[..] else { panic!("one engineer") };
    assert_eq!((engineer, area.bookings().await), (ben.user.0, 1));
    let mut next = ben.phone().await;
    next.online().await;
    next.accept(wanted.visit);
    next.online().await;
    area.relay().await;
    assert_eq!(area.holders(wanted).await[0].0, ben.user.0);
    let path = format!("/visits/{}/candidates?engineer_id={}", wanted.visit, ana.user);
    let seen = area.dora.get(&path).await.expect(200).json();
    assert_eq!(seen["refused_by_rule"], json!({ "barred": 1 }));
}

#[tokio::test]
async fn what_a_dispatcher_takes_away_stays_with_the_dispatcher() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let wanted = area.asked("automatic").await;
    area.relay().await;
    area.dora.delete(&format!("/assignments/{}", area.assignment(wanted).await)).await.expect(204);
    area.relay().await;
    assert_eq!(area.holders(wanted).await, []);
}

#[tokio::test]
async fn a_suggestion_waits_for_a_dispatcher() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let ben = area.engineer("ben", (2.0, 0.0), no_skills()).await;
    let (one, other) = (area.asked("suggest").await, area.asked("suggest").await);
    area.relay().await;
    assert_eq!((area.holders(one).await, area.bookings().await), (vec![], 0));
    let suggested = area.suggestion(one).await.expect("a suggestion");
    assert_eq!((&suggested["engineer_id"], &suggested["engineer_name"]), (&json!(ana.user.0), &json!("ana")));
    let all = area.dora.get("/suggestions?limit=1").await.expect(200).json();
    let rest = area.dora.get(&format!("/suggestions?cursor={}", all["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!(list(&all["items"]).len() + list(&rest["items"]).len(), 2);

    let confirmed = area.assign(one, &ana).await;
    assert_eq!((&confirmed["mode"], &confirmed["starts_at"]), (&json!("suggested"), &suggested["starts_at"]));
    assert_eq!(area.suggestion(one).await, None, "nothing is left to confirm");
    assert_eq!(area.assign(other, &ben).await["mode"], "manual", "somebody else than was suggested");
    area.relay().await;
    assert_eq!(area.suggestion(one).await, None);

    // Declined, it is suggested anew, for somebody else.
    let path = format!("/assignments/{}/decline", area.assignment(one).await);
    area.dora.post(&path, &json!({})).await.expect(204);
    area.relay().await;
    assert_eq!(area.suggestion(one).await.expect("a suggestion")["engineer_id"], json!(ben.user.0));
}

#[tokio::test]
async fn a_ticket_is_dispatched_as_soon_as_its_site_is_located() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let lost = async || area.ask(Asked::at(area.site(None).await).of_type("automatic")).await;
    let (by_ticket, site) = (lost().await, area.site(None).await);
    let by_site = area.ask(Asked::at(site).of_type("automatic")).await;
    area.relay().await;
    assert_eq!((area.holders(by_ticket).await, area.holders(by_site).await), (vec![], vec![]));

    let here = json!({ "lat": 40.70, "lon": -73.95 });
    let path = format!("/tickets/{}/location", by_ticket.ticket);
    area.dora.post(&path, &json!({ "position": here })).await.expect_success();
    let located = json!({ "name": "A site", "time_zone": "UTC", "position": here });
    area.dora.put(&format!("/sites/{site}"), 1, &located).await.expect(200);
    area.relay().await;
    assert_eq!(area.holders(by_ticket).await[0].0, ana.user.0);
    assert_eq!(area.holders(by_site).await[0].0, ana.user.0);
}

#[tokio::test]
async fn manual_and_pool_tickets_are_left_alone() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), no_skills()).await;
    let (manual, pool) = (area.asked("manual").await, area.asked("pool").await);
    area.relay().await;
    for wanted in [manual, pool] {
        assert_eq!((area.holders(wanted).await, area.suggestion(wanted).await), (vec![], None));
    }
}

#[tokio::test]
async fn the_server_breaks_no_rule_by_itself() {
    let area = Area::new().await;
    area.engineer("ana", (1.0, 0.0), skilled(&[("gas", 1)])).await;
    let site = area.site(Some((0.0, 0.0))).await;
    let wanted = area.ask(Asked::at(site).of_type("automatic").needing("gas", 2)).await;
    area.relay().await;
    assert_eq!(area.holders(wanted).await, []);
    assert_eq!(area.suggestion(wanted).await.expect("what the server found")["reason"], "skill");

    // Somebody who can turns up; the ticket is looked at again with the next event about it, or by a plan.
    let ben = area.engineer("ben", (3.0, 0.0), skilled(&[("gas", 2)])).await;
    area.plan(json!({ "to": area.at(24.0) })).await;
    assert_eq!(area.holders(wanted).await[0].0, ben.user.0);
    assert_eq!(area.suggestion(wanted).await, None);
}

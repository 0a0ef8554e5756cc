//! Appointments that take longer than planned.

use std::time::Duration;

use callout_server::workers::notice_overruns;
use callout_tests::{Actor, Phone};
use chrono::TimeDelta;
use serde_json::json;

use super::area::{Area, Asked, Wanted, no_skills};

/// An area in which ana works now: she is at one appointment, and has others.
struct Busy {
    area: Area,
    ana: Actor,
    phone: Phone,
    /// This hour, as the area counts.
    hour: f64,
    begun: Wanted,
}

impl Busy {
    async fn new() -> Self {
        let area = Area::new().await;
        let hour = (area.app.state().clock.now() - area.at(0.0)).num_seconds() as f64 / 3600.0;
        let ana = area.recruit("ana", Some((0.0, 0.0)), no_skills()).await;
        area.shift(&ana, hour - 1.0, hour + 9.0).await;
        let begun = area.ask(Asked::at(area.site(Some((0.0, 0.0))).await).of_type("automatic")).await;
        let phone = ana.phone().await;
        let mut busy = Self { area, ana, phone, hour, begun };
        busy.give(begun, 0.05).await;
        busy.phone.online().await;
        busy.phone.accept(begun.visit);
        busy.phone.depart(begun.visit);
        busy.phone.check_in(begun.visit);
        busy.phone.online().await;
        busy.area.app.relayed().await;
        busy
    }

    /// A visit of a type that the server dispatches, given to ana for so many hours from now.
    async fn next(&self, place: (f64, f64), in_hours: f64) -> Wanted {
        let wanted = self.area.ask(Asked::at(self.area.site(Some(place)).await).of_type("automatic")).await;
        self.give(wanted, in_hours).await;
        wanted
    }

    async fn give(&self, wanted: Wanted, in_hours: f64) {
        let starts_at = self.area.at(self.hour + in_hours);
        // The server may have been quicker, at another time.
        self.area.app.relayed().await;
        let body = json!({ "engineer_id": self.ana.user.0, "starts_at": starts_at });
        if self.area.holders(wanted).await.is_empty() {
            self.area.try_assign(wanted, body).await.expect(201);
        } else {
            let path = format!("/assignments/{}/reassign", self.area.assignment(wanted).await);
            self.area.dora.post(&path, &body).await.expect(201);
        }
    }

    /// Time goes by; the phone is heard of at the end of it.
    async fn later(&self, minutes: u64) {
        self.area.app.advance(Duration::from_secs(60 * minutes));
        self.heard().await;
    }

    async fn heard(&self) {
        sqlx::query("update device set last_seen = $1")
            .bind(self.area.app.state().clock.now())
            .execute(&mut self.area.app.database().superuser().await)
            .await
            .expect("the devices");
    }

    async fn round(&self) -> usize {
        let noticed = notice_overruns(self.area.app.state()).await.expect("a round");
        self.area.app.relayed().await;
        noticed
    }
}

#[tokio::test]
async fn what_overruns_pushes_only_what_it_must_and_is_told_once() {
    let busy = Busy::new().await;
    let area = &busy.area;
    let next = busy.next((6.0, 0.0), 1.36).await;
    let last = busy.next((6.0, 0.0), 5.0).await;
    let ben = area.recruit("ben", Some((6.0, 0.1)), no_skills()).await;
    area.shift(&ben, busy.hour - 1.0, busy.hour + 9.0).await;
    area.app.relayed().await;
    let (before, stays) = (area.holders(next).await, (area.assignment(busy.begun).await, area.assignment(last).await));
    assert_eq!((before[0].0, busy.round().await), (busy.ana.user.0, 0), "all is well");

    area.app.advance(Duration::from_secs(60 * 70));
    assert_eq!(busy.round().await, 0, "nothing was heard of the phone: she may be done");
    busy.heard().await;
    assert_eq!(busy.round().await, 1);
    let [(engineer, Some(starts_at))] = area.holders(next).await[..] else { panic!("one engineer") };
    assert_eq!(engineer, ben.user.0);
    assert!((starts_at - before[0].1.unwrap()).abs() <= TimeDelta::minutes(15), "the customer hardly notices");
    assert_eq!((area.assignment(busy.begun).await, area.assignment(last).await), stays);
    assert_eq!(busy.round().await, 0, "the same estimate is told once");
    let events: i64 = sqlx::query_scalar("select count(*) from outbox where kind = 'visit.overran'")
        .fetch_one(&mut area.app.database().superuser().await)
        .await
        .unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn a_few_minutes_late_is_no_reason_to_move_anybody() {
    let busy = Busy::new().await;
    let area = &busy.area;
    let next = busy.next((0.1, 0.0), 1.2).await;
    let ben = area.recruit("ben", Some((0.1, 0.0)), no_skills()).await;
    area.shift(&ben, busy.hour - 1.0, busy.hour + 9.0).await;
    area.app.relayed().await;
    let before = area.assignment(next).await;
    busy.later(64).await;
    assert_eq!(busy.round().await, 1);
    assert_eq!(area.assignment(next).await, before);
}

#[tokio::test]
async fn with_nobody_else_what_follows_begins_later() {
    let busy = Busy::new().await;
    let area = &busy.area;
    let next = busy.next((6.0, 0.0), 1.36).await;
    let before = area.holders(next).await;
    busy.later(70).await;
    assert_eq!(busy.round().await, 1);
    let [(engineer, Some(starts_at))] = area.holders(next).await[..] else { panic!("one engineer") };
    let moved = starts_at - before[0].1.unwrap();
    assert_eq!(engineer, busy.ana.user.0);
    assert!(moved > TimeDelta::minutes(15) && moved < TimeDelta::hours(1), "{moved}");
}

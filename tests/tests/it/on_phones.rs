//! What is still on phones alone, and what does not open there: the desk sees both.

use std::time::Duration;

use callout_server::devices::DeviceView;
use callout_server::platform::page::Page;
use callout_server::workers::forget_of_tenants;
use callout_tests::{Actor, Phone, TestApp};
use sync_core::document::FactBody;
use sync_core::ids::TicketId;
use sync_core::policy::Role;
use sync_core::time::ServerTime;
use sync_core::wire::{Enter, Item, Outstanding, Unreadable};

use crate::offline::scene;
use crate::sync::ask;

async fn devices(who: &Actor, query: &str) -> Vec<DeviceView> {
    who.get(&format!("/devices{query}")).await.read::<Page<DeviceView>>().items
}

/// The only device that `who` sees.
async fn seen_by(who: &Actor) -> DeviceView {
    let [device] = <[_; 1]>::try_from(devices(who, "").await).expect("one device");
    device
}

#[tokio::test]
async fn a_dispatcher_sees_what_is_still_on_each_phone() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    let report = seen_by(&desk).await.report.expect("it has synced");
    assert_eq!((report.unsent, report.oldest_unsent_at, report.drafts, report.files), (0, None, 0, 0));
    assert_eq!(devices(&desk, "?holds_work=true").await.len(), 0);

    phone.offline();
    phone.work(visit.id);
    phone.photograph(visit.id, b"a photo of a pump");
    phone.in_reach().exchange().await;
    assert_eq!((phone.status().unsent, phone.status().awaited_blobs), (0, 1));
    let report = seen_by(&desk).await.report.expect("a report");
    assert_eq!((report.unsent, report.files), (0, 1), "its words are in with the same exchange, its photo is not");
    assert_eq!(devices(&desk, "?holds_work=true").await.len(), 1);
    assert_eq!(devices(&desk, "?holds_work=false").await.len(), 0);

    phone.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() });
    phone.online().await;
    phone.exchange().await;
    let report = seen_by(&desk).await.report.expect("a report");
    assert_eq!((report.unsent, report.drafts, report.files), (0, 1, 0), "one thing that she has to settle");

    // Who works elsewhere sees none of it; who looks after all of it, all.
    let auditor = app.tenant().person("otto", Role::Auditor).await;
    assert_eq!(seen_by(&auditor).await, seen_by(&desk).await);
    assert_eq!(seen_by(&ana).await, seen_by(&desk).await);
    assert_eq!(devices(&app.engineer("ben").await, "").await, []);
    assert_eq!(devices(&app.another_tenant("rival").await.dispatcher("rita").await, "").await, []);
}

#[tokio::test]
async fn what_waits_on_a_phone_is_seen_with_its_age_and_the_phones_clock() {
    let app = TestApp::start().await;
    let (desk, _, mut phone, visit) = scene(&app).await;
    phone.note(visit.id, "one of ten");
    let minutes = |minutes: i64| minutes * 60_000;
    let says = |unsent| Outstanding { unsent, oldest_age_ms: minutes(90), drafts: 0, blobs: 2 };
    ask(&mut phone, |request| {
        request.outstanding = says(10);
        request.device_time.0 -= minutes(7);
    })
    .await;
    let report = seen_by(&desk).await.report.expect("a report");
    assert_eq!((report.unsent, report.files), (9, 2), "one of them came with the question");
    let age = report.reported_at - report.oldest_unsent_at.expect("it says so");
    assert_eq!((age.num_minutes(), report.clock_ahead_ms / 60_000), (90, -7), "seven minutes behind");
    let now = ServerTime(app.state().clock.now_ms());
    assert!(now.0 - report.reported_at.timestamp_millis() < minutes(1));

    // Nonsense is no more than nonsense.
    ask(&mut phone, |request| request.outstanding = Outstanding { oldest_age_ms: i64::MIN, ..says(u32::MAX) }).await;
    let report = seen_by(&desk).await.report.expect("a report");
    assert!(report.unsent > 1_000_000 && report.oldest_unsent_at <= Some(report.reported_at));
}

/// Lets the phone sync while everything it is sent of a ticket is spoilt, until it has given up.
async fn give_up(app: &TestApp, phone: &mut Phone, poisoned: TicketId, spoil: fn(&mut Enter)) {
    let signer = app.state().signer.clone();
    for _ in 0..6 {
        let exchanged = phone.exchange_altered(&signer, |reply| {
            for item in &mut reply.items {
                if let Item::Enter(enter) = item
                    && enter.ticket == poisoned
                {
                    spoil(enter);
                }
            }
        });
        exchanged.await;
    }
}

#[tokio::test]
async fn f23_what_does_not_open_on_a_phone_reaches_those_who_can_find_out_why() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let poisoned = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    let mut phone = ana.phone().await;
    give_up(&app, &mut phone, poisoned.ticket, |enter| enter.snapshot = b"<html>not a ticket</html>".repeat(40)).await;
    assert_eq!(phone.status().unreadable, [poisoned.ticket]);

    let device = seen_by(&desk).await;
    let [said] = &device.unreadable[..] else { panic!("one ticket, not {:?}", device.unreadable) };
    assert_eq!((said.ticket, said.failures, said.has_sample), (poisoned.ticket.0, 3, true));
    assert!(!said.detail.is_empty() && said.first_reported_at <= said.reported_at);
    let path = format!("/devices/{}/unreadable/{}", device.id, poisoned.ticket);
    let admin = app.admin().await;
    let sample = admin.get(&path).await;
    assert_eq!(sample.status, 200);
    assert_eq!(sample.body, b"<html>not a ticket</html>".repeat(40), "exactly what came");
    assert_eq!(sample.headers["content-disposition"], "attachment");
    assert_eq!(desk.get(&path).await.problem(403), "forbidden");
    let other = format!("/devices/{}/unreadable/{}", device.id, uuid::Uuid::now_v7());
    assert_eq!(admin.get(&other).await.problem(404), "not-found");
    let rival = app.another_tenant("rival").await;
    assert_eq!(rival.admin().await.get(&path).await.problem(404), "not-found");

    app.advance(Duration::from_secs(29 * 24 * 60 * 60));
    assert_eq!(forget_of_tenants(app.state()).await.expect("a round"), 0);
    app.advance(Duration::from_secs(2 * 24 * 60 * 60));
    assert_eq!(forget_of_tenants(app.state()).await.expect("a round"), 1);
    let admin = app.admin().await;
    assert_eq!(seen_by(&admin).await.unreadable, []);
    assert_eq!(admin.get(&path).await.problem(404), "not-found");
}

#[tokio::test]
async fn what_a_hostile_phone_says_of_tickets_stays_small_and_within_its_scope() {
    let app = TestApp::start().await;
    let (desk, _, mut phone, visit) = scene(&app).await;
    let hidden = desk.new_visit().assigned_to(&app.engineer("ben").await).save().await;
    app.settle().await;
    let says = |ticket, detail: String, sample| Unreadable { ticket, failures: u32::MAX, detail, sample };
    ask(&mut phone, |request| {
        request.unreadable = vec![
            says(hidden.ticket, "not hers".into(), vec![1]),
            says(TicketId(uuid::Uuid::now_v7()), "nobody's".into(), vec![2]),
            says(visit.ticket, "\0漏".repeat(10_000), vec![3; 200_000]),
        ];
    })
    .await;
    let device = seen_by(&desk).await;
    let [said] = &device.unreadable[..] else { panic!("one ticket, not {:?}", device.unreadable) };
    assert_eq!((said.ticket, said.failures, said.detail.as_str()), (visit.ticket.0, i32::MAX, &*"漏".repeat(500)));
    let path = format!("/devices/{}/unreadable/{}", device.id, visit.ticket);
    assert_eq!(app.admin().await.get(&path).await.body.len(), 64 << 10);

    // Who goes on and on is not listened to for ever.
    let unread = device.unreadable.clone();
    ask(&mut phone, |request| {
        let nobodys = |_| says(TicketId(uuid::Uuid::now_v7()), String::new(), vec![]);
        request.unreadable = (0..5000).map(nobodys).chain([says(visit.ticket, "at last".into(), vec![])]).collect();
    })
    .await;
    assert_eq!(seen_by(&desk).await.unreadable, unread);

    // Less is said of it later; what came stays.
    ask(&mut phone, |request| request.unreadable = vec![says(visit.ticket, String::new(), vec![])]).await;
    assert_eq!(app.admin().await.get(&path).await.body.len(), 64 << 10);
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
}

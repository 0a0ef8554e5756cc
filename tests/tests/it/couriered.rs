//! Phones that met where there was no network, and what becomes of the work that one hands in for the other.

use std::time::Duration;

use callout_server::ledger::{By, Desk, LedgerError};
use callout_server::tenancy::TenantTx;
use callout_tests::{Actor, Phone, TestApp, Visit, new_key};
use serde_json::json;
use sync_core::document::{FactBody, GrantRole};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{CERTIFICATE_LIFE_MS, Standing, SyncReply, SyncRequest};

use crate::offline::kinds;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A dispatcher, and two engineers on one visit, each with a phone that has it and is out of reach now.
struct Basement {
    app: TestApp,
    desk: Actor,
    visit: Visit,
    ana: Phone,
    ben: Phone,
}

impl Basement {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let (desk, ana, ben) = (app.dispatcher("dora").await, app.engineer("ana").await, app.engineer("ben").await);
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        join(&app, visit, &ben).await;
        app.settle().await;
        let (mut ana, mut ben) = (ana.phone().await, ben.phone().await);
        ana.online().await.offline();
        ben.online().await.offline();
        Self { app, desk, visit, ana, ben }
    }

    /// How often each kind of entry stands in the ticket.
    async fn count(&self, kind: &str) -> usize {
        kinds(&self.desk.ticket(self.visit).await).iter().filter(|one| **one == kind).count()
    }

    /// Days go by, and everybody's access token is a new one.
    async fn days_go_by(&mut self, days: u32) {
        self.app.advance(DAY * days);
        for actor in [&mut self.desk, &mut self.ana.owner, &mut self.ben.owner] {
            actor.try_refresh().await;
        }
    }

    async fn expect_all_well(&self) {
        assert_eq!(self.desk.quarantine().await, Vec::<serde_json::Value>::new());
        self.app.expect_nothing_lost(&[&self.ana, &self.ben]).await;
    }
}

/// A second engineer on the visit.
async fn join(app: &TestApp, visit: Visit, engineer: &Actor) {
    let (ledger, ctx, user) = (app.state().ledger.clone(), app.tenant().system(), engineer.user);
    let (by, now) = (By::caller(&ctx), ServerTime(app.clock().now_ms()));
    ctx.transact(async move |tx: &mut TenantTx| {
        let join = |desk: &mut Desk<'_>| desk.assign(visit.id, user, GrantRole::Crew, None).map(|_| ());
        ledger.edit::<_, LedgerError>(tx, visit.ticket, by, now, join).await
    })
    .await
    .expect("a second engineer");
}

/// This phone hands the server these batches of others, and nothing else.
async fn carries(courier: &Phone, batches: Vec<Vec<u8>>) -> SyncReply {
    let request = SyncRequest { couriered: batches, ..SyncRequest::new(courier.device.id, DeviceTime(0)) };
    let bytes = envelope::pack(&request.encode(), Effort::Quick);
    let body = courier.post(bytes.clone()).await.expect("an answer");
    courier.read_reply(&body, &bytes).expect("a signed reply")
}

/// One note after the other, each in a batch of its own.
fn notes(phone: &mut Phone, visit: Visit, count: usize) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    for n in 0..count {
        phone.note(visit.id, &format!("reading {n}"));
        batches = phone.intercept().1;
    }
    assert_eq!(batches.len(), count);
    batches
}

#[tokio::test]
async fn whoever_comes_up_first_hands_in_the_work_of_both() {
    let mut it = Basement::new().await;
    let visit = it.visit;
    it.ana.work(visit.id);
    it.ben.note(visit.id, "the valve was shut");
    let (report, other) = it.ana.meet(&mut it.ben).expect("a meeting");
    assert_eq!((report.taken, report.shared, other.taken), (1, 1, 1));
    let seen = it.ben.overlay(visit.ticket).expect("what Ana did");
    assert_eq!((seen.entries.len(), seen.waiting), (5, 0));
    assert!(seen.entries.iter().all(|entry| entry.author == it.ana.owner.user));
    assert_eq!(seen.state.status.to_string(), "done");
    // What Ben's own list says is what the server has admitted and what he did.
    assert_ne!(it.ben.tickets().next().expect("the ticket").status, seen.state.status);

    it.ben.online().await;
    assert_eq!((it.ben.status().carried, it.ben.status().unsent), (0, 0));
    let ticket = it.desk.ticket(visit).await;
    let by_ana =
        ticket["timeline"].as_array().unwrap().iter().filter(|fact| {
            fact["user_id"] == json!(it.ana.owner.user.0) && fact["device_id"] == json!(it.ana.device.id.0)
        });
    assert_eq!(by_ana.count(), 5, "{ticket:#}");
    it.app.settle().await;
    it.ben.online().await;
    assert!(it.ben.overlay(visit.ticket).is_none(), "it is part of the ticket now");

    // Her own phone comes up later: it is told that all of it is there.
    let rows = it.app.row_counts().await["ticket_change"];
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len(), it.ana.status().carried), (0, 0, 0));
    assert_eq!(it.app.row_counts().await["ticket_change"], rows);
    assert!(it.ana.overlay(visit.ticket).is_none(), "Ben's note came by the feed");
    let heads = |phone: &mut Phone| phone.look(visit.ticket, |sight| sight.ticket.doc.heads());
    assert_eq!(heads(&mut it.ana), heads(&mut it.ben));
    it.expect_all_well().await;
}

#[tokio::test]
async fn the_author_goes_on_wherever_a_courier_was_faster() {
    let mut it = Basement::new().await;
    let visit = it.visit;
    let batches = notes(&mut it.ana, visit, 4);
    // The last one first: it stands on the others, and stays with its courier as if it had never come.
    let before = it.app.row_counts().await;
    let reply = carries(&it.ben, vec![batches[3].clone(), batches[2].clone()]).await;
    assert_eq!((reply.acks.len(), reply.refused_couriered.len(), it.count("note").await), (0, 0, 0));
    let after = it.app.row_counts().await;
    for table in ["batch", "ticket_change", "quarantine", "fact", "outbox"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    // All at once and out of order: what can go in does, and the rest the next time.
    let reply = carries(&it.ben, vec![batches[2].clone(), batches[0].clone(), batches[1].clone()]).await;
    let acked: Vec<u64> = reply.acks.iter().map(|ack| ack.dev_seq).collect();
    assert_eq!(acked, [1, 2]);
    assert!(reply.acks.iter().all(|ack| ack.device == Some(it.ana.device.id) && ack.admitted == 1));
    // Twice, and by another courier too: the same answer.
    assert_eq!(carries(&it.ben, vec![batches[0].clone()]).await.acks, reply.acks[..1]);
    let cara = it.app.engineer("cara").await.phone().await;
    assert_eq!(carries(&cara, vec![batches[1].clone()]).await.acks, reply.acks[1..]);
    assert_eq!(it.count("note").await, 2);
    // Ana pushes all four herself: two are known, two are new, and she goes on counting.
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len(), it.count("note").await), (0, 0, 4));
    let reply = carries(&it.ben, vec![batches[3].clone()]).await;
    assert_eq!(reply.acks.iter().map(|ack| ack.dev_seq).collect::<Vec<_>>(), [4]);
    it.ana.note(visit.id, "and on");
    it.ana.online().await;
    assert_eq!((it.count("note").await, it.ana.status().unsent), (5, 0));
    it.expect_all_well().await;
}

#[tokio::test]
async fn a_later_batch_about_another_ticket_goes_in_and_leaves_a_gap_that_its_author_fills() {
    let mut it = Basement::new().await;
    let second = it.desk.new_visit().assigned_to(&it.ana.owner).save().await;
    it.app.settle().await;
    it.ana.online().await.offline();
    notes(&mut it.ana, it.visit, 2);
    it.ana.note(second.id, "of another ticket");
    let batches = it.ana.intercept().1;
    let reply = carries(&it.ben, vec![batches[2].clone()]).await;
    assert_eq!(reply.acks.iter().map(|ack| (ack.dev_seq, ack.admitted)).collect::<Vec<_>>(), [(3, 1)]);
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len(), it.count("note").await), (0, 0, 2));
    let notes = kinds(&it.desk.ticket(second).await).iter().filter(|kind| **kind == "note").count();
    assert_eq!(notes, 1, "once");
    it.expect_all_well().await;
}

#[tokio::test]
async fn work_that_its_author_began_to_count_anew_or_made_again_is_known_by_what_it_says() {
    let mut it = Basement::new().await;
    let visit = it.visit;
    it.ana.note(visit.id, "before");
    it.ana.forge(visit.id, FactBody::Cancel { reason: "not hers to say".into() });
    it.ana.note(visit.id, "after");
    it.ana.meet(&mut it.ben).expect("a meeting");
    // She is killed, counts anew, and is refused; what came after the refused one is made again.
    it.ana = it.ana.restart();
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len()), (0, 1));
    assert_eq!((it.count("note").await, it.desk.quarantine().await.len()), (2, 1));
    // Ben brings the same under its first number.
    it.ben.online().await;
    assert_eq!(it.ben.status().carried, 0);
    assert_eq!((it.count("note").await, it.desk.quarantine().await.len()), (2, 1), "nothing twice");
    it.app.settle().await;
    it.ana.online().await;
    it.ben.online().await;
    assert_eq!((it.ana.drafts().len(), it.ana.refused_elsewhere().len()), (1, 0));
    it.app.expect_nothing_lost(&[&it.ana, &it.ben]).await;
}

#[tokio::test]
async fn what_a_courier_brought_first_is_refused_to_its_author_as_if_she_had_brought_it() {
    let mut it = Basement::new().await;
    let visit = it.visit;
    it.ana.note(visit.id, "before");
    it.ana.forge(visit.id, FactBody::Cancel { reason: "not hers to say".into() });
    it.ana.note(visit.id, "after");
    it.ana.meet(&mut it.ben).expect("a meeting");
    it.ben.online().await;
    assert_eq!((it.count("note").await, it.ben.status().carried), (1, 0));
    // Killed in between: her batches have other numbers now.
    it.ana = it.ana.restart();
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len(), it.count("note").await), (0, 1, 2));
    let waiting = it.desk.quarantine().await;
    assert_eq!(waiting.len(), 1, "the refused one, once: {waiting:#?}");
    it.app.expect_nothing_lost(&[&it.ana, &it.ben]).await;
}

#[tokio::test]
async fn a_revoked_authors_work_is_set_aside_whoever_brings_it_and_after_seven_days_it_is_a_strangers() {
    for days in [1, 8] {
        let mut it = Basement::new().await;
        it.ana.note(it.visit.id, "the last word");
        it.ana.meet(&mut it.ben).expect("a meeting");
        let path = format!("/devices/{}/revoke", it.ana.device.id);
        it.app.admin().await.post(&path, &json!({})).await.expect(200);
        it.days_go_by(days).await;
        it.ben.online().await;
        assert_eq!((it.ben.status().carried, it.count("note").await), (0, 0));
        let waiting = it.desk.quarantine().await;
        match days {
            1 => assert_eq!((waiting.len(), &waiting[0]["code"]), (1, &json!("revoked"))),
            _ => assert_eq!(waiting.len(), 0),
        }
    }
}

#[tokio::test]
async fn a_forged_batch_one_of_another_company_and_a_couriers_own_leave_no_trace() {
    let mut it = Basement::new().await;
    it.ana.note(it.visit.id, "genuine");
    let batches = it.ana.intercept().1;
    it.ben.note(it.visit.id, "his own");
    let own = it.ben.intercept().1;
    let elsewhere = it.app.another_tenant("other").await;
    let (desk, eve) = (elsewhere.dispatcher("dirk").await, elsewhere.engineer("eve").await);
    let theirs = desk.new_visit().assigned_to(&eve).save().await;
    it.app.settle().await;
    let mut eve = eve.phone().await;
    eve.online().await.offline().note(theirs.id, "of another company");
    let foreign = eve.intercept().1;
    let mut forged = batches[0].clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let before = it.app.row_counts().await;
    let bad = vec![forged.clone(), foreign[0].clone(), own[0].clone(), vec![0xff; 40], Vec::new()];
    let reply = carries(&it.ben, bad).await;
    assert_eq!((reply.acks.len(), reply.refused_couriered.len()), (0, 5), "{:?}", reply.refused_couriered);
    let codes: Vec<(u32, &str)> = reply.refused_couriered.iter().map(|one| (one.position, one.code.as_str())).collect();
    for position in 1..5 {
        assert!(codes.contains(&(position, "no_author")), "{codes:?}");
    }
    // Carried by a phone of another company it is as unknown as any.
    assert_eq!(carries(&eve, batches.clone()).await.refused_couriered[0].code, "no_author");
    let after = it.app.row_counts().await;
    for table in ["batch", "device_session", "ticket_change", "quarantine", "fact", "outbox"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    assert_eq!(carries(&it.ben, batches).await.acks.len(), 1, "the genuine one is taken all the same");
    it.ana.online().await;
    it.ben.online().await;
    assert_eq!(it.count("note").await, 2);
    it.expect_all_well().await;
}

#[tokio::test]
async fn what_an_author_never_brings_a_dispatcher_sees_after_two_weeks_and_nothing_is_lost_if_he_comes_after_all() {
    let mut it = Basement::new().await;
    let batches = notes(&mut it.ana, it.visit, 2);
    it.days_go_by(13).await;
    let reply = carries(&it.ben, vec![batches[1].clone()]).await;
    assert_eq!((reply.acks.len(), reply.refused_couriered.len()), (0, 0));
    it.days_go_by(2).await;
    let reply = carries(&it.ben, vec![batches[1].clone()]).await;
    assert_eq!(reply.acks.iter().map(|ack| (ack.dev_seq, ack.admitted)).collect::<Vec<_>>(), [(2, 0)]);
    let waiting = it.desk.quarantine().await;
    assert_eq!((waiting.len(), &waiting[0]["device_id"]), (1, &json!(it.ana.device.id.0)));
    // Ana was on holiday. Her phone still has both.
    it.ana.online().await;
    it.app.settle().await;
    it.ana.online().await;
    assert_eq!((it.ana.status().unsent, it.ana.drafts().len()), (0, 0));
    assert_eq!(it.count("note").await, 2);
    it.expect_all_well().await;
}

#[tokio::test]
async fn a_certificate_comes_with_sync_is_renewed_in_time_and_not_for_the_revoked() {
    let mut it = Basement::new().await;
    let first = it.ana.certificate().expect("with the first sync");
    assert_eq!((first.device, first.user, first.tenant), (it.ana.device.id, it.ana.owner.user, it.app.tenant().id));
    assert_eq!((first.role.as_str(), first.expires.0 - first.issued.0), ("engineer", CERTIFICATE_LIFE_MS));
    it.days_go_by(14).await;
    it.ana.online().await;
    assert_eq!(it.ana.certificate().expect("still good"), first);
    it.days_go_by(2).await;
    it.ana.online().await;
    assert!(it.ana.certificate().expect("a new one").expires > first.expires);
    // One that has not been heard of for a month is told to sync; so is the one who meets it.
    it.days_go_by(16).await;
    let told = it.ben.certificate().expect_err("over").to_string();
    assert!(told.contains("by this phone's clock"), "{told}");
    assert!(it.ana.meet(&mut it.ben).is_err());
    let path = format!("/devices/{}/revoke", it.ana.device.id);
    it.app.admin().await.post(&path, &json!({})).await.expect(200);
    it.ana.online().await;
    assert_eq!(it.ana.status().standing, Standing::PushOnly);
    assert_eq!(it.ana.certificate().expect_err("revoked").to_string(), "this phone is no longer admitted");
}

#[tokio::test]
async fn her_second_phone_is_a_colleagues_phone_and_a_copy_of_the_first_is_not() {
    let mut it = Basement::new().await;
    let session = it.app.tenant().sign_in_again(&it.ana.owner).await;
    let device = session.enrol(&new_key()).await;
    let mut second = Phone::in_own_directory(session, device, it.app.clock(), 2);
    second.online().await.offline();
    it.ana.note(it.visit.id, "from the first");
    assert_eq!(it.ana.meet(&mut second).expect("a meeting").1.taken, 1);
    let mut copy = it.ana.restored_from_backup(3);
    assert!(it.ana.meet(&mut copy).expect_err("herself").to_string().contains("is this one"));
    second.online().await;
    it.ana.online().await;
    assert_eq!(it.count("note").await, 1);
    it.expect_all_well().await;
}

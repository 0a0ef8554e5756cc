//! Wishes to take a ticket that are strange, late, withdrawn or sent twice, and phones that were away meanwhile.

use callout_tests::Phone;
use serde_json::json;
use sync_core::ids::IntentId;
use sync_core::replica::TakeState;
use sync_core::time::DeviceTime;
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Intent, IntentOutcome, SyncRequest};
use uuid::Uuid;

use super::area::{Area, no_skills};
use super::pool::refused;

fn wish(kind: &str, ticket: Option<sync_core::ids::TicketId>, payload: &[u8], made_at: i64) -> Intent {
    let (id, kind, made_at) = (IntentId(Uuid::new_v4()), kind.to_owned(), DeviceTime(made_at));
    Intent { id, kind, ticket, payload: payload.to_vec(), made_at }
}

/// What the server answers to wishes that no app of ours would send.
async fn told(phone: &Phone, wishes: Vec<Intent>) -> Vec<(IntentOutcome, String)> {
    let request = SyncRequest { intents: wishes, ..SyncRequest::new(phone.device.id, DeviceTime(MONTH_MS)) };
    let request = envelope::pack(&request.encode(), Effort::Quick);
    let body = phone.post(request.clone()).await.expect("an answer");
    let reply = phone.read_reply(&body, &request).expect("a signed reply");
    reply.answers.into_iter().map(|answer| (answer.outcome, answer.code)).collect()
}

/// What the clock of such a phone shows.
const MONTH_MS: i64 = 30 * 24 * 3_600_000;

#[tokio::test]
async fn wishes_that_make_no_sense_are_answered_and_change_nothing() {
    let area = Area::new().await;
    let phone = area.engineer("ana", (0.0, 0.0), no_skills()).await.phone().await;
    let wanted = area.pooled().await;
    let globex = area.app.another_tenant("globex").await;
    let foreign = area.visit_of(&globex, &globex.dispatcher("sam").await, (0.0, 0.0)).await;
    let (ticket, now) = (Some(wanted.ticket), MONTH_MS);
    let other_visit = format!(r#"{{"visit":"{}"}}"#, foreign.visit);
    let wishes = vec![
        wish("take", None, b"", now),
        wish("take", ticket, b"\xff{", now),
        wish("take", ticket, br#"{"visit":7}"#, now),
        wish("take", ticket, &[b' '; 2_000], now),
        wish("take", Some(foreign.ticket), b"", now),
        wish("take", Some(sync_core::ids::TicketId(Uuid::nil())), b"", now),
        wish("take", ticket, other_visit.as_bytes(), now),
        wish("take", ticket, b"", now - 8 * 24 * 3_600_000),
        wish("take", ticket, b"", i64::MIN),
        wish("take", ticket, br#"{"withdrawn":true}"#, now),
        wish("create_ticket", None, b"{}", now),
    ];
    let codes = [
        "malformed",
        "malformed",
        "malformed",
        "malformed",
        "not_in_pool",
        "not_in_pool",
        "not_in_pool",
        "too_old",
        "too_old",
        "withdrawn",
        "not_offered",
    ];
    let refused = codes.map(|code| (IntentOutcome::Refused, code.to_owned()));
    assert_eq!(told(&phone, wishes.clone()).await, refused);
    assert_eq!(told(&phone, wishes).await, refused, "the same again is the same");
    assert_eq!(area.holders(wanted).await, []);

    // One wish twice in a request is decided once; too many are decided later.
    let once = wish("take", ticket, br#"{"later":"apps may say more"}"#, i64::MAX);
    let twice = told(&phone, vec![once.clone(), once.clone()]).await;
    assert_eq!(twice, vec![(IntentOutcome::Granted, "granted".to_owned()); 2]);
    assert_eq!(area.holders(wanted).await.len(), 1);
    let many: Vec<Intent> = (0..30).map(|_| wish("take", ticket, b"", now)).collect();
    let many = told(&phone, many).await;
    assert!(
        many[..20].iter().all(|answer| *answer == (IntentOutcome::Granted, "already_yours".to_owned())),
        "{many:?}"
    );
    assert!(many[20..].iter().all(|(outcome, _)| *outcome == IntentOutcome::UnderWay), "{many:?}");
}

#[tokio::test]
async fn a_wish_can_be_withdrawn_until_it_is_decided() {
    let area = Area::new().await;
    let mut phone = area.engineer("ana", (0.0, 0.0), no_skills()).await.phone().await;
    let wanted = area.pooled().await;
    phone.online().await;
    let unsent = phone.offline().take(wanted.ticket);
    phone.withdraw(unsent);
    assert_eq!(phone.takes(), [], "it never left the phone");

    // It was in a request of which nobody knows whether it arrived: it did not.
    let lost = phone.take(wanted.ticket);
    let (late, _) = phone.intercept();
    phone.withdraw(lost);
    assert_eq!(phone.took(lost), Some(TakeState::Withdrawing));
    let mut phone = phone.restart();
    phone.online().await;
    assert_eq!(phone.took(lost), None);
    phone.post(late).await.expect("an answer to what comes late");
    assert_eq!(area.holders(wanted).await, [], "what was withdrawn stays so");

    // And once it did.
    let decided = phone.take(wanted.ticket);
    let (request, _) = phone.intercept();
    phone.post(request).await.expect("an answer that nobody hears");
    phone.withdraw(decided);
    phone.online().await;
    assert_eq!(phone.took(decided), Some(TakeState::Granted), "too late: it is hers");
}

#[tokio::test]
async fn a_phone_that_was_revoked_takes_nothing() {
    let area = Area::new().await;
    let mut phone = area.engineer("ana", (0.0, 0.0), no_skills()).await.phone().await;
    let wanted = area.pooled().await;
    phone.online().await;
    let wish = phone.offline().take(wanted.ticket);
    let device = phone.device.id;
    area.app.admin().await.post(&format!("/devices/{device}/revoke"), &json!({})).await.expect_success();
    phone.online().await;
    assert!(refused("not_allowed", &phone, wish), "{:?}", phone.takes());
    assert_eq!(area.holders(wanted).await, []);
}

#[tokio::test]
async fn a_year_away_and_a_lost_answer_come_to_the_same_cards() {
    let area = Area::new().await;
    let ana = area.engineer("ana", (0.0, 0.0), no_skills()).await;
    let mut phone = ana.phone().await;
    let kept = area.pooled().await;
    phone.online().await;
    let backup = phone.restored_from_backup(2);
    let mut database = area.app.database().superuser().await;
    let gone = area.pooled().await;
    area.up_to_date(&mut phone).await;
    area.dora.post(&format!("/tickets/{}/cancel", gone.ticket), &json!({ "reason": "x" })).await.expect_success();
    area.app.relayed().await;
    // The answer that takes the card away is lost, and comes with the next.
    let (request, _) = phone.intercept();
    phone.post(request).await.expect("an answer that nobody hears");
    assert!(phone.is_offered(gone.ticket));
    phone.online().await;
    assert_eq!(phone.offers().len(), 1);

    // What was withdrawn long ago is forgotten: who missed it gets everything anew.
    sqlx::query("update pool_reader set complete_from = revision").execute(&mut database).await.expect("an update");
    sqlx::query("delete from pool_offer where is_gone").execute(&mut database).await.expect("a deletion");
    let mut backup = backup;
    backup.online().await;
    assert_eq!((backup.offers().len(), backup.is_offered(kept.ticket)), (1, true));
    for phone in [&mut phone, &mut backup] {
        let (request, _) = phone.intercept();
        let body = phone.post(request.clone()).await.expect("an answer");
        let reply = phone.read_reply(&body, &request).expect("a signed reply");
        assert!(reply.items.is_empty(), "nothing new is nothing: {:?}", reply.items);
    }
}

#[tokio::test]
async fn a_server_that_was_restored_sends_its_own_pool() {
    let area = Area::new().await;
    let mut phone = area.engineer("ana", (0.0, 0.0), no_skills()).await.phone().await;
    let before = area.pooled().await;
    let (area, backup) = area.back_up().await;
    let since = area.pooled().await;
    area.up_to_date(&mut phone).await;
    assert_eq!(phone.offers().len(), 2);
    let area = area.restore(backup).await;
    phone.online().await;
    area.up_to_date(&mut phone).await;
    assert_eq!(
        (phone.offers().len(), phone.is_offered(before.ticket), phone.is_offered(since.ticket)),
        (1, true, false)
    );
}

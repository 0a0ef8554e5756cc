//! What a phone asks of the server besides its feed: repair, review, the rows beside its tickets. And what the server
//! makes of requests that no phone of ours would send.

use callout_tests::phone::MEDIA_TYPE;
use callout_tests::{Actor, Answer, Phone, TestApp, Visit};
use reqwest::{Method, header};
use serde_json::{Value, json};
use sync_core::command::{Stamp, TicketView};
use sync_core::document::{Fact, FactBody};
use sync_core::ids::{FactId, IntentId, Sha256Hash, TicketId};
use sync_core::time::{DeviceTime, Hlc};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    Budget, HeldDocument, Intent, IntentOutcome, Item, LeaveReason, NoticeDecision, ScopeAnswer, ScopeDigest,
    SyncReply, SyncRequest, Unreadable, intent,
};
use uuid::Uuid;

/// A dispatcher, an engineer with a phone, and so many visits of hers on it.
async fn scene(app: &TestApp, visits: usize) -> (Actor, Actor, Phone, Vec<Visit>) {
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let mut hers = Vec::new();
    for _ in 0..visits {
        hers.push(desk.new_visit().assigned_to(&ana).save().await);
    }
    // So that the feed does not bring again what the first sync brings.
    app.settle().await;
    let mut phone = ana.phone().await;
    phone.online().await;
    (desk, ana, phone, hers)
}

/// Asks as the phone would that has read its feed to the end.
pub async fn ask(phone: &mut Phone, with: impl FnOnce(&mut SyncRequest)) -> SyncReply {
    let (usual, _) = phone.intercept();
    let usual = envelope::unpack(&usual, 1 << 20).expect("an envelope");
    let mut request = SyncRequest::decode(&usual).expect("a request");
    with(&mut request);
    let bytes = envelope::pack(&request.encode(), Effort::Quick);
    let body = phone.post(bytes.clone()).await.expect("an answer");
    phone.read_reply(&body, &bytes).expect("a signed reply")
}

/// What the server would have a phone hold: learnt by asking from nothing.
async fn held(phone: &mut Phone) -> Vec<HeldDocument> {
    let reply = ask(phone, |request| request.cursor = Default::default()).await;
    let entered = reply.items.iter().filter_map(|item| match item {
        Item::Enter(entered) => Some(HeldDocument::new(entered.ticket, &entered.heads)),
        _ => None,
    });
    entered.collect()
}

fn entered(reply: &SyncReply) -> Vec<TicketId> {
    let tickets = reply.items.iter().filter_map(|item| match item {
        Item::Enter(entered) => Some(entered.ticket),
        _ => None,
    });
    tickets.collect()
}

#[tokio::test]
async fn a_ticket_that_does_not_open_is_sent_again_whole_and_only_to_those_who_may_see_it() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visits) = scene(&app, 2).await;
    let ben = app.engineer("ben").await;
    let not_hers = desk.new_visit().assigned_to(&ben).save().await;
    app.settle().await;
    let failed = |ticket| Unreadable { ticket, failures: 1, detail: "damaged".into(), sample: vec![1, 2, 3] };
    let reply = ask(&mut phone, |request| {
        // Said twice is still one answer.
        request.unreadable = vec![failed(visits[0].ticket), failed(not_hers.ticket), failed(visits[0].ticket)];
    })
    .await;
    assert_eq!(entered(&reply), [visits[0].ticket]);
    assert!(reply.items.iter().any(|item| matches!(item, Item::Reference(_))), "with the rows beside it");
}

#[tokio::test]
async fn equal_scopes_are_told_by_a_digest_and_different_ones_repaired_ticket_by_ticket() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visits) = scene(&app, 3).await;
    let ben = app.engineer("ben").await;
    let not_hers = desk.new_visit().assigned_to(&ben).save().await.ticket;
    app.settle().await;
    let right = held(&mut phone).await;
    assert_eq!(right.len(), 3);

    let digest = ScopeDigest::over(right.clone());
    assert_eq!(ask(&mut phone, |request| request.scope = Some(digest)).await.scope, Some(ScopeAnswer::Same));
    let digest = ScopeDigest::over(right[1..].to_vec());
    assert_eq!(ask(&mut phone, |request| request.scope = Some(digest)).await.scope, Some(ScopeAnswer::Differs));

    // One is missing, one has other heads, one is not hers, one is right.
    let stale = HeldDocument::new(right[1].ticket, &[Sha256Hash::of(b"another history")]);
    let foreign = HeldDocument::new(not_hers, &[]);
    let reply = ask(&mut phone, |request| request.held = vec![stale, foreign, right[2]]).await;
    let mut expected = vec![right[0].ticket, right[1].ticket];
    expected.sort_unstable();
    assert_eq!((entered(&reply), reply.scope), (expected, None));
    let left = Item::Leave { ticket: not_hers, reason: LeaveReason::Other };
    assert!(reply.items.contains(&left), "it learns nothing of the foreign ticket but that it is not hers");

    // What does not fit in one reply is repaired by the next.
    let reply = ask(&mut phone, |request| {
        (request.held, request.budget) = (vec![right[2]], Budget { bytes: 1, documents: 0 });
    })
    .await;
    assert_eq!((entered(&reply).len(), reply.scope), (1, Some(ScopeAnswer::Differs)));
    assert_eq!(visits.len(), 3);
}

/// An entry for the visit's ticket that was never sent.
fn an_entry(phone: &mut Phone, visit: Visit) -> Fact {
    phone.look(visit.ticket, |sight| {
        let id = FactId(Uuid::now_v7());
        let stamp = Stamp { id, wall: DeviceTime(1), hlc: Hlc::default(), place: None };
        let view: &TicketView<'_> = &sight.ticket;
        sync_core::command::accept(view, &sight.author, stamp, visit.id).expect("hers to accept")
    })
}

fn wish(fact: &Fact, ticket: TicketId) -> Intent {
    let (id, kind) = (IntentId(fact.id.0), intent::REVIEW.to_owned());
    Intent { id, kind, ticket: Some(ticket), payload: fact.to_bytes(), made_at: DeviceTime(1) }
}

#[tokio::test]
async fn what_a_phone_cannot_say_any_more_is_seen_by_a_dispatcher_once() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visits) = scene(&app, 1).await;
    let fact = an_entry(&mut phone, visits[0]);
    let review = wish(&fact, visits[0].ticket);
    for _ in 0..3 {
        let reply = ask(&mut phone, |request| request.intents = vec![review.clone()]).await;
        assert_eq!((reply.answers[0].id, reply.answers[0].outcome), (review.id, IntentOutcome::Granted));
    }
    let waiting = desk.quarantine().await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (&waiting[0]["fact_id"], &waiting[0]["fact_kind"], &waiting[0]["code"], &waiting[0]["user_id"]),
        (&json!(fact.id.0), &json!("accept"), &json!("not_made_again"), &json!(ana.user.0))
    );
}

#[tokio::test]
async fn wishes_that_make_no_sense_are_refused_one_by_one() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visits) = scene(&app, 1).await;
    let fact = an_entry(&mut phone, visits[0]);
    let good = wish(&fact, visits[0].ticket);
    let garbled = Intent { id: IntentId(Uuid::now_v7()), payload: vec![0xff; 40], ..good.clone() };
    let renamed = Intent { id: IntentId(Uuid::now_v7()), ..good.clone() };
    let homeless = Intent { ticket: None, ..good.clone() };
    let unknown = Intent { id: IntentId(Uuid::now_v7()), kind: "moon".repeat(100), ..good.clone() };
    let reply = ask(&mut phone, |request| request.intents = vec![garbled, renamed, homeless, unknown, good]).await;
    let said: Vec<(IntentOutcome, &str)> =
        reply.answers.iter().map(|answer| (answer.outcome, answer.code.as_str())).collect();
    use IntentOutcome::{Granted, Refused};
    let malformed = (Refused, "malformed");
    assert_eq!(said, [malformed, malformed, malformed, (Refused, "not_offered"), (Granted, "for_review")]);
    assert_eq!(desk.quarantine().await.len(), 1);

    // Nobody fills the server's memory or a dispatcher's list in one request.
    let many: Vec<Intent> = (0..300)
        .map(|_| {
            let fact = Fact { id: FactId(Uuid::now_v7()), ..fact.clone() };
            wish(&fact, visits[0].ticket)
        })
        .collect();
    let reply = ask(&mut phone, |request| request.intents = many).await;
    let under_way = reply.answers.iter().filter(|answer| answer.outcome == IntentOutcome::UnderWay).count();
    assert_eq!((reply.answers.len(), under_way), (300, 100));
}

#[tokio::test]
async fn a_dispatcher_reads_what_was_set_aside_and_its_author_hears_what_became_of_it() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visits) = scene(&app, 2).await;
    phone.offline();
    for visit in &visits {
        phone.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() });
    }
    phone.online().await;
    let waiting = desk.quarantine().await;
    assert_eq!((waiting.len(), phone.drafts().len()), (2, 2));

    for (one, settlement) in waiting.iter().zip(["dismissed", "entered"]) {
        let path = format!("/quarantine/{}", one["quarantine_id"].as_str().unwrap());
        let shown = desk.get(&path).await.expect(200).json();
        assert_eq!(
            (&shown["content"]["reason"], &shown["code"]),
            (&json!("not-hers-to-say"), &json!("desk_only")),
            "{shown}"
        );
        desk.post(&format!("{path}/settle"), &json!({ "settlement": settlement })).await.expect(200);
    }
    phone.online().await;
    let drafts = phone.drafts();
    assert_eq!(drafts.len(), 1, "what was entered at the desk is nobody's draft any more");
    assert_eq!(
        (json!(drafts[0].fact.id.0), drafts[0].decision),
        (waiting[0]["fact_id"].clone(), NoticeDecision::Rejected)
    );
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn a_phone_knows_where_to_go_and_whom_to_ask_for_and_hears_of_corrections() {
    let app = TestApp::start().await;
    let (desk, ana, mut phone, visits) = scene(&app, 2).await;
    let ticket = desk.ticket(visits[0]).await;
    let site = ticket["site_id"].as_str().unwrap().to_owned();
    let id = sync_core::ids::SiteId(site.parse().unwrap());
    assert_eq!(phone.site(id).unwrap().address, "1 Main Street");

    let path = format!("/sites/{site}");
    let known = desk.get(&path).await.expect(200);
    let mut corrected = known.json();
    let etag = known.header("etag").to_owned();
    for read_only in ["site_id", "version", "created_at", "archived_at", "is_located"] {
        corrected.as_object_mut().unwrap().remove(read_only);
    }
    corrected["address"] = json!("2 Back Yard");
    Answer::of(desk.request(Method::PUT, &path).header("if-match", etag).json(&corrected)).await.expect(200);
    let contact = json!({ "name": "Ms Lin", "phone": "+49 30 1234567", "email": null, "note": "rings at the back" });
    desk.post(&format!("{path}/contacts"), &contact).await.expect(201);
    app.settle().await;
    phone.online().await;
    let seen = phone.site(id).unwrap();
    assert_eq!((seen.address.as_str(), seen.contacts[0].name.as_str()), ("2 Back Yard", "Ms Lin"));

    // It moves to another site, and then the customer becomes known.
    let customer = desk.post("/customers", &json!({ "name": "Lin & Sons", "tier": "gold", "locale": "zh-CN" })).await;
    let customer = customer.expect(201).json()["customer_id"].clone();
    desk.edit(visits[0], "customer_id", Value::Null, customer.clone()).await;
    app.settle().await;
    phone.online().await;
    let customer = sync_core::ids::CustomerId(customer.as_str().unwrap().parse().unwrap());
    assert_eq!(phone.customer(customer).unwrap().name, "Lin & Sons");

    // The address of a place that is none of hers any more is not kept.
    let ben = app.engineer("ben").await;
    desk.reassign(desk.assignment_of(visits[0]).await, &ben).await;
    app.settle().await;
    phone.online().await;
    assert!(phone.ticket_of(visits[0].id).is_none());
    assert_eq!((phone.site(id), phone.customer(customer)), (None, None));
    assert!(phone.ticket_of(visits[1].id).is_some(), "{}", ana.email);
}

#[tokio::test]
async fn what_is_not_a_sync_request_is_a_problem_and_changes_nothing() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visits) = scene(&app, 1).await;
    let ben = app.engineer("ben").await;
    phone.offline().note(visits[0].id, "kept");
    let (request, _) = phone.intercept();
    let send_as = |who: Actor, body: Vec<u8>| async move {
        Answer::of(who.request(Method::POST, "/sync").header(header::CONTENT_TYPE, MEDIA_TYPE).body(body)).await
    };
    assert_eq!(send_as(ben, request.clone()).await.problem(403), "other-device", "his session is not her phone's");
    let send = |body: Vec<u8>| send_as(phone.owner.clone(), body);
    for cut in [0, 1, request.len() / 2, request.len() - 1] {
        assert_eq!(send(request[..cut].to_vec()).await.problem(400), "malformed-sync", "cut at {cut}");
    }
    assert_eq!(send(b"<html>captive portal</html>".to_vec()).await.problem(400), "malformed-sync");
    // A few kilobytes that would be 256 MB.
    let bomb = envelope::pack(&vec![0; 256 << 20], Effort::Quick);
    assert!(bomb.len() < 64 << 10);
    assert_eq!(send(bomb).await.problem(400), "malformed-sync");
    assert_eq!(send(vec![7; 64 << 20]).await.status, 413);
    assert_eq!(desk.ticket(visits[0]).await["timeline"].as_array().unwrap().len(), 1, "the assignment alone");
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn what_was_set_aside_of_one_phone_is_told_to_all_phones_of_its_user_and_what_was_decided_too() {
    let app = TestApp::start().await;
    let (desk, ana, mut first, visits) = scene(&app, 2).await;
    let mut second = app.tenant().sign_in_again(&ana).await.phone().await;
    second.online().await;
    let ben = app.engineer("ben").await;
    desk.new_visit().assigned_to(&ben).save().await;
    let mut stranger = ben.phone().await;
    stranger.online().await;
    let refused: Vec<FactId> = visits
        .iter()
        .map(|visit| first.forge(visit.id, FactBody::Cancel { reason: "not-hers-to-say".into() }))
        .collect();
    first.note(visits[0].id, "what stands on it comes in by itself and is nobody's news");
    first.online().await;
    app.settle().await;
    second.online().await;
    let told = |phone: &mut Phone| {
        let mut told: Vec<_> =
            phone.refused_elsewhere().into_iter().map(|one| (one.fact, one.code, one.decision)).collect();
        told.sort_by_key(|one| one.0);
        told
    };
    let expect =
        |decision: NoticeDecision| refused.iter().map(|fact| (*fact, "desk_only".to_owned(), decision)).collect();
    let mut waiting: Vec<_> = expect(NoticeDecision::Waiting);
    waiting.sort_by_key(|one| one.0);
    assert_eq!(told(&mut second), waiting);
    assert_eq!((first.drafts().len(), told(&mut first)), (2, vec![]), "where it was done it is a draft");
    // One that begins later hears of it too; somebody else does not.
    let mut third = app.tenant().sign_in_again(&ana).await.phone().await;
    third.online().await;
    assert_eq!(told(&mut third), waiting);
    stranger.online().await;
    assert_eq!(told(&mut stranger), vec![]);

    for (one, settlement) in desk.quarantine().await.iter().zip(["entered", "dismissed"]) {
        let path = format!("/quarantine/{}/settle", one["quarantine_id"].as_str().unwrap());
        desk.post(&path, &json!({ "settlement": settlement })).await.expect(200);
    }
    app.settle().await;
    let dismissed = desk.get("/quarantine?settled=true&limit=500").await.json();
    let dismissed = dismissed["items"].as_array().unwrap().iter().find(|one| one["settlement"] == "dismissed").unwrap();
    let dismissed = FactId(dismissed["fact_id"].as_str().unwrap().parse().unwrap());
    for phone in [&mut second, &mut third] {
        phone.online().await;
        let told = told(phone);
        assert_eq!(told, vec![(dismissed, "desk_only".to_owned(), NoticeDecision::Rejected)]);
    }
    // It survives the app, until she has seen it.
    let mut second = second.restart();
    assert_eq!(told(&mut second).len(), 1);
    second.settle_notice(dismissed);
    second.online().await;
    assert_eq!(told(&mut second), vec![]);
    app.expect_nothing_lost(&[&first]).await;
}

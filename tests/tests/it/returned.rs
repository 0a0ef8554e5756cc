//! What a phone gives back to a restored server is believed on its voucher alone: everything else leaves no trace, and
//! holds up nobody's work.

use callout_tests::{Phone, TestApp, Visit};
use serde_json::json;
use sync_core::ids::TicketId;
use sync_core::time::DeviceTime;
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Enter, Item, Returned, SyncReply, SyncRequest};

/// On the phones' clocks, which nothing here depends on.
const NOON: DeviceTime = DeviceTime(1_800_000_000_000);

/// A server that lost its last hours, and a phone that has not given back yet what it knows of them.
struct Scene {
    app: TestApp,
    /// Known to the backup, and edited after it.
    old: Visit,
    /// Made after the backup.
    lost: Visit,
    /// What the honest phone is about to give back.
    honest: Vec<Returned>,
    /// What the restored server would send itself.
    known: Vec<Returned>,
    /// Another engineer's phone, with work of its own to send.
    bo: Phone,
    work: Visit,
}

async fn scene() -> Scene {
    let app = TestApp::start().await;
    let (desk, ana, bo) = (app.dispatcher("dora").await, app.engineer("ana").await, app.engineer("bo").await);
    let old = desk.new_visit().assigned_to(&ana).save().await;
    let work = desk.new_visit().assigned_to(&bo).save().await;
    let (mut hers, mut his) = (ana.phone().await, bo.phone().await);
    his.online().await;
    hers.online().await;
    let (app, backup) = app.back_up().await;
    desk.edit(old, "priority", json!(3), json!(1)).await;
    app.settle().await;
    hers.online().await;
    let lost = desk.new_visit().assigned_to(&ana).save().await;
    app.settle().await;
    hers.online().await;
    desk.edit(lost, "priority", json!(3), json!(2)).await;
    app.settle().await;
    hers.online().await;
    let app = app.restore(backup).await;
    his.online().await;
    // She hears of the new server, and what she would say next is read from the wire.
    hers.exchange().await;
    let (request, _) = hers.intercept();
    let honest = envelope::unpack(&request, 64 << 20).expect("an envelope of our own");
    let honest = SyncRequest::decode(&honest).expect("a request of our own").returned;
    let of = |ticket: TicketId| honest.iter().filter(|one| one.ticket == ticket).count();
    assert_eq!((of(old.ticket), of(lost.ticket)), (1, 2), "an edit; a ticket, and an edit of that");
    let known = vouched(&hers).await;
    assert_eq!(known.iter().map(|one| one.ticket).collect::<Vec<_>>(), [old.ticket]);
    Scene { app, old, lost, honest, known, bo: his, work }
}

/// The documents that the server vouches for to whoever asks from the beginning.
async fn vouched(phone: &Phone) -> Vec<Returned> {
    let asked = phone.request_with(Vec::new());
    let told = phone.post(asked.clone()).await.expect("an answer");
    let entered =
        phone.read_reply(&told, &asked).expect("a signed reply").items.into_iter().filter_map(|item| match item {
            Item::Enter(entered) => Some(entered),
            _ => None,
        });
    let returned = |Enter { ticket, snapshot, document_key, voucher, .. }| Returned {
        ticket,
        bytes: snapshot,
        document_key: Some(document_key),
        voucher,
    };
    entered.map(returned).collect()
}

impl Scene {
    /// Bo notes something, and his request carries these as well. Everything of his own is taken, whatever they are.
    async fn give_back(&mut self, what: &str, returned: Vec<Returned>) -> SyncReply {
        self.bo.note(self.work.id, what);
        let (_, batches) = self.bo.intercept();
        let (sent, device) = (batches.len(), self.bo.device.id);
        let request = SyncRequest { batches, returned, ..SyncRequest::new(device, NOON) };
        let request = envelope::pack(&request.encode(), Effort::Quick);
        let body = self.bo.post(request.clone()).await.unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        let reply = self.bo.read_reply(&body, &request).expect("a signed reply");
        assert_eq!((reply.acks.len(), reply.rejects.len()), (sent, 0), "{what}");
        assert!(reply.acks.iter().all(|ack| ack.admitted == 1), "{what}: {:?}", reply.acks);
        reply
    }

    /// The stored changes of the two tickets that are spoken of, and what waits for its base.
    async fn kept(&self) -> (i64, i64, i64) {
        let mut database = self.app.database().superuser().await;
        let mut count = async |question: &'static str, ticket: TicketId| -> i64 {
            sqlx::query_scalar(question).bind(ticket.0).fetch_one(&mut database).await.expect("a count")
        };
        (
            count("select count(*) from ticket_change where ticket_id = $1", self.old.ticket).await,
            count("select count(*) from ticket_change where ticket_id = $1", self.lost.ticket).await,
            count(
                "select count(*) from returned_change where ticket_id is distinct from $1",
                TicketId(uuid::Uuid::nil()),
            )
            .await,
        )
    }
}

#[tokio::test]
async fn what_bears_no_voucher_of_this_server_leaves_no_trace_and_holds_up_nobody() {
    let mut scene = Box::pin(scene()).await;
    let before = scene.kept().await;
    // Each that this makes something else of.
    let all = |change: &dyn Fn(&mut Returned)| {
        let mut forged = scene.honest.clone();
        forged.iter_mut().for_each(change);
        forged.retain(|one| !scene.honest.contains(one));
        assert!(!forged.is_empty());
        forged
    };
    let (old, lost) = (scene.old.ticket, scene.lost.ticket);
    let mut hostile = vec![
        ("the voucher is missing", all(&|one| one.voucher.clear())),
        ("one bit of the voucher is another", all(&|one| one.voucher[0] ^= 1)),
        ("its last byte, where the authors are told", all(&|one| *one.voucher.last_mut().unwrap() ^= 1)),
        ("the voucher was cut", all(&|one| one.voucher.truncate(one.voucher.len() - 1))),
        ("the voucher goes on", all(&|one| one.voucher.push(0))),
        ("one bit of the bytes is another", all(&|one| one.bytes[20] ^= 1)),
        ("no bytes at all", all(&|one| one.bytes.clear())),
        ("of the other ticket", all(&|one| one.ticket = if one.ticket == old { lost } else { old })),
        ("of a ticket that never was", all(&|one| one.ticket = TicketId(uuid::Uuid::from_u128(7)))),
        ("another key comes with the document", all(&|one| one.document_key = one.document_key.map(|_| [7; 32]))),
        (
            "a change passes for a document",
            all(&|one| one.document_key = Some(one.document_key.map_or([7; 32], |_| [8; 32]))),
        ),
        (
            "a document passes for a change",
            all(&|one| one.document_key = one.document_key.map_or(Some([0; 32]), |_| None)),
        ),
    ];
    let swapped: Vec<Returned> = (0..scene.honest.len())
        .map(|at| Returned {
            voucher: scene.honest[(at + 1) % scene.honest.len()].voucher.clone(),
            ..scene.honest[at].clone()
        })
        .collect();
    hostile.push(("each has another one's voucher", swapped));
    let huge = Returned { ticket: lost, bytes: vec![0; 7 << 20], document_key: Some([1; 32]), voucher: vec![1; 16] };
    hostile.push(("seven megabytes of nothing", vec![huge]));
    let small = Returned { ticket: lost, bytes: vec![1], document_key: None, voucher: vec![2; 20] };
    hostile.push(("ten thousand at once", vec![small.clone(); 10_000]));
    for (what, returned) in hostile {
        scene.give_back(what, returned).await;
        assert_eq!(scene.kept().await, before, "{what}");
    }

    // What is beyond the bounds of a request is no request, and nothing of it is done.
    let device = scene.bo.device.id;
    let too_much = [
        vec![small; 20_001],
        vec![Returned { ticket: lost, bytes: vec![0; 9 << 20], document_key: None, voucher: Vec::new() }],
    ];
    for returned in too_much {
        let request = SyncRequest { returned, ..SyncRequest::new(device, NOON) };
        let request = envelope::pack(&request.encode(), Effort::Quick);
        let failed = scene.bo.post(request).await.expect_err("refused as a whole");
        assert!(matches!(failed, sync_core::replica::Failure::Server { status: 400 | 413, .. }), "{failed:?}");
    }
    assert_eq!(scene.kept().await, before);
    scene.bo.online().await;
    assert_eq!((scene.bo.status().unsent, scene.bo.drafts().len()), (0, 0));
    scene.app.expect_nothing_lost(&[&scene.bo]).await;
}

#[tokio::test]
async fn another_company_cannot_give_back_what_is_not_its_own() {
    let mut scene = Box::pin(scene()).await;
    let before = scene.kept().await;
    let rival = scene.app.another_tenant("rival").await;
    let (desk, eve) = (rival.dispatcher("dan").await, rival.engineer("eve").await);
    let visit = desk.new_visit().assigned_to(&eve).save().await;
    scene.app.settle().await;
    let mut phone = eve.phone().await;
    phone.online().await;
    let theirs = std::mem::replace(&mut scene.bo, phone);
    let ours = std::mem::replace(&mut scene.work, visit);
    let honest = scene.honest.clone();
    scene.give_back("what the victim's phone holds", honest).await;
    assert_eq!(scene.kept().await, before);
    let mut database = scene.app.database().superuser().await;
    let tickets: i64 = sqlx::query_scalar("select count(*) from ticket_document where tenant_id = $1")
        .bind(rival.id.0)
        .fetch_one(&mut database)
        .await
        .expect("a count");
    assert_eq!(tickets, 1, "the rival has its own ticket and no other");
    // And what was vouched for to the rival is worth nothing to anybody else, although it is the same server.
    let foreign = vouched(&scene.bo).await;
    assert_eq!(foreign.len(), 1);
    (scene.bo, scene.work) = (theirs, ours);
    scene.give_back("what the rival's phone was told", foreign).await;
    assert_eq!(scene.kept().await, before);
    let known = "select count(*) from ticket_document where tenant_id = $1 and ticket_id = $2";
    let known = sqlx::query_scalar(known).bind(scene.app.tenant().id.0).bind(visit.ticket.0).fetch_one(&mut database);
    assert_eq!(known.await.ok(), Some(0_i64), "the rival's ticket is none of ours");
}

#[tokio::test]
async fn what_comes_twice_late_or_in_any_order_is_taken_once() {
    let mut scene = Box::pin(scene()).await;
    let (old, _, _) = scene.kept().await;
    let honest = scene.honest.clone();

    // Stale: what the backup has already.
    let known = scene.known.clone();
    scene.give_back("what is here already", [known.clone(), known].concat()).await;
    assert_eq!(scene.kept().await, (old, 0, 0));

    // Changes of a ticket that is not here wait for the ticket.
    let is_late = |one: &&Returned| one.ticket != scene.old.ticket && one.document_key.is_none();
    let late: Vec<Returned> = honest.iter().filter(is_late).cloned().collect();
    scene.give_back("without what they were made upon", [late.clone(), late.clone()].concat()).await;
    let waiting = i64::try_from(late.len()).unwrap();
    assert_eq!((scene.kept().await, waiting), ((old, 0, 1), 1), "once");

    // Everything, backwards, each of it twice, among forged ones.
    let mut all: Vec<Returned> = honest.iter().rev().flat_map(|one| [one.clone(), one.clone()]).collect();
    let forged = |one: &Returned| Returned { voucher: vec![0; one.voucher.len()], ..one.clone() };
    all.splice(0..0, honest.iter().map(forged));
    scene.give_back("backwards, twice, among forged ones", all.clone()).await;
    let after = scene.kept().await;
    assert!(after.0 > old && after.1 > 0, "the edit and the whole ticket are here again: {after:?}");
    assert_eq!(after.2, 0, "nothing waits");
    let desk = scene.app.dispatcher("dee").await;
    let told = [desk.ticket(scene.old).await, desk.ticket(scene.lost).await];
    assert_eq!((&told[0]["priority"], &told[1]["priority"]), (&json!(1), &json!(2)));

    scene.give_back("all of it once more", all).await;
    assert_eq!(scene.kept().await, after);
    let told_again = [desk.ticket(scene.old).await, desk.ticket(scene.lost).await];
    assert_eq!(told_again, told);
    scene.bo.online().await;
    scene.app.expect_nothing_lost(&[&scene.bo]).await;
}

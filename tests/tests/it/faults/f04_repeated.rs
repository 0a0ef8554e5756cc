//! F4: a request comes twice, in pieces, in another order, cut short, or long after: the answers are the same, nothing is
//! stored twice, a gap is named, and what cannot be read changes nothing.

use callout_tests::TestApp;
use callout_tests::phone::Deed;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{Batch, SyncReply, SyncRequest};

use crate::offline::{kinds, scene};

#[tokio::test]
async fn f4_the_same_push_ten_times_is_answered_alike_and_stored_once() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    let (_, batches) = phone.intercept();
    let request = phone.request_with(batches);

    let mut answers = Vec::new();
    let mut rows = Vec::new();
    for _ in 0..10 {
        let body = phone.post(request.clone()).await.unwrap();
        let reply = phone.read_reply(&body, &request).expect("a signed reply");
        answers.push((reply.acks, reply.rejects, reply.deferred, reply.refused_batches));
        rows.push(app.row_counts().await);
    }
    assert_eq!(answers[0].0[0].admitted, 5);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    assert!(rows.iter().all(|counts| counts == &rows[0]), "{rows:#?}");
    // And at once, from many hands.
    let many = futures_util::future::join_all((0..10).map(|_| phone.post(request.clone()))).await;
    for body in many {
        let reply = phone.read_reply(&body.unwrap(), &request).expect("a signed reply");
        assert_eq!(reply.acks, answers[0].0);
    }
    assert_eq!(app.row_counts().await, rows[0]);
    phone.online().await;
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn f4_pushes_come_in_any_order_and_come_to_the_same() {
    let app = TestApp::start().await;
    let (desk, ana) = (app.dispatcher("dora").await, app.engineer("ana").await);
    let mut statuses = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let visit = desk.new_visit().assigned_to(&ana).save().await;
        let mut phone = ana.phone().await;
        phone.online().await.offline();
        // Each exchange that fails seals what was done since into a batch of its own.
        let mut batches = Vec::new();
        for deeds in [vec![Deed::Accept, Deed::Depart], vec![Deed::CheckIn], vec![Deed::Start], vec![done()]] {
            for deed in deeds {
                phone.attempt(visit.id, deed).unwrap();
            }
            batches = phone.intercept().1;
        }
        assert_eq!(batches.len(), 4);
        // Out of turn they are deferred; sent again and again, in this order, all of them get in.
        for _ in 0..4 {
            for at in order {
                let alone = phone.request_with(vec![batches[at].clone()]);
                phone.post(alone).await.unwrap();
            }
        }
        let before = app.row_counts().await;
        phone.online().await;
        assert_eq!(phone.status().unsent, 0);
        assert_eq!(app.row_counts().await, before, "there was nothing left to push");
        let ticket = desk.ticket(visit).await;
        let said: Vec<String> = kinds(&ticket).into_iter().map(str::to_owned).collect();
        statuses.push((ticket["status"].clone(), said));
        app.expect_nothing_lost(&[&phone]).await;
    }
    assert_eq!(statuses[0].0, "done");
    assert!(statuses.iter().all(|status| status == &statuses[0]), "{statuses:#?}");
}

fn done() -> Deed {
    Deed::Done { solution: "bled the radiator".into() }
}

#[tokio::test]
async fn f4_a_batch_that_comes_before_the_one_it_follows_is_told_which_is_expected() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().accept(visit.id);
    let first = phone.intercept().1.remove(0);
    phone.depart(visit.id);
    let second = phone.intercept().1.remove(1);
    let claims = |bytes: &[u8]| Batch::decode(bytes).unwrap().claims().unwrap();
    let mut before = app.row_counts().await;
    let request = phone.request_with(vec![second.clone()]);
    let body = phone.post(request.clone()).await.unwrap();
    let reply = phone.read_reply(&body, &request).expect("a signed reply");
    assert_eq!(reply.acks, []);
    let deferred: Vec<_> = reply.deferred.iter().map(|one| (one.dev_seq, one.expected)).collect();
    assert_eq!(deferred, [(claims(&second).dev_seq, claims(&first).dev_seq)]);
    // That there is such a session is all that is noted.
    before.entry("device_session").and_modify(|sessions| *sessions += 1);
    assert_eq!(app.row_counts().await, before);
    phone.online().await;
    assert_eq!(phone.status().unsent, 0);
    app.expect_nothing_lost(&[&phone]).await;
}

/// What the network makes of a request with several batches.
#[derive(Debug, Clone)]
struct Mangled {
    /// Which batches arrive, in this order, as often as they stand here.
    arrive: Vec<usize>,
    /// The whole is cut after this share of it.
    cut: Option<f64>,
    /// One bit of one batch is turned.
    flipped: Option<(prop::sample::Index, prop::sample::Index)>,
}

fn mangled() -> impl Strategy<Value = Mangled> {
    let flip = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<prop::sample::Index>()));
    (prop::collection::vec(0..5_usize, 0..9), prop::option::weighted(0.2, 0.0..1.0), flip)
        .prop_map(|(arrive, cut, flipped)| Mangled { arrive, cut, flipped })
}

impl Mangled {
    /// The bytes that arrive.
    fn of(&self, phone: &callout_tests::Phone, batches: &[Vec<u8>]) -> Vec<u8> {
        let mut arrive: Vec<Vec<u8>> = self.arrive.iter().filter_map(|at| batches.get(*at).cloned()).collect();
        if let Some((which, bit)) = self.flipped.filter(|_| !arrive.is_empty()) {
            let batch = which.get(&arrive).clone();
            let at = bit.index(batch.len() * 8);
            let which = which.index(arrive.len());
            arrive[which][at / 8] ^= 1 << (at % 8);
        }
        let request = phone.request_with(arrive);
        let kept = self.cut.map_or(request.len(), |share| (share * request.len() as f64) as usize);
        request[..kept].to_vec()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_whatever_the_network_makes_of_a_push_each_entry_is_stored_once_and_the_rest_changes_nothing() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline();
    let mut batches = Vec::new();
    for deed in [Deed::Accept, Deed::Depart, Deed::CheckIn, Deed::Start, done()] {
        phone.attempt(visit.id, deed).unwrap();
        batches = phone.intercept().1;
    }
    assert_eq!(batches.len(), 5);
    let runtime = tokio::runtime::Handle::current();
    let sender = &phone;
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
        runner.run(&mangled(), |mangled| {
            let request = mangled.of(sender, &batches);
            match runtime.block_on(sender.post(request.clone())) {
                Ok(body) => {
                    let reply = sender.read_reply(&body, &request).expect("a signed reply");
                    let answered = reply.acks.len() + reply.deferred.len() + reply.refused_batches.len();
                    prop_assert_eq!(answered, mangled.arrive.len(), "each batch is answered");
                    // A turned bit breaks the signature: that is said, and it costs nobody a number.
                    prop_assert!(reply.refused_batches.len() <= usize::from(mangled.flipped.is_some()));
                    prop_assert!(reply.rejects.is_empty(), "{:?}", reply.rejects);
                }
                Err(failure) => {
                    prop_assert!(mangled.cut.is_some(), "{:?}", failure);
                    prop_assert_eq!(failure, sync_core::replica::Failure::Server { status: 400, retry_after_ms: None });
                }
            }
            Ok(())
        })
    })
    .unwrap_or_else(|error| panic!("{error}"));

    let counts = app.row_counts().await;
    assert_eq!(counts["quarantine"], 0);
    assert!(counts["fact"] <= 6 && counts["batch"] <= 5, "{counts:?}");
    phone.online().await;
    assert_eq!(kinds(&desk.ticket(visit).await), ["assign", "accept", "depart", "check_in", "start", "done"]);
    app.expect_nothing_lost(&[&phone]).await;
}

#[tokio::test]
async fn f4_no_bytes_make_a_decoder_of_the_wire_fail_otherwise_than_by_saying_so() {
    let app = TestApp::start().await;
    let (_desk, _ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    let (request, batches) = phone.intercept();
    let reply = phone.post(request.clone()).await.unwrap();
    let message = envelope::unpack(&request, 1 << 20).unwrap();
    assert_eq!(SyncRequest::decode(&message).unwrap().encode(), message, "what is read is what was written");
    let good = [request, message, batches[0].clone(), reply];
    let mut runner = TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() });
    let mutant = (0..good.len(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), 0.0..1.0);
    runner
        .run(&mutant, |(which, turned, share)| {
            let mut bytes = good[which].clone();
            for (at, to) in turned {
                let at = at.index(bytes.len());
                bytes[at] = to;
            }
            bytes.truncate((share * 1.3 * bytes.len() as f64) as usize);
            let unpacked = envelope::unpack(&bytes, 1 << 20);
            for bytes in [Some(bytes), unpacked.ok()].into_iter().flatten() {
                // Whatever is read can be written again and reads alike.
                if let Ok(request) = SyncRequest::decode(&bytes) {
                    let again =
                        SyncRequest::decode(&request.clone().encode()).expect("what was read can be read again");
                    prop_assert_eq!(
                        envelope::pack(&again.encode(), Effort::Quick),
                        envelope::pack(&request.encode(), Effort::Quick)
                    );
                }
                let _ = SyncReply::decode(&bytes).map(SyncReply::encode);
                let _ = Batch::decode(&bytes).and_then(|batch| batch.claims());
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

//! F5: two copies of one request at the same moment: one commits, the other waits and gets its answer.

use std::sync::Arc;

use callout_tests::TestApp;
use tokio::sync::Barrier;

use crate::offline::scene;

const COPIES: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_sixteen_copies_of_a_push_at_once_are_one_push_and_sixteen_equal_answers() {
    let app = TestApp::start().await;
    let other = app.another_process().await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    let http = reqwest::Client::new();
    for round in 0..6 {
        phone.offline();
        phone.note(visit.id, &format!("round {round}"));
        phone.note(visit.id, "and another");
        let (_, batches) = phone.intercept();
        let request = phone.request_with(batches);
        let barrier = Arc::new(Barrier::new(COPIES));
        let mut copies = tokio::task::JoinSet::new();
        for copy in 0..COPIES {
            // Half of them go to the other process.
            let base = if copy % 2 == 0 { app.url("") } else { other.url("") };
            let post = http.post(format!("{base}/api/v1/sync")).bearer_auth(&phone.owner.token);
            let post = post.header("content-type", callout_tests::phone::MEDIA_TYPE).body(request.clone());
            let barrier = Arc::clone(&barrier);
            copies.spawn(async move {
                barrier.wait().await;
                let answer = post.send().await.expect("an answer");
                assert_eq!(answer.status(), 200);
                answer.bytes().await.expect("its body").to_vec()
            });
        }
        let acks: Vec<_> = copies
            .join_all()
            .await
            .iter()
            .map(|body| {
                let reply = phone.read_reply(body, &request).expect("a signed reply");
                (reply.acks, reply.rejects, reply.deferred, reply.refused_batches)
            })
            .collect();
        assert_eq!(acks[0].0[0].admitted, 2);
        assert!(acks.iter().all(|ack| ack == &acks[0]), "{acks:#?}");
        phone.online().await;
    }
    let ticket = desk.ticket(visit).await;
    assert_eq!(ticket["timeline"].as_array().unwrap().len(), 1 + 6 * 2, "{}", ana.email);
    assert_eq!(app.row_counts().await["batch"], 6);
    app.expect_nothing_lost(&[&phone]).await;
    other.stop().await;
}

//! F2: the client hangs up in the middle: the batch is whole or absent, the pool is healthy, and nothing was acknowledged
//! that did not commit.

use std::time::Duration;

use callout_tests::TestApp;
use callout_tests::phone::MEDIA_TYPE;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::offline::scene;

#[tokio::test]
async fn f2_a_push_cut_at_each_of_its_bytes_leaves_nothing_and_harms_nobody() {
    // Two connections: one that a hung-up request kept would be missed.
    let app = TestApp::start_with(|config| config.database_connections = 2).await;
    let (desk, ana, mut phone, visit) = scene(&app).await;
    phone.offline().work(visit.id);
    let (_, batches) = phone.intercept();
    let body = phone.request_with(batches);
    let mut request = format!(
        "POST /api/v1/sync HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\ncontent-type: {MEDIA_TYPE}\r\n\
         content-length: {}\r\n\r\n",
        phone.owner.token,
        body.len(),
    )
    .into_bytes();
    request.extend(body);
    let before = app.row_counts().await;
    let address = app.url("").trim_start_matches("http://").to_owned();
    for cut in 0..request.len() {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(&request[..cut]).await.unwrap();
    }
    assert_eq!(app.row_counts().await, before, "of {} pieces", request.len());
    ana.get("/me").await.expect(200);

    // Whole, and nobody waits for the answer: each time at another moment.
    for pause in 0..40 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        tokio::time::timeout(Duration::from_micros(pause * 250), stream.readable()).await.ok();
    }
    phone.online().await;
    assert_eq!(phone.status().unsent, 0);
    let ticket = desk.ticket(visit).await;
    assert_eq!((&ticket["status"], ticket["timeline"].as_array().unwrap().len()), (&"done".into(), 6));
    let after = app.row_counts().await;
    assert_eq!((after["fact"] - before["fact"], after["quarantine"]), (5, 0), "each once");
    app.expect_nothing_lost(&[&phone]).await;
}

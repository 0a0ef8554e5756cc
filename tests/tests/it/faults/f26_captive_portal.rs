//! F26: something on the way answers in the server's place: that is no answer, whatever its status, and work stays unsent
//! until the server itself has signed for it.

use callout_tests::TestApp;
use callout_tests::phone::Exchanged;
use sync_core::replica::{ReplyFault, Trouble};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::offline::scene;

/// Something that gives this answer to whatever is asked of it.
async fn portal(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = client.read(&mut [0; 64 * 1024]).await;
                let _ = client.write_all(&answer).await;
            });
        }
    });
    url
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [answer.as_bytes(), body].concat()
}

#[tokio::test]
async fn f26_what_a_captive_portal_or_a_cache_answers_is_no_answer() {
    let app = TestApp::start().await;
    let (desk, _ana, mut phone, visit) = scene(&app).await;
    // An answer of the real server, to something else, from a cache.
    let (asked, _) = phone.intercept();
    let cached = phone.post(asked).await.unwrap();
    phone.offline().work(visit.id);
    phone.photograph(visit.id, b"a photo");
    let before = app.row_counts().await;

    let html = b"<html><body>Welcome to Hotel Wi-Fi. Please accept our terms.</body></html>";
    let garbage: Vec<u8> = [0x1f, 0x8b, 8, 0].into_iter().chain((0..200).map(|n| (n * 37) as u8)).collect();
    let ours = "content-type: application/vnd.callout.sync";
    let portals = [
        ("200 OK\r\ncontent-type: text/html".to_owned(), html.to_vec(), true),
        (format!("200 OK\r\n{ours}"), html.to_vec(), true),
        (format!("200 OK\r\n{ours}\r\ncontent-encoding: gzip"), garbage, true),
        (format!("200 OK\r\n{ours}"), Vec::new(), true),
        (format!("200 OK\r\n{ours}\r\nage: 86400\r\nx-cache: HIT"), cached.clone(), true),
        (format!("200 OK\r\n{ours}"), cached[..cached.len() / 2].to_vec(), true),
        ("204 No Content".to_owned(), Vec::new(), false),
        ("511 Network Authentication Required\r\ncontent-type: text/html".to_owned(), html.to_vec(), false),
        ("403 Forbidden\r\ncontent-type: text/html".to_owned(), html.to_vec(), false),
    ];
    let server = app.url("");
    for (head, body, is_said_to_be_ours) in portals {
        phone.move_to(&portal(answer(&head, &body)).await).in_reach();
        let exchanged = phone.exchange().await;
        let status = phone.status();
        if is_said_to_be_ours {
            assert!(matches!(exchanged, Exchanged::Fault(ReplyFault::NotTheAnswer(_))), "{head}: {exchanged:?}");
            assert_eq!(status.trouble, Some(Trouble::NotOurServer), "{head}");
        } else {
            assert!(matches!(exchanged, Exchanged::Failed(_)), "{head}: {exchanged:?}");
        }
        assert_eq!((status.unsent, status.awaited_blobs, status.is_synced), (6, 1, false), "{head}");
        phone.upload().await;
        assert_eq!(phone.status().awaited_blobs, 1, "{head}: nor are bytes stored because somebody says so");
    }
    assert_eq!(app.row_counts().await, before);

    phone.move_to(&server).online().await;
    assert_eq!((phone.status().unsent, phone.status().awaited_blobs), (0, 0));
    assert_eq!(desk.ticket(visit).await["status"], "done");
    app.expect_nothing_lost(&[&phone]).await;
}

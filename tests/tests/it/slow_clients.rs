//! Clients that hold a connection and ask for nothing, over bare TCP: they are hung up on, and nobody else notices.

use std::time::Duration;

use callout_server::platform::serve::MOST_STREAMS;
use callout_tests::TestApp;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A limit that a test can wait for.
const LIMIT_MS: u64 = 1_000;
/// Far above the limit: who still holds the connection then was not hung up on.
const FOR_EVER: Duration = Duration::from_secs(20);

async fn app() -> TestApp {
    TestApp::start_with(|config| {
        config.limits.header_limit_ms = LIMIT_MS;
        config.limits.body_idle_limit_ms = LIMIT_MS;
    })
    .await
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.url("").trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.expect("a connection")
}

/// What the server says until it hangs up.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = tokio::time::timeout(FOR_EVER, stream.read_to_end(&mut said)).await.expect("it is hung up on");
    // A reset ends a connection as well as a farewell does.
    let _ = ended;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn whoever_sends_no_whole_header_is_hung_up_on() {
    let app = app().await;
    // Nothing; what could still become HTTP/2; half a header; a header with its last empty line missing.
    let beginnings = ["", "PRI", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nhost: callout\r\n"];
    let slow = beginnings.map(async |beginning| {
        let mut stream = connect(&app).await;
        stream.write_all(beginning.as_bytes()).await.expect("sent");
        assert!(!last_words(&mut stream).await.contains("200 OK"), "{beginning:?}");
    });
    let honest = async {
        for _ in 0..20 {
            app.get("/readyz").await.expect(200);
        }
    };
    tokio::join!(join_all(slow), honest);
    app.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_header_that_drips_is_late_however_often_it_drips() {
    let app = app().await;
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.expect("sent");
    let (mut reads, mut writes) = stream.split();
    let drip = async {
        loop {
            // Refused as soon as the server has hung up.
            if writes.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut said = Vec::new();
    tokio::select! {
        _ = reads.read_to_end(&mut said) => {}
        () = drip => {}
        () = tokio::time::sleep(FOR_EVER) => panic!("a dripping client is never hung up on"),
    }
    assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
}

#[tokio::test]
async fn a_connection_is_kept_for_a_while_between_two_requests() {
    let app = app().await;
    let mut stream = connect(&app).await;
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: callout\r\n\r\n").await.expect("sent");
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let mut byte = [0];
        let mut tail = Vec::new();
        while !tail.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.expect("the rest of the header");
            tail.push(byte[0]);
        }
    }
    assert_eq!(last_words(&mut stream).await, "", "and then hung up on");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let app = app().await;
    let token = app.admin().await.token;
    let paths = ["/api/v1/auth/sign-in", "/api/v1/users"];
    for (path, key) in paths.into_iter().flat_map(|path| [(path, ""), (path, "idempotency-key: once\r\n")]) {
        let mut stream = connect(&app).await;
        let header = format!(
            "POST {path} HTTP/1.1\r\nhost: callout\r\nauthorization: Bearer {token}\r\n{key}\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"email\":"
        );
        stream.write_all(header.as_bytes()).await.expect("sent");
        let said = last_words(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("slow-body"), "{path} {key}: {said}");
    }
    app.get("/readyz").await.expect(200);
}

/// Nobody has to sign in to be slow at signing in.
#[tokio::test]
async fn strangers_who_are_slow_take_nobodys_place() {
    let app = TestApp::start_with(|config| config.limits.max_requests = 2).await;
    let admin = app.admin().await;
    let mut slow = Vec::new();
    for path in ["sign-in", "refresh"] {
        for _ in 0..10 {
            let mut stream = connect(&app).await;
            let header = format!(
                "POST /api/v1/auth/{path} HTTP/1.1\r\nhost: callout\r\nauthorization: Bearer of-nobody\r\n\
                 content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
            );
            stream.write_all(header.as_bytes()).await.expect("sent");
            slow.push(stream);
        }
        for (length, expected) in [("content-length: 900000", 413), ("transfer-encoding: chunked", 411)] {
            let mut stream = connect(&app).await;
            let header = format!(
                "POST /api/v1/auth/{path} HTTP/1.1\r\nhost: callout\r\nconnection: close\r\n\
                 content-type: application/json\r\n{length}\r\n\r\n"
            );
            stream.write_all(header.as_bytes()).await.expect("sent");
            let said = last_words(&mut stream).await;
            assert!(said.starts_with(&format!("HTTP/1.1 {expected}")), "{said}");
        }
    }
    for _ in 0..20 {
        admin.get("/me").await.expect(200);
    }
    drop(slow);
}

/// A phone with a poor network is slow all the time and never stands still.
#[tokio::test]
async fn a_body_that_comes_slowly_is_waited_for() {
    let app = app().await;
    let mut stream = connect(&app).await;
    let body = br#"{"email":"nobody@acme.example","password":"correct horse battery"}"#;
    let header = format!(
        "POST /api/v1/auth/sign-in HTTP/1.1\r\nhost: callout\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(header.as_bytes()).await.expect("sent");
    // Longer than the limit as a whole, far shorter from one part to the next.
    for part in body.chunks(body.len().div_ceil(8)) {
        tokio::time::sleep(Duration::from_millis(LIMIT_MS / 5)).await;
        stream.write_all(part).await.expect("sent");
    }
    let said = last_words(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
}

#[tokio::test]
async fn http_2_is_told_how_many_streams_it_may_have() {
    let app = app().await;
    let mut stream = connect(&app).await;
    let no_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("sent");
    stream.write_all(&no_settings).await.expect("sent");
    let mut header = [0; 9];
    stream.read_exact(&mut header).await.expect("a frame");
    assert_eq!(header[3], 4, "settings come first");
    let mut settings = vec![0; usize::from(header[2])];
    stream.read_exact(&mut settings).await.expect("settings");
    let most = settings.chunks(6).find(|pair| pair[..2] == [0, 3]).expect("a limit of streams");
    assert_eq!(most[2..], MOST_STREAMS.to_be_bytes());
    last_words(&mut stream).await;
}

//! Speaks HTTP/1.1 and HTTP/2 on a port, and hangs up on those who hold a connection without asking for anything.
//!
//! `axum::serve` knows no such limit: a few thousand clients that send half a header each would take every file descriptor
//! there is. A connection has so long for its first request, and for the header of each one after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::shutdown::Shutdown;

/// Requests that one HTTP/2 connection may have under way.
pub const MOST_STREAMS: u32 = 64;

/// Streams of one HTTP/2 connection that its client may have reset before we got to them: the rapid-reset attack.
const MOST_RESETS: usize = 20;

/// How often a silent HTTP/2 connection is asked whether anybody is there.
const BETWEEN_PINGS: Duration = Duration::from_secs(20);

/// Serves until the end is announced; returns when every request that was taken has been answered.
pub async fn serve(mut listener: TcpListener, app: Router, header_limit: Duration, stopping: &Shutdown) {
    let builder = builder(header_limit);
    let conversations = GracefulShutdown::new();
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => {
                let watcher = conversations.watcher();
                tokio::spawn(converse(stream, builder.clone(), app.clone(), header_limit, watcher));
            }
            () = stopping.wait() => break,
        }
    }
    // Nobody may wait in the queue of a port on which nothing answers any more.
    drop(listener);
    conversations.shutdown().await;
}

fn builder(header_limit: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_limit);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(BETWEEN_PINGS)
        .keep_alive_timeout(header_limit)
        .max_concurrent_streams(MOST_STREAMS)
        .max_pending_accept_reset_streams(MOST_RESETS);
    builder
}

async fn converse(
    stream: TcpStream,
    builder: Builder<TokioExecutor>,
    app: Router,
    header_limit: Duration,
    watcher: Watcher,
) {
    // An event of a live stream is small and must not wait for the next.
    let _ = stream.set_nodelay(true);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&has_asked);
    let app = app.map_request(move |request| {
        asks.store(true, Ordering::Relaxed);
        request
    });
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(watcher.watch(connection));
    // How a connection ends is the client's affair: what went wrong with a request was said in its answer.
    tokio::select! {
        _ = &mut connection => return,
        () = tokio::time::sleep(header_limit) => {}
    }
    // The limit of each header does not yet hold while hyper waits for the bytes that tell HTTP/1.1 from HTTP/2.
    if has_asked.load(Ordering::Relaxed) {
        let _ = connection.await;
    }
}

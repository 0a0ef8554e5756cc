//! One live stream: first what its client missed, read from the database, then what the tail hands on.
//!
//! Neither gap nor repeat: the stream follows the tail before it reads its backlog, reads the backlog to its end, and
//! skips what the tail hands it a second time. A stream that falls behind the tail goes back to reading the database.
//! What is written and not yet taken by the client is bounded; a client that takes nothing for ten seconds is ended.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use chrono::TimeDelta;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::error::LiveError;
use super::event::{self, End, LiveEvent, Viewer};
use super::hub::Hub;
use super::store;
use super::tail::Watch;
use crate::ledger::feed::{self, Position};
use crate::platform::shutdown::Shutdown;
use crate::tenancy::{TenantCtx, TenantTx};

/// Opens a stream that begins after this position, or now. What it yields is the body of the answer.
pub async fn open(
    hub: &Arc<Hub>,
    ctx: TenantCtx,
    watch: Watch,
    viewer: Viewer,
    resume_after: Option<Position>,
) -> Result<ReceiverStream<Bytes>, LiveError> {
    let events = watch.tail.follow().await;
    let now = ctx.read(async |tx: &mut TenantTx| feed::horizon(tx).await).await.map_err(LiveError::from)?;
    let (out, body) = mpsc::channel(CHUNKS + 1);
    // The farewell has a place of its own, so that it can always be said.
    let farewell = out.clone().try_reserve_owned().map_err(|_| LiveError::Full)?;
    let reached = resume_after.unwrap_or(now);
    let stream = Stream { hub: Arc::clone(hub), ctx, watch, viewer, events, out, reached };
    tokio::spawn(async move {
        let ended = stream.run(resume_after.is_some().then_some(now)).await;
        let reason = match ended {
            Over::Left => "left",
            Over::Ended(end) => {
                farewell.send(Bytes::from(end.frame()));
                end.as_str()
            }
        };
        metrics::counter!("live_streams_ended_total", "reason" => reason).increment(1);
    });
    Ok(ReceiverStream::new(body))
}

struct Stream {
    hub: Arc<Hub>,
    ctx: TenantCtx,
    watch: Watch,
    viewer: Viewer,
    events: Receiver<Arc<LiveEvent>>,
    out: mpsc::Sender<Bytes>,
    /// Everything up to here has been sent, or was not for this viewer.
    reached: Position,
}

/// How a stream ends.
enum Over {
    /// The client is gone.
    Left,
    Ended(End),
}

const PAGE: i64 = 500;
/// Chunks written ahead of the client.
const CHUNKS: usize = 4;
const CHUNK_BYTES: usize = 32 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Someone away for longer must load the present anyway, and nobody may replay days of other people's positions.
const LONGEST_REPLAY: TimeDelta = TimeDelta::hours(24);
/// After how long a client should try again, in milliseconds.
const RETRY_MS: u32 = 2_000;

impl Stream {
    /// `now` is given if the stream resumes an earlier one.
    async fn run(mut self, now: Option<Position>) -> Over {
        match self.tell(now).await {
            ControlFlow::Break(over) => over,
            ControlFlow::Continue(never) => match never {},
        }
    }

    async fn tell(&mut self, now: Option<Position>) -> ControlFlow<Over, std::convert::Infallible> {
        let mut text = format!("retry: {RETRY_MS}\n");
        event::write_heartbeat(&mut text, self.reached);
        self.send(text).await?;
        if let Some(now) = now {
            self.settle_where_to_resume(now).await?;
            self.read_backlog().await?;
        }
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.reset();
        let (mut end, out, shutdown) = (self.watch.end.clone(), self.out.clone(), self.hub.shutdown.clone());
        loop {
            let mut text = String::new();
            let has_fallen_behind = tokio::select! {
                biased;
                over = ended(&mut end, &shutdown) => return ControlFlow::Break(over),
                () = out.closed() => return ControlFlow::Break(Over::Left),
                received = self.events.recv() => match received {
                    Ok(event) => {
                        self.write(&event, &mut text);
                        self.write_what_is_there(&mut text)
                    }
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return ControlFlow::Break(Over::Ended(End::Unavailable)),
                },
                _ = heartbeat.tick() => {
                    event::write_heartbeat(&mut text, self.reached);
                    false
                }
            };
            if !text.is_empty() {
                self.send(text).await?;
            }
            if has_fallen_behind {
                self.read_backlog().await?;
            }
        }
    }

    /// Takes further events off the tail without waiting, up to a chunk; true if some have already been dropped there.
    fn write_what_is_there(&mut self, text: &mut String) -> bool {
        while text.len() < CHUNK_BYTES {
            match self.events.try_recv() {
                Ok(event) => self.write(&event, text),
                Err(TryRecvError::Lagged(_)) => return true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return false,
            }
        }
        false
    }

    fn write(&mut self, event: &LiveEvent, text: &mut String) {
        if event.position <= self.reached {
            return;
        }
        self.reached = event.position;
        if self.viewer.sees(event) {
            event.write_to(text);
        }
    }

    /// A position of a database that is no more, or too old a one, cannot be resumed: the client is told to load anew.
    async fn settle_where_to_resume(&mut self, now: Position) -> ControlFlow<Over> {
        let reason = if self.reached.xid > now.xid {
            Some("unknown_position")
        } else {
            let oldest = self.page(1).await?.into_iter().next();
            let earliest = self.hub.clock.now() - LONGEST_REPLAY;
            oldest.is_some_and(|row| row.at < earliest).then_some("too_old")
        };
        if let Some(reason) = reason {
            self.reached = now;
            self.send(event::reset_frame(reason, now)).await?;
        }
        ControlFlow::Continue(())
    }

    /// Sends everything that can be read now.
    async fn read_backlog(&mut self) -> ControlFlow<Over> {
        loop {
            let page = self.page(PAGE).await?;
            let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
            let mut text = String::new();
            for row in page {
                let position = row.position;
                match LiveEvent::of(row) {
                    Some(event) => self.write(&event, &mut text),
                    None => self.reached = position,
                }
                if text.len() >= CHUNK_BYTES {
                    self.send(std::mem::take(&mut text)).await?;
                }
            }
            if !text.is_empty() {
                self.send(text).await?;
            }
            if is_last {
                return ControlFlow::Continue(());
            }
        }
    }

    async fn page(&mut self, most: i64) -> ControlFlow<Over, Vec<store::StreamRow>> {
        let (after, only) = (self.reached, self.viewer.only());
        let read = async {
            // The semaphore is never closed.
            let _turn = self.hub.backlog_readers.acquire().await;
            self.ctx.read(async move |tx: &mut TenantTx| store::rows_after(tx, after, only, most).await).await
        };
        match read.await {
            Ok(rows) => ControlFlow::Continue(rows),
            Err(error) => {
                tracing::warn!(error = %error, "cannot read the backlog of a live stream, ending it");
                ControlFlow::Break(Over::Ended(End::Unavailable))
            }
        }
    }

    async fn send(&mut self, text: String) -> ControlFlow<Over> {
        let taken = tokio::time::timeout(PATIENCE, self.out.send(Bytes::from(text)));
        let mut end = self.watch.end.clone();
        tokio::select! {
            biased;
            over = ended(&mut end, &self.hub.shutdown) => ControlFlow::Break(over),
            taken = taken => match taken {
                Ok(Ok(())) => ControlFlow::Continue(()),
                Ok(Err(_)) => ControlFlow::Break(Over::Left),
                Err(_) => ControlFlow::Break(Over::Ended(End::TooSlow)),
            },
        }
    }
}

async fn ended(end: &mut watch::Receiver<Option<End>>, shutdown: &Shutdown) -> Over {
    tokio::select! {
        () = shutdown.wait() => Over::Ended(End::Stopping),
        end = end.wait_for(Option::is_some) => match end.map(|end| *end) {
            Ok(Some(end)) => Over::Ended(end),
            // The other side lives as long as the stream's entry, so this cannot be.
            Ok(None) | Err(_) => Over::Ended(End::Unavailable),
        },
    }
}

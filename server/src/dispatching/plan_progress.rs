//! How far a plan is, told as it happens.
//!
//! Another process may be at it, so what is told is what stands in the plan's row, where it is noted once a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::plan_store;
use super::plan_view::PlanState;
use crate::planning::PlanningError;
use crate::platform::shutdown::Shutdown;
use crate::tenancy::{TenantCtx, TenantTx};

/// What is told while a plan is worked on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanProgress {
    pub plan_id: Uuid,
    pub state: PlanState,
    /// Which share of the search is done, from 0 to 1.
    pub progress: f64,
    /// Visits that have been assigned so far.
    pub assigned: i64,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Nobody works on the plan any more.
    Done,
    SignedOut,
    Stopping,
    /// Nobody follows one stream for ever: open another.
    TooLong,
    Unavailable,
}

/// What to tell of a plan that is followed.
struct Told {
    ctx: TenantCtx,
    plan: Uuid,
    stopping: Shutdown,
    out: mpsc::Sender<Result<Bytes, Infallible>>,
}

/// Follows a plan until nobody works on it. What it yields is the body of the answer; `place` is kept that long.
pub async fn follow(
    ctx: TenantCtx,
    plan: Uuid,
    stopping: Shutdown,
    place: OwnedSemaphorePermit,
) -> Result<ReceiverStream<Result<Bytes, Infallible>>, PlanningError> {
    let first = read(&ctx, plan).await?.ok_or(PlanningError::NotFound)?;
    let (out, body) = mpsc::channel(CHUNKS);
    let told = Told { ctx, plan, stopping, out };
    tokio::spawn(async move {
        let _place = place;
        told.tell(first).await;
    });
    Ok(ReceiverStream::new(body))
}

impl Told {
    async fn tell(self, first: PlanProgress) {
        let (begun, mut said_at) = (Instant::now(), Instant::now());
        let mut said = first;
        if !self.say("progress", &json!(said)).await {
            return;
        }
        let end = loop {
            if !said.state.is_at_work() {
                break End::Done;
            }
            if begun.elapsed() > LONGEST {
                break End::TooLong;
            }
            tokio::select! {
                () = self.stopping.wait() => break End::Stopping,
                () = self.out.closed() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            let now = match read(&self.ctx, self.plan).await {
                Ok(Some(now)) => now,
                Ok(None) => break End::SignedOut,
                Err(error) => {
                    tracing::warn!(%error, plan.id = %self.plan, "cannot read how far a plan is, ending the stream");
                    break End::Unavailable;
                }
            };
            let is_news = now != said;
            said = now;
            let is_heard = match (is_news, said_at.elapsed() > HEARTBEAT) {
                (true, _) => self.say("progress", &json!(said)).await,
                (false, true) => self.send(":\n\n".to_owned()).await,
                (false, false) => continue,
            };
            if !is_heard {
                return;
            }
            said_at = Instant::now();
        };
        self.say("end", &json!({ "reason": end.as_str(), "plan_id": self.plan, "state": said.state })).await;
    }

    async fn say(&self, name: &str, data: &serde_json::Value) -> bool {
        self.send(format!("event: {name}\ndata: {data}\n\n")).await
    }

    /// False if the client is gone, or takes nothing.
    async fn send(&self, text: String) -> bool {
        matches!(timeout(PATIENCE, self.out.send(Ok(Bytes::from(text)))).await, Ok(Ok(())))
    }
}

/// How far the plan is; none if whoever asked is signed in no more.
async fn read(ctx: &TenantCtx, plan: Uuid) -> Result<Option<PlanProgress>, PlanningError> {
    let session = ctx.session();
    ctx.read(async move |tx: &mut TenantTx| plan_store::progress(tx, plan, session).await).await
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::SignedOut => "signed_out",
            Self::Stopping => "stopping",
            Self::TooLong => "too_long",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Chunks written ahead of the client.
const CHUNKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);

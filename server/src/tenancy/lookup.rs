//! Who a bearer token speaks for, asked of the database at every request, and of all requests that wait at one moment in
//! one statement. A lone request waits for nobody; under load the price of asking is shared.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::lanes::{Lane, Lanes};
use super::token::Token;

/// Most tokens in one statement.
const MOST: usize = 128;

/// Asks for all requests of this process.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
struct Ask {
    tenant: Uuid,
    sha256: [u8; 32],
    now: DateTime<Utc>,
    answer: oneshot::Sender<Option<Found>>,
}

/// The caller that a token stands for.
#[derive(Debug)]
pub(super) struct Found {
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub device_id: Option<Uuid>,
    pub role: String,
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Lookup {
    /// Starts the task that asks. It ends with the last clone.
    pub fn start(lanes: Arc<Lanes>) -> Self {
        let (asks, waiting) = mpsc::channel(4 * MOST);
        tokio::spawn(run(lanes, waiting));
        Self { asks }
    }

    /// Who this token speaks for; none if it is good for nothing. Asked after this call and not before.
    pub async fn find(&self, token: &Token, now: DateTime<Utc>) -> Result<Option<Found>, sqlx::Error> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { tenant: token.tenant().0, sha256: token.sha256(), now, answer };
        // Either fails if the database did: the task has said so, and nothing was done.
        self.asks.send(ask).await.map_err(|_| sqlx::Error::PoolClosed)?;
        answered.await.map_err(|_| sqlx::Error::PoolClosed)
    }
}

async fn run(lanes: Arc<Lanes>, mut waiting: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut asks, MOST).await > 0 {
        if let Err(error) = answer(&lanes, &mut asks).await {
            tracing::warn!(error = %error, requests = asks.len(), "cannot look bearer tokens up");
        }
        // Whoever has no answer by now sees its channel closed.
        asks.clear();
    }
}

async fn answer(lanes: &Arc<Lanes>, asks: &mut Vec<Ask>) -> Result<(), sqlx::Error> {
    let Some(now) = asks.iter().map(|ask| ask.now).max() else { return Ok(()) };
    let tenants: Vec<Uuid> = asks.iter().map(|ask| ask.tenant).collect();
    let tokens: Vec<Vec<u8>> = asks.iter().map(|ask| ask.sha256.to_vec()).collect();
    let mut lane = lanes.take().await?;
    let rows = match rows(&mut lane, &tenants, &tokens, now).await {
        Err(error) if lane.had_died(&error) => {
            lanes.close_idle();
            drop(lane);
            lane = lanes.take().await?;
            rows(&mut lane, &tenants, &tokens, now).await?
        }
        found => found?,
    };
    lane.is_clean();
    let mut found: Vec<Option<Found>> = asks.iter().map(|_| None).collect();
    for row in rows {
        let place = usize::try_from(row.ask - 1).ok().and_then(|place| found.get_mut(place));
        if let Some(place) = place {
            let (session_id, user_id) = (row.session_id, row.user_id);
            let caller =
                Found { session_id, user_id, device_id: row.device_id, role: row.role, revoked_at: row.revoked_at };
            *place = Some(caller);
        }
    }
    for (ask, found) in asks.drain(..).zip(found) {
        // Nobody waits any more where the client has hung up.
        let _ = ask.answer.send(found);
    }
    Ok(())
}

struct Row {
    ask: i64,
    session_id: Uuid,
    user_id: Uuid,
    device_id: Option<Uuid>,
    role: String,
    revoked_at: Option<DateTime<Utc>>,
}

async fn rows(
    lane: &mut Lane,
    tenants: &[Uuid],
    tokens: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"select ask as "ask!", session_id as "session_id!", user_id as "user_id!", device_id, role as "role!", revoked_at
           from authenticate($1, $2, $3)"#,
        tenants,
        tokens,
        now,
    )
    .fetch_all(lane.as_mut())
    .await
}

//! The connections that units of work run on, kept open between them.
//!
//! The pool below opens and closes them. It would also ask each connection, every time one is given back, whether it is
//! still alive, which is a third of what a short unit costs; a lane that ended its transaction has just shown that it is,
//! and goes straight to the next unit. A lane that did not is closed, and with it whatever it left open.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a unit waits for a lane before it is turned away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A connection older than this is replaced, so that the server can let go of what it has gathered.
const LONGEST_LIFE: Duration = Duration::from_secs(1800);

/// The lanes of one server.
#[derive(Debug)]
pub(super) struct Lanes {
    pool: PgPool,
    places: Arc<Semaphore>,
    /// None once the server is stopping.
    idle: Mutex<Option<Vec<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    connection: PoolConnection<Postgres>,
    opened: Instant,
}

/// One connection, for one unit of work at a time.
#[derive(Debug)]
pub(super) struct Lane {
    /// There until the lane is dropped.
    connection: Option<Connection>,
    lanes: Arc<Lanes>,
    is_reused: bool,
    is_clean: bool,
    _place: OwnedSemaphorePermit,
}

impl Lanes {
    pub fn new(pool: PgPool, places: usize) -> Arc<Self> {
        Arc::new(Self { pool, places: Arc::new(Semaphore::new(places)), idle: Mutex::new(Some(Vec::new())) })
    }

    /// A lane of one's own, as soon as there is one.
    pub async fn take(self: &Arc<Self>) -> Result<Lane, sqlx::Error> {
        let place = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.places).acquire_owned());
        let place = place.await.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().as_mut().and_then(Vec::pop);
        let is_reused = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection { connection: self.pool.acquire().await?, opened: Instant::now() },
        };
        Ok(Lane { connection: Some(connection), lanes: Arc::clone(self), is_reused, is_clean: false, _place: place })
    }

    /// Closes every idle connection: one turned out to be dead, as after a restart of the database, and the others will be.
    pub fn close_idle(&self) {
        let idle = self.idle().as_mut().map(std::mem::take).unwrap_or_default();
        for mut one in idle {
            one.connection.close_on_drop();
        }
    }

    /// Lets the units that run end, then closes every connection.
    pub async fn close(&self) {
        self.places.close();
        // Their drop gives them to the pool, which closes them.
        drop(self.idle().take());
        self.pool.close().await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Whether it was this connection, idle since its last unit, that had died unnoticed: then what was asked of it was not
    /// done, and may be asked of another.
    pub fn had_died(&self, error: &sqlx::Error) -> bool {
        // Told to go, or not told anything.
        let is_gone = match error {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| matches!(&*code, "57P01" | "57P02" | "57P05"))
            }
            _ => false,
        };
        self.is_reused && is_gone
    }

    /// Says that nothing is open on this connection any more: the next unit may have it.
    pub fn is_clean(&mut self) {
        self.is_clean = true;
    }
}

impl AsMut<PgConnection> for Lane {
    #[expect(clippy::expect_used, reason = "only the drop takes the connection")]
    fn as_mut(&mut self) -> &mut PgConnection {
        &mut self.connection.as_mut().expect("a lane that has not been dropped").connection
    }
}

impl AsRef<PgConnection> for Lane {
    #[expect(clippy::expect_used, reason = "only the drop takes the connection")]
    fn as_ref(&self) -> &PgConnection {
        &self.connection.as_ref().expect("a lane that has not been dropped").connection
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if !self.is_clean || connection.opened.elapsed() > LONGEST_LIFE {
            connection.connection.close_on_drop();
            return;
        }
        // Without a list the server is stopping, and dropping the connection gives it to the pool that closes it.
        if let Some(idle) = self.lanes.idle().as_mut() {
            idle.push(connection);
        }
    }
}

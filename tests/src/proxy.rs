//! Stands between a server and its PostgreSQL and stops at a chosen message, so that the server can be killed between
//! any two statements.
//!
//! It counts what ends a statement in the frontend protocol: `Query`, and `Sync` after an extended one. `BEGIN` and
//! `COMMIT` are statements like any other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

/// On which side of a statement the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The statement never reaches the database.
    Before,
    /// The database does it, and nobody hears of that.
    After,
}

/// A socket that leads to PostgreSQL's.
pub struct PostgresProxy {
    directory: TempDir,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Statements until the gate closes, twice that many for [`Side::After`]; 0 when it is open.
    left: AtomicUsize,
    is_after: std::sync::atomic::AtomicBool,
    closed: Notify,
}

impl PostgresProxy {
    /// A proxy to the server whose socket is in this directory.
    pub fn to(socket_directory: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let listener = UnixListener::bind(socket_in(directory.path())).expect("a socket");
        let (gate, target) = (Arc::new(Gate::default()), socket_in(socket_directory));
        let shared = gate.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&target).await.expect("PostgreSQL");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let statement = Arc::new(Notify::new());
                tokio::spawn(requests(from_client, to_server, shared.clone(), statement.clone()));
                tokio::spawn(answers(from_server, to_client, shared.clone(), statement));
            }
        });
        Self { directory, gate }
    }

    /// Where a client finds it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Closes the gate at the statement with this number, counted from now and from 1. Nothing passes any more.
    pub fn close_at(&self, statement: usize, side: Side) {
        self.gate.is_after.store(side == Side::After, Ordering::SeqCst);
        self.gate.left.store(statement, Ordering::SeqCst);
    }

    /// Waits until that statement has come.
    pub async fn closed(&self) {
        self.gate.closed.notified().await;
    }

    /// Lets everything pass again.
    pub fn open(&self) {
        self.gate.left.store(0, Ordering::SeqCst);
    }
}

impl Gate {
    /// Counts one statement. True if it is the one.
    fn is_last(&self) -> bool {
        let one_less = |left: usize| (left > 0).then(|| left - 1);
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) == Ok(1)
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join(".s.PGSQL.5432")
}

/// Client to server, message by message.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    gate: Arc<Gate>,
    statement: Arc<Notify>,
) -> Option<()> {
    // What comes first has no type: perhaps the question whether there is TLS, then the start.
    loop {
        let message = message(&mut from, None).await?;
        to.write_all(&message).await.ok()?;
        if message[4..] != ASKS_FOR_TLS {
            break;
        }
    }
    loop {
        let kind = from.read_u8().await.ok()?;
        let message = message(&mut from, Some(kind)).await?;
        if matches!(kind, b'Q' | b'S') && gate.is_last() {
            if gate.is_after.load(Ordering::SeqCst) {
                statement.notify_one();
                to.write_all(&message).await.ok()?;
            } else {
                gate.closed.notify_one();
            }
            // Holds the connection, so that the database sees it end only when the server has died.
            let _ = from.read_u8().await;
            return None;
        }
        to.write_all(&message).await.ok()?;
    }
}

/// Server to client, until the answer to the last statement has come; that one is kept.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    gate: Arc<Gate>,
    statement: Arc<Notify>,
) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            biased;
            () = statement.notified() => {
                let _ = from.read(&mut buffer).await;
                gate.closed.notify_one();
                let _ = from.read(&mut buffer).await;
                return None;
            }
            read = from.read(&mut buffer) => match read {
                Ok(bytes @ 1..) => to.write_all(&buffer[..bytes]).await.ok()?,
                _ => return None,
            }
        }
    }
}

const ASKS_FOR_TLS: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// One message with its header: the type, if it has one, four bytes of length that count themselves, the rest.
async fn message(from: &mut OwnedReadHalf, kind: Option<u8>) -> Option<Vec<u8>> {
    let length = from.read_u32().await.ok()?;
    let mut message: Vec<u8> = kind.into_iter().chain(length.to_be_bytes()).collect();
    let header = message.len();
    message.resize(header + usize::try_from(length).ok()?.checked_sub(4)?, 0);
    from.read_exact(&mut message[header..]).await.ok()?;
    Some(message)
}

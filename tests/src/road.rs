//! The way between phones and servers as a process of its own would spoil it: a TCP proxy in front of all of them, which
//! refuses connections, cuts requests and answers at any byte, and sends requests twice, to two servers.
//!
//! It picks a server that is up, like any load balancer. A client that wants each request to have a fate of its own
//! makes a connection for each: [`client`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How bad the road is: of 100 connections, so many meet this fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hazards {
    /// End before anything is read.
    pub refused: u32,
    /// End in the middle of the request, at any byte.
    pub requests_cut: u32,
    /// End in the middle of the answer, at any byte.
    pub replies_cut: u32,
    /// Are sent to another server too, byte for byte, while the first is answering.
    pub doubled: u32,
}

impl Hazards {
    /// Worse than anybody should have to work with.
    pub fn storm() -> Self {
        Self { refused: 8, requests_cut: 12, replies_cut: 12, doubled: 12 }
    }
}

/// What becomes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    Passes,
    Refused,
    RequestCut,
    ReplyCut,
    Doubled,
    /// No server was up.
    NobodyThere,
}

/// The proxy.
#[derive(Clone)]
pub struct Road {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    servers: Vec<SocketAddr>,
    hazards: Hazards,
    dice: StdRng,
    turns: BTreeMap<Turn, usize>,
}

/// A client that opens a connection for each request and does not wait for ever.
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(Duration::from_secs(30));
    builder.build().expect("an HTTP client")
}

impl Road {
    /// A road to these servers, good at first; `seed` decides what happens once it is not.
    pub async fn to(servers: Vec<SocketAddr>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (hazards, dice) = (Hazards::default(), StdRng::seed_from_u64(seed));
        let road =
            Self { address, shared: Arc::new(Mutex::new(Shared { servers, hazards, dice, turns: BTreeMap::new() })) };
        let taken = road.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let road = taken.clone();
                tokio::spawn(async move { road.carry(client).await });
            }
        });
        road
    }

    /// Where it begins.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on so bad.
    pub fn set_hazards(&self, hazards: Hazards) {
        self.lock().hazards = hazards;
    }

    /// What became of its connections so far.
    pub fn turns(&self) -> BTreeMap<Turn, usize> {
        self.lock().turns.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn carry(&self, client: TcpStream) -> Option<()> {
        let (turn, cut, servers) = self.lock().draw();
        if turn == Turn::Refused {
            return None;
        }
        let mut up = Vec::new();
        for server in servers {
            if let Ok(stream) = TcpStream::connect(server).await {
                up.push(stream);
                if turn != Turn::Doubled || up.len() == 2 {
                    break;
                }
            }
        }
        let mut up = up.into_iter();
        let Some(server) = up.next() else {
            *self.lock().turns.entry(Turn::NobodyThere).or_default() += 1;
            return None;
        };
        // Where only one server is up, it gets both copies only if it is asked twice in a row: no matter.
        let (request, reply) = match turn {
            Turn::RequestCut => (cut, usize::MAX),
            Turn::ReplyCut => (usize::MAX, cut),
            _ => (usize::MAX, usize::MAX),
        };
        pass(client, server, up.next(), request, reply).await
    }
}

impl Shared {
    /// What happens to the next connection, after how many bytes, and the servers in the order in which to try them.
    fn draw(&mut self) -> (Turn, usize, Vec<SocketAddr>) {
        let Hazards { refused, requests_cut, replies_cut, doubled } = self.hazards;
        let mut throw = self.dice.random_range(0..100);
        let mut turn = Turn::Passes;
        for (share, fate) in [
            (refused, Turn::Refused),
            (requests_cut, Turn::RequestCut),
            (replies_cut, Turn::ReplyCut),
            (doubled, Turn::Doubled),
        ] {
            if throw < share {
                turn = fate;
                break;
            }
            throw -= share;
        }
        *self.turns.entry(turn).or_default() += 1;
        // Short cuts as often as long ones: most of what can go wrong is in the first kilobytes.
        let cut = 1_usize << self.dice.random_range(0..14);
        let cut = self.dice.random_range(cut..2 * cut);
        let mut servers = self.servers.clone();
        servers.shuffle(&mut self.dice);
        (turn, cut, servers)
    }
}

/// Passes so many bytes of the request and of the answer, then hangs up on both. The twin gets the same request and is
/// not listened to.
async fn pass(
    client: TcpStream,
    server: TcpStream,
    twin: Option<TcpStream>,
    request: usize,
    reply: usize,
) -> Option<()> {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (answered, answering) = oneshot::channel();
    let asking = async {
        let (mut copy, mut left, mut buffer) = (Vec::new(), request, vec![0; 16 * 1024]);
        let mut answering = answering;
        let mut twin = twin;
        loop {
            tokio::select! {
                read = from_client.read(&mut buffer) => {
                    let read = read.ok().filter(|read| *read > 0)?;
                    let read = read.min(left);
                    to_server.write_all(&buffer[..read]).await.ok()?;
                    left -= read;
                    if left == 0 {
                        return Some(());
                    }
                    if twin.is_some() {
                        copy.extend_from_slice(&buffer[..read]);
                    }
                }
                // The request is whole when the answer begins.
                Ok(()) = &mut answering, if twin.is_some() => {
                    tokio::spawn(ask_again(twin.take()?, std::mem::take(&mut copy)));
                }
            }
        }
    };
    tokio::select! {
        asked = asking => asked,
        answered = answer(from_server, to_client, reply, answered) => answered,
    }
}

async fn answer(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut left: usize,
    begins: oneshot::Sender<()>,
) -> Option<()> {
    let (mut begins, mut buffer) = (Some(begins), vec![0; 16 * 1024]);
    while left > 0 {
        let read = from.read(&mut buffer).await.ok().filter(|read| *read > 0)?.min(left);
        if let Some(begins) = begins.take() {
            let _ = begins.send(());
        }
        to.write_all(&buffer[..read]).await.ok()?;
        left -= read;
    }
    Some(())
}

async fn ask_again(mut server: TcpStream, request: Vec<u8>) {
    if server.write_all(&request).await.is_ok() {
        // Long enough for it to be carried out; what it says interests nobody.
        let _ = tokio::time::timeout(Duration::from_secs(10), server.read(&mut [0; 1024])).await;
    }
}

//! One exchange with the server over a good or bad way, with every step in the phone's ledger.
//!
//! What was sent and what was acknowledged is read from the bytes on the wire, not asked of the core: the ledger must
//! not believe what it is there to check.

use reqwest::{Method, StatusCode, header};
use sync_core::ids::{Nonce, Sha256Hash};
use sync_core::replica::{Arrived, Failure, ReplyFault};
use sync_core::wire::envelope::{self, Effort};
use sync_core::wire::{
    Batch, BatchHeader, IntentOutcome, RejectOutcome, ServerSigner, SyncReply, SyncRequest, intent, signed,
};

use callout_server::platform::random::Random;

use super::Phone;
use super::ledger::{Entry, Outcome};
use super::link::Fate;

/// What travels in both directions.
pub const MEDIA_TYPE: &str = "application/vnd.callout.sync";
const MAX_BYTES: usize = 64 << 20;

/// How an exchange ended.
#[derive(Debug)]
pub enum Exchanged {
    /// The server's answer was taken in.
    Answered(Arrived),
    /// It never came, or was of no use.
    Failed(Failure),
    /// Somebody else's answer came.
    Fault(ReplyFault),
}

impl Exchanged {
    /// There is more to send or to fetch, or it must be tried again.
    pub fn must_go_on(&self) -> bool {
        match self {
            Self::Answered(arrived) => arrived.has_more,
            Self::Failed(_) | Self::Fault(_) => true,
        }
    }
}

impl Phone {
    /// Sends what is unsent, asks for what is new, and takes in the answer, if one comes.
    pub async fn exchange(&mut self) -> Exchanged {
        let request = self.replica.poll_request(self.time.now()).expect("the phone's store");
        let request = request.expect("no other request is under way");
        let asked = Asked::read(&request);
        let entries: Vec<Entry> = asked.batches.iter().flat_map(sent).collect();
        self.ledger.write(&entries).expect("the phone's ledger");
        match self.carry(&request, &asked).await {
            Ok(body) => self.take_in(&body, &request, &asked),
            Err(failure) => {
                self.replica.handle_failure(failure);
                Exchanged::Failed(failure)
            }
        }
    }

    /// The same with a server that answers otherwise than it should, and signs for it.
    pub async fn exchange_altered(&mut self, signer: &ServerSigner, alter: impl FnOnce(&mut SyncReply)) -> Exchanged {
        let request = self.replica.poll_request(self.time.now()).expect("the phone's store");
        let request = request.expect("no other request is under way");
        let asked = Asked::read(&request);
        let body = self.post(request.clone()).await.expect("an answer");
        let mut reply = self.read_reply(&body, &request).expect("a signed reply");
        alter(&mut reply);
        let body = signed::seal(&reply.encode(), &request, Effort::Quick, signer);
        self.take_in(&body, &request, &asked)
    }

    /// The request over the way as it is.
    async fn carry(&mut self, request: &[u8], asked: &Asked) -> Result<Vec<u8>, Failure> {
        if !self.link.is_up {
            return Err(Failure::Offline);
        }
        match self.link.draw() {
            Fate::Arrives => self.post(request.to_vec()).await,
            Fate::RequestLost => Err(Failure::Offline),
            Fate::ReplyLost => {
                // Not a question of whether it was taken: nobody will know.
                let _ = self.post(request.to_vec()).await;
                Err(Failure::Offline)
            }
            Fate::Doubled => {
                let (_, answer) = tokio::join!(self.post(request.to_vec()), self.post(request.to_vec()));
                answer
            }
            Fate::Shuffled => {
                for alone in self.one_by_one(asked) {
                    let _ = self.post(alone).await;
                }
                self.post(request.to_vec()).await
            }
        }
    }

    /// Each batch in a request of its own, in any order.
    fn one_by_one(&mut self, asked: &Asked) -> Vec<Vec<u8>> {
        let mut batches = asked.request.batches.clone();
        self.link.shuffle(&mut batches);
        batches.into_iter().map(|batch| self.request_with(vec![batch])).collect()
    }

    /// A request that carries these encoded batches and nothing else.
    pub fn request_with(&self, batches: Vec<Vec<u8>>) -> Vec<u8> {
        let request = SyncRequest { batches, ..SyncRequest::new(self.device.id, self.time.now()) };
        envelope::pack(&request.encode(), Effort::Quick)
    }

    /// Posts these bytes to the server, and nothing is written down about it.
    pub async fn post(&self, request: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let post = self.owner.request(Method::POST, "/sync").header(header::CONTENT_TYPE, MEDIA_TYPE).body(request);
        let answer = post.send().await.map_err(|_| Failure::Offline)?;
        match answer.status() {
            StatusCode::OK => Ok(answer.bytes().await.map_err(|_| Failure::Offline)?.to_vec()),
            StatusCode::UNAUTHORIZED => Err(Failure::SignIn),
            status => {
                let wait =
                    answer.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse::<u32>().ok());
                Err(Failure::Server { status: status.as_u16(), retry_after_ms: wait.map(|seconds| seconds * 1000) })
            }
        }
    }

    /// What the phone would send now, and the batches in it. The exchange counts as failed.
    pub fn intercept(&mut self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let request = self.replica.poll_request(self.time.now()).expect("the phone's store");
        let request = request.expect("no other request is under way");
        self.replica.handle_failure(Failure::Offline);
        let asked = Asked::read(&request);
        let entries: Vec<Entry> = asked.batches.iter().flat_map(sent).collect();
        self.ledger.write(&entries).expect("the phone's ledger");
        (request, asked.request.batches)
    }

    /// What the server said to a request, after its signature.
    pub fn read_reply(&self, body: &[u8], request: &[u8]) -> Option<SyncReply> {
        let opened = signed::open(body, Sha256Hash::of(request), &[self.device.server_key], MAX_BYTES).ok()?;
        SyncReply::decode(&opened).ok()
    }

    fn take_in(&mut self, body: &[u8], request: &[u8], asked: &Asked) -> Exchanged {
        let said = self.read_reply(body, request);
        match self.replica.handle_reply(body, self.time.now(), Nonce(Random.bytes())) {
            Ok(arrived) => {
                // Only now has the phone let go of it.
                let entries = said.map(|said| acknowledged(asked, &said)).unwrap_or_default();
                self.ledger.write(&entries).expect("the phone's ledger");
                Exchanged::Answered(arrived)
            }
            Err(fault) => Exchanged::Fault(fault),
        }
    }
}

/// A request, read back.
struct Asked {
    request: SyncRequest,
    batches: Vec<BatchHeader>,
}

impl Asked {
    fn read(bytes: &[u8]) -> Self {
        let message = envelope::unpack(bytes, MAX_BYTES).expect("an envelope of our own");
        let request = SyncRequest::decode(&message).expect("a request of our own");
        let claims = |bytes: &Vec<u8>| Batch::decode(bytes).and_then(|batch| batch.claims());
        let batches = request.batches.iter().map(claims).collect::<Result<_, _>>().expect("batches of our own");
        Self { request, batches }
    }
}

fn sent(batch: &BatchHeader) -> Vec<Entry> {
    let pairs = batch.fact_ids.iter().zip(&batch.change_hashes);
    pairs.map(|(fact, change)| Entry::Sent { fact: fact.to_string(), change: change.to_string() }).collect()
}

/// What a reply says became of what was asked.
fn acknowledged(asked: &Asked, said: &SyncReply) -> Vec<Entry> {
    let acked = |fact: String, change: String, outcome| Entry::Acked { fact, change, outcome };
    let mut entries = Vec::new();
    for ack in &said.acks {
        let is_it = |batch: &&BatchHeader| batch.session_nonce == ack.session_nonce && batch.dev_seq == ack.dev_seq;
        let Some(batch) = asked.batches.iter().find(is_it) else { continue };
        let admitted = batch.fact_ids.iter().zip(&batch.change_hashes).take(ack.admitted as usize);
        entries.extend(admitted.map(|(fact, change)| acked(fact.to_string(), change.to_string(), Outcome::Admitted)));
    }
    for reject in said.rejects.iter().filter(|reject| matches!(reject.outcome, RejectOutcome::Quarantined { .. })) {
        entries.push(acked(reject.fact.to_string(), reject.change.to_string(), Outcome::Quarantined));
    }
    // Work that the phone itself could not make again goes to a dispatcher under the id of its fact.
    let reviews = asked.request.intents.iter().filter(|wish| wish.kind == intent::REVIEW);
    let is_granted = |id| said.answers.iter().any(|one| one.id == id && one.outcome == IntentOutcome::Granted);
    for review in reviews.filter(|wish| is_granted(wish.id)) {
        entries.push(acked(review.id.to_string(), String::new(), Outcome::Quarantined));
    }
    entries
}

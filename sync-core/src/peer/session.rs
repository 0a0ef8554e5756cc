//! One meeting of two phones. Each end says the same things in the same order; what the other end says out of order, or
//! twice, ends the session.

use std::collections::{BTreeSet, VecDeque};

use crate::ids::{Sha256Hash, TicketId};
use crate::peer::channel::{BrokenChannel, Channel};
use crate::peer::message::{MAX_OFFERS, MAX_TAGS, Message};
use crate::replica::{Identity, NoCertificate, NotTaken, Replica, Side, Tag, Taken};
use crate::store::{Store, StoreError};
use crate::time::DeviceTime;
use crate::wire::{CertificateError, DeviceCertificate, SignError, WireError};

/// Batches that one session takes, and bytes of them; what is left is for the next one.
const MAX_WANTS: usize = 256;
const MAX_SESSION_BYTES: usize = 16 << 20;

/// Why a session ended before everything was said. What had been taken by then stays taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// This phone cannot show who it is: it must sync, or its clock must be set.
    #[error(transparent)]
    NoCertificate(#[from] NoCertificate),
    /// The device's key does not sign.
    #[error(transparent)]
    Key(#[from] SignError),
    #[error(transparent)]
    Channel(#[from] BrokenChannel),
    /// The other phone's certificate does not hold: it must sync, or one of the clocks must be set.
    #[error("the other phone's certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// Somebody shows a certificate whose key he does not have, or stands between the two phones.
    #[error("the other phone does not have the key of its certificate")]
    NoProof,
    /// Another company's phone.
    #[error("the other phone belongs to another company")]
    OtherTenant,
    /// The other end is this device itself, or a copy of it.
    #[error("the other phone says that it is this one")]
    Oneself,
    #[error("a message that does not read: {0}")]
    Message(#[from] WireError),
    #[error("a message that was not due")]
    OutOfTurn,
    #[error("more than one session takes")]
    TooMuch,
    /// This phone's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a session came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerReport {
    /// Whose phone it was, once that was proved.
    pub peer: Option<Identity>,
    /// Tickets that both phones hold.
    pub shared: usize,
    /// Batches that were kept, and what they are about.
    pub taken: usize,
    pub tickets: BTreeSet<TicketId>,
    /// Batches that were here already, or that the server has.
    pub known: usize,
    /// Batches that were not taken.
    pub refused: Vec<RefusedBatch>,
    /// Batches of which the other phone says that it has kept them.
    pub handed_over: usize,
    /// What the other phone says that it has not taken of what this one handed over.
    pub refused_there: Vec<RefusedBatch>,
    /// One of the two had more than one session carries: meet again.
    pub has_more: bool,
}

/// A batch that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBatch {
    pub batch: Sha256Hash,
    /// Stable.
    pub code: String,
    /// For a person; empty where the other phone says it.
    pub detail: String,
}

/// What the other end says next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Hello,
    Holding,
    Offer,
    Want,
    Batches,
    Took,
    Nothing,
}

/// One end of a meeting. See the module for the loop that drives it.
pub struct PeerSession {
    side: Side,
    channel: Channel,
    due: Due,
    /// What is said next, after what the channel still holds.
    to_say: VecDeque<Message>,
    /// Batches that are still to be handed over.
    to_hand_over: VecDeque<Sha256Hash>,
    is_handing_over: bool,
    has_said_hello: bool,
    offered: BTreeSet<Sha256Hash>,
    wanted: BTreeSet<Sha256Hash>,
    shared: BTreeSet<TicketId>,
    bytes: usize,
    fault: Option<PeerFault>,
    report: PeerReport,
}

impl PeerSession {
    /// The end that speaks first. `fresh` is 256 fresh random bits.
    pub fn initiate<S: Store>(replica: &Replica<S>, fresh: [u8; 32], now: DeviceTime) -> Result<Self, PeerFault> {
        Self::begin(Side::Initiator, replica, fresh, now)
    }

    /// The end that waits. `fresh` is 256 fresh random bits.
    pub fn respond<S: Store>(replica: &Replica<S>, fresh: [u8; 32], now: DeviceTime) -> Result<Self, PeerFault> {
        Self::begin(Side::Responder, replica, fresh, now)
    }

    fn begin<S: Store>(side: Side, replica: &Replica<S>, fresh: [u8; 32], now: DeviceTime) -> Result<Self, PeerFault> {
        replica.certificate(now)?;
        Ok(Self {
            side,
            channel: Channel::new(side == Side::Initiator, fresh),
            due: Due::Hello,
            to_say: VecDeque::new(),
            to_hand_over: VecDeque::new(),
            is_handing_over: false,
            has_said_hello: false,
            offered: BTreeSet::new(),
            wanted: BTreeSet::new(),
            shared: BTreeSet::new(),
            bytes: 0,
            fault: None,
            report: PeerReport::default(),
        })
    }

    /// Everything has been said and heard, or the session has failed: nothing more is to be sent or received.
    pub fn is_over(&self) -> bool {
        let has_said_all = self.to_say.is_empty() && !self.is_handing_over && self.channel.has_sent_all();
        self.fault.is_some() || (self.due == Due::Nothing && has_said_all)
    }

    /// Why it failed, if it did.
    pub fn fault(&self) -> Option<&PeerFault> {
        self.fault.as_ref()
    }

    /// What it has come to so far.
    pub fn report(&self) -> &PeerReport {
        &self.report
    }

    /// The next bytes to send, at most 64 KiB of them; `None` if the other phone is to speak first, or all is said.
    pub fn poll_bytes<S: Store>(
        &mut self,
        replica: &mut Replica<S>,
        now: DeviceTime,
    ) -> Result<Option<Vec<u8>>, PeerFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let polled = self.poll(replica, now);
        self.noted(polled)
    }

    /// Takes in what came from the other phone, in pieces of any length.
    pub fn handle_bytes<S: Store>(
        &mut self,
        replica: &mut Replica<S>,
        bytes: &[u8],
        now: DeviceTime,
    ) -> Result<(), PeerFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let handled = self.handle(replica, bytes, now);
        self.noted(handled)
    }

    fn noted<T>(&mut self, done: Result<T, PeerFault>) -> Result<T, PeerFault> {
        done.inspect_err(|why| self.fault = Some(why.clone()))
    }

    fn poll<S: Store>(&mut self, replica: &mut Replica<S>, now: DeviceTime) -> Result<Option<Vec<u8>>, PeerFault> {
        loop {
            if let Some(frame) = self.channel.poll_frame() {
                return Ok(Some(frame));
            }
            // The one who waits shows himself first: who knocks says his name only to a colleague.
            if self.side == Side::Responder && !self.has_said_hello && self.channel.binding().is_some() {
                self.say_hello(replica, now)?;
            }
            let Some(message) = self.next_message(replica) else { return Ok(None) };
            self.channel.send(&message.encode())?;
        }
    }

    /// One message at a time, so that no more than one batch is in memory.
    fn next_message<S: Store>(&mut self, replica: &Replica<S>) -> Option<Message> {
        // What was taken is told after all has been handed over, as the other end expects.
        let is_due = !self.is_handing_over || !matches!(self.to_say.front(), Some(Message::Took { .. }) | None);
        if is_due {
            return self.to_say.pop_front();
        }
        while let Some(hash) = self.to_hand_over.pop_front() {
            if let Some((certificate, batch)) = replica.batch_to_hand_over(&hash) {
                return Some(Message::Batch { certificate, batch });
            }
        }
        self.is_handing_over = false;
        Some(Message::Sent)
    }

    fn handle<S: Store>(&mut self, replica: &mut Replica<S>, bytes: &[u8], now: DeviceTime) -> Result<(), PeerFault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(message) = self.channel.receive(&mut rest)? {
                // Of a later version: passed over.
                if let Some(message) = Message::decode(&message)? {
                    self.hear(replica, message, now)?;
                }
            }
        }
        Ok(())
    }

    fn hear<S: Store>(&mut self, replica: &mut Replica<S>, message: Message, now: DeviceTime) -> Result<(), PeerFault> {
        match (self.due, message) {
            (Due::Hello, Message::Hello { certificate, proof }) => {
                self.report.peer = Some(self.meet(replica, &certificate, &proof, now)?);
                if !self.has_said_hello {
                    self.say_hello(replica, now)?;
                }
                let tags = replica.tags(&self.binding()?, self.side).into_keys().take(MAX_TAGS).collect();
                self.to_say.push_back(Message::Holding { tags });
                self.due = Due::Holding;
            }
            (Due::Holding, Message::Holding { tags }) => {
                self.compare(replica, tags)?;
                let mut batches = replica.hand_over(&self.shared, self.peer()?.device, now)?;
                self.report.has_more |= batches.len() > MAX_OFFERS;
                batches.truncate(MAX_OFFERS);
                self.offered = batches.iter().copied().collect();
                self.to_say.push_back(Message::Offer { batches });
                self.due = Due::Offer;
            }
            (Due::Offer, Message::Offer { batches }) => {
                let mut wanted = replica.wanted(&batches);
                self.report.known += batches.len() - wanted.len();
                self.report.has_more |= wanted.len() > MAX_WANTS;
                wanted.truncate(MAX_WANTS);
                self.wanted = wanted.iter().copied().collect();
                self.to_say.push_back(Message::Want { batches: wanted });
                self.due = Due::Want;
            }
            (Due::Want, Message::Want { batches }) => {
                self.report.has_more |= batches.len() < self.offered.len() && batches.len() == MAX_WANTS;
                // What was not offered is none of his business.
                let mut left = std::mem::take(&mut self.offered);
                self.to_hand_over = batches.into_iter().filter(|hash| left.remove(hash)).collect();
                self.is_handing_over = true;
                self.due = Due::Batches;
            }
            (Due::Batches, Message::Batch { certificate, batch }) => self.take(replica, &certificate, &batch, now)?,
            (Due::Batches, Message::Sent) => {
                let refused = self.report.refused.iter().map(|refused| (refused.batch, refused.code.clone()));
                let (taken, refused) = (u32::try_from(self.report.taken).unwrap_or(u32::MAX), refused.collect());
                self.to_say.push_back(Message::Took { taken, refused });
                self.due = Due::Took;
            }
            (Due::Took, Message::Took { taken, refused }) => {
                self.report.handed_over = taken as usize;
                let refused = refused.into_iter();
                self.report.refused_there =
                    refused.map(|(batch, code)| RefusedBatch { batch, code, detail: String::new() }).collect();
                self.due = Due::Nothing;
            }
            _ => return Err(PeerFault::OutOfTurn),
        }
        Ok(())
    }

    fn say_hello<S: Store>(&mut self, replica: &Replica<S>, now: DeviceTime) -> Result<(), PeerFault> {
        replica.certificate(now)?;
        let certificate = replica.signed_certificate().to_vec();
        let proof = replica.sign(&proved(&self.binding()?, self.side, &certificate))?.0.to_vec();
        self.to_say.push_back(Message::Hello { certificate, proof });
        self.has_said_hello = true;
        Ok(())
    }

    /// Who is at the other end: whom the server certified, and who holds that key at the other end of this very channel.
    fn meet<S: Store>(
        &self,
        replica: &Replica<S>,
        certificate: &[u8],
        proof: &[u8],
        now: DeviceTime,
    ) -> Result<Identity, PeerFault> {
        let shown = DeviceCertificate::open(certificate, replica.server_keys())?;
        shown.check_time(replica.server_time(now))?;
        let own = replica.identity();
        if shown.tenant != own.tenant {
            return Err(PeerFault::OtherTenant);
        }
        if !shown.key.has_signed(&proved(&self.binding()?, self.side.other(), certificate), proof) {
            return Err(PeerFault::NoProof);
        }
        if shown.device == own.device {
            return Err(PeerFault::Oneself);
        }
        Ok(Identity { tenant: shown.tenant, device: shown.device, user: shown.user })
    }

    fn compare<S: Store>(&mut self, replica: &Replica<S>, tags: Vec<Tag>) -> Result<(), PeerFault> {
        let ours = replica.tags(&self.binding()?, self.side.other());
        self.shared = tags.iter().filter_map(|tag| ours.get(tag).copied()).collect();
        self.report.shared = self.shared.len();
        Ok(())
    }

    fn take<S: Store>(
        &mut self,
        replica: &mut Replica<S>,
        certificate: &[u8],
        batch: &[u8],
        now: DeviceTime,
    ) -> Result<(), PeerFault> {
        self.bytes += certificate.len() + batch.len();
        if self.bytes > MAX_SESSION_BYTES {
            return Err(PeerFault::TooMuch);
        }
        let decoded = crate::wire::Batch::decode(batch).map_err(|_| PeerFault::OutOfTurn)?;
        let hash = decoded.hash();
        if !self.wanted.remove(&hash) {
            return Err(PeerFault::OutOfTurn);
        }
        match replica.take_from(self.peer()?.device, &self.shared, (certificate, batch), now) {
            Ok(Taken::Kept) => {
                self.report.taken += 1;
                self.report.tickets.extend(decoded.claims().map(|claims| claims.ticket));
            }
            Ok(Taken::Again | Taken::Needless) => self.report.known += 1,
            Err(NotTaken::Store(why)) if why != StoreError::Full => return Err(why.into()),
            Err(why) => {
                let (code, detail) = (why.code().to_owned(), why.to_string());
                self.report.refused.push(RefusedBatch { batch: hash, code, detail });
            }
        }
        Ok(())
    }

    fn binding(&self) -> Result<[u8; 32], PeerFault> {
        self.channel.binding().ok_or(PeerFault::OutOfTurn)
    }

    fn peer(&self) -> Result<Identity, PeerFault> {
        self.report.peer.ok_or(PeerFault::OutOfTurn)
    }
}

/// What an end signs: this channel, which end it is, and the certificate that it shows.
pub(super) fn proved(binding: &[u8; 32], side: Side, certificate: &[u8]) -> Vec<u8> {
    [b"callout peer proof 1".as_slice(), side.letter(), binding, &Sha256Hash::of(certificate).0].concat()
}

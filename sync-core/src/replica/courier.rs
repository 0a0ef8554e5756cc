//! Batches of other devices: taken from a colleague's phone, offered to the server, forgotten once it has what they say.

use std::sync::Arc;

use crate::door::TurnedAway;
use crate::guard;
use crate::ids::{DeviceId, Sha256Hash, TicketId};
use crate::replica::overlay;
use crate::replica::reply::Page;
use crate::replica::request::REQUEST_BYTES;
use crate::replica::rows::Record;
use crate::replica::rows::carried::Carried;
use crate::replica::state::{InFlight, State, Work};
use crate::store::{Space, StoreError, StoreTx};
use crate::time::ServerTime;
use crate::wire::{Batch, BatchError, BatchRefusal, CertificateError, DeviceCertificate, SyncReply, SyncRequest};

/// What may be carried: in all, of one author's device, and of what one device has handed over.
const MAX_BYTES: usize = 16 << 20;
const MAX_BYTES_OF_AUTHOR: usize = 2 << 20;
const MAX_BYTES_FROM_ONE: usize = 8 << 20;
/// Many small batches cost as much as few large ones.
const MAX_BATCHES: usize = 4_000;
const MAX_BATCHES_OF_AUTHOR: usize = 500;
/// No phone of ours seals larger ones. A request with one of these beside the phone's own work is one that a server takes.
const MAX_BATCH_BYTES: usize = 288 * 1024;
/// What the server left unanswered stands on work that is still to come, and is offered again after so long.
const PATIENCE_MS: i64 = 60 * 60 * 1000;

/// What became of a batch that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Kept until the server has it.
    Kept,
    /// Kept already.
    Again,
    /// The server has all that it says.
    Needless,
}

/// Why a batch that was handed over was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("the certificate of its author: {0}")]
    Certificate(#[from] CertificateError),
    #[error("it is not by the device whose certificate came with it")]
    OtherAuthor,
    #[error("it is by this device")]
    Own,
    #[error("it is about a ticket that the two phones do not share")]
    NotShared,
    #[error("its change {position} is not fit: {code}")]
    Unfit { position: usize, code: &'static str },
    #[error("it would be refused: {}", .0.detail)]
    TurnedAway(TurnedAway),
    #[error("it is more than is carried for one device")]
    TooMuch,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotTaken {
    /// Stable, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Batch(why) => why.code(),
            Self::Certificate(_) => "certificate",
            Self::OtherAuthor => "other_author",
            Self::Own => "own",
            Self::NotShared => "not_shared",
            Self::Unfit { code, .. } => code,
            Self::TurnedAway(why) => why.code,
            Self::TooMuch => "too_much",
            Self::Store(_) => "store",
        }
    }
}

impl State {
    /// The batches that are carried of a ticket.
    pub fn carried_of(&self, ticket: TicketId) -> impl Iterator<Item = &Arc<Carried>> {
        self.carried.values().filter(move |carried| carried.header.ticket == ticket)
    }

    /// Whether there is something to carry to the server now.
    pub fn has_to_deliver(&self) -> bool {
        self.carried.keys().any(|hash| self.is_due(hash))
    }

    /// What was offered and not answered waits a while; what is new does not.
    fn is_due(&self, hash: &Sha256Hash) -> bool {
        let now = self.device.last_reply.map_or(ServerTime(0), |(server, _)| server);
        self.session.unanswered.get(hash).is_none_or(|at| now.0.saturating_sub(at.0) >= PATIENCE_MS)
    }

    /// As many as fit beside the phone's own, and one at least; each author's in the order in which they were sealed.
    pub(super) fn offer_couriered(&self, request: &mut SyncRequest, in_flight: &mut InFlight) {
        if self.device.is_reoffering {
            return;
        }
        let mut due: Vec<&Arc<Carried>> = self.carried.values().filter(|carried| self.is_due(&carried.hash)).collect();
        due.sort_by_key(|carried| {
            (carried.header.device, carried.taken, carried.header.session_nonce, carried.header.dev_seq)
        });
        let mut bytes: usize = request.batches.iter().map(Vec::len).sum();
        for carried in due {
            bytes += carried.batch.len();
            if bytes > REQUEST_BYTES && !request.couriered.is_empty() {
                return;
            }
            request.couriered.push(carried.batch.clone());
            in_flight.couriered.push(carried.hash);
        }
    }
}

impl<T: StoreTx> Work<T> {
    /// Takes a batch that a colleague's phone handed over, if the server would likely take it too. `author` says who
    /// wrote it, and has been opened with a key of our server.
    pub(super) fn take_carried(
        &mut self,
        bytes: &[u8],
        (author, certificate): (&DeviceCertificate, &[u8]),
        from: DeviceId,
        now: ServerTime,
    ) -> Result<Taken, NotTaken> {
        author.check_time(now)?;
        let role = author.role.parse().map_err(|_| NotTaken::OtherAuthor)?;
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(NotTaken::TooMuch);
        }
        let batch = Batch::decode(bytes)?;
        let claims = batch.claims()?;
        let own = self.state.device.identity;
        if (claims.tenant, claims.device, claims.user) != (author.tenant, author.device, author.user)
            || claims.tenant != own.tenant
        {
            return Err(NotTaken::OtherAuthor);
        }
        if claims.device == own.device {
            return Err(NotTaken::Own);
        }
        let hash = batch.hash();
        if self.state.carried.contains_key(&hash) {
            return Ok(Taken::Again);
        }
        let verified = batch.verify(&author.key)?;
        for (position, (_, _, chunk)) in verified.changes().enumerate() {
            guard::check_chunk(chunk).map_err(|why| NotTaken::Unfit { position, code: why.code() })?;
        }
        let (header, batch, certificate) = (claims, bytes.to_vec(), certificate.to_vec());
        let carried = Arc::new(Carried { hash, header, batch, certificate, role, from, taken: now });
        self.would_be_taken(&carried, now)?;
        if self.server_has(&carried)? {
            return Ok(Taken::Needless);
        }
        self.has_room_for(&carried)?;
        carried.write(&mut self.tx)?;
        self.state.carried.insert(hash, carried);
        Ok(Taken::Kept)
    }

    /// What cannot be judged here yet, because something it stands on has not come, is carried all the same.
    fn would_be_taken(&mut self, carried: &Arc<Carried>, now: ServerTime) -> Result<(), NotTaken> {
        let id = carried.header.ticket;
        let is_ours = self.state.tickets.get(&id).is_some_and(|ticket| ticket.leaving.is_none());
        let Some(base) = self.base(id)?.filter(|_| is_ours) else { return Err(NotTaken::NotShared) };
        let workflow = self.workflow(&base)?;
        // An honest phone's work stands on its own and on what is admitted, never on a colleague's.
        let of_author = |other: &&Arc<Carried>| other.header.device == carried.header.device;
        let mut batches: Vec<&Arc<Carried>> = self.state.carried_of(id).filter(of_author).collect();
        batches.push(carried);
        let layer = overlay::put_on(base, &batches, &workflow, now);
        let entered = layer.entries.iter().any(|entry| carried.header.fact_ids.contains(&entry.fact.id));
        match layer.turned_away.into_iter().find(|(hash, _)| *hash == carried.hash) {
            // Of a batch whose beginning may enter the server takes that, and shows the rest to a dispatcher.
            Some((_, why)) if !entered && !why.is_for_want_of_base && !why.is_in => Err(NotTaken::TurnedAway(why)),
            _ => Ok(()),
        }
    }

    /// Everything that it says is admitted, in these changes or made again in others.
    fn server_has(&mut self, carried: &Carried) -> Result<bool, StoreError> {
        let Some(base) = self.base(carried.header.ticket)? else { return Ok(false) };
        Ok(says_all_of(&base, carried))
    }

    fn has_room_for(&self, carried: &Carried) -> Result<(), NotTaken> {
        if self.tx.space() != Space::Enough {
            return Err(StoreError::Full.into());
        }
        let within = |most: (usize, usize), is_counted: &dyn Fn(&Carried) -> bool| {
            let counted = self.state.carried.values().filter(|other| is_counted(other));
            let (count, bytes) = counted.fold((1, carried.size()), |(n, bytes), other| (n + 1, bytes + other.size()));
            count <= most.0 && bytes <= most.1
        };
        let has_room = within((MAX_BATCHES, MAX_BYTES), &|_| true)
            && within((MAX_BATCHES_OF_AUTHOR, MAX_BYTES_OF_AUTHOR), &|other| {
                other.header.device == carried.header.device
            })
            && within((MAX_BATCHES, MAX_BYTES_FROM_ONE), &|other| other.from == carried.from);
        if has_room { Ok(()) } else { Err(NotTaken::TooMuch) }
    }

    fn forget_carried(&mut self, hash: &Sha256Hash) -> Result<(), StoreError> {
        self.state.session.unanswered.remove(hash);
        match self.state.carried.remove(hash) {
            Some(carried) => carried.erase(&mut self.tx),
            None => Ok(()),
        }
    }
}

impl<T: StoreTx> Page<'_, T> {
    /// What became of the batches that this phone carried for others: those that were answered, or whose entries came by
    /// another way, are not needed any more.
    pub(super) fn take_courier_answers(&mut self, reply: &SyncReply) -> Result<(), StoreError> {
        let offered = self.in_flight.couriered.clone();
        for BatchRefusal { position, .. } in &reply.refused_couriered {
            if let Some(hash) = offered.get(*position as usize) {
                self.forget(hash)?;
            }
        }
        for ack in &reply.acks {
            let is_named = |carried: &&Arc<Carried>| {
                let header = &carried.header;
                (Some(header.device), header.session_nonce, header.dev_seq)
                    == (ack.device, ack.session_nonce, ack.dev_seq)
            };
            let named = self.work.state.carried.values().find(is_named).map(|carried| carried.hash);
            if let Some(hash) = named {
                self.forget(&hash)?;
            }
        }
        for hash in offered.iter().filter(|hash| self.work.state.carried.contains_key(hash)) {
            self.work.state.session.unanswered.insert(*hash, reply.server_time);
        }
        Ok(())
    }

    /// What the feed has brought by another way.
    pub(super) fn forget_needless(&mut self) -> Result<(), StoreError> {
        let bases = &self.bases;
        let is_needless =
            |carried: &&Arc<Carried>| bases.get(&carried.header.ticket).is_some_and(|base| says_all_of(base, carried));
        let needless: Vec<Sha256Hash> =
            self.work.state.carried.values().filter(is_needless).map(|carried| carried.hash).collect();
        needless.iter().try_for_each(|hash| self.forget(hash))
    }

    fn forget(&mut self, hash: &Sha256Hash) -> Result<(), StoreError> {
        if let Some(carried) = self.work.state.carried.get(hash) {
            self.arrived.changed.insert(carried.header.ticket);
            self.arrived.delivered += 1;
        }
        self.work.forget_carried(hash)
    }
}

fn says_all_of(base: &crate::document::TicketDoc, carried: &Carried) -> bool {
    carried.header.change_hashes.iter().all(|hash| base.has_change(hash))
        || carried.header.fact_ids.iter().all(|fact| base.fact(*fact).is_some())
}

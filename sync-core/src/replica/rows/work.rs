//! The user's own work on its way: unsent, acknowledged but kept, refused.

use super::{Record, join_hashes, split_hashes};
use crate::document::{ChangeHash, Fact, RawChange};
use crate::ids::{Nonce, ServerEpoch, TicketId};
use crate::store::Table;
use crate::time::{DeviceTime, ServerTime};
use crate::wire::{NoticeDecision, change_hash};

/// A fact that the server has not acknowledged, beside the change that carries it.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Pending {
    /// Its place in the outbox: the order of making, kept through replays.
    pub order: u64,
    pub ticket: TicketId,
    pub fact: Fact,
    pub change: RawChange,
    pub actor_nonce: Nonce,
    pub made_at: DeviceTime,
    /// The heads of the document on this device after it.
    pub heads: Vec<ChangeHash>,
    /// How often it was made again.
    pub replays: u32,
}

/// Unsent work that the server has from another copy of this store, kept in case the server loses it.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Superseded {
    pub pending: Pending,
    /// When that was found, on the server's clock.
    pub found: ServerTime,
}

/// An acknowledged batch, kept in case the server loses it.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Retained {
    pub session: Nonce,
    pub dev_seq: u64,
    /// The encoded batch.
    pub batch: Vec<u8>,
    /// How many of its changes were admitted; none where the first was set aside.
    pub admitted: u32,
    pub received: ServerTime,
    /// The epoch of the server that acknowledged it.
    pub epoch: ServerEpoch,
}

/// Work that was refused and waits for its author to settle it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub ticket: TicketId,
    pub fact: Fact,
    /// Why: a code of the guard, the policy or the command.
    pub code: String,
    /// The rule of the policy, where one decided.
    pub rule: String,
    /// For a person.
    pub detail: String,
    pub made_at: DeviceTime,
    pub refused_at: DeviceTime,
    /// What a dispatcher has made of it so far.
    pub decision: NoticeDecision,
    /// What the dispatcher wrote.
    pub note: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct PendingRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    fact: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    change: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    actor_nonce: Vec<u8>,
    #[prost(sint64, tag = "5")]
    made_at: i64,
    #[prost(bytes = "vec", tag = "6")]
    heads: Vec<u8>,
    #[prost(uint32, tag = "7")]
    replays: u32,
}

impl Record for Pending {
    const TABLE: Table = Table::Outbox;
    type Stored = PendingRow;

    fn key(&self) -> Vec<u8> {
        self.order.to_be_bytes().to_vec()
    }

    fn to_stored(&self) -> PendingRow {
        PendingRow {
            ticket: self.ticket.as_bytes().to_vec(),
            fact: self.fact.to_bytes(),
            change: self.change.bytes.clone(),
            actor_nonce: self.actor_nonce.0.to_vec(),
            made_at: self.made_at.0,
            heads: join_hashes(&self.heads),
            replays: self.replays,
        }
    }

    fn from_stored(key: &[u8], row: PendingRow) -> Option<Self> {
        Some(Self {
            order: u64::from_be_bytes(key.try_into().ok()?),
            ticket: TicketId::from_slice(&row.ticket).ok()?,
            fact: Fact::from_bytes(&row.fact).ok()?,
            change: RawChange { hash: change_hash(&row.change)?, bytes: row.change },
            actor_nonce: Nonce(row.actor_nonce.try_into().ok()?),
            made_at: DeviceTime(row.made_at),
            heads: split_hashes(&row.heads)?,
            replays: row.replays,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct SupersededRow {
    #[prost(message, optional, tag = "1")]
    pending: Option<PendingRow>,
    #[prost(sint64, tag = "2")]
    found: i64,
}

impl Record for Superseded {
    const TABLE: Table = Table::Superseded;
    type Stored = SupersededRow;

    fn key(&self) -> Vec<u8> {
        self.pending.fact.id.as_bytes().to_vec()
    }

    fn to_stored(&self) -> SupersededRow {
        SupersededRow { pending: Some(self.pending.to_stored()), found: self.found.0 }
    }

    fn from_stored(_: &[u8], row: SupersededRow) -> Option<Self> {
        // Its old place in the outbox means nothing any more.
        let pending = Pending::from_stored(&0_u64.to_be_bytes(), row.pending?)?;
        Some(Self { pending, found: ServerTime(row.found) })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct RetainedRow {
    #[prost(bytes = "vec", tag = "1")]
    batch: Vec<u8>,
    #[prost(uint32, tag = "2")]
    admitted: u32,
    #[prost(sint64, tag = "3")]
    received: i64,
    #[prost(bytes = "vec", tag = "4")]
    epoch: Vec<u8>,
}

impl Retained {
    pub fn key_of(session: Nonce, dev_seq: u64) -> Vec<u8> {
        [session.0.as_slice(), &dev_seq.to_be_bytes()].concat()
    }
}

impl Record for Retained {
    const TABLE: Table = Table::Retained;
    type Stored = RetainedRow;

    fn key(&self) -> Vec<u8> {
        Self::key_of(self.session, self.dev_seq)
    }

    fn to_stored(&self) -> RetainedRow {
        RetainedRow {
            batch: self.batch.clone(),
            admitted: self.admitted,
            received: self.received.0,
            epoch: self.epoch.as_bytes().to_vec(),
        }
    }

    fn from_stored(key: &[u8], row: RetainedRow) -> Option<Self> {
        let (session, dev_seq) = key.split_first_chunk::<16>()?;
        Some(Self {
            session: Nonce(*session),
            dev_seq: u64::from_be_bytes(dev_seq.try_into().ok()?),
            batch: row.batch,
            admitted: row.admitted,
            received: ServerTime(row.received),
            epoch: ServerEpoch::from_slice(&row.epoch).ok()?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct DraftRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    fact: Vec<u8>,
    #[prost(string, tag = "3")]
    code: String,
    #[prost(string, tag = "4")]
    rule: String,
    #[prost(string, tag = "5")]
    detail: String,
    #[prost(sint64, tag = "6")]
    made_at: i64,
    #[prost(sint64, tag = "7")]
    refused_at: i64,
    #[prost(uint32, tag = "8")]
    decision: u32,
    #[prost(string, tag = "9")]
    note: String,
}

impl Record for Draft {
    const TABLE: Table = Table::Draft;
    type Stored = DraftRow;

    fn key(&self) -> Vec<u8> {
        self.fact.id.as_bytes().to_vec()
    }

    fn to_stored(&self) -> DraftRow {
        DraftRow {
            ticket: self.ticket.as_bytes().to_vec(),
            fact: self.fact.to_bytes(),
            code: self.code.clone(),
            rule: self.rule.clone(),
            detail: self.detail.clone(),
            made_at: self.made_at.0,
            refused_at: self.refused_at.0,
            decision: match self.decision {
                NoticeDecision::Waiting => 0,
                NoticeDecision::Accepted => 1,
                NoticeDecision::Rejected => 2,
            },
            note: self.note.clone(),
        }
    }

    fn from_stored(_: &[u8], row: DraftRow) -> Option<Self> {
        Some(Self {
            ticket: TicketId::from_slice(&row.ticket).ok()?,
            fact: Fact::from_bytes(&row.fact).ok()?,
            code: row.code,
            rule: row.rule,
            detail: row.detail,
            made_at: DeviceTime(row.made_at),
            refused_at: DeviceTime(row.refused_at),
            decision: match row.decision {
                1 => NoticeDecision::Accepted,
                2 => NoticeDecision::Rejected,
                _ => NoticeDecision::Waiting,
            },
            note: row.note,
        })
    }
}

//! Work that this user did on another of her devices and the server set aside: she hears of it on every device, and of
//! what a dispatcher made of it. On the device where it was done it is a draft instead, with all it says.

use crate::ids::{FactId, TicketId};
use crate::replica::Replica;
use crate::replica::reply::Page;
use crate::replica::rows::Record;
use crate::replica::rows::work::Draft;
use crate::store::{Store, StoreError, StoreTx, Table};
use crate::time::ServerTime;
use crate::wire::{Notice, NoticeDecision};

/// What is known here of work that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedElsewhere {
    pub fact: FactId,
    pub ticket: TicketId,
    /// Why: a code of the guard, the policy or the command.
    pub code: String,
    /// What a dispatcher has made of it so far.
    pub decision: NoticeDecision,
    /// What the dispatcher wrote.
    pub note: String,
    /// When this device heard of it.
    pub told_at: ServerTime,
}

impl<S: Store> Replica<S> {
    /// What was done on the user's other devices and set aside, and is not settled here.
    pub fn refused_elsewhere(&mut self) -> Result<Vec<RefusedElsewhere>, StoreError> {
        RefusedElsewhere::all(&self.store.begin()?)
    }

    /// The user has seen it. Should somebody decide about it later, it comes back.
    pub fn settle_notice(&mut self, fact: FactId) -> Result<(), StoreError> {
        self.work(|work| work.tx.delete(Table::Notice, fact.as_bytes()))
    }
}

impl<T: StoreTx> Page<'_, T> {
    pub(super) fn take_notice(&mut self, notice: Notice) -> Result<(), StoreError> {
        self.arrived.changed.insert(notice.ticket);
        let draft = self.work.state.drafts.get(&notice.fact).cloned();
        let Notice { fact, ticket, decision, code, note, .. } = notice;
        match (draft, decision) {
            // It comes with the feed like anybody's fact.
            (Some(_), NoticeDecision::Accepted) => self.work.take_draft(fact).map(drop),
            (Some(draft), decision) => self.work.put_draft(Draft { decision, note, ..(*draft).clone() }),
            (None, NoticeDecision::Accepted) => self.work.tx.delete(Table::Notice, fact.as_bytes()),
            (None, decision) => RefusedElsewhere { fact, ticket, code, decision, note, told_at: self.server_time }
                .write(&mut self.work.tx),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct RefusedElsewhereRow {
    #[prost(bytes = "vec", tag = "1")]
    ticket: Vec<u8>,
    #[prost(string, tag = "2")]
    code: String,
    #[prost(uint32, tag = "3")]
    decision: u32,
    #[prost(string, tag = "4")]
    note: String,
    #[prost(sint64, tag = "5")]
    told_at: i64,
}

impl Record for RefusedElsewhere {
    const TABLE: Table = Table::Notice;
    type Stored = RefusedElsewhereRow;

    fn key(&self) -> Vec<u8> {
        self.fact.as_bytes().to_vec()
    }

    fn to_stored(&self) -> RefusedElsewhereRow {
        RefusedElsewhereRow {
            ticket: self.ticket.as_bytes().to_vec(),
            code: self.code.clone(),
            decision: match self.decision {
                NoticeDecision::Waiting => 0,
                NoticeDecision::Accepted => 1,
                NoticeDecision::Rejected => 2,
            },
            note: self.note.clone(),
            told_at: self.told_at.0,
        }
    }

    fn from_stored(key: &[u8], row: RefusedElsewhereRow) -> Option<Self> {
        Some(Self {
            fact: FactId::from_slice(key).ok()?,
            ticket: TicketId::from_slice(&row.ticket).ok()?,
            code: row.code,
            decision: match row.decision {
                1 => NoticeDecision::Accepted,
                2 => NoticeDecision::Rejected,
                _ => NoticeDecision::Waiting,
            },
            note: row.note,
            told_at: ServerTime(row.told_at),
        })
    }
}

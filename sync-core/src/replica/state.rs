//! What the replica holds in memory, and the unit of work that changes it together with the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::document::{ChangeHash, DocumentError, TicketDoc};
use crate::ids::{FactId, IntentId, Nonce, Sha256Hash, TicketId};
use crate::policy::Role;
use crate::replica::knowledge::KnowledgeFault;
use crate::replica::rows::Record;
use crate::replica::rows::carried::Carried;
use crate::replica::rows::device::Device;
use crate::replica::rows::other::{AwaitedBlob, Vouched, Wish};
use crate::replica::rows::ticket::{LoadError, Ticket};
use crate::replica::rows::work::{Draft, Pending, Retained};
use crate::replica::status::Trouble;
use crate::replica::summary::Summary;
use crate::store::{StoreError, StoreTx};
use crate::time::ServerTime;

/// Everything but the documents of tickets that nobody looks at. A copy costs a count for each row.
#[derive(Clone)]
pub(super) struct State {
    pub device: Device,
    /// What the user is in the tenant, as of sign-in.
    pub role: Role,
    pub tickets: BTreeMap<TicketId, Arc<Ticket>>,
    pub summaries: BTreeMap<TicketId, Arc<Summary>>,
    pub outbox: BTreeMap<u64, Arc<Pending>>,
    pub drafts: BTreeMap<FactId, Arc<Draft>>,
    pub wishes: BTreeMap<IntentId, Arc<Wish>>,
    pub blobs: BTreeMap<Sha256Hash, Arc<AwaitedBlob>>,
    /// Batches of other devices.
    pub carried: BTreeMap<Sha256Hash, Arc<Carried>>,
    /// Rows that did not read and may have been work.
    pub set_aside: usize,
    /// Documents that are open.
    pub docs: BTreeMap<TicketId, Arc<Docs>>,
    pub session: Session,
}

/// What is of this opening alone.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Drawn at the opening: numbers the batches, and makes this opening's actors new.
    pub nonce: Nonce,
    /// The tickets whose actor had to change since, because a change of it was refused.
    pub actor_nonces: BTreeMap<TicketId, Nonce>,
    pub next_dev_seq: u64,
    pub last_batch: Option<Sha256Hash>,
    /// Batches that the server has not acknowledged, by number.
    pub batches: BTreeMap<u64, Arc<Sent>>,
    pub in_flight: Option<Arc<InFlight>>,
    /// Exchanges that failed since one succeeded.
    pub failures: u32,
    pub trouble: Option<Trouble>,
    /// The last page was not the last.
    pub has_more: bool,
    /// When the server was last asked whether it agrees about the scope, on its clock.
    pub scope_asked_at: Option<ServerTime>,
    pub retry_after_ms: u32,
    /// The last of the files that the server was asked about.
    pub last_blob_asked: Option<Sha256Hash>,
    /// The last reply brought articles, and there are more.
    pub knowledge_has_more: bool,
    /// The last reply brought cards of the pool, and there are more.
    pub pool_has_more: bool,
    /// Wishes of this opening that have been in no request yet.
    pub unsent_wishes: BTreeSet<IntentId>,
    /// Why the last articles were not taken in.
    pub knowledge_fault: Option<KnowledgeFault>,
    /// Carried batches that the server has not answered, and when they were offered to it.
    pub unanswered: BTreeMap<Sha256Hash, ServerTime>,
}

/// A batch as it was, and will be again, sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// The encoded batch.
    pub bytes: Vec<u8>,
    /// Its name.
    pub hash: Sha256Hash,
    pub ticket: TicketId,
    /// Its changes.
    pub changes: Vec<ChangeHash>,
}

/// What was asked and not answered yet.
#[derive(Debug)]
pub(super) struct InFlight {
    pub request: Sha256Hash,
    /// Each batch in the request, by place.
    pub batches: Vec<Offered>,
    /// Each batch of another device in the request, by place.
    pub couriered: Vec<Sha256Hash>,
    pub vouched: Vec<Vouched>,
    pub asked_scope: bool,
    pub sent_held: bool,
    /// The failures reported for each ticket.
    pub reported: Vec<(TicketId, u32)>,
    /// Nothing more of what is retained is left to offer.
    pub reoffer_complete: bool,
}

/// A batch in a request.
#[derive(Debug)]
pub(super) enum Offered {
    /// One of this session.
    Own,
    /// One that an earlier server had acknowledged, offered to the present one.
    Again(Arc<Retained>),
}

/// A ticket's document.
pub(super) struct Docs {
    /// As the server has admitted it.
    pub base: TicketDoc,
    /// With what is unsent on top; `None` if nothing is.
    pub working: Option<TicketDoc>,
}

impl Docs {
    /// What the user sees.
    pub fn now(&self) -> &TicketDoc {
        self.working.as_ref().unwrap_or(&self.base)
    }
}

impl State {
    /// Of a store of which nothing has been read but who it belongs to.
    pub fn new(device: Device, role: Role, session: Session, set_aside: usize) -> Self {
        Self {
            device,
            role,
            tickets: BTreeMap::new(),
            summaries: BTreeMap::new(),
            outbox: BTreeMap::new(),
            drafts: BTreeMap::new(),
            wishes: BTreeMap::new(),
            blobs: BTreeMap::new(),
            carried: BTreeMap::new(),
            set_aside,
            docs: BTreeMap::new(),
            session,
        }
    }

    /// The unsent work on a ticket, in the order of making.
    pub fn pending_of(&self, ticket: TicketId) -> impl Iterator<Item = &Arc<Pending>> {
        self.outbox.values().filter(move |pending| pending.ticket == ticket)
    }

    /// The nonce of the actor that makes new changes to a ticket.
    pub fn actor_nonce(&self, ticket: TicketId) -> Nonce {
        self.session.actor_nonces.get(&ticket).copied().unwrap_or(self.session.nonce)
    }

    /// Keeps few documents open; the rest is read again when needed.
    pub fn close_idle_documents(&mut self) {
        while self.docs.len() > MAX_OPEN_DOCUMENTS {
            self.docs.pop_first();
        }
    }
}

const MAX_OPEN_DOCUMENTS: usize = 64;

/// One unit of work: an open transaction, and what memory will be if it commits.
pub(super) struct Work<T> {
    pub tx: T,
    pub state: State,
}

impl<T: StoreTx> Work<T> {
    /// The document of a ticket; `None` if it is not here or does not open.
    pub fn docs(&mut self, id: TicketId) -> Result<Option<Arc<Docs>>, StoreError> {
        if let Some(docs) = self.state.docs.get(&id) {
            return Ok(Some(docs.clone()));
        }
        let Some(base) = self.base(id)? else { return Ok(None) };
        let working = match self.with_pending(&base, id) {
            Ok(working) => working,
            Err(why) => {
                self.note_failure(id, why.to_string(), &[])?;
                return Ok(None);
            }
        };
        let docs = Arc::new(Docs { base, working });
        self.state.docs.insert(id, docs.clone());
        Ok(Some(docs))
    }

    /// The document of a ticket as the server has admitted it; `None` if it is not here or does not open.
    pub fn base(&mut self, id: TicketId) -> Result<Option<TicketDoc>, StoreError> {
        if let Some(docs) = self.state.docs.get(&id) {
            return Ok(Some(docs.base.clone()));
        }
        let Some(ticket) = self.state.tickets.get(&id).cloned() else { return Ok(None) };
        match ticket.load(&self.tx) {
            Ok(base) => Ok(base),
            Err(LoadError::Store(why)) => Err(why),
            Err(why) => {
                self.note_failure(id, why.to_string(), &[])?;
                Ok(None)
            }
        }
    }

    /// The unsent changes on top, as they were made. They apply, because they did when they were made or rebuilt; on
    /// a document of which some was lost they may not, and then nothing may be said until it is whole again.
    fn with_pending(&self, base: &TicketDoc, id: TicketId) -> Result<Option<TicketDoc>, DocumentError> {
        let mut changes = self.state.pending_of(id).map(|pending| pending.change.clone()).peekable();
        if changes.peek().is_none() {
            return Ok(None);
        }
        let mut working = base.clone();
        working.apply_admitted(changes)?;
        Ok(Some(working))
    }

    /// Reads the rows of a kind; those that do not read are counted and moved out of the way.
    pub fn sweep<R: Record>(&mut self, prefix: &[u8]) -> Result<(Vec<R>, Vec<Vec<u8>>), StoreError> {
        let (rows, unreadable) = R::sweep(&mut self.tx, prefix)?;
        if !R::TABLE.comes_again() {
            self.state.set_aside += unreadable.len();
        }
        Ok((rows, unreadable))
    }

    pub fn put_device(&mut self) -> Result<(), StoreError> {
        self.state.device.write(&mut self.tx)
    }

    /// Changes what is known of a ticket.
    pub fn edit_ticket(&mut self, id: TicketId, edit: impl FnOnce(&mut Ticket)) -> Result<(), StoreError> {
        if let Some(ticket) = self.state.tickets.get_mut(&id) {
            let ticket = Arc::make_mut(ticket);
            edit(ticket);
            ticket.write(&mut self.tx)?;
        }
        Ok(())
    }

    /// What the server sent of a ticket could not be used: it is asked for again, a few times. What `came` the last time
    /// is kept until the server has it.
    pub fn note_failure(&mut self, id: TicketId, why: String, came: &[u8]) -> Result<(), StoreError> {
        self.edit_ticket(id, |ticket| {
            if ticket.failures + 1 == MAX_FAILURES {
                ticket.came = came[..came.len().min(SAMPLE_BYTES)].to_vec();
            }
            ticket.failures = (ticket.failures + 1).min(MAX_FAILURES);
            ticket.last_failure = why;
        })
    }

    pub fn put_pending(&mut self, pending: Pending) -> Result<(), StoreError> {
        pending.write(&mut self.tx)?;
        self.state.outbox.insert(pending.order, Arc::new(pending));
        Ok(())
    }

    pub fn take_pending(&mut self, order: u64) -> Result<Option<Arc<Pending>>, StoreError> {
        let pending = self.state.outbox.remove(&order);
        if let Some(pending) = &pending {
            pending.erase(&mut self.tx)?;
        }
        Ok(pending)
    }

    pub fn put_draft(&mut self, draft: Draft) -> Result<(), StoreError> {
        draft.write(&mut self.tx)?;
        self.state.drafts.insert(draft.fact.id, Arc::new(draft));
        Ok(())
    }

    pub fn take_draft(&mut self, fact: FactId) -> Result<Option<Arc<Draft>>, StoreError> {
        let draft = self.state.drafts.remove(&fact);
        if let Some(draft) = &draft {
            draft.erase(&mut self.tx)?;
        }
        Ok(draft)
    }

    pub fn put_wish(&mut self, wish: Wish) -> Result<(), StoreError> {
        wish.write(&mut self.tx)?;
        self.state.wishes.insert(wish.intent.id, Arc::new(wish));
        Ok(())
    }

    pub fn drop_wish(&mut self, id: IntentId) -> Result<(), StoreError> {
        if let Some(wish) = self.state.wishes.remove(&id) {
            wish.erase(&mut self.tx)?;
        }
        Ok(())
    }

    /// Forgets a ticket that is leaving, once nothing of it is unsent or unsettled.
    pub fn forget_if_done(&mut self, id: TicketId) -> Result<bool, StoreError> {
        let Some(ticket) = self.state.tickets.get(&id) else { return Ok(false) };
        let is_needed = self.state.pending_of(id).next().is_some()
            || self.state.drafts.values().any(|draft| draft.ticket == id)
            || self.state.blobs.values().any(|blob| blob.ticket == id);
        if ticket.leaving.is_none() || is_needed {
            return Ok(false);
        }
        ticket.forget(&mut self.tx)?;
        self.state.tickets.remove(&id);
        self.state.summaries.remove(&id);
        self.state.docs.remove(&id);
        // The actor stays: should the ticket come back, its numbers must go on where they were.
        Ok(true)
    }
}

/// After so many failures a ticket is shown as unreadable and not asked for any more.
pub(super) const MAX_FAILURES: u32 = 3;
/// So much of what could not be used is kept and sent.
pub(super) const SAMPLE_BYTES: usize = 64 * 1024;

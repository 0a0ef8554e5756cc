//! What the user does: a command becomes a fact, durable before anybody is told that it is saved.

use std::sync::Arc;

use crate::command::{Author, Stamp, TicketView};
use crate::document::{Actor, DocumentError, DocumentKey, Fact, FactBody, Sealed, SealedAt, TicketDoc, seal};
use crate::guard::{self, GuardError};
use crate::ids::{FactId, IntentId, Sha256Hash, TicketId};
use crate::policy::Origin;
use crate::replica::rows::Record;
use crate::replica::rows::work::Pending;
use crate::replica::state::{Docs, State, Work};
use crate::replica::{AwaitedBlob, Draft, Replica, Wish};
use crate::store::{Space, Store, StoreError, StoreTx};
use crate::time::{DeviceTime, Hlc};
use crate::wire::Intent;
use crate::workflow::Workflow;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<R> {
    /// The ticket is not on this device, or does not open.
    #[error("the ticket is not here")]
    NotHere,
    /// The command may not be done, now or by this user.
    #[error("refused")]
    Refused(R),
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// No server would take it: a text that is too long. Said now, its author can shorten it.
    #[error(transparent)]
    TooLong(#[from] GuardError),
    /// It could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A ticket in the light of this device: what a command needs, and what a screen shows.
pub struct Sight<'a> {
    /// With what is unsent on this device.
    pub ticket: TicketView<'a>,
    pub author: Author,
    wall: DeviceTime,
    hlc: Hlc,
    document_key: &'a DocumentKey,
}

impl Sight<'_> {
    /// What a new fact carries. `id` is fresh; `place` is [sealed](Self::seal) for the field `place`, if its author
    /// lets it be known.
    pub fn stamp(&self, id: FactId, place: Option<Sealed>) -> Stamp {
        Stamp { id, wall: self.wall, hlc: self.hlc, place }
    }

    /// Seals text for a field of this fact.
    pub fn seal(&self, fact: FactId, field: &str, text: &str) -> Sealed {
        seal::seal(self.document_key, self.place_of(Some(fact), field), text.as_bytes())
    }

    /// Opens the text in a field of a fact, or of the core; `None` if it was not sealed there with this key.
    pub fn open(&self, fact: Option<FactId>, field: &str, sealed: &Sealed) -> Option<String> {
        let text = seal::open(self.document_key, self.place_of(fact, field), sealed).ok()?;
        String::from_utf8(text).ok()
    }

    fn place_of<'f>(&self, fact: Option<FactId>, field: &'f str) -> SealedAt<'f> {
        SealedAt { ticket: self.ticket.doc.ticket(), fact, field }
    }
}

impl<S: Store> Replica<S> {
    /// Does what `command` says to a ticket, usually one of [`crate::command`] on the ticket, author and stamp of the
    /// sight. On return the fact is durable and in the outbox.
    pub fn execute<R>(
        &mut self,
        id: TicketId,
        now: DeviceTime,
        command: impl FnOnce(&Sight<'_>) -> Result<Fact, R>,
    ) -> Result<FactId, ExecuteError<R>> {
        self.work(|work| {
            let docs = work.docs(id)?.ok_or(ExecuteError::NotHere)?;
            let fact = work.sight(id, &docs, now, command)?.map_err(ExecuteError::Refused)?;
            // The room that is left is for words and signatures.
            if work.tx.space() != Space::Enough && matches!(fact.body, FactBody::Blob { .. }) {
                return Err(StoreError::Full.into());
            }
            let nonce = work.state.actor_nonce(id);
            let device = &mut work.state.device;
            device.hlc = device.hlc.max(fact.hlc);
            let order = device.next_order;
            device.next_order += 1;
            let identity = device.identity;
            let mut working = docs.now().clone();
            let change = working.append_fact(Actor::of_device(identity.tenant, identity.device, id, nonce), &fact)?;
            guard::prescan(&change.bytes)?;
            let fact_id = fact.id;
            work.await_blobs(id, &fact)?;
            let heads = working.heads();
            work.put_pending(Pending {
                order,
                ticket: id,
                fact,
                change,
                actor_nonce: nonce,
                made_at: now,
                heads,
                replays: 0,
            })?;
            work.summarise(id, &working)?;
            work.put_device()?;
            let docs = Docs { base: docs.base.clone(), working: Some(working) };
            work.state.docs.insert(id, Arc::new(docs));
            Ok(fact_id)
        })
    }

    /// Looks at a ticket as the user sees it, with what is unsent.
    pub fn look<R>(
        &mut self,
        id: TicketId,
        now: DeviceTime,
        look: impl FnOnce(&Sight<'_>) -> R,
    ) -> Result<Option<R>, StoreError> {
        self.work(|work| match work.docs(id)? {
            Some(docs) => work.sight(id, &docs, now, look).map(Some),
            None => Ok(None),
        })
    }

    /// Puts a wish into the outbox; the server decides.
    pub fn wish(&mut self, intent: Intent) -> Result<(), StoreError> {
        self.work(|work| work.put_wish(Wish { intent, answer: None }))
    }

    /// Wishes and what became of them.
    pub fn wishes(&self) -> impl Iterator<Item = &Arc<Wish>> {
        self.state.wishes.values()
    }

    /// Forgets a wish that was answered.
    pub fn forget_wish(&mut self, id: IntentId) -> Result<(), StoreError> {
        self.work(|work| {
            let is_answered = work.state.wishes.get(&id).is_some_and(|wish| wish.answer.is_some());
            if is_answered { work.drop_wish(id) } else { Ok(()) }
        })
    }

    /// Refused work that waits for its author, by fact.
    pub fn drafts(&self) -> impl Iterator<Item = &Arc<Draft>> {
        self.state.drafts.values()
    }

    /// The author has settled a draft: used its text again, or let it go.
    pub fn settle_draft(&mut self, fact: FactId) -> Result<(), StoreError> {
        self.work(|work| {
            if let Some(draft) = work.take_draft(fact)? {
                work.forget_if_done(draft.ticket)?;
            }
            Ok(())
        })
    }

    /// Blobs whose bytes the server is not known to have: what the host must upload, and must not delete.
    pub fn awaited_blobs(&self) -> impl Iterator<Item = &Arc<AwaitedBlob>> {
        self.state.blobs.values()
    }

    /// The server had all bytes of a blob and found that they are others than the fact names (`other-bytes`). The host
    /// uploads it once more from its beginning, and then no more: see [`AwaitedBlob::is_corrupt`].
    pub fn handle_upload_refused(&mut self, sha256: Sha256Hash) -> Result<(), StoreError> {
        self.work(|work| {
            let Some(blob) = work.state.blobs.get_mut(&sha256) else { return Ok(()) };
            let blob = Arc::make_mut(blob);
            blob.refusals = blob.refusals.saturating_add(1);
            blob.write(&mut work.tx)
        })
    }
}

impl<T: StoreTx> Work<T> {
    /// Shows `docs` to `look`.
    pub fn sight<R>(
        &self,
        id: TicketId,
        docs: &Docs,
        now: DeviceTime,
        look: impl FnOnce(&Sight<'_>) -> R,
    ) -> Result<R, StoreError> {
        let workflow = self.workflow(docs.now())?;
        Ok(self.state.sight(id, docs.now(), &workflow, now, look))
    }

    pub(super) fn await_blobs(&mut self, ticket: TicketId, fact: &Fact) -> Result<(), StoreError> {
        let (sha256, size, mime) = match &fact.body {
            FactBody::Blob { sha256, size, mime, .. } => (*sha256, *size, mime.clone()),
            FactBody::Signature { strokes_sha256, .. } => (*strokes_sha256, 0, String::new()),
            _ => return Ok(()),
        };
        let blob = AwaitedBlob { sha256, ticket, fact: fact.id, size, mime, refusals: 0 };
        blob.write(&mut self.tx)?;
        self.state.blobs.insert(sha256, Arc::new(blob));
        Ok(())
    }
}

impl State {
    /// Shows a document to `look` in the light of this device.
    pub fn sight<R>(
        &self,
        id: TicketId,
        doc: &TicketDoc,
        workflow: &Workflow,
        now: DeviceTime,
        look: impl FnOnce(&Sight<'_>) -> R,
    ) -> R {
        let server_now = self.device.skew.correct(now);
        let unknown = DocumentKey([0; 32]);
        look(&Sight {
            ticket: TicketView::new(doc, workflow, server_now),
            author: Author { user: self.device.identity.user, role: self.role, origin: Origin::Phone },
            wall: now,
            hlc: self.device.hlc.tick(server_now),
            document_key: self.tickets.get(&id).map_or(&unknown, |ticket| &ticket.document_key),
        })
    }
}

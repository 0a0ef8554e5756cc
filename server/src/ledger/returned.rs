//! What an earlier server had and this one's backup does not: given back by the phones, each change with the voucher it
//! was sent out with. Nothing of it is judged again: it had been admitted, or was the server's own.
//!
//! A change can come back before those it was made upon, which another phone may hold. It is parked until they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_core::document::seal::DocumentKey;
use sync_core::document::{Actor, Admission, Effect, RawChange, Scalar, TicketDoc, Verdict};
use sync_core::ids::{FactId, Sha256Hash, TenantId, TicketId};
use sync_core::time::ServerTime;
use sync_core::wire::{Returned, change_hash};

use super::create::{insert, keep_number, next_number};
use super::documents::{self, Appended, Author, OpenTicket};
use super::projections::Admitted;
use super::verify::Checked;
use super::{Ledger, LedgerError, booking, instant, publish, quarantine, voucher};
use crate::tenancy::{TenantCtx, TenantTx};

/// Changes by their names, each with its author.
type Changes = BTreeMap<Sha256Hash, (RawChange, Author)>;

/// What came back of one ticket.
#[derive(Default)]
struct Back {
    /// With a whole document: its key, and the change that it begins with.
    beginning: Option<(DocumentKey, RawChange)>,
    changes: Changes,
}

impl Ledger {
    /// Takes back what bears this server's voucher, and is not here. What bears none is not looked at.
    pub async fn take_back(
        self: &Arc<Self>,
        ctx: &TenantCtx,
        returned: Vec<Returned>,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        if returned.is_empty() {
            return Ok(());
        }
        let (ledger, tenant) = (Arc::clone(self), ctx.tenant());
        let opened = tokio::task::spawn_blocking(move || ledger.open_returned(tenant, &returned));
        for (ticket, back) in opened.await.map_err(|_| LedgerError::Corrupt("what a phone returned"))? {
            let ledger = Arc::clone(self);
            let taken = ctx.transact(async move |tx: &mut TenantTx| {
                Box::pin(ledger.take_ticket_back(tx, ticket, back, now)).await
            });
            match taken.await {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error),
                // One ticket that cannot be taken back must not hold back the others.
                Err(error) => {
                    tracing::error!(ticket.id = %ticket, %error, "a ticket that a phone returned cannot be taken back");
                }
            }
        }
        Ok(())
    }

    fn open_returned(&self, tenant: TenantId, returned: &[Returned]) -> BTreeMap<TicketId, Back> {
        let mut tickets: BTreeMap<TicketId, Back> = BTreeMap::new();
        for one in returned {
            let Some(authors) = self.vouching.authors(tenant, one) else {
                tracing::warn!(ticket.id = %one.ticket, "what a phone returned bears no voucher of this server");
                continue;
            };
            let back = tickets.entry(one.ticket).or_default();
            let changes = match one.document_key.map(DocumentKey) {
                None => change_hash(&one.bytes).map(|hash| vec![RawChange { hash, bytes: one.bytes.clone() }]),
                Some(key) => TicketDoc::arrived(&one.bytes, one.ticket, &key).ok().map(|doc| {
                    let changes = doc.changes_since(&[]);
                    back.beginning = changes.first().cloned().map(|first| (key, first)).or(back.beginning.take());
                    changes
                }),
            };
            let changes = authors.of_changes(changes.unwrap_or_default());
            back.changes.extend(changes.into_iter().map(|(change, author)| (change.hash, (change, author))));
        }
        tickets
    }

    async fn take_ticket_back(
        &self,
        tx: &mut TenantTx,
        ticket: TicketId,
        back: Back,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        let open = match self.open(tx, ticket).await {
            Err(LedgerError::Erased { .. }) => return Ok(()),
            open => open?,
        };
        let is_new = open.is_none();
        let open = match (open, back.beginning) {
            (Some(open), _) => Some(open),
            (None, Some((key, first))) => {
                let doc = TicketDoc::from_changes([first.clone()])?;
                let mut open = insert(tx, ticket, key, doc, now).await?;
                let author = back.changes.get(&first.hash).map_or(Author::NOBODY, |(_, author)| *author);
                let first = Appended::to(&open.doc, first, author)?;
                documents::append(tx, &mut open, &[first], now).await?;
                Some(open)
            }
            (None, None) => None,
        };
        match open {
            Some(mut open) => self.take_in_returned(tx, &mut open, back.changes, is_new, now).await,
            None => park(tx, ticket, &back.changes, now).await,
        }
    }

    /// Takes in what was parked for a ticket, now that something has come that it may have waited for.
    pub(super) async fn take_in_parked(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        self.take_in_returned(tx, open, Changes::new(), false, now).await
    }

    /// Of a batch that a phone offers again: what the parked changes were made upon had been admitted, and is not judged
    /// a second time. Its admission is among them.
    pub(super) async fn take_in_admitted_before(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
        batch: &Checked,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        let mut waiting = unpark(tx, open.ticket).await?;
        let mut named: BTreeSet<Sha256Hash> = waiting.values().flat_map(|(change, _)| change.deps()).collect();
        let author = Author { user: Some(batch.signed.header().user), batch: Some(batch.key()) };
        let changes: Vec<_> = batch.signed.changes().zip(&batch.changes).collect();
        for ((hash, _, bytes), parsed) in changes.into_iter().rev() {
            if let (true, Ok(parsed)) = (named.contains(&hash), parsed) {
                named.extend(parsed.deps());
                waiting.insert(hash, (RawChange { hash, bytes: bytes.to_vec() }, author));
            }
        }
        self.take_in_returned(tx, open, waiting, false, now).await
    }

    async fn take_in_returned(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
        mut waiting: Changes,
        is_new: bool,
        now: ServerTime,
    ) -> Result<(), LedgerError> {
        waiting.extend(unpark(tx, open.ticket).await?);
        let (heads, known) = (open.doc.heads(), facts_of(&open.doc));
        let authors: BTreeMap<Sha256Hash, Author> =
            waiting.iter().map(|(hash, (_, author))| (*hash, *author)).collect();
        apply(&mut open.doc, &mut waiting);
        park(tx, open.ticket, &waiting, now).await?;
        let mut appended = Vec::new();
        // Each after those it was made upon.
        for change in open.doc.changes_since(&heads) {
            let author = authors.get(&change.hash).copied().unwrap_or(Author::NOBODY);
            appended.push(Appended::to(&open.doc, change, author)?);
        }
        if appended.is_empty() && !is_new {
            return Ok(());
        }
        open.admitted = open.doc.admissions().values().map(|admission| admission.n).fold(open.admitted, i64::max);
        appended.extend(self.admit_what_was(open, now)?);
        appended.extend(self.renumber_if_taken(tx, open).await?);
        let from_version = open.version + 1;
        documents::append(tx, open, &appended, now).await?;
        self.keep_warm(tx.tenant(), open);
        self.rebuild(tx, open.ticket).await?;
        booking::claim_again(tx, &open.doc).await?;
        let state = open.doc.state(self.workflow());
        let admitted = admitted_since(&open.doc, &known);
        publish::publish(tx, open, &state, &admitted, from_version, now).await?;
        let facts: Vec<FactId> = admitted.iter().map(|one| one.fact.id).collect();
        quarantine::settle_entered(tx, open.ticket, &facts, now).await?;
        tracing::info!(ticket.id = %open.ticket, changes = appended.len(), "a phone gave back what this server had lost");
        Ok(())
    }

    /// A fact may have come back without its admission, which stands on something that has not. It was admitted once.
    fn admit_what_was(&self, open: &mut OpenTicket, now: ServerTime) -> Result<Option<Appended>, LedgerError> {
        let pending: Vec<FactId> = open.doc.pending().map(|fact| fact.id).collect();
        if pending.is_empty() {
            return Ok(None);
        }
        let state = open.doc.state(self.workflow());
        let first = open.admitted + 1;
        open.admitted += i64::try_from(pending.len()).unwrap_or(0);
        let actor = Actor::of_server(open.ticket, self.epoch());
        let change = open.doc.server_edit(actor, |edit| {
            pending.iter().zip(first..).try_for_each(|(fact, n)| {
                let effect = Effect { status: state.status, flags: state.flags_of(*fact), window: None };
                edit.admit(*fact, &Admission { n, verdict: Verdict::Allowed, effect, received: now })
            })
        })?;
        Appended::by_server(&open.doc, change, None).map(Some)
    }

    /// The restored server may have given the ticket's number to another one meanwhile.
    async fn renumber_if_taken(
        &self,
        tx: &mut TenantTx,
        open: &mut OpenTicket,
    ) -> Result<Option<Appended>, LedgerError> {
        if keep_number(tx, open.ticket, &open.doc.core().number).await? {
            return Ok(None);
        }
        let number = next_number(tx).await?;
        tracing::warn!(ticket.id = %open.ticket, ticket.number = %number, "a ticket came back, and its number had been given away");
        let actor = Actor::of_server(open.ticket, self.epoch());
        let change = open.doc.server_edit(actor, |edit| edit.set_core("number", Some(&Scalar::Str(number))))?;
        Appended::by_server(&open.doc, change, None).map(Some)
    }
}

/// Applies what can be applied; what is left stands on changes that are not there.
fn apply(doc: &mut TicketDoc, waiting: &mut Changes) {
    waiting.retain(|hash, _| !doc.has_change(hash));
    if doc.apply_admitted(waiting.values().map(|(change, _)| change.clone())).is_ok() {
        waiting.clear();
        return;
    }
    loop {
        let before = waiting.len();
        waiting.retain(|_, (change, _)| doc.apply_admitted([change.clone()]).is_err());
        if waiting.len() == before {
            return;
        }
    }
}

fn facts_of(doc: &TicketDoc) -> BTreeSet<FactId> {
    doc.facts().map(|fact| fact.id).collect()
}

/// The facts that came back, for those who are told what moved. Who said them stands with the changes.
fn admitted_since(doc: &TicketDoc, known: &BTreeSet<FactId>) -> Vec<Admitted> {
    let came = doc.facts().filter(|fact| !known.contains(&fact.id));
    came.filter_map(|fact| {
        let admission = doc.admissions().get(&fact.id)?.clone();
        Some(Admitted { fact: fact.clone(), admission, user: None, device: None })
    })
    .collect()
}

async fn park(tx: &mut TenantTx, ticket: TicketId, changes: &Changes, now: ServerTime) -> Result<(), LedgerError> {
    for (hash, (change, author)) in changes {
        sqlx::query!(
            "insert into returned_change (tenant_id, ticket_id, hash, bytes, user_id, device_id, session_nonce, dev_seq, received_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict on constraint returned_change_pkey do nothing",
            tx.tenant().0,
            ticket.0,
            &hash.0,
            &change.bytes,
            author.user.map(|user| user.0),
            author.batch.map(|batch| batch.device.0),
            author.batch.map(|batch| batch.session.0.to_vec()),
            author.batch.map(|batch| batch.dev_seq),
            instant(now),
        )
        .execute(tx.as_mut())
        .await?;
    }
    Ok(())
}

async fn unpark(tx: &mut TenantTx, ticket: TicketId) -> Result<Changes, LedgerError> {
    let rows = sqlx::query!(
        "delete from returned_change
        where ticket_id = $1
        returning hash, bytes, user_id, device_id, session_nonce, dev_seq",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    rows.into_iter()
        .map(|row| {
            let hash = Sha256Hash::from_slice(&row.hash)?;
            let author = voucher::author(row.user_id, row.device_id, row.session_nonce, row.dev_seq);
            Ok((hash, (RawChange { hash, bytes: row.bytes }, author)))
        })
        .collect()
}

//! A new ticket: its key, its number, its first change.

use std::collections::BTreeMap;

use serde_json::json;
use sync_core::document::seal::{self, DocumentKey, Sealed, SealedAt};
use sync_core::document::{Actor, Core, TicketDoc, VisitPlan};
use sync_core::ids::{AssetId, ContactId, CustomerId, Sha256Hash, SiteId, TicketId, UserId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};

use super::documents::{self, Appended, Author, OpenTicket};
use super::outbox::{self, Event};
use super::projections::{self, Touched};
use super::{Ledger, LedgerError, instant};
use crate::platform::random::Random;
use crate::tenancy::TenantTx;

/// What is asked for. Everything but the texts is checked by whoever asks.
#[derive(Debug, Clone)]
pub struct NewTicket {
    pub ticket_type: String,
    pub title: String,
    pub description: Option<String>,
    /// 1 is the most urgent, 5 the least.
    pub priority: i64,
    pub customer: Option<CustomerId>,
    pub site: Option<SiteId>,
    pub asset: Option<AssetId>,
    pub contact: Option<ContactId>,
    pub respond_by: Option<ServerTime>,
    pub resolve_by: Option<ServerTime>,
    pub skills: BTreeMap<String, i64>,
    pub duration_ms: i64,
    /// One entry for each visit that is planned from the start, with its window where there is one.
    pub visits: Vec<Option<TimeWindow>>,
}

/// A ticket that was just made.
#[derive(Debug, Clone)]
pub struct Created {
    pub ticket: TicketId,
    pub number: String,
    pub visits: Vec<VisitId>,
}

impl Ledger {
    /// Makes a ticket. `by` is recorded as its author; none when nobody was signed in.
    pub async fn create(
        &self,
        tx: &mut TenantTx,
        new: NewTicket,
        by: Option<UserId>,
        now: ServerTime,
    ) -> Result<Created, LedgerError> {
        let ticket = TicketId::fresh(now.0, Random.bytes());
        let key = DocumentKey(Random.bytes());
        let number = next_number(tx).await?;
        let core = core(&new, ticket, &key, number.clone(), self.workflow(), now);
        let visits: Vec<VisitId> = core.visits.keys().copied().collect();
        let actor = Actor::of_server(ticket, self.epoch());
        let (doc, change) = TicketDoc::create(actor, tx.tenant(), ticket, &core)?;
        let mut open = insert(tx, ticket, key, doc, now).await?;
        let appended = Appended { change, actor, seq: 1, author: Author { user: by, batch: None } };
        documents::append(tx, &mut open, &[appended], now).await?;
        let state = open.doc.state(self.workflow());
        projections::project(tx, &open, &state, &[], Touched::Plan, now).await?;
        let event = Event {
            kind: "ticket.created",
            ticket: Some(ticket),
            user: None,
            payload: json!({ "number": number, "ticket_type": new.ticket_type, "priority": new.priority }),
        };
        outbox::append(tx, &event, now).await?;
        self.keep_warm(tx.tenant(), &open);
        Ok(Created { ticket, number, visits })
    }
}

fn core(
    new: &NewTicket,
    ticket: TicketId,
    key: &DocumentKey,
    number: String,
    workflow: &sync_core::workflow::Workflow,
    now: ServerTime,
) -> Core {
    let sealed =
        |field, text: &str| -> Sealed { seal::seal(key, SealedAt { ticket, fact: None, field }, text.as_bytes()) };
    let visit = |window: &Option<TimeWindow>| {
        (VisitId::fresh(now.0, Random.bytes()), VisitPlan { window: *window, pinned: false })
    };
    Core {
        number,
        ticket_type: new.ticket_type.clone(),
        title: sealed("title", &new.title),
        description: new.description.as_deref().map(|text| sealed("description", text)),
        priority: new.priority,
        customer: new.customer,
        site: new.site,
        asset: new.asset,
        contact: new.contact,
        respond_by: new.respond_by,
        resolve_by: new.resolve_by,
        skills: new.skills.clone(),
        duration_ms: new.duration_ms,
        workflow: (workflow.code.clone(), workflow.version),
        visits: new.visits.iter().map(visit).collect(),
    }
}

/// The next number people will call a ticket by. The row stays locked until the transaction ends, so tickets of one
/// tenant are numbered without gaps, one commit after the other.
pub(super) async fn next_number(tx: &mut TenantTx) -> Result<String, LedgerError> {
    let number = sqlx::query_scalar!(
        "insert into ticket_number (tenant_id, last_number)
        values ($1, 1)
        on conflict on constraint ticket_number_pkey do update set last_number = ticket_number.last_number + 1
        returning last_number",
        tx.tenant().0,
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(format!("{number:06}"))
}

/// Keeps a number for a ticket that comes back with it; false if another one has it by now.
pub(super) async fn keep_number(tx: &mut TenantTx, ticket: TicketId, number: &str) -> Result<bool, LedgerError> {
    let counted: i64 = number.parse().unwrap_or(0);
    sqlx::query!(
        "insert into ticket_number (tenant_id, last_number)
        values ($1, $2)
        on conflict on constraint ticket_number_pkey
            do update set last_number = greatest(ticket_number.last_number, excluded.last_number)",
        tx.tenant().0,
        counted,
    )
    .execute(tx.as_mut())
    .await?;
    let is_taken = sqlx::query_scalar!(
        r#"select exists (select from ticket where number = $1 and ticket_id <> $2) as "is_taken!""#,
        number,
        ticket.0,
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(!is_taken)
}

/// The row of a new document, which its first change is yet to be appended to.
pub(super) async fn insert(
    tx: &mut TenantTx,
    ticket: TicketId,
    key: DocumentKey,
    doc: TicketDoc,
    now: ServerTime,
) -> Result<OpenTicket, LedgerError> {
    let chain = Sha256Hash::of(ticket.as_bytes());
    sqlx::query!(
        "insert into ticket_document (
            tenant_id, ticket_id, document_key, version, heads, chain_hash, admitted, snapshot, snapshot_version, created_at)
        values ($1, $2, $3, 0, '', $4, 0, $5, 1, $6)",
        tx.tenant().0,
        ticket.0,
        &key.0,
        &chain.0,
        doc.save(),
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(OpenTicket { ticket, key, version: 0, chain, admitted: 0, doc, snapshot_version: 1, has_returned: false })
}

//! Opens a ticket's document under its row lock and appends to it. The stored changes are the truth; the snapshot and
//! the warm copy are caches, each compared with the row before it is used.

use sync_core::document::seal::DocumentKey;
use sync_core::document::{Actor, RawChange, TicketDoc};
use sync_core::ids::{DeviceId, Nonce, Sha256Hash, TicketId, UserId};
use sync_core::time::ServerTime;
use sync_core::wire::DeviceKey;

use super::cache::Warm;
use super::{Ledger, LedgerError, instant};
use crate::tenancy::TenantTx;

/// A snapshot is written again after this many changes.
const SNAPSHOT_EVERY: i64 = 32;

/// A ticket whose row is locked until the transaction ends.
pub struct OpenTicket {
    pub ticket: TicketId,
    pub key: DocumentKey,
    /// Number of changes stored.
    pub version: i64,
    /// Chain hash of the last of them.
    pub chain: Sha256Hash,
    /// Admission numbers given out.
    pub admitted: i64,
    pub doc: TicketDoc,
    pub(super) snapshot_version: i64,
    /// Something that phones gave back waits for what it was made upon.
    pub(super) has_returned: bool,
}

/// Who wrote a change, as the audit log keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// The person; none for what the server did of itself.
    pub user: Option<UserId>,
    /// The device and the batch it came in; none for what was done at the desk.
    pub batch: Option<BatchKey>,
}

impl Author {
    /// The server, of itself; or nobody knows any more.
    pub const NOBODY: Self = Self { user: None, batch: None };
}

/// What names a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchKey {
    pub device: DeviceId,
    pub session: Nonce,
    pub dev_seq: i64,
}

/// A change ready to be stored, with whose it is.
pub struct Appended {
    pub change: RawChange,
    pub actor: Actor,
    pub seq: i64,
    pub author: Author,
}

impl Appended {
    /// A change that the server wrote to this document, for `user` or of itself.
    pub fn by_server(doc: &TicketDoc, change: RawChange, user: Option<UserId>) -> Result<Self, LedgerError> {
        Self::to(doc, change, Author { user, batch: None })
    }

    /// A change that this document holds, by whoever wrote it.
    pub fn to(doc: &TicketDoc, change: RawChange, author: Author) -> Result<Self, LedgerError> {
        let (actor, seq) = doc.numbering_of(&change.hash).ok_or(LedgerError::Corrupt("a document's change"))?;
        let seq = i64::try_from(seq).map_err(|_| LedgerError::Corrupt("a document's change"))?;
        Ok(Self { change, actor, seq, author })
    }
}

/// A document as read, without a lock.
pub struct ReadTicket {
    pub key: DocumentKey,
    pub doc: TicketDoc,
}

impl Ledger {
    /// A ticket's document as it stands in this transaction's view; none when this tenant has no such ticket.
    pub async fn read(&self, tx: &mut TenantTx, ticket: TicketId) -> Result<Option<ReadTicket>, LedgerError> {
        let row = sqlx::query!(
            "select document_key, version, chain_hash from ticket_document where ticket_id = $1",
            ticket.0
        )
        .fetch_optional(tx.as_mut())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let key = key(row.document_key, ticket)?;
        let chain = Sha256Hash::from_slice(&row.chain_hash)?;
        let doc = match self.warm.get(tx.tenant(), ticket) {
            Some(warm) if warm.version == row.version && warm.chain == chain => warm.doc,
            _ => load(tx, ticket).await?,
        };
        Ok(Some(ReadTicket { key, doc }))
    }

    /// Keeps the document for the next one who opens this ticket.
    pub(super) fn keep_warm(&self, tenant: sync_core::ids::TenantId, open: &OpenTicket) {
        self.warm.keep(tenant, open.ticket, Warm { version: open.version, chain: open.chain, doc: open.doc.clone() });
    }

    /// Locks a ticket's row and opens its document; none when this tenant has no such ticket.
    pub(super) async fn open(&self, tx: &mut TenantTx, ticket: TicketId) -> Result<Option<OpenTicket>, LedgerError> {
        let row = sqlx::query!(
            r#"select document_key, version, chain_hash, admitted, snapshot_version,
                exists (select from returned_change where returned_change.ticket_id = $1) as "has_returned!"
            from ticket_document
            where ticket_id = $1
            for update"#,
            ticket.0,
        )
        .fetch_optional(tx.as_mut())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let key = key(row.document_key, ticket)?;
        let chain = Sha256Hash::from_slice(&row.chain_hash)?;
        let doc = match self.warm.get(tx.tenant(), ticket) {
            Some(warm) if warm.version == row.version && warm.chain == chain => warm.doc,
            _ => load(tx, ticket).await?,
        };
        Ok(Some(OpenTicket {
            ticket,
            key,
            version: row.version,
            chain,
            admitted: row.admitted,
            doc,
            snapshot_version: row.snapshot_version,
            has_returned: row.has_returned,
        }))
    }
}

/// The key that a device signs with.
pub async fn device_key(tx: &mut TenantTx, device: DeviceId) -> Result<DeviceKey, LedgerError> {
    let key = sqlx::query_scalar!("select public_key from device where device_id = $1", device.0)
        .fetch_optional(tx.as_mut())
        .await?
        .ok_or(LedgerError::NoDevice)?;
    DeviceKey::from_sec1(&key).map_err(|_| LedgerError::Corrupt("a device's key"))
}

/// Locks the rows of several tickets in the order of their ids, so that two who change several never wait for each other in
/// a circle.
pub async fn lock_in_order(tx: &mut TenantTx, tickets: &[TicketId]) -> Result<(), LedgerError> {
    if tickets.len() > 1 {
        let tickets: Vec<uuid::Uuid> = tickets.iter().map(|ticket| ticket.0).collect();
        sqlx::query!(
            "select 1 as locked from ticket_document where ticket_id = any($1) order by ticket_id for update",
            &tickets
        )
        .fetch_all(tx.as_mut())
        .await?;
    }
    Ok(())
}

/// The document from its snapshot and the changes after it, or from all its changes when the snapshot does not load.
async fn load(tx: &mut TenantTx, ticket: TicketId) -> Result<TicketDoc, LedgerError> {
    let snapshot =
        sqlx::query!("select snapshot, snapshot_version from ticket_document where ticket_id = $1", ticket.0)
            .fetch_one(tx.as_mut())
            .await?;
    if let Ok(mut doc) = TicketDoc::load_own(&snapshot.snapshot) {
        doc.apply_admitted(changes_after(tx, ticket, snapshot.snapshot_version).await?)?;
        return Ok(doc);
    }
    tracing::error!(ticket.id = %ticket, "a ticket's snapshot does not load; rebuilding it from its changes");
    Ok(TicketDoc::from_changes(changes_after(tx, ticket, 0).await?)?)
}

fn key(stored: Option<Vec<u8>>, ticket: TicketId) -> Result<DocumentKey, LedgerError> {
    let stored = stored.ok_or(LedgerError::Erased { ticket })?;
    stored.try_into().map(DocumentKey).map_err(|_| LedgerError::Corrupt("a document key"))
}

/// The stored changes of a ticket after this version, in the order in which they were admitted.
pub async fn changes_after(tx: &mut TenantTx, ticket: TicketId, version: i64) -> Result<Vec<RawChange>, LedgerError> {
    let rows = sqlx::query!(
        "select hash, bytes
        from ticket_change
        where ticket_id = $1 and version > $2
        order by version",
        ticket.0,
        version,
    )
    .fetch_all(tx.as_mut())
    .await?;
    rows.into_iter().map(|row| Ok(RawChange { hash: Sha256Hash::from_slice(&row.hash)?, bytes: row.bytes })).collect()
}

/// What else there is of a ticket that new changes may settle.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Something waits in quarantine.
    pub in_quarantine: bool,
    /// Something that phones gave back waits for what it was made upon.
    pub returned: bool,
}

/// Stores changes, their place in the chain and the document's new state in one statement. Says what else of the ticket
/// waits.
pub async fn append(
    tx: &mut TenantTx,
    open: &mut OpenTicket,
    appended: &[Appended],
    now: ServerTime,
) -> Result<Waiting, LedgerError> {
    let mut rows = Columns::default();
    for one in appended {
        open.version += 1;
        let device = one.author.batch.map(|batch| batch.device);
        open.chain = chain_link(open.chain, one.change.hash, one.author.user, device, now);
        rows.push(open, one);
    }
    let snapshot = (open.version - open.snapshot_version >= SNAPSHOT_EVERY).then(|| snapshot(&open.doc)).flatten();
    if snapshot.is_some() {
        open.snapshot_version = open.version;
    }
    let waiting = sqlx::query_as!(
        Waiting,
        r#"with appended as (
            insert into ticket_change (
                tenant_id, ticket_id, version, hash, actor, seq, user_id, device_id, session_nonce, dev_seq, bytes, chain_hash, received_at)
            select $1, $2, version, hash, actor, seq, user_id, device_id, session_nonce, dev_seq, bytes, chain_hash, $3
            from unnest($4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[], $8::uuid[], $9::uuid[], $10::bytea[], $11::bigint[], $12::bytea[], $13::bytea[])
                as change (version, hash, actor, seq, user_id, device_id, session_nonce, dev_seq, bytes, chain_hash)
        )
        update ticket_document
        set version = $14, heads = $19, chain_hash = $15, admitted = $16, snapshot = coalesce($17, snapshot), snapshot_version = $18
        where ticket_id = $2
        returning exists (select from quarantine where quarantine.ticket_id = $2 and settled_at is null) as "in_quarantine!",
            exists (select from returned_change where returned_change.ticket_id = $2) as "returned!""#,
        tx.tenant().0,
        open.ticket.0,
        instant(now),
        &rows.version,
        &rows.hash,
        &rows.actor,
        &rows.seq,
        &rows.user as &[Option<uuid::Uuid>],
        &rows.device as &[Option<uuid::Uuid>],
        &rows.session as &[Option<Vec<u8>>],
        &rows.dev_seq as &[Option<i64>],
        &rows.bytes,
        &rows.chain,
        open.version,
        &open.chain.0,
        open.admitted,
        snapshot,
        open.snapshot_version,
        heads_bytes(&open.doc),
    )
    .fetch_one(tx.as_mut())
    .await?;
    Ok(waiting)
}

/// A snapshot that loads again to the same document; none, and the old one stays, if it does not.
fn snapshot(doc: &TicketDoc) -> Option<Vec<u8>> {
    let saved = doc.save();
    let is_sound = TicketDoc::load_own(&saved).is_ok_and(|loaded| loaded.heads() == doc.heads());
    if !is_sound {
        tracing::error!(ticket.id = %doc.ticket(), "a snapshot does not load again; keeping the one before");
    }
    is_sound.then_some(saved)
}

/// The heads of a document as the ticket's row keeps them.
pub fn heads_bytes(doc: &TicketDoc) -> Vec<u8> {
    doc.heads().iter().flat_map(|hash| hash.0).collect()
}

/// The link of the audit chain that a change makes: whoever rewrites one breaks all that follow. The link before the
/// first is the SHA-256 of the ticket's id.
pub fn chain_link(
    before: Sha256Hash,
    change: Sha256Hash,
    user: Option<UserId>,
    device: Option<DeviceId>,
    received: ServerTime,
) -> Sha256Hash {
    let nobody = [0; 16];
    let mut link = Vec::with_capacity(104);
    link.extend_from_slice(&before.0);
    link.extend_from_slice(&change.0);
    link.extend_from_slice(user.as_ref().map_or(&nobody, |user| user.as_bytes()));
    link.extend_from_slice(device.as_ref().map_or(&nobody, |device| device.as_bytes()));
    link.extend_from_slice(&received.0.to_be_bytes());
    Sha256Hash::of(&link)
}

/// The rows of `ticket_change`, a vector a column, as `unnest` takes them.
#[derive(Default)]
struct Columns {
    version: Vec<i64>,
    hash: Vec<Vec<u8>>,
    actor: Vec<Vec<u8>>,
    seq: Vec<i64>,
    user: Vec<Option<uuid::Uuid>>,
    device: Vec<Option<uuid::Uuid>>,
    session: Vec<Option<Vec<u8>>>,
    dev_seq: Vec<Option<i64>>,
    bytes: Vec<Vec<u8>>,
    chain: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, open: &OpenTicket, one: &Appended) {
        let batch = one.author.batch;
        self.version.push(open.version);
        self.hash.push(one.change.hash.0.to_vec());
        self.actor.push(one.actor.0.to_vec());
        self.seq.push(one.seq);
        self.user.push(one.author.user.map(|id| id.0));
        self.device.push(batch.map(|batch| batch.device.0));
        self.session.push(batch.map(|batch| batch.session.0.to_vec()));
        self.dev_seq.push(batch.map(|batch| batch.dev_seq));
        self.bytes.push(one.change.bytes.clone());
        self.chain.push(open.chain.0.to_vec());
    }
}

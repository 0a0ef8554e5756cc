//! Warm documents, bounded by bytes. Only a cache: whoever uses one has the ticket's row locked and compares.

use quick_cache::{Weighter, sync::Cache};
use sync_core::document::TicketDoc;
use sync_core::ids::{Sha256Hash, TenantId, TicketId};

/// A document with the name of its exact content.
#[derive(Clone)]
pub struct Warm {
    /// Number of changes in it.
    pub version: i64,
    /// Chain hash of the last of them.
    pub chain: Sha256Hash,
    /// The document.
    pub doc: TicketDoc,
}

/// What a loaded document holds in memory for each stored change, as measured on tickets of 20 to 200 changes, and what
/// it holds at least, with what the allocator adds: nearly all of it Automerge's own tables.
const BYTES_PER_CHANGE: u64 = 600;
const BYTES_AT_LEAST: u64 = 44 * 1024;

#[derive(Clone)]
struct ByMemory;

impl Weighter<(TenantId, TicketId), Warm> for ByMemory {
    fn weight(&self, _: &(TenantId, TicketId), warm: &Warm) -> u64 {
        BYTES_AT_LEAST + BYTES_PER_CHANGE * warm.version.unsigned_abs()
    }
}

/// The warm documents of this process.
pub struct WarmDocuments(Cache<(TenantId, TicketId), Warm, ByMemory>);

impl WarmDocuments {
    /// An empty cache of about this many bytes.
    pub fn holding(bytes: u64) -> Self {
        let typical = BYTES_AT_LEAST + 40 * BYTES_PER_CHANGE;
        let documents = usize::try_from(bytes / typical).unwrap_or(usize::MAX).max(1);
        Self(Cache::with_weighter(documents, bytes, ByMemory))
    }

    /// The warm document of a ticket, if there is one.
    pub fn get(&self, tenant: TenantId, ticket: TicketId) -> Option<Warm> {
        self.0.get(&(tenant, ticket))
    }

    /// Keeps a document. It may be of a transaction that rolls back later: its chain hash will then match no row.
    pub fn keep(&self, tenant: TenantId, ticket: TicketId, warm: Warm) {
        self.0.insert((tenant, ticket), warm);
    }
}

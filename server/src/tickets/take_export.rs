//! A phone was given up with work on it, and somebody brings the file that it wrote. What nobody here has seen goes into
//! quarantine, as if the phone had handed it in itself; the file is kept, because the device's signature is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use sync_core::document::Fact;
use sync_core::ids::{DeviceId, FactId, Sha256Hash, TicketId, UserId};
use sync_core::time::{DeviceTime, ServerTime};
use sync_core::wire::{self, Export, ExportedEntry, OpenedExport, ServerSigner, exported, intent};

use super::export_store as store;
use crate::ledger::quarantine::{self, HandedIn, SetAside};
use crate::ledger::{LedgerError, instant};
use crate::platform::blobs::{BlobError, BlobKey, BlobStore};
use crate::platform::problem::Problem;
use crate::platform::random::Random;
use crate::tenancy::{TenantCtx, TenantTx};

/// What a file may open to: many weeks of words. Photos are not in it.
const LARGEST_OPENED: usize = 64 << 20;
/// Entries in one transaction, so that none holds the feed up for long.
const AT_ONCE: usize = 500;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("the bytes are not the export of a phone")]
    NotAnExport,
    #[error("it does not open with this server's key: made for another server, or not as it was made")]
    NotForUs,
    #[error("no device of this company has made it")]
    UnknownDevice,
    #[error("its device has not signed it")]
    NotSigned,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the attachments")]
    Blobs(#[from] BlobError),
}

/// What became of a file.
#[derive(Debug, Clone)]
pub struct Taken {
    pub sha256: Sha256Hash,
    pub device: DeviceId,
    pub user: UserId,
    pub made_at: DeviceTime,
    /// The same file was here before.
    pub is_repeated: bool,
    /// Of each ticket, how many entries were new and how many were known.
    pub tickets: BTreeMap<TicketId, (u32, u32)>,
    /// Rows that the phone itself could not read any more.
    pub unreadable: u32,
    /// Wishes of kinds that this server does not take.
    pub wishes: u32,
    /// Photos and strokes that entries name and nobody has handed in.
    pub missing: Vec<Sha256Hash>,
}

/// Takes what is new in the file. The same file again changes nothing.
pub async fn take_export(
    ctx: &TenantCtx,
    (signer, blobs): (&ServerSigner, &dyn BlobStore),
    file: Vec<u8>,
    by: UserId,
    now: ServerTime,
) -> Result<Taken, TakeError> {
    let (signer, file) = (signer.clone(), Arc::new(file));
    let bytes = Arc::clone(&file);
    let opened = tokio::task::spawn_blocking(move || Export::open(&bytes, &signer, LARGEST_OPENED));
    let opened = opened.await.map_err(|_| TakeError::NotAnExport)??;
    let export = of_our_device(ctx, opened).await?;
    let sha256 = Sha256Hash::of(&file);
    blobs.put(BlobKey { tenant: ctx.tenant().0, sha256: sha256.0 }, Arc::unwrap_or_clone(file)).await?;

    let Read { handed_in, unreadable, wishes } = Read::of(&export, now);
    let mut tickets: BTreeMap<TicketId, (u32, u32)> = BTreeMap::new();
    let (mut rest, mut named) = (handed_in.into_iter().peekable(), Vec::new());
    while rest.peek().is_some() {
        let some: Vec<HandedIn> = rest.by_ref().take(AT_ONCE).collect();
        named.extend(some.iter().map(|one| (one.ticket, one.aside.fact)));
        let kept: BTreeSet<FactId> = ctx
            .transact(async move |tx: &mut TenantTx| {
                let known = store::known(tx, export.device, &some).await?;
                let new: Vec<HandedIn> = some.into_iter().filter(|one| !known.contains(&one.aside.fact)).collect();
                quarantine::hand_in(tx, &new, now).await
            })
            .await?;
        for (ticket, fact) in named.drain(..) {
            let (new, known) = tickets.entry(ticket).or_default();
            *if kept.contains(&fact) { new } else { known } += 1;
        }
    }
    let mut taken = Taken {
        sha256,
        device: export.device,
        user: export.user,
        made_at: export.made_at,
        is_repeated: false,
        tickets,
        unreadable,
        wishes,
        missing: Vec::new(),
    };
    let awaited = export.awaited;
    let noted = taken.clone();
    (taken.is_repeated, taken.missing) = ctx
        .transact(async move |tx: &mut TenantTx| {
            let is_new = store::note(tx, &noted, by, now).await?;
            Ok::<_, LedgerError>((!is_new, store::missing(tx, &awaited).await?))
        })
        .await?;
    tracing::info!(device.id = %taken.device, entries = taken.count().0, "the export of a phone was handed in");
    Ok(taken)
}

impl Taken {
    /// How many entries were new, and how many were known.
    pub fn count(&self) -> (u32, u32) {
        self.tickets.values().fold((0, 0), |(new, known), ticket| (new + ticket.0, known + ticket.1))
    }
}

/// The export, if a device of this tenant has signed it in the name of its own user. A revoked one is as good: its work
/// is what this is for.
async fn of_our_device(ctx: &TenantCtx, opened: OpenedExport) -> Result<Export, TakeError> {
    let device = opened.claimed_device();
    let found = ctx.read(async move |tx: &mut TenantTx| store::device(tx, device).await).await?;
    let (user, key) = found.ok_or(TakeError::UnknownDevice)?;
    let export = opened.verify(&key)?;
    if (export.tenant, export.user) != (ctx.tenant(), user) {
        return Err(TakeError::UnknownDevice);
    }
    Ok(export)
}

/// What a file says, entry by entry.
struct Read {
    handed_in: Vec<HandedIn>,
    unreadable: u32,
    wishes: u32,
}

impl Read {
    fn of(export: &Export, now: ServerTime) -> Self {
        let mut read = Self { handed_in: Vec::new(), unreadable: 0, wishes: 0 };
        let mut seen = BTreeSet::new();
        for entry in &export.entries {
            if entry.state == exported::WISH && entry.code != intent::REVIEW {
                read.wishes += 1;
                continue;
            }
            let said = entry.ticket.zip(Fact::from_bytes(&entry.payload).ok());
            match said.filter(|_| entry.state != exported::SET_ASIDE) {
                // A draft and the wish to have it reviewed are one entry.
                Some((_, fact)) if !seen.insert(fact.id) => {}
                Some((ticket, fact)) => read.handed_in.push(HandedIn {
                    ticket,
                    device: export.device,
                    user: export.user,
                    aside: set_aside(entry, &fact, now),
                }),
                None => read.unreadable += 1,
            }
        }
        read
    }
}

fn set_aside(entry: &ExportedEntry, fact: &Fact, now: ServerTime) -> SetAside {
    let (code, detail) = match entry.state.as_str() {
        exported::DRAFT => (entry.code.as_str(), "it had been refused, and its phone was given up"),
        exported::WISH => ("not_made_again", "the ticket had moved on, and the phone could not say this any more"),
        _ => ("left_on_phone", "the phone was given up before it had sent this"),
    };
    SetAside {
        id: Random.uuid(instant(now)),
        change: Sha256Hash::of(&entry.payload),
        bytes: entry.payload.clone(),
        fact: fact.id,
        kind: Some(fact.body.kind_name().to_owned()),
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

impl From<wire::ExportError> for TakeError {
    fn from(error: wire::ExportError) -> Self {
        match error {
            wire::ExportError::NotForUs => Self::NotForUs,
            wire::ExportError::NotSigned => Self::NotSigned,
            wire::ExportError::NotAnExport | wire::ExportError::Wire(_) => Self::NotAnExport,
        }
    }
}

impl From<TakeError> for Problem {
    fn from(error: TakeError) -> Self {
        let unprocessable = |slug, title| Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, title);
        match error {
            TakeError::NotAnExport => unprocessable("not-an-export", "The bytes are not the export of a phone"),
            TakeError::NotForUs => unprocessable(
                "not-for-this-server",
                "The file was made for another server, or it is not as it was made",
            ),
            TakeError::UnknownDevice => unprocessable("unknown-device", "No device of this company has made the file"),
            TakeError::NotSigned => unprocessable("not-signed", "The device has not signed the file"),
            TakeError::Ledger(error) => error.into(),
            TakeError::Blobs(error @ BlobError::Full(_)) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "There is no room for the file")
                    .caused_by(error)
            }
            TakeError::Blobs(error) => Self::internal(error),
        }
    }
}

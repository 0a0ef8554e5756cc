//! What a device has not seen yet, a page at a time: at first every ticket in its scope, from then on what moved.

use std::collections::{BTreeMap, HashSet};

use sync_core::ids::{Sha256Hash, TicketId};
use sync_core::wire::{Budget, Delta, Enter, Item, LeaveReason, SyncedChange};

use super::cursor::Place;
use super::scope_store;
use crate::ledger::feed::{self, Motion};
use crate::ledger::{self, Ledger, LedgerError};
use crate::tenancy::TenantTx;

/// Feed rows read for one page.
const ROWS_PER_PAGE: i64 = 500;
/// Documents in one page unless the device asks for fewer: a day's work of one engineer, and more, in one reply.
const DOCUMENTS_PER_PAGE: i64 = 400;
/// Bytes of items in one page, before compression, unless the device asks for less.
const BYTES_PER_PAGE: usize = 4 << 20;

/// One page for a device.
pub struct Page {
    pub items: Vec<Item>,
    /// Tickets of which the device is to have the rows beside them.
    pub beside: Vec<TicketId>,
    /// Tickets of which the device is to hear what of its user's work was set aside.
    pub noticed: Vec<TicketId>,
    pub place: Place,
    pub more: bool,
    /// The items start from nothing.
    pub is_reset: bool,
    /// So many bytes may still be put in.
    pub room: usize,
}

impl Page {
    /// Adds a ticket, whole, if it can still be read.
    pub async fn enter(
        &mut self,
        tx: &mut TenantTx,
        ledger: &Ledger,
        ticket: TicketId,
        room: &mut Room,
    ) -> Result<(), LedgerError> {
        if let Some(entered) = whole(tx, ledger, ticket).await? {
            room.take(entered.snapshot.len());
            self.items.push(Item::Enter(entered));
            self.beside.push(ticket);
            self.noticed.push(ticket);
        }
        Ok(())
    }
}

/// The ticket that an item is about.
pub fn ticket_of(item: &Item) -> Option<TicketId> {
    match item {
        Item::Enter(entered) => Some(entered.ticket),
        Item::Delta(delta) => Some(delta.ticket),
        Item::Leave { ticket, .. } => Some(*ticket),
        _ => None,
    }
}

/// How much of a page is left.
pub struct Room {
    bytes: usize,
    documents: i64,
}

impl Room {
    pub fn within(budget: Budget) -> Self {
        let bytes = usize::try_from(budget.bytes).unwrap_or(usize::MAX);
        Self {
            bytes: if bytes == 0 { BYTES_PER_PAGE } else { bytes.min(BYTES_PER_PAGE) },
            documents: if budget.documents == 0 {
                DOCUMENTS_PER_PAGE
            } else {
                DOCUMENTS_PER_PAGE.min(budget.documents.into())
            },
        }
    }

    /// Whether this item still fits; the first one always does.
    fn take(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.documents -= 1;
    }

    pub fn is_used_up(&self) -> bool {
        self.bytes == 0 || self.documents <= 0
    }
}

/// The next page for a device that stands at `place`, or nowhere yet. What it pushed in this very request is left out.
pub async fn pull(
    tx: &mut TenantTx,
    ledger: &Ledger,
    place: Option<Place>,
    channels: &[String],
    budget: Budget,
    pushed: &HashSet<Sha256Hash>,
) -> Result<Page, LedgerError> {
    let room = Room::within(budget);
    match place {
        Some(place) if place.entering_after.is_none() => follow(tx, ledger, place, channels, room, pushed).await,
        Some(place) => enter(tx, ledger, place, channels, room, false).await,
        None => {
            let position = feed::horizon(tx).await?;
            let start = Place { epoch: ledger.epoch(), position, entering_after: None };
            enter(tx, ledger, start, channels, room, true).await
        }
    }
}

/// The first sync: every ticket in scope, in order of their ids, then the feed from where it was when this began.
async fn enter(
    tx: &mut TenantTx,
    ledger: &Ledger,
    place: Place,
    channels: &[String],
    mut room: Room,
    is_reset: bool,
) -> Result<Page, LedgerError> {
    let tickets = scope_store::tickets_after(tx, channels, place.entering_after, room.documents + 1).await?;
    let mut page = Page {
        items: Vec::with_capacity(tickets.len()),
        beside: Vec::new(),
        noticed: Vec::new(),
        place,
        more: false,
        is_reset,
        room: 0,
    };
    let mut last = None;
    let mut left = tickets.len();
    for ticket in tickets {
        if room.is_used_up() {
            break;
        }
        page.enter(tx, ledger, ticket, &mut room).await?;
        last = Some(ticket);
        left -= 1;
    }
    page.more = left > 0;
    page.place.entering_after = last.filter(|_| page.more);
    page.room = room.bytes;
    Ok(page)
}

/// What moved since: per ticket one item, however often it moved.
async fn follow(
    tx: &mut TenantTx,
    ledger: &Ledger,
    place: Place,
    channels: &[String],
    mut room: Room,
    pushed: &HashSet<Sha256Hash>,
) -> Result<Page, LedgerError> {
    let rows = feed::read(tx, channels, place.position, ROWS_PER_PAGE).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == ROWS_PER_PAGE);
    let mut moved: BTreeMap<TicketId, Moved> = BTreeMap::new();
    let mut position = place.position;
    let mut more = is_full;
    for row in rows {
        if !moved.contains_key(&row.ticket) && moved.len() >= usize::try_from(room.documents).unwrap_or(0) {
            more = true;
            break;
        }
        moved.entry(row.ticket).and_modify(|moved| moved.then(&row)).or_insert(Moved::by(&row));
        position = row.position;
    }
    let items = Vec::with_capacity(moved.len());
    let mut page = Page {
        items,
        beside: Vec::new(),
        noticed: Vec::new(),
        place: Place { position, ..place },
        more,
        is_reset: false,
        room: 0,
    };
    for (ticket, moved) in moved {
        page.noticed.extend(moved.is_notice.then_some(ticket));
        match moved.motion {
            Motion::Leave => page.items.push(Item::Leave { ticket, reason: LeaveReason::Reassigned }),
            Motion::Enter => page.enter(tx, ledger, ticket, &mut room).await?,
            Motion::Change => {
                page.beside.extend(moved.is_beside.then_some(ticket));
                page.items.extend(delta(tx, ledger, ticket, moved.from_version, pushed).await?);
            }
        }
    }
    page.room = room.bytes;
    Ok(page)
}

/// What a run of feed rows comes to for one ticket.
struct Moved {
    motion: Motion,
    from_version: i64,
    is_beside: bool,
    is_notice: bool,
}

impl Moved {
    fn by(row: &feed::Entry) -> Self {
        let feed::Entry { motion, from_version, is_beside, is_notice, .. } = *row;
        Self { motion, from_version, is_beside, is_notice }
    }

    /// The last entering or leaving decides; changes alone add up.
    fn then(&mut self, row: &feed::Entry) {
        self.is_beside |= row.is_beside;
        self.is_notice |= row.is_notice;
        match row.motion {
            Motion::Enter | Motion::Leave => self.motion = row.motion,
            Motion::Change => self.from_version = self.from_version.min(row.from_version),
        }
    }
}

async fn whole(tx: &mut TenantTx, ledger: &Ledger, ticket: TicketId) -> Result<Option<Enter>, LedgerError> {
    let read = match ledger.read(tx, ticket).await {
        Ok(Some(read)) => read,
        Ok(None) | Err(LedgerError::Erased { .. }) => return Ok(None),
        // One ticket that does not open here must not keep all others from the device.
        Err(error) if error.is_of_one_ticket() => {
            tracing::error!(ticket.id = %ticket, %error, "a stored ticket cannot be read; the device goes without it");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let (snapshot, document_key) = (read.doc.to_travel(&read.key), read.key.0);
    let authors = ledger::written(tx, ticket).await?;
    let voucher = ledger.vouching().for_document((tx.tenant(), ticket), &document_key, &snapshot, authors);
    Ok(Some(Enter { ticket, snapshot, heads: read.doc.heads(), document_key, voucher }))
}

/// The stored changes from this version on, but for those that the device itself has just pushed.
async fn delta(
    tx: &mut TenantTx,
    ledger: &Ledger,
    ticket: TicketId,
    from_version: i64,
    pushed: &HashSet<Sha256Hash>,
) -> Result<Option<Item>, LedgerError> {
    let Some(admitted) = scope_store::admitted_from(tx, ticket, from_version).await? else { return Ok(None) };
    let vouching = ledger.vouching();
    let changes = admitted.changes.into_iter().filter(|change| !pushed.contains(&change.hash)).map(|change| {
        let voucher = vouching.for_change(tx.tenant(), ticket, &change.bytes, change.author);
        SyncedChange { bytes: change.bytes, voucher }
    });
    let changes = changes.collect();
    Ok(Some(Item::Delta(Delta { ticket, changes, heads: admitted.heads, document_key: None })))
}

//! What the feed brings: tickets that come, change and go, and the rows beside them.

use std::sync::Arc;

use crate::document::{DocumentKey, RawChange, TicketDoc};
use crate::ids::TicketId;
use crate::reference::{KNOWLEDGE, POOL};
use crate::replica::reply::Page;
use crate::replica::rows::Record;
use crate::replica::rows::other::Vouched;
use crate::replica::rows::ticket::Ticket;
use crate::store::{StoreError, StoreTx};
use crate::wire::{Delta, Enter, Item, change_hash};

impl<T: StoreTx> Page<'_, T> {
    pub(super) fn take_item(&mut self, item: Item) -> Result<(), StoreError> {
        match item {
            Item::Enter(enter) => self.take_enter(enter),
            Item::Delta(delta) => self.take_delta(delta),
            Item::Leave { ticket, reason } => self.work.edit_ticket(ticket, |ticket| ticket.leaving = Some(reason)),
            Item::Reference(reference) if reference.set == KNOWLEDGE => self.take_knowledge(&reference),
            Item::Reference(reference) if reference.set == POOL => self.take_pool(&reference),
            Item::Reference(reference) => self.take_reference(&reference),
            Item::BlobStored { sha256 } => {
                if let Some(blob) = self.work.state.blobs.remove(&sha256) {
                    blob.erase(&mut self.work.tx)?;
                    self.arrived.changed.insert(blob.ticket);
                }
                Ok(())
            }
            Item::Notice(notice) => self.take_notice(notice),
            Item::PoolCard(card) => self.take_pool_card(&card),
            Item::Unknown => Ok(()),
        }
    }

    /// A ticket, whole: replaces what was admitted of it. What is unsent comes on top of that.
    fn take_enter(&mut self, enter: Enter) -> Result<(), StoreError> {
        let id = enter.ticket;
        let generation = self.work.state.device.generation;
        let key = DocumentKey(enter.document_key);
        let known = self.work.state.tickets.get(&id).cloned();
        let mut ticket = known.map_or_else(|| Ticket::new(id, key.clone(), generation), Arc::unwrap_or_clone);
        ticket.document_key = key;
        ticket.generation = generation;
        ticket.leaving = None;
        let opened = TicketDoc::arrived(&enter.snapshot, id, &ticket.document_key).map_err(|why| why.to_string());
        let doc =
            opened.and_then(|doc| match doc.ticket() == id && enter.heads.iter().all(|head| doc.has_change(head)) {
                true => Ok(doc),
                false => Err("the snapshot is not the document it claims to be".to_owned()),
            });
        match doc {
            Ok(doc) => {
                (ticket.failures, ticket.reported) = (0, 0);
                ticket.came.clear();
                ticket.put_snapshot(&mut self.work.tx, &doc)?;
                self.work.state.tickets.insert(id, Arc::new(ticket));
                self.put_base(id, doc);
                self.keep_voucher(id, enter.snapshot, Some(enter.document_key), enter.voucher)
            }
            Err(why) => {
                ticket.write(&mut self.work.tx)?;
                self.work.state.tickets.insert(id, Arc::new(ticket));
                self.work.note_failure(id, why, &enter.snapshot)
            }
        }
    }

    fn take_delta(&mut self, delta: Delta) -> Result<(), StoreError> {
        let id = delta.ticket;
        let Some(mut base) = self.base(id)? else {
            // Changes of a ticket that never came whole. Noting it asks for the whole.
            if !self.work.state.tickets.contains_key(&id) {
                let key = DocumentKey(delta.document_key.unwrap_or_default());
                let ticket = Ticket::new(id, key, self.work.state.device.generation);
                ticket.write(&mut self.work.tx)?;
                self.work.state.tickets.insert(id, Arc::new(ticket));
            }
            return self.work.note_failure(id, "changes of a document that is not here".to_owned(), &[]);
        };
        if let Some(key) = delta.document_key {
            self.work.edit_ticket(id, |ticket| ticket.document_key = DocumentKey(key))?;
        }
        let mut changes = Vec::with_capacity(delta.changes.len());
        for change in delta.changes {
            let Some(hash) = change_hash(&change.bytes) else {
                return self.work.note_failure(id, "a change with a wrong checksum".to_owned(), &change.bytes);
            };
            if !base.has_change(&hash) {
                changes.push(RawChange { hash, bytes: change.bytes.clone() });
            }
            self.keep_voucher(id, change.bytes, None, change.voucher)?;
        }
        if !changes.is_empty() {
            if let Err(why) = base.apply_admitted(changes.clone()) {
                let came: Vec<u8> = changes.into_iter().flat_map(|change| change.bytes).collect();
                return self.work.note_failure(id, why.to_string(), &came);
            }
            let all_there = delta.heads.iter().all(|head| base.has_change(head));
            self.store_changes(id, base, &changes)?;
            if !all_there {
                return self.work.note_failure(id, "changes are missing".to_owned(), &[]);
            }
        }
        Ok(())
    }

    /// A document as admitted, with what this page brought so far; `None` if it is not here or does not open.
    pub(super) fn base(&mut self, id: TicketId) -> Result<Option<TicketDoc>, StoreError> {
        if let Some(base) = self.bases.get(&id) {
            return Ok(Some(base.clone()));
        }
        self.work.base(id)
    }

    pub(super) fn store_changes(
        &mut self,
        id: TicketId,
        base: TicketDoc,
        changes: &[RawChange],
    ) -> Result<(), StoreError> {
        if let Some(ticket) = self.work.state.tickets.get_mut(&id) {
            Arc::make_mut(ticket).put_changes(&mut self.work.tx, &base, changes)?;
        }
        self.put_base(id, base);
        Ok(())
    }

    fn put_base(&mut self, id: TicketId, base: TicketDoc) {
        self.bases.insert(id, base);
        self.arrived.changed.insert(id);
    }

    fn keep_voucher(
        &mut self,
        ticket: TicketId,
        bytes: Vec<u8>,
        document_key: Option<[u8; 32]>,
        voucher: Vec<u8>,
    ) -> Result<(), StoreError> {
        let Some(epoch) = self.work.state.device.server_epoch.filter(|_| !voucher.is_empty()) else { return Ok(()) };
        let received = self.server_time;
        Vouched { ticket, bytes, document_key, voucher, received, epoch }.write(&mut self.work.tx)
    }
}

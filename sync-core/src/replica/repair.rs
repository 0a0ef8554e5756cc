//! Reading the whole store at an opening, whatever state its rows are in: one that does not read costs what it held,
//! and nothing beside it.
//!
//! What the server has is asked for again. Work that was in such a row is set aside and counted, so that its author
//! hears of it; the work that came after it on the same ticket is made again without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost::Message;

use crate::document::{DocumentKey, FactBody};
use crate::ids::{Sha256Hash, TicketId};
use crate::replica::reply::Page;
use crate::replica::rows::Record;
use crate::replica::rows::carried::Carried;
use crate::replica::rows::ticket::Ticket;
use crate::replica::rows::work::Pending;
use crate::replica::state::{InFlight, Work};
use crate::replica::summary::Summary;
use crate::replica::{AwaitedBlob, Draft, Wish};
use crate::store::{START_ANEW, StoreError, StoreTx, Table};
use crate::time::{DeviceTime, ServerTime};
use crate::wire::Cursor;

impl<T: StoreTx> Work<T> {
    /// Fills the state from the store.
    pub fn read_all(&mut self) -> Result<(), StoreError> {
        let (tickets, lost_tickets) = self.sweep::<Ticket>(b"")?;
        self.state.tickets = keyed(tickets, |ticket| ticket.id);
        let (summaries, lost_summaries) = self.sweep::<Summary>(b"")?;
        self.state.summaries = keyed(summaries, |summary| summary.ticket);
        let (outbox, lost_work) = self.sweep::<Pending>(b"")?;
        self.state.outbox = keyed(outbox, |pending| pending.order);
        self.state.drafts = keyed(self.sweep::<Draft>(b"")?.0, |draft| draft.fact.id);
        self.state.wishes = keyed(self.sweep::<Wish>(b"")?.0, |wish| wish.intent.id);
        let (blobs, lost_blobs) = self.sweep::<AwaitedBlob>(b"")?;
        self.state.blobs = keyed(blobs, |blob| blob.sha256);
        self.state.carried = keyed(self.sweep::<Carried>(b"")?.0, |carried| carried.hash);

        self.catch_up_with_own_work()?;
        if self.tx.get(Table::Meta, START_ANEW).is_ok_and(|row| row.is_some()) {
            self.tx.delete(Table::Meta, START_ANEW)?;
            self.state.device.cursor = Cursor::default();
            self.put_device()?;
            self.ask_for_all_articles()?;
            self.ask_for_whole_pool();
            self.put_device()?;
            // Nobody can say which work was lost, if any.
            self.make_again_without_the_lost()?;
        }
        self.forget_unreadable_rows_beside()?;
        lost_tickets.iter().try_for_each(|key| self.ask_again_for(key))?;
        lost_summaries.iter().try_for_each(|key| self.summarise_again(key))?;
        if !lost_work.is_empty() {
            self.make_again_without_the_lost()?;
        }
        if !lost_blobs.is_empty() {
            self.await_again(&lost_blobs)?;
        }
        Ok(())
    }

    /// Where the device's own row was lost, work stays in its order all the same, and its clock does not go back.
    /// Nothing is written at an ordinary opening: it must succeed on a full disk.
    fn catch_up_with_own_work(&mut self) -> Result<(), StoreError> {
        let (device, outbox) = (&mut self.state.device, &self.state.outbox);
        device.next_order = outbox.keys().last().map_or(1, |last| last + 1).max(device.next_order);
        device.hlc = outbox.values().map(|pending| pending.fact.hlc).fold(device.hlc, Ord::max);
        let (key, row) = (device.key(), device.to_stored().encode_to_vec());
        let is_known = self.tx.get(Table::Meta, &key)?.is_some_and(|known| known == row);
        if is_known { Ok(()) } else { self.put_device() }
    }

    /// Sites, customers, workflows: the feed brings them all, if it starts anew. The pool comes whole if that is asked for.
    fn forget_unreadable_rows_beside(&mut self) -> Result<(), StoreError> {
        for (key, _) in self.tx.sift(Table::Reference, b"")?.unreadable {
            self.tx.delete(Table::Reference, &key)?;
            self.state.device.cursor = Cursor::default();
            self.put_device()?;
        }
        for (key, _) in self.tx.sift(Table::PoolCard, b"")?.unreadable {
            self.tx.delete(Table::PoolCard, &key)?;
            self.ask_for_whole_pool();
            self.put_device()?;
        }
        Ok(())
    }

    /// A ticket of which nothing is known any more but that it is here. Its document goes too: without the ticket's
    /// key nothing could be sealed for it.
    fn ask_again_for(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Ok(id) = TicketId::from_slice(key) else { return Ok(()) };
        let mut ticket = Ticket::new(id, DocumentKey([0; 32]), self.state.device.generation);
        ticket.drop_document(&mut self.tx)?;
        (ticket.failures, ticket.last_failure) = (1, StoreError::Unreadable(Table::Ticket).to_string());
        ticket.write(&mut self.tx)?;
        self.state.tickets.insert(id, Arc::new(ticket));
        Ok(())
    }

    fn summarise_again(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Ok(id) = TicketId::from_slice(key) else { return Ok(()) };
        match self.docs(id)? {
            Some(docs) => self.summarise(id, docs.now()),
            None => Ok(()),
        }
    }

    /// What stood on lost work is put on the documents again as if the lost had never been said. A ticket that is not
    /// here whole has been asked for, and this is done when it comes.
    fn make_again_without_the_lost(&mut self) -> Result<(), StoreError> {
        let worked: BTreeSet<TicketId> = self.state.outbox.values().map(|pending| pending.ticket).collect();
        // No clock is at hand: it is as late as when the last of it was said.
        let now = self.state.outbox.values().map(|pending| pending.made_at).max().unwrap_or(DeviceTime(0));
        let last_reply = self.state.device.last_reply.map_or(ServerTime(0), |(server, _)| server);
        let fresh = self.state.session.nonce;
        let in_flight = InFlight::default();
        for id in worked {
            let Some(ticket) = self.state.tickets.get(&id).cloned() else { continue };
            let Ok(Some(base)) = ticket.load(&self.tx) else { continue };
            let mut page = Page::new(self, &in_flight, now, fresh);
            page.server_time = last_reply;
            page.rebuild(id, base)?;
        }
        Ok(())
    }

    /// The files themselves are still on the device: the facts that name them say what they are.
    fn await_again(&mut self, lost: &[Vec<u8>]) -> Result<(), StoreError> {
        let lost: BTreeSet<Sha256Hash> = lost.iter().filter_map(|key| Sha256Hash::from_slice(key).ok()).collect();
        for id in self.state.tickets.keys().copied().collect::<Vec<_>>() {
            let Some(docs) = self.docs(id)? else { continue };
            for fact in docs.now().facts() {
                let named = match &fact.body {
                    FactBody::Blob { sha256, .. } => sha256,
                    FactBody::Signature { strokes_sha256, .. } => strokes_sha256,
                    _ => continue,
                };
                if lost.contains(named) {
                    self.await_blobs(id, fact)?;
                }
            }
        }
        Ok(())
    }
}

fn keyed<K: Ord, R: Record>(rows: Vec<R>, key: impl Fn(&R) -> K) -> BTreeMap<K, Arc<R>> {
    rows.into_iter().map(|row| (key(&row), Arc::new(row))).collect()
}

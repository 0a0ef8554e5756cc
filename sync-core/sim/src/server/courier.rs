//! What phones carry for each other, and what the server says of a phone: `server/src/ledger/couriered.rs` and
//! `server/src/sync/certificate.rs`.

use sync_core::document::Actor;
use sync_core::guard::{check_against, check_chunk};
use sync_core::ids::*;
use sync_core::time::ServerTime;
use sync_core::wire::*;

use super::{Server, TENANT};

impl Server {
    /// What other phones may know of this one.
    pub fn certify(&self, device: DeviceId) -> Vec<u8> {
        let (user, key) = self.devices[&device];
        let (issued, expires) = (self.now, ServerTime(self.now.0 + CERTIFICATE_LIFE_MS));
        let role = "engineer".to_owned();
        DeviceCertificate { tenant: TENANT, device, user, role, key, issued, expires }.sign(&self.signer)
    }

    /// A batch of another device than the one that brings it.
    pub(super) fn take_couriered(&mut self, courier: DeviceId, position: usize, bytes: &[u8], reply: &mut SyncReply) {
        let mut refuse = |code: &str| {
            let (position, code) = (position as u32, code.to_owned());
            reply.refused_couriered.push(BatchRefusal { position, code, detail: String::new() });
        };
        let claimed = Batch::decode(bytes).and_then(|batch| batch.claims()).map(|claims| claims.device).ok();
        let Some(device) = claimed.filter(|device| *device != courier && self.devices.contains_key(device)) else {
            return refuse("no_author");
        };
        let (user, key) = self.devices[&device];
        let batch = match VerifiedBatch::parse(bytes, &key) {
            Ok(batch) => batch,
            Err(why) => return refuse(why.code()),
        };
        let header = batch.header();
        if (header.tenant, header.user) != (TENANT, user) {
            return refuse("other_device");
        }
        let name = (device, header.session_nonce, header.dev_seq);
        if !self.receipts.contains_key(&name) {
            if self.waits_for_its_base(&batch) {
                return;
            }
            let receipt = self.accept(&batch);
            self.settle_returned(batch.header().ticket);
            self.brought_by_colleagues += receipt.ack.admitted as usize;
            self.receipts.insert(name, receipt);
        }
        reply.acks.push(Ack { device: Some(device), ..self.receipts[&name].ack.clone() });
    }

    /// Its author may yet bring what it stands on.
    fn waits_for_its_base(&self, batch: &VerifiedBatch) -> bool {
        let header = batch.header();
        let actor = Actor::of_device(TENANT, header.device, header.ticket, header.actor_nonce);
        let Some(doc) = self.tickets.get(&header.ticket) else { return true };
        let first = batch.changes().find(|(hash, ..)| !doc.has_change(hash));
        let Some(parsed) = first.and_then(|(.., raw)| check_chunk(raw).ok()) else { return false };
        let fact = parsed.fact().clone();
        let is_in = doc.fact(fact.id).is_some_and(|there| there.content_hash() == fact.content_hash());
        !is_in && check_against(doc, parsed, actor).is_err_and(|why| why.is_for_want_of_base())
    }

    /// Whether a batch of this name was answered, whoever brought it.
    pub fn has_answered(&self, name: &(DeviceId, Nonce, u64)) -> bool {
        self.receipts.contains_key(name)
    }
}

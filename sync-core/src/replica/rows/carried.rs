//! A batch of another device, on its way to the server by this phone.

use super::Record;
use crate::document::Actor;
use crate::door::Signer;
use crate::ids::{DeviceId, Sha256Hash};
use crate::store::Table;
use crate::time::ServerTime;
use crate::wire::{Batch, BatchHeader};

/// A batch with all that is needed to show, to carry and to pass it on.
#[derive(Debug, Clone)]
pub(in crate::replica) struct Carried {
    /// [`Batch::hash`], which names it.
    pub hash: Sha256Hash,
    pub header: BatchHeader,
    /// The encoded batch, as its author signed it.
    pub batch: Vec<u8>,
    /// The certificate of its author, as the server signed it.
    pub certificate: Vec<u8>,
    /// What the author was in the tenant, by the certificate.
    pub role: crate::policy::Role,
    /// Whose phone handed it over.
    pub from: DeviceId,
    /// When, by this phone's idea of the server's clock.
    pub taken: ServerTime,
}

impl Carried {
    /// Whose changes the door is to take them for.
    pub fn signer(&self) -> Signer {
        let BatchHeader { tenant, device, ticket, actor_nonce, user, .. } = &self.header;
        let actor = Actor::of_device(*tenant, *device, *ticket, *actor_nonce);
        Signer { actor, user: *user, role: self.role }
    }

    /// The bytes that it takes here.
    pub fn size(&self) -> usize {
        self.batch.len() + self.certificate.len()
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::replica) struct CarriedRow {
    #[prost(bytes = "vec", tag = "1")]
    batch: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    certificate: Vec<u8>,
    #[prost(string, tag = "3")]
    role: String,
    #[prost(bytes = "vec", tag = "4")]
    from: Vec<u8>,
    #[prost(sint64, tag = "5")]
    taken: i64,
}

impl Record for Carried {
    const TABLE: Table = Table::Carried;
    type Stored = CarriedRow;

    fn key(&self) -> Vec<u8> {
        self.hash.0.to_vec()
    }

    fn to_stored(&self) -> CarriedRow {
        CarriedRow {
            batch: self.batch.clone(),
            certificate: self.certificate.clone(),
            role: self.role.to_string(),
            from: self.from.as_bytes().to_vec(),
            taken: self.taken.0,
        }
    }

    fn from_stored(key: &[u8], row: CarriedRow) -> Option<Self> {
        let batch = Batch::decode(&row.batch).ok()?;
        Some(Self {
            hash: Sha256Hash::from_slice(key).ok().filter(|hash| *hash == batch.hash())?,
            header: batch.claims().ok()?,
            batch: row.batch,
            certificate: row.certificate,
            role: row.role.parse().ok()?,
            from: DeviceId::from_slice(&row.from).ok()?,
            taken: ServerTime(row.taken),
        })
    }
}

//! The server's word that it once had what a phone holds. Every change and every document goes out with a voucher; a
//! server whose database was restored from a backup takes back what bears one, and knows from it who had written what.
//!
//! A voucher is a MAC under a key derived from the signing secret, which is no part of the database, with the authors
//! beside it. It names the tenant and the ticket, so that it is worth nothing anywhere else.

use hmac::{Hmac, KeyInit, Mac};
use prost::Message;
use sha2::Sha256;
use sync_core::document::RawChange;
use sync_core::ids::{DeviceId, Nonce, Sha256Hash, TenantId, TicketId, UserId};
use sync_core::wire::Returned;

use super::LedgerError;
use super::documents::{Author, BatchKey};
use crate::tenancy::TenantTx;

/// What this server's vouchers are made with.
#[derive(Clone)]
pub struct Vouching([u8; 32]);

/// What is vouched for.
struct Subject<'a> {
    tenant: TenantId,
    ticket: TicketId,
    /// With a document: its key, so that nobody can give another one back.
    document_key: Option<&'a [u8; 32]>,
    bytes: &'a [u8],
}

/// A change as the ledger holds it: its name and its author.
pub struct Written {
    pub hash: Sha256Hash,
    pub author: Author,
}

impl Vouching {
    /// A key of its own, made of the server's signing secret.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(mac(secret, &[b"callout voucher key 1"]).finalize().into_bytes().into())
    }

    /// For one change.
    pub fn for_change(&self, tenant: TenantId, ticket: TicketId, bytes: &[u8], author: Author) -> Vec<u8> {
        let authors = Authors::of([author]);
        self.voucher(&Subject { tenant, ticket, document_key: None, bytes }, &authors)
    }

    /// For a whole document as it travels, given all its changes.
    pub fn for_document(
        &self,
        (tenant, ticket): (TenantId, TicketId),
        document_key: &[u8; 32],
        bytes: &[u8],
        mut written: Vec<Written>,
    ) -> Vec<u8> {
        written.sort_unstable_by_key(|one| one.hash);
        let authors = Authors::of(written.into_iter().map(|one| one.author));
        self.voucher(&Subject { tenant, ticket, document_key: Some(document_key), bytes }, &authors)
    }

    /// Who wrote what was returned, if this server had vouched for it.
    pub fn authors(&self, tenant: TenantId, returned: &Returned) -> Option<Authors> {
        let (code, authors) = returned.voucher.split_first_chunk::<MAC_BYTES>()?;
        let document_key = returned.document_key.as_ref();
        let subject = Subject { tenant, ticket: returned.ticket, document_key, bytes: &returned.bytes };
        self.mac(&subject, authors).verify_truncated_left(code).ok()?;
        Authors::decode(authors).ok()
    }

    fn voucher(&self, subject: &Subject<'_>, authors: &Authors) -> Vec<u8> {
        let authors = authors.encode_to_vec();
        let code = self.mac(subject, &authors).finalize().into_bytes();
        [&code[..MAC_BYTES], &authors].concat()
    }

    fn mac(&self, subject: &Subject<'_>, authors: &[u8]) -> Hmac<Sha256> {
        let Subject { tenant, ticket, document_key, bytes } = subject;
        let what: &[u8] = if document_key.is_some() { b"document" } else { b"change--" };
        let key = document_key.copied().unwrap_or([0; 32]);
        let bytes = Sha256Hash::of(bytes);
        mac(&self.0, &[what, tenant.as_bytes(), ticket.as_bytes(), &key, &bytes.0, authors])
    }
}

/// 128 bits: nobody finds one by trying, and every ticket of a first sync carries it.
const MAC_BYTES: usize = 16;

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("any key will do");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// The authors of changes that stand in the order of their hashes: each once, and per change its number.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Authors {
    #[prost(message, repeated, tag = "1")]
    authors: Vec<AuthorMessage>,
    /// A byte a change; empty when all are by the first.
    #[prost(bytes = "vec", tag = "2")]
    by: Vec<u8>,
}

/// The number of an author who is not among the authors.
const UNTOLD: u8 = u8::MAX;

#[derive(Clone, PartialEq, prost::Message)]
struct AuthorMessage {
    #[prost(bytes = "vec", tag = "1")]
    user: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    session: Vec<u8>,
    #[prost(int64, tag = "4")]
    dev_seq: i64,
}

impl Authors {
    fn of(authors: impl IntoIterator<Item = Author>) -> Self {
        let mut said = Self::default();
        for author in authors {
            let author = AuthorMessage::from(author);
            let known = said.authors.iter().position(|known| *known == author);
            let number = known.unwrap_or(said.authors.len());
            // Of a ticket of more than 255 batches the rest goes out without its authors.
            let number = u8::try_from(number).unwrap_or(UNTOLD);
            if known.is_none() && number != UNTOLD {
                said.authors.push(author);
            }
            said.by.push(number);
        }
        if said.by.iter().all(|number| *number == 0) {
            said.by.clear();
        }
        said
    }

    /// Each change with its author, given the changes of the document.
    pub fn of_changes(&self, mut changes: Vec<RawChange>) -> Vec<(RawChange, Author)> {
        changes.sort_unstable_by_key(|change| change.hash);
        let numbered = changes.into_iter().zip(0..);
        numbered.map(|(change, number)| (change, self.author(number))).collect()
    }

    fn author(&self, change: usize) -> Author {
        let number = self.by.get(change).copied().unwrap_or_default();
        let told = self.authors.get(usize::from(number)).filter(|_| number != UNTOLD);
        told.map(Author::from).unwrap_or(Author { user: None, batch: None })
    }
}

impl From<Author> for AuthorMessage {
    fn from(Author { user, batch }: Author) -> Self {
        Self {
            user: user.map(|user| user.as_bytes().to_vec()).unwrap_or_default(),
            device: batch.map(|batch| batch.device.as_bytes().to_vec()).unwrap_or_default(),
            session: batch.map(|batch| batch.session.0.to_vec()).unwrap_or_default(),
            dev_seq: batch.map_or(0, |batch| batch.dev_seq),
        }
    }
}

impl From<&AuthorMessage> for Author {
    fn from(said: &AuthorMessage) -> Self {
        let batch = DeviceId::from_slice(&said.device).ok().zip(said.session.as_slice().try_into().ok());
        Self {
            user: UserId::from_slice(&said.user).ok(),
            batch: batch.map(|(device, session)| BatchKey { device, session: Nonce(session), dev_seq: said.dev_seq }),
        }
    }
}

/// The changes of a ticket with their authors.
pub async fn written(tx: &mut TenantTx, ticket: TicketId) -> Result<Vec<Written>, LedgerError> {
    let rows = sqlx::query!(
        "select hash, user_id, device_id, session_nonce, dev_seq from ticket_change where ticket_id = $1",
        ticket.0,
    )
    .fetch_all(tx.as_mut())
    .await?;
    rows.into_iter()
        .map(|row| {
            let author = author(row.user_id, row.device_id, row.session_nonce, row.dev_seq);
            Ok(Written { hash: Sha256Hash::from_slice(&row.hash)?, author })
        })
        .collect()
}

/// An author as the columns of a change's row name him.
pub fn author(
    user: Option<uuid::Uuid>,
    device: Option<uuid::Uuid>,
    session: Option<Vec<u8>>,
    dev_seq: Option<i64>,
) -> Author {
    let session = session.and_then(|nonce| nonce.try_into().ok()).map(Nonce);
    let batch = device.zip(session).zip(dev_seq);
    Author {
        user: user.map(UserId),
        batch: batch.map(|((device, session), dev_seq)| BatchKey { device: DeviceId(device), session, dev_seq }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(uuid::Uuid::from_u128(1));
    const TICKET: TicketId = TicketId(uuid::Uuid::from_u128(2));
    const DESK: Author = Author { user: Some(UserId(uuid::Uuid::from_u128(3))), batch: None };
    const PHONE: Author = Author {
        user: Some(UserId(uuid::Uuid::from_u128(4))),
        batch: Some(BatchKey { device: DeviceId(uuid::Uuid::from_u128(5)), session: Nonce([6; 16]), dev_seq: 7 }),
    };

    fn vouching() -> Vouching {
        Vouching::from_secret(&[1; 32])
    }

    fn change(n: u8) -> RawChange {
        RawChange { hash: Sha256Hash([n; 32]), bytes: vec![n] }
    }

    #[test]
    fn a_voucher_names_the_authors_whatever_order_the_changes_come_in() {
        let written = |n, author| Written { hash: Sha256Hash([n; 32]), author };
        let all = vec![written(9, PHONE), written(1, DESK), written(5, PHONE)];
        let voucher = vouching().for_document((TENANT, TICKET), &[8; 32], b"document", all);
        let returned = Returned { ticket: TICKET, bytes: b"document".to_vec(), document_key: Some([8; 32]), voucher };
        let authors = vouching().authors(TENANT, &returned).unwrap();
        let told: Vec<_> = authors.of_changes(vec![change(5), change(9), change(1)]);
        let told: Vec<_> = told.into_iter().map(|(change, author)| (change.bytes[0], author)).collect();
        assert_eq!(told, [(1, DESK), (5, PHONE), (9, PHONE)]);
    }

    #[test]
    fn a_voucher_is_worth_nothing_for_anything_else() {
        let voucher = vouching().for_change(TENANT, TICKET, b"change", DESK);
        let right = Returned { ticket: TICKET, bytes: b"change".to_vec(), document_key: None, voucher };
        assert!(vouching().authors(TENANT, &right).is_some());
        assert!(vouching().authors(TenantId(uuid::Uuid::from_u128(9)), &right).is_none());
        assert!(Vouching::from_secret(&[2; 32]).authors(TENANT, &right).is_none());
        let wrong = [
            Returned { ticket: TicketId(uuid::Uuid::from_u128(9)), ..right.clone() },
            Returned { bytes: b"changed".to_vec(), ..right.clone() },
            Returned { document_key: Some([0; 32]), ..right.clone() },
            Returned { voucher: Vec::new(), ..right.clone() },
        ];
        for returned in wrong {
            assert!(vouching().authors(TENANT, &returned).is_none(), "{returned:?}");
        }
        for at in 0..right.voucher.len() {
            let mut forged = right.clone();
            forged.voucher[at] ^= 1;
            assert!(vouching().authors(TENANT, &forged).is_none(), "byte {at}");
        }
    }
}

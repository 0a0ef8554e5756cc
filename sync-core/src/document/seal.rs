//! Personal text in a document is sealed under the ticket's document key, so that destroying one key erases it
//! everywhere while every hash and chain still verifies.
//!
//! The same text in the same place gives the same bytes (`cipher`), so that a replayed command does too, and an opened
//! text can be sealed again by whoever has the key.

use std::fmt;

use zeroize::Zeroize;

use crate::cipher::{self, NONCE_LEN, TAG_LEN};
use crate::ids::{FactId, TicketId};

/// Where sealed text stands. Text moved anywhere else does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedAt<'a> {
    /// The ticket whose key seals it.
    pub ticket: TicketId,
    /// The fact that carries it; `None` for the ticket's core.
    pub fact: Option<FactId>,
    /// The field's name, for example `text`, `place`, `title`.
    pub field: &'a str,
}

/// Text that only a holder of the document key can read: 24 bytes of nonce, then ciphertext and tag.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sealed(Vec<u8>);

/// The key that seals one ticket's personal text; it comes to a phone with the ticket.
#[derive(Clone)]
pub struct DocumentKey(pub [u8; 32]);

/// The text did not open: another key, another place, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text does not open here with this key")]
pub struct DoesNotOpen;

/// Seals `text` for the place `at`.
pub fn seal(key: &DocumentKey, at: SealedAt<'_>, text: &[u8]) -> Sealed {
    Sealed(cipher::seal(&key.0, PURPOSE, &at.aad(), text))
}

/// Seals with this nonce, which must never serve twice under one key.
#[cfg(test)]
pub(crate) fn seal_with(key: &DocumentKey, nonce: [u8; NONCE_LEN], at: SealedAt<'_>, text: &[u8]) -> Sealed {
    Sealed(cipher::seal_with(&key.0, nonce, &at.aad(), text))
}

/// The text sealed for the place `at`.
pub fn open(key: &DocumentKey, at: SealedAt<'_>, sealed: &Sealed) -> Result<Vec<u8>, DoesNotOpen> {
    cipher::open(&key.0, &at.aad(), &sealed.0).ok_or(DoesNotOpen)
}

/// The text sealed for the place `at`, if sealing it there again gives these bytes; `None` for what was sealed with a
/// nonce of another making.
pub(crate) fn open_reproducible(key: &DocumentKey, at: SealedAt<'_>, sealed: &Sealed) -> Option<Vec<u8>> {
    let text = open(key, at, sealed).ok()?;
    sealed.0.starts_with(&cipher::nonce_of(&key.0, PURPOSE, &at.aad(), &text)).then_some(text)
}

impl Sealed {
    /// Sealed bytes read from a document or the wire; `None` if too short to have been sealed.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= NONCE_LEN + TAG_LEN).then_some(Self(bytes))
    }

    /// The bytes as they stand in documents.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentKey(…)")
    }
}

impl Drop for DocumentKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SealedAt<'_> {
    fn aad(&self) -> Vec<u8> {
        let owner = self.fact.as_ref().map_or(b"core".as_slice(), |fact| fact.as_bytes());
        [b"s1", self.ticket.as_bytes().as_slice(), &[owner.len() as u8], owner, self.field.as_bytes()].concat()
    }
}

/// Goes into every nonce.
const PURPOSE: &[u8] = b"callout seal nonce 1";

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn opens_only_where_it_was_sealed() {
        let key = DocumentKey([7; 32]);
        let at =
            SealedAt { ticket: TicketId(Uuid::from_u128(1)), fact: Some(FactId(Uuid::from_u128(2))), field: "text" };
        let sealed = seal(&key, at, "Motor defekt".as_bytes());
        assert_eq!(open(&key, at, &sealed).unwrap(), "Motor defekt".as_bytes());
        assert_eq!(open(&key, SealedAt { field: "place", ..at }, &sealed), Err(DoesNotOpen));
        assert_eq!(open(&key, SealedAt { fact: None, ..at }, &sealed), Err(DoesNotOpen));
        assert_eq!(open(&key, SealedAt { ticket: TicketId(Uuid::from_u128(3)), ..at }, &sealed), Err(DoesNotOpen));
        assert_eq!(open(&DocumentKey([8; 32]), at, &sealed), Err(DoesNotOpen));
        assert_eq!(Sealed::from_bytes(vec![0; 39]), None);
    }

    #[test]
    fn the_same_text_in_the_same_place_gives_the_same_bytes_and_any_other_another_nonce() {
        let key = DocumentKey([7; 32]);
        let at = SealedAt { ticket: TicketId(Uuid::from_u128(1)), fact: None, field: "title" };
        let twice = [0, 1].map(|_| seal(&key, at, b"Lift steht"));
        assert_eq!(twice[0], twice[1]);
        let nonce = |sealed: &Sealed| sealed.0[..NONCE_LEN].to_vec();
        let others = [
            seal(&key, at, b"Lift steh"),
            seal(&key, SealedAt { field: "titl", ..at }, b"eLift steht"),
            seal(&key, SealedAt { fact: Some(FactId(Uuid::from_u128(2))), ..at }, b"Lift steht"),
            seal(&DocumentKey([8; 32]), at, b"Lift steht"),
        ];
        assert!(others.iter().all(|other| nonce(other) != nonce(&twice[0])));
        assert_eq!(open_reproducible(&key, at, &twice[0]).unwrap(), b"Lift steht");
        let by_chance = seal_with(&key, [9; NONCE_LEN], at, b"Lift steht");
        assert_eq!(open(&key, at, &by_chance).unwrap(), b"Lift steht");
        assert_eq!(open_reproducible(&key, at, &by_chance), None);
        assert!(!format!("{:?}", twice[0]).contains("Lift"));
    }
}

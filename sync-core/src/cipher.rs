//! Authenticated encryption without randomness: XChaCha20-Poly1305 under a synthetic nonce, as in SIV (RFC 5297).
//!
//! The nonce is a keyed hash over all that is sealed and where. The same text in the same place gives the same bytes;
//! another text, place or purpose gives another nonce.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// 32 bytes that are nobody else's business.
pub(crate) type Key = [u8; 32];

/// Seals `text` for `place`: nonce, ciphertext, tag.
pub(crate) fn seal(key: &Key, purpose: &[u8], place: &[u8], text: &[u8]) -> Vec<u8> {
    seal_with(key, nonce_of(key, purpose, place, text), place, text)
}

/// Seals with this nonce, which must never serve twice under one key.
pub(crate) fn seal_with(key: &Key, nonce: [u8; NONCE_LEN], place: &[u8], text: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: text, aad: place };
    #[expect(clippy::expect_used, reason = "XChaCha20-Poly1305 fails only beyond 256 GB")]
    let cipher_text = cipher(key).encrypt(&XNonce::from(nonce), payload).expect("the text fits in memory");
    [nonce.as_slice(), &cipher_text].concat()
}

/// The text sealed for `place`; nothing if it is of another key or place, or was changed.
pub(crate) fn open(key: &Key, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, cipher_text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    cipher(key).decrypt(&XNonce::from(*nonce), Payload { msg: cipher_text, aad: place }).ok()
}

/// The place says its own length, so no two places and texts read alike.
pub(crate) fn nonce_of(key: &Key, purpose: &[u8], place: &[u8], text: &[u8]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    let hash = keyed_hash(key, &[purpose, &(place.len() as u64).to_be_bytes(), place, text]);
    nonce.copy_from_slice(&hash[..NONCE_LEN]);
    nonce
}

/// A key made from another one, for one purpose.
pub(crate) fn derive(key: &Key, purpose: &[u8]) -> Key {
    keyed_hash(key, &[purpose])
}

/// A hash that only those can make who have the key.
pub(crate) fn keyed_hash(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut hash = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into_bytes().into()
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const TAG_LEN: usize = 16;

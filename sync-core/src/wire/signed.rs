//! The wrapping of a reply: a magic, the server's signature, the envelope.
//!
//! The signature covers the hash of the request as well, so that neither the login page of a hotel network nor a
//! reply meant for another request, cached by a proxy, is ever taken for an answer. A failure here is a network
//! failure: the same request is sent again.

use crate::ids::Sha256Hash;
use crate::wire::envelope::{self, Effort, EnvelopeError};
use crate::wire::{ServerKey, ServerSigner};

const MAGIC: &[u8; 4] = b"CLT1";
const DOMAIN: &[u8] = b"callout sync reply 1";
const SIGNATURE_BYTES: usize = 64;

/// What came back is no answer to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Something on the way answered in the server's place, or the bytes were cut.
    #[error("not a reply of a Callout server")]
    NotAReply,
    /// Signed by nobody we know, or an answer to another request.
    #[error("the reply is not signed by our server for this request")]
    NotSigned,
    /// Signed, but the envelope does not open.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Wraps and signs the encoded reply to the request of these exact bytes.
pub fn seal(body: &[u8], request: &[u8], effort: Effort, signer: &ServerSigner) -> Vec<u8> {
    let enveloped = envelope::pack(body, effort);
    let signature = signer.sign(&signed_bytes(Sha256Hash::of(request), &enveloped));
    let mut out = Vec::with_capacity(MAGIC.len() + SIGNATURE_BYTES + enveloped.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&signature);
    out.extend_from_slice(&enveloped);
    out
}

/// The encoded reply, at most `limit` bytes, if one of `keys` signed it for the request with this hash.
pub fn open(bytes: &[u8], request: Sha256Hash, keys: &[ServerKey], limit: usize) -> Result<Vec<u8>, ReplyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(ReplyError::NotAReply)?;
    let (signature, enveloped) = rest.split_first_chunk::<SIGNATURE_BYTES>().ok_or(ReplyError::NotAReply)?;
    let signed = signed_bytes(request, enveloped);
    if !keys.iter().any(|key| key.has_signed(&signed, signature)) {
        return Err(ReplyError::NotSigned);
    }
    Ok(envelope::unpack(enveloped, limit)?)
}

fn signed_bytes(request: Sha256Hash, enveloped: &[u8]) -> Vec<u8> {
    let mut signed = Vec::with_capacity(DOMAIN.len() + 64);
    signed.extend_from_slice(DOMAIN);
    signed.extend_from_slice(&request.0);
    signed.extend_from_slice(&Sha256Hash::of(enveloped).0);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_answer_to_this_request_opens() {
        let server = ServerSigner::from_secret(&[1; 32]);
        let stranger = ServerSigner::from_secret(&[2; 32]);
        let sealed = seal(b"answer", b"request", Effort::Quick, &server);
        let (asked, keys) = (Sha256Hash::of(b"request"), [stranger.public_key(), server.public_key()]);
        assert_eq!(open(&sealed, asked, &keys, 100).unwrap(), b"answer");
        assert_eq!(open(&sealed, Sha256Hash::of(b"other"), &keys, 100), Err(ReplyError::NotSigned));
        assert_eq!(open(&sealed, asked, &keys[..1], 100), Err(ReplyError::NotSigned));
        assert_eq!(open(b"<html>Welcome to the hotel</html>", asked, &keys, 100), Err(ReplyError::NotAReply));
        for at in 4..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&changed, asked, &keys, 100), Err(ReplyError::NotSigned), "byte {at}");
        }
        for cut in 0..sealed.len() {
            assert!(open(&sealed[..cut], asked, &keys, 100).is_err());
        }
    }
}

//! What `snow` needs to speak `Noise_NN_25519_ChaChaPoly_SHA256`: the curve, the cipher and the hash that are in the tree
//! for other reasons, and randomness that the caller brought.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use curve25519_dalek::montgomery::MontgomeryPoint;
use sha2::{Digest, Sha256};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Error, HandshakeState};

/// Two phones that have different ideas of what follows must not understand each other.
const PROLOGUE: &[u8] = b"callout peer 1";
const PATTERN: &str = "Noise_NN_25519_ChaChaPoly_SHA256";
const KEY_BYTES: usize = 32;

/// A handshake in which nobody says yet who he is. `fresh` is 256 fresh random bits, used once.
pub(super) fn handshake(is_initiator: bool, fresh: [u8; 32]) -> Result<HandshakeState, Error> {
    let builder = snow::Builder::with_resolver(PATTERN.parse()?, Box::new(Resolver { fresh })).prologue(PROLOGUE)?;
    if is_initiator { builder.build_initiator() } else { builder.build_responder() }
}

struct Resolver {
    fresh: [u8; 32],
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.fresh))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(X25519::default()) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::SHA256).then(|| Box::new(Sha2::default()) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::new(ChaChaPoly::default()) as Box<dyn Cipher>)
    }
}

/// Randomness that is there once: a handshake makes one key.
struct Once(Option<[u8; 32]>);

impl Random for Once {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        let fresh = self.0.take().filter(|fresh| fresh.len() == dest.len()).ok_or(Error::Rng)?;
        dest.copy_from_slice(&fresh);
        Ok(())
    }
}

#[derive(Default)]
struct X25519 {
    secret: [u8; KEY_BYTES],
    public: [u8; KEY_BYTES],
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    fn set(&mut self, secret: &[u8]) {
        self.secret.copy_from_slice(secret);
        self.public = MontgomeryPoint::mul_base_clamped(self.secret).to_bytes();
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        let mut secret = [0; KEY_BYTES];
        random.try_fill_bytes(&mut secret)?;
        self.set(&secret);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.secret
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let public = public.get(..KEY_BYTES).and_then(|public| public.try_into().ok()).ok_or(Error::Dh)?;
        let shared = MontgomeryPoint(public).mul_clamped(self.secret).to_bytes();
        // A point of small order gives everybody the same secret.
        if shared == [0; KEY_BYTES] {
            return Err(Error::Dh);
        }
        out.get_mut(..KEY_BYTES).ok_or(Error::Dh)?.copy_from_slice(&shared);
        Ok(())
    }
}

#[derive(Default)]
struct Sha2(Sha256);

impl Hash for Sha2 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        out[..32].copy_from_slice(&self.0.finalize_reset());
    }
}

#[derive(Default)]
struct ChaChaPoly {
    key: [u8; KEY_BYTES],
}

impl ChaChaPoly {
    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.key.into())
    }

    /// Four zero bytes and the number, as the Noise specification has it (12.3).
    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_le_bytes());
        nonce.into()
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; KEY_BYTES]) {
        self.key = *key;
    }

    fn encrypt(&self, number: u64, aad: &[u8], text: &[u8], out: &mut [u8]) -> usize {
        let sealed = self.cipher().encrypt(&Self::nonce(number), Payload { msg: text, aad });
        #[expect(clippy::expect_used, reason = "ChaCha20-Poly1305 fails only beyond 256 GB")]
        let sealed = sealed.expect("the text fits in memory");
        out[..sealed.len()].copy_from_slice(&sealed);
        sealed.len()
    }

    fn decrypt(&self, number: u64, aad: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let opened = self.cipher().decrypt(&Self::nonce(number), Payload { msg: sealed, aad });
        let text = opened.map_err(|_| Error::Decrypt)?;
        out.get_mut(..text.len()).ok_or(Error::Decrypt)?.copy_from_slice(&text);
        Ok(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn key(hex: &str) -> [u8; 32] {
        bytes(hex).try_into().unwrap()
    }

    /// RFC 7748, 6.1; and no shared secret comes of a point of small order.
    #[test]
    fn the_curve_is_that_of_the_standard() {
        let (mut bob, mut shared) = (X25519::default(), [0; 32]);
        bob.set(&key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
        assert_eq!(bob.pubkey(), key("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        bob.dh(&key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"), &mut shared).unwrap();
        assert_eq!(shared, key("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
        let mut one = [0; 32];
        one[0] = 1;
        assert!(bob.dh(&[0; 32], &mut shared).is_err() && bob.dh(&one, &mut shared).is_err());
    }

    /// A published vector (cacophony) of the same pattern: other implementations of Noise understand these bytes.
    #[test]
    fn it_is_noise_as_others_speak_it() {
        let fresh = [
            "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
            "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
        ];
        let [mut ana, mut ben] = fresh.map(|fresh| {
            let resolver = Box::new(Resolver { fresh: key(fresh) });
            let builder = snow::Builder::with_resolver(PATTERN.parse().unwrap(), resolver);
            let builder = builder.prologue(b"John Galt").unwrap();
            if fresh.starts_with('8') { builder.build_initiator() } else { builder.build_responder() }.unwrap()
        });
        let (mut out, mut text) = ([0; 200], [0; 200]);
        let sent = ana.write_message(b"Ludwig von Mises", &mut out).unwrap();
        let first = "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944";
        assert_eq!(out[..sent], [bytes(first), b"Ludwig von Mises".to_vec()].concat());
        ben.read_message(&out[..sent], &mut text).unwrap();
        let sent = ben.write_message(b"Murray Rothbard", &mut out).unwrap();
        let second = "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843a0ff96bdf86b579ef7dbf94e812a7470b903c20a85a87e3a1fe863264ae547";
        assert_eq!(out[..sent], bytes(second));
        ana.read_message(&out[..sent], &mut text).unwrap();
        let hash = key("9223fec1b892ec9d0dc2fb3bbeb261f170d1ea679f9c44ccf34aa131b4f5d97e");
        assert_eq!((ana.get_handshake_hash(), ben.get_handshake_hash()), (&hash[..], &hash[..]));
        let mut ana = ana.into_transport_mode().unwrap();
        let sent = ana.write_message(b"F. A. Hayek", &mut out).unwrap();
        assert_eq!(out[..sent], bytes("eb1a3e3d80c1792b1bb9cb0e1382f8d8322bfb1ca7c4c8517bb686"));
    }
}

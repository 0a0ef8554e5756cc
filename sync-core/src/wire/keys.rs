//! The two keys of the conversation: a device signs what it did (P-256, because that is what a Secure Enclave or
//! StrongBox holds), the server signs what it answered (Ed25519).

use p256::ecdsa::signature::{Signer as _, Verifier as _};

/// Bytes that are no key of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {0} key")]
pub struct KeyError(&'static str);

/// The platform would not sign: locked, the key was lost, the user refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device key did not sign: {0}")]
pub struct SignError(pub String);

/// Signs with the device's private key, which need not be within reach of this process.
pub trait DeviceSigner: Send {
    /// An ECDSA signature (P-256, SHA-256) of this message; see [`DeviceSignature::from_platform`] for its encodings.
    fn sign(&self, message: &[u8]) -> Result<DeviceSignature, SignError>;

    /// The public half, as the server knows it since enrolment.
    fn public_key(&self) -> DeviceKey;
}

/// A device's signature: `r ‖ s`, 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSignature(pub [u8; 64]);

impl DeviceSignature {
    /// What a platform's keystore returned: DER on iOS and Android, `r ‖ s` elsewhere.
    pub fn from_platform(bytes: &[u8]) -> Result<Self, SignError> {
        let signature = p256::ecdsa::Signature::from_slice(bytes)
            .or_else(|_| p256::ecdsa::Signature::from_der(bytes))
            .map_err(|_| SignError(format!("{} bytes are no P-256 signature", bytes.len())))?;
        Ok(Self(signature.to_bytes().into()))
    }
}

/// A device's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceKey(p256::ecdsa::VerifyingKey);

impl DeviceKey {
    /// From a SEC 1 point, compressed (33 bytes) or not (65 bytes).
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError("P-256 public"))
    }

    /// The compressed SEC 1 point, 33 bytes.
    pub fn to_sec1(&self) -> Vec<u8> {
        self.0.to_sec1_point(true).as_bytes().to_vec()
    }

    /// Whether this key signed that message.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// A device key held in memory: for hosts without a keystore, simulators and tests.
#[derive(Clone)]
pub struct SoftwareDeviceSigner(p256::ecdsa::SigningKey);

impl SoftwareDeviceSigner {
    /// The key of these 32 secret bytes; an error for zero and for numbers beyond the curve's order.
    pub fn from_secret(secret: &[u8; 32]) -> Result<Self, KeyError> {
        p256::ecdsa::SigningKey::from_slice(secret).map(Self).map_err(|_| KeyError("P-256 secret"))
    }
}

impl DeviceSigner for SoftwareDeviceSigner {
    fn sign(&self, message: &[u8]) -> Result<DeviceSignature, SignError> {
        let signature: p256::ecdsa::Signature = self.0.try_sign(message).map_err(|why| SignError(why.to_string()))?;
        Ok(DeviceSignature(signature.to_bytes().into()))
    }

    fn public_key(&self) -> DeviceKey {
        DeviceKey(*self.0.verifying_key())
    }
}

/// The server's public key, which a phone learns when it is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerKey(ed25519_dalek::VerifyingKey);

impl ServerKey {
    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes
            .try_into()
            .ok()
            .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok())
            .map(Self)
            .ok_or(KeyError("Ed25519 public"))
    }

    /// Its 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Agrees on a secret with the holder of this key: what to tell the holder, and the secret. `fresh` is 256 fresh
    /// random bits.
    pub(super) fn agree(&self, fresh: &[u8; 32]) -> ([u8; 32], [u8; 32]) {
        let own = ed25519_dalek::SigningKey::from_bytes(fresh);
        let shared = self.0.to_montgomery().mul_clamped(own.to_scalar_bytes());
        (own.verifying_key().to_montgomery().to_bytes(), shared.to_bytes())
    }

    /// Whether this key signed that message.
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// The server's signing key.
#[derive(Clone)]
pub struct ServerSigner(ed25519_dalek::SigningKey);

impl ServerSigner {
    /// The key of these 32 secret bytes.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The public half.
    pub fn public_key(&self) -> ServerKey {
        ServerKey(self.0.verifying_key())
    }

    /// The secret that somebody agreed on with this key, who told us so much of it.
    pub(super) fn agree(&self, told: [u8; 32]) -> [u8; 32] {
        let mut point = self.0.verifying_key().to_montgomery();
        point.0 = told;
        point.mul_clamped(self.0.to_scalar_bytes()).to_bytes()
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_may_answer_in_der_or_raw() {
        let signer = SoftwareDeviceSigner::from_secret(&[7; 32]).unwrap();
        let raw = signer.sign(b"message").unwrap();
        let der = p256::ecdsa::Signature::from_slice(&raw.0).unwrap().to_der();
        assert_eq!(DeviceSignature::from_platform(der.as_bytes()).unwrap(), raw);
        assert_eq!(DeviceSignature::from_platform(&raw.0).unwrap(), raw);
        assert!(DeviceSignature::from_platform(b"").is_err());
        assert!(signer.public_key().has_signed(b"message", &raw.0));
        assert!(!signer.public_key().has_signed(b"massage", &raw.0));
        let known = DeviceKey::from_sec1(&signer.public_key().to_sec1()).unwrap();
        assert_eq!(known, signer.public_key());
    }

    #[test]
    fn bad_keys_are_refused() {
        assert!(SoftwareDeviceSigner::from_secret(&[0; 32]).is_err());
        assert!(SoftwareDeviceSigner::from_secret(&[255; 32]).is_err());
        assert!(DeviceKey::from_sec1(&[2; 10]).is_err());
        assert!(ServerKey::from_bytes(&[1; 31]).is_err());
    }
}

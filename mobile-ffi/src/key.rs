//! The key that signs what this device did. On phones it lives in the Secure Enclave or in StrongBox and never leaves
//! it: the app signs on our behalf. Where there is no such thing, a [`SoftwareKey`] does.

use std::sync::Arc;

use sync_core::wire;

use crate::error::FieldError;
use crate::host;

/// The device's P-256 key, wherever it is kept.
#[uniffi::export(with_foreign)]
pub trait DeviceSigner: Send + Sync {
    /// An ECDSA signature with SHA-256 over the message, as the platform gives it: DER or `r ‖ s`.
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignError>;

    /// The public half as a SEC 1 point, compressed or not. Asked for once, when the phone is opened.
    fn public_key(&self) -> Vec<u8>;
}

/// The platform would not sign: the device is locked, or the key is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SignError {
    #[error("the key is locked: {detail}")]
    Locked { detail: String },
    #[error("the key did not sign: {detail}")]
    Failed { detail: String },
}

/// A key in memory, for desktops, simulators and tests. The host keeps its secret safe between runs.
#[derive(uniffi::Object)]
pub struct SoftwareKey {
    secret: [u8; 32],
    signer: wire::SoftwareDeviceSigner,
}

#[uniffi::export]
impl SoftwareKey {
    /// A new key, from the randomness of the operating system.
    #[uniffi::constructor]
    pub fn generate() -> Result<Arc<Self>, FieldError> {
        // One number in 2^32 is no key of this curve.
        loop {
            if let Ok(key) = Self::of(host::random_bytes()?) {
                return Ok(Arc::new(key));
            }
        }
    }

    /// The key of an earlier run.
    #[uniffi::constructor]
    pub fn from_secret(secret: Vec<u8>) -> Result<Arc<Self>, FieldError> {
        let secret = secret.try_into().map_err(|_| FieldError::refused("key", "a secret has 32 bytes"))?;
        Self::of(secret).map(Arc::new).map_err(|error| FieldError::refused("key", error))
    }

    /// The 32 secret bytes, to be stored where other secrets of the app are.
    pub fn secret(&self) -> Vec<u8> {
        self.secret.to_vec()
    }
}

#[uniffi::export]
impl DeviceSigner for SoftwareKey {
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, SignError> {
        let signed = wire::DeviceSigner::sign(&self.signer, &message);
        let signature = signed.map_err(|error| SignError::Failed { detail: error.to_string() })?;
        Ok(signature.0.to_vec())
    }

    fn public_key(&self) -> Vec<u8> {
        wire::DeviceSigner::public_key(&self.signer).to_sec1()
    }
}

impl SoftwareKey {
    fn of(secret: [u8; 32]) -> Result<Self, wire::KeyError> {
        Ok(Self { secret, signer: wire::SoftwareDeviceSigner::from_secret(&secret)? })
    }
}

/// The app's signer as the core asks for it.
pub(crate) struct SigningByHost {
    signer: Arc<dyn DeviceSigner>,
    public_key: wire::DeviceKey,
}

impl SigningByHost {
    pub fn new(signer: Arc<dyn DeviceSigner>, public_key: wire::DeviceKey) -> Self {
        Self { signer, public_key }
    }
}

impl wire::DeviceSigner for SigningByHost {
    fn sign(&self, message: &[u8]) -> Result<wire::DeviceSignature, wire::SignError> {
        let signed = self.signer.sign(message.to_vec()).map_err(|error| wire::SignError(error.to_string()))?;
        wire::DeviceSignature::from_platform(&signed)
    }

    fn public_key(&self) -> wire::DeviceKey {
        self.public_key
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for SignError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        SignError::Failed { detail: error.reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_by_its_secret() {
        let key = SoftwareKey::generate().unwrap();
        let again = SoftwareKey::from_secret(key.secret()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let known = wire::DeviceKey::from_sec1(&key.public_key()).unwrap();
        assert!(known.has_signed(b"visit", &again.sign(b"visit".to_vec()).unwrap()));
        assert_ne!(SoftwareKey::generate().unwrap().secret(), key.secret());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(matches!(SoftwareKey::from_secret(vec![1; 31]), Err(FieldError::Refused { .. })));
        assert!(matches!(SoftwareKey::from_secret(vec![0; 32]), Err(FieldError::Refused { .. })));
    }
}

//! What a server says of a device, for other phones to read where there is no server: whose it is, and its key.
//!
//! Signed by the key that signs replies. Whoever holds such a key's public half can tell a colleague's phone from any
//! other, and the author of a batch that somebody else brings. It says nothing of what happened since: a device that was
//! revoked holds a good certificate until that ends, so what it says is shown and carried, never built on.

use prost::Message;

use crate::ids::{DeviceId, TenantId, UserId};
use crate::time::ServerTime;
use crate::wire::{DeviceKey, ServerKey, ServerSigner, WireError, decode, field};

const DOMAIN: &[u8] = b"callout device certificate 1";

/// A certificate, with its signature, is never larger.
pub const MAX_CERTIFICATE_BYTES: usize = 1024;

/// How long a device may do without its server before other phones turn it away.
pub const CERTIFICATE_LIFE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Two phones without a server need not agree about the time by more than this.
pub const CERTIFICATE_LEEWAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a server says of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCertificate {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// Whose device it is.
    pub user: UserId,
    /// What the user was in the tenant when it was issued, as [`Role`](crate::policy::Role) is spelt.
    pub role: String,
    pub key: DeviceKey,
    pub issued: ServerTime,
    pub expires: ServerTime,
}

/// Why a certificate is not taken for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("not a certificate: {0}")]
    Malformed(#[from] WireError),
    #[error("no server of ours has signed it")]
    NotSigned,
    /// It is over, or the clock that it is read by is wrong.
    #[error("it is over since {expires:?}, by this phone's clock")]
    Over { expires: ServerTime },
    /// Nobody issues certificates ahead of time: the clock that it is read by is wrong.
    #[error("it begins at {issued:?}, which is still to come by this phone's clock")]
    NotYet { issued: ServerTime },
}

impl DeviceCertificate {
    /// The certificate as it is stored and travels.
    pub fn sign(&self, signer: &ServerSigner) -> Vec<u8> {
        let body = self.to_message().encode_to_vec();
        let signature = signer.sign(&signed_bytes(&body)).to_vec();
        SignedMessage { body, signature }.encode_to_vec()
    }

    /// What it says, if one of `keys` signed it. Whether it is over yet, [`check_time`](Self::check_time) says.
    pub fn open(bytes: &[u8], keys: &[ServerKey]) -> Result<Self, CertificateError> {
        if bytes.len() > MAX_CERTIFICATE_BYTES {
            return Err(WireError::Field { field: "certificate" }.into());
        }
        let SignedMessage { body, signature } = decode("certificate", bytes)?;
        let signature = signature.as_slice().try_into().map_err(|_| CertificateError::NotSigned)?;
        if !keys.iter().any(|key| key.has_signed(&signed_bytes(&body), signature)) {
            return Err(CertificateError::NotSigned);
        }
        Ok(Self::from_message(decode("certificate", &body)?)?)
    }

    /// Whether it holds at this time, as well as a phone can know it.
    pub fn check_time(&self, now: ServerTime) -> Result<(), CertificateError> {
        if now.0 > self.expires.0.saturating_add(CERTIFICATE_LEEWAY_MS) {
            return Err(CertificateError::Over { expires: self.expires });
        }
        if now.0 < self.issued.0.saturating_sub(CERTIFICATE_LEEWAY_MS) {
            return Err(CertificateError::NotYet { issued: self.issued });
        }
        Ok(())
    }

    /// Less than half of its life is left, or its clock is wrong: a new one is wanted.
    pub fn is_worn(&self, now: ServerTime) -> bool {
        let life = self.expires.0.saturating_sub(self.issued.0);
        now.0 < self.issued.0 || self.expires.0.saturating_sub(now.0) < life / 2
    }

    fn to_message(&self) -> CertificateMessage {
        CertificateMessage {
            tenant: self.tenant.as_bytes().to_vec(),
            device: self.device.as_bytes().to_vec(),
            user: self.user.as_bytes().to_vec(),
            role: self.role.clone(),
            key: self.key.to_sec1(),
            issued: self.issued.0,
            expires: self.expires.0,
        }
    }

    fn from_message(message: CertificateMessage) -> Result<Self, WireError> {
        Ok(Self {
            tenant: field("tenant", &message.tenant, TenantId::from_slice)?,
            device: field("device", &message.device, DeviceId::from_slice)?,
            user: field("user", &message.user, UserId::from_slice)?,
            role: message.role,
            key: field("key", &message.key, DeviceKey::from_sec1)?,
            issued: ServerTime(message.issued),
            expires: ServerTime(message.expires),
        })
    }
}

fn signed_bytes(body: &[u8]) -> Vec<u8> {
    [DOMAIN, body].concat()
}

#[derive(Clone, PartialEq, prost::Message)]
struct SignedMessage {
    #[prost(bytes = "vec", tag = "1")]
    body: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CertificateMessage {
    #[prost(bytes = "vec", tag = "1")]
    tenant: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    user: Vec<u8>,
    #[prost(string, tag = "4")]
    role: String,
    #[prost(bytes = "vec", tag = "5")]
    key: Vec<u8>,
    #[prost(sint64, tag = "6")]
    issued: i64,
    #[prost(sint64, tag = "7")]
    expires: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{DeviceSigner as _, SoftwareDeviceSigner};

    const DAY_MS: i64 = CERTIFICATE_LEEWAY_MS;

    fn certificate() -> DeviceCertificate {
        DeviceCertificate {
            tenant: TenantId(uuid::Uuid::from_u128(1)),
            device: DeviceId(uuid::Uuid::from_u128(2)),
            user: UserId(uuid::Uuid::from_u128(3)),
            role: "engineer".into(),
            key: SoftwareDeviceSigner::from_secret(&[7; 32]).unwrap().public_key(),
            issued: ServerTime(1_700_000_000_000),
            expires: ServerTime(1_700_000_000_000 + CERTIFICATE_LIFE_MS),
        }
    }

    #[test]
    fn only_a_known_server_vouches_for_a_device() {
        let (server, stranger) = (ServerSigner::from_secret(&[1; 32]), ServerSigner::from_secret(&[2; 32]));
        let bytes = certificate().sign(&server);
        assert!(bytes.len() < MAX_CERTIFICATE_BYTES / 4);
        let keys = [stranger.public_key(), server.public_key()];
        assert_eq!(DeviceCertificate::open(&bytes, &keys), Ok(certificate()));
        assert_eq!(DeviceCertificate::open(&bytes, &keys[..1]), Err(CertificateError::NotSigned));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(DeviceCertificate::open(&changed, &keys).is_err(), "byte {at}");
            assert!(DeviceCertificate::open(&bytes[..at], &keys).is_err(), "cut at {at}");
        }
        assert!(DeviceCertificate::open(&vec![0; MAX_CERTIFICATE_BYTES + 1], &keys).is_err());
    }

    #[test]
    fn its_time_is_told_with_a_day_of_patience() {
        let certificate = certificate();
        let at = |ms| ServerTime(certificate.issued.0 + ms);
        assert_eq!(certificate.check_time(at(CERTIFICATE_LIFE_MS + DAY_MS)), Ok(()));
        let expires = certificate.expires;
        assert_eq!(
            certificate.check_time(at(CERTIFICATE_LIFE_MS + DAY_MS + 1)),
            Err(CertificateError::Over { expires })
        );
        assert_eq!(certificate.check_time(at(-DAY_MS)), Ok(()));
        let issued = certificate.issued;
        assert_eq!(certificate.check_time(at(-DAY_MS - 1)), Err(CertificateError::NotYet { issued }));
        assert!(!certificate.is_worn(at(0)) && !certificate.is_worn(at(CERTIFICATE_LIFE_MS / 2)));
        assert!(certificate.is_worn(at(CERTIFICATE_LIFE_MS / 2 + 1)) && certificate.is_worn(at(-1)));
    }
}

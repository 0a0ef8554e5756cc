//! Bearer tokens: which tenant, and 256 random bits of which only the SHA-256 is ever stored.
//!
//! The tenant stands in the token so that looking it up is a look into one tenant's rows; it is no secret. The prefix
//! lets a scanner of leaked secrets recognise one.

use sha2::{Digest, Sha256};
use sync_core::ids::TenantId;
use uuid::Uuid;

use crate::platform::hex;
use crate::platform::random::Random;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Goes with each request; good for minutes.
    Access,
    /// Buys the next pair; good once, for weeks.
    Refresh,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Access => "ca",
            Self::Refresh => "cr",
        }
    }
}

/// A token as its holder has it. Has no `Debug` and no `Display`, so that it cannot slip into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    kind: TokenKind,
    tenant: TenantId,
    secret: [u8; 32],
}

impl Token {
    pub fn draw(kind: TokenKind, tenant: TenantId, random: Random) -> Self {
        Self { kind, tenant, secret: random.bytes() }
    }

    /// A token of this kind; none if the text is anything else.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (prefix, tenant, secret) = (parts.next()?, parts.next()?, parts.next()?);
        if prefix != kind.prefix() || parts.next().is_some() {
            return None;
        }
        let tenant = TenantId(Uuid::from_bytes(hex::decode_exactly(tenant)?));
        Some(Self { kind, tenant, secret: hex::decode_exactly(secret)? })
    }

    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What is stored.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// For its holder only.
    pub fn reveal(&self) -> String {
        format!("{}_{}_{}", self.kind.prefix(), self.tenant.0.as_simple(), hex::encode(&self.secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_of_the_right_kind_is_read() {
        let token = Token::draw(TokenKind::Access, TenantId(Uuid::from_u128(7)), Random);
        let text = token.reveal();
        assert!(Token::parse(TokenKind::Access, &text) == Some(token));
        assert!(Token::parse(TokenKind::Refresh, &text).is_none());
        assert!(Token::parse(TokenKind::Access, &text[..text.len() - 2]).is_none());
        assert!(Token::parse(TokenKind::Access, &format!("{text}_")).is_none());
        assert!(Token::parse(TokenKind::Access, "").is_none());
    }
}

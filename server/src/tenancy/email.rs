//! The address a person signs in with.

/// An address in the one form in which it is stored and compared: trimmed and in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// Text that is no address. Says nothing of the text, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct NotAnEmail;

impl Email {
    /// Whether mail arrives there only mail can tell; this refuses what certainly is none.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim().to_lowercase();
        let has_parts = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if has_parts && is_plain && text.len() <= 254 { Ok(Self(text)) } else { Err(NotAnEmail) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_all_spellings() {
        assert_eq!(Email::parse(" Dora@Example.COM ").unwrap().as_str(), "dora@example.com");
        for text in ["", "@", "a@", "@b", "a b@c", "a\n@b", &format!("{}@b", "a".repeat(300))] {
            assert_eq!(Email::parse(text), Err(NotAnEmail), "{text:?}");
        }
    }
}

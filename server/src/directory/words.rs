//! The small values that rows, requests and import mappings are parsed into. Each can only be made acceptable.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

/// Why a value is not acceptable, as a sentence for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unacceptable(String);

impl Unacceptable {
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Trimmed text of 1 to `MAX` characters, with no control characters in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<const MAX: usize>(String);

/// What a person, a place or a company is called.
pub type Name = Label<200>;
/// What something is called in a foreign system, or in a catalogue.
pub type Reference = Label<200>;

impl<const MAX: usize> Label<MAX> {
    pub fn new(text: &str) -> Result<Self, Unacceptable> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Unacceptable::new("it must not be empty"));
        }
        if text.chars().count() > MAX {
            return Err(Unacceptable::new(format!("it must not be longer than {MAX} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Unacceptable::new("it must not hold control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// Text of up to `MAX` characters, of several lines perhaps; empty is nothing.
pub fn prose<const MAX: usize>(text: &str) -> Result<Option<String>, Unacceptable> {
    let text = text.trim();
    if text.chars().count() > MAX {
        return Err(Unacceptable::new(format!("it must not be longer than {MAX} characters")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Unacceptable::new("it must not hold control characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The code of a skill or a ticket type: what documents, mappings and phones name it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(String);

impl Code {
    pub fn new(text: &str) -> Result<Self, Unacceptable> {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        let edge = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let bytes = text.as_bytes();
        if bytes.len() <= 64 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|c| inner(*c)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Unacceptable::new(
                "a code has up to 64 of a-z, 0-9, - and _, and begins and ends with a letter or digit",
            ))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How well somebody does something, or how well it must be done: 1 (learning) to 5 (teaches it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkillLevel(i32);

impl SkillLevel {
    pub fn new(level: i64) -> Result<Self, Unacceptable> {
        match level {
            1..=5 => Ok(Self(level as i32)),
            _ => Err(Unacceptable::new("a skill level is 1 to 5")),
        }
    }

    pub fn get(self) -> i32 {
        self.0
    }
}

/// The skills a visit asks for, each with the least level.
pub type RequiredSkills = BTreeMap<Code, SkillLevel>;

/// 1, the most urgent, to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i32);

impl Priority {
    pub fn new(priority: i64) -> Result<Self, Unacceptable> {
        match priority {
            1..=5 => Ok(Self(priority as i32)),
            _ => Err(Unacceptable::new("a priority is 1 (most urgent) to 5")),
        }
    }

    pub fn get(self) -> i32 {
        self.0
    }
}

/// How long the work on a site is expected to take: 5 minutes to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkDuration {
    minutes: i32,
}

impl WorkDuration {
    pub fn from_minutes(minutes: i64) -> Result<Self, Unacceptable> {
        match minutes {
            5..=1440 => Ok(Self { minutes: minutes as i32 }),
            _ => Err(Unacceptable::new("a duration is 5 to 1440 minutes")),
        }
    }

    pub fn minutes(self) -> i32 {
        self.minutes
    }

    pub fn millis(self) -> i64 {
        i64::from(self.minutes) * 60_000
    }
}

/// A stretch of time that ends after it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl Period {
    pub fn new(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Result<Self, Unacceptable> {
        if starts_at >= ends_at {
            return Err(Unacceptable::new("it must end after it starts"));
        }
        if ends_at - starts_at > TimeDelta::days(366) {
            return Err(Unacceptable::new("it must not be longer than a year"));
        }
        Ok(Self { starts_at, ends_at })
    }

    pub fn starts_at(self) -> DateTime<Utc> {
        self.starts_at
    }

    pub fn ends_at(self) -> DateTime<Utc> {
        self.ends_at
    }

    pub fn length(self) -> TimeDelta {
        self.ends_at - self.starts_at
    }
}

/// A zone of the IANA database, by its name.
pub fn time_zone(name: &str) -> Result<Tz, Unacceptable> {
    name.parse().map_err(|_| Unacceptable::new("it must be a time zone's IANA name, for example Asia/Shanghai"))
}

/// The languages that people are addressed in.
pub fn locale(name: &str) -> Result<&'static str, Unacceptable> {
    match name {
        "en" => Ok("en"),
        "zh-CN" => Ok("zh-CN"),
        _ => Err(Unacceptable::new("a locale is en or zh-CN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_plain() {
        for good in ["paving", "a", "street-repair", "x_1", "3"] {
            assert!(Code::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "Paving", "a b", "ä", &"a".repeat(65), "a\n"] {
            assert!(Code::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_are_trimmed_and_bounded_in_characters() {
        assert_eq!(Name::new("  王工 ").unwrap().as_str(), "王工");
        assert!(Name::new(&"工".repeat(200)).is_ok());
        assert!(Name::new(&"工".repeat(201)).is_err());
        assert!(Name::new("a\0b").is_err());
        assert!(Name::new(" \t ").is_err());
    }

    #[test]
    fn prose_may_have_lines_but_no_nul() {
        assert_eq!(prose::<10>(" \n ").unwrap(), None);
        assert_eq!(prose::<10>("a\nb").unwrap().as_deref(), Some("a\nb"));
        assert!(prose::<10>("a\0b").is_err());
        assert!(prose::<3>("abcd").is_err());
    }
}

//! Which routing engine a process asks, and in what words.

use std::fmt;
use std::str::FromStr;

use reqwest::{Client, RequestBuilder};

use super::error::RoadsError;
use super::spot::Spot;
use super::{osrm, valhalla};

/// A routing engine, as `osrm:http://host:5000` or `valhalla:http://host:8002`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub kind: EngineKind,
    /// Without a slash at the end.
    base: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    Osrm,
    Valhalla,
}

/// How much an engine takes in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows times columns.
    pub pairs: usize,
    /// Rows, or columns.
    pub side: usize,
    /// Rows and columns together.
    pub locations: usize,
}

/// Why a setting names no engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a routing engine is osrm:http://host:port or valhalla:http://host:port")]
pub struct NoEngine;

impl FromStr for Engine {
    type Err = NoEngine;

    fn from_str(setting: &str) -> Result<Self, NoEngine> {
        let (kind, base) = setting.split_once(':').ok_or(NoEngine)?;
        let kind = match kind {
            "osrm" => EngineKind::Osrm,
            "valhalla" => EngineKind::Valhalla,
            _ => return Err(NoEngine),
        };
        let url = reqwest::Url::parse(base).map_err(|_| NoEngine)?;
        let is_plain = url.scheme() == "http" && url.has_host() && url.query().is_none() && url.fragment().is_none();
        if !is_plain {
            return Err(NoEngine);
        }
        Ok(Self { kind, base: base.trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Osrm => "osrm",
            Self::Valhalla => "valhalla",
        })
    }
}

impl Engine {
    /// What the engines take by default. OSRM counts pairs, but the whole question stands in one line of 8 KiB.
    pub fn limits(&self) -> Limits {
        match self.kind {
            EngineKind::Osrm => Limits { pairs: 10_000, side: 300, locations: 320 },
            EngineKind::Valhalla => Limits { pairs: 2_500, side: 50, locations: 100 },
        }
    }

    /// The question for the drives from each of some places to each of others.
    pub fn request(&self, http: &Client, from: &[Spot], to: &[Spot]) -> RequestBuilder {
        match self.kind {
            EngineKind::Osrm => http.get(format!("{}{}", self.base, osrm::path(from, to))),
            EngineKind::Valhalla => {
                http.post(format!("{}/sources_to_targets", self.base)).json(&valhalla::question(from, to))
            }
        }
    }

    /// What an answer says, row by row: seconds, or a mark where there are none.
    pub fn read(&self, status: u16, body: &[u8], from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
        match self.kind {
            EngineKind::Osrm => osrm::read(status, body, from, to),
            EngineKind::Valhalla => valhalla::read(status, body, from, to),
        }
    }
}

/// Whole seconds that cover a drive. What no drive takes is no answer: an engine that says so is not believed at all.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the line before")]
pub(super) fn whole_seconds(seconds: f64) -> Result<u32, RoadsError> {
    if !(0.0..=LONGEST_DRIVE_S).contains(&seconds) {
        return Err(RoadsError::Malformed("a drive takes no time that a drive takes"));
    }
    Ok(seconds.ceil() as u32)
}

/// A month: nobody is sent farther.
const LONGEST_DRIVE_S: f64 = 30.0 * 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_an_engine_and_where_it_is() {
        let engine: Engine = "osrm:http://127.0.0.1:5000/".parse().unwrap();
        assert_eq!((engine.kind, engine.base.as_str()), (EngineKind::Osrm, "http://127.0.0.1:5000"));
        let engine: Engine = "valhalla:http://maps.internal:8002/europe".parse().unwrap();
        assert_eq!(engine.kind.to_string(), "valhalla");
        for wrong in ["", "osrm", "osrm:", "google:http://x", "osrm:ftp://x", "osrm:http://", "osrm:http://x/?a=b"] {
            assert_eq!(wrong.parse::<Engine>(), Err(NoEngine), "{wrong}");
        }
    }

    #[test]
    fn seconds_cover_the_drive() {
        assert_eq!([0.0, 0.1, 317.6, 318.0].map(|s| whole_seconds(s).unwrap()), [0, 1, 318, 318]);
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1e12] {
            assert!(whole_seconds(wrong).is_err(), "{wrong}");
        }
    }
}

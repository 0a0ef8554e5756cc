//! Where something was said, as it is sealed into the field `place` of a fact.

use std::fmt;
use std::str::FromStr;

/// A WGS-84 position and how sure of it the device was. Other datums are conversions at the edge of a map.
///
/// Its text is a `geo` URI (RFC 5870): `geo:52.520008,13.404954;u=12`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    latitude_deg: f64,
    longitude_deg: f64,
    accuracy_m: Option<f64>,
}

/// Numbers or text that are no position on the earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position on the earth")]
pub struct NotAPlace;

impl Place {
    /// Degrees that are finite and in range; the accuracy is a radius that is not negative. 0,0 is what a receiver
    /// without a fix reports, and no place.
    pub fn new(latitude_deg: f64, longitude_deg: f64, accuracy_m: Option<f64>) -> Result<Self, NotAPlace> {
        let is_on_earth = (-90.0..=90.0).contains(&latitude_deg) && (-180.0..=180.0).contains(&longitude_deg);
        let is_radius = accuracy_m.is_none_or(|metres| metres.is_finite() && metres >= 0.0);
        let is_fix = latitude_deg != 0.0 || longitude_deg != 0.0;
        if is_on_earth && is_radius && is_fix {
            Ok(Self { latitude_deg, longitude_deg, accuracy_m })
        } else {
            Err(NotAPlace)
        }
    }

    /// Degrees north.
    pub fn latitude_deg(self) -> f64 {
        self.latitude_deg
    }

    /// Degrees east.
    pub fn longitude_deg(self) -> f64 {
        self.longitude_deg
    }

    /// The radius within which the device is, if it knew.
    pub fn accuracy_m(self) -> Option<f64> {
        self.accuracy_m
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six decimals are 11 cm.
        write!(f, "geo:{:.6},{:.6}", self.latitude_deg, self.longitude_deg)?;
        self.accuracy_m.map_or(Ok(()), |metres| write!(f, ";u={metres:.0}"))
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let number = |text: &str| text.parse::<f64>().map_err(|_| NotAPlace);
        let mut parts = text.strip_prefix("geo:").ok_or(NotAPlace)?.split(';');
        let (latitude, rest) = parts.next().and_then(|pair| pair.split_once(',')).ok_or(NotAPlace)?;
        // A third coordinate is the altitude, which nobody here needs.
        let longitude = rest.split(',').next().unwrap_or(rest);
        let accuracy = parts.find_map(|part| part.strip_prefix("u=")).map(number).transpose()?;
        Self::new(number(latitude)?, number(longitude)?, accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text() {
        let place = Place::new(52.520_008, 13.404_954, Some(12.0)).unwrap();
        assert_eq!(place.to_string(), "geo:52.520008,13.404954;u=12");
        assert_eq!(place.to_string().parse(), Ok(place));
        let bare = Place::new(-33.9, 18.4, None).unwrap();
        assert_eq!(bare.to_string().parse(), Ok(bare));
        assert_eq!("geo:-33.9,18.4,25;crs=wgs84".parse(), Ok(bare));
    }

    #[test]
    fn what_is_not_on_the_earth_is_no_place() {
        for (latitude, longitude) in [(f64::NAN, 1.0), (90.5, 0.0), (1.0, -181.0), (0.0, 0.0), (f64::INFINITY, 0.0)] {
            assert_eq!(Place::new(latitude, longitude, None), Err(NotAPlace));
        }
        assert_eq!(Place::new(1.0, 1.0, Some(-1.0)), Err(NotAPlace));
        for text in ["", "geo:", "geo:1", "geo:a,b", "52.5,13.4", "geo:1,2;u=x"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}

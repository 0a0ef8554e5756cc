//! Where something is, on the one earth model that is stored and sent: WGS-84.
//!
//! Other datums (GCJ-02, BD-09) exist only as conversions at the edge of a map; none stands here.

use h3o::{LatLng, Resolution};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unacceptable;

/// Degrees of latitude and longitude, finite and in range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    lat: f64,
    lon: f64,
}

impl Position {
    /// The resolution of [`Position::cell`]: hexagons of 1.4 km a side, 5 km² each.
    pub const CELL_RESOLUTION: Resolution = Resolution::Seven;

    /// A position; refused when it is not on the earth, or exactly at 0,0, which is what broken receivers and empty
    /// spreadsheet cells give.
    pub fn new(lat: f64, lon: f64) -> Result<Self, Unacceptable> {
        if !lat.is_finite() || !(-90.0..=90.0).contains(&lat) {
            return Err(Unacceptable::new("the latitude must lie between -90 and 90 degrees"));
        }
        if !lon.is_finite() || !(-180.0..=180.0).contains(&lon) {
            return Err(Unacceptable::new("the longitude must lie between -180 and 180 degrees"));
        }
        if lat == 0.0 && lon == 0.0 {
            return Err(Unacceptable::new("0,0 is where no receiver has a fix, not a position"));
        }
        Ok(Self { lat, lon })
    }

    /// A position from two columns that are null together.
    pub fn from_columns(lat: Option<f64>, lon: Option<f64>) -> Option<Self> {
        Some(Self { lat: lat?, lon: lon? })
    }

    pub fn lat(self) -> f64 {
        self.lat
    }

    pub fn lon(self) -> f64 {
        self.lon
    }

    /// The H3 cell that holds it, as it stands in `site.cell` and `engineer.home_cell`.
    pub fn cell(self) -> i64 {
        #[expect(clippy::expect_used, reason = "every finite pair in range, as `new` leaves it, is a LatLng")]
        let here = LatLng::new(self.lat, self.lon).expect("a position is finite");
        u64::from(here.to_cell(Self::CELL_RESOLUTION)).cast_signed()
    }
}

/// A position as the API shows and takes it: degrees, WGS-84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Position)]
pub struct PositionView {
    pub lat: f64,
    pub lon: f64,
}

impl From<Position> for PositionView {
    fn from(Position { lat, lon }: Position) -> Self {
        Self { lat, lon }
    }
}

impl TryFrom<PositionView> for Position {
    type Error = Unacceptable;

    fn try_from(view: PositionView) -> Result<Self, Unacceptable> {
        Self::new(view.lat, view.lon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_earth_is_refused() {
        for (lat, lon) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, 0.0), (-0.0, 0.0)] {
            assert!(Position::new(lat, lon).is_err(), "{lat},{lon}");
        }
        assert!(Position::new(90.0, 180.0).is_ok());
        assert!(Position::new(-90.0, -180.0).is_ok());
    }

    #[test]
    fn neighbours_share_a_cell_and_cities_do_not() {
        let here = Position::new(40.7608, -73.9985).unwrap();
        let next_door = Position::new(40.7609, -73.9986).unwrap();
        let shanghai = Position::new(31.2304, 121.4737).unwrap();
        assert_eq!(here.cell(), next_door.cell());
        assert_ne!(here.cell(), shanghai.cell());
        assert!(here.cell() > 0, "cells sort as they do in H3");
    }
}

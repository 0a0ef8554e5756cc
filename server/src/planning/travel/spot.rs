//! A position as routing engines are asked about it.

use callout_dispatch::Place;

/// A position to a ten-thousandth of a degree: at most eleven metres. A phone that lies still, and two entries of one
/// house, are then one place to ask about; the road before the door stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    lat_e4: i32,
    lon_e4: i32,
}

impl Spot {
    #[expect(clippy::cast_possible_truncation, reason = "a coordinate in range, times ten thousand")]
    pub fn of(place: Place) -> Self {
        let round = |degrees: f64| (degrees * 1e4).round() as i32;
        Self { lat_e4: round(place.latitude_deg()), lon_e4: round(place.longitude_deg()) }
    }

    pub fn lat_deg(self) -> f64 {
        f64::from(self.lat_e4) / 1e4
    }

    pub fn lon_deg(self) -> f64 {
        f64::from(self.lon_e4) / 1e4
    }

    /// Whether a road at this position is one that somebody here can use: engines take the nearest road they know,
    /// and where the map ends that may be in the next country.
    pub fn is_near(self, lat_deg: f64, lon_deg: f64) -> bool {
        self.distance_to_m(lat_deg, lon_deg) <= f64::from(FARTHEST_ROAD_M)
    }

    /// As the crow flies.
    pub fn distance_m(self, other: Self) -> f64 {
        self.distance_to_m(other.lat_deg(), other.lon_deg())
    }

    /// What is nowhere is infinitely far.
    fn distance_to_m(self, lat_deg: f64, lon_deg: f64) -> f64 {
        let here = Place::new(self.lat_deg(), self.lon_deg());
        let there = Place::new(lat_deg, lon_deg);
        here.and_then(|here| there.map(|there| here.distance_m(there))).unwrap_or(f64::INFINITY)
    }
}

/// How far from a road a place may be and still be on the map.
pub const FARTHEST_ROAD_M: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ten_metres_apart_is_one_place() {
        let spot = |lat, lon| Spot::of(Place::new(lat, lon).unwrap());
        assert_eq!(spot(60.169_91, 24.938_39), spot(60.169_87, 24.938_42));
        assert_ne!(spot(60.1699, 24.9384), spot(60.1701, 24.9384));
        assert_eq!((spot(-33.9, -180.0).lat_deg(), spot(-33.9, -180.0).lon_deg()), (-33.9, -180.0));
    }

    #[test]
    fn a_road_in_the_next_country_is_none() {
        let spot = Spot::of(Place::new(60.0, 24.0).unwrap());
        assert!(spot.is_near(60.01, 24.0));
        assert!(!spot.is_near(60.1653, 24.9354));
        assert!(!spot.is_near(f64::NAN, 24.0));
    }
}

//! Where something is: a WGS-84 position, and its row where a travel table is used.

use geo::Point;
use h3o::{CellIndex, LatLng, Resolution};
use thiserror::Error;

/// A position on the earth. Coordinates are finite and in range by construction; the antimeridian and the poles are
/// places like any other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    point: Point<f64>,
    /// The same position on the unit sphere: distances are then a few multiplications and one `asin`.
    unit: [f64; 3],
    row: Option<u32>,
}

/// Why two numbers are no position.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum PlaceError {
    #[error("latitude {0} is not between -90 and 90 degrees")]
    Latitude(f64),
    #[error("longitude {0} is not between -180 and 180 degrees")]
    Longitude(f64),
}

impl Place {
    /// # Errors
    /// A coordinate is not finite or out of range.
    pub fn new(latitude_deg: f64, longitude_deg: f64) -> Result<Self, PlaceError> {
        if !(-90.0..=90.0).contains(&latitude_deg) {
            return Err(PlaceError::Latitude(latitude_deg));
        }
        if !(-180.0..=180.0).contains(&longitude_deg) {
            return Err(PlaceError::Longitude(longitude_deg));
        }
        let (sin_lat, cos_lat) = latitude_deg.to_radians().sin_cos();
        let (sin_lng, cos_lng) = longitude_deg.to_radians().sin_cos();
        let unit = [cos_lat * cos_lng, cos_lat * sin_lng, sin_lat];
        Ok(Self { point: Point::new(longitude_deg, latitude_deg), unit, row: None })
    }

    /// The same position as row and column `row` of the board's travel table.
    #[must_use]
    pub fn with_row(self, row: u32) -> Self {
        Self { row: Some(row), ..self }
    }

    pub fn latitude_deg(self) -> f64 {
        self.point.y()
    }

    pub fn longitude_deg(self) -> f64 {
        self.point.x()
    }

    /// Its row in the board's travel table, if it has one.
    pub fn row(self) -> Option<u32> {
        self.row
    }

    /// The H3 cell this position lies in.
    pub fn cell(self, resolution: Resolution) -> CellIndex {
        self.lat_lng().to_cell(resolution)
    }

    /// Great-circle (haversine) distance in metres.
    pub fn distance_m(self, other: Place) -> f64 {
        let [x, y, z] = [0, 1, 2].map(|axis| self.unit[axis] - other.unit[axis]);
        let half_chord = (x * x + y * y + z * z).sqrt() / 2.0;
        // Below some 120 km the series of asin is exact to the last digits, and several times as fast.
        let square = half_chord * half_chord;
        let half_angle = if half_chord < 0.01 {
            half_chord * (1.0 + square * (1.0 / 6.0 + square * (3.0 / 40.0)))
        } else {
            half_chord.min(1.0).asin()
        };
        2.0 * EARTH_RADIUS_M * half_angle
    }

    /// The point half-way on the great circle; for antipodes, which have no such point, the first of the two.
    pub(crate) fn midpoint(self, other: Place) -> Place {
        let sum = [0, 1, 2].map(|axis| self.unit[axis] + other.unit[axis]);
        let length = sum.iter().map(|part| part * part).sum::<f64>().sqrt();
        if length < 1e-9 {
            return self;
        }
        Place::from_unit(sum.map(|part| part / length))
    }

    pub(crate) fn centre_of(cell: CellIndex) -> Place {
        let centre = LatLng::from(cell);
        let (sin_lat, cos_lat) = centre.lat_radians().sin_cos();
        let (sin_lng, cos_lng) = centre.lng_radians().sin_cos();
        Place::from_unit([cos_lat * cos_lng, cos_lat * sin_lng, sin_lat])
    }

    fn from_unit(unit: [f64; 3]) -> Place {
        let latitude_deg = unit[2].clamp(-1.0, 1.0).asin().to_degrees();
        let longitude_deg = unit[1].atan2(unit[0]).to_degrees();
        Place { point: Point::new(longitude_deg, latitude_deg), unit, row: None }
    }

    #[expect(clippy::expect_used, reason = "coordinates are finite by construction, which is all that h3o asks")]
    fn lat_lng(self) -> LatLng {
        LatLng::new(self.point.y(), self.point.x()).expect("finite coordinates")
    }
}

/// Mean radius of the earth (GRS 80), the one `geo` uses for haversine.
const EARTH_RADIUS_M: f64 = 6_371_008.771_415;

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Distance, Haversine};
    use proptest::prelude::*;

    #[test]
    fn what_is_no_position_is_refused() {
        assert!(matches!(Place::new(f64::NAN, 0.0), Err(PlaceError::Latitude(_))));
        assert_eq!(Place::new(90.1, 0.0), Err(PlaceError::Latitude(90.1)));
        assert_eq!(Place::new(0.0, -180.5), Err(PlaceError::Longitude(-180.5)));
        assert!(Place::new(0.0, f64::INFINITY).is_err());
    }

    #[test]
    fn the_antimeridian_and_the_poles_are_near_themselves() {
        let (west, east) = (Place::new(0.0, 179.999).unwrap(), Place::new(0.0, -179.999).unwrap());
        assert!(west.distance_m(east) < 250.0);
        let (pole, same) = (Place::new(90.0, 0.0).unwrap(), Place::new(90.0, 123.0).unwrap());
        assert!(pole.distance_m(same) < 0.001);
    }

    #[test]
    fn near_and_far_distances_join_without_a_step() {
        let origin = Place::new(40.0, -74.0).unwrap();
        for step in 0..400 {
            let other = Place::new(40.0 + f64::from(step) * 0.005, -74.0).unwrap();
            let theirs = Haversine.distance(origin.point, other.point);
            assert!((origin.distance_m(other) - theirs).abs() < 1e-6 * (1.0 + theirs), "{theirs}");
        }
    }

    proptest! {
        #[test]
        fn distance_is_the_haversine_of_geo(
            a in -90.0f64..=90.0, b in -180.0f64..=180.0, c in -90.0f64..=90.0, d in -180.0f64..=180.0
        ) {
            let (one, two) = (Place::new(a, b).unwrap(), Place::new(c, d).unwrap());
            let theirs = Haversine.distance(one.point, two.point);
            prop_assert!((one.distance_m(two) - theirs).abs() < 0.5 + theirs * 1e-9, "{theirs}");
            let middle = one.midpoint(two);
            prop_assert!((one.distance_m(middle) - middle.distance_m(two)).abs() < 0.5);
        }
    }
}

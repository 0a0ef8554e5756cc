//! The table service of OSRM, version 1.

use std::fmt::Write as _;

use serde::Deserialize;

use super::drives::{NO_ROAD, OFF_THE_MAP};
use super::engine::whole_seconds;
use super::error::RoadsError;
use super::spot::Spot;

#[derive(Deserialize)]
struct Answer {
    code: String,
    #[serde(default)]
    durations: Vec<Vec<Option<f64>>>,
    #[serde(default)]
    sources: Vec<Waypoint>,
    #[serde(default)]
    destinations: Vec<Waypoint>,
}

/// Where on a road a place was put.
#[derive(Deserialize)]
struct Waypoint {
    location: [f64; 2],
}

/// Path and query for the drives from each of some places to each of others.
pub fn path(from: &[Spot], to: &[Spot]) -> String {
    let mut path = String::from("/table/v1/driving/");
    for (number, spot) in from.iter().chain(to).enumerate() {
        let mark = if number == 0 { "" } else { ";" };
        let _ = write!(path, "{mark}{:.4},{:.4}", spot.lon_deg(), spot.lat_deg());
    }
    let mut list = |name: &str, numbers: std::ops::Range<usize>| {
        path.push_str(name);
        for number in numbers.clone() {
            let mark = if number == numbers.start { "" } else { ";" };
            let _ = write!(path, "{mark}{number}");
        }
    };
    list("?sources=", 0..from.len());
    list("&destinations=", from.len()..from.len() + to.len());
    path.push_str("&annotations=duration&generate_hints=false");
    path
}

/// Row by row the seconds from each place to each other, or a mark.
pub fn read(status: u16, body: &[u8], from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
    let is_refusal = status == 400;
    if status != 200 && !is_refusal {
        return Err(RoadsError::Status(status));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| RoadsError::Malformed("it is not OSRM's JSON"))?;
    match answer.code.as_str() {
        "Ok" if !is_refusal => {}
        "NoSegment" => return Err(RoadsError::OffTheMap),
        code if code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            return Err(RoadsError::Refused(code.to_owned()));
        }
        _ => return Err(RoadsError::Status(status)),
    }
    let is_whole = answer.durations.len() == from.len()
        && answer.durations.iter().all(|row| row.len() == to.len())
        && answer.sources.len() == from.len()
        && answer.destinations.len() == to.len();
    if !is_whole {
        return Err(RoadsError::Malformed("it has other rows or columns than were asked for"));
    }
    let is_on_map = |(spot, waypoint): (&Spot, &Waypoint)| {
        let [lon_deg, lat_deg] = waypoint.location;
        spot.is_near(lat_deg, lon_deg)
    };
    let is_source: Vec<bool> = from.iter().zip(&answer.sources).map(is_on_map).collect();
    let is_destination: Vec<bool> = to.iter().zip(&answer.destinations).map(is_on_map).collect();
    let mut entries = Vec::with_capacity(from.len() * to.len());
    for (row, is_source) in answer.durations.iter().zip(is_source) {
        for (seconds, is_destination) in row.iter().zip(&is_destination) {
            entries.push(match seconds {
                _ if !(is_source && *is_destination) => OFF_THE_MAP,
                Some(seconds) => whole_seconds(*seconds)?,
                None => NO_ROAD,
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use callout_dispatch::Place;

    use super::*;

    fn spots() -> (Vec<Spot>, Vec<Spot>) {
        let spot = |lat, lon| Spot::of(Place::new(lat, lon).unwrap());
        (vec![spot(60.17, 24.93)], vec![spot(60.18, 24.94), spot(59.0, 20.0)])
    }

    #[test]
    fn a_question_is_one_line() {
        let (from, to) = spots();
        let asked = "/table/v1/driving/24.9300,60.1700;24.9400,60.1800;20.0000,59.0000?sources=0&destinations=1;2\
            &annotations=duration&generate_hints=false";
        assert_eq!(path(&from, &to), asked);
        let longest = vec![Spot::of(Place::new(-33.8688, -151.2093).unwrap()); 160];
        assert!(path(&longest, &longest).len() < 8_000, "{}", path(&longest, &longest).len());
    }

    #[test]
    fn seconds_holes_and_places_off_the_map_are_told_apart() {
        let (from, to) = spots();
        let body = |second: &str| {
            format!(
                r#"{{"code":"Ok","durations":[[317.2,{second}]],"sources":[{{"location":[24.93,60.17]}}],
                "destinations":[{{"location":[24.94,60.18]}},{{"location":[20.0,59.0]}}]}}"#
            )
        };
        assert_eq!(read(200, body("12").as_bytes(), &from, &to), Ok(vec![318, 12]));
        assert_eq!(read(200, body("null").as_bytes(), &from, &to), Ok(vec![318, NO_ROAD]));
        let far = body("0").replace("[20.0,59.0]", "[24.0,60.0]");
        assert_eq!(read(200, far.as_bytes(), &from, &to), Ok(vec![318, OFF_THE_MAP]));
        for wrong in ["-1", "1e300", "\"12\"", "12,13", "NaN"] {
            let read = read(200, body(wrong).as_bytes(), &from, &to);
            assert!(matches!(read, Err(RoadsError::Malformed(_))), "{wrong}: {read:?}");
        }
    }

    #[test]
    fn refusals_are_named() {
        let (from, to) = spots();
        let read = |status, body: &str| read(status, body.as_bytes(), &from, &to).unwrap_err();
        assert_eq!(read(400, r#"{"code":"TooBig","message":"x"}"#), RoadsError::Refused("TooBig".into()));
        assert_eq!(read(400, r#"{"code":"NoSegment"}"#), RoadsError::OffTheMap);
        assert_eq!(read(400, r#"{"code":"<script>"}"#), RoadsError::Status(400));
        assert_eq!(read(400, r#"{"code":"Ok"}"#), RoadsError::Refused("Ok".into()));
        assert_eq!(read(502, "<html>"), RoadsError::Status(502));
        assert!(matches!(read(200, "<html>"), RoadsError::Malformed(_)));
    }
}

//! The matrix service of Valhalla, `/sources_to_targets`. What it refuses, and how, is as 3.6.1 and 3.9.1 did it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::drives::NO_ROAD;
use super::engine::whole_seconds;
use super::error::RoadsError;
use super::spot::{FARTHEST_ROAD_M, Spot};

#[derive(Deserialize)]
struct Answer {
    sources_to_targets: Table,
}

/// The short form, which is asked for, or the long one, which is all that older engines know.
#[derive(Deserialize)]
#[serde(untagged)]
enum Table {
    Short { durations: Vec<Vec<Option<f64>>> },
    Long(Vec<Vec<Cell>>),
}

#[derive(Deserialize)]
struct Cell {
    from_index: Option<usize>,
    to_index: Option<usize>,
    time: Option<f64>,
}

#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
    #[serde(default)]
    error: String,
}

/// The question for the drives from each of some places to each of others. A place without a road near it is refused,
/// not put on the nearest road there is; from 3.7 on as if no road led there.
pub fn question(from: &[Spot], to: &[Spot]) -> Value {
    let places = |spots: &[Spot]| -> Vec<Value> {
        let place =
            |spot: &Spot| json!({ "lat": spot.lat_deg(), "lon": spot.lon_deg(), "search_cutoff": FARTHEST_ROAD_M });
        spots.iter().map(place).collect()
    };
    json!({ "sources": places(from), "targets": places(to), "costing": "auto", "verbose": false })
}

/// Row by row the seconds from each place to each other, or a mark.
pub fn read(status: u16, body: &[u8], from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
    if status == 400 {
        let refusal: Refusal = serde_json::from_slice(body).map_err(|_| RoadsError::Status(status))?;
        return match refusal.error_code {
            NO_EDGE_NEAR => Err(RoadsError::OffTheMap),
            UNCONNECTED => Err(RoadsError::Apart),
            TOO_FAR => Err(RoadsError::TooFar { most_m: most_m(&refusal.error) }),
            // Before 3.6.3, in the place of a table of nothing but null.
            NO_PATH => Ok(vec![NO_ROAD; from.len() * to.len()]),
            code => Err(RoadsError::Refused(format!("error {code}"))),
        };
    }
    if status != 200 {
        return Err(RoadsError::Status(status));
    }
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| RoadsError::Malformed("it is not Valhalla's JSON"))?;
    let rows: Vec<Vec<Option<f64>>> = match answer.sources_to_targets {
        Table::Short { durations } => durations,
        Table::Long(rows) => (0..).zip(rows).map(|(row, cells)| long_row(row, cells)).collect::<Result<_, _>>()?,
    };
    if rows.len() != from.len() || rows.iter().any(|row| row.len() != to.len()) {
        return Err(RoadsError::Malformed("it has other rows or columns than were asked for"));
    }
    rows.into_iter().flatten().map(|seconds| seconds.map_or(Ok(NO_ROAD), whole_seconds)).collect()
}

/// The long form says itself which drive each entry is.
fn long_row(row: usize, cells: Vec<Cell>) -> Result<Vec<Option<f64>>, RoadsError> {
    let is_there = |(column, cell): (usize, &Cell)| {
        cell.from_index.is_none_or(|from| from == row) && cell.to_index.is_none_or(|to| to == column)
    };
    if !cells.iter().enumerate().all(is_there) {
        return Err(RoadsError::Malformed("its entries are out of order"));
    }
    Ok(cells.into_iter().map(|cell| cell.time).collect())
}

/// How far it goes: "Path distance exceeds the max distance limit: 400000 meters".
fn most_m(refusal: &str) -> u32 {
    refusal.split(' ').find_map(|word| word.parse().ok()).unwrap_or(USUALLY_MOST_M)
}

/// "No suitable edges near location."
const NO_EDGE_NEAR: u32 = 171;
/// "Locations are in unconnected regions." From 3.7 on also where no road is near.
const UNCONNECTED: u32 = 170;
/// Two places are farther apart, as the crow flies, than its `max_matrix_distance`.
const TOO_FAR: u32 = 154;
/// "No path could be found for input."
const NO_PATH: u32 = 442;
const USUALLY_MOST_M: u32 = 400_000;

#[cfg(test)]
mod tests {
    use callout_dispatch::Place;

    use super::*;

    fn spots() -> (Vec<Spot>, Vec<Spot>) {
        let spot = |lat, lon| Spot::of(Place::new(lat, lon).unwrap());
        (vec![spot(60.17, 24.93)], vec![spot(60.18, 24.94), spot(60.0, 24.0)])
    }

    #[test]
    fn a_question_names_both_sides() {
        let (from, to) = spots();
        let asked = question(&from, &to);
        assert_eq!(asked["sources"][0], json!({ "lat": 60.17, "lon": 24.93, "search_cutoff": 2000 }));
        assert_eq!(asked["targets"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn both_forms_are_read() {
        let (from, to) = spots();
        let read = |body: &str| read(200, body.as_bytes(), &from, &to);
        let short =
            r#"{"sources_to_targets":{"durations":[[317.2,null]],"distances":[[1.0,null]]},"units":"kilometers"}"#;
        assert_eq!(read(short), Ok(vec![318, NO_ROAD]));
        let long = r#"{"sources_to_targets":[[{"from_index":0,"to_index":0,"time":317,"distance":2.1},
            {"from_index":0,"to_index":1,"time":null,"distance":null}]]}"#;
        assert_eq!(read(long), Ok(vec![317, NO_ROAD]));
        let swapped = long.replace(r#""to_index":0"#, r#""to_index":1"#);
        for wrong in [swapped.as_str(), r#"{"sources_to_targets":[[]]}"#, "[]", "{}", "<html>", ""] {
            assert!(matches!(read(wrong), Err(RoadsError::Malformed(_))), "{wrong}");
        }
        assert!(read(&short.replace("317.2", "-1")).is_err());
    }

    #[test]
    fn refusals_are_named() {
        let (from, to) = spots();
        let refused = |status, body: &str| read(status, body.as_bytes(), &from, &to).unwrap_err();
        assert_eq!(
            refused(400, r#"{"error_code":171,"error":"No suitable edges near location"}"#),
            RoadsError::OffTheMap
        );
        assert_eq!(
            refused(400, r#"{"error_code":170,"error":"Locations are in unconnected regions."}"#),
            RoadsError::Apart
        );
        let far = r#"{"error_code":154,"error":"Path distance exceeds the max distance limit: 250000 meters"}"#;
        assert_eq!(refused(400, far), RoadsError::TooFar { most_m: 250_000 });
        assert_eq!(refused(400, r#"{"error_code":154}"#), RoadsError::TooFar { most_m: 400_000 });
        assert_eq!(refused(400, r#"{"error_code":150}"#), RoadsError::Refused("error 150".into()));
        assert_eq!(refused(503, "busy"), RoadsError::Status(503));
    }

    #[test]
    fn no_path_at_all_is_a_table_of_holes() {
        let (from, to) = spots();
        assert_eq!(read(400, br#"{"error_code":442}"#, &from, &to), Ok(vec![NO_ROAD; 2]));
    }
}

//! What those see of a visit who may take it: enough to decide, and nothing of whose it is.

use h3o::{LatLng, Resolution};
use sync_core::reference::{Card, NeededSkill};

use super::store::OnOffer;

/// The card of a visit. No name, no address and no words of anybody: those come with the ticket, to the one who gets it.
pub fn card(offered: &OnOffer) -> Card {
    let area = offered.lat.zip(offered.lon).and_then(|(lat, lon)| area(lat, lon));
    let needed = offered.skills.iter().zip(&offered.levels);
    let milliseconds = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| at.timestamp_millis());
    Card {
        visit: offered.visit_id.to_string(),
        number: offered.number.clone(),
        ticket_type: offered.ticket_type.clone(),
        priority: u32::try_from(offered.priority).unwrap_or_default(),
        starts_at: milliseconds(offered.starts_at),
        ends_at: milliseconds(offered.ends_at),
        duration_ms: offered.duration_ms,
        skills: needed
            .map(|(skill, level)| NeededSkill {
                skill: skill.clone(),
                level: u32::try_from(*level).unwrap_or_default(),
            })
            .collect(),
        lat: area.map(|(lat, _)| lat),
        lon: area.map(|(_, lon)| lon),
        time_zone: offered.time_zone.clone(),
        respond_by: milliseconds(offered.respond_by),
        resolve_by: milliseconds(offered.resolve_by),
    }
}

/// The middle of the hexagon, of some 36 km², in which it lies.
fn area(lat: f64, lon: f64) -> Option<(f64, f64)> {
    let middle = LatLng::from(LatLng::new(lat, lon).ok()?.to_cell(Resolution::Six));
    // Four decimals are ten metres: nothing finer is meant.
    let rounded = |degrees: f64| (degrees * 1e4).round() / 1e4;
    Some((rounded(middle.lat()), rounded(middle.lng())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_have_the_same_area_and_nobody_is_in_the_middle_of_it() {
        let (house, next_door) = (area(40.70, -73.95).unwrap(), area(40.7005, -73.9505).unwrap());
        assert_eq!(house, next_door);
        assert!((house.0 - 40.70).abs() < 0.05 && (house.1 + 73.95).abs() < 0.05, "{house:?}");
        assert_ne!(house, area(41.0, -73.95).unwrap());
        assert_eq!(area(f64::NAN, 0.0), None);
    }
}

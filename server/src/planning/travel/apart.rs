//! Takes a request apart that an engine refuses as a whole. One place off its map spoils a request for all others; so do
//! two places between which no road can lead, and two that are farther apart than it goes.

use std::collections::{BTreeMap, HashMap};

use super::asking::Asking;
use super::drives::{NO_ROAD, OFF_THE_MAP};
use super::error::RoadsError;
use super::spot::Spot;

/// The drives from each of some places to each of others, row by row; marked where the engine says nothing of them.
pub async fn drives(asking: &Asking, from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
    let most_m = match asking.table(from, to).await {
        Err(RoadsError::OffTheMap | RoadsError::Apart) => return without_the_lost(asking, from, to).await,
        Err(RoadsError::TooFar { most_m }) => most_m,
        answer => return answer,
    };
    let mut found = Found::default();
    for (from, to) in within(from, to, most_m) {
        let entries = match asking.table(&from, &to).await {
            Err(RoadsError::OffTheMap | RoadsError::Apart) => without_the_lost(asking, &from, &to).await?,
            answer => answer?,
        };
        found.keep(&from, &to, entries);
    }
    Ok(found.row_by_row(from, to))
}

/// The same when it is not the distance: what is off the map is found, and it is asked without that. If this is refused
/// again, the rest lies in several regions.
async fn without_the_lost(asking: &Asking, from: &[Spot], to: &[Spot]) -> Result<Vec<u32>, RoadsError> {
    let mut searches = MOST_SEARCHES;
    let (froms, tos) = (groups(asking, from, &mut searches).await?, groups(asking, to, &mut searches).await?);
    let (all_from, all_to) = (froms.concat(), tos.concat());
    let mut found = Found::default();
    if all_from.is_empty() || all_to.is_empty() {
        return Ok(found.row_by_row(from, to));
    }
    match asking.table(&all_from, &all_to).await {
        Err(RoadsError::Apart) => {}
        answer => {
            found.keep(&all_from, &all_to, answer?);
            return Ok(found.row_by_row(from, to));
        }
    }
    for from in &froms {
        for to in &tos {
            let entries = match asking.table(from, to).await {
                // Each of the two is on the map by itself.
                Err(RoadsError::Apart) => vec![NO_ROAD; from.len() * to.len()],
                answer => answer?,
            };
            found.keep(from, to, entries);
        }
    }
    Ok(found.row_by_row(from, to))
}

/// Some places in groups, each of which the engine takes as a whole. What is off the map is in none.
async fn groups(asking: &Asking, side: &[Spot], searches: &mut u32) -> Result<Vec<Vec<Spot>>, RoadsError> {
    let (mut parts, mut groups) = (vec![side.to_vec()], Vec::new());
    while let Some(part) = parts.pop() {
        *searches = searches.checked_sub(1).ok_or(RoadsError::OffTheMap)?;
        match asking.table(&part[..1], &part).await {
            Ok(_) => groups.push(part),
            Err(error) if error.is_about_places() && part.len() == 1 => {}
            Err(error) if error.is_about_places() => parts.extend(halves(part)),
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}

/// Two halves of some places, cut across their longer side: what lies on one island stays together.
fn halves(mut part: Vec<Spot>) -> [Vec<Spot>; 2] {
    let length = |degrees: fn(Spot) -> f64| {
        let all = || part.iter().map(|spot| degrees(*spot));
        all().fold(f64::MIN, f64::max) - all().fold(f64::MAX, f64::min)
    };
    let degrees = if length(Spot::lat_deg) > length(Spot::lon_deg) { Spot::lat_deg } else { Spot::lon_deg };
    part.sort_by(|one, other| degrees(*one).total_cmp(&degrees(*other)));
    let other = part.split_off(part.len() / 2);
    [part, other]
}

/// The same request as several, in none of which two places are farther apart than the engine goes. Those of one town are
/// near to the same others, so they are not many.
fn within(from: &[Spot], to: &[Spot], most_m: u32) -> Vec<(Vec<Spot>, Vec<Spot>)> {
    let mut requests: BTreeMap<Vec<Spot>, Vec<Spot>> = BTreeMap::new();
    for from in from {
        let is_near = |to: &&Spot| from.distance_m(**to) * LARGEST_EARTH <= f64::from(most_m);
        requests.entry(to.iter().filter(is_near).copied().collect()).or_default().push(*from);
    }
    requests.into_iter().filter(|(to, _)| !to.is_empty()).map(|(to, from)| (from, to)).collect()
}

/// What the parts of a request have come to.
#[derive(Default)]
struct Found(HashMap<(Spot, Spot), u32>);

impl Found {
    fn keep(&mut self, from: &[Spot], to: &[Spot], entries: Vec<u32>) {
        self.0.extend(pairs(from, to).zip(entries));
    }

    fn row_by_row(&self, from: &[Spot], to: &[Spot]) -> Vec<u32> {
        pairs(from, to).map(|pair| self.0.get(&pair).copied().unwrap_or(OFF_THE_MAP)).collect()
    }
}

fn pairs(from: &[Spot], to: &[Spot]) -> impl Iterator<Item = (Spot, Spot)> {
    from.iter().flat_map(move |from| to.iter().map(move |to| (*from, *to)))
}

/// Requests that are spent on finding out which places an engine takes together, for each request that it refused.
const MOST_SEARCHES: u32 = 120;
/// How much longer a distance may be to an engine whose earth is larger than ours.
const LARGEST_EARTH: f64 = 1.002;

#[cfg(test)]
mod tests {
    use callout_dispatch::Place;

    use super::*;

    fn spot(lat: f64, lon: f64) -> Spot {
        Spot::of(Place::new(lat, lon).unwrap())
    }

    #[test]
    fn what_lies_together_stays_together() {
        let (oahu, maui) = ([spot(21.3, -157.9), spot(21.5, -158.0)], [spot(20.8, -156.3), spot(20.9, -156.5)]);
        let mixed = vec![oahu[0], maui[0], oahu[1], maui[1]];
        let [mut one, mut other] = halves(mixed);
        one.sort();
        other.sort();
        assert_eq!((one, other), (oahu.to_vec(), maui.to_vec()));
        assert_eq!(halves(vec![spot(0.0, 0.0); 3]).map(|half| half.len()), [1, 2]);
    }

    #[test]
    fn no_request_goes_farther_than_the_engine() {
        let (south, middle, north) = (spot(60.2, 24.9), spot(63.0, 25.0), spot(66.5, 25.7));
        let all = [south, middle, north, spot(60.3, 25.0)];
        let requests = within(&all, &all, 400_000);
        assert_eq!(requests.len(), 3, "{requests:?}");
        let drives: usize = requests.iter().map(|(from, to)| from.len() * to.len()).sum();
        assert_eq!(drives, 16 - 4, "all but those between the far north and the south");
        assert!(within(&[south], &[north], 400_000).is_empty());
    }
}

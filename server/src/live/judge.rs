//! What becomes of each fix of a batch, decided on values alone.
//!
//! A bad fix is refused for a stated reason and never becomes anybody's latest position; nor can a bad one that was
//! believed freeze the map for long: fixes that contradict it and agree with each other outvote it.

use sync_core::time::{DeviceTime, ServerTime, Skew};

/// One fix as a phone recorded it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fix {
    /// By the phone's clock.
    pub device_time: DeviceTime,
    pub lat: f64,
    pub lon: f64,
    pub accuracy_m: Option<f64>,
    pub heading_deg: Option<f64>,
    pub speed_mps: Option<f64>,
}

/// Where the device was at a time of the server's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    pub at: ServerTime,
    pub lat: f64,
    pub lon: f64,
    pub accuracy_m: Option<f64>,
}

/// From the first to the last moment of a shift, or of time off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: ServerTime,
    pub end: ServerTime,
}

/// What the judgement rests on besides the fixes themselves.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The engineer's shifts around the times of the batch.
    pub shifts: Vec<Span>,
    /// Time off within them.
    pub time_off: Vec<Span>,
    /// The newest fix of this device that was believed.
    pub believed: Option<Known>,
    /// Its latest fixes since then that were refused as too fast, oldest first.
    pub doubted: Vec<Known>,
}

/// Why a fix was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Recorded later than now.
    Future,
    /// Recorded too long ago to be taken in.
    Stale,
    /// The device has already reported a fix of this very time.
    Duplicate,
    /// Recorded outside the engineer's shifts: not kept, only counted.
    OffShift,
    /// Not on the earth.
    OutOfRange,
    /// Exactly 0,0: what a receiver without a fix reports.
    NoFix,
    /// An accuracy, heading or speed that cannot be.
    Implausible,
    /// Too far from where the device was a moment ago.
    TooFast,
}

impl Reason {
    /// As it stands in answers, in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::OffShift => "off_shift",
            Self::OutOfRange => "out_of_range",
            Self::NoFix => "no_fix",
            Self::Implausible => "implausible",
            Self::TooFast => "too_fast",
        }
    }

    /// Whether the place of the refused fix may be kept for a day. It may not where only the time is wrong: it could be
    /// a place outside a shift.
    pub fn may_keep_place(self) -> bool {
        match self {
            Self::Future | Self::Stale | Self::Duplicate | Self::OffShift => false,
            Self::OutOfRange | Self::NoFix | Self::Implausible | Self::TooFast => true,
        }
    }
}

/// How far ahead of the server's clock a corrected time may lie.
pub const FUTURE_MS: i64 = 2 * 60_000;
/// How old a fix may be.
pub const STALE_MS: i64 = 14 * 24 * 60 * 60_000;
/// How long before and after a shift positions are taken in.
pub const SHIFT_MARGIN_MS: i64 = 5 * 60_000;
/// 900 km/h: nobody drives that, and receivers that jump do.
const FASTEST_MPS: f64 = 250.0;
/// How many fixes in a row must agree with each other to outvote the one believed before.
pub const OUTVOTING: usize = 3;
/// However vague two fixes are, no more than this is forgiven.
const VAGUEST_M: f64 = 1_000.0;
/// A fix vaguer than this says nothing.
const LEAST_ACCURATE_M: f64 = 100_000.0;

/// The verdict on each fix, in the order given: the time it was recorded by the server's clock, or why it is refused.
///
/// What is decided from times comes first, so that a place is looked at only if it was recorded during a shift.
pub fn judge(fixes: &[Fix], skew: Skew, received: ServerTime, standing: &Standing) -> Vec<Result<ServerTime, Reason>> {
    let mut times = std::collections::BTreeSet::new();
    let mut verdicts: Vec<Result<ServerTime, Reason>> = fixes
        .iter()
        .map(|fix| {
            let at = skew.correct(fix.device_time);
            timely(at, received, standing)?;
            if !times.insert(fix.device_time) {
                return Err(Reason::Duplicate);
            }
            well_formed(fix)?;
            Ok(at)
        })
        .collect();
    refuse_jumps(fixes, &mut verdicts, standing);
    verdicts
}

fn timely(at: ServerTime, received: ServerTime, standing: &Standing) -> Result<(), Reason> {
    if at.0 > received.0.saturating_add(FUTURE_MS) {
        return Err(Reason::Future);
    }
    if at.0 < received.0.saturating_sub(STALE_MS) {
        return Err(Reason::Stale);
    }
    if is_on_duty(at, standing) { Ok(()) } else { Err(Reason::OffShift) }
}

/// The margin widens a shift and narrows time off: it forgives the minutes in which one begins or ends work.
fn is_on_duty(at: ServerTime, standing: &Standing) -> bool {
    let within = |span: &Span, margin: i64| {
        at.0 >= span.start.0.saturating_sub(margin) && at.0 <= span.end.0.saturating_add(margin)
    };
    standing.shifts.iter().any(|shift| within(shift, SHIFT_MARGIN_MS))
        && !standing.time_off.iter().any(|off| within(off, -SHIFT_MARGIN_MS))
}

fn well_formed(fix: &Fix) -> Result<(), Reason> {
    if !(-90.0..=90.0).contains(&fix.lat) || !(-180.0..=180.0).contains(&fix.lon) {
        return Err(Reason::OutOfRange);
    }
    if fix.lat == 0.0 && fix.lon == 0.0 {
        return Err(Reason::NoFix);
    }
    let is_plausible = fix.accuracy_m.is_none_or(|m| (0.0..=LEAST_ACCURATE_M).contains(&m))
        && fix.heading_deg.is_none_or(|deg| (0.0..=360.0).contains(&deg))
        && fix.speed_mps.is_none_or(|mps| mps >= 0.0 && mps.is_finite());
    if !is_plausible {
        return Err(Reason::Implausible);
    }
    if fix.speed_mps.is_some_and(|mps| mps > FASTEST_MPS) {
        return Err(Reason::TooFast);
    }
    Ok(())
}

/// Walks away from the believed fix in both directions of time, each step from one believed fix to the next.
fn refuse_jumps(fixes: &[Fix], verdicts: &mut [Result<ServerTime, Reason>], standing: &Standing) {
    let mut placed: Vec<(usize, Known)> = fixes
        .iter()
        .zip(verdicts.iter())
        .enumerate()
        .filter_map(|(index, (fix, verdict))| {
            let at = (*verdict).ok()?;
            Some((index, Known { at, lat: fix.lat, lon: fix.lon, accuracy_m: fix.accuracy_m }))
        })
        .collect();
    placed.sort_by_key(|(_, known)| known.at);
    let newer_from =
        standing.believed.map_or(0, |believed| placed.partition_point(|(_, known)| known.at < believed.at));
    let (older, newer) = placed.split_at(newer_from);
    let mut refuse = |index: usize| {
        if let Some(verdict) = verdicts.get_mut(index) {
            *verdict = Err(Reason::TooFast);
        }
    };
    walk(newer.iter(), standing.believed, &standing.doubted, &mut refuse);
    walk(older.iter().rev(), standing.believed, &[], &mut refuse);
}

fn walk<'a>(
    steps: impl Iterator<Item = &'a (usize, Known)>,
    mut believed: Option<Known>,
    doubted: &[Known],
    refuse: &mut impl FnMut(usize),
) {
    let mut doubted = doubted.to_vec();
    for (index, here) in steps {
        let is_believable = believed.is_none_or(|there| could_travel(&there, here));
        if !doubted.last().is_some_and(|there| could_travel(there, here)) {
            doubted.clear();
        }
        if is_believable || doubted.len() + 1 >= OUTVOTING {
            believed = Some(*here);
            doubted.clear();
        } else {
            doubted.push(*here);
            refuse(*index);
        }
    }
}

fn could_travel(from: &Known, to: &Known) -> bool {
    let seconds = (to.at.0.abs_diff(from.at.0) as f64 / 1_000.0).max(1.0);
    let vague_m = (from.accuracy_m.unwrap_or(0.0) + to.accuracy_m.unwrap_or(0.0)).clamp(0.0, VAGUEST_M);
    distance_m(from, to) <= FASTEST_MPS * seconds + vague_m
}

/// Along the surface of a sphere, which is within half a per cent of the earth.
fn distance_m(from: &Known, to: &Known) -> f64 {
    const EARTH_RADIUS_M: f64 = 6_371_008.8;
    let (lat_from, lat_to) = (from.lat.to_radians(), to.lat.to_radians());
    let (half_lat, half_lon) = ((lat_to - lat_from) / 2.0, (to.lon - from.lon).to_radians() / 2.0);
    let haversine = half_lat.sin().powi(2) + lat_from.cos() * lat_to.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_M * haversine.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests;

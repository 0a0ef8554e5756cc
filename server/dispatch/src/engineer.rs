//! Who can be sent: what an engineer may do, when, from where, and what is booked already.

use crate::interval::{Interval, IntervalError, TimeWindow};
use crate::place::Place;
use crate::traffic::Traffic;
use crate::visit::Priority;

/// Position of an engineer in [`crate::Board::engineers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineerIndex(pub u32);

/// A skill, numbered densely by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SkillIndex(pub u16);

/// A kind of certificate, numbered densely by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateIndex(pub u16);

/// A territory, numbered densely by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerritoryIndex(pub u16);

/// A kind of spare part, numbered densely by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartIndex(pub u16);

/// One person in the field. [`Engineer::new`] gives one without skills or shifts; the fields are then filled in.
#[derive(Clone, Debug)]
pub struct Engineer {
    pub home: Place,
    /// Where the engineer is at the board's `now`, when known. A shift that is running then continues from here.
    pub position: Option<Place>,
    /// Metres per second between places, usually.
    pub speed_mps: f64,
    /// How that differs by the hour: all drives take longer or shorter by it, those of a table too.
    pub traffic: Traffic,
    pub skills: Vec<Skill>,
    pub certificates: Vec<Certificate>,
    /// Where the engineer may work; empty means everywhere.
    pub territories: Vec<TerritoryIndex>,
    /// When the engineer works. Shifts of one engineer do not overlap.
    pub shifts: Vec<Shift>,
    pub time_off: Vec<Interval>,
    /// How much load the van takes in a shift, in whatever unit [`crate::Visit::load`] has; `None` is no limit.
    pub capacity: Option<u32>,
    /// The parts in the van.
    pub van: Vec<Parts>,
    /// What is booked and stays where and when it is.
    pub commitments: Vec<Commitment>,
}

/// A skill that an engineer has, or that a visit asks for, at a level; a higher level includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skill {
    pub skill: SkillIndex,
    pub level: u8,
}

/// A certificate an engineer holds; with `expires` it must last until the visit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub certificate: CertificateIndex,
    pub expires: Option<i64>,
}

/// So many of one part, in a van or needed for a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    pub part: PartIndex,
    pub count: u32,
}

/// Working time in one piece, with its breaks.
#[derive(Clone, Debug)]
pub struct Shift {
    pub interval: Interval,
    /// Where the engineer sets out at the start of the shift.
    pub from: Place,
    /// Where the engineer must be by the end of the shift; `None` asks only that the last visit has ended by then.
    pub to: Option<Place>,
    /// In which the engineer neither works nor drives. They are taken in the order in which they must have begun.
    pub breaks: Vec<Break>,
    /// Seconds by which the end may be passed. They count as overtime.
    pub overtime_s: u32,
    /// Seconds of work that are expected to come in for this shift and are not there yet. They count as load, and take
    /// no time.
    pub forecast_s: u32,
}

/// A break: it begins within its window, wherever the engineer then is. A break that could begin after the work of
/// the shift is over is not needed, and one during which the engineer has time off anyway is not taken twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    pub window: TimeWindow,
    /// At least 1.
    pub duration_s: u32,
}

/// An appointment that exists: the engineer is at `place` during `interval`.
#[derive(Clone, Copy, Debug)]
pub struct Commitment {
    pub place: Place,
    pub interval: Interval,
    pub priority: Priority,
}

impl Engineer {
    /// An engineer who lives at `home` and drives at 8 m/s, about the average of a day in town.
    pub fn new(home: Place) -> Self {
        Self {
            home,
            position: None,
            speed_mps: 8.0,
            traffic: Traffic::EVEN,
            skills: Vec::new(),
            certificates: Vec::new(),
            territories: Vec::new(),
            shifts: Vec::new(),
            time_off: Vec::new(),
            capacity: None,
            van: Vec::new(),
            commitments: Vec::new(),
        }
    }

    /// Metres per second in the hour in which it goes best.
    pub fn top_speed_mps(&self) -> f64 {
        self.speed_mps * f64::from(self.traffic.fastest_permille()) / 1000.0
    }

    /// The level of a skill; `None` if the engineer does not have it.
    pub fn level(&self, skill: SkillIndex) -> Option<u8> {
        self.skills.iter().filter(|has| has.skill == skill).map(|has| has.level).max()
    }

    /// Until when a certificate is good: `None` if not held, `i64::MAX` if it does not expire.
    pub(crate) fn certified_until(&self, certificate: CertificateIndex) -> Option<i64> {
        let held = self.certificates.iter().filter(|held| held.certificate == certificate);
        held.map(|held| held.expires.unwrap_or(i64::MAX)).max()
    }

    /// How many of a part are in the van.
    pub(crate) fn carries(&self, part: PartIndex) -> u64 {
        self.van.iter().filter(|parts| parts.part == part).map(|parts| u64::from(parts.count)).sum()
    }
}

impl Shift {
    /// A shift that starts at `from` and ends wherever the last visit is.
    pub fn open(interval: Interval, from: Place) -> Self {
        Self { interval, from, to: None, breaks: Vec::new(), overtime_s: 0, forecast_s: 0 }
    }

    /// A shift that starts at `base` and ends there.
    pub fn round_trip(interval: Interval, base: Place) -> Self {
        Self { to: Some(base), ..Self::open(interval, base) }
    }
}

impl Break {
    /// A break at a fixed time.
    ///
    /// # Errors
    /// It is longer than 136 years.
    pub fn fixed(interval: Interval) -> Result<Self, IntervalError> {
        let window = TimeWindow::new(interval.start(), interval.start())?;
        let duration_s = u32::try_from(interval.length_s()).map_err(|_| IntervalError::OutOfRange(interval.end()))?;
        Ok(Self { window, duration_s })
    }
}

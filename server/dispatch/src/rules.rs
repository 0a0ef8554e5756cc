//! The hard rules. No path around them: ranking, planning and their fallbacks all ask here or in `route`.

use std::fmt;

use crate::board::Board;
use crate::duty::Duty;
use crate::engineer::{CertificateIndex, Engineer, EngineerIndex, SkillIndex};
use crate::visit::{Task, Visit};

/// The hard rules in the order in which they are tested; an engineer is refused by the first that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The visit is pinned to somebody else.
    Pinned,
    /// The engineer is barred from this visit.
    Barred,
    /// The engineer does not work in this territory.
    Territory,
    /// A skill is missing or its level too low.
    Skill,
    /// A certificate is missing or expires too soon.
    Certificate,
    /// It is more than the van takes, even empty.
    Capacity,
    /// No shift, with its breaks, has room for the visit when it may start.
    Shift,
    /// It would fit a shift but for time off.
    TimeOff,
    /// It would fit, but the engineer cannot be there in time, or not be back in time, even with nothing else to do.
    Window,
    /// It would fit, but for what the engineer has to do already.
    DoubleBooking,
}

/// Why an engineer cannot take a visit: the rule, with what it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Pinned {
        to: EngineerIndex,
    },
    Barred,
    Territory,
    /// `has` is the engineer's level, if any.
    Skill {
        skill: SkillIndex,
        needs: u8,
        has: Option<u8>,
    },
    /// `expired` is when a certificate that was held ends.
    Certificate {
        certificate: CertificateIndex,
        expires: Option<i64>,
    },
    Capacity,
    Shift,
    TimeOff,
    Window,
    DoubleBooking,
}

/// How many engineers each rule refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts([u32; Rule::ALL.len()]);

/// The rules that need no timetable. What is left is until when the engineer's certificates allow the visit to last:
/// `i64::MAX` if they do not limit it.
pub(crate) fn eligible(board: &Board, visit: &Visit, index: EngineerIndex) -> Result<i64, Reason> {
    let engineer = board.engineer(index);
    // In a crew the pinned engineer is one among others.
    if let Some(to) = visit.pinned_engineer.filter(|pinned| *pinned != index && visit.crew_size == 1) {
        return Err(Reason::Pinned { to });
    }
    if visit.barred.contains(&index) {
        return Err(Reason::Barred);
    }
    if let Some(territory) = visit.territory
        && !engineer.territories.is_empty()
        && !engineer.territories.contains(&territory)
    {
        return Err(Reason::Territory);
    }
    for needed in &visit.skills {
        let has = engineer.level(needed.skill);
        if has.is_none_or(|level| level < needed.level) {
            return Err(Reason::Skill { skill: needed.skill, needs: needed.level, has });
        }
    }
    if visit.certificates.is_empty() {
        return within_capacity(visit, engineer).map(|()| i64::MAX);
    }
    let Some(start) = visit.first_start(board.now()) else { return Err(Reason::Window) };
    let mut deadline = i64::MAX;
    for &certificate in &visit.certificates {
        let expires = engineer.certified_until(certificate);
        match expires {
            Some(until) if start.saturating_add(i64::from(visit.duration_s)) <= until => deadline = deadline.min(until),
            _ => return Err(Reason::Certificate { certificate, expires }),
        }
    }
    within_capacity(visit, engineer).map(|()| deadline)
}

fn within_capacity(visit: &Visit, engineer: &Engineer) -> Result<(), Reason> {
    let has_room = engineer.capacity.is_none_or(|capacity| visit.load <= capacity);
    if has_room { Ok(()) } else { Err(Reason::Capacity) }
}

/// The timetable rules that do not depend on what the engineer has booked: `Shift`, then `TimeOff`.
pub(crate) fn within_working_time(
    board: &Board,
    task: &Task,
    index: EngineerIndex,
    deadline: i64,
) -> Result<(), Reason> {
    let duties = || board.duties[board.duties_of(index)].iter();
    if duties().any(|duty| duty.hours.has_room(task, deadline)) {
        return Ok(());
    }
    let has_room_but_for_time_off =
        |duty: &Duty| duty.without_time_off.as_ref().is_some_and(|hours| hours.has_room(task, deadline));
    Err(if duties().any(has_room_but_for_time_off) { Reason::TimeOff } else { Reason::Shift })
}

impl Rule {
    /// Every rule, in the order of testing.
    pub const ALL: [Rule; 10] = [
        Rule::Pinned,
        Rule::Barred,
        Rule::Territory,
        Rule::Skill,
        Rule::Certificate,
        Rule::Capacity,
        Rule::Shift,
        Rule::TimeOff,
        Rule::Window,
        Rule::DoubleBooking,
    ];

    /// A stable name for records and interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Pinned => "pinned",
            Rule::Barred => "barred",
            Rule::Territory => "territory",
            Rule::Skill => "skill",
            Rule::Certificate => "certificate",
            Rule::Capacity => "capacity",
            Rule::Shift => "shift",
            Rule::TimeOff => "time_off",
            Rule::Window => "window",
            Rule::DoubleBooking => "double_booking",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Reason {
    pub fn rule(self) -> Rule {
        match self {
            Reason::Pinned { .. } => Rule::Pinned,
            Reason::Barred => Rule::Barred,
            Reason::Territory => Rule::Territory,
            Reason::Skill { .. } => Rule::Skill,
            Reason::Certificate { .. } => Rule::Certificate,
            Reason::Capacity => Rule::Capacity,
            Reason::Shift => Rule::Shift,
            Reason::TimeOff => Rule::TimeOff,
            Reason::Window => Rule::Window,
            Reason::DoubleBooking => Rule::DoubleBooking,
        }
    }
}

impl RuleCounts {
    pub fn get(&self, rule: Rule) -> u32 {
        self.0[rule as usize]
    }

    /// The rules that refused anybody, with how many, in the order of testing.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u32)> + '_ {
        Rule::ALL.into_iter().map(|rule| (rule, self.get(rule))).filter(|(_, count)| *count > 0)
    }

    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The rule that stopped those who came furthest: what to change first. `None` if nobody was refused.
    pub fn main(&self) -> Option<Rule> {
        self.iter().last().map(|(rule, _)| rule)
    }

    pub(crate) fn add(&mut self, rule: Rule) {
        self.0[rule as usize] += 1;
    }
}

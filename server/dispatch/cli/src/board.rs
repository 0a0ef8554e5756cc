//! From names to the dense numbers of the engine. Every error names the engineer or visit and the field.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::{Context, Result, anyhow, bail};
use callout_dispatch::{
    Board, Break, Certificate, CertificateIndex, Commitment, Dependency, Engineer, EngineerIndex, Interval, PartIndex,
    Parts, Place, Policy, Priority, Published, Shift, Skill, SkillIndex, TerritoryIndex, TimeWindow, Traffic, Travel,
    TravelTable, Visit, VisitIndex,
};

use crate::input::{EngineerInput, Input, PlaceInput, PolicyInput, ShiftInput, TravelInput, VisitInput};

/// The board of an input, what its policy says, and what skills and certificates are called.
pub fn board(input: &Input) -> Result<(Board, Policy, Names)> {
    let engineer_ids = numbered("engineer", input.engineers.iter().map(|engineer| &engineer.id))?;
    let visit_ids = numbered("visit", input.visits.iter().map(|visit| &visit.id))?;
    let mut words = Words::default();
    let engineers = input.engineers.iter().map(|one| words.engineer(one).with_context(|| named("engineer", &one.id)));
    let engineers = engineers.collect::<Result<Vec<Engineer>>>()?;
    let ids = Ids { engineers: &engineer_ids, visits: &visit_ids };
    let visits = input.visits.iter().map(|one| words.visit(one, &ids).with_context(|| named("visit", &one.id)));
    let visits = visits.collect::<Result<Vec<Visit>>>()?;
    let names = Names { skills: names(&words.skills), certificates: names(&words.certificates) };
    Ok((Board::new(input.now, travel(&input.travel)?, engineers, visits)?, policy(&input.policy), names))
}

/// What the numbers of skills and certificates stand for.
pub struct Names {
    pub skills: Vec<String>,
    pub certificates: Vec<String>,
}

/// What things are called, as numbers that grow as they are met.
#[derive(Default)]
struct Words<'a> {
    skills: BTreeMap<&'a str, u16>,
    certificates: BTreeMap<&'a str, u16>,
    territories: BTreeMap<&'a str, u16>,
    parts: BTreeMap<&'a str, u16>,
}

struct Ids<'a> {
    engineers: &'a BTreeMap<&'a str, u32>,
    visits: &'a BTreeMap<&'a str, u32>,
}

impl<'a> Words<'a> {
    fn engineer(&mut self, input: &'a EngineerInput) -> Result<Engineer> {
        let mut engineer = Engineer::new(place(&input.home).context("home")?);
        if let Some(speed_kmh) = input.speed_kmh {
            engineer.speed_mps = speed_kmh / 3.6;
        }
        engineer.traffic = Traffic::new(&input.traffic).context("traffic")?;
        engineer.skills = self.skills(&input.skills)?;
        for (name, expires) in &input.certificates {
            let certificate = CertificateIndex(number(&mut self.certificates, name)?);
            engineer.certificates.push(Certificate { certificate, expires: *expires });
        }
        for name in &input.territories {
            engineer.territories.push(TerritoryIndex(number(&mut self.territories, name)?));
        }
        for (position, shift) in input.shifts.iter().enumerate() {
            engineer.shifts.push(self::shift(shift, engineer.home).with_context(|| format!("shifts[{position}]"))?);
        }
        for (position, (from, to)) in input.time_off.iter().enumerate() {
            engineer.time_off.push(Interval::new(*from, *to).with_context(|| format!("time_off[{position}]"))?);
        }
        for (position, booked) in input.commitments.iter().enumerate() {
            let context = || format!("commitments[{position}]");
            engineer.commitments.push(Commitment {
                place: place(&booked.place).with_context(context)?,
                interval: Interval::new(booked.start, booked.end).with_context(context)?,
                priority: Priority::ORDINARY,
            });
        }
        engineer.capacity = input.capacity;
        engineer.van = self.parts(&input.van)?;
        Ok(engineer)
    }

    fn visit(&mut self, input: &'a VisitInput, ids: &Ids<'_>) -> Result<Visit> {
        let mut visit = Visit::new(place(&input.place).context("place")?, input.duration_s);
        for (position, (earliest, latest)) in input.windows.iter().enumerate() {
            visit.windows.push(TimeWindow::new(*earliest, *latest).with_context(|| format!("windows[{position}]"))?);
        }
        visit.skills = self.skills(&input.skills)?;
        for name in &input.certificates {
            visit.certificates.push(CertificateIndex(number(&mut self.certificates, name)?));
        }
        if let Some(name) = &input.territory {
            visit.territory = Some(TerritoryIndex(number(&mut self.territories, name)?));
        }
        if let Some(priority) = input.priority {
            visit.priority = Priority::new(priority).ok_or_else(|| anyhow!("priority: {priority} is not 1 to 5"))?;
        }
        (visit.due, visit.pinned_start, visit.load) = (input.due, input.pinned_start, input.load);
        let engineer = |field: &str, id: &str| known(ids.engineers, field, id).map(EngineerIndex);
        visit.pinned_engineer =
            input.pinned_engineer.as_deref().map(|id| engineer("pinned_engineer", id)).transpose()?;
        visit.barred = input.barred.iter().map(|id| engineer("barred", id)).collect::<Result<_>>()?;
        visit.preferred = input.preferred.iter().map(|id| engineer("preferred", id)).collect::<Result<_>>()?;
        visit.parts = self.parts(&input.parts)?;
        visit.crew_size = input.crew_size.unwrap_or(1);
        for after in &input.after {
            let visit_index = VisitIndex(known(ids.visits, "after", &after.visit)?);
            visit.after.push(Dependency { visit: visit_index, gap_s: after.gap_s });
        }
        if let Some(published) = &input.published {
            let engineer = engineer("published", &published.engineer)?;
            visit.published = Some(Published { engineer, start: published.start });
        }
        Ok(visit)
    }

    fn skills(&mut self, levels: &'a BTreeMap<String, u8>) -> Result<Vec<Skill>> {
        let skill = |(name, level): (&'a String, &u8)| {
            Ok(Skill { skill: SkillIndex(number(&mut self.skills, name)?), level: *level })
        };
        levels.iter().map(skill).collect()
    }

    fn parts(&mut self, counts: &'a BTreeMap<String, u32>) -> Result<Vec<Parts>> {
        let parts = |(name, count): (&'a String, &u32)| {
            Ok(Parts { part: PartIndex(number(&mut self.parts, name)?), count: *count })
        };
        counts.iter().map(parts).collect()
    }
}

fn shift(input: &ShiftInput, home: Place) -> Result<Shift> {
    let interval = Interval::new(input.start, input.end)?;
    let from = input.from.as_ref().map(place).transpose().context("from")?.unwrap_or(home);
    let mut shift = Shift::open(interval, from);
    shift.to = input.to.as_ref().map(place).transpose().context("to")?;
    for (position, pause) in input.breaks.iter().enumerate() {
        let window = TimeWindow::new(pause.earliest, pause.latest).with_context(|| format!("breaks[{position}]"))?;
        shift.breaks.push(Break { window, duration_s: pause.duration_s });
    }
    (shift.overtime_s, shift.forecast_s) = (input.overtime_s, input.forecast_s);
    Ok(shift)
}

fn place(input: &PlaceInput) -> Result<Place> {
    let at = match (input.lat, input.lon, input.index) {
        (Some(lat), Some(lon), _) => Place::new(lat, lon)?,
        (None, None, Some(_)) => Place::new(0.0, 0.0)?,
        _ => bail!("a place has `lat` and `lon`, or an `index` into the matrix"),
    };
    Ok(input.index.map_or(at, |row| at.with_row(row)))
}

fn travel(input: &TravelInput) -> Result<Travel> {
    match input {
        TravelInput::Direct { detour } => Ok(Travel::Direct { detour: *detour }),
        TravelInput::Matrix { seconds, detour } => {
            let side = u32::try_from(seconds.len()).context("travel: seconds: too many rows")?;
            if let Some((row, wrong)) = seconds.iter().enumerate().find(|(_, row)| row.len() != seconds.len()) {
                bail!("travel: seconds[{row}]: {} entries in a matrix of {side} rows", wrong.len());
            }
            let entries = seconds.iter().flatten().map(|entry| entry.unwrap_or(TravelTable::NO_ROAD)).collect();
            Ok(Travel::Table { table: TravelTable::new(side, entries)?, detour: *detour })
        }
    }
}

fn policy(input: &PolicyInput) -> Policy {
    let default = Policy::default();
    Policy {
        travel_permille: input.travel_permille.unwrap_or(default.travel_permille),
        full_load_s: input.full_load_s.unwrap_or(default.full_load_s),
        wait_permille: input.wait_permille.unwrap_or(default.wait_permille),
        late_permille: input.late_permille.unwrap_or(default.late_permille),
        preferred_s: input.preferred_s.unwrap_or(default.preferred_s),
        overskilled_s: input.overskilled_s.unwrap_or(default.overskilled_s),
        missing_part_s: input.missing_part_s.unwrap_or(default.missing_part_s),
        moved_s: input.moved_s.unwrap_or(default.moved_s),
        moved_tolerance_s: input.moved_tolerance_s.unwrap_or(default.moved_tolerance_s),
        overtime_permille: input.overtime_permille.unwrap_or(default.overtime_permille),
        unserved_weight: input.unserved_weight.unwrap_or(default.unserved_weight),
        ..default
    }
}

fn numbered<'a>(kind: &str, ids: impl Iterator<Item = &'a String>) -> Result<BTreeMap<&'a str, u32>> {
    let mut numbers = BTreeMap::new();
    for (number, id) in (0..).zip(ids) {
        if numbers.insert(id.as_str(), number).is_some() {
            bail!("{} is there twice", named(kind, id));
        }
    }
    Ok(numbers)
}

fn number<'a>(words: &mut BTreeMap<&'a str, u16>, name: &'a str) -> Result<u16> {
    let next = u16::try_from(words.len()).map_err(|_| anyhow!("more than {} different names", u16::MAX))?;
    Ok(*words.entry(name).or_insert(next))
}

fn names(words: &BTreeMap<&str, u16>) -> Vec<String> {
    let mut names: Vec<(u16, &str)> = words.iter().map(|(name, number)| (*number, *name)).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name.to_owned()).collect()
}

fn known(ids: &BTreeMap<&str, u32>, field: &str, id: &str) -> Result<u32> {
    ids.get(id).copied().ok_or_else(|| anyhow!("{field}: there is no {id:?}"))
}

fn named(kind: &str, id: impl Display) -> String {
    format!("{kind} \"{id}\"")
}

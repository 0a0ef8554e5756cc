//! Rows in, a board of the engine out; and back from its numbers to our ids.

mod answers;

use std::collections::BTreeMap;

use callout_dispatch::{
    Break as Pause, Certificate, CertificateIndex, Commitment, Engineer, EngineerIndex, Interval, Place, Priority,
    Shift, Skill, SkillIndex, TimeWindow, Traffic, Travel, VisitIndex,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use uuid::Uuid;

use super::board_store::{self as rows, EngineerRow, Horizon, VisitRow};
use super::clock::{end_of, moment, seconds_from, seconds_until};
use super::travel::{Roads, TravelUsed, Travelled, profile_store};
use super::{PlanningError, Terms};
use crate::directory::Break;
use crate::tenancy::TenantTx;

pub use answers::by_rule;

/// What the engine needs to know for some visits, with the ids that its numbers stand for.
pub struct Board {
    pub engine: callout_dispatch::Board,
    pub horizon: Horizon,
    /// Where its travel times come from.
    pub travel: TravelUsed,
    engineers: Vec<UserId>,
    visits: Vec<(VisitId, TicketId)>,
    words: Words,
    /// Engineers who cannot be placed, because nobody has entered where they set out.
    homeless: Vec<UserId>,
    /// When everybody is booked, by the beginning.
    booked: BTreeMap<UserId, Vec<Interval>>,
}

/// The rows of a board, when nothing is said yet of how long drives take.
pub struct Sketch {
    crew: Vec<Engineer>,
    wanted: Vec<callout_dispatch::Visit>,
    /// The version of the travel profile by which everybody has his speed.
    profile: Option<i64>,
    horizon: Horizon,
    engineers: Vec<UserId>,
    visits: Vec<(VisitId, TicketId)>,
    words: Words,
    homeless: Vec<UserId>,
    booked: BTreeMap<UserId, Vec<Interval>>,
}

/// Skills and certificates by number. A certificate is a skill that may expire, in a time zone: the day on which it
/// ends is the one of the site.
#[derive(Default)]
struct Words {
    skills: Vec<String>,
    certificates: Vec<(String, Tz)>,
}

impl Sketch {
    /// Asks for the drives of this board that are not known, while no transaction is open.
    pub async fn informed(&self, roads: &Roads) -> Roads {
        roads.inquire(&self.crew, &self.wanted).await
    }

    /// The board, by these roads.
    pub fn board(self, terms: &Terms, roads: &Roads) -> Result<Board, PlanningError> {
        let Self { mut crew, mut wanted, profile, horizon, engineers, visits, words, homeless, booked } = self;
        let Travelled { travel, mut used } = roads.travel(&mut crew, &mut wanted, terms.detour)?;
        used.profile = profile.filter(|_| used.is_estimated());
        if used.is_measured() {
            // An engine's answers are what they are at every hour.
            crew.iter_mut().for_each(|engineer| engineer.traffic = Traffic::EVEN);
        }
        let engine = callout_dispatch::Board::new(seconds_from(horizon.from), travel, crew, wanted)?;
        Ok(Board { engine, horizon, travel: used, engineers, visits, words, homeless, booked })
    }
}

impl Board {
    /// Loads the board for these visits and engineers, as if some assignments were none, with travel times that are
    /// known. Visits without a position are not on it.
    ///
    /// This is for a unit of work that goes on in the same transaction, and so it asks nobody: see [`super::travel`] for
    /// what happens when drives are missing. Whoever can end the transaction first takes [`Board::sketch`], then
    /// [`Sketch::informed`], then [`Sketch::board`].
    pub async fn load(
        tx: &mut TenantTx,
        visits: &[VisitRow],
        engineers: Vec<EngineerRow>,
        horizon: Horizon,
        except: &[GrantId],
        terms: &Terms,
    ) -> Result<Self, PlanningError> {
        Self::sketch(tx, visits, engineers, horizon, except, terms).await?.board(terms, &terms.roads)
    }

    /// Reads the rows of a board.
    pub async fn sketch(
        tx: &mut TenantTx,
        visits: &[VisitRow],
        engineers: Vec<EngineerRow>,
        horizon: Horizon,
        except: &[GrantId],
        terms: &Terms,
    ) -> Result<Sketch, PlanningError> {
        let words = Words::of(visits);
        let located = engineers.iter().filter_map(|row| home(row).map(|home| (row, home)));
        let speeds: Vec<Option<f64>> = located.clone().map(|(row, _)| row.speed_kmh).collect();
        let mut crew: Vec<Engineer> = located.map(|(row, home)| engineer(row, home, terms)).collect();
        let (placed, homeless): (Vec<_>, Vec<_>) = engineers.into_iter().partition(|row| home(row).is_some());
        let ids: Vec<Uuid> = placed.iter().map(|row| row.engineer_id).collect();
        let at: BTreeMap<Uuid, usize> = ids.iter().copied().zip(0..).collect();

        for row in rows::skills(tx, &ids, &words.skills).await? {
            crew[at[&row.engineer_id]].learn(&row, &words);
        }
        for row in rows::shifts(tx, &ids, horizon).await? {
            let engineer = &mut crew[at[&row.engineer_id]];
            if let Some(interval) = interval(row.starts_at, row.ends_at.min(horizon.to)) {
                let breaks = breaks(&row.breaks, horizon.from);
                engineer.shifts.push(Shift { breaks, ..Shift::open(interval, engineer.home) });
            }
        }
        for row in rows::time_off(tx, &ids, horizon).await? {
            crew[at[&row.engineer_id]].time_off.extend(interval(row.starts_at, row.ends_at));
        }
        let everybody: Vec<Uuid> = ids.iter().copied().chain(homeless.iter().map(|row| row.engineer_id)).collect();
        let mut booked: BTreeMap<UserId, Vec<Interval>> = BTreeMap::new();
        for row in rows::bookings(tx, &everybody, horizon, except).await? {
            let Some(interval) = interval(row.starts_at, row.ends_at) else { continue };
            booked.entry(UserId(row.engineer_id)).or_default().push(interval);
            let Some(engineer) = at.get(&row.engineer_id).map(|index| &mut crew[*index]) else { continue };
            // Where a site has lost its position the engineer is as good as anywhere; he is not free all the same.
            let place = place(row.lat, row.lon).unwrap_or(engineer.home);
            engineer.commitments.push(Commitment { place, interval, priority: priority(row.priority) });
        }

        for row in rows::positions(tx, &ids, horizon.from).await? {
            crew[at[&row.engineer_id]].position = place(Some(row.lat), Some(row.lon));
        }

        let located = visits.iter().filter_map(|row| Some((row, place(row.lat, row.lon)?)));
        let wanted: Vec<_> = located.clone().map(|(row, place)| visit(row, place, &words, &at)).collect();
        let profile = profile_store::profile(tx, None).await?.map(|kept| kept.profile);
        if let Some(profile) = &profile {
            profile.set_paces(&mut crew, &speeds, &wanted, terms);
        }
        Ok(Sketch {
            crew,
            wanted,
            profile: profile.map(|profile| profile.version),
            horizon,
            engineers: ids.into_iter().map(UserId).collect(),
            visits: located.map(|(row, _)| (VisitId(row.visit_id), TicketId(row.ticket_id))).collect(),
            words,
            homeless: homeless.into_iter().map(|row| UserId(row.engineer_id)).collect(),
            booked,
        })
    }

    pub fn visit(&self, index: VisitIndex) -> (VisitId, TicketId) {
        self.visits[index.0 as usize]
    }

    pub fn engineer(&self, index: EngineerIndex) -> UserId {
        self.engineers[index.0 as usize]
    }

    /// Where an engineer stands on the board; none if he is not on it.
    pub fn index_of(&self, engineer: UserId) -> Option<EngineerIndex> {
        let index = self.engineers.iter().position(|one| *one == engineer)?;
        u32::try_from(index).ok().map(EngineerIndex)
    }

    pub fn skill(&self, skill: SkillIndex) -> &str {
        &self.words.skills[usize::from(skill.0)]
    }

    /// The skill that a certificate is for.
    pub fn certificate(&self, certificate: CertificateIndex) -> &str {
        &self.words.certificates[usize::from(certificate.0)].0
    }

    /// Whether a certificate is one for this skill.
    pub fn is_for(&self, certificate: CertificateIndex, skill: SkillIndex) -> bool {
        self.words.certificates[usize::from(certificate.0)].0 == self.words.skills[usize::from(skill.0)]
    }

    pub fn is_homeless(&self, engineer: UserId) -> bool {
        self.homeless.contains(&engineer)
    }

    /// The first moment from then on at which nothing is booked for so long.
    pub fn first_free(&self, engineer: UserId, from: DateTime<Utc>, duration: TimeDelta) -> DateTime<Utc> {
        let booked = self.booked.get(&engineer).map(Vec::as_slice).unwrap_or_default();
        let after = |free: i64, taken: &Interval| {
            if free + duration.num_seconds() <= taken.start() { free } else { free.max(taken.end()) }
        };
        moment(booked.iter().fold(seconds_from(from), after))
    }

    pub fn engineer_count(&self) -> usize {
        self.engineers.len() + self.homeless.len()
    }

    /// How fast anybody gets nearer to the first visit on the board, as the crow flies: as the fastest is assumed to
    /// drive, or, where drives have been measured, a little more than the fastest of those that are long enough to tell.
    pub fn pace_mps(&self, terms: &Terms) -> f64 {
        let speeds = self.engine.engineers().iter().map(Engineer::top_speed_mps);
        let assumed = speeds.fold(terms.speed_kmh / 3.6, f64::max) / terms.detour;
        let (Travel::Table { table, .. }, Some(visit)) = (self.engine.travel(), self.engine.visits().first()) else {
            return assumed;
        };
        let homes = self.engine.engineers().iter().map(|engineer| engineer.home);
        let paces = homes.filter_map(|home| {
            let (seconds, way_m) = (table.seconds(home.row()?, visit.place.row()?)?, home.distance_m(visit.place));
            (way_m >= LONG_WAY_M && seconds > 0).then(|| way_m / seconds as f64)
        });
        paces.fold(assumed, f64::max) * 1.25
    }
}

/// Where the site of a visit is; none until it is located.
pub fn place_of(visit: &VisitRow) -> Option<Place> {
    place(visit.lat, visit.lon)
}

impl Words {
    fn of(visits: &[VisitRow]) -> Self {
        let mut words = Self::default();
        for visit in visits {
            let zone = zone(visit);
            for skill in &visit.skills {
                if !words.skills.contains(skill) {
                    words.skills.push(skill.clone());
                }
                if words.certificate(skill, zone).is_none() {
                    words.certificates.push((skill.clone(), zone));
                }
            }
        }
        words
    }

    fn skill(&self, skill: &str) -> Option<SkillIndex> {
        let index = self.skills.iter().position(|known| known == skill)?;
        u16::try_from(index).ok().map(SkillIndex)
    }

    fn certificate(&self, skill: &str, zone: Tz) -> Option<CertificateIndex> {
        let index = self.certificates.iter().position(|(known, there)| known == skill && *there == zone)?;
        u16::try_from(index).ok().map(CertificateIndex)
    }
}

/// What an engineer can do is added row by row.
trait Learn {
    fn learn(&mut self, row: &rows::SkillRow, words: &Words);
}

impl Learn for Engineer {
    fn learn(&mut self, row: &rows::SkillRow, words: &Words) {
        let Some(skill) = words.skill(&row.skill) else { return };
        self.skills.push(Skill { skill, level: level(row.level) });
        let there = words.certificates.iter().filter(|(skill, _)| *skill == row.skill);
        self.certificates.extend(there.filter_map(|(skill, zone)| {
            let expires = row.expires_on.map(|last_day| end_of(last_day, *zone).timestamp());
            Some(Certificate { certificate: words.certificate(skill, *zone)?, expires })
        }));
    }
}

fn engineer(row: &EngineerRow, home: Place, terms: &Terms) -> Engineer {
    Engineer { speed_mps: row.speed_kmh.unwrap_or(terms.speed_kmh) / 3.6, ..Engineer::new(home) }
}

fn visit(row: &VisitRow, place: Place, words: &Words, at: &BTreeMap<Uuid, usize>) -> callout_dispatch::Visit {
    let duration_s = u32::try_from(row.duration_ms.max(0).unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX);
    let window = row.starts_at.zip(row.ends_at);
    let window = window.and_then(|(from, to)| TimeWindow::new(seconds_from(from), seconds_until(to)).ok());
    let skills = row.skills.iter().zip(&row.levels);
    let skills = skills.filter_map(|(skill, at)| Some(Skill { skill: words.skill(skill)?, level: level(*at) }));
    let certificates = row.skills.iter().filter_map(|skill| words.certificate(skill, zone(row)));
    let barred = row.declined_by.iter().filter_map(|engineer| at.get(engineer));
    callout_dispatch::Visit {
        windows: window.into_iter().collect(),
        pinned_start: window.filter(|_| row.is_pinned).map(TimeWindow::earliest),
        skills: skills.collect(),
        certificates: certificates.collect(),
        priority: priority(row.priority),
        due: due(row).map(seconds_until),
        barred: barred.filter_map(|index| u32::try_from(*index).ok().map(EngineerIndex)).collect(),
        ..callout_dispatch::Visit::new(place, duration_s)
    }
}

/// When the visit should have ended: by the resolution target, and so that it began by the response target.
fn due(row: &VisitRow) -> Option<DateTime<Utc>> {
    let responded = row.respond_by.map(|by| by + TimeDelta::milliseconds(row.duration_ms));
    responded.into_iter().chain(row.resolve_by).min()
}

fn zone(visit: &VisitRow) -> Tz {
    visit.time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

fn home(row: &EngineerRow) -> Option<Place> {
    place(row.home_lat, row.home_lon)
}

/// Two columns that are null together.
pub(super) fn place(lat: Option<f64>, lon: Option<f64>) -> Option<Place> {
    Place::new(lat?, lon?).ok()
}

/// Those that are still to be taken. Who should have begun his by now has taken it, for all that anybody knows.
fn breaks(all: &[Break], now: DateTime<Utc>) -> Vec<Pause> {
    let ahead = all.iter().filter(|pause| pause.latest_start >= now);
    let pause = |pause: &Break| {
        let window = TimeWindow::new(seconds_until(pause.earliest_start), seconds_until(pause.latest_start)).ok()?;
        Some(Pause { window, duration_s: pause.duration_min * 60 })
    };
    ahead.filter_map(pause).collect()
}

/// Whole seconds that cover this time; none if it is over before it begins.
fn interval(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Interval> {
    Interval::new(seconds_until(from), seconds_from(to)).ok()
}

pub(super) fn priority(stored: i32) -> Priority {
    u8::try_from(stored).ok().and_then(Priority::new).unwrap_or(Priority::LEAST_URGENT)
}

fn level(stored: i32) -> u8 {
    u8::try_from(stored).unwrap_or(u8::MAX)
}

/// A shorter drive says more of its ends than of the roads.
const LONG_WAY_M: f64 = 3_000.0;

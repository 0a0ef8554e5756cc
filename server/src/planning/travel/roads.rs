//! Where planning gets its drives from.
//!
//! [`Roads`] goes with the terms of a decision. A board that is built asks it for travel times, and gets them from what
//! is known in this process: nothing here waits for a network while a transaction is open. What is not known is asked
//! for between transactions, by [`Roads::inquire`] for a board whose rows have been read, or by [`informed`] for a unit
//! of work that finds in the middle that it has to know more: it is undone, the engine is asked, and it is done again.
//!
//! Whatever the engine does, there is an answer. Where there is none from it, all drives of the board are estimated,
//! so that nobody is compared by two measures, and the reason goes with the board.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use callout_dispatch::{Engineer, Travel, Visit};
use tokio::time::Instant;

use super::asking::Asking;
use super::drives::Drives;
use super::error::RoadsError;
use super::question::Question;
use super::used::TravelUsed;
use crate::planning::PlanningError;

/// The drives that a decision may go by.
#[derive(Clone, Default)]
pub struct Roads {
    asking: Option<Arc<Asking>>,
    stance: Stance,
}

/// What happens when something is not known.
#[derive(Clone, Default)]
enum Stance {
    /// All drives are estimated.
    #[default]
    Estimate,
    /// The unit of work is given up, to be done again when it is known.
    Ask,
    /// It has been tried, to no avail: all drives are estimated, even if they have become known since.
    Failed(String),
    /// The answers for one board.
    Answered(Arc<Drives>),
}

/// How long the drives of a board take, and where that comes from.
#[derive(Debug, Clone)]
pub struct Travelled {
    pub travel: Travel,
    pub used: TravelUsed,
}

impl Roads {
    /// By what an engine says.
    pub fn by(asking: Asking) -> Self {
        Self { asking: Some(Arc::new(asking)), stance: Stance::Estimate }
    }

    /// Travel times for these engineers and visits, whose places are told which rows of the table are theirs.
    ///
    /// # Errors
    /// Something is not known, and whoever made these roads wants to ask: see [`informed`].
    pub fn travel(
        &self,
        engineers: &mut [Engineer],
        visits: &mut [Visit],
        detour: f64,
    ) -> Result<Travelled, PlanningError> {
        let Some(asking) = &self.asking else { return Ok(Travelled::direct(detour, None)) };
        let drives = match &self.stance {
            Stance::Failed(because) => return Ok(Travelled::direct(detour, Some(because.clone()))),
            Stance::Answered(drives) => Arc::clone(drives),
            Stance::Estimate | Stance::Ask => {
                let question = Question::about(engineers, visits);
                if question.drives() > Asking::MOST_DRIVES {
                    return Ok(Travelled::direct(detour, Some(Asking::too_many().to_string())));
                }
                Arc::new(asking.look_up(Arc::new(question)))
            }
        };
        if drives.unknown() > 0 {
            return match (&self.stance, asking.paused()) {
                // It would be in vain, and the work would be done twice for it.
                (_, Some(because)) => Ok(Travelled::direct(detour, Some(because.to_string()))),
                (Stance::Ask, None) => Err(PlanningError::RoadsToAsk(Arc::clone(drives.question()))),
                (_, None) => Ok(Travelled::direct(detour, Some("the drives have not been asked for".to_owned()))),
            };
        }
        let off_the_map = drives.off_the_map();
        let lost = off_the_map.iter().filter(|is_off| **is_off).count();
        let table = drives.table().map_err(|_| PlanningError::Corrupt("a table of drives"))?;
        drives.question().number(engineers, visits, &off_the_map);
        let used = TravelUsed::measured(asking.engine(), lost);
        Ok(Travelled { travel: Travel::Table { table, detour }, used })
    }

    /// Asks for what is not known of these engineers and visits. The roads that come of it are for their board alone.
    /// No transaction may be open.
    pub async fn inquire(&self, engineers: &[Engineer], visits: &[Visit]) -> Self {
        let Some(asking) = &self.asking else { return self.clone() };
        let stance = match asking.ask(Arc::new(Question::about(engineers, visits)), Asking::PLAN_PATIENCE).await {
            Ok(drives) => Stance::Answered(Arc::new(drives)),
            Err(error) => Stance::Failed(error.to_string()),
        };
        Self { asking: self.asking.clone(), stance }
    }

    fn asking_first(&self) -> Self {
        let stance = if self.asking.is_some() { Stance::Ask } else { Stance::Estimate };
        Self { asking: self.asking.clone(), stance }
    }

    fn failed(&self, because: String) -> Self {
        Self { asking: self.asking.clone(), stance: Stance::Failed(because) }
    }
}

/// Does a unit of work with roads that are known. If it meets drives that nobody has asked for, it has failed, and with
/// it its transaction; they are asked for, and it is done once more. It never fails because of a routing engine, and never
/// waits for one longer than [`Asking::RANK_PATIENCE`], however often it has to ask.
pub async fn informed<T, R: Future<Output = Result<T, PlanningError>>>(
    roads: &Roads,
    attempt: impl Fn(Roads) -> R,
) -> Result<T, PlanningError> {
    informed_within(Asking::RANK_PATIENCE, roads, attempt).await
}

/// [`informed`] by somebody who waits so long in all.
pub(super) async fn informed_within<T, R: Future<Output = Result<T, PlanningError>>>(
    patience: Duration,
    roads: &Roads,
    attempt: impl Fn(Roads) -> R,
) -> Result<T, PlanningError> {
    let (mut roads, until) = (roads.asking_first(), Instant::now() + patience);
    for _ in 0..MOST_QUESTIONS {
        let question = match attempt(roads.clone()).await {
            Err(PlanningError::RoadsToAsk(question)) => question,
            outcome => return outcome,
        };
        let Some(asking) = &roads.asking else { break };
        let left = until.saturating_duration_since(Instant::now());
        let asked = match left.is_zero() {
            true => Err(RoadsError::Slow(patience)),
            false => asking.ask(question, left).await.map(drop),
        };
        if let Err(error) = asked {
            roads = roads.failed(error.to_string());
        }
    }
    attempt(roads.failed("there were always more drives to ask for".to_owned())).await
}

impl Travelled {
    fn direct(detour: f64, because: Option<String>) -> Self {
        Self { travel: Travel::Direct { detour }, used: TravelUsed::direct(because) }
    }
}

impl fmt::Debug for Roads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roads")
            .field("engine", &self.asking.as_ref().map(|asking| asking.engine()))
            .finish_non_exhaustive()
    }
}

/// A search for engineers widens a few times, and each time it may meet places that are new.
const MOST_QUESTIONS: u32 = 6;

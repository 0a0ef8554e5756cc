//! Leaves a routing engine alone that has just failed, so that nobody waits for it twice.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::RoadsError;

/// After a failure nobody asks for a while; then one asks, and by what comes of it the others ask again or wait longer.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Until when nobody asks, and why.
    paused: Option<(Instant, RoadsError)>,
}

impl Breaker {
    /// Whether the engine may be asked now; if not, why it failed.
    pub fn admit(&self, now: Instant) -> Result<(), RoadsError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = pause(state.failures);
        match &mut state.paused {
            Some((until, because)) if now < *until => Err(because.clone()),
            Some((until, _)) => {
                // This one finds out; the others go on waiting until it has.
                *until = now + pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Why nobody asks at present; none if somebody may.
    pub fn paused(&self, now: Instant) -> Option<RoadsError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.paused.as_ref().filter(|(until, _)| now < *until).map(|(_, because)| because.clone())
    }

    pub fn succeeded(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.paused.take().is_some() {
            tracing::info!("the routing engine answers again");
        }
        state.failures = 0;
        metrics::gauge!("routing_paused").set(0.0);
    }

    pub fn failed(&self, now: Instant, because: &RoadsError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = state.paused.is_none();
        // Requests that were under way together fail together, and count once.
        if state.paused.as_ref().is_none_or(|(until, _)| now + SHORTEST_PAUSE >= *until) {
            state.failures = state.failures.saturating_add(1);
        }
        state.paused = Some((now + pause(state.failures), because.clone()));
        metrics::gauge!("routing_paused").set(1.0);
        if is_first {
            tracing::error!(reason = %because, "the routing engine fails: drives are estimated until it answers");
        }
    }
}

fn pause(failures: u32) -> Duration {
    SHORTEST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

const SHORTEST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(240);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_asks_for_all() {
        let (breaker, begin) = (Breaker::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(breaker.admit(at(0)).is_ok());
        breaker.failed(at(5), &RoadsError::Unreachable);
        assert_eq!(breaker.admit(at(19)), Err(RoadsError::Unreachable), "nobody waits in vain");
        assert_eq!((breaker.paused(at(19)), breaker.paused(at(20))), (Some(RoadsError::Unreachable), None));
        assert!(breaker.admit(at(20)).is_ok(), "one finds out");
        assert!(breaker.admit(at(21)).is_err(), "and the others do not");
        breaker.failed(at(25), &RoadsError::Status(502));
        assert_eq!(breaker.admit(at(54)), Err(RoadsError::Status(502)), "longer than the first time");
        assert!(breaker.admit(at(55)).is_ok());
        breaker.succeeded();
        assert!(breaker.admit(at(55)).is_ok() && breaker.admit(at(55)).is_ok());
    }

    #[test]
    fn what_fails_together_counts_once() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            breaker.failed(now, &RoadsError::Unreachable);
        }
        assert!(breaker.admit(now + Duration::from_secs(31)).is_ok());
    }

    #[test]
    fn an_engine_is_never_given_up() {
        assert_eq!([1, 2, 3, 5, 500].map(|failures| pause(failures).as_secs()), [15, 30, 60, 240, 240]);
    }
}

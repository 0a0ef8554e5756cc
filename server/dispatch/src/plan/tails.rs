//! What two duties do from a point on, changing hands: strings are too short for that where routes are long.

use super::draft::{Draft, Step};
use crate::route::Stop;

impl Draft<'_> {
    /// Lets two duties change what they do from a position on. False if they may not or cannot: then nothing is left but
    /// [`Draft::undo`].
    #[must_use]
    pub fn exchange_tails(&mut self, one: (usize, usize), other: (usize, usize)) -> bool {
        let ways = [(one, other.0), (other, one.0)];
        if !ways.iter().all(|((from, at), to)| self.may_all(*from, *at, *to)) {
            return false;
        }
        let tails = ways.map(|((from, at), to)| {
            self.save(from);
            let tail = self.routes[from].cut_off(at);
            for stop in &tail {
                self.leave(stop.node);
                self.steps.push(Step::Left { visit: stop.node, duty: from as u32 });
            }
            (tail, to)
        });
        let field = self.field;
        tails.into_iter().all(|(tail, to)| {
            for stop in &tail {
                self.serve(stop.node, to as u32);
                self.steps.push(Step::Came { visit: stop.node });
            }
            let terms = |visit: u32| field.able_on(visit, to).map(|able| (able.deadline, i64::from(able.bias_s)));
            self.routes[to].append(field.ground(to), tail, terms)
        })
    }

    /// Whether all that a duty does from a position on are visits that another one could do, and nothing ties.
    fn may_all(&self, from: usize, at: usize, to: usize) -> bool {
        let field = self.field;
        let is_free = |stop: &Stop| stop.is_visit() && !field.ties.contains_key(&stop.node);
        let mut tail = self.routes[from].stops[at..].iter();
        tail.all(|stop| is_free(stop) && field.able_on(stop.node, to).is_some())
    }
}

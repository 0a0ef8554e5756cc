use crate::command::{Author, Refusal, Stamp, TicketView};
use crate::document::{Fact, FactBody, Sealed};
use crate::ids::VisitId;

/// Answers a step of the checklist, sealed for the field `value`. An earlier answer that the author has seen is
/// replaced; one that he has not stays beside it.
pub fn answer(
    ticket: &TicketView<'_>,
    author: &Author,
    stamp: Stamp,
    visit: VisitId,
    step: String,
    value: Sealed,
) -> Result<Fact, Refusal> {
    let corrects = ticket.state.entries.answers.get(&step).and_then(|answers| answers.last().copied());
    ticket.say(author, stamp, Some(visit), FactBody::Answer { step, value, corrects })
}

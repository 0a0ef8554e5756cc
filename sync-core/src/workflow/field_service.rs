//! The built-in workflow of field service.

use crate::workflow::Status::*;
use crate::workflow::{Move, MoveRule, Need, Party, Status, Workflow};

/// A solution is compulsory before done, a verification before closing; a ticket may be reopened from any end.
pub(crate) fn workflow() -> Workflow {
    let engineers = &[Party::Lead, Party::Crew][..];
    let lead = &[Party::Lead][..];
    let desk = &[Party::Dispatcher, Party::Admin][..];
    let open = &[Created, Assigned, Accepted, EnRoute, OnSite, InProgress, Paused][..];
    let rules = vec![
        rule(Move::Assign, open, Assigned, desk),
        rule(Move::Unassign, open, Created, desk),
        rule(Move::Accept, &[Assigned], Accepted, engineers),
        rule(Move::Decline, &[Assigned, Accepted], Created, engineers),
        rule(Move::Depart, &[Accepted, Paused], EnRoute, engineers),
        rule(Move::CheckIn, &[Accepted, EnRoute, Paused], OnSite, engineers),
        rule(Move::Start, &[OnSite, Paused], InProgress, engineers),
        rule(Move::Pause, &[OnSite, InProgress], Paused, engineers),
        rule(Move::CheckOut, &[OnSite, InProgress, Paused, Done, Verified, Closed, Cancelled], Paused, engineers),
        MoveRule { needs: vec![Need::Solution], ..rule(Move::Done, &[InProgress, Paused], Done, lead) },
        rule(Move::Verify, &[Done], Verified, desk),
        rule(Move::Close, &[Verified], Closed, desk),
        rule(Move::Cancel, open, Cancelled, desk),
        rule(Move::Reopen, &[Done, Verified, Closed, Cancelled], Assigned, desk),
    ];
    Workflow { code: "field_service".into(), version: 1, rules }
}

fn rule(verb: Move, from: &[Status], to: Status, by: &[Party]) -> MoveRule {
    MoveRule { verb, from: from.to_vec(), to, by: by.to_vec(), needs: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_has_a_rule_and_every_status_can_be_left_and_reached() {
        let workflow = workflow();
        for verb in Move::ALL {
            let rule = workflow.rules.iter().find(|rule| rule.verb == *verb).unwrap();
            assert_eq!(rule.to, verb.leads_to(), "{verb}");
        }
        for status in Status::ALL {
            assert!(Move::ALL.iter().any(|verb| workflow.rule(*verb, *status).is_some()), "{status} is a dead end");
            assert!(workflow.rules.iter().any(|rule| rule.to == *status), "{status} is never reached");
        }
    }

    #[test]
    fn nothing_but_reopening_leads_out_of_an_end() {
        for status in Status::ALL.iter().filter(|status| status.is_terminal()) {
            for verb in Move::ALL.iter().filter(|verb| workflow().rule(**verb, *status).is_some()) {
                assert!(matches!(verb, Move::Reopen | Move::CheckOut), "{verb} from {status}");
            }
        }
    }
}

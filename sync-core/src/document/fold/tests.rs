//! The fold, with a server and phones.

mod entries;
mod order;
mod stories;

use super::*;
use crate::command;
use crate::document::admission::WindowEffect;
use crate::document::{DocumentError, Effect, GrantRole, Scalar, ServerEdit, Side};
use crate::testing::{ANA, BEN, NOON, Phone, Scene, VISIT, sealed, server_actor};
use crate::time::{ServerTime, TimeWindow};
use crate::workflow::{MoveRule, Party};

fn note(phone: &mut Phone, text: &str) -> FactId {
    phone.does(|ticket, author, stamp| command::note(ticket, author, stamp, Some(VISIT), sealed(text), None)).id
}

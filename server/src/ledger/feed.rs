//! The feed: which ticket moved, for whom, in an order that never skips a row.
//!
//! Serials and commits come in different orders, so a reader that remembers a serial can miss a row for ever. Each row
//! carries its transaction id; rows are read in `(xid, serial)` order and only below the oldest transaction still
//! running, so nothing can appear behind a reader. Sync, the live stream and the relay all read by [`Position`].

use std::fmt;
use std::str::FromStr;

use sync_core::ids::{CustomerId, SiteId, TicketId};

use super::LedgerError;
use crate::tenancy::TenantTx;

/// A place in the feed: everything up to and including it has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Transaction id of the last row seen.
    pub xid: i64,
    /// Serial of the last row seen, within its transaction.
    pub serial: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xid, self.serial)
    }
}

/// Text that is not a feed position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a feed position: expected two numbers joined by '-'")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (xid, serial) = text.split_once('-').ok_or(NotAPosition)?;
        let number = |part: &str| part.parse::<i64>().ok().filter(|n| *n >= 0).ok_or(NotAPosition);
        Ok(Self { xid: number(xid)?, serial: number(serial)? })
    }
}

/// What happened to a ticket in the eyes of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// It came into the channel's scope.
    Enter,
    /// It changed within it.
    Change,
    /// It left it.
    Leave,
}

/// One row of the feed.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// The ticket that moved.
    pub ticket: TicketId,
    /// How it moved.
    pub motion: Motion,
    /// The first of the versions it brought.
    pub from_version: i64,
    /// It brought none: a row beside the ticket changed, such as its site.
    pub is_beside: bool,
    /// It brought none: work of the channel's user on this ticket was set aside, or somebody decided about it.
    pub is_notice: bool,
}

/// Stands for the first version in the row of a notice: there is none, and no reader can mistake it for one.
pub const NOTICE: i64 = i64::MAX;

/// A row that tickets name beside their documents.
#[derive(Debug, Clone, Copy)]
pub enum Beside {
    Site(SiteId),
    Customer(CustomerId),
    /// All that one ticket names: it names others now.
    Ticket(TicketId),
}

/// Tells the channels of all tickets concerned that a row beside them changed, in the transaction that changes it.
pub async fn publish_beside(tx: &mut TenantTx, beside: Beside) -> Result<(), sqlx::Error> {
    let (site, customer, ticket) = match beside {
        Beside::Site(id) => (Some(id.0), None, None),
        Beside::Customer(id) => (None, Some(id.0), None),
        Beside::Ticket(id) => (None, None, Some(id.0)),
    };
    sqlx::query!(
        "insert into feed (tenant_id, channel, ticket_id, kind, from_version, to_version)
        select $1, s.channel, s.ticket_id, 'change', d.version + 1, d.version
        from ticket t
        join ticket_scope s on s.ticket_id = t.ticket_id
        join ticket_document d on d.ticket_id = t.ticket_id
        where t.site_id = $2 or t.customer_id = $3 or t.ticket_id = $4",
        tx.tenant().0,
        site,
        customer,
        ticket,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

/// The next rows of these channels after `after`, oldest first, at most `most`.
pub async fn read(
    tx: &mut TenantTx,
    channels: &[String],
    after: Position,
    most: i64,
) -> Result<Vec<Entry>, LedgerError> {
    let rows = sqlx::query!(
        "select xid, serial, ticket_id, kind, from_version, to_version
        from feed
        where channel = any($1)
            and (xid, serial) > ($2, $3)
            and xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        order by xid, serial
        limit $4",
        channels,
        after.xid,
        after.serial,
        most,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Entry {
            position: Position { xid: row.xid, serial: row.serial },
            ticket: TicketId(row.ticket_id),
            motion: match row.kind.as_str() {
                "enter" => Motion::Enter,
                "leave" => Motion::Leave,
                _ => Motion::Change,
            },
            from_version: row.from_version,
            is_beside: row.to_version < row.from_version && row.from_version != NOTICE,
            is_notice: row.from_version == NOTICE,
        })
        .collect())
}

/// The position before which every row is already visible: where a reader that takes a whole snapshot now goes on.
pub async fn horizon(tx: &mut TenantTx) -> Result<Position, LedgerError> {
    let xmin = sqlx::query_scalar!(r#"select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as "xmin!""#)
        .fetch_one(tx.as_mut())
        .await?;
    Ok(Position { xid: xmin - 1, serial: i64::MAX })
}

/// The channel of what an engineer works on.
pub fn engineer_channel(user: sync_core::ids::UserId) -> String {
    format!("engineer:{user}")
}

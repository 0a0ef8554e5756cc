//! What is offered to an engineer from the pool.

use sync_core::ids::{TicketId, UserId};

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// A ticket that may be taken, or might have been.
pub struct Offer {
    pub ticket: TicketId,
    pub revision: i64,
    /// What the phone shows of it; nothing once it is gone.
    pub card: Option<Vec<u8>>,
}

/// The revision of the engineer's offers, and the one from which on all that is gone since is still known.
pub async fn revisions(tx: &mut TenantTx, engineer: UserId) -> Result<(i64, i64), LedgerError> {
    let reader = sqlx::query!("select revision, complete_from from pool_reader where engineer_id = $1", engineer.0)
        .fetch_optional(tx.as_mut())
        .await?;
    Ok(reader.map_or((0, 0), |row| (row.revision, row.complete_from)))
}

/// At most so many offers that have changed since a revision; from 0 on those that stand.
pub async fn offers_since(
    tx: &mut TenantTx,
    engineer: UserId,
    known: i64,
    limit: i64,
) -> Result<Vec<Offer>, LedgerError> {
    let rows = sqlx::query!(
        r#"select o.ticket_id, o.revision, o.is_gone, c.card as "card?"
        from pool_offer o
        left join pool_card c on c.ticket_id = o.ticket_id
        where o.engineer_id = $1 and o.revision > $2 and ($2 > 0 or not o.is_gone)
        order by o.revision
        limit $3"#,
        engineer.0,
        known,
        limit,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let offer = rows.into_iter().map(|row| Offer {
        ticket: TicketId(row.ticket_id),
        revision: row.revision,
        card: row.card.filter(|_| !row.is_gone),
    });
    Ok(offer.collect())
}

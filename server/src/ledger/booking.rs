//! The engineers' time: nobody is in two places at once, because the database does not have it.

use sqlx::Executor;
use sync_core::document::{FactBody, TicketDoc};
use sync_core::ids::{GrantId, TicketId, UserId, VisitId};
use sync_core::time::{ServerTime, TimeWindow};

use super::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// A claim on an engineer's time.
pub struct Booking {
    pub grant: GrantId,
    pub user: UserId,
    pub ticket: TicketId,
    pub visit: VisitId,
    pub slot: TimeWindow,
}

/// What becomes of engineers' time when the desk acts.
pub enum Claim {
    Book(Booking),
    Shift { visit: VisitId, from: TimeWindow, to: TimeWindow },
    Release(GrantId),
}

/// Makes the claims in their order; [`LedgerError::DoubleBooked`] at the first that does not hold.
pub async fn make(tx: &mut TenantTx, claims: &[Claim]) -> Result<(), LedgerError> {
    for claim in claims {
        let holds = match claim {
            Claim::Book(booking) => book(tx, booking).await?,
            Claim::Shift { visit, from, to } => shift(tx, *visit, Some(*from), *to).await?,
            Claim::Release(grant) => {
                release(tx, *grant).await?;
                true
            }
        };
        if !holds {
            return Err(LedgerError::DoubleBooked);
        }
    }
    Ok(())
}

/// Claims anew what the assignments of a ticket that came back say, as far as it is free. Who lost his slot to another
/// keeps the assignment: the document is what counts, and the desk sees both in the plan.
pub async fn claim_again(tx: &mut TenantTx, doc: &TicketDoc) -> Result<(), LedgerError> {
    let booked = sqlx::query_scalar!("select grant_id from booking where ticket_id = $1", doc.ticket().0)
        .fetch_all(tx.as_mut())
        .await?;
    for fact in doc.facts() {
        let FactBody::Assign { grant, user, start: Some(start), end: Some(end) } = &fact.body else { continue };
        let (Some(visit), Ok(slot)) = (fact.visit, TimeWindow::new(*start, *end)) else { continue };
        let is_held = doc.grants().get(grant).is_some_and(|grant| grant.ended.is_none());
        match (is_held, booked.contains(&grant.0)) {
            (true, false) => {
                let booking = Booking { grant: *grant, user: *user, ticket: doc.ticket(), visit, slot };
                if !book(tx, &booking).await? {
                    tracing::warn!(ticket.id = %doc.ticket(), engineer.id = %user, "an assignment came back, and its slot is taken");
                }
            }
            (false, true) => release(tx, *grant).await?,
            _ => {}
        }
    }
    Ok(())
}

/// Books the slot; false when the engineer is taken.
async fn book(tx: &mut TenantTx, booking: &Booking) -> Result<bool, LedgerError> {
    claim(tx, async |tx: &mut TenantTx| {
        sqlx::query!(
            "insert into booking (tenant_id, grant_id, user_id, ticket_id, visit_id, starts_at, ends_at)
            values ($1, $2, $3, $4, $5, $6, $7)",
            tx.tenant().0,
            booking.grant.0,
            booking.user.0,
            booking.ticket.0,
            booking.visit.0,
            instant(booking.slot.start()),
            instant(booking.slot.end()),
        )
        .execute(tx.as_mut())
        .await
    })
    .await
}

/// Moves the bookings of a visit along with its window; false, and nothing moved, when an engineer is taken then.
pub async fn shift(
    tx: &mut TenantTx,
    visit: VisitId,
    from: Option<TimeWindow>,
    to: TimeWindow,
) -> Result<bool, LedgerError> {
    let Some(from) = from else { return Ok(true) };
    let by_ms = to.start().0 - from.start().0;
    if by_ms == 0 {
        return Ok(true);
    }
    let by_s =
        std::time::Duration::from_millis(by_ms.unsigned_abs()).as_secs_f64() * if by_ms < 0 { -1.0 } else { 1.0 };
    claim(tx, async |tx: &mut TenantTx| {
        sqlx::query!(
            "update booking
            set starts_at = starts_at + make_interval(secs => $2), ends_at = ends_at + make_interval(secs => $2)
            where visit_id = $1",
            visit.0,
            by_s,
        )
        .execute(tx.as_mut())
        .await
    })
    .await
}

/// Gives back what is left of the time booked for the visits of a ticket that are over. True if there was any.
pub async fn give_back_rest(tx: &mut TenantTx, ticket: TicketId, now: ServerTime) -> Result<bool, LedgerError> {
    let done = sqlx::query!(
        "with over as (
            select b.grant_id
            from booking b
            join visit v on v.visit_id = b.visit_id
            where b.ticket_id = $1 and b.ends_at > $2 and v.status in ('done', 'verified', 'closed', 'cancelled')
        ), unused as (
            delete from booking where grant_id in (select grant_id from over) and starts_at >= $2
        )
        update booking set ends_at = $2 where grant_id in (select grant_id from over) and starts_at < $2",
        ticket.0,
        instant(now),
    )
    .execute(tx.as_mut())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives the time of an assignment back.
async fn release(tx: &mut TenantTx, grant: GrantId) -> Result<(), LedgerError> {
    sqlx::query!("delete from booking where grant_id = $1", grant.0).execute(tx.as_mut()).await?;
    Ok(())
}

/// Gives time back a little ahead: these assignments are ended further on in this transaction, and what comes before may
/// need the time. Whoever does not end them after all must roll back to before.
pub async fn release_ahead(tx: &mut TenantTx, grants: &[GrantId]) -> Result<(), LedgerError> {
    if grants.is_empty() {
        return Ok(());
    }
    let grants: Vec<uuid::Uuid> = grants.iter().map(|grant| grant.0).collect();
    sqlx::query!("delete from booking where grant_id = any($1)", &grants).execute(tx.as_mut()).await?;
    Ok(())
}

/// Tries a claim under a savepoint: true if it holds, false if the time was taken.
async fn claim<D>(
    tx: &mut TenantTx,
    attempt: impl AsyncFnOnce(&mut TenantTx) -> Result<D, sqlx::Error>,
) -> Result<bool, LedgerError> {
    tx.execute("savepoint claim").await?;
    match attempt(tx).await {
        Ok(_) => {
            tx.execute("release savepoint claim").await?;
            Ok(true)
        }
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("booking_no_overlap") => {
            tx.execute("rollback to savepoint claim").await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

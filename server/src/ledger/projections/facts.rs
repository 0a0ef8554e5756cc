//! The tables of what was said: fact, evidence, part_use.

use sync_core::document::{Admission, Fact, FactBody};
use sync_core::ids::{DeviceId, Sha256Hash, UserId};

use super::body;
use crate::ledger::documents::OpenTicket;
use crate::ledger::{LedgerError, instant};
use crate::tenancy::TenantTx;

/// A fact with how it was admitted and who said it.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub fact: Fact,
    pub admission: Admission,
    pub user: Option<UserId>,
    pub device: Option<DeviceId>,
}

/// Adds these facts to the tables.
pub async fn insert(tx: &mut TenantTx, open: &OpenTicket, admitted: &[Admitted]) -> Result<(), LedgerError> {
    let column = |value: fn(&Admitted) -> Option<uuid::Uuid>| admitted.iter().map(value).collect::<Vec<_>>();
    let ids: Vec<uuid::Uuid> = admitted.iter().map(|one| one.fact.id.0).collect();
    let ns: Vec<i64> = admitted.iter().map(|one| one.admission.n).collect();
    let kinds: Vec<String> = admitted.iter().map(|one| one.fact.body.kind_name().to_owned()).collect();
    let visits = column(|one| one.fact.visit.map(|id| id.0));
    let users = column(|one| one.user.map(|id| id.0));
    let devices = column(|one| one.device.map(|id| id.0));
    let walls: Vec<_> = admitted.iter().map(|one| device_instant(&one.fact)).collect();
    let received: Vec<_> = admitted.iter().map(|one| instant(one.admission.received)).collect();
    let verdicts: Vec<String> = admitted.iter().map(|one| one.admission.verdict.as_str().to_owned()).collect();
    let statuses: Vec<String> = admitted.iter().map(|one| one.admission.effect.status.as_str().to_owned()).collect();
    // A text of space-separated words: arrays of arrays do not unnest.
    let flags: Vec<String> = admitted.iter().map(|one| words(&one.admission)).collect();
    let bodies: Vec<serde_json::Value> =
        admitted.iter().map(|one| body::of(open.ticket, &open.key, &one.fact)).collect();
    sqlx::query!(
        "insert into fact (
            tenant_id, ticket_id, fact_id, n, kind, visit_id, user_id, device_id, device_time, received_at, verdict, status, flags, body)
        select $1, $2, fact_id, n, kind, visit_id, user_id, device_id, device_time, received_at, verdict, status,
            string_to_array(flags, ' '), body
        from unnest($3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[], $9::timestamptz[], $10::timestamptz[],
                $11::text[], $12::text[], $13::text[], $14::jsonb[])
            as said (fact_id, n, kind, visit_id, user_id, device_id, device_time, received_at, verdict, status, flags, body)",
        tx.tenant().0,
        open.ticket.0,
        &ids,
        &ns,
        &kinds,
        &visits as &[Option<uuid::Uuid>],
        &users as &[Option<uuid::Uuid>],
        &devices as &[Option<uuid::Uuid>],
        &walls,
        &received,
        &verdicts,
        &statuses,
        &flags,
        &bodies,
    )
    .execute(tx.as_mut())
    .await?;
    for one in admitted {
        insert_particulars(tx, open, one).await?;
    }
    Ok(())
}

async fn insert_particulars(tx: &mut TenantTx, open: &OpenTicket, one: &Admitted) -> Result<(), LedgerError> {
    match &one.fact.body {
        FactBody::Blob { sha256, size, mime, role, step } => {
            insert_evidence(tx, open, one, sha256, (*size, mime, role, step.as_deref())).await?;
        }
        // What was drawn is evidence like a photo; its size is not said in the ticket.
        FactBody::Signature { strokes_sha256, .. } => {
            insert_evidence(tx, open, one, strokes_sha256, (0, STROKES, "signature", None)).await?;
        }
        FactBody::PartUsed { part, quantity, .. } => {
            sqlx::query!(
                "insert into part_use (tenant_id, ticket_id, fact_id, part_id, quantity, user_id)
                values ($1, $2, $3, $4, $5, $6)",
                tx.tenant().0,
                open.ticket.0,
                one.fact.id.0,
                part.0,
                quantity.get(),
                one.user.map(|id| id.0),
            )
            .execute(tx.as_mut())
            .await?;
        }
        _ => {}
    }
    Ok(())
}

/// The media type of the strokes of a signature.
const STROKES: &str = "application/vnd.callout.strokes";

async fn insert_evidence(
    tx: &mut TenantTx,
    open: &OpenTicket,
    one: &Admitted,
    sha256: &Sha256Hash,
    (size, mime, role, step): (i64, &str, &str, Option<&str>),
) -> Result<(), LedgerError> {
    sqlx::query!(
        "insert into evidence (tenant_id, ticket_id, fact_id, sha256, size, mime, role, step)
                values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tx.tenant().0,
        open.ticket.0,
        one.fact.id.0,
        &sha256.0,
        size,
        mime,
        role,
        step,
    )
    .execute(tx.as_mut())
    .await?;
    Ok(())
}

fn words(admission: &Admission) -> String {
    let words: Vec<&str> = admission.effect.flags.iter().map(|flag| flag.as_str()).collect();
    words.join(" ")
}

/// The device's clock may show what no database can hold; the document keeps what it showed.
fn device_instant(fact: &Fact) -> chrono::DateTime<chrono::Utc> {
    const YEAR_1: i64 = -62_135_596_800_000;
    const YEAR_9999: i64 = 253_402_300_799_000;
    chrono::DateTime::from_timestamp_millis(fact.wall.0.clamp(YEAR_1, YEAR_9999)).unwrap_or_default()
}

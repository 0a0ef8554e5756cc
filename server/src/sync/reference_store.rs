//! The rows beside tickets: where the work is and for whom. A device gets those that its tickets name.

use std::collections::BTreeMap;

use sync_core::ids::TicketId;
use sync_core::reference::{CUSTOMERS, Contact, Customer, SITES, Site};
use sync_core::time::ServerTime;
use sync_core::wire::{Item, Reference, ReferenceRow};
use uuid::Uuid;

use crate::ledger::LedgerError;
use crate::tenancy::TenantTx;

/// The sites and customers of these tickets, as they are now.
pub async fn of(tx: &mut TenantTx, tickets: &[TicketId], now: ServerTime) -> Result<Vec<Item>, LedgerError> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let tickets: Vec<Uuid> = tickets.iter().map(|ticket| ticket.0).collect();
    let sets = [(SITES, sites(tx, &tickets).await?), (CUSTOMERS, customers(tx, &tickets).await?)];
    let version = u64::try_from(now.0).unwrap_or_default();
    let item = |(set, rows): (&str, Vec<ReferenceRow>)| {
        Item::Reference(Reference { set: set.to_owned(), version, rows, replaces_all: false, has_more: false })
    };
    Ok(sets.into_iter().filter(|(_, rows)| !rows.is_empty()).map(item).collect())
}

async fn sites(tx: &mut TenantTx, tickets: &[Uuid]) -> Result<Vec<ReferenceRow>, LedgerError> {
    let contacts = sqlx::query!(
        "select site_id, contact_id, name, phone, email, note
        from contact
        where archived_at is null
            and site_id in (select site_id from ticket where ticket_id = any($1))
        order by contact_id",
        tickets,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let mut on_site: BTreeMap<Uuid, Vec<Contact>> = BTreeMap::new();
    for row in contacts {
        let contact = Contact {
            id: row.contact_id.to_string(),
            name: row.name,
            phone: row.phone,
            email: row.email,
            note: row.note,
        };
        on_site.entry(row.site_id).or_default().push(contact);
    }
    let sites = sqlx::query!(
        "select site_id, name, address, lat, lon, time_zone
        from site
        where site_id in (select site_id from ticket where ticket_id = any($1))",
        tickets,
    )
    .fetch_all(tx.as_mut())
    .await?;
    Ok(sites
        .into_iter()
        .map(|row| {
            let contacts = on_site.remove(&row.site_id).unwrap_or_default();
            let (name, address, time_zone) = (row.name, row.address, row.time_zone);
            reference(row.site_id, Site { name, address, lat: row.lat, lon: row.lon, time_zone, contacts }.to_bytes())
        })
        .collect())
}

async fn customers(tx: &mut TenantTx, tickets: &[Uuid]) -> Result<Vec<ReferenceRow>, LedgerError> {
    let customers = sqlx::query!(
        "select customer_id, name, tier, locale
        from customer
        where customer_id in (select customer_id from ticket where ticket_id = any($1))",
        tickets,
    )
    .fetch_all(tx.as_mut())
    .await?;
    let row = |id: Uuid, customer: Customer| reference(id, customer.to_bytes());
    Ok(customers
        .into_iter()
        .map(|found| row(found.customer_id, Customer { name: found.name, tier: found.tier, locale: found.locale }))
        .collect())
}

fn reference(id: Uuid, value: Vec<u8>) -> ReferenceRow {
    ReferenceRow { key: id.to_string(), value, removed: false }
}

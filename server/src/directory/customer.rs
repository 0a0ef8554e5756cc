//! A customer: the organisation, or the part of one, that asks for work.

use chrono::{DateTime, Utc};
use sync_core::ids::CustomerId;

use super::{Name, Reference, Unacceptable};
use crate::tenancy::TenantTx;

/// How much a customer has been promised; priorities start from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Tier {
    #[default]
    Standard,
    Silver,
    Gold,
    Platinum,
}

impl Tier {
    pub fn new(tier: &str) -> Result<Self, Unacceptable> {
        match tier {
            "standard" => Ok(Self::Standard),
            "silver" => Ok(Self::Silver),
            "gold" => Ok(Self::Gold),
            "platinum" => Ok(Self::Platinum),
            _ => Err(Unacceptable::new("a tier is standard, silver, gold or platinum")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::Platinum => "platinum",
        }
    }
}

/// A customer to be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    pub name: Name,
    pub tier: Tier,
    /// What a foreign system calls it; unique.
    pub external_ref: Option<Reference>,
    /// The language it is written to in.
    pub locale: &'static str,
}

/// Enters a customer. A violated `customer_external_ref_key` comes back as it is.
pub async fn insert_customer(
    tx: &mut TenantTx,
    id: CustomerId,
    customer: &NewCustomer,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into customer (tenant_id, customer_id, name, tier, external_ref, locale, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)",
        tx.tenant().0,
        id.0,
        customer.name.as_str(),
        customer.tier.as_str(),
        customer.external_ref.as_ref().map(Reference::as_str),
        customer.locale,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The customer that a foreign system calls so, archived or not.
pub async fn customer_by_reference(tx: &mut TenantTx, reference: &str) -> Result<Option<CustomerId>, sqlx::Error> {
    let id = sqlx::query_scalar!("select customer_id from customer where external_ref = $1", reference)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(id.map(CustomerId))
}

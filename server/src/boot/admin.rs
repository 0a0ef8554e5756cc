//! What an operator does from the command line, beside a running server or without one.

use anyhow::Context;
use sync_core::ids::{ServerEpoch, TenantId};

use super::Database;
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::hex;
use crate::platform::random::Random;
use crate::tenancy::bootstrap::{self, NewTenant};
use crate::tenancy::email::Email;
use crate::tenancy::password::{LENGTH, Passwords};

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct TenantRequest {
    pub name: String,
    /// Made from the name if not given.
    pub slug: Option<String>,
    pub admin_email: String,
    pub admin_name: String,
    /// Drawn if not given.
    pub admin_password: Option<String>,
}

/// A tenant that was made.
pub struct CreatedTenant {
    pub id: TenantId,
    pub slug: String,
    /// The password that was drawn: shown once, stored nowhere.
    pub drawn_password: Option<String>,
}

/// Makes a tenant and its first administrator.
pub async fn create_tenant(config: &Config, wanted: TenantRequest) -> anyhow::Result<CreatedTenant> {
    let database = Database::open(config).await?;
    let created = create_tenant_in(&database, wanted).await;
    database.close().await?;
    created
}

async fn create_tenant_in(database: &Database, wanted: TenantRequest) -> anyhow::Result<CreatedTenant> {
    let (clock, random) = (Clock::system(), Random);
    let drawn_password = wanted.admin_password.is_none().then(|| hex::encode(&random.bytes::<12>()));
    let password = wanted.admin_password.or_else(|| drawn_password.clone()).unwrap_or_default();
    anyhow::ensure!(LENGTH.contains(&password.chars().count()), "the password must have 10 to 200 characters");
    let new = NewTenant {
        slug: wanted.slug.unwrap_or_else(|| slug_of(&wanted.name)),
        name: wanted.name,
        admin_email: Email::parse(&wanted.admin_email)?,
        admin_name: wanted.admin_name,
        password_hash: Passwords::new(random).hash(password).await?,
    };
    let slug = new.slug.clone();
    let (id, _) = bootstrap::create_tenant(&database.tenancy, new, clock.now(), random).await?;
    Ok(CreatedTenant { id, slug, drawn_password })
}

/// Announces to every phone that the database has been restored from a backup, where the server cannot tell by itself:
/// after a copy of the files was put back. Phones then offer again what they still hold. Takes effect at the next start.
pub async fn announce_restore(config: &Config) -> anyhow::Result<ServerEpoch> {
    let database = Database::open(config).await?;
    let now = Clock::system().now();
    let epoch = database.tenancy.server_epoch(ServerEpoch(Random.uuid(now)), true, now).await;
    database.close().await?;
    epoch.context("cannot announce the restore")
}

/// `Acme Field Service, Inc.` is `acme-field-service-inc`.
fn slug_of(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("-").chars().take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn short_names() {
        assert_eq!(slug_of("Acme Field Service, Inc."), "acme-field-service-inc");
        assert_eq!(slug_of("华东"), "");
    }
}

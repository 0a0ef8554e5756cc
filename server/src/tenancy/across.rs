//! What workers ask across tenants: narrow questions, each answered by a `security definer` function. They never see a
//! row, only which tenant to turn to.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sync_core::ids::TenantId;

use super::database::Tenancy;

impl Tenancy {
    /// A connection besides the pool's that listens for wake-ups on these channels.
    pub async fn listen(&self, channels: &[&str]) -> Result<Notices, sqlx::Error> {
        let alone = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let alone = alone.connect_lazy_with(self.pool().connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&alone).await?;
        // When the connection is lost we want to be told at once, and then look at everything.
        listener.eager_reconnect(false);
        listener.listen_all(channels.iter().copied()).await?;
        Ok(Notices(listener))
    }

    /// The tenants in which this consumer of the outbox has something to do that nobody is doing.
    pub async fn relay_due(&self, consumer: &str, now: DateTime<Utc>) -> Result<Vec<TenantId>, sqlx::Error> {
        let tenants = sqlx::query_scalar!(r#"select tenant_id as "tenant_id!" from relay_due($1, $2)"#, consumer, now)
            .fetch_all(self.pool())
            .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// Age in seconds of the oldest event that this consumer has not handled; none if there is none.
    pub async fn relay_lag_s(&self, consumer: &str, now: DateTime<Utc>) -> Result<Option<f64>, sqlx::Error> {
        sqlx::query_scalar!("select relay_lag_s($1, $2)", consumer, now).fetch_one(self.pool()).await
    }

    /// Age in seconds of the oldest event that is committed and held up by an older transaction; none if there is none.
    pub async fn feed_lag_s(&self, now: DateTime<Utc>) -> Result<Option<f64>, sqlx::Error> {
        sqlx::query_scalar!("select feed_lag_s($1)", now).fetch_one(self.pool()).await
    }

    /// The tenants of which this day of the log, or one before it, is not closed yet.
    pub async fn log_days_due(&self, day: NaiveDate) -> Result<Vec<TenantId>, sqlx::Error> {
        let tenants = sqlx::query_scalar!(r#"select tenant_id as "tenant_id!" from log_days_due($1)"#, day)
            .fetch_all(self.pool())
            .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// The tenants with a plan in one of these states that nobody works on, those first whose turn was the longest ago.
    pub async fn plans_due(&self, states: &[String]) -> Result<Vec<TenantId>, sqlx::Error> {
        let tenants = sqlx::query_scalar!(r#"select tenant_id as "tenant_id!" from plans_due($1)"#, states)
            .fetch_all(self.pool())
            .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// The tenants in which somebody is at an appointment now, or should be.
    pub async fn under_way(&self, now: DateTime<Utc>) -> Result<Vec<TenantId>, sqlx::Error> {
        let tenants = sqlx::query_scalar!(r#"select tenant_id as "tenant_id!" from tenants_under_way($1)"#, now)
            .fetch_all(self.pool())
            .await?;
        Ok(tenants.into_iter().map(TenantId).collect())
    }

    /// Drops positions kept long enough, at most `most` rows of a kind; returns how many there were of the kind with
    /// the most.
    pub async fn forget_positions(&self, now: DateTime<Utc>, most: i32) -> Result<i64, sqlx::Error> {
        let mut transaction = self.pool().begin().await?;
        let forgotten = sqlx::query_scalar!(r#"select forget_positions($1, $2) as "forgotten!""#, now, most)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(forgotten)
    }
}

/// What is told of commits, as long as the connection lasts.
pub struct Notices(PgListener);

/// Something has been committed.
#[derive(Debug, Clone)]
pub struct Notice {
    pub channel: String,
    /// Whose it is; none if that was not said.
    pub tenant: Option<TenantId>,
}

impl Notices {
    /// Waits for the next one; none when the connection is lost, and with it notices nobody knows of.
    pub async fn next(&mut self) -> Result<Option<Notice>, sqlx::Error> {
        let notification = self.0.try_recv().await?;
        Ok(notification.map(|notification| Notice {
            channel: notification.channel().to_owned(),
            tenant: notification.payload().parse().ok(),
        }))
    }
}

//! Looking behind the server, into its tables: what no API shows, and tests must know.

use std::collections::BTreeMap;
use std::sync::Arc;

use callout_server::state::AppState;
use callout_server::tenancy::TenantTx;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use sync_core::ids::TicketId;
use uuid::Uuid;

use crate::app::TestApp;
use crate::tenant::TestTenant;

/// What is derived from the changes.
const PROJECTIONS: [&str; 7] = ["ticket", "ticket_skill", "visit", "assignment", "fact", "evidence", "part_use"];
/// What is true, and what leaves the ledger.
const TRUTH: [&str; 7] =
    ["ticket_document", "ticket_change", "device_session", "batch", "quarantine", "feed", "outbox"];

impl TestApp {
    /// How many rows each table of the ledger has.
    pub async fn row_counts(&self) -> BTreeMap<&'static str, i64> {
        let mut database = self.database().superuser().await;
        let mut counts = BTreeMap::new();
        for table in TRUTH.into_iter().chain(PROJECTIONS) {
            let count = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")));
            counts.insert(table, count.fetch_one(&mut database).await.expect("a count"));
        }
        counts
    }

    /// Every row of every projection, as JSON, in an order that the rows themselves give.
    pub async fn projections(&self) -> Projections {
        projections(&mut self.database().superuser().await).await
    }

    /// Drops what the tables say of each ticket and makes it again from the changes.
    pub async fn rebuild_projections(&self) {
        rebuild_projections(&mut self.database().superuser().await, self.state(), self.tenant()).await;
    }
}

/// The rows of each projection.
pub type Projections = BTreeMap<&'static str, Vec<Value>>;

/// Every row of every projection, as JSON, in an order that the rows themselves give.
pub async fn projections(database: &mut PgConnection) -> Projections {
    let mut tables = BTreeMap::new();
    for table in PROJECTIONS {
        let rows = format!("select to_jsonb(t) as row from {table} t order by to_jsonb(t)::text");
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut *database).await.expect("rows");
        tables.insert(table, rows.iter().map(|row| row.get("row")).collect());
    }
    tables
}

/// Drops what the tables say of each ticket of the one tenant there is, and makes it again from the changes.
pub async fn rebuild_projections(database: &mut PgConnection, state: &AppState, of: &TestTenant) {
    let tickets = sqlx::query_as("select tenant_id, ticket_id from ticket_document order by ticket_id");
    let tickets: Vec<(Uuid, Uuid)> = tickets.fetch_all(database).await.expect("tickets");
    for (tenant, ticket) in tickets {
        assert_eq!(tenant, of.id.0, "all of one tenant");
        let ledger = Arc::clone(&state.ledger);
        let rebuild = async move |tx: &mut TenantTx| ledger.rebuild(tx, TicketId(ticket)).await;
        of.system().transact(rebuild).await.expect("a rebuilt ticket");
    }
}

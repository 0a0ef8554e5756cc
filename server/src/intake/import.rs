//! Enters what a file says, or tells what entering it would do.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};
use sync_core::ids::{CustomerId, SiteId};
use sync_core::time::ServerTime;

use super::error::IntakeError;
use super::mapping::Mapping;
use super::reading::Reading;
use super::row::{CellError, MappedRow, RowCustomer, RowSite};
use super::store;
use super::view::{ImportReport, RowError};
use crate::directory::store::{
    customer_by_reference, insert_customer, insert_site, locate_site, site_by_reference, ticket_types,
};
use crate::directory::{NewCustomer, NewSite, TicketType};
use crate::ledger::feed::{self, Beside};
use crate::ledger::outbox::{self, Event};
use crate::ledger::{Ledger, NewTicket};
use crate::platform::clock::Clock;
use crate::platform::random::Random;
use crate::tenancy::{TenantCtx, TenantTx};

/// Rows entered in one transaction: enough that the disk is not flushed for each, few enough that a wrong one is cheap.
const ROWS_AT_ONCE: usize = 50;

/// One request enters rows for at most so long: it must be answered before it is given up.
const LONGEST: Duration = Duration::from_secs(15);

/// One import: how, and with what.
#[derive(Clone)]
pub struct Import {
    pub name: String,
    pub mapping: Mapping,
    pub shift_days: i64,
    pub clock: Clock,
    pub random: Random,
    pub ledger: Arc<Ledger>,
}

/// What became of a row of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Created,
    Unchanged,
    Changed,
}

/// What the database knows that concerns a file.
struct Known {
    ticket_types: HashMap<String, TicketType>,
    /// References of sites that have a position, or get one from this file.
    located: HashSet<String>,
}

/// Tells what [`enter`] would do. Writes nothing.
pub async fn rehearse(ctx: &TenantCtx, import: &Import, reading: Reading) -> Result<ImportReport, IntakeError> {
    let mut report = blank(import, &reading, true);
    let known = known(ctx, import, &reading).await?;
    let (source, ids) = (import.mapping.source.to_string(), external_ids(&reading.rows));
    let imported = ctx.read(async move |tx: &mut TenantTx| store::imported(tx, &source, &ids).await).await?;
    for row in &reading.rows {
        count(&mut report, &known, row, became(row, &imported).unwrap_or(Became::Created));
    }
    Ok(report)
}

/// Enters the rows that are not there yet, as long as there is time; what remains comes in when the file is sent again.
pub async fn enter(ctx: &TenantCtx, import: Import, mut reading: Reading) -> Result<ImportReport, IntakeError> {
    let mut report = blank(&import, &reading, false);
    let known = Arc::new(known(ctx, &import, &reading).await?);
    let import = Arc::new(import);
    let rows: Vec<Arc<MappedRow>> = std::mem::take(&mut reading.rows).into_iter().map(Arc::new).collect();
    let began = Instant::now();
    for (at, some) in rows.chunks(ROWS_AT_ONCE).enumerate() {
        if began.elapsed() > LONGEST {
            report.remaining = rows.len() - at * ROWS_AT_ONCE;
            break;
        }
        match enter_some(ctx, &import, &known, some).await {
            Ok(became) => some.iter().zip(became).for_each(|(row, became)| count(&mut report, &known, row, became)),
            Err(error) if error.is_passing() => return Err(error),
            // One of them cannot be stored; the others must not suffer for it.
            Err(_) => one_by_one(ctx, &import, &known, some, &mut report, &mut reading).await?,
        }
    }
    report.wrong_rows = reading.wrong_rows;
    report.error_count = reading.error_count;
    report.errors = reading.errors.into_iter().map(RowError::from).collect();
    Ok(report)
}

async fn one_by_one(
    ctx: &TenantCtx,
    import: &Arc<Import>,
    known: &Arc<Known>,
    rows: &[Arc<MappedRow>],
    report: &mut ImportReport,
    reading: &mut Reading,
) -> Result<(), IntakeError> {
    for row in rows {
        match enter_some(ctx, import, known, std::slice::from_ref(row)).await {
            Ok(became) => became.into_iter().for_each(|became| count(report, known, row, became)),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error = cause, row = row.line, "an imported row could not be stored");
                let message = "the server could not store this row; it is safe to import it again".to_owned();
                reading.tell(vec![CellError { line: row.line, column: None, message, value: None }]);
            }
        }
    }
    Ok(())
}

/// Enters some rows in one transaction.
async fn enter_some(
    ctx: &TenantCtx,
    import: &Arc<Import>,
    known: &Arc<Known>,
    rows: &[Arc<MappedRow>],
) -> Result<Vec<Became>, IntakeError> {
    let (import, known, rows) = (import.clone(), known.clone(), rows.to_vec());
    let by = ctx.user();
    ctx.transact(async move |tx: &mut TenantTx| {
        let source = import.mapping.source.as_str();
        store::lock_source(tx, source).await?;
        let ids: Vec<String> = rows.iter().map(|row| row.external_id.as_str().to_owned()).collect();
        let imported = store::imported(tx, source, &ids).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(became) = became(row, &imported) {
                all.push(became);
                continue;
            }
            let now = import.clock.now();
            let customer = match &row.customer {
                Some(customer) => Some(customer_of(tx, &import, customer, now).await?),
                None => None,
            };
            let site = site_of(tx, &import, &row.site, customer, now).await?;
            let ticket = new_ticket(&import, &known, row, customer, site)?;
            let created = import.ledger.create(tx, ticket, by, ServerTime(now.timestamp_millis())).await?;
            store::insert_imported(tx, source, row.external_id.as_str(), &row.content, created.ticket, now).await?;
            all.push(Became::Created);
        }
        Ok(all)
    })
    .await
}

/// What a row became in an earlier import; none if it is new.
fn became(row: &MappedRow, imported: &HashMap<String, Vec<u8>>) -> Option<Became> {
    let content = imported.get(row.external_id.as_str())?;
    Some(if content[..] == row.content[..] { Became::Unchanged } else { Became::Changed })
}

async fn customer_of(
    tx: &mut TenantTx,
    import: &Import,
    customer: &RowCustomer,
    now: DateTime<Utc>,
) -> Result<CustomerId, IntakeError> {
    if let Some(id) = customer_by_reference(tx, customer.reference.as_str()).await? {
        return Ok(id);
    }
    let id = CustomerId(import.random.uuid(now));
    let RowCustomer { reference, name, tier, locale } = customer.clone();
    insert_customer(tx, id, &NewCustomer { name, tier, external_ref: Some(reference), locale }, now).await?;
    Ok(id)
}

async fn site_of(
    tx: &mut TenantTx,
    import: &Import,
    site: &RowSite,
    customer: Option<CustomerId>,
    now: DateTime<Utc>,
) -> Result<SiteId, IntakeError> {
    if let Some((id, is_located)) = site_by_reference(tx, site.reference.as_str()).await? {
        if let Some(position) = site.position.filter(|_| !is_located) {
            locate_site(tx, id, position).await?;
            feed::publish_beside(tx, Beside::Site(id)).await?;
            outbox::append(tx, &Event::site_located(id), ServerTime(now.timestamp_millis())).await?;
        }
        return Ok(id);
    }
    let id = SiteId(import.random.uuid(now));
    let RowSite { reference, name, address, position } = site.clone();
    let time_zone = import.mapping.site.time_zone;
    insert_site(tx, id, &NewSite { customer, name, address, position, time_zone, external_ref: Some(reference) }, now)
        .await?;
    Ok(id)
}

fn new_ticket(
    import: &Import,
    known: &Known,
    row: &MappedRow,
    customer: Option<CustomerId>,
    site: SiteId,
) -> Result<NewTicket, IntakeError> {
    let code = row.kind.ticket_type.as_str();
    let unknown = || IntakeError::UnknownCodes { ticket_types: vec![code.to_owned()], skills: Vec::new() };
    let of_type = known.ticket_types.get(code).ok_or_else(unknown)?;
    let instant = |local: NaiveDateTime| import.mapping.clock.instant(local, import.shift_days);
    let requested_at = instant(row.requested_at);
    let server_time = |at: DateTime<Utc>| ServerTime(at.timestamp_millis());
    let skills = row.kind.skills.as_ref().unwrap_or(&of_type.skills);
    Ok(NewTicket {
        ticket_type: code.to_owned(),
        title: row.title.as_str().to_owned(),
        description: row.description.clone(),
        priority: row.kind.priority.unwrap_or(of_type.priority).get().into(),
        customer,
        site: Some(site),
        asset: None,
        contact: None,
        respond_by: row.respond_by.map(instant).or_else(|| of_type.respond_by(requested_at)).map(server_time),
        resolve_by: row.resolve_by.map(instant).or_else(|| of_type.resolve_by(requested_at)).map(server_time),
        skills: skills.iter().map(|(skill, level)| (skill.to_string(), level.get().into())).collect(),
        duration_ms: row.kind.duration.unwrap_or(of_type.duration).millis(),
        visits: vec![None],
    })
}

/// What the database knows of everything the mapping and the file name; an error if ticket types or skills are missing.
async fn known(ctx: &TenantCtx, import: &Import, reading: &Reading) -> Result<Known, IntakeError> {
    let codes: Vec<String> = import.mapping.ticket_types().into_iter().map(ToString::to_string).collect();
    let skills: BTreeSet<String> = import.mapping.skills().into_iter().map(ToString::to_string).collect();
    let references: Vec<String> = reading.rows.iter().map(|row| row.site.reference.as_str().to_owned()).collect();
    let located_here = reading.rows.iter().filter(|row| row.site.position.is_some());
    let located_here: Vec<String> = located_here.map(|row| row.site.reference.as_str().to_owned()).collect();
    ctx.read(async move |tx: &mut TenantTx| {
        let found = ticket_types(tx, &codes).await?;
        let ticket_types: HashMap<_, _> = found.into_iter().map(|found| (found.code.to_string(), found)).collect();
        let unknown_types: Vec<String> = codes.into_iter().filter(|code| !ticket_types.contains_key(code)).collect();
        let unknown_skills = store::unknown_skills(tx, &skills).await?;
        if !unknown_types.is_empty() || !unknown_skills.is_empty() {
            return Err(IntakeError::UnknownCodes { ticket_types: unknown_types, skills: unknown_skills });
        }
        let mut located = store::located_sites(tx, &references).await?;
        located.extend(located_here);
        Ok(Known { ticket_types, located })
    })
    .await
}

fn external_ids(rows: &[MappedRow]) -> Vec<String> {
    rows.iter().map(|row| row.external_id.as_str().to_owned()).collect()
}

fn count(report: &mut ImportReport, known: &Known, row: &MappedRow, became: Became) {
    match became {
        Became::Unchanged => report.unchanged += 1,
        Became::Changed => report.changed += 1,
        Became::Created => {
            if report.dry_run {
                report.would_create += 1
            } else {
                report.created += 1
            }
            report.needs_location += usize::from(!known.located.contains(row.site.reference.as_str()));
            *report.ticket_types.entry(row.kind.ticket_type.to_string()).or_default() += 1;
        }
    }
}

fn blank(import: &Import, reading: &Reading, dry_run: bool) -> ImportReport {
    ImportReport {
        mapping: import.name.clone(),
        source: import.mapping.source.to_string(),
        dry_run,
        rows: reading.total,
        created: 0,
        would_create: 0,
        unchanged: 0,
        changed: 0,
        needs_location: 0,
        remaining: 0,
        skipped: reading.skipped.clone(),
        wrong_rows: reading.wrong_rows,
        error_count: reading.error_count,
        errors: reading.errors.iter().cloned().map(RowError::from).collect(),
        ticket_types: Default::default(),
        encoding: reading.encoding.to_owned(),
        is_malformed: reading.is_malformed,
        repaired_cells: reading.repaired_cells,
        shift_days: import.shift_days,
    }
}

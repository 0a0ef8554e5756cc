//! From a row of cells to the ticket it asks for, or to everything that is wrong with it.

use chrono::NaiveDateTime;
use csv::StringRecord;
use sha2::{Digest, Sha256};

use super::mapping::{Kind, Mapping};
use super::sheet::Sheet;
use crate::directory::{Label, Name, Position, Reference, Tier, Unacceptable, prose};

/// A ticket's title is at most this long, in characters.
pub type Title = Label<300>;

/// What one row asks for. Times are still local and unmoved.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedRow {
    /// Line of the file on which it begins.
    pub line: u64,
    pub external_id: Reference,
    /// SHA-256 of the cells that the mapping uses: whether the row has changed since it was last imported.
    pub content: [u8; 32],
    pub title: Title,
    pub description: Option<String>,
    pub requested_at: NaiveDateTime,
    pub respond_by: Option<NaiveDateTime>,
    pub resolve_by: Option<NaiveDateTime>,
    pub kind: Kind,
    pub customer: Option<RowCustomer>,
    pub site: RowSite,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCustomer {
    pub reference: Reference,
    pub name: Name,
    pub tier: Tier,
    pub locale: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RowSite {
    pub reference: Reference,
    pub name: Name,
    pub address: String,
    pub position: Option<Position>,
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    pub line: u64,
    /// The column, or the member of the mapping whose template gave the value; none when it is the row as a whole.
    pub column: Option<String>,
    pub message: String,
    /// What stood there, cut to 100 characters.
    pub value: Option<String>,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Ticket(Box<MappedRow>),
    /// A rule of the mapping does not want it; this is the rule's reason.
    Skipped(String),
    Wrong(Vec<CellError>),
}

/// Reads one row.
pub fn read_row(mapping: &Mapping, sheet: &Sheet, line: u64, cells: &StringRecord) -> Fate {
    let mut reading = Reading { mapping, sheet, cells, line, errors: Vec::new() };
    let unwanted = |rule: &&super::mapping::Skip| rule.values.contains(&sheet.cell(cells, &rule.column).to_lowercase());
    if let Some(rule) = mapping.skip.iter().find(unwanted) {
        return Fate::Skipped(rule.reason.clone());
    }
    match reading.row() {
        Some(row) if reading.errors.is_empty() => Fate::Ticket(Box::new(row)),
        _ => Fate::Wrong(reading.errors),
    }
}

/// A row being read. Every member is read even if another is wrong, so that one report tells all.
struct Reading<'m> {
    mapping: &'m Mapping,
    sheet: &'m Sheet,
    cells: &'m StringRecord,
    line: u64,
    errors: Vec<CellError>,
}

impl<'m> Reading<'m> {
    fn row(&mut self) -> Option<MappedRow> {
        let mapping = self.mapping;
        let external_id = self.parse(&mapping.external_id, Reference::new);
        let title = self.rendered("title", &mapping.title, Title::new);
        let description = match &mapping.description {
            Some(template) => self.rendered("description", template, prose::<10_000>),
            None => Some(None),
        };
        let requested_at = self.parse(&mapping.requested_at, |text| mapping.clock.read(text));
        let respond_by = self.time(mapping.respond_by.as_deref());
        let resolve_by = self.time(mapping.resolve_by.as_deref());
        let kind = self.kind();
        let customer = self.customer();
        let site = self.site(external_id.as_ref());
        Some(MappedRow {
            line: self.line,
            external_id: external_id?,
            content: self.content(),
            title: title?,
            description: description?,
            requested_at: requested_at?,
            respond_by: respond_by?,
            resolve_by: resolve_by?,
            kind: kind?,
            customer: customer?,
            site: site?,
        })
    }

    /// The cell of a column; what the mapping counts as empty is empty.
    fn cell(&self, column: &str) -> &'m str {
        let cell = self.sheet.cell(self.cells, column);
        if self.mapping.empty_values.contains(&cell.to_lowercase()) { "" } else { cell }
    }

    fn parse<T>(&mut self, column: &str, parse: impl FnOnce(&str) -> Result<T, Unacceptable>) -> Option<T> {
        let cell = self.cell(column);
        self.told(column, cell, parse(cell))
    }

    fn rendered<T>(
        &mut self,
        member: &str,
        template: &super::template::Template,
        parse: impl FnOnce(&str) -> Result<T, Unacceptable>,
    ) -> Option<T> {
        let text = template.render(|column| self.cell(column));
        let parsed = parse(&text);
        self.told(member, &text, parsed)
    }

    fn told<T>(&mut self, column: &str, value: &str, parsed: Result<T, Unacceptable>) -> Option<T> {
        parsed.map_err(|reason| self.wrong(column, reason.to_string(), value)).ok()
    }

    fn wrong(&mut self, column: &str, message: String, value: &str) {
        let value = (!value.is_empty()).then(|| value.chars().take(100).collect());
        self.errors.push(CellError { line: self.line, column: Some(column.to_owned()), message, value });
    }

    /// Nothing if there is no such column or its cell is empty.
    fn time(&mut self, column: Option<&str>) -> Option<Option<NaiveDateTime>> {
        match column {
            Some(column) if !self.cell(column).is_empty() => {
                let mapping = self.mapping;
                self.parse(column, |text| mapping.clock.read(text)).map(Some)
            }
            _ => Some(None),
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        let kinds = &self.mapping.kinds;
        let Some(column) = &kinds.column else { return kinds.default.clone() };
        let cell = self.cell(column);
        let kind = kinds.values.get(&cell.to_lowercase()).or(kinds.default.as_ref());
        if kind.is_none() {
            self.wrong(column, "the mapping has no ticket type for this value and no default".to_owned(), cell);
        }
        kind.cloned()
    }

    fn customer(&mut self) -> Option<Option<RowCustomer>> {
        let Some(mapping) = &self.mapping.customer else { return Some(None) };
        if mapping.reference.render(|column| self.cell(column)).is_empty() {
            return Some(None);
        }
        let reference = self.rendered("customer.reference", &mapping.reference, Reference::new);
        let name = self.rendered("customer.name", &mapping.name, Name::new);
        Some(Some(RowCustomer { reference: reference?, name: name?, tier: mapping.tier, locale: mapping.locale }))
    }

    fn site(&mut self, external_id: Option<&Reference>) -> Option<RowSite> {
        let mapping = &self.mapping.site;
        let source = self.mapping.source.as_str();
        let position = self.position();
        let key = match &mapping.reference {
            Some(template) => template.render(|column| self.cell(column)),
            None => external_id?.as_str().to_owned(),
        };
        let reference = self.told(
            "site.reference",
            &key,
            Reference::new(&key).and_then(|key| Reference::new(&format!("{source}:{}", key.as_str()))),
        );
        let address = self.rendered("site.address", &mapping.address, prose::<500>);
        // A place without a name is called by its address, or by what the foreign system calls the request.
        let name = mapping.name.render(|column| self.cell(column));
        let name = [name.as_str(), address.as_ref().and_then(Option::as_deref).unwrap_or_default(), &key]
            .into_iter()
            .find(|name| !name.is_empty())
            .map(|name| self.told("site.name", name, Name::new(name)))?;
        Some(RowSite { reference: reference?, name: name?, address: address?.unwrap_or_default(), position: position? })
    }

    fn position(&mut self) -> Option<Option<Position>> {
        let Some((lat, lon)) = &self.mapping.site.coordinates else { return Some(None) };
        let (lat_cell, lon_cell) = (self.cell(lat), self.cell(lon));
        if [lat_cell, lon_cell].iter().all(|cell| cell.is_empty() || cell.parse() == Ok(0.0)) {
            return Some(None);
        }
        let degrees = |text: &str| text.parse::<f64>().map_err(|_| Unacceptable::new("it is not a number of degrees"));
        let lat_degrees = self.told(lat, lat_cell, degrees(lat_cell));
        let lon_degrees = self.told(lon, lon_cell, degrees(lon_cell));
        self.told(lat, lat_cell, Position::new(lat_degrees?, lon_degrees?)).map(Some)
    }

    fn content(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for column in self.mapping.columns() {
            let cell = self.sheet.cell(self.cells, column);
            hash.update(u64::try_from(cell.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(cell);
        }
        hash.finalize().into()
    }
}

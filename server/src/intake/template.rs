//! Text put together from the columns of a row.
//!
//! `{Column}` stands for a cell, `{Column|Other}` for the first of these that is not empty, `[…]` vanishes unless every
//! column in it has something, and `\` takes the meaning from the character after it. Text with none of these is a
//! constant. `[{Incident Address}, ]{City}` gives "10 SHERIDAN SQUARE, NEW YORK", or "NEW YORK" alone.

use crate::directory::Unacceptable;

/// A template that has been parsed; rendering it cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The first of these columns that has something.
    Cell(Vec<String>),
    /// Nothing at all if one of its cells is empty.
    Optional(Vec<Part>),
}

impl Template {
    pub fn new(text: &str) -> Result<Self, Unacceptable> {
        let mut chars = text.chars();
        let parts = parse(&mut chars, false)?;
        if parts.is_empty() {
            return Err(Unacceptable::new("the template is empty"));
        }
        Ok(Self { parts })
    }

    /// The text for a row whose cells this function gives, trimmed; an absent or empty cell is "".
    pub fn render<'a>(&self, cell: impl Fn(&str) -> &'a str) -> String {
        let mut text = String::new();
        render(&self.parts, &cell, &mut text);
        text.trim().to_owned()
    }

    /// Every column it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        fn collect<'t>(parts: &'t [Part], into: &mut Vec<&'t str>) {
            for part in parts {
                match part {
                    Part::Text(_) => {}
                    Part::Cell(columns) => into.extend(columns.iter().map(String::as_str)),
                    Part::Optional(parts) => collect(parts, into),
                }
            }
        }
        let mut columns = Vec::new();
        collect(&self.parts, &mut columns);
        columns.into_iter()
    }
}

fn parse(chars: &mut std::str::Chars<'_>, is_inside: bool) -> Result<Vec<Part>, Unacceptable> {
    let mut parts = Vec::new();
    let mut text = String::new();
    loop {
        let next = chars.next();
        if matches!(next, None | Some('{' | '[' | ']')) && !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        match next {
            None if is_inside => return Err(Unacceptable::new("a [ is not closed")),
            None => return Ok(parts),
            Some('{') => parts.push(Part::Cell(cell(chars)?)),
            Some('[') if is_inside => return Err(Unacceptable::new("a [ stands inside another")),
            Some('[') => parts.push(Part::Optional(parse(chars, true)?)),
            Some(']') if is_inside => return Ok(parts),
            Some(']') => return Err(Unacceptable::new("a ] has no [ before it")),
            Some('}') => return Err(Unacceptable::new("a } has no { before it")),
            Some('\\') => match chars.next() {
                Some(escaped) => text.push(escaped),
                None => return Err(Unacceptable::new("nothing stands after the last \\")),
            },
            Some(other) => text.push(other),
        }
    }
}

/// What stands between a `{` that was just read and its `}`.
fn cell(chars: &mut std::str::Chars<'_>) -> Result<Vec<String>, Unacceptable> {
    let mut columns = vec![String::new()];
    for next in chars.by_ref() {
        match next {
            '}' if columns.iter().any(|column| column.trim().is_empty()) => {
                return Err(Unacceptable::new("a {} names no column"));
            }
            '}' => return Ok(columns.iter().map(|column| column.trim().to_owned()).collect()),
            '|' => columns.push(String::new()),
            other => columns.last_mut().into_iter().for_each(|column| column.push(other)),
        }
    }
    Err(Unacceptable::new("a { is not closed"))
}

fn render<'a>(parts: &[Part], cell: &impl Fn(&str) -> &'a str, into: &mut String) -> bool {
    let mut is_full = true;
    for part in parts {
        match part {
            Part::Text(text) => into.push_str(text),
            Part::Cell(columns) => {
                let found = columns.iter().map(|column| cell(column)).find(|cell| !cell.is_empty()).unwrap_or_default();
                is_full &= !found.is_empty();
                into.push_str(found);
            }
            Part::Optional(parts) => {
                let before = into.len();
                if !render(parts, cell, into) {
                    into.truncate(before);
                }
            }
        }
    }
    is_full
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str, cells: &[(&str, &str)]) -> String {
        let found =
            |column: &str| cells.iter().find(|(name, _)| *name == column).map_or("", |(_, value)| value).to_owned();
        let owned: Vec<(String, String)> = cells.iter().map(|(name, _)| ((*name).to_owned(), found(name))).collect();
        let template = Template::new(template).unwrap();
        template.render(|column| owned.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value.as_str()))
    }

    #[test]
    fn what_is_empty_takes_its_punctuation_along() {
        let template = "[{Street}, ]{City}[ {Zip}]";
        assert_eq!(
            rendered(template, &[("Street", "1 AVENUE"), ("City", "NEW YORK"), ("Zip", "10027")]),
            "1 AVENUE, NEW YORK 10027"
        );
        assert_eq!(rendered(template, &[("City", "NEW YORK")]), "NEW YORK");
        assert_eq!(rendered(template, &[]), "");
    }

    #[test]
    fn the_first_full_column_is_taken() {
        assert_eq!(rendered("{A|B}", &[("A", ""), ("B", "b")]), "b");
        assert_eq!(rendered("{A|B}", &[("A", "a"), ("B", "b")]), "a");
    }

    #[test]
    fn text_alone_is_a_constant_and_signs_can_be_escaped() {
        assert_eq!(rendered("standard", &[]), "standard");
        assert_eq!(rendered(r"\{\[x\]\}\\", &[]), r"{[x]}\");
    }

    #[test]
    fn what_does_not_close_is_refused() {
        for bad in ["", "{", "{A", "[", "[{A}", "]", "}", "{}", "{A|}", "[[x]]", "\\"] {
            assert!(Template::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn it_knows_its_columns() {
        let template = Template::new("{A|B} and [{C}]").unwrap();
        assert_eq!(template.columns().collect::<Vec<_>>(), ["A", "B", "C"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,40}") {
            if let Ok(template) = Template::new(&text) {
                template.render(|_| "x");
            }
        }
    }
}

//! The API's own document, read as a list of things a stranger could try.

use reqwest::Method;
use serde_json::{Map, Value, json};

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    /// Below `/api/v1`, with parameters in braces.
    pub path: String,
    /// Whether it may be called with nobody signed in.
    pub is_open: bool,
    pub path_parameters: Vec<String>,
    pub query_parameters: Vec<String>,
    /// The media type and the schema of the body it takes.
    pub body: Option<(String, Value)>,
}

/// The document of a server.
#[derive(Debug, Clone)]
pub struct Document(Value);

impl Document {
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    /// Every operation, in the order of the paths.
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let mut operations = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().expect("operations") {
                if let Ok(method) = method.to_uppercase().parse::<Method>()
                    && operation.get("responses").is_some()
                {
                    operations.push(self.operation(method, path, operation));
                }
            }
        }
        operations
    }

    fn operation(&self, method: Method, path: &str, operation: &Value) -> Operation {
        let parameters = |place: &str| {
            let all = operation["parameters"].as_array().into_iter().flatten();
            all.filter(|parameter| parameter["in"] == place)
                .map(|parameter| parameter["name"].as_str().expect("a parameter's name").to_owned())
                .collect()
        };
        let content = operation["requestBody"]["content"].as_object();
        let body = content.and_then(|content| content.iter().next());
        // An empty requirement, alone or among others, means that none is needed.
        let security = operation["security"].as_array();
        let is_open = security.is_some_and(|all| all.is_empty() || all.iter().any(|one| one == &json!({})));
        Operation {
            id: operation["operationId"].as_str().expect("an operation id").to_owned(),
            method,
            path: path.to_owned(),
            is_open,
            path_parameters: parameters("path"),
            query_parameters: parameters("query"),
            body: body.map(|(media, content)| (media.clone(), content["schema"].clone())),
        }
    }

    /// A value that the schema allows, with `id_for(property)` wherever an id is wanted.
    pub fn example(&self, schema: &Value, property: &str, id_for: &dyn Fn(&str) -> String) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().expect("a name");
            return self.example(&self.0["components"]["schemas"][name], property, id_for);
        }
        for composed in ["allOf", "oneOf", "anyOf"] {
            if let Some(parts) = schema[composed].as_array() {
                return self.composed(composed, parts, property, id_for);
            }
        }
        if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
            return value.clone();
        }
        if let Some(value) = schema.get("const").or_else(|| schema.get("example")) {
            return value.clone();
        }
        let kind = schema["type"]
            .as_str()
            .or_else(|| schema["type"].as_array()?.iter().find_map(|t| t.as_str().filter(|t| *t != "null")));
        match kind {
            Some("object") | None if schema["properties"].is_object() => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                let value = properties.map(|(name, schema)| (name.clone(), self.example(schema, name, id_for)));
                Value::Object(value.collect::<Map<_, _>>())
            }
            Some("array") => json!([self.example(&schema["items"], property, id_for)]),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("string") => self.example_text(schema["format"].as_str(), property, id_for),
            _ => json!({}),
        }
    }

    fn composed(&self, how: &str, parts: &[Value], property: &str, id_for: &dyn Fn(&str) -> String) -> Value {
        let mut parts = parts.iter().filter(|part| part["type"] != "null");
        if how != "allOf" {
            return parts.next().map_or(Value::Null, |part| self.example(part, property, id_for));
        }
        let mut whole = Map::new();
        for part in parts {
            match self.example(part, property, id_for) {
                Value::Object(fields) => whole.extend(fields),
                other => return other,
            }
        }
        Value::Object(whole)
    }

    fn example_text(&self, format: Option<&str>, property: &str, id_for: &dyn Fn(&str) -> String) -> Value {
        match format {
            Some("uuid") => json!(id_for(property)),
            Some("date-time") => json!("2030-01-01T10:00:00Z"),
            Some("date") => json!("2030-01-01"),
            Some("time") => json!("10:00:00"),
            _ if property.contains("email") => json!("stranger@elsewhere.example"),
            _ if property.contains("password") => json!("a stranger's password"),
            _ => json!("x"),
        }
    }
}

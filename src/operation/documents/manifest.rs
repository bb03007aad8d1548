//! The files in which build tools list the operations of an app.
//!
//! | shape | written by |
//! |---|---|
//! | `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body", "clientName"?}]}` | Apollo Client, rover, Apollo iOS and Kotlin |
//! | `{"<id>": {"name", "source"}}` | Apollo iOS and Kotlin: operation ids, operation output |
//! | `{"<id>": "<text>"}` | Relay, GraphQL Code Generator, gql.tada, Hive |

use serde_json::{Map, Value};

use super::{id::is_custom, listed::ListedDocument};

/// Which lists a file is for, and how its ids are written by clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestOf {
    /// The only client that it is for.
    pub client: Option<String>,
    /// The only version of that client.
    pub version: Option<String>,
    /// What clients write before an id, e.g. `x-relay:`.
    pub prefix: Option<String>,
}

/// Reads a manifest. `origin` names the file in messages.
///
/// # Errors
/// It is of none of these shapes; why not.
pub fn read(text: &str, of: &ManifestOf, origin: &str) -> Result<Vec<ListedDocument>, String> {
    let file: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("{origin}: this is not a JSON object: {error}"))?;
    let documents: Result<Vec<_>, String> = if file.contains_key("format") {
        apollo(&file)?
            .iter()
            .enumerate()
            .map(|(index, operation)| {
                let member = |name: &str| operation.get(name).and_then(Value::as_str);
                match (member("id"), member("body")) {
                    (Some(id), Some(body)) => document(of, id, body, member("clientName"), origin),
                    _ => Err(format!("operations[{index}] needs `id` and `body`")),
                }
            })
            .collect()
    } else {
        file.iter()
            .map(|(id, entry)| {
                let text = entry.as_str().or_else(|| entry.get("source")?.as_str());
                let text = text.ok_or_else(|| format!("{id:?} is neither a text nor an object with `source`"))?;
                document(of, id, text, None, origin)
            })
            .collect()
    };
    documents.map_err(|why| format!("{origin}: {why}"))
}

fn apollo(file: &Map<String, Value>) -> Result<&Vec<Value>, String> {
    if file.get("format").and_then(Value::as_str) != Some("apollo-persisted-query-manifest") {
        return Err("the only `format` that is read is apollo-persisted-query-manifest".to_owned());
    }
    if file.get("version").and_then(Value::as_u64) != Some(1) {
        return Err("the only `version` that is read is 1".to_owned());
    }
    file.get("operations")
        .and_then(Value::as_array)
        .ok_or_else(|| "`operations` is missing".to_owned())
}

fn document(
    of: &ManifestOf,
    id: &str,
    text: &str,
    client: Option<&str>,
    origin: &str,
) -> Result<ListedDocument, String> {
    if !is_custom(id) {
        return Err(format!("{id:?} is not a word of at most 256 characters"));
    }
    let client = client.map(str::to_owned).or_else(|| of.client.clone());
    let mut ids = vec![id.to_owned()];
    ids.extend(of.prefix.iter().map(|prefix| format!("{prefix}{id}")));
    // As apps name the documents of a deployment.
    if let (Some(client), Some(version)) = (&client, &of.version) {
        ids.push(format!("{client}~{version}~{id}"));
    }
    Ok(ListedDocument {
        ids,
        text: text.to_owned(),
        client,
        version: of.version.clone(),
        origin: format!("{origin}: {id}"),
    })
}

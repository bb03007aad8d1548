//! The query string of a GET → the fields of a GraphQL request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{decode::Fields, json, refusal::Refusal};

/// Reads a query string. An empty parameter counts as absent; unknown ones are passed over; none may stand twice.
pub(super) fn parse(query: &str) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    let mut seen = [false; 6];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        let Some(place) = [
            "query",
            "operationName",
            "variables",
            "extensions",
            "documentId",
            "onError",
        ]
        .iter()
        .position(|known| *known == name) else {
            continue;
        };
        if std::mem::replace(&mut seen[place], true) {
            return Err(Refusal::Shape("a parameter must not stand twice"));
        }
        let value = decode(value)?;
        if value.is_empty() {
            continue;
        }
        match place {
            0 => fields.query = Some(value.into_owned()),
            1 => fields.operation_name = Some(value.into_owned()),
            2 => fields.variables = json::parse_object(&value, "`variables` must be a JSON object")?,
            3 => fields.extensions = json::parse_object(&value, "`extensions` must be a JSON object")?,
            4 => fields.document_id = Some(value.into_owned()),
            _ => fields.on_error = json::on_error(Some(&value)).map_err(Refusal::Shape)?,
        }
    }
    Ok(fields)
}

fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    if !spaced.contains('%') {
        return Ok(spaced);
    }
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| Refusal::NotParameters)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

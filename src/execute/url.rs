//! URLs from templates and data (DIALECT §1.3). Host, port and scheme never come from data.

use std::borrow::Cow;

use http::uri::{Authority, Scheme};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{Failure, FailureKind};
use crate::{
    mapping::{
        Expr, Head, Selection, Step, Vars,
        evaluate::{self as evaluation},
    },
    schema::model::{Mapping, Template, TemplatePart},
};

/// All but `A-Z a-z 0-9 - . _ ~`: what an expression's text is encoded by.
pub(super) const DATA: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What cannot stand in a URL as it is; `%` stays, so that nothing is encoded twice.
const ILLEGAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A template cut at its first `?`, white space of multi-line URLs and fragment dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct UrlTemplate {
    /// Whether a segment of data alone may come out empty: in files that do not link our additions (DIALECT §3.2).
    pub(super) allows_empty: bool,
    path: Vec<Piece>,
    query: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Expr(Mapping),
}

/// Scheme and authority, path and query of a base URL; nothing in it comes from a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// `http` or `https`, and `host:port`; `None`: there is no URL.
    pub(super) origin: Option<(Scheme, Authority)>,
    pub(super) path: String,
    pub(super) query: String,
}

/// Room for what most templates add to a base.
const URL_BYTES: usize = 96;

/// A URL while it is put together.
#[derive(Debug, Default)]
pub(super) struct Joined {
    path: String,
    query: String,
}

// === impl UrlTemplate ===

impl UrlTemplate {
    pub(super) fn new(template: &Template) -> Self {
        let mut url = Self::default();
        let mut in_query = false;
        for part in &template.parts {
            match part {
                TemplatePart::Expr(mapping) => url.side(in_query).push(Piece::Expr(mapping.clone())),
                TemplatePart::Text(text) => {
                    let text = text.replace(['\t', '\n', '\r', '\u{c}'], "");
                    let (text, ends) = match text.split_once('#') {
                        Some((before, _)) => (before.to_owned(), true),
                        None => (text, false),
                    };
                    match text.split_once('?').filter(|_| !in_query) {
                        Some((path, query)) => {
                            url.text(false, path);
                            url.text(true, query);
                            in_query = true;
                        }
                        None => url.text(in_query, &text),
                    }
                    if ends {
                        break;
                    }
                }
            }
        }
        url
    }

    fn side(&mut self, query: bool) -> &mut Vec<Piece> {
        if query { &mut self.query } else { &mut self.path }
    }

    fn text(&mut self, query: bool, text: &str) {
        if !text.is_empty() {
            self.side(query)
                .push(Piece::Text(utf8_percent_encode(text, ILLEGAL).to_string()));
        }
    }

    /// Whether nothing of it depends on a request.
    pub(super) fn is_constant(&self) -> bool {
        self.path
            .iter()
            .chain(&self.query)
            .all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Adds path and query to a URL.
    pub(super) fn join(&self, vars: &Vars<'_>, url: &mut Joined) -> Result<(), Failure> {
        url.add_path(&render_path(&self.path, self.allows_empty, vars)?);
        Ok(())
    }

    pub(super) fn join_query(&self, vars: &Vars<'_>, url: &mut Joined) -> Result<(), Failure> {
        let mut query = String::new();
        for piece in &self.query {
            match piece {
                Piece::Text(text) => query.push_str(text),
                Piece::Expr(mapping) => query.extend(utf8_percent_encode(&scalar_text(mapping, vars)?, DATA)),
            }
        }
        url.add_query(&query);
        Ok(())
    }
}

/// Renders a template's path and checks every segment that data had a part in (DIALECT §3.2).
fn render_path(pieces: &[Piece], allows_empty: bool, vars: &Vars<'_>) -> Result<String, Failure> {
    let mut path = String::with_capacity(URL_BYTES);
    let mut segment = Segment {
        has_text: allows_empty,
        ..Segment::default()
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                for (index, part) in text.split('/').enumerate() {
                    if index > 0 {
                        segment.end(&path)?;
                        path.push('/');
                        segment = Segment {
                            start: path.len(),
                            has_text: allows_empty,
                            has_data: false,
                        };
                    }
                    segment.has_text |= !part.is_empty();
                    path.push_str(part);
                }
            }
            Piece::Expr(mapping) => {
                segment.has_data = true;
                path.extend(utf8_percent_encode(&scalar_text(mapping, vars)?, DATA));
            }
        }
    }
    segment.end(&path)?;
    Ok(path)
}

#[derive(Default)]
struct Segment {
    start: usize,
    /// Text of the author's, or leave to be empty.
    has_text: bool,
    has_data: bool,
}

// === impl Segment ===

impl Segment {
    fn end(&self, path: &str) -> Result<(), Failure> {
        if self.has_data {
            check_segment(&path[self.start..], self.has_text)
        } else {
            Ok(())
        }
    }
}

fn check_segment(segment: &str, has_text: bool) -> Result<(), Failure> {
    let problem = match segment {
        "." | ".." => "consists of dots",
        "" if !has_text => "is empty",
        _ => return Ok(()),
    };
    Err(Failure::new(
        FailureKind::BadInput,
        format!("A value for the path of a backend's URL {problem}."),
    ))
}

// === impl BaseUrl ===

impl BaseUrl {
    /// Takes an absolute `http` or `https` URL apart.
    ///
    /// # Errors
    /// In words that can follow the URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text: String = text.replace(['\t', '\n', '\r', '\u{c}'], "");
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("is not an absolute URL".to_owned());
        };
        if !matches!(scheme, "http" | "https") {
            return Err(format!("has the scheme {scheme:?}; http and https are supported"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let origin = match (Scheme::try_from(scheme), Authority::try_from(authority)) {
            (Ok(scheme), Ok(authority)) if !authority.as_str().is_empty() => (scheme, authority),
            _ => return Err(format!("has no usable host: {authority:?}")),
        };
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let encode = |text: &str| utf8_percent_encode(text, ILLEGAL).to_string();
        Ok(Self {
            origin: Some(origin),
            path: encode(path),
            query: encode(query),
        })
    }
}

// === impl Joined ===

impl Joined {
    /// Starts with a base.
    pub(super) fn start(base: &BaseUrl) -> Self {
        let mut path = String::with_capacity(base.path.len() + URL_BYTES);
        path.push_str(&base.path);
        let mut query = String::with_capacity(base.query.len() + URL_BYTES);
        query.push_str(&base.query);
        Self { path, query }
    }

    /// Adds an already encoded path; one slash between, a trailing one is kept, a lone one adds nothing.
    fn add_path(&mut self, path: &str) {
        if path.is_empty() || path == "/" {
            return;
        }
        while self.path.ends_with('/') {
            self.path.pop();
        }
        self.path.push('/');
        self.path.push_str(path.strip_prefix('/').unwrap_or(path));
    }

    fn add_query(&mut self, query: &str) {
        if query.is_empty() {
            return;
        }
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(query);
    }

    /// Adds the segments that a `path:` mapping yields.
    pub(super) fn add_segments(
        &mut self,
        mapping: &Mapping,
        vars: &Vars<'_>,
        allows_empty: bool,
    ) -> Result<(), Failure> {
        let value = evaluate(mapping, vars);
        let segments = match value {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(items)) => items,
            Some(single) => vec![single],
        };
        for segment in segments.iter().filter(|segment| !segment.is_null()) {
            let text = text_of(segment)
                .ok_or_else(|| Failure::new(FailureKind::BadInput, "A path segment is not a scalar."))?;
            check_segment(&text, allows_empty)?;
            self.add_path(&utf8_percent_encode(&text, DATA).to_string());
        }
        Ok(())
    }

    /// The query, for who adds to it directly.
    pub(super) fn query_mut(&mut self) -> &mut String {
        &mut self.query
    }

    /// Adds the pairs that a `queryParams:` mapping yields.
    pub(super) fn add_params(&mut self, mapping: &Mapping, vars: &Vars<'_>) -> Result<(), Failure> {
        let Some(Value::Object(params)) = evaluate(mapping, vars) else {
            return Ok(());
        };
        for (name, value) in &params {
            match value {
                Value::Null => {}
                Value::Array(items) => {
                    for item in items.iter().filter(|item| !item.is_null()) {
                        self.add_pair(name, item)?;
                    }
                }
                single => self.add_pair(name, single)?,
            }
        }
        Ok(())
    }

    fn add_pair(&mut self, name: &str, value: &Value) -> Result<(), Failure> {
        let text = text_of(value).ok_or_else(|| {
            Failure::new(
                FailureKind::BadInput,
                format!("The query parameter {name:?} is not a scalar."),
            )
        })?;
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.extend(utf8_percent_encode(name, DATA));
        self.query.push('=');
        self.query.extend(utf8_percent_encode(&text, DATA));
        Ok(())
    }

    /// Path and query, as a request line has them.
    pub(super) fn finish(self) -> String {
        let mut target = self.path;
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        if !self.query.is_empty() {
            target.reserve_exact(1 + self.query.len());
            target.push('?');
            target.push_str(&self.query);
        }
        target
    }
}

/// The value of a mapping that has no input data.
pub(super) fn evaluate(mapping: &Mapping, vars: &Vars<'_>) -> Option<Value> {
    evaluation::evaluate(
        &mapping.selection,
        mapping.spec,
        None,
        vars,
        &evaluation::Limits::quiet(),
    )
    .value
}

/// An expression's text; null and missing are empty.
pub(super) fn scalar_text(mapping: &Mapping, vars: &Vars<'_>) -> Result<String, Failure> {
    let value = match key_of_variable(mapping, vars) {
        Some(value) => value.map(Cow::Borrowed),
        None => evaluate(mapping, vars).map(Cow::Owned),
    };
    let Some(value) = value else {
        return Ok(String::new());
    };
    text_of(&value).ok_or_else(|| Failure::new(FailureKind::BadInput, "A value for a URL or header is not a scalar."))
}

/// What `$args.id` and its like are, which most expressions in URLs are: looked up, where the evaluator would copy. `None`:
/// the expression is something else.
fn key_of_variable<'v>(mapping: &Mapping, vars: &Vars<'v>) -> Option<Option<&'v Value>> {
    let Selection::Value(Expr::Path(path)) = &*mapping.selection else {
        return None;
    };
    let (Head::Variable(variable), [Step::Key(key)]) = (&path.head, &path.steps[..]) else {
        return None;
    };
    match vars.get(&variable.text)? {
        Value::Object(object) => Some(object.get(&key.text)),
        _ => None,
    }
}

/// Plain text of a scalar.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

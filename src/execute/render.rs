//! Connector + variables → a complete [`Call`].

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue as HttpValue, Method, Uri, header,
    uri::{self, PathAndQuery},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use switchboard_clients::{Call, grpc::metadata, proto};

use super::{
    Failure, FailureKind, Scope,
    backends::Compiled,
    keys::Keys,
    local, params,
    url::{self, BaseUrl, Joined, UrlTemplate},
};
use crate::{
    mapping::evaluate::Vars,
    plan::Fetch,
    schema::{
        Surface,
        model::{ConnectRequest, Connector, Header, HeaderValue, Mapping, SourceTransport, TemplatePart},
    },
};

/// Longest path and query of a call. What holds them counts in 16 bits, and no server takes as much.
const URL_BYTES_MAX: usize = 60_000;

/// Renders the call of a connector; `None` for mapping-only ones.
pub(super) fn render(
    scope: &Scope,
    fetch: &Fetch,
    connector: &Connector,
    compiled: &Compiled,
    asked: Asked<'_>,
) -> Result<Option<Call>, Failure> {
    match &connector.request {
        ConnectRequest::None => Ok(None),
        ConnectRequest::Http { .. } => http(scope, connector, compiled, asked).map(Some),
        ConnectRequest::Grpc {
            method,
            message,
            metadata,
        } => grpc(scope, connector, (method, message.as_ref(), metadata), asked.vars).map(Some),
        ConnectRequest::Local { field, args } => {
            let call = local::render(scope, fetch, (field, args.as_ref()), asked.vars)?;
            Ok(Some(Call::Local(call)))
        }
    }
}

fn transport<'a>(surface: &'a Surface, connector: &Connector) -> Option<&'a SourceTransport> {
    connector.source.map(|id| &surface.sources[id.0 as usize].transport)
}

fn http(scope: &Scope, connector: &Connector, compiled: &Compiled, asked: Asked<'_>) -> Result<Call, Failure> {
    let vars = asked.vars;
    let ConnectRequest::Http {
        method, headers, body, ..
    } = &connector.request
    else {
        return Err(Failure::new(FailureKind::Internal, "Not a REST connector."));
    };
    let shared = match transport(&scope.surface, connector) {
        Some(SourceTransport::Http { headers, .. }) => &headers[..],
        _ => &[],
    };
    let uri = uri(&scope.surface, connector, compiled, asked)?;
    let mut map = HeaderMap::new();
    add_headers(&mut map, shared, headers, &scope.headers, vars)?;
    tell_caller(scope, connector, &mut map);
    let body = match body {
        Some(mapping) => render_body(mapping, vars, &mut map)?,
        None => None,
    };
    Ok(Call::Http {
        method: Method::clone(method),
        uri,
        headers: map,
        body,
    })
}

/// The URL of a REST connector's call.
pub(super) fn uri(
    surface: &Surface,
    connector: &Connector,
    compiled: &Compiled,
    asked: Asked<'_>,
) -> Result<Uri, Failure> {
    if let Some(uri) = &compiled.constant_uri {
        return Ok(uri.clone());
    }
    let ConnectRequest::Http { path, query, .. } = &connector.request else {
        return Err(Failure::new(FailureKind::Internal, "Not a REST connector."));
    };
    let shared = match transport(surface, connector) {
        Some(SourceTransport::Http { path, query, .. }) => (path.as_ref(), query.as_ref()),
        _ => (None, None),
    };
    let mut url = join(&compiled.base, shared, &compiled.url, path.as_ref(), asked.vars)?;
    match (&compiled.params, query) {
        (Some(params), _) => params::write(params, asked.numbers, asked.keys, url.query_mut())?,
        (None, Some(query)) => url.add_params(query, asked.vars)?,
        (None, None) => {}
    }
    to_uri(&compiled.base, url)
}

fn grpc(
    scope: &Scope,
    connector: &Connector,
    (method, message, own): (&proto::Method, Option<&Mapping>, &[Header]),
    vars: &Vars<'_>,
) -> Result<Call, Failure> {
    let shared = match transport(&scope.surface, connector) {
        Some(SourceTransport::Grpc { metadata, .. }) => &metadata[..],
        _ => &[],
    };
    let value = match message {
        Some(mapping) => url::evaluate(mapping, vars).unwrap_or(Value::Null),
        None => Value::Object(Map::new()),
    };
    let message = proto::encode(&method.input, &value).map_err(|error| {
        tracing::debug!(request_id = scope.request_id(), connector = %connector.coordinate, %error, "request message does not fit");
        Failure::new(
            FailureKind::BadInput,
            "The request to the source cannot be built from these values.",
        )
    })?;
    let mut metadata = render_metadata(shared, own, &scope.headers, vars)?;
    tell_caller(scope, connector, &mut metadata);
    Ok(Call::Grpc {
        path: method.path.clone(),
        message,
        metadata,
    })
}

/// Metadata of a source, then that of a connector, which replaces it by name. `client`: the headers that `from:` names.
pub(super) fn render_metadata(
    shared: &[Header],
    own: &[Header],
    client: &HeaderMap,
    vars: &Vars<'_>,
) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    add_headers(&mut map, shared, own, client, vars)?;
    for (name, value) in map.iter_mut() {
        *value = metadata::outgoing(name, value).map_err(|error| {
            Failure::new(
                FailureKind::BadInput,
                format!("A value for the metadata {:?} {error}.", name.as_str()),
            )
        })?;
    }
    Ok(map)
}

type Parts<'a> = (Option<&'a Mapping>, Option<&'a Mapping>);

/// What a call is made for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What mappings read.
    pub(super) vars: &'a Vars<'a>,
    /// The keys it is for; none for a root field.
    pub(super) numbers: &'a [u32],
    /// All keys of the fetch.
    pub(super) keys: &'a Keys,
}

/// Everything but the connector's own query parameters, which come last. Path: base, source, template, connector. Query
/// in the same order.
pub(super) fn join(
    base: &BaseUrl,
    source: Parts<'_>,
    template: &UrlTemplate,
    connect_path: Option<&Mapping>,
    vars: &Vars<'_>,
) -> Result<Joined, Failure> {
    let mut url = Joined::start(base);
    if let Some(path) = source.0 {
        url.add_segments(path, vars, template.allows_empty)?;
    }
    template.join(vars, &mut url)?;
    if let Some(path) = connect_path {
        url.add_segments(path, vars, template.allows_empty)?;
    }
    if let Some(query) = source.1 {
        url.add_params(query, vars)?;
    }
    template.join_query(vars, &mut url)?;
    Ok(url)
}

pub(super) fn to_uri(base: &BaseUrl, url: Joined) -> Result<Uri, Failure> {
    let invalid = || Failure::new(FailureKind::BadInput, "These values do not make a URL.");
    let mut parts = uri::Parts::default();
    if let Some((scheme, authority)) = &base.origin {
        (parts.scheme, parts.authority) = (Some(scheme.clone()), Some(authority.clone()));
    }
    let target = url.finish();
    if target.len() > URL_BYTES_MAX {
        return Err(invalid());
    }
    let target = PathAndQuery::from_maybe_shared(Bytes::from(target)).map_err(|_| invalid())?;
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map_err(|_| invalid())
}

/// Last, so that nothing a schema maps can stand in its place.
fn tell_caller(scope: &Scope, connector: &Connector, headers: &mut HeaderMap) {
    if let Some(id) = connector.source
        && let Some(told) = &scope.backends.source(id).told
    {
        told.add(&scope.caller, headers);
    }
}

/// Headers of the source, then those of the connector, which replace them by name.
fn add_headers(
    map: &mut HeaderMap,
    shared: &[Header],
    own: &[Header],
    client: &HeaderMap,
    vars: &Vars<'_>,
) -> Result<(), Failure> {
    let replaced = |name: &HeaderName| own.iter().any(|header| header.name == *name);
    for header in shared.iter().filter(|header| !replaced(&header.name)).chain(own) {
        match &header.value {
            HeaderValue::From(from) => {
                if !is_connection_bound(client, from) {
                    for value in client.get_all(from) {
                        map.append(header.name.clone(), value.clone());
                    }
                }
            }
            HeaderValue::Value(template) => {
                let mut text = String::new();
                for part in &template.parts {
                    match part {
                        TemplatePart::Text(part) => text.push_str(part),
                        TemplatePart::Expr(mapping) => text.push_str(&url::scalar_text(mapping, vars)?),
                    }
                }
                let has_control = text.bytes().any(|byte| byte.is_ascii_control());
                let value = HttpValue::from_bytes(text.as_bytes())
                    .ok()
                    .filter(|_| !has_control)
                    .ok_or_else(|| {
                        Failure::new(
                            FailureKind::BadInput,
                            format!(
                                "A value for the header {:?} has control characters.",
                                header.name.as_str()
                            ),
                        )
                    })?;
                map.append(header.name.clone(), value);
            }
        }
    }
    Ok(())
}

/// Whether the client's `Connection` header says that a header is not to be passed on.
fn is_connection_bound(client: &HeaderMap, name: &HeaderName) -> bool {
    client
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(name.as_str()))
}

fn render_body(mapping: &Mapping, vars: &Vars<'_>, headers: &mut HeaderMap) -> Result<Option<Bytes>, Failure> {
    let Some(value) = url::evaluate(mapping, vars) else {
        return Ok(None);
    };
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase);
    let is_form = content_type
        .as_deref()
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        let mut form = String::new();
        write_form(&value, "", &mut form);
        return Ok(Some(form.into()));
    }
    if content_type.is_none() {
        headers.insert(header::CONTENT_TYPE, HttpValue::from_static("application/json"));
    }
    match (content_type.as_deref(), &value) {
        (Some(text), Value::String(value)) if text.starts_with("text/") => Ok(Some(value.clone().into())),
        _ => {
            let json = serde_json::to_vec(&value)
                .map_err(|_| Failure::new(FailureKind::Internal, "The request body cannot be written."))?;
            Ok(Some(json.into()))
        }
    }
}

/// `a[b][0]=1`; null is empty.
fn write_form(value: &Value, name: &str, form: &mut String) {
    let below = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}[{key}]")
        }
    };
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                write_form(value, &below(key), form);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                write_form(value, &below(&index.to_string()), form);
            }
        }
        scalar => {
            if !form.is_empty() {
                form.push('&');
            }
            write_form_text(name, form);
            form.push('=');
            write_form_text(&url::text_of(scalar).unwrap_or_default(), form);
        }
    }
}

/// As <https://url.spec.whatwg.org/#urlencoded-serializing> says: a space is `+`.
fn write_form_text(text: &str, form: &mut String) {
    const FORM: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'*')
        .remove(b' ');
    for part in utf8_percent_encode(text, FORM) {
        form.push_str(&part.replace(' ', "+"));
    }
}

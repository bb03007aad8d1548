//! Where the URLs of sources and connectors begin.

use serde_json::Value;

use super::{SourceSettings, base_url};
use crate::{
    execute::url::BaseUrl,
    schema::model::{Connector, SourceTransport, Template, TemplatePart},
};

/// Where the URLs of a source begin; a schema in this process has none.
pub(super) fn base_of_source(
    transport: &SourceTransport,
    settings: &SourceSettings,
    env: &Value,
) -> Result<BaseUrl, String> {
    if let SourceTransport::Local { .. } = transport {
        return Ok(BaseUrl::default());
    }
    let text = base_url(transport, settings, env)?;
    BaseUrl::parse(&text).map_err(|why| format!("{text:?} {why}"))
}

pub(super) fn base_of(connector: &Connector, bases: &[BaseUrl], url: &Template) -> BaseUrl {
    match (connector.source, url.parts.first()) {
        (Some(id), _) => bases.get(id.0 as usize).cloned().unwrap_or_default(),
        (None, Some(TemplatePart::Text(text))) => {
            let base = BaseUrl::parse(text).unwrap_or_default();
            BaseUrl {
                path: String::new(),
                query: String::new(),
                ..base
            }
        }
        _ => BaseUrl::default(),
    }
}

/// An absolute template without scheme and host: start-up checks see to it that those are plain text.
pub(super) fn without_origin(url: &Template) -> Template {
    let mut url = url.clone();
    if let Some(TemplatePart::Text(text)) = url.parts.first_mut()
        && let Some((_, rest)) = text.split_once("://")
    {
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        *text = rest[start..].to_owned();
    }
    url
}

//! `http.cors`: which sites' pages may read answers.

use super::read::Section;
use crate::http::Cors;

/// Reads the section.
pub(super) fn read(section: Section<'_>) -> Cors {
    let default = Cors::default();
    let cors = Cors {
        origins: section.texts("origins"),
        credentials: section.flag("credentials", default.credentials),
        max_age: section.duration("max_age", default.max_age),
    };
    for origin in cors.origins.iter().filter(|origin| !is_origin(origin)) {
        section.report(
            "origins",
            format!("`{origin}` is not an origin"),
            "write each as browsers send it, such as `https://shop.example` or `http://localhost:3000`",
        );
    }
    section.finish();
    cors
}

/// A scheme, a host in lower case, and a port where it is not the scheme's. Neither `null`, which any page can be, nor patterns.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let is_clean = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
    };
    let has_default_port = match scheme {
        "http" => authority.ends_with(":80"),
        "https" => authority.ends_with(":443"),
        _ => return false,
    };
    !has_default_port
        && !authority.starts_with(':')
        && !authority.ends_with(':')
        && !authority.is_empty()
        && authority.bytes().all(is_clean)
}

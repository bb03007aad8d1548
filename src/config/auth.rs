//! `auth`: who callers are, and what they may.

use std::{path::Path, sync::Arc, time::Duration};

use http::{HeaderName, Uri};

use super::{AuthConfig, Config, ToldIdentity, read::Section};
use crate::{
    identity::{
        ApiKey, ApiKeySettings, ForwardSettings, InternalTokenSettings, IssuerSettings, KeyMaterial, KeySource,
        RevokedSettings, SessionSettings, Settings, StaticKey, algorithm,
    },
    schema::PolicySettings,
};

/// Clocks that differ by more than a minute are wrong, and every second of it is one more that a stolen token lives.
const LEEWAY_MAX: Duration = Duration::from_secs(60);

const KEEP_KEYS_MIN: Duration = Duration::from_secs(60 * 60);

const INTERNAL_LIFETIME_MAX: Duration = Duration::from_secs(10 * 60);

/// Reads the section.
pub(super) fn read(section: Section<'_>, base: &Path) -> AuthConfig {
    let auth = AuthConfig {
        identity: Settings {
            issuers: section
                .sections("issuers")
                .into_iter()
                .filter_map(|(name, section)| issuer(name, section, base))
                .collect(),
            api_keys: api_keys(section.section("api_keys")),
            session: section.optional("session").map(session),
            revoked: section.optional("revoked").and_then(|section| revoked(section, base)),
            forward: forward(section.section("forward"), base),
        },
        policies: section
            .sections("policies")
            .into_iter()
            .filter_map(|(name, section)| policy(name, section))
            .collect(),
    };
    section.finish();
    auth
}

/// What only holds together.
pub(super) fn check(file: &Section<'_>, config: &mut Config) {
    let identity = &mut config.auth.identity;
    let has_callers = !identity.issuers.is_empty() || !identity.api_keys.keys.is_empty();
    if !has_callers && config.surfaces.iter().any(|surface| surface.require_auth) {
        file.report(
            "auth",
            "a surface has `require_auth`, and there is no way to be anybody",
            "add `issuers` or `api_keys`",
        );
    }
    if let Some(session) = &mut identity.session {
        if identity.issuers.is_empty() {
            file.report(
                "auth",
                "`session` carries tokens, and nobody issues any",
                "add `issuers`",
            );
        }
        if config.surfaces.iter().any(|surface| surface.path == session.path) {
            file.report(
                "auth",
                "`session.path` is the path of a surface",
                "give it a path of its own",
            );
        }
        if config.http.cors.credentials {
            session.origins.clone_from(&config.http.cors.origins);
        }
    }
    for (name, source) in &config.sources {
        let is_missing = match source.identity {
            ToldIdentity::None => false,
            ToldIdentity::Headers => identity.forward.headers.is_empty(),
            ToldIdentity::Token => identity.forward.token.is_none(),
        };
        if is_missing {
            file.report(
                "auth",
                format!("sources.{name}.identity: `auth.forward` does not say what the source is told"),
                "add `forward.headers` or `forward.token`",
            );
        }
    }
}

fn issuer(name: String, section: Section<'_>, base: &Path) -> Option<IssuerSettings> {
    let issuer = section.text("issuer");
    if issuer.is_none() {
        section.report("issuer", "the issuer is missing", "write what its tokens have as `iss`");
    }
    let audience = section.texts("audience");
    if audience.is_empty() {
        section.report(
            "audience",
            "the audience is missing",
            "write what tokens for this server have as `aud`",
        );
    }
    let leeway = section.duration("leeway", LEEWAY_MAX);
    if leeway > LEEWAY_MAX {
        section.report(
            "leeway",
            "this is more than 60 s",
            "write at most `60s`, and set the clocks",
        );
    }
    let keep_keys = section.positive_duration("keep_keys", 24 * KEEP_KEYS_MIN);
    if keep_keys < KEEP_KEYS_MIN {
        section.report("keep_keys", "this is less than an hour", "write at least `1h`");
    }
    let mut scope_claims = section.texts("scope_claims");
    if scope_claims.is_empty() {
        scope_claims = vec!["scope".to_owned(), "scp".to_owned()];
    }
    let keys = key_source(&section, base);
    let settings = IssuerSettings {
        name,
        issuer: issuer.unwrap_or_default(),
        audience,
        audience_lists: section.flag("audience_lists", false),
        leeway,
        scope_claims,
        keys: keys.unwrap_or(KeySource::Discovery),
        refresh: section.positive_duration("refresh", Duration::from_secs(600)),
        keep_keys,
    };
    section.finish();
    Some(settings)
}

/// One of three ways.
fn key_source(section: &Section<'_>, base: &Path) -> Option<KeySource> {
    let url = section.text("jwks_url");
    let discovery = section.flag("discovery", false);
    let keys: Vec<StaticKey> = section
        .items("keys")
        .into_iter()
        .filter_map(|key| static_key(key, base))
        .collect();
    match (url, discovery, section.has("keys")) {
        (Some(url), false, false) => {
            let url = Uri::try_from(url)
                .ok()
                .filter(|url| url.host().is_some() && matches!(url.scheme_str(), Some("http" | "https")));
            if url.is_none() {
                section.report(
                    "jwks_url",
                    "this is not an absolute URL",
                    "write one that starts with `https://`",
                );
            }
            Some(KeySource::Url(url?))
        }
        (None, true, false) => Some(KeySource::Discovery),
        (None, false, true) => Some(KeySource::Static(keys)),
        _ => {
            section.report(
                "",
                "where its keys are must be said in one way",
                "write `jwks_url`, `discovery: true` or `keys`",
            );
            None
        }
    }
}

/// A secret, or half of a pair of keys. `what`: what it is called, and the key of the file with that half.
fn key_material(section: &Section<'_>, base: &Path, (what, half): (&str, &'static str)) -> Option<KeyMaterial> {
    match (
        section.secret("secret"),
        section.secret_file("secret_file", base),
        section.secret_file(half, base),
    ) {
        (Some(secret), None, None) => Some(KeyMaterial::Secret(secret)),
        (None, Some(file), None) => Some(KeyMaterial::SecretFile(file)),
        (None, None, Some(file)) => Some(KeyMaterial::PublicFile(file)),
        _ => {
            section.report(
                "",
                format!("{what} is one thing"),
                format!("write `{half}`, or `secret` or `secret_file` for HS algorithms"),
            );
            None
        }
    }
}

fn static_key(section: Section<'_>, base: &Path) -> Option<StaticKey> {
    let algorithm = read_algorithm(&section, None);
    let material = key_material(&section, base, ("a key", "public_key_file"));
    let id = section.text("kid");
    section.finish();
    Some(StaticKey {
        id,
        algorithm: algorithm?,
        material: material?,
    })
}

fn read_algorithm(section: &Section<'_>, default: Option<&str>) -> Option<jsonwebtoken::Algorithm> {
    let name = section.text("algorithm").or_else(|| default.map(str::to_owned));
    let known = name.as_deref().and_then(algorithm);
    if known.is_none() {
        section.report(
            "algorithm",
            "this is no algorithm that a key is for",
            "write one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512",
        );
    }
    known
}

fn header(section: &Section<'_>, key: &'static str, default: HeaderName) -> HeaderName {
    let Some(text) = section.text(key) else { return default };
    HeaderName::try_from(text.as_str()).unwrap_or_else(|_| {
        section.report(
            key,
            format!("`{text}` is no header's name"),
            "write one such as `x-api-key`",
        );
        default
    })
}

fn api_keys(section: Section<'_>) -> ApiKeySettings {
    let settings = ApiKeySettings {
        header: header(&section, "header", ApiKeySettings::default().header),
        keys: section
            .sections("keys")
            .into_iter()
            .filter_map(|(name, section)| api_key(&name, section))
            .collect(),
    };
    section.finish();
    settings
}

fn api_key(name: &str, section: Section<'_>) -> Option<ApiKey> {
    let hash = section.text("sha256").as_deref().and_then(from_hex);
    if hash.is_none() {
        section.report(
            "sha256",
            "this is no SHA-256 of a key",
            "write 64 hexadecimal digits: `printf %s \"$KEY\" | sha256sum`",
        );
    }
    let claims = section.object("claims");
    let scopes = section.texts("scopes");
    section.finish();
    Some(ApiKey {
        name: Arc::from(name),
        hash: hash?,
        claims,
        scopes,
    })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn session(section: Section<'_>) -> SessionSettings {
    let sites = [("lax", "Lax"), ("strict", "Strict"), ("none", "None")];
    let secure = section.flag("secure", true);
    let default = if secure { "__Host-session" } else { "session" };
    let settings = SessionSettings {
        cookie: section.text("cookie").unwrap_or_else(|| default.to_owned()),
        path: section.text("path").unwrap_or_else(|| "/session".to_owned()),
        secure,
        same_site: section.choice("same_site", &sites, "Lax"),
        origins: Vec::new(),
        max_age: section.positive_duration("max_age", Duration::from_secs(12 * 60 * 60)),
    };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if settings.cookie.is_empty() || !settings.cookie.bytes().all(is_token) {
        section.report(
            "cookie",
            "this is no cookie's name",
            "use letters, digits, `-`, `_` and `.`",
        );
    }
    if !settings.path.starts_with('/') {
        section.report("path", "this is not a path", "write one that starts with `/`");
    }
    if !secure && (settings.cookie.starts_with("__") || settings.same_site == "None") {
        section.report(
            "secure",
            "browsers refuse such a cookie without `secure`",
            "write `secure: true`, or another `cookie` and `same_site`",
        );
    }
    section.finish();
    settings
}

fn revoked(section: Section<'_>, base: &Path) -> Option<RevokedSettings> {
    let file = section.secret_file("file", base);
    if file.is_none() {
        section.report("file", "the file is missing", "name a JSON file");
    }
    let version_claim = section.text("version_claim").unwrap_or_else(|| "ver".to_owned());
    section.finish();
    Some(RevokedSettings {
        file: file?,
        version_claim,
    })
}

fn forward(section: Section<'_>, base: &Path) -> ForwardSettings {
    let mut headers = Vec::new();
    for (name, claim) in section.pairs("headers") {
        match HeaderName::try_from(name.as_str()) {
            Ok(name) => headers.push((name, claim)),
            Err(_) => section.report(
                "headers",
                format!("`{name}` is no header's name"),
                "write one such as `x-user-id`",
            ),
        }
    }
    let settings = ForwardSettings {
        headers,
        token: section
            .optional("token")
            .and_then(|section| internal_token(section, base)),
    };
    section.finish();
    settings
}

fn internal_token(section: Section<'_>, base: &Path) -> Option<InternalTokenSettings> {
    let algorithm = read_algorithm(&section, Some("ES256"));
    let material = key_material(&section, base, ("the key to sign with", "private_key_file"));
    let lifetime = section.positive_duration("lifetime", Duration::from_secs(60));
    if lifetime > INTERNAL_LIFETIME_MAX {
        section.report(
            "lifetime",
            "this is more than 10 minutes",
            "a new one is made in time: write `60s`",
        );
    }
    let mut claims = section.texts("claims");
    if claims.is_empty() {
        claims = vec!["sub".to_owned()];
    }
    let key_id = section.text("kid");
    let header = header(&section, "header", HeaderName::from_static("x-internal-token"));
    let issuer = section.text("issuer").unwrap_or_else(|| "switchboard".to_owned());
    let audience = section.text("audience").unwrap_or_else(|| "internal".to_owned());
    section.finish();
    Some(InternalTokenSettings {
        header,
        issuer,
        audience,
        claims,
        lifetime,
        algorithm: algorithm?,
        key_id,
        material: material?,
    })
}

fn policy(name: String, section: Section<'_>) -> Option<PolicySettings> {
    let rule = section.text("rule");
    if rule.is_none() {
        section.report(
            "rule",
            "the rule is missing",
            "write a mapping that is true for those who may, e.g. `$context.claims.role->eq(\"admin\")`",
        );
    }
    let is_absent = section.choice("refused", &[("error", false), ("absent", true)], false);
    section.finish();
    Some(PolicySettings {
        name,
        rule: rule?,
        is_absent,
    })
}

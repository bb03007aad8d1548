//! The tree → [`Config`]: every key there is, once.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use super::{
    Config, ConfigError, DocumentStoreConfig, Limits, ManifestConfig, PersistedConfig, Reload, ReplyLimits,
    ResilienceConfig, Secret, SourceConfig, SurfaceConfig, ToldIdentity, auth, classes, cors, overload, quotas,
    read::{Reader, Section},
    yaml,
};
use crate::{
    execute::Detail,
    http::{Coding, Compression, Settings as HttpSettings, StatusProfile, Tls},
    operation::{
        LimitMode,
        documents::{Exempt, Mode, manifest::ManifestOf},
    },
    telemetry::{LogFormat, LogRequests, LogSettings, check_level},
};

/// More would be a service discovery's business.
const ADDRESSES_MAX: usize = 64;

/// Requests in an array, where arrays may come: more than a page has at once.
const BATCH_MAX: usize = 10;

/// Reads the text of a file.
pub(super) fn build(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let reader = Reader::new(environment);
    let config = match yaml::parse(text) {
        Ok(tree) => Some(config(reader.section(&tree, String::new()), file)),
        Err(refused) => {
            reader.report(refused.place, "", refused.message, "the file must be YAML");
            None
        }
    };
    match config {
        Some(config) if !reader.has_problems() => Ok(config),
        _ => Err(ConfigError::new(file, reader.into_problems())),
    }
}

/// Everything, with defaults where it says nothing.
pub(super) fn config(file: Section<'_>, path: &Path) -> Config {
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let listen = SocketAddr::from(([127, 0, 0, 1], 4000));
    let admin = SocketAddr::from(([127, 0, 0, 1], 4001));
    let mut config = Config {
        listen: file.address("listen", listen, false).unwrap_or(listen),
        admin: file.address("admin", admin, true),
        surfaces: surfaces(&file, &base),
        sources: file
            .sections("sources")
            .into_iter()
            .map(|(name, section)| (name, source(section)))
            .collect(),
        auth: auth::read(file.section("auth"), &base),
        classes: classes::read(&file),
        quotas: quotas::read(file.section("quotas")),
        documents: document_store(&file),
        overload: overload::read(file.section("overload")),
        http: http(file.section("http"), &base),
        log: log(file.section("log")),
        reload: file.choice(
            "reload",
            &[("signal", Reload::Signal), ("watch", Reload::Watch)],
            Reload::default(),
        ),
        switches: file.text("switches").map(|file| base.join(file)),
        is_for_development: false,
        file: path.to_owned(),
        base,
    };
    auth::check(&file, &mut config);
    quotas::check(&file, &config);
    classes::check(&file, &mut config);
    if config
        .admin
        .is_some_and(|admin| admin == config.listen && admin.port() != 0)
    {
        file.report(
            "admin",
            "the address of `listen` stands here again",
            "give it a port of its own, or write `off`",
        );
    }
    file.finish();
    config
}

fn surfaces(file: &Section<'_>, base: &Path) -> Vec<SurfaceConfig> {
    let sections = file.sections("surfaces");
    if sections.is_empty() {
        file.report(
            "surfaces",
            "there is no surface to serve",
            "add one: a name, and its `schema`",
        );
    }
    let mut by_path: BTreeMap<String, String> = BTreeMap::new();
    let mut surfaces = Vec::with_capacity(sections.len());
    for (name, section) in sections {
        if !is_name(&name) {
            section.report(
                "",
                "a surface's name is letters, digits, `-` and `_`",
                "choose another name",
            );
        }
        let path = section.text("path").unwrap_or_else(|| format!("/{name}/graphql"));
        if !is_path(&path) {
            section.report(
                "path",
                "this is not a path",
                "write one that starts with `/` and has no `?`, `#` or blanks",
            );
        } else if let Some(other) = by_path.insert(path.clone(), name.clone()) {
            section.report(
                "path",
                format!("the surface `{other}` has this path already"),
                "give each its own path",
            );
        }
        let schema = section.texts("schema");
        if schema.is_empty() {
            section.report("schema", "the schema is missing", "name one file, or a list of files");
        }
        let persisted = persisted(&section, base);
        let has_lists = section.has("operations") || !persisted.manifests.is_empty();
        let mut surface = SurfaceConfig {
            name,
            path,
            schema: schema.into_iter().map(|file| base.join(file)).collect(),
            operations: section.text("operations").map(|directory| base.join(directory)),
            introspection: section.flag("introspection", false),
            show_cost: section.flag("show_cost", false),
            sharing: section.flag("sharing", true),
            cache_bytes: section.count("cache_bytes", 64 * 1024 * 1024) as u64,
            require_auth: section.flag("require_auth", false),
            tier: section.text("tier").map(Arc::from),
            refuses_operations: section.choice("on_refused", &[("null", false), ("error", true)], false),
            persisted,
            errors: classes::detail(&section, Detail::default()),
            quotas: quotas::of_operations(&section),
            priority: overload::priorities(section.section("priority"), has_lists),
            classes: Vec::new(),
            limits: limits(section.section("limits"), &Limits::default()),
        };
        surface.classes = classes::of_surface(&section, &surface);
        surfaces.push(surface);
        section.finish();
    }
    surfaces
}

fn persisted(surface: &Section<'_>, base: &Path) -> PersistedConfig {
    let default = PersistedConfig::default();
    let section = surface.section("persisted");
    let modes = [
        ("off", Mode::Off),
        ("automatic", Mode::Automatic),
        ("log", Mode::Log),
        ("safelist", Mode::Safelist),
        ("only", Mode::Only),
    ];
    let mut exempt = Exempt::default();
    for limit in section.texts("exempt") {
        match &*limit {
            "depth" => exempt.depth = true,
            "cost" => exempt.cost = true,
            _ => section.report(
                "exempt",
                format!("`{limit}` is no limit that listed documents can be exempt from"),
                "write `depth`, `cost` or both",
            ),
        }
    }
    let manifests = section.items("manifests");
    let persisted = PersistedConfig {
        mode: section.choice("mode", &modes, default.mode),
        manifests: manifests.into_iter().filter_map(|item| manifest(item, base)).collect(),
        exempt,
        registered_bytes: section.positive_count("registered_bytes", default.registered_bytes),
        registrations_per_minute: section.count("registrations_per_minute", default.registrations_per_minute),
    };
    let lists = surface.has("operations") || section.has("manifests");
    if matches!(persisted.mode, Mode::Log | Mode::Safelist | Mode::Only) && !lists {
        section.report(
            "mode",
            "nothing is listed",
            "add `manifests`, or the surface's `operations`",
        );
    }
    section.finish();
    persisted
}

fn manifest(section: Section<'_>, base: &Path) -> Option<ManifestConfig> {
    let file = section.text("file");
    if file.is_none() {
        section.report(
            "",
            "`file` is missing",
            "name a manifest, or a folder of `.graphql` files",
        );
    }
    let of = ManifestOf {
        client: section.text("client"),
        version: section.text("version"),
        prefix: section.text("prefix"),
    };
    if of.version.is_some() && of.client.is_none() {
        section.report("version", "a version of which client?", "add `client`");
    }
    section.finish();
    Some(ManifestConfig {
        file: base.join(file?),
        of,
    })
}

fn document_store(file: &Section<'_>) -> Option<DocumentStoreConfig> {
    let section = file.section("documents");
    let redis = section.text("redis").filter(|redis| !redis.is_empty());
    if redis.as_ref().is_some_and(|redis| !redis.starts_with("redis://")) {
        section.report(
            "redis",
            "this is not the address of a Redis",
            "write `redis://host:6379`, with user and password before the host and a database behind it if need be",
        );
    }
    let timeout = section.positive_duration("timeout", Duration::from_millis(5));
    let keep_days = u32::try_from(section.positive_count("keep_days", 30)).unwrap_or(u32::MAX);
    section.finish();
    Some(DocumentStoreConfig {
        redis: Secret::new(redis?),
        timeout,
        keep_days,
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && name != "-"
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

pub(super) fn limits(section: Section<'_>, default: &Limits) -> Limits {
    let modes = [("enforce", LimitMode::Enforce), ("measure", LimitMode::Measure)];
    let limits = Limits {
        mode: section.choice("mode", &modes, default.mode),
        body_bytes: section.count("body_bytes", default.body_bytes),
        document_bytes: section.count("document_bytes", default.document_bytes),
        tokens: section.count("tokens", default.tokens),
        nesting: section.count("nesting", default.nesting),
        depth: section.count("depth", default.depth),
        aliases: section.count("aliases", default.aliases),
        root_fields: section.count("root_fields", default.root_fields),
        directives: section.count("directives", default.directives),
        expanded_selections: section.count("expanded_selections", default.expanded_selections),
        cost: section.count("cost", default.cost),
        calls: section.count("calls", default.calls),
        list_size: section.count("list_size", default.list_size),
        input_list: section.count("input_list", default.input_list),
        string_bytes: section.count("string_bytes", default.string_bytes),
        errors: section.count("errors", default.errors),
        response_bytes: section.count("response_bytes", default.response_bytes),
    };
    section.finish();
    limits
}

fn source(section: Section<'_>) -> SourceConfig {
    let default = SourceConfig::default();
    let told = [
        ("none", ToldIdentity::None),
        ("headers", ToldIdentity::Headers),
        ("token", ToldIdentity::Token),
    ];
    let source = SourceConfig {
        override_url: override_url(&section),
        config: Secret::new(section.object("config")),
        max_requests_per_operation: section.count("max_requests_per_operation", default.max_requests_per_operation),
        limits: reply_limits(section.section("limits")),
        timeout: section.positive_duration_or_none("timeout"),
        connect_timeout: section.positive_duration("connect_timeout", default.connect_timeout),
        max_in_flight: section.in_flight("max_in_flight"),
        resilience: ResilienceConfig::read(section.section("resilience")),
        identity: section.choice("identity", &told, default.identity),
    };
    section.finish();
    source
}

/// Absolute URLs. What they hold beside scheme and host is the clients' affair, but the same in all.
fn override_url(section: &Section<'_>) -> Vec<String> {
    let urls = section.texts("override_url");
    if !urls.iter().all(|url| is_absolute(url)) {
        section.report(
            "override_url",
            "this is not an absolute URL",
            "write one that starts with `http://` or `https://` and a host",
        );
        return urls;
    }
    let after_host = |url: &String| {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..]
            .trim_end_matches('/')
            .to_owned()
    };
    if let Some((first, others)) = urls.split_first() {
        if others.iter().any(|url| after_host(url) != after_host(first)) {
            section.report(
                "override_url",
                "the addresses differ in more than scheme, host and port",
                "give all of them the same path",
            );
        }
        if others.len() >= ADDRESSES_MAX {
            section.report(
                "override_url",
                format!("there are more than {ADDRESSES_MAX} addresses"),
                "put a load balancer before them",
            );
        }
    }
    urls
}

fn is_absolute(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?', '#']))
        && !url
            .bytes()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

fn reply_limits(section: Section<'_>) -> ReplyLimits {
    let default = ReplyLimits::default();
    let limits = ReplyLimits {
        body_bytes: section.count("body_bytes", default.body_bytes),
        depth: section.count("depth", default.depth),
        list: section.count("list", default.list),
    };
    section.finish();
    limits
}

fn http(section: Section<'_>, base: &Path) -> HttpSettings {
    let default = HttpSettings::default();
    let profiles = [
        ("compat", StatusProfile::Compat),
        ("draft2026", StatusProfile::Draft2026),
    ];
    let batching = section.flag("batching", default.batch_max.is_some());
    let batch_max = Some(section.positive_count("batch_max", BATCH_MAX)).filter(|_| batching);
    let settings = HttpSettings {
        status_profile: section.choice("status_profile", &profiles, default.status_profile),
        header_timeout: section.positive_duration("header_timeout", default.header_timeout),
        body_timeout: section.positive_duration("body_timeout", default.body_timeout),
        idle_timeout: section.positive_duration("idle_timeout", default.idle_timeout),
        write_timeout: section.positive_duration("write_timeout", default.write_timeout),
        operation_timeout: section.positive_duration("operation_timeout", default.operation_timeout),
        drain_timeout: section.duration("drain_timeout", default.drain_timeout),
        shutdown_delay: section.duration("shutdown_delay", default.shutdown_delay),
        max_connections: section.positive_count("max_connections", default.max_connections),
        answer_bytes: section.count("answer_bytes", default.answer_bytes),
        max_streams: u32::try_from(section.positive_count("max_streams", default.max_streams as usize))
            .unwrap_or(u32::MAX),
        header_count_max: section.positive_count("header_count", default.header_count_max),
        header_bytes_max: section.positive_count("header_bytes", default.header_bytes_max),
        uri_bytes_max: section.positive_count("uri_bytes", default.uri_bytes_max),
        trusted_proxies: section.count("trusted_proxies", default.trusted_proxies),
        batch_max,
        csrf: section.flag("csrf", default.csrf),
        cors: cors::read(section.section("cors")),
        ide: default.ide,
        compression: compression(section.section("compression")),
        tls: tls(section.section("tls"), base),
    };
    section.finish();
    settings
}

fn tls(section: Section<'_>, base: &Path) -> Option<Tls> {
    let certificate = section.secret_file("certificate", base);
    let key = section.secret_file("key", base);
    let hsts_days = section.count("hsts_days", 0);
    if certificate.is_some() != key.is_some() || hsts_days > 0 && key.is_none() {
        section.report(
            "",
            "a certificate and its key belong together",
            "name both files: `certificate` and `key`",
        );
    }
    section.finish();
    Some(Tls {
        certificate: certificate?,
        key: key?,
        hsts_days,
    })
}

fn compression(section: Section<'_>) -> Compression {
    let default = Compression::default();
    let mut codings = Vec::new();
    for name in section.texts("codings") {
        match Coding::ALL.into_iter().find(|coding| coding.name() == name) {
            Some(coding) if !codings.contains(&coding) => codings.push(coding),
            Some(_) => {}
            None => section.report(
                "codings",
                format!("`{name}` is not a coding"),
                "write any of `zstd`, `br` and `gzip`, or `[]` to compress nothing",
            ),
        }
    }
    let compression = Compression {
        codings: if section.has("codings") {
            codings
        } else {
            default.codings
        },
        min_bytes: section.count("min_bytes", default.min_bytes),
    };
    section.finish();
    compression
}

fn log(section: Section<'_>) -> LogSettings {
    let default = LogSettings::default();
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    let requests = [
        ("all", LogRequests::All),
        ("errors", LogRequests::Errors),
        ("off", LogRequests::Off),
    ];
    let settings = LogSettings {
        level: section.text("level").unwrap_or(default.level),
        format: section.choice("format", &formats, default.format),
        requests: section.choice("requests", &requests, default.requests),
    };
    if check_level(&settings.level).is_err() {
        section.report(
            "level",
            "this is neither a level nor a list of `module=level`",
            "write `info`, or `info,switchboard=debug`",
        );
    }
    section.finish();
    settings
}

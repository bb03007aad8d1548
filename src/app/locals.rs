//! The schemas in Rust that a program mounts.

use std::collections::BTreeMap;

use switchboard_clients::{local::LocalSchema, registry::TransportSettings};

use crate::{config::SourceConfig, schema::LocalSchemas};

/// What is mounted.
#[derive(Debug, Clone, Default)]
pub(super) struct Locals {
    /// By the names that sources call them.
    pub(super) schemas: BTreeMap<String, LocalSchema>,
    /// Their types; `None`: connectors are not checked against any, and none can be called.
    pub(super) types: Option<LocalSchemas>,
}

// === impl Locals ===

impl Locals {
    /// How a source that names a schema is reached.
    pub(super) fn transport(&self, schema: &str, config: &SourceConfig) -> Result<TransportSettings, String> {
        if !config.override_url.is_empty() {
            return Err("`override_url` has no meaning for a schema in Rust: take it out".to_owned());
        }
        match self.schemas.get(schema) {
            Some(mounted) => Ok(TransportSettings::Local(mounted.clone())),
            // For plans only: nothing is called.
            None if self.types.is_none() => Ok(TransportSettings::Rest),
            None => Err(format!("no schema {schema:?} is mounted")),
        }
    }
}

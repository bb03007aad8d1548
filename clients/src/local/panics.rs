//! A resolver that panics fails its own field, and no other.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{
    ErrorExtensionValues, PathSegment, QueryPathSegment, ServerError, ServerResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};
use futures_util::FutureExt;

/// Turns the panic of a resolver into an error of its field.
///
/// A [`SchemaBuilder`](async_graphql::SchemaBuilder) that is mounted gets it; others add it themselves, to a schema of theirs with
/// `.extension(CatchPanics)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanics;

/// How a panic is told apart from what resolvers say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panicked;

// === impl CatchPanics ===

impl ExtensionFactory for CatchPanics {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for CatchPanics {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let mut path: Vec<PathSegment> = info.path_node.parents().map(|node| segment(&node.segment)).collect();
        path.reverse();
        path.push(segment(&info.path_node.segment));
        match AssertUnwindSafe(next.run(ctx, info)).catch_unwind().await {
            Ok(resolved) => resolved,
            Err(_) => {
                let mut error = ServerError::new("Internal server error.", None);
                error.source = Some(Arc::new(Panicked));
                let mut extensions = ErrorExtensionValues::default();
                extensions.set("code", "INTERNAL_SERVER_ERROR");
                error.extensions = Some(extensions);
                error.path = path;
                Err(error)
            }
        }
    }
}

fn segment(segment: &QueryPathSegment<'_>) -> PathSegment {
    match segment {
        QueryPathSegment::Name(name) => PathSegment::Field((*name).to_owned()),
        QueryPathSegment::Index(index) => PathSegment::Index(*index),
    }
}

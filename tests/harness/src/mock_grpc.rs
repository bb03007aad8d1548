//! A gRPC backend whose answers a test writes as closures over JSON.

use std::{
    fmt,
    ops::Deref,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use protox::{
    Compiler, Error,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::{
    backend::Backend,
    control::Control,
    grpc::{Methods, Unary},
};

/// A gRPC backend whose answers a test writes: every unary method of the given .proto files exists, and is
/// `UNIMPLEMENTED` until [`Self::on`] says what it answers. Server reflection tells of them all.
///
/// ```
/// # tokio_test(async {
/// use serde_json::json;
/// use switchboard_harness::{GrpcAnswer, MockGrpc};
///
/// let files = [("echo.proto", r#"
///     syntax = "proto3"; package demo;
///     message Text { string text = 1; }
///     service Echo { rpc Say(Text) returns (Text); }
/// "#)];
/// let echo = MockGrpc::start(&files).await;
/// echo.on("demo.Echo/Say", |request| GrpcAnswer::json(json!({ "text": request.message["text"] })));
/// # });
/// # fn tokio_test(test: impl Future<Output = ()>) {
/// #     tokio::runtime::Runtime::new().unwrap().block_on(test);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MockGrpc {
    backend: Backend,
    pool: DescriptorPool,
    scripts: Scripts,
}

/// A call, as the closure of a method sees it.
#[derive(Debug, Clone)]
pub struct GrpcRequest {
    /// The request message as canonical ProtoJSON, defaults included.
    pub message: Value,
    /// As received.
    pub metadata: HeaderMap,
}

/// What a method answers.
#[derive(Debug, Clone)]
pub struct GrpcAnswer(Result<Reply, Status>);

#[derive(Debug, Clone)]
enum Reply {
    Json(Value),
    Encoded(Bytes),
}

type Script = Arc<dyn Fn(&GrpcRequest) -> GrpcAnswer + Send + Sync>;

#[derive(Clone, Default)]
struct Scripts(Arc<RwLock<Vec<(String, Script)>>>);

/// .proto files that exist in memory only.
struct Texts(Vec<(String, String)>);

// === impl MockGrpc ===

impl MockGrpc {
    /// Serves the services of .proto files given as (name, text). They may import each other and Google's own.
    ///
    /// # Panics
    /// When a file does not compile, or no port can be had.
    #[allow(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime; `await` says so"
    )]
    pub async fn start(files: &[(&str, &str)]) -> Self {
        let texts = Texts(
            files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        );
        let mut resolver = ChainFileResolver::new();
        resolver.add(texts);
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        compiler
            .open_files(files.iter().map(|(name, _)| name))
            .expect("the .proto texts compile");
        Self::serve(compiler.descriptor_pool())
    }

    /// Serves the services of .proto files on disk, named relative to one of `includes`.
    ///
    /// # Panics
    /// When a file does not compile, or no port can be had.
    #[allow(
        clippy::unused_async,
        reason = "it spawns, so it must be called inside a runtime; `await` says so"
    )]
    pub async fn start_with_files(files: &[&str], includes: &[&Path]) -> Self {
        let mut compiler = Compiler::new(includes).expect("the include folders exist");
        compiler
            .include_imports(true)
            .open_files(files)
            .expect("the .proto files compile");
        Self::serve(compiler.descriptor_pool())
    }

    fn serve(pool: DescriptorPool) -> Self {
        let (control, scripts) = (Control::new(), Scripts::default());
        let mut methods = Methods::default();
        for method in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            let name = format!("{}/{}", method.parent_service().full_name(), method.name());
            methods.insert(&name, scripts.method(name.clone(), method));
        }
        let router = reflecting(methods.into_router(Arc::clone(&control)), &pool);
        let backend = Backend::start(0, control, router).expect("loopback has a free port");
        Self { backend, pool, scripts }
    }

    /// Answers a method, written `package.Service/Method`. The newest answer wins.
    ///
    /// # Panics
    /// When the .proto files have no such method.
    pub fn on<R>(&self, method: &str, respond: R) -> &Self
    where
        R: Fn(&GrpcRequest) -> GrpcAnswer + Send + Sync + 'static,
    {
        let known = method.split_once('/').is_some_and(|(service, name)| {
            self.pool
                .get_service_by_name(service)
                .is_some_and(|service| service.methods().any(|of| of.name() == name))
        });
        assert!(known, "the .proto files have no method {method}");
        self.scripts
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push((method.to_owned(), Arc::new(respond)));
        self
    }

    /// What the .proto files define.
    #[must_use]
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// The backend behind it, to keep or hand on.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }
}

impl Deref for MockGrpc {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        &self.backend
    }
}

// === impl GrpcAnswer ===

impl GrpcAnswer {
    /// Success, with the response message as ProtoJSON.
    #[must_use]
    pub fn json(message: Value) -> Self {
        Self(Ok(Reply::Json(message)))
    }

    /// Success, with exactly these bytes as the message, well-formed or not.
    #[must_use]
    pub fn encoded(message: impl Into<Bytes>) -> Self {
        Self(Ok(Reply::Encoded(message.into())))
    }

    /// Failure with this code and message.
    #[must_use]
    pub fn status(code: u16, message: &str) -> Self {
        Self(Err(Status::new(Code::from(i32::from(code)), message)))
    }

    /// With this metadata in the trailers of a failure. `-bin` values are base64. Success has none.
    ///
    /// # Panics
    /// When the name or the value cannot be metadata.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: &str) -> Self {
        if let Err(status) = &mut self.0 {
            let headers = std::mem::take(status.metadata_mut());
            let mut headers = headers.into_headers();
            let name: http::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
            *status.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
        }
        self
    }

    /// As [`Self::status`], with an encoded `google.rpc.Status` as details.
    #[must_use]
    pub fn status_with_details(code: u16, message: &str, details: impl Into<Bytes>) -> Self {
        Self(Err(Status::with_details(
            Code::from(i32::from(code)),
            message,
            details.into(),
        )))
    }
}

// === impl Scripts ===

impl Scripts {
    fn method(&self, name: String, method: MethodDescriptor) -> Unary {
        let (scripts, input) = (self.clone(), method.input());
        Unary {
            keys: Box::new(move |bytes| {
                let message = DynamicMessage::decode(input.clone(), bytes).ok();
                message.as_ref().map(repeated_scalars).unwrap_or_default()
            }),
            answer: Box::new(move |bytes, metadata| {
                let script = scripts
                    .find(&name)
                    .ok_or_else(|| Status::unimplemented("no answer was scripted"))?;
                let message = DynamicMessage::decode(method.input(), bytes)
                    .map_err(|error| Status::invalid_argument(error.to_string()))?;
                let request = GrpcRequest {
                    message: to_json(&message),
                    metadata: metadata.clone(),
                };
                match script(&request).0? {
                    Reply::Encoded(bytes) => Ok(bytes),
                    Reply::Json(json) => DynamicMessage::deserialize(method.output(), json)
                        .map(|message| message.encode_to_vec().into())
                        .map_err(|error| Status::internal(format!("the scripted answer does not fit: {error}"))),
                }
            }),
        }
    }

    fn find(&self, name: &str) -> Option<Script> {
        let scripts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        scripts
            .iter()
            .rev()
            .find(|(of, _)| of == name)
            .map(|(_, script)| Arc::clone(script))
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scripts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(scripts.iter().map(|(name, _)| name)).finish()
    }
}

// === impl Texts ===

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let (_, text) = self
            .0
            .iter()
            .find(|(of, _)| of == name)
            .ok_or_else(|| Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

/// Adds both versions of server reflection, which are not counted as calls.
fn reflecting(router: axum::Router, pool: &DescriptorPool) -> axum::Router {
    let set = pool.encode_to_vec();
    let builder = || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(&set);
    router
        .route_service(
            "/grpc.reflection.v1.ServerReflection/{method}",
            builder().build_v1().expect("the descriptors are complete"),
        )
        .route_service(
            "/grpc.reflection.v1alpha.ServerReflection/{method}",
            builder().build_v1alpha().expect("the descriptors are complete"),
        )
}

fn to_json(message: &DynamicMessage) -> Value {
    let options = prost_reflect::SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("a decoded message is JSON")
}

/// The keys of a request: the elements of its repeated scalar fields.
fn repeated_scalars(message: &DynamicMessage) -> Vec<String> {
    let Value::Object(fields) = to_json(message) else {
        return Vec::new();
    };
    let elements = fields.into_iter().filter_map(|(_, value)| match value {
        Value::Array(elements) => Some(elements),
        _ => None,
    });
    let scalars = elements
        .flatten()
        .filter(|element| !element.is_object() && !element.is_array());
    scalars
        .map(|element| element.as_str().map_or_else(|| element.to_string(), str::to_owned))
        .collect()
}

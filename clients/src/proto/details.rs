//! Status details of a failed call, as JSON.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::Any;
use protox::{
    Compiler,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
};
use serde_json::{Map, Value};

use super::{DecodeLimits, decode_to_json, scalar, well_known};
use crate::grpc::StatusDetails;

const NAME: &str = "google/rpc/error_details.proto";
const TEXT: &str = include_str!("error_details.proto");

/// `google.rpc.ErrorInfo` and the other types that every server may send, whatever its own .proto files import.
static COMMON: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut files = ChainFileResolver::new();
    files.add(Own);
    files.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(files);
    compiler
        .include_imports(true)
        .open_file(NAME)
        .expect("our own file compiles, tests/it/proto_details.rs");
    compiler.descriptor_pool()
});

/// The one file that is part of us.
struct Own;

impl FileResolver for Own {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == NAME {
            File::from_source(name, TEXT)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// The details of an encoded `google.rpc.Status`, each as ProtoJSON writes an `Any`: an object with `@type`.
///
/// Types are looked for in `pool`, then among those of `google.rpc`. One that is in neither, or whose bytes do not fit, keeps
/// them as base64 under `value`. What is no `google.rpc.Status` has no details.
#[must_use]
pub fn status_details(pool: &DescriptorPool, status: &[u8], limits: DecodeLimits) -> Vec<Value> {
    let details = StatusDetails::decode(status).unwrap_or_default().details;
    details
        .iter()
        .take(limits.list)
        .map(|any| detail(pool, any, limits))
        .collect()
}

fn detail(pool: &DescriptorPool, any: &Any, limits: DecodeLimits) -> Value {
    let mut object = Map::from_iter([("@type".to_owned(), Value::from(any.type_url.as_str()))]);
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    let decoded = find(pool, name).and_then(|of| {
        let value = decode_to_json(&of, &any.value, limits).ok()?;
        Some((value, well_known::of(&of).is_some()))
    });
    match decoded {
        Some((Value::Object(fields), false)) => object.extend(fields),
        Some((value, _)) => {
            object.insert("value".to_owned(), value);
        }
        None => {
            object.insert("value".to_owned(), scalar::from_bytes(&any.value));
        }
    }
    Value::Object(object)
}

fn find(pool: &DescriptorPool, name: &str) -> Option<MessageDescriptor> {
    pool.get_message_by_name(name)
        .or_else(|| COMMON.get_message_by_name(name))
}

//! Asks a server what its services and messages look like.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>. The method streams both ways; a stream of one question and
//! one answer is a unary call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use http::{HeaderMap, uri::PathAndQuery};
use prost::{
    DecodeError, Message, Oneof,
    encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field},
};
use prost_types::FileDescriptorProto;
use protox::file::{FileResolver, GoogleFileResolver};
use tokio::time::Instant;

use super::status::code_name;
use crate::{Call, CallError, Client, Safety};

/// Newest first.
const SERVICES: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

// Far beyond any service that people wrote.
const FILES_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 * 1024 * 1024;

const UNIMPLEMENTED: u16 = 12;

/// Why a server did not tell.
#[derive(Debug, thiserror::Error)]
pub enum ReflectionError {
    /// It was not reached, or broke the protocol.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It does not have reflection.
    #[error(
        "it has no server reflection, neither v1 nor v1alpha; switch it on there, or use `proto` or `descriptorSet`"
    )]
    Unimplemented,
    /// It refused to answer.
    #[error("it answers {code} to server reflection{}", with(message))]
    Refused {
        /// Name of the status code.
        code: &'static str,
        /// What it says.
        message: String,
    },
    /// It does not know a file that one of its own files imports.
    #[error("it does not have the file {name:?}, which its services need{}", with(message))]
    Missing {
        /// The file, or the service.
        name: String,
        /// What it says.
        message: String,
    },
    /// Its answer is no answer.
    #[error("its answer to server reflection cannot be read: {0}")]
    Malformed(String),
    /// There is no end to it.
    #[error("its services need more than {FILES_MAX} files or {BYTES_MAX} bytes of descriptors")]
    TooMuch,
}

#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(oneof = "Ask", tags = "3, 4, 7")]
    ask: Option<Ask>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Ask {
    #[prost(string, tag = "3")]
    File(String),
    #[prost(string, tag = "4")]
    Symbol(String),
    #[prost(string, tag = "7")]
    Services(String),
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(oneof = "Told", tags = "4, 6, 7")]
    told: Option<Told>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Told {
    #[prost(message, tag = "4")]
    Files(Files),
    #[prost(message, tag = "6")]
    Services(Services),
    #[prost(message, tag = "7")]
    Error(Refusal),
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Refusal {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

struct Asker<'a> {
    client: &'a dyn Client,
    metadata: &'a HeaderMap,
    deadline: Instant,
    path: PathAndQuery,
}

/// A file and what it imports.
struct File {
    bytes: Vec<u8>,
    imports: Vec<String>,
}

/// Asks the server behind `client` for all its services, with everything they need, as an encoded
/// `google.protobuf.FileDescriptorSet`: files in a fixed order, imports before what imports them, without comments. The same
/// services give the same bytes. `metadata` goes with every question.
///
/// # Errors
/// It cannot be reached, has no reflection, or does not tell all of it by `deadline`.
pub async fn reflect(client: &dyn Client, metadata: &HeaderMap, deadline: Instant) -> Result<Vec<u8>, ReflectionError> {
    for service in SERVICES {
        let path = format!("/{service}/ServerReflectionInfo");
        let asker = Asker {
            client,
            metadata,
            deadline,
            path: PathAndQuery::try_from(path).expect("a name is a path"),
        };
        if let Some(services) = asker.services().await? {
            return Ok(encode(&asker.files(&services).await?));
        }
    }
    Err(ReflectionError::Unimplemented)
}

// === impl Asker ===

impl Asker<'_> {
    /// All services but reflection itself; `None` if the server does not know the question.
    async fn services(&self) -> Result<Option<Vec<String>>, ReflectionError> {
        match self.ask(Ask::Services(String::new())).await {
            Ok(Some(Told::Services(told))) => {
                let names = told.services.into_iter().map(|service| service.name);
                Ok(Some(
                    names.filter(|name| !name.starts_with("grpc.reflection.")).collect(),
                ))
            }
            Ok(Some(Told::Error(error))) => Err(error.refused()),
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files of `services` with all that they import, by name.
    async fn files(&self, services: &[String]) -> Result<BTreeMap<String, File>, ReflectionError> {
        let mut files = BTreeMap::new();
        let mut bytes = 0;
        let mut asks: VecDeque<Ask> = services.iter().cloned().map(Ask::Symbol).collect();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        while let Some(ask) = asks.pop_front() {
            let name = match &ask {
                Ask::File(name) if files.contains_key(name) => continue,
                Ask::File(name) | Ask::Symbol(name) | Ask::Services(name) => name.clone(),
            };
            let told = match self.ask(ask.clone()).await? {
                Some(Told::Files(told)) => told.files,
                Some(Told::Error(error)) => match common(&ask) {
                    Some(file) => vec![file],
                    None => {
                        let message = error.message;
                        return Err(ReflectionError::Missing { name, message });
                    }
                },
                _ => return Err(ReflectionError::Malformed("it answers another question".to_owned())),
            };
            for file in told {
                let (name, file) = File::read(&file)?;
                bytes += file.bytes.len();
                for import in &file.imports {
                    if asked.insert(import.clone()) {
                        asks.push_back(Ask::File(import.clone()));
                    }
                }
                files.insert(name, file);
                if files.len() > FILES_MAX || bytes > BYTES_MAX {
                    return Err(ReflectionError::TooMuch);
                }
            }
        }
        Ok(files)
    }

    /// `None`: there is no such method.
    async fn ask(&self, ask: Ask) -> Result<Option<Told>, ReflectionError> {
        let call = Call::Grpc {
            path: self.path.clone(),
            message: Bytes::from(Question { ask: Some(ask) }.encode_to_vec()),
            metadata: self.metadata.clone(),
        };
        let reply = self.client.call(call, Safety::Repeatable, self.deadline).await?;
        match reply.status {
            0 => Ok(Answer::decode(&reply.body[..])?.told),
            UNIMPLEMENTED => Ok(None),
            status => Err(ReflectionError::Refused {
                code: code_name(status),
                message: reply.message,
            }),
        }
    }
}

// === impl File ===

impl File {
    /// The name of an encoded `google.protobuf.FileDescriptorProto`, and what is in it but for comments. What we do not know
    /// of it, such as options of its own, stays.
    fn read(encoded: &[u8]) -> Result<(String, Self), DecodeError> {
        const COMMENTS: u32 = 9;
        let proto = FileDescriptorProto::decode(encoded)?;
        let mut bytes = Vec::with_capacity(encoded.len());
        let mut rest = encoded;
        while !rest.is_empty() {
            let field = rest;
            let (number, wire_type) = decode_key(&mut rest)?;
            skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
            if number != COMMENTS {
                bytes.extend_from_slice(&field[..field.len() - rest.len()]);
            }
        }
        let imports = proto.dependency;
        Ok((proto.name.unwrap_or_default(), Self { bytes, imports }))
    }
}

/// A file that is the same everywhere, which is why some servers leave it out.
fn common(ask: &Ask) -> Option<Vec<u8>> {
    let Ask::File(name) = ask else { return None };
    let file = GoogleFileResolver::new().open_file(name).ok()?;
    Some(file.file_descriptor_proto().encode_to_vec())
}

/// The set of all files: imports before what imports them, otherwise by name.
fn encode(files: &BTreeMap<String, File>) -> Vec<u8> {
    let mut set = Vec::new();
    let mut begun = BTreeSet::new();
    // Not by recursion: how deep imports go is up to the server.
    let mut open: Vec<(&str, std::slice::Iter<'_, String>)> = Vec::new();
    for (name, file) in files {
        if begun.insert(name.as_str()) {
            open.push((name, file.imports.iter()));
        }
        while let Some((name, imports)) = open.last_mut() {
            match imports.next() {
                Some(import) if begun.insert(import) => {
                    if let Some((name, file)) = files.get_key_value(import) {
                        open.push((name, file.imports.iter()));
                    }
                }
                Some(_) => {}
                None => {
                    let bytes = &files[*name].bytes;
                    encode_key(1, WireType::LengthDelimited, &mut set);
                    encode_varint(bytes.len() as u64, &mut set);
                    set.extend_from_slice(bytes);
                    open.pop();
                }
            }
        }
    }
    set
}

fn with(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

// === impl Refusal ===

impl Refusal {
    fn refused(self) -> ReflectionError {
        ReflectionError::Refused {
            code: code_name(u16::try_from(self.code).unwrap_or(u16::MAX)),
            message: self.message,
        }
    }
}

// === impl ReflectionError ===

impl From<DecodeError> for ReflectionError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

//! What a server says about itself, asked of tonic's own reflection service and of servers that have it wrong.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use prost::Message;
use prost_types::FileDescriptorSet;
use switchboard_clients::{
    Client,
    grpc::{ReflectionError, reflect},
    proto::{DescriptorPool, Descriptors, changes, method},
    registry::{SourceSettings, TransportSettings},
};
use tokio::{net::TcpListener, time::Instant};
use tonic::transport::{Server, server::TcpIncoming};

use crate::broken_grpc::{self, Frames};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Version {
    V1,
    V1Alpha,
}

fn shop() -> DescriptorPool {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "shop.proto",
            "syntax = \"proto3\"; package shop; import \"money.proto\"; import \"google/protobuf/timestamp.proto\";
             service Catalog { rpc Get(Ids) returns (Product) { option idempotency_level = NO_SIDE_EFFECTS; } }
             message Ids { repeated string ids = 1 [packed = false]; }
             message Product { string id = 1; Money price = 2; google.protobuf.Timestamp created = 3; }",
        ),
        (
            "money.proto",
            "syntax = \"proto2\"; package shop; message Money { optional group Amount = 1 { required int64 units = 1; } }",
        ),
        (
            "other.proto",
            "syntax = \"proto3\"; package other; service Ping { rpc Ping(P) returns (P); } message P {}",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    Descriptors::compile(&["shop.proto", "other.proto"], &[folder.path().to_owned()]).unwrap()
}

async fn serve(version: Version, set: Vec<u8>) -> Arc<dyn Client> {
    let set: &'static [u8] = set.leak();
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(set)
        .include_reflection_service(version == Version::V1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener);
    let mut server = Server::builder();
    let router = match version {
        Version::V1 => server.add_service(builder.build_v1().unwrap()),
        Version::V1Alpha => server.add_service(builder.build_v1alpha().unwrap()),
    };
    tokio::spawn(router.serve_with_incoming(incoming));
    client(&format!("http://{address}"))
}

fn client(address: &str) -> Arc<dyn Client> {
    let address = address.parse().unwrap();
    SourceSettings::new("grpc", TransportSettings::Grpc { address })
        .client()
        .unwrap()
}

async fn ask(client: &Arc<dyn Client>) -> Result<Vec<u8>, ReflectionError> {
    reflect(&**client, &HeaderMap::new(), Instant::now() + Duration::from_secs(20)).await
}

#[tokio::test]
async fn both_versions_of_reflection_give_everything_that_calls_need() {
    let shop = shop();
    let mut sets = Vec::new();
    for version in [Version::V1, Version::V1Alpha] {
        let client = serve(version, shop.encode_to_vec()).await;

        let set = ask(&client).await.unwrap();

        let pool = Descriptors::from_descriptor_set(&set).unwrap();
        assert_eq!(changes(&shop, &pool), Vec::<String>::new(), "{version:?}");
        let found = method(&pool, "shop.Catalog/Get").unwrap();
        assert!(found.idempotent, "options are there");
        sets.push(set);
    }
    assert!(sets[0] == sets[1], "the same services give the same bytes");
}

#[tokio::test]
async fn files_come_in_one_order_without_comments_whatever_order_the_server_has_them_in() {
    let shop = shop();
    let mut set = FileDescriptorSet::decode(&shop.encode_to_vec()[..]).unwrap();
    let first = ask(&serve(Version::V1, set.encode_to_vec()).await).await.unwrap();
    set.file.reverse();
    for file in &mut set.file {
        file.source_code_info = Some(prost_types::SourceCodeInfo {
            location: vec![prost_types::source_code_info::Location::default()],
        });
    }

    let second = ask(&serve(Version::V1, set.encode_to_vec()).await).await.unwrap();

    assert!(first == second);
    let names: Vec<_> = FileDescriptorSet::decode(&first[..])
        .unwrap()
        .file
        .into_iter()
        .filter_map(|file| file.name)
        .collect();
    assert_eq!(
        names,
        [
            "google/protobuf/timestamp.proto",
            "money.proto",
            "other.proto",
            "shop.proto"
        ]
    );
}

#[tokio::test]
async fn a_server_without_reflection_is_told_apart_from_one_that_refuses_or_is_not_there() {
    let without = broken_grpc::serve(|_| Frames::default().header("grpc-status", "12")).await;
    let refusing = broken_grpc::serve(|_| {
        Frames::default()
            .header("grpc-status", "7")
            .header("grpc-message", "ask the platform team")
    })
    .await;
    let garbled = broken_grpc::serve(|_| Frames::message(b"\xff").ok()).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut messages = Vec::new();
    for address in [without, refusing, garbled, free] {
        let error = ask(&client(&format!("http://{address}"))).await.unwrap_err();
        messages.push(error.to_string());
    }

    assert_eq!(
        messages[..2],
        [
            "it has no server reflection, neither v1 nor v1alpha; switch it on there, or use `proto` or `descriptorSet`",
            "it answers PERMISSION_DENIED to server reflection: ask the platform team",
        ]
    );
    assert!(messages[2].starts_with("its answer to server reflection cannot be read: "));
    assert_eq!(messages[3], "could not connect");
}

#[tokio::test]
async fn a_file_that_a_server_does_not_have_is_named() {
    // The list of services; then the one file of the service, which imports what nobody has.
    let file = prost_types::FileDescriptorProto {
        name: Some("a.proto".to_owned()),
        dependency: vec!["gone.proto".to_owned(), "google/protobuf/empty.proto".to_owned()],
        ..Default::default()
    }
    .encode_to_vec();
    let files = [b"\x0a", &[file.len() as u8][..], &file].concat();
    let answers = [
        b"\x32\x05\x0a\x03\x0a\x01s".to_vec(),
        [b"\x22", &[files.len() as u8][..], &files].concat(),
        b"\x3a\x06\x08\x05\x12\x02no".to_vec(),
    ];
    let number = std::sync::atomic::AtomicUsize::new(0);
    let address = broken_grpc::serve(move |_| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Frames::message(&answers[number.min(2)]).ok()
    })
    .await;

    let error = ask(&client(&format!("http://{address}"))).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "it does not have the file \"gone.proto\", which its services need: no"
    );
}

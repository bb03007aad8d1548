//! What goes to a gRPC source and what comes back, against tonic's server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use switchboard_clients::{
    Call, CallError, Client, Safety,
    grpc::{Pushback, pushback},
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

use crate::{
    broken_grpc::{self, Frames},
    support::{Identity, kind, send},
    tonic_server::{self, Raw},
};

fn settings(address: &str) -> SourceSettings {
    // What the transport does by itself is meant.
    let settings = SourceSettings::new(
        "grpc",
        TransportSettings::Grpc {
            address: address.parse().unwrap(),
        },
    );
    SourceSettings {
        resilience: Resilience::off(),
        ..settings
    }
}

pub(crate) fn client(address: SocketAddr) -> Arc<dyn Client> {
    settings(&format!("http://{address}")).client().unwrap()
}

pub(crate) fn call(message: impl Into<Bytes>) -> Call {
    Call::Grpc {
        path: "/shop.Catalog/Get".parse().unwrap(),
        message: message.into(),
        metadata: HeaderMap::new(),
    }
}

async fn serve(answer: impl Fn(Request<Raw>) -> Result<Response<Raw>, Status> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tonic_server::spawn(listener, answer);
    address
}

#[tokio::test]
async fn messages_of_any_size_go_and_come_unchanged() {
    let address = serve(|request| Ok(Response::new(request.into_inner()))).await;
    let client = client(address);
    for len in [0, 1, 127, 16_379, 16_384, 100_000, 3_000_000] {
        let message = Bytes::from((0..len).map(|n| n as u8).collect::<Vec<_>>());

        let reply = send(&client, call(message.clone())).await.unwrap();

        assert_eq!(reply.status, 0);
        assert!(reply.body == message, "{len}");
    }
}

#[tokio::test]
async fn metadata_goes_as_given_and_comes_back_in_headers_and_trailers() {
    let address = serve(|request| {
        let mut seen = request.metadata().clone().into_headers();
        let timeout = seen.remove("grpc-timeout").unwrap();
        assert!(timeout.to_str().unwrap().ends_with('m'));
        let mut expected = HeaderMap::new();
        expected.insert("te", HeaderValue::from_static("trailers"));
        expected.insert("content-type", HeaderValue::from_static("application/grpc"));
        expected.insert("x-one", HeaderValue::from_static("1"));
        expected.insert("x-two-bin", HeaderValue::from_static("AAEC"));
        assert_eq!(seen, expected, "nothing is added but what the protocol demands");
        assert_eq!(
            request.metadata().get_bin("x-two-bin").unwrap().to_bytes().unwrap(),
            &[0, 1, 2][..]
        );
        let mut response = Response::new(Raw::default());
        response.metadata_mut().insert("x-reply", "r".parse().unwrap());
        response
            .metadata_mut()
            .insert_bin("x-reply-bin", tonic::metadata::MetadataValue::from_bytes(&[3, 4]));
        Ok(response)
    })
    .await;
    let mut metadata = HeaderMap::new();
    metadata.insert("x-one", HeaderValue::from_static("1"));
    metadata.insert("x-two-bin", HeaderValue::from_static("AAEC"));

    let reply = send(
        &client(address),
        Call::Grpc {
            path: "/shop.Catalog/Get".parse().unwrap(),
            message: Bytes::new(),
            metadata,
        },
    )
    .await
    .unwrap();

    assert_eq!(reply.status, 0, "{}", reply.message);
    assert_eq!(reply.headers["x-reply"], "r");
    assert_eq!(reply.headers["x-reply-bin"], "AwQ");
    assert!(
        reply.trailers.is_empty(),
        "the status is not repeated there: {:?}",
        reply.trailers
    );
}

#[tokio::test]
async fn an_error_status_is_a_reply_with_message_details_and_trailers() {
    for code in 1..=16 {
        let address = serve(move |_| {
            let mut metadata = MetadataMap::new();
            metadata.insert("x-why", "because".parse().unwrap());
            Err(Status::with_details_and_metadata(
                Code::from_i32(code),
                "nö: 100% of \"it\"\n",
                Bytes::from_static(b"\x08\x05"),
                metadata,
            ))
        })
        .await;

        let reply = send(&client(address), call("")).await.unwrap();

        assert_eq!(i32::from(reply.status), code);
        assert_eq!(reply.message, "nö: 100% of \"it\"\n");
        assert_eq!(&reply.details[..], b"\x08\x05");
        assert_eq!(reply.trailers["x-why"], "because");
        assert!(reply.body.is_empty());
    }
}

#[tokio::test]
async fn the_time_left_travels_with_the_call() {
    let address = serve(|request| {
        let timeout = request
            .metadata()
            .get("grpc-timeout")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Ok(Response::new(Raw(timeout.into())))
    })
    .await;
    let client = client(address);
    let millis = |reply: switchboard_clients::Reply| -> u64 {
        str::from_utf8(&reply.body)
            .unwrap()
            .strip_suffix('m')
            .unwrap()
            .parse()
            .unwrap()
    };

    let own = client
        .call(call(""), Safety::Once, Instant::now() + Duration::from_secs(10))
        .await
        .unwrap();
    let less = client
        .call(call(""), Safety::Once, Instant::now() + Duration::from_millis(300))
        .await
        .unwrap();

    assert!((900..=1000).contains(&millis(own)), "the attempt's own second");
    assert!((200..=300).contains(&millis(less)), "what is left of the request");
}

#[tokio::test]
async fn a_slow_source_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let _connection = listener.accept().await;
        std::future::pending::<()>().await;
    });
    let mut settings = settings(&format!("http://{address}"));
    settings.call_timeout = Duration::from_millis(100);

    let outcome = send(&settings.client().unwrap(), call("")).await;

    assert_eq!(kind(&outcome), "Timeout");
    held.abort();
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let address = serve(|_| Ok(Response::new(Raw(Bytes::from(vec![0; 1001]))))).await;
    let mut settings = settings(&format!("http://{address}"));
    for (limit, expected) in [(1000, "TooLarge"), (1001, "Reply 0")] {
        settings.body_bytes_max = limit;
        let outcome = send(&settings.client().unwrap(), call("")).await;
        assert_eq!(kind(&outcome), expected);
    }
}

#[tokio::test]
async fn a_source_that_goes_and_comes_back_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = client(address);
    let start = |listener| -> JoinHandle<()> { tonic_server::spawn(listener, |_| Ok(Response::new(Raw::default()))) };

    let server = start(listener);
    assert_eq!(kind(&send(&client, call("")).await), "Reply 0");

    server.abort();
    let _ = server.await;
    let started = Instant::now();
    while kind(&send(&client, call("")).await) != "Connect" {
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "a call in the middle may break, later ones cannot connect"
        );
    }
    assert!(started.elapsed() < Duration::from_millis(500));

    start(TcpListener::bind(address).await.unwrap());
    assert_eq!(kind(&send(&client, call("")).await), "Reply 0");
}

#[tokio::test]
async fn a_source_that_is_not_there_is_a_failure_to_connect() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for address in [
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}"),
        "http://no-such-host.invalid:1".to_owned(),
    ] {
        let outcome = send(&settings(&address).client().unwrap(), call("")).await;

        assert_eq!(kind(&outcome), "Connect", "{address}: {outcome:?}");
        assert!(outcome.unwrap_err().is_unsent());
    }
}

#[tokio::test]
async fn tls_is_checked() {
    let identity = Identity::new("localhost", &["h2"]);
    let authority = identity.authority_pem.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    broken_grpc::spawn_tls(listener, identity, |_| Frames::message(b"hi").ok());

    for (name, trusted, expected) in [
        ("localhost", true, "Reply 0"),
        ("localhost", false, "Connect"),
        ("127.0.0.1", true, "Connect"),
    ] {
        let mut settings = settings(&format!("https://{name}:{port}"));
        if trusted {
            settings.tls.authorities_pem = authority.clone().into_bytes();
        }
        let outcome = send(&settings.client().unwrap(), call("")).await;
        assert_eq!(kind(&outcome), expected, "{name} {trusted} {outcome:?}");
    }
}

#[tokio::test]
async fn calls_share_one_connection() {
    let address = serve(|request| {
        let peer = request.remote_addr().unwrap().port();
        Ok(Response::new(Raw(peer.to_string().into())))
    })
    .await;
    let client = client(address);
    let calls = (0..50).map(|_| send(&client, call("")));

    let mut ports: Vec<_> = futures_util::future::join_all(calls)
        .await
        .into_iter()
        .map(|reply| reply.unwrap().body)
        .collect();
    ports.dedup();

    assert_eq!(ports.len(), 1);
}

#[tokio::test]
async fn an_address_may_have_a_base_path() {
    let address = broken_grpc::serve(|path| Frames::message(path.as_bytes()).ok()).await;
    for base in ["", "/"] {
        let client = settings(&format!("http://{address}{base}")).client().unwrap();
        assert_eq!(&send(&client, call("")).await.unwrap().body[..], b"/shop.Catalog/Get");
    }
    let client = settings(&format!("http://{address}/mesh/")).client().unwrap();
    assert_eq!(
        &send(&client, call("")).await.unwrap().body[..],
        b"/mesh/shop.Catalog/Get"
    );
}

#[tokio::test]
async fn compressed_replies_are_understood_and_bounded_when_unpacked() {
    use std::io::Write;
    let message = vec![7; 100_000];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&message).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&message).unwrap();
    let deflate = deflate.finish().unwrap();
    for (encoding, packed) in [("gzip", gzip), ("deflate", deflate)] {
        let mut framed = vec![1];
        framed.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_be_bytes());
        framed.extend_from_slice(&packed);
        let framed: &'static [u8] = framed.leak();
        let frames = Frames::data(framed).ok().header("grpc-encoding", encoding);
        let address = broken_grpc::serve(move |_| frames.clone()).await;
        let mut settings = settings(&format!("http://{address}"));

        assert!(send(&settings.client().unwrap(), call("")).await.unwrap().body == message);
        settings.body_bytes_max = 99_999;
        assert_eq!(kind(&send(&settings.client().unwrap(), call("")).await), "TooLarge");
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent() {
    let address = serve(|_| panic!("nothing is sent")).await;
    let mut settings = settings(&format!("http://{address}"));
    settings.body_bytes_max = 1000;

    let outcome = send(&settings.client().unwrap(), call(vec![0; 1001])).await;

    assert!(
        matches!(outcome, Err(CallError::RequestTooLarge { limit: 1000 })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_a_source_says_about_trying_again_can_be_asked_for() {
    let info = |delay: &[u8]| {
        let any = [
            b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12",
            &[delay.len() as u8][..],
            delay,
        ]
        .concat();
        BASE64_STANDARD.encode([b"\x08\x08\x1a", &[any.len() as u8][..], &any].concat())
    };
    let frames = || Frames::default().header("grpc-status", "8");
    let seconds = |millis| Some(Pushback::After(Duration::from_millis(millis)));
    let cases = [
        (frames(), None),
        (frames().header("grpc-retry-pushback-ms", "1500"), seconds(1500)),
        (frames().header("grpc-retry-pushback-ms", "-1"), Some(Pushback::Never)),
        (frames().header("grpc-retry-pushback-ms", "soon"), Some(Pushback::Never)),
        (
            frames().header("grpc-status-details-bin", info(b"\x0a\x02\x08\x02").leak()),
            seconds(2000),
        ),
        (
            frames().header("grpc-status-details-bin", info(b"\x0a\x02\x08\xff").leak()),
            None,
        ),
        (Frames::message(b"hi").ok().trailer("grpc-retry-pushback-ms", "5"), None),
    ];
    for (frames, expected) in cases {
        let address = broken_grpc::serve(move |_| frames.clone()).await;
        let reply = send(&client(address), call("")).await.unwrap();
        assert_eq!(pushback(&reply), expected, "{reply:?}");
    }
}

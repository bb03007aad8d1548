//! What a REST source can do wrong, and what the engine is told then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use switchboard_clients::{
    CallError, Safety,
    policy::Resilience,
    registry::{SourceSettings, TransportSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use crate::support::{After, BOTH, Identity, Scheme, Source, get, kind, post, read_head, send};

#[tokio::test]
async fn a_source_that_is_not_there_is_a_failure_to_connect() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut settings = SourceSettings::new("gone", TransportSettings::Rest);
    settings.resilience = Resilience::off();
    let client = settings.client().unwrap();
    for uri in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        "http://no-such-host.invalid/".to_owned(),
        "https://no-such-host.invalid/".to_owned(),
    ] {
        let outcome = send(&client, get(uri.parse().unwrap())).await;

        assert_eq!(kind(&outcome), "Connect", "{uri}: {outcome:?}");
        assert!(outcome.unwrap_err().is_unsent());
    }
}

#[tokio::test]
async fn a_source_that_cannot_prove_who_it_is_gets_no_request() {
    let past = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let nul = |params: &mut rcgen::CertificateParams| {
        let name = "localhost\0.evil.example".to_owned().try_into().unwrap();
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name)];
    };
    for (what, identity, trusted) in [
        ("unknown authority", Identity::new("localhost", &[]), false),
        ("other name", Identity::new("other.example", &[]), true),
        ("expired", Identity::with("localhost", &[], past), true),
        (
            "a name that ends where a reader of C would stop",
            Identity::with("localhost", &[], nul),
            true,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let mut settings = SourceSettings::new("impostor", TransportSettings::Rest);
        if trusted {
            settings.tls.authorities_pem = identity.authority_pem.clone().into_bytes();
        }
        tokio::spawn(async move {
            loop {
                let _ = identity.accept(listener.accept().await.unwrap().0).await;
            }
        });

        let outcome = send(&settings.client().unwrap(), get(uri.parse().unwrap())).await;

        assert_eq!(kind(&outcome), "Connect", "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_signed_with_sha_1_is_refused() {
    // The same authority has signed both, for the same key.
    for (certificate, expected) in [("sha256.pem", ""), ("sha1.pem", "Connect")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let identity = Identity::signed(certificate);
        let mut settings = SourceSettings::new("old", TransportSettings::Rest);
        settings.tls.authorities_pem = identity.authority_pem.clone().into_bytes();
        tokio::spawn(async move {
            loop {
                if let Ok(mut stream) = identity.accept(listener.accept().await.unwrap().0).await {
                    read_head(&mut stream).await;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            }
        });

        let outcome = send(&settings.client().unwrap(), get(uri.parse().unwrap())).await;

        match expected {
            "" => assert_eq!(outcome.map(|reply| reply.status).unwrap(), 200, "{certificate}"),
            expected => assert_eq!(kind(&outcome), expected, "{certificate}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_source_that_speaks_only_tls_1_1_gets_no_request() {
    // Its ServerHello: version 0x0302, a random, no session, one of our cipher suites, no compression.
    let source = Source::raw(Scheme::Http, |_, mut stream| async move {
        let mut hello = [0; 2048];
        let _ = stream.read(&mut hello).await;
        let body = [&[0x03, 0x02][..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let handshake = [&[2, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let record = [
            &[0x16, 0x03, 0x02, 0, u8::try_from(handshake.len()).unwrap()][..],
            &handshake,
        ]
        .concat();
        let _ = stream.write_all(&record).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let uri = format!("https://localhost:{}/", source.address.port()).parse().unwrap();

    let outcome = send(&source.client(), get(uri)).await;

    assert_eq!(kind(&outcome), "Connect", "{outcome:?}");
    assert!(
        format!("{outcome:?}").contains("PeerIncompatible"),
        "the handshake told it: {outcome:?}"
    );
}

#[tokio::test]
async fn plaintext_where_tls_was_expected_is_a_failure_to_connect() {
    let source = Source::raw(Scheme::Http, |_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    })
    .await;
    let uri = format!("https://localhost:{}/", source.address.port()).parse().unwrap();

    assert_eq!(kind(&send(&source.client(), get(uri)).await), "Connect");
}

#[tokio::test]
async fn a_host_that_swallows_packets_costs_the_connect_timeout_only() {
    // A full backlog drops further SYNs, on Linux at least.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(50), tokio::net::TcpStream::connect(address)).await
    {
        held.push(stream);
    }
    let mut settings = SourceSettings::new("hole", TransportSettings::Rest);
    settings.connect_timeout = Duration::from_millis(100);
    let client = settings.client().unwrap();
    for scheme in ["http", "https"] {
        let started = Instant::now();
        let outcome = send(&client, get(format!("{scheme}://{address}/").parse().unwrap())).await;

        assert_eq!(kind(&outcome), "ConnectTimeout", "{outcome:?}");
        assert!(
            started.elapsed() < Duration::from_millis(500),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn a_slow_source_is_a_timeout_at_any_stage() {
    for scheme in BOTH {
        for answer in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
        ] {
            let source = Source::bytes(scheme, answer, After::Hang).await;
            let mut settings = source.settings();
            settings.call_timeout = Duration::from_millis(100);
            let started = Instant::now();

            let outcome = send(&settings.client().unwrap(), get(source.uri("/"))).await;

            assert_eq!(kind(&outcome), "Timeout", "{answer:?}: {outcome:?}");
            assert!(started.elapsed() < Duration::from_millis(500));
        }
    }
}

#[tokio::test]
async fn the_deadline_ends_a_call_before_its_own_time_is_up() {
    for scheme in BOTH {
        let source = Source::bytes(scheme, b"", After::Hang).await;
        let client = source.client();
        let started = Instant::now();

        let outcome = client
            .call(get(source.uri("/")), Safety::Once, started + Duration::from_millis(50))
            .await;

        assert!(matches!(outcome, Err(CallError::Timeout(_))), "{outcome:?}");
        assert!(started.elapsed() < Duration::from_millis(500));
    }
}

#[tokio::test]
async fn half_a_reply_is_never_a_success() {
    let cut: [(&[u8], &str); 7] = [
        (b"HTTP/1.1 200 OK\r\ncontent-le", "Broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n[1,2]", "Protocol"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", "Protocol"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2]\r\n",
            "Protocol",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1,2]",
            "Protocol",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n[1,2]",
            "Protocol",
        ),
        (b"", "Broken"),
    ];
    for scheme in BOTH {
        for (answer, expected) in cut {
            let source = Source::bytes(scheme, answer, After::Close).await;

            let outcome = send(&source.client(), get(source.uri("/"))).await;

            assert_eq!(
                kind(&outcome),
                expected,
                "{scheme:?} {}",
                String::from_utf8_lossy(answer)
            );
        }
    }
}

#[tokio::test]
async fn a_reset_in_the_body_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.set_zero_linger().unwrap();
    });
    let client = SourceSettings::new("reset", TransportSettings::Rest).client().unwrap();

    let outcome = send(&client, get(uri.parse().unwrap())).await;

    assert_eq!(kind(&outcome), "Broken", "{outcome:?}");
}

#[tokio::test]
async fn what_is_not_http_breaks_the_protocol() {
    for scheme in BOTH {
        for answer in [
            &b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..],
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n[1,2]\r\n0\r\n\r\n",
        ] {
            let source = Source::bytes(scheme, answer, After::Hang).await;

            let outcome = send(&source.client(), get(source.uri("/"))).await;

            assert_eq!(
                kind(&outcome),
                "Protocol",
                "{}: {outcome:?}",
                String::from_utf8_lossy(answer)
            );
        }
    }
}

#[tokio::test]
async fn a_body_is_cut_at_the_limit_announced_or_not() {
    for scheme in BOTH {
        for (answer, expected) in [
            (
                &b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678"[..],
                "Reply 200",
            ),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "TooLarge"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", "TooLarge"),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n",
                "Reply 200",
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n",
                "TooLarge",
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n12345\r\n",
                "TooLarge",
            ),
        ] {
            let source = Source::bytes(scheme, answer, After::Hang).await;
            let mut settings = source.settings();
            settings.body_bytes_max = 8;

            let outcome = send(&settings.client().unwrap(), get(source.uri("/"))).await;

            assert_eq!(kind(&outcome), expected, "{}", String::from_utf8_lossy(answer));
        }
    }
}

#[tokio::test]
async fn bytes_beyond_a_body_do_not_leak_into_the_next_reply() {
    for scheme in BOTH {
        let source = Source::bytes(
            scheme,
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
            After::KeepOpen,
        )
        .await;
        let client = source.client();
        for _ in 0..20 {
            let outcome = send(&client, get(source.uri("/"))).await;

            match outcome {
                Ok(reply) => assert_eq!(&reply.body[..], b"ok", "{scheme:?}"),
                Err(error) => assert!(matches!(error, CallError::Broken(_)), "{error:?}"),
            }
        }
    }
}

/// Serves one request a connection, then closes it when the next one arrives.
async fn closes_when_used_again(scheme: Scheme, requests: Arc<AtomicUsize>) -> Source {
    Source::raw(scheme, move |_, mut stream| {
        let requests = requests.clone();
        async move {
            assert!(read_head(&mut stream).await);
            requests.fetch_add(1, Ordering::Relaxed);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
            stream.flush().await.unwrap();
            if read_head(&mut stream).await {
                requests.fetch_add(1, Ordering::Relaxed);
            }
            let _ = stream.shutdown().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_closes_as_we_send_is_no_failure_of_a_read() {
    for scheme in BOTH {
        let requests = Arc::new(AtomicUsize::new(0));
        let source = closes_when_used_again(scheme, requests.clone()).await;
        let client = source.client();
        for _ in 0..4 {
            let reply = send(&client, get(source.uri("/"))).await;

            assert_eq!(kind(&reply), "Reply 200", "{scheme:?} {reply:?}");
        }
        assert_eq!(
            requests.load(Ordering::Relaxed),
            7,
            "4 answered, 3 of them on a second try"
        );
    }
}

#[tokio::test]
async fn a_write_is_not_sent_twice() {
    for scheme in BOTH {
        let requests = Arc::new(AtomicUsize::new(0));
        let source = closes_when_used_again(scheme, requests.clone()).await;
        let client = source.client();
        send(&client, get(source.uri("/"))).await.unwrap();

        let outcome = send(&client, post(source.uri("/"), "")).await;

        assert_eq!(kind(&outcome), "Broken", "{scheme:?} {outcome:?}");
        assert_eq!(requests.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn a_fresh_connection_that_closes_is_a_failure_of_a_read_too() {
    for scheme in BOTH {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let source = Source::raw(scheme, move |_, mut stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                read_head(&mut stream).await;
                let _ = stream.shutdown().await;
            }
        })
        .await;

        let outcome = send(&source.client(), get(source.uri("/"))).await;

        assert_eq!(kind(&outcome), "Broken", "{scheme:?} {outcome:?}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_call_that_timed_out_does_not_get_its_connection_used_again() {
    for scheme in BOTH {
        let source = Source::raw(scheme, |number, mut stream| async move {
            while read_head(&mut stream).await {
                if number == 0 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
        .await;
        let mut settings = source.settings();
        settings.call_timeout = Duration::from_millis(100);
        let client = settings.client().unwrap();

        assert_eq!(kind(&send(&client, get(source.uri("/"))).await), "Timeout");
        tokio::time::sleep(Duration::from_millis(150)).await;

        assert_eq!(&send(&client, get(source.uri("/"))).await.unwrap().body[..], b"1");
    }
}

#[tokio::test]
async fn connections_are_kept_and_shared() {
    for scheme in BOTH {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let source = Source::raw(scheme, move |_, mut stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                while read_head(&mut stream).await {
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                        .await
                        .unwrap();
                    stream.flush().await.unwrap();
                }
            }
        })
        .await;
        let client = source.client();
        for _ in 0..10 {
            send(&client, get(source.uri("/"))).await.unwrap();
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1, "{scheme:?}");
    }
}

#[tokio::test]
async fn a_mapping_for_the_wrong_protocol_is_refused() {
    let source = Source::http(Scheme::Http, &[], |_| Response::new(Full::<Bytes>::default())).await;
    let call = switchboard_clients::Call::Grpc {
        path: "/a.B/C".parse().unwrap(),
        message: Bytes::new(),
        metadata: http::HeaderMap::new(),
    };

    assert_eq!(kind(&send(&source.client(), call).await), "Protocol");
}

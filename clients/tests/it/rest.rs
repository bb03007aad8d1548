//! What goes to a REST source and what comes back.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::Full;
use switchboard_clients::Call;

use crate::support::{BOTH, Scheme, Source, get, send};

fn body_of(len: usize) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from((0..len).map(|n| n as u8).collect::<Vec<_>>())))
}

#[tokio::test]
async fn a_call_arrives_as_it_was_given_and_nothing_is_added() {
    for scheme in BOTH {
        let source = Source::http(scheme, &["http/1.1"], |_| body_of(0)).await;
        let mut headers = HeaderMap::new();
        headers.insert("x-one", HeaderValue::from_static("1"));
        headers.append("x-two", HeaderValue::from_static("a"));
        headers.append("x-two", HeaderValue::from_static("b"));
        let call = Call::Http {
            method: Method::PATCH,
            uri: source.uri("/a%2Fb/c?q=%20&q=2"),
            headers: headers.clone(),
            body: Some(Bytes::from_static(b"{}")),
        };

        send(&source.client(), call).await.unwrap();

        let seen = source.seen.lock().unwrap()[0].clone();
        assert_eq!(
            (seen.method, seen.uri.to_string().as_str()),
            (Method::PATCH, "/a%2Fb/c?q=%20&q=2")
        );
        assert_eq!(&seen.body[..], b"{}");
        let mut expected = headers;
        expected.insert("host", format!("localhost:{}", source.address.port()).parse().unwrap());
        expected.insert("content-length", HeaderValue::from_static("2"));
        if scheme == Scheme::Https {
            expected.insert("accept", HeaderValue::from_static("*/*"));
        }
        assert_eq!(seen.headers, expected, "{scheme:?}");
    }
}

#[tokio::test]
async fn accept_and_host_may_be_set() {
    for scheme in BOTH {
        let source = Source::http(scheme, &["http/1.1"], |_| body_of(0)).await;
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("text/plain"));
        headers.insert("host", HeaderValue::from_static("virtual.example"));
        let call = Call::Http {
            method: Method::GET,
            uri: source.uri("/"),
            headers: headers.clone(),
            body: None,
        };

        send(&source.client(), call).await.unwrap();

        assert_eq!(source.seen.lock().unwrap()[0].headers, headers, "{scheme:?}");
    }
}

#[tokio::test]
async fn a_reply_has_status_headers_and_body_whatever_the_status_means() {
    for scheme in BOTH {
        for (status, len) in [(200, 0), (201, 1), (404, 100), (500, 26_000), (200, 3_000_000)] {
            let source = Source::http(scheme, &["http/1.1"], move |_| {
                let mut response = body_of(len);
                *response.status_mut() = status.try_into().unwrap();
                response.headers_mut().insert("x-total", HeaderValue::from_static("7"));
                response
            })
            .await;

            let reply = send(&source.client(), get(source.uri("/"))).await.unwrap();

            assert_eq!((reply.status, reply.body.len()), (status, len));
            assert_eq!(reply.body, body_of(len).into_body().into_inner_for_test());
            assert_eq!(reply.headers["x-total"], "7");
            assert!(reply.trailers.is_empty() && reply.message.is_empty() && reply.details.is_empty());
        }
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_tls_agrees_on_it() {
    let source = Source::http(Scheme::Https, &["h2"], |_| body_of(26_000)).await;

    let reply = send(&source.client(), get(source.uri("/"))).await.unwrap();

    assert_eq!(reply.body.len(), 26_000);
    assert_eq!(
        source.seen.lock().unwrap()[0].headers.get("host"),
        None,
        "HTTP/2 has :authority instead"
    );
}

#[tokio::test]
async fn redirects_are_replies() {
    for scheme in BOTH {
        let target = Source::http(scheme, &["http/1.1"], |_| body_of(0)).await;
        for status in [301, 302, 303, 307, 308] {
            let location = target.uri("/latest/meta-data").to_string();
            let source = Source::http(scheme, &["http/1.1"], move |_| {
                Response::builder()
                    .status(status)
                    .header("location", &location)
                    .body(Full::default())
                    .unwrap()
            })
            .await;

            let reply = send(&source.client(), get(source.uri("/"))).await.unwrap();

            assert_eq!(reply.status, status);
        }
        assert_eq!(target.seen.lock().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn compressed_bodies_are_neither_asked_for_nor_unpacked() {
    for scheme in BOTH {
        let source = Source::http(scheme, &["http/1.1"], |_| {
            Response::builder()
                .header("content-encoding", "gzip")
                .body(Full::from(Bytes::from_static(b"\x1f\x8b\x08 not really")))
                .unwrap()
        })
        .await;

        let reply = send(&source.client(), get(source.uri("/"))).await.unwrap();

        assert_eq!(&reply.body[..], b"\x1f\x8b\x08 not really");
        assert_eq!(source.seen.lock().unwrap()[0].headers.get("accept-encoding"), None);
    }
}

trait IntoInner {
    fn into_inner_for_test(self) -> Bytes;
}

impl IntoInner for Full<Bytes> {
    fn into_inner_for_test(self) -> Bytes {
        use futures_util::FutureExt;
        use http_body_util::BodyExt;
        self.collect().now_or_never().unwrap().unwrap().to_bytes()
    }
}

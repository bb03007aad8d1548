use super::*;

#[test]
fn a_client_gets_what_it_wants_most_and_of_equals_the_first_that_is_configured() {
    let cases = [
        (None, None),
        (Some(""), None),
        (Some("identity"), None),
        (Some("deflate, compress"), None),
        (Some("gzip"), Some(Coding::Gzip)),
        (Some("x-gzip"), Some(Coding::Gzip)),
        (Some("GZIP;Q=0.5"), Some(Coding::Gzip)),
        (Some("gzip, deflate, br"), Some(Coding::Brotli)),
        (Some("gzip, deflate, br, zstd"), Some(Coding::Zstd)),
        (Some("gzip;q=1.0, br;q=0.9, zstd;q=0.8"), Some(Coding::Gzip)),
        (Some("br;q=0, *"), Some(Coding::Zstd)),
        (Some("*;q=0"), None),
        (Some("*;q=0, gzip"), Some(Coding::Gzip)),
        (Some("gzip;q=0"), None),
        (Some("identity, gzip;q=0.5"), None),
        (Some("identity;q=0.5, gzip"), Some(Coding::Gzip)),
        (Some("gzip ; q=0.001"), Some(Coding::Gzip)),
        (Some("gzip;q=nonsense, ,;"), Some(Coding::Gzip)),
    ];
    for (accepted, wanted) in cases {
        let mut headers = HeaderMap::new();
        if let Some(accepted) = accepted {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        }
        assert_eq!(Compression::default().wanted(&headers), wanted, "{accepted:?}");
    }
}

#[test]
fn codings_that_are_not_configured_are_not_used() {
    let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("br, zstd, *;q=0.5"))]);
    let wanted = |codings: &[Coding]| {
        let compression = Compression {
            codings: codings.to_vec(),
            ..Compression::default()
        };
        compression.wanted(&headers)
    };

    assert_eq!(wanted(&[]), None);
    assert_eq!(wanted(&[Coding::Gzip]), Some(Coding::Gzip));
    assert_eq!(wanted(&[Coding::Gzip, Coding::Brotli]), Some(Coding::Brotli));
}

#[test]
fn what_does_not_become_smaller_is_left_as_it_is() {
    for coding in Coding::ALL {
        assert_eq!(coding.compress(b"\x00\xff\x12"), None);
        let small = coding.compress(&[b'a'; 4096]).expect("smaller");
        assert!(small.len() < 100, "{coding:?} {}", small.len());
    }
}

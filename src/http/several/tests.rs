use super::*;

fn good_for(seconds: u32, is_public: bool, vary: Option<&'static str>) -> Caching {
    Caching {
        control: CacheControl::MaxAge { seconds, is_public },
        vary: vary.map(HeaderValue::from_static),
        ..Caching::default()
    }
}

fn told(caching: &Caching) -> (String, Option<&str>) {
    let vary = caching.vary.as_ref().map(|vary| vary.to_str().unwrap());
    (caching.control.value().to_str().unwrap().to_owned(), vary)
}

#[test]
fn the_shortest_time_the_narrowest_reader_and_all_headers_count() {
    let both = strictest(
        good_for(60, true, Some("x-a, x-b")),
        good_for(30, false, Some("x-b, x-c")),
    );
    assert_eq!(told(&both), ("max-age=30, private".to_owned(), Some("x-a, x-b, x-c")));

    let one = strictest(good_for(60, true, None), good_for(60, true, Some("x-a")));
    assert_eq!(told(&one), ("max-age=60, public".to_owned(), Some("x-a")));

    let none = strictest(good_for(60, true, Some("*")), Caching::default());
    assert_eq!(told(&none), ("no-store".to_owned(), Some("*")));
}

#[test]
fn time_that_an_answer_was_kept_is_gone() {
    let kept = |age| Caching {
        age: Some(age),
        ..good_for(60, true, None)
    };
    assert_eq!(told(&left(kept(20))).0, "max-age=40, public");
    assert_eq!(told(&left(kept(60))).0, "no-store");
}

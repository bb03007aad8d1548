//! What others wrote and this server is made of: where it comes from, and that none of it is known to be broken.
//!
//! `deny.toml` says the same to `cargo deny`, licences included, for those who can fetch the database of advisories.

use std::fs;

use crate::support::root;

/// Crates that would bring a second TLS stack, whose list of authorities nobody would look after.
const BANNED: [&str; 3] = ["openssl-sys", "native-tls", "openssl"];

struct Package<'a> {
    name: &'a str,
    version: &'a str,
    source: Option<&'a str>,
    has_checksum: bool,
}

/// Those of `Cargo.lock`.
fn packages(lock: &str) -> Vec<Package<'_>> {
    lock.split("[[package]]\n")
        .skip(1)
        .map(|block| {
            let find = |key: &str| {
                let line = block.lines().find(|line| line.starts_with(key))?;
                line[key.len()..].strip_prefix(" = \"")?.strip_suffix('"')
            };
            Package {
                name: find("name").unwrap(),
                version: find("version").unwrap(),
                source: find("source"),
                has_checksum: find("checksum").is_some(),
            }
        })
        .collect()
}

/// Three numbers that compare as versions do; what comes behind them makes no difference here.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version
        .split(['.', '+', '-'])
        .map_while(|part| part.parse::<u64>().ok());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[test]
fn every_crate_comes_from_the_registry_and_is_what_it_was() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = packages(&lock);
    assert!(packages.len() > 200, "{} packages were read", packages.len());

    let ours = ["switchboard", "switchboard-clients", "switchboard-harness"];
    let strange: Vec<_> = packages
        .iter()
        .filter(|package| !ours.contains(&package.name))
        .filter(|package| {
            package.source != Some("registry+https://github.com/rust-lang/crates.io-index") || !package.has_checksum
        })
        .map(|package| package.name)
        .collect();

    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn no_crate_is_known_to_be_broken_and_none_brings_another_tls() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let advisories = fs::read_to_string(root().join("tests/it/advisories.txt")).unwrap();
    let packages = packages(&lock);
    let mut problems = Vec::new();
    let mut concern_us = 0;
    for line in advisories.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let [id, name, mended] = std::array::from_fn(|_| words.next().unwrap());
        for package in packages.iter().filter(|package| package.name == name) {
            concern_us += 1;
            if mended == "-" || numbers(package.version) < numbers(mended) {
                problems.push(format!("{line}: {name} {} is used ({id})", package.version));
            }
        }
    }
    problems.extend(
        packages
            .iter()
            .filter(|package| BANNED.contains(&package.name))
            .map(|package| format!("{} is a second TLS stack", package.name)),
    );

    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(concern_us > 10, "the list is of crates that are in use");
}

#[test]
fn versions_compare_as_numbers() {
    assert!(numbers("0.4.11") > numbers("0.4.9"));
    assert!(numbers("2.1.3+zstd.1.5.7") < numbers("2.1.4"));
    assert_eq!(numbers("1.0"), [1, 0, 0]);
}

#[test]
fn what_is_shipped_is_built_from_the_versions_that_were_tested_and_by_no_script_of_ours() {
    let docker = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    for (file, text) in [("Dockerfile", docker), (".ci/run", ci)] {
        let loose: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
            .filter(|line| {
                ["cargo build", "cargo test", "cargo clippy", "cargo doc"]
                    .iter()
                    .any(|word| line.contains(word))
            })
            .filter(|line| !line.contains("--locked"))
            .collect();
        assert!(loose.is_empty(), "{file}: {loose:?}");
    }
    for package in ["", "clients", "tests/harness"] {
        let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        assert!(!root().join(package).join("build.rs").exists(), "{package}");
        assert!(
            !manifest.lines().any(|line| line.trim_start().starts_with("build =")),
            "{package}"
        );
    }
}
